/** Training for the page tests: a few fields of each method, and a run that writes a log. */
import type { CompletionRow, ConfigField, TrainingLogLine, TrainingRun } from '../../../core/services/contract.ts';

const SHARED: ConfigField[] = [
  { name: 'learningRate', type: 'number', default: 5e-5, paper: '5e-5', help: 'Highest learning rate.' },
  { name: 'schedule', type: 'choice', choices: ['cosine', 'constant'], default: 'cosine', paper: 'cosine', help: '' },
  { name: 'batchSize', type: 'integer', default: 8, paper: '8', help: 'Films of one optimizer step.' },
  { name: 'seed', type: 'integer', default: 0, paper: '', help: 'Decides splits and orders.' },
];

export const FIELDS: Record<'sft' | 'grpo', ConfigField[]> = {
  sft: [...SHARED, { name: 'epochs', type: 'integer', default: 6, paper: '6', help: 'Most passes over the films.' }],
  grpo: [
    ...SHARED,
    { name: 'groupSize', type: 'integer', default: 4, paper: '4', help: 'Completions of each film.' },
    { name: 'beta', type: 'number', default: 0.15, paper: '0.15', help: 'Weight of the KL term.' },
  ],
};

export function logLine(step: number): TrainingLogLine {
  return {
    step,
    loss: 0.4 / Math.sqrt(step),
    reward: 0.5 + 0.02 * Math.sqrt(step) + 0.01 * Math.sin(step),
    'rewards/jaccard': 0.45 + 0.02 * Math.sqrt(step),
    'rewards/format': 0.98,
    kl: 0.002 * step,
    'completions/mean_length': 43 + Math.sin(step),
    learning_rate: 5e-5 * (1 - step / 40),
    grad_norm: 0.8 + 0.1 * Math.cos(step),
  };
}

/** The benchmark rises, the other institution falls: every fifth step of the log. */
export function probeLine(step: number): TrainingLogLine {
  return {
    step,
    'probe/source/films': 48,
    'probe/source/macro_f1': 0.28 + 0.002 * step,
    'probe/target/films': 48,
    'probe/target/macro_f1': 0.3 - 0.004 * step,
    'probe/seconds': 1.5,
  };
}

export const COMPLETIONS: CompletionRow[] = [
  ['a0', 'Edema', 0.5, 0.25],
  ['a0', 'Edema, Fracture', 0, -0.25],
  ['b0', 'No Finding', 1, 0],
  ['b0', 'No Finding', 1, 0],
].map(([id, labels, reward, advantage]) => ({
  step: 30,
  id: id as string,
  completion: `<think>The lungs are clear.</think><solution>${labels}</solution>`,
  tokens: 21,
  stop: 'end',
  reward: reward as number,
  terms: { form: 1, jaccard: reward as number, short: 0 },
  advantage: advantage as number,
}));

export function trainingRun(id: string, rest: Partial<TrainingRun> = {}): TrainingRun {
  return {
    id,
    name: 'GRPO run',
    kind: 'grpo',
    state: 'complete',
    createdAt: '2026-11-23T08:30:00.000Z',
    steps: 30,
    totalSteps: 30,
    path: `/workspace/runs/${id}`,
    config: { alarmProbeDrop: 0.03 },
    departures: [{ field: 'learningRate', paper: '5e-5', run: '0.0004', reason: 'The model is small.' }],
    checkpointId: null,
    probe: [],
    gates: [],
    trainedBy: null,
    draw: null,
    leftOut: [{ reason: 'trace-form', count: 2, first: ['line 3, films/1.png: no-solution'] }],
    chosen: null,
    error: null,
    ...rest,
  };
}
