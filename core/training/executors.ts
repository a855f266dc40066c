/** What can train, by name. */
import { EXECUTORS, type ExecutorChoice } from '../tensor/executor.ts';

export type TrainingExecutor = Exclude<ExecutorChoice, 'auto'>;
export const TRAINING_EXECUTORS = EXECUTORS.filter((name): name is TrainingExecutor => name !== 'auto');
