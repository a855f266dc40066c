/**
 * The folder of a training run, all plain files:
 *
 *   config.json         what was asked: settings, departures from the paper, base and starting adapter by hash
 *   state.json          running, paused (the disk is full), stopped, complete or failed; steps done of all
 *   log.jsonl           a line for each step, with TRL's metric names
 *   gates.jsonl         what the integrity gates found (gates.ts)
 *   completions.jsonl   GRPO: every sampled completion with its reward and advantage
 *   rollouts/           GRPO: completions that were drawn since the last checkpoint, so that none is drawn twice
 *   checkpoints/        the last two: adapter in PEFT's format, moments of AdamW, trainer_state.json
 *   adapter/            the result, in PEFT's format
 *   lock.json           while a process trains here
 *
 * A checkpoint is written in a folder beside and renamed, so that one that is there is whole. Every random number of a run
 * comes from a stream named by its seed, purpose and step; so the step is all that a checkpoint must keep of them. A
 * resumed run forgets the log lines after its checkpoint and then writes the same ones again. The process may so be killed
 * at any moment (scripts/kill.ts does).
 */
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type ErrorData, toErrorData, WorkbenchError } from '../base/errors.ts';
import type { Progress, Work } from '../base/progress.ts';
import type { Adapter } from '../peft/adapter.ts';
import { type AdapterTarget, openAdapter, writeAdapter } from '../peft/adapterFolder.ts';
import { readJson, readJsonIfThere, readJsonLines, writeFileAtomic, writeJson } from '../platform/files.ts';
import { openSafetensors, writeSafetensors } from '../tensor/safetensors.ts';
import { restore, snapshot, type TrainedAdapter } from './lora.ts';
import type { AdamW } from './optimizer.ts';
import { PAUSED, Patience } from './patience.ts';
import { RunLock } from './runLock.ts';
import type { Chosen, Departure, GateResult, TrainingLogLine } from './types.ts';

export interface RunHeader {
  kind: 'sft' | 'grpo';
  createdAt: string;
  /** As it was asked. */
  config: Record<string, unknown>;
  /** Settings that the engine could not honour, as they were run. */
  asRun: Record<string, unknown>;
  departures: Departure[];
  /** sha256 of the base's weights. */
  baseHash: string;
  /** Of the adapter that training starts from; null: a new one. */
  startHash: string | null;
  executor: string;
  /** Examples as they were given, in order: number and sha256 over their ids. */
  data: { examples: number; hash: string };
  /** sha256 of the user's own reward; null or absent: the run has none. */
  rewardHash?: string | null;
}

export interface RunState {
  state: 'running' | 'paused' | 'stopped' | 'complete' | 'failed';
  steps: number;
  totalSteps: number;
  error: ErrorData | null;
  /** Of a complete run: the step whose adapter was kept, and what that was decided on. */
  chosen?: Chosen;
}

/** Progress of a run; `line` is the step's line of the log. */
export interface RunProgress extends Progress {
  line: TrainingLogLine | null;
}

/** What the folder, and whoever watches the run, hear of it. */
export interface RunWatch {
  /** "Fine-tuning (SFT)". */
  stage: string;
  work: Work<RunProgress>;
  /** In optimizer steps. */
  progress(): Pick<RunState, 'steps' | 'totalSteps'>;
  /** Between two tries to write on a full disk. */
  waitMs?: number;
}

/** What training keeps of itself between two steps, besides adapter and moments. Plain JSON. */
export type TrainerState = Record<string, unknown>;

const KEPT_CHECKPOINTS = 2;
const CHECKPOINT = /^step-(\d+)$/;
const ROLLOUT = /^rollout-(\d+)\.json$/;
/** Whose lines belong to a step, and are forgotten with it. */
const LOGS = ['log.jsonl', 'completions.jsonl', 'gates.jsonl'];

export class RunFolder {
  /** This process's run is the one in the folder, and may write its state. */
  private begun = false;
  private lock: RunLock | null = null;
  private readonly patience: Patience;

  constructor(
    readonly path: string,
    private readonly target: AdapterTarget,
    /** How the adapters of this run name their base: a path or a name on a hub. */
    private readonly baseName: string,
    private readonly watch: RunWatch,
  ) {
    const { work, waitMs } = watch;
    const onPause = (error: ErrorData | null) => this.onPause(error);
    this.patience = new Patience({ signal: work.signal, onPause, ...(waitMs === undefined ? {} : { waitMs }) });
  }

  /**
   * Begins the run, or goes on with the one that is here. The folder is this process's until `leave`. @returns whether
   * there was one @throws TRAINING_LOCKED; TRAINING_RESUME where the run here has other settings, data or base
   */
  async begin(header: RunHeader): Promise<boolean> {
    await mkdir(this.path, { recursive: true });
    this.lock = await this.patience.write(() => RunLock.take(join(this.path, 'lock.json')));
    const there = await readJsonIfThere<RunHeader>(join(this.path, 'config.json'));
    if (there === undefined) await this.patience.write(() => writeJson(join(this.path, 'config.json'), header));
    else checkSame(there, header, this.path);
    this.begun = true;
    return there !== undefined;
  }

  async leave(): Promise<void> {
    await this.lock?.release();
    this.lock = null;
  }

  setRunning(): Promise<void> {
    return this.patience.write(() => this.writeState({ state: 'running', error: null }));
  }

  setComplete(chosen: Chosen): Promise<void> {
    return this.patience.write(() => this.writeState({ state: 'complete', error: null, chosen }));
  }

  /** Where the disk is full, the error says so: waiting for room would help nobody. */
  async setEnded(error: unknown): Promise<void> {
    if (this.begun) await this.writeState(stateAfter(error)).catch(() => {});
  }

