/**
 * `chexreason demo`: the main job, whole, on built-in data: films of two institutions are drawn, SFT and GRPO each train a
 * few steps from the shipped checkpoints, base, SFT and GRPO read every film, and the report is written. The workspace that
 * it leaves is the one that the desktop opens.
 */
import { join } from 'node:path';
import type { Progress, Work } from '../base/progress.ts';
import type { EvaluationResult } from '../evaluation/types.ts';
import type { ExecutorInfo } from '../models/runner.ts';
import type { Platform } from '../platform/platform.ts';
import { bestTrainer } from '../training/openEngine.ts';
import {
  addBuiltInCheckpoints,
  addBuiltInDatasets,
  addBuiltInStudies,
  BUILT_IN_CHECKPOINTS,
  openBuiltIn,
} from './builtIn.ts';
import type { EvaluationProgress, TrainingLogLine, TrainingProgress, TrainingRun } from './contract.ts';
import type { ModelOptions } from './models.ts';
import { Servers } from './servers.ts';
import { Session } from './session.ts';

export interface DemoOptions extends ModelOptions {
  /** Folder of the workspace; absent: the one that the desktop opens. */
  out?: string;
  /** Films of each institution that are read. */
  films?: number;
  /** Optimizer steps of each training. */
  steps?: number;
}

export interface DemoResult {
  workspace: string;
  executors: { generation: ExecutorInfo; training: ExecutorInfo };
  training: { kind: 'sft' | 'grpo'; steps: number; log: TrainingLogLine[] }[];
  evaluation: EvaluationResult;
  report: { path: string; pages: number };
  /** By part of the job. */
  seconds: Record<string, number>;
}

/** Settings of the demo's short runs; everything else is the paper's. */
const SHORT_SFT = { samples: 48, epochs: 1, learningRate: 1e-4, probeFilms: 8 };
const SHORT_GRPO = {
  samples: 64,
  learningRate: 1e-4,
  promptsPerStep: 4,
  maxCompletionLength: 96,
  'hard.minTokens': 27,
  probeFilms: 8,
};

export async function demo(platform: Platform, options: DemoOptions, work: Work): Promise<DemoResult> {
  const { films = 200, steps = 2 } = options;
  const folder = options.out ?? join(platform.userDir, 'workspace');
  const workspace = await openBuiltIn(platform, folder);
  const session = await Session.open(platform, workspace, await Servers.open(platform.userDir), options);
  const clock = new Clock();
  try {
    const { collections, checkpoints, evaluations, reports } = session;
    await addBuiltInCheckpoints(platform, checkpoints);
    if (collections.list().length === 0) await addBuiltInStudies(platform, workspace, collections, work);
    const datasets = await addBuiltInDatasets(workspace, collections, films, work);
    clock.mark('films');
    const training = [await train(session, 'sft', steps, work), await train(session, 'grpo', steps, work)];
    clock.mark('training');
    const evaluation = await evaluations.run(
      {
        sourceDatasetId: datasets.a.id,
        targetDatasetId: datasets.b.id,
        checkpointIds: [...BUILT_IN_CHECKPOINTS],
        limit: films,
        unsuitable: 'exclude',
      },
      narrowed<EvaluationProgress>(work),
    );
    clock.mark('evaluation');
    const path = workspace.pathOf('reports', `${evaluation.id}.pdf`);
    const { pages } = await reports.save({ evaluationId: evaluation.id, path });
    clock.mark('report');
    const { runner } = await session.models.base(checkpoints.baseFolder(checkpoints.usable('base')));
    const executors = { generation: runner.executor, training: await bestTrainer() };
    return { workspace: folder, executors, training, evaluation, report: { path, pages }, seconds: clock.seconds };
  } finally {
    await session.close();
  }
}

/** A few steps from the shipped checkpoint that the paper's stage starts from. */
async function train(
  session: Session,
  kind: 'sft' | 'grpo',
  steps: number,
  work: Work,
): Promise<DemoResult['training'][number]> {
  const config = { ...(kind === 'sft' ? SHORT_SFT : SHORT_GRPO), maxSteps: steps };
  const startFromId = kind === 'sft' ? 'base' : 'sft';
  const runId = await session.trainings.begin({ kind, name: `Demo ${kind.toUpperCase()}`, startFromId, config });
  const run: TrainingRun = await session.trainings.resume(runId, narrowed<TrainingProgress>(work));
  // Two steps prove the trainer; the run stays, its adapter is no checkpoint to compare.
  if (run.checkpointId) await session.checkpoints.remove(run.checkpointId);
  return { kind, steps: run.steps, log: await session.trainings.log(run.id) };
}

/** Whoever watches the demo sees plain progress. */
function narrowed<P extends Progress>(work: Work): Work<P> {
  return {
    signal: work.signal,
    report: ({ stage, done, total, rate, secondsLeft }) => work.report({ stage, done, total, rate, secondsLeft }),
  };
}

class Clock {
  readonly seconds: Record<string, number> = {};
  private last = performance.now();

  mark(part: string): void {
    const now = performance.now();
    this.seconds[part] = Math.round((now - this.last) / 100) / 10;
    this.last = now;
  }
}
