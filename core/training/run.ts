/**
 * The folder of a training run, all plain files:
 *
 *   config.json         what was asked: settings, departures from the paper, base and starting adapter by hash
 *   state.json          running, stopped, complete or failed; steps done of all
 *   log.jsonl           a line for each step, with TRL's metric names
 *   completions.jsonl   GRPO: every sampled completion with its reward and advantage
 *   checkpoints/        the last two: adapter in PEFT's format, moments of AdamW, trainer_state.json
 *   adapter/            the result, in PEFT's format
 *
 * A checkpoint is written in a folder beside and renamed, so that one that is there is whole. Every random number of a run
 * comes from a stream named by its seed, purpose and step; so the step is all that a checkpoint must keep of them. A
 * resumed run forgets the log lines after its checkpoint and then writes the same ones again.
 */
import { appendFile, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type ErrorData, toErrorData, WorkbenchError } from '../base/errors.ts';
import type { Progress } from '../base/progress.ts';
import type { Adapter } from '../peft/adapter.ts';
import { type AdapterTarget, openAdapter, writeAdapter } from '../peft/adapterFolder.ts';
import { readJson, readJsonIfThere, readJsonLines, writeFileAtomic, writeJson } from '../platform/files.ts';
import { openSafetensors, writeSafetensors } from '../tensor/safetensors.ts';
import { restore, snapshot, type TrainedAdapter } from './lora.ts';
import type { AdamW } from './optimizer.ts';
import type { Departure, TrainingLogLine } from './types.ts';

export interface RunHeader {
  kind: 'sft' | 'grpo';
  createdAt: string;
  config: Record<string, unknown>;
  departures: Departure[];
  /** sha256 of the base's weights. */
  baseHash: string;
  /** Of the adapter that training starts from; null: a new one. */
  startHash: string | null;
  executor: string;
  /** Examples as they were given, in order: number and sha256 over their ids. */
  data: { examples: number; hash: string };
}

export interface RunState {
  state: 'running' | 'stopped' | 'complete' | 'failed';
  steps: number;
  totalSteps: number;
  error: ErrorData | null;
}

/** Progress of a run; `line` is the step's line of the log. */
export interface RunProgress extends Progress {
  line: TrainingLogLine | null;
}

/** What training keeps of itself between two steps, besides adapter and moments. Plain JSON. */
export type TrainerState = Record<string, unknown>;

const KEPT_CHECKPOINTS = 2;
const CHECKPOINT = /^step-(\d+)$/;

export class RunFolder {
  constructor(
    readonly path: string,
    private readonly target: AdapterTarget,
    /** How the adapters of this run name their base: a path or a name on a hub. */
    private readonly baseName: string,
  ) {}

  /**
   * Begins the run, or goes on with the one that is here. @returns whether there was one
   * @throws TRAINING_RESUME where the run here has other settings, data or base
   */
  async begin(header: RunHeader): Promise<boolean> {
    const there = await readJsonIfThere<RunHeader>(join(this.path, 'config.json'));
    if (there === undefined) await writeJson(join(this.path, 'config.json'), header);
    else checkSame(there, header, this.path);
    return there !== undefined;
  }

  async setState(state: RunState): Promise<void> {
    await writeJson(join(this.path, 'state.json'), state);
  }

  async log(line: TrainingLogLine): Promise<void> {
    await appendFile(join(this.path, 'log.jsonl'), jsonLines([line]));
  }

  async logCompletions(rows: readonly ({ step: number } & Record<string, unknown>)[]): Promise<void> {
    await appendFile(join(this.path, 'completions.jsonl'), jsonLines(rows));
  }

  /** The result. */
  async finish(adapter: Adapter): Promise<void> {
    await writeAdapter(join(this.path, 'adapter'), adapter, this.target, this.baseName);
  }

  /** @param best the adapter with the best validation loss so far, where one is kept */
  async saveCheckpoint(
    step: number,
    adapter: TrainedAdapter,
    optimizer: AdamW,
    state: TrainerState,
    best: Adapter | null = null,
  ): Promise<void> {
    const name = `step-${String(step).padStart(8, '0')}`;
    const beside = join(this.path, 'checkpoints', `.${name}.part`);
    await rm(beside, { recursive: true, force: true });
    await mkdir(beside, { recursive: true });
    await writeAdapter(beside, snapshot(adapter), this.target, this.baseName);
    if (best) await writeAdapter(join(beside, 'best'), best, this.target, this.baseName);
    await writeSafetensors(join(beside, 'optimizer.safetensors'), momentTensors(optimizer), {});
    await writeJson(join(beside, 'trainer_state.json'), {
      step,
      optimizerStep: optimizer.step,
      hasBest: best !== null,
      ...state,
    });
    const place = join(this.path, 'checkpoints', name);
    await rm(place, { recursive: true, force: true });
    await rename(beside, place);
    await this.removeOldCheckpoints();
  }

