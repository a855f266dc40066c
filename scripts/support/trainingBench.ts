/** What the benchmarks of SFT and GRPO share: the model on each executor, a LoRA adapter, random films and tokens. */
import { parseArgs } from 'node:util';
import { WorkbenchError } from '../../core/base/errors.ts';
import { Random } from '../../core/base/random.ts';
import { type ModelFolder, openModelFolder } from '../../core/models/modelFolder.ts';
import { adapterTarget } from '../../core/models/network.ts';
import type { ModelInfo } from '../../core/models/runner.ts';
import type { Adapter } from '../../core/peft/adapter.ts';
import { createAdapter } from '../../core/peft/adapterFolder.ts';
import type { PixelValues } from '../../core/preprocessing/imageProcessor.ts';
import type { TrainingEngine } from '../../core/training/engine.ts';
import { TRAINING_EXECUTORS, type TrainingExecutor } from '../../core/training/executors.ts';
import { openTrainingEngine } from '../../core/training/openEngine.ts';
import { machine, median } from './measure.ts';
import { peerModel } from './peerModel.ts';
import { PythonPeer } from './pythonPeer.ts';

export interface TrainingBench {
  folder: ModelFolder;
  engine: TrainingEngine;
  adapter: Adapter;
  runs: number;
}

/** One executor's step, ready to be timed; `seconds` by part, among them `step`. */
export interface TimedStep {
  step(): Promise<Record<string, number>>;
  /** Measured once. */
  once: Record<string, number | null>;
  dispose?(): Promise<void>;
}

/**
 * Times a step on every executor that is asked for and there and, with `--python`, of the Python stack: each run takes one
 * step of each in turn, so that all of them see the same machine.
 */
export async function measureExecutors(
  name: 'sft' | 'grpo',
  args: string[],
  prepare: (bench: TrainingBench) => Promise<TimedStep>,
): Promise<object> {
  const { values } = parseArgs({
    args,
    options: {
      model: { type: 'string' },
      executor: { type: 'string', multiple: true },
      runs: { type: 'string', default: '5' },
      rank: { type: 'string', default: '16' },
      python: { type: 'string' },
    },
  });
  const peer = values.python ? await PythonPeer.start(values.python) : null;
  const folder = await openModelFolder(values.model ?? peer?.model ?? (await peerModel()));
  const { parameters, layers, width, vocabulary } = folder.info;
  const [rank, runs] = [Number(values.rank), Number(values.runs)];
  const target = adapterTarget(folder);
  const adapter = createAdapter(target, { r: rank, lora_alpha: 2 * rank }, new Random('adapter'));
  const all: Contestant[] = [];
  for (const executor of (values.executor ?? TRAINING_EXECUTORS) as TrainingExecutor[]) {
    all.push(await contestant(executor, { folder, adapter, runs }, prepare));
  }
  if (peer) {
    for (const step of [name, `${name}-levers`] as const)
      all.push({
        about: { name: step === name ? 'pytorch' : 'pytorch with our levers' },
        step: async () => ({ step: await peer.step(step) }),
      });
  }
  const timed = await interleaved(all, runs);
  peer?.stop();
  const model = { parameters, layers, width, vocabulary };
  return { benchmark: name, model, rank, runs, machine: machine(), executors: timed, ...ratios(timed) };
}

interface Contestant {
  about: { name: string } & Record<string, unknown>;
  /** Absent: it is not there. */
  step?: () => Promise<Record<string, number>>;
  dispose?: () => Promise<void>;
}

interface Timed {
  name: string;
  stepSeconds?: number;
}

async function contestant(
  executor: TrainingExecutor,
  bench: Omit<TrainingBench, 'engine'>,
  prepare: (bench: TrainingBench) => Promise<TimedStep>,
): Promise<Contestant> {
  try {
    const engine = await openTrainingEngine(bench.folder, executor);
    const { step, once, dispose } = await prepare({ ...bench, engine });
    return {
      about: { ...engine.executor, ...once },
      step,
      dispose: async () => {
        await dispose?.();
        await engine.dispose();
      },
    };
  } catch (error) {
    if (!(error instanceof WorkbenchError && error.code.endsWith('_UNAVAILABLE'))) throw error;
    return { about: { name: executor, unavailable: error.message } };
  }
}

/** Median and least of every part, after one round that does not count. */
async function interleaved(all: readonly Contestant[], runs: number): Promise<Timed[]> {
  const found = all.map(() => [] as Record<string, number>[]);
  for (let run = 0; run <= runs; run++) {
    for (const [i, { step }] of all.entries()) {
      const seconds = await step?.();
      if (seconds && run > 0) found[i]!.push(seconds);
    }
  }
  for (const { dispose } of all) await dispose?.();
  return all.map(({ about }, i) => {
    const parts = Object.keys(found[i]![0] ?? {});
    const measured = parts.flatMap((part) => {
      const all = found[i]!.map((each) => each[part]!);
      return [
        [`${part}Seconds`, median(all)],
        [`${part}LeastSeconds`, Math.min(...all)],
      ];
    });
    return { ...about, ...Object.fromEntries(measured) };
  });
}

/** Our fastest executor against the Python stack, as it is and with our levers; below 1: ours is faster. */
function ratios(timed: readonly Timed[]): object {
  const python = timed.filter(({ name }) => name.startsWith('pytorch'));
  const ours = timed.filter((each) => !python.includes(each) && each.stepSeconds !== undefined);
  const fastest = [...ours].sort((a, b) => a.stepSeconds! - b.stepSeconds!)[0];
  if (!fastest || python.length === 0) return {};
  return {
    fastest: fastest.name,
    ratios: Object.fromEntries(python.map(({ name, stepSeconds }) => [name, fastest.stepSeconds! / stepSeconds!])),
  };
}

/** One image's tokens, then random text. */
export function randomPrompt(
  { imageTokens, imageTokenId, vocabulary }: ModelInfo,
  tokens: number,
  name: string,
): number[] {
  const random = new Random(name);
  const text = Array.from({ length: tokens - imageTokens }, () => {
    const id = random.below(vocabulary);
    return id === imageTokenId ? 0 : id;
  });
  return [...new Array<number>(imageTokens).fill(imageTokenId), ...text];
}

/** Images of the one size that the model wants. */
export function randomPixels({ imageSize: side }: ModelInfo, count: number): PixelValues[] {
  const random = new Random('pixels');
  return Array.from({ length: count }, () => {
    const data = Float32Array.from({ length: 3 * side * side }, () => random.between(-1, 1));
    return { data, width: side, height: side };
  });
}