  private async onPause(error: ErrorData | null): Promise<void> {
    const { stage, work, progress } = this.watch;
    const { steps: done, totalSteps: total } = progress();
    work.report({ stage: error ? PAUSED : stage, done, total, line: null });
    await this.writeState({ state: error ? 'paused' : 'running', error }).catch(() => {});
  }

  private async writeState(state: Omit<RunState, 'steps' | 'totalSteps'>): Promise<void> {
    const { steps, totalSteps } = this.watch.progress();
    const all: RunState = { ...state, steps, totalSteps };
    await writeJson(join(this.path, 'state.json'), all);
  }

  /** Logs the line and tells it. @param done steps, where a rollout has several and its end is not yet reached */
  async report(line: TrainingLogLine, done = this.watch.progress().steps): Promise<void> {
    await this.append('log.jsonl', [line]);
    const { stage, work, progress } = this.watch;
    work.report({ stage, done, total: progress().totalSteps, line });
  }

  logCompletions(rows: readonly ({ step: number } & Record<string, unknown>)[]): Promise<void> {
    return this.append('completions.jsonl', rows);
  }

  logGates(results: readonly GateResult[]): Promise<void> {
    return this.append('gates.jsonl', results);
  }

  private append(name: string, rows: readonly unknown[]): Promise<void> {
    return this.patience.append(join(this.path, name), jsonLines(rows));
  }

  /** What was drawn for a rollout so far. */
  async saveRollout(rollout: number, content: unknown): Promise<void> {
    await this.patience.write(() => writeJson(this.rolloutFile(rollout), content));
  }

  async readRollout<T>(rollout: number): Promise<T | undefined> {
    return readJsonIfThere<T>(this.rolloutFile(rollout));
  }

  /** After a checkpoint, rollouts before it are never trained on again. */
  async removeRolloutsBefore(rollout: number): Promise<void> {
    for (const name of await readdir(join(this.path, 'rollouts')).catch(() => [])) {
      const match = ROLLOUT.exec(name);
      if (match && Number(match[1]) >= rollout) continue;
      await rm(join(this.path, 'rollouts', name), { force: true });
    }
  }

  private rolloutFile(rollout: number): string {
    return join(this.path, 'rollouts', `rollout-${String(rollout).padStart(8, '0')}.json`);
  }

  /** The result. */
  async finish(adapter: Adapter): Promise<void> {
    await this.patience.write(() => writeAdapter(this.resultFolder, adapter, this.target, this.baseName));
  }

  get resultFolder(): string {
    return join(this.path, 'adapter');
  }

  /** An adapter written as a checkpoint's is, for as long as `work` looks at it. */
  async withTrial(adapter: Adapter, work: (folder: string) => Promise<void>): Promise<void> {
    const folder = join(this.path, 'checkpoints', '.trial.part');
    await this.patience.write(() => writeAdapter(folder, adapter, this.target, this.baseName));
    await work(folder);
    await rm(folder, { recursive: true, force: true });
  }

  /**
   * @param best the best adapter so far, where one is kept
   * @returns the checkpoint's folder
   */
  saveCheckpoint(
    step: number,
    adapter: TrainedAdapter,
    optimizer: AdamW,
    state: TrainerState,
    best: Adapter | null = null,
  ): Promise<string> {
    return this.patience.write(() => this.writeCheckpoint(step, adapter, optimizer, state, best));
  }

  private async writeCheckpoint(
    step: number,
    adapter: TrainedAdapter,
    optimizer: AdamW,
    state: TrainerState,
    best: Adapter | null,
  ): Promise<string> {
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
    await flush(join(beside, 'trainer_state.json'));
    const place = join(this.path, 'checkpoints', name);
    await rm(place, { recursive: true, force: true });
    await rename(beside, place);
    await this.removeOldCheckpoints();
    return place;
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
    await this.cutLogs(name === undefined ? -1 : Number(CHECKPOINT.exec(name)![1]));
    await this.removeParts();
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
    const folder = join(this.path, 'checkpoints');
    const names = await readdir(folder).catch(() => []);
    return names.filter((name) => CHECKPOINT.test(name)).sort();
  }

  /** What a killed process was writing. */
  private async removeParts(): Promise<void> {
    for (const folder of [join(this.path, 'checkpoints'), this.resultFolder, this.path]) {
      for (const name of await readdir(folder).catch(() => [])) {
        if (name.endsWith('.part')) await rm(join(folder, name), { recursive: true, force: true });
      }
    }
  }

  private async removeOldCheckpoints(): Promise<void> {
    for (const name of (await this.checkpoints()).slice(0, -KEPT_CHECKPOINTS)) {
      await rm(join(this.path, 'checkpoints', name), { recursive: true, force: true });
    }
  }

  /** To what the checkpoint after `step` knows; the gates of the result come after every checkpoint, and are looked at again. */
  private async cutLogs(step: number): Promise<void> {
    for (const name of LOGS) {
      const file = join(this.path, name);
      if (!(await isFile(file))) continue;
      const lines = await readJsonLines<{ step: number; after?: GateResult['after'] }>(file);
      const kept = lines.filter((line) => line.step <= step && line.after !== 'last');
      await this.patience.write(() => writeFileAtomic(file, jsonLines(kept)));
    }
  }
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

/** A rename may reach the disk before the content of what it names does. */
async function flush(path: string): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
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
  const essence = ({ kind, config, baseHash, startHash, data, rewardHash = null }: RunHeader) => ({
    ...{ kind, config, baseHash, startHash, data, rewardHash },
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
function stateAfter(error: unknown): Pick<RunState, 'state' | 'error'> {
  const data = toErrorData(error);
  return data.code === 'CANCELLED' ? { state: 'stopped', error: null } : { state: 'failed', error: data };
}
