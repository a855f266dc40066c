/**
 * One file from which a stage of pretraining goes on: values and both moments of everything that it trains. Written beside and
 * renamed; with it, the log is cut to the steps that it knows, so that a stage that was killed comes to the same weights and log.
 * A full disk pauses the stage (patience.ts).
 */
import { stat } from 'node:fs/promises';
import { readJsonLines, writeFileAtomic } from '../platform/files.ts';
import { openSafetensors, writeSafetensors } from '../tensor/safetensors.ts';
import type { AdamW } from './optimizer.ts';
import type { Patience } from './patience.ts';
import type { PretrainState } from './pretrain.ts';
import type { TrainingLogLine } from './types.ts';

export interface PretrainFiles {
  /** Safetensors. */
  state: string;
  /** JSON lines. */
  log: string;
  /** Steps between two states. */
  every: number;
}

const STEP = 'step';

export class StoredPretrainState implements PretrainState {
  private lines: TrainingLogLine[] = [];

  constructor(
    private readonly files: PretrainFiles,
    private readonly disk: Patience,
  ) {}

  /** A line of the log; it is written by `after`. */
  log(line: TrainingLogLine): void {
    this.lines.push(line);
  }

  async restore(optimizer: AdamW): Promise<number> {
    const { state, log } = this.files;
    const there = await stat(state).catch(() => null);
    const step = there === null ? 0 : await restoreFrom(state, optimizer);
    const known = (await readJsonLines<TrainingLogLine>(log)).filter((line) => line.step <= step);
    await this.disk.write(() => writeFileAtomic(log, jsonLines(known)));
    return step;
  }

  async after(step: number, optimizer: AdamW): Promise<void> {
    const { log, state, every } = this.files;
    await this.disk.append(log, jsonLines(this.lines.splice(0)));
    if (step % every === 0) await this.disk.write(() => store(state, optimizer));
  }
}

async function store(file: string, { parameters, moments, step }: AdamW): Promise<void> {
  const tensors = parameters.flatMap(({ name, shape, value }, p) => [
    { name: `value.${name}`, shape, data: value },
    { name: `first.${name}`, shape, data: moments[p]!.first },
    { name: `second.${name}`, shape, data: moments[p]!.second },
  ]);
  const count = { name: STEP, shape: [1], data: Int32Array.of(step) };
  await writeSafetensors(file, [count, ...tensors]);
}

async function restoreFrom(file: string, optimizer: AdamW): Promise<number> {
  const stored = await openSafetensors(file);
  for (const [p, { name, value }] of optimizer.parameters.entries()) {
    value.set(await stored.read(`value.${name}`));
    optimizer.moments[p]!.first.set(await stored.read(`first.${name}`));
    optimizer.moments[p]!.second.set(await stored.read(`second.${name}`));
  }
  optimizer.step = (await stored.read(STEP))[0]!;
  return optimizer.step;
}

function jsonLines(lines: readonly TrainingLogLine[]): string {
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('');
}