  /**
   * Puts adapter, moments and step back as the last checkpoint has them, and cuts the logs there.
   * @returns its state, or null where there is no checkpoint
   */
  async restoreCheckpoint(
    adapter: TrainedAdapter,
    optimizer: AdamW,
  ): Promise<{ step: number; state: TrainerState; best: Adapter | null } | null> {
    const name = (await this.checkpoints()).pop();
    await this.cutLogs(name === undefined ? 0 : Number(CHECKPOINT.exec(name)![1]));
    if (name === undefined) return null;
    const place = join(this.path, 'checkpoints', name);
    const state = await readJson<{ step: number; optimizerStep: number; hasBest: boolean } & TrainerState>(
      join(place, 'trainer_state.json'),
    );
    restore(adapter, (await openAdapter(place, this.target)).adapter);
    const moments = await openSafetensors(join(place, 'optimizer.safetensors'));
    for (const [p, { name: parameter }] of optimizer.parameters.entries()) {
      optimizer.moments[p]!.first.set(await moments.read(`first.${parameter}`));
      optimizer.moments[p]!.second.set(await moments.read(`second.${parameter}`));
    }
    optimizer.step = state.optimizerStep;
    const best = state.hasBest ? (await openAdapter(join(place, 'best'), this.target)).adapter : null;
    return { step: state.step, state, best };
  }

  /** Names of whole checkpoints, oldest first. */
  private async checkpoints(): Promise<string[]> {
    const names = await readdir(join(this.path, 'checkpoints')).catch(() => []);
    return names.filter((name) => CHECKPOINT.test(name)).sort();
  }

  private async removeOldCheckpoints(): Promise<void> {
    for (const name of (await this.checkpoints()).slice(0, -KEPT_CHECKPOINTS)) {
      await rm(join(this.path, 'checkpoints', name), { recursive: true, force: true });
    }
  }

  private async cutLogs(step: number): Promise<void> {
    for (const name of ['log.jsonl', 'completions.jsonl']) {
      const file = join(this.path, name);
      const lines = await readJsonLines<{ step: number }>(file);
      if (lines.length === 0) continue;
      await writeFileAtomic(file, jsonLines(lines.filter((line) => line.step <= step)));
    }
  }
}

function jsonLines(rows: readonly unknown[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join('');
}

function momentTensors({ parameters, moments }: AdamW) {
  return parameters.flatMap(({ name, shape }, p) => [
    { name: `first.${name}`, shape, data: moments[p]!.first },
    { name: `second.${name}`, shape, data: moments[p]!.second },
  ]);
}

/** Of what must be the same for a resumed run to be the same run. */
function checkSame(there: RunHeader, now: RunHeader, folder: string): void {
  const essence = ({ kind, config, baseHash, startHash, data }: RunHeader) => ({
    kind,
    config,
    baseHash,
    startHash,
    data,
  });
  const [before, after] = [essence(there), essence(now)];
  for (const key of Object.keys(before) as (keyof typeof before)[]) {
    if (JSON.stringify(before[key]) === JSON.stringify(after[key])) continue;
    throw new WorkbenchError(
      'TRAINING_RESUME',
      'This folder holds a run with other settings, data or base.',
      { folder, differs: key },
      'Resume it with what it began with, or choose another folder.',
    );
  }
}

/** The state of a run, for lists; null where the folder is no run. */
export async function readRun(folder: string): Promise<(RunHeader & RunState) | null> {
  const header = await readJsonIfThere<RunHeader>(join(folder, 'config.json'));
  const state = await readJsonIfThere<RunState>(join(folder, 'state.json'));
  return header && state ? { ...header, ...state } : null;
}

export function readLog(folder: string): Promise<TrainingLogLine[]> {
  return readJsonLines<TrainingLogLine>(join(folder, 'log.jsonl'));
}

/** How a run that did not end well ended; CANCELLED is a stop, not a failure. */
export function stateAfter(error: unknown): Pick<RunState, 'state' | 'error'> {
  const data = toErrorData(error);
  return data.code === 'CANCELLED' ? { state: 'stopped', error: null } : { state: 'failed', error: data };
}
