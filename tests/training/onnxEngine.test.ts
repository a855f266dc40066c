/** The gradients that ONNX Runtime computes from the recorded graph equal those of tfjs, and runs on it can be resumed. */
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { unattended, type Work } from '../../core/base/progress.ts';
import { Random } from '../../core/base/random.ts';
import { loadProcessor, loadPromptModel } from '../../core/models/architectures.ts';
import { adapterTarget } from '../../core/models/network.ts';
import { openRunner } from '../../core/models/openRunner.ts';
import type { ImageFeatures } from '../../core/models/runner.ts';
import { createAdapter } from '../../core/peft/adapterFolder.ts';
import { completionSequence } from '../../core/training/batch.ts';
import { fallbacks, parseTrainingConfig } from '../../core/training/config.ts';
import type { GradientSettings, Objective, PassResult, TrainingEngine } from '../../core/training/engine.ts';
import { engineBatch } from '../../core/training/features.ts';
import { trainGrpo } from '../../core/training/grpo.ts';
import { loraDropout, type TrainedAdapter, trainedAdapter } from '../../core/training/lora.ts';
import { chooseExecutor } from '../../core/training/openEngine.ts';
import { type RunProgress, readLog, readRun } from '../../core/training/run.ts';
import { trainSft } from '../../core/training/sft.ts';
import { openEngine } from '../support/engines.ts';
import { comparableLog } from '../support/killing.ts';
import { describeReference, referenceDir } from '../support/reference.ts';
import { writeTinyModel } from '../support/tinyModel.ts';
import { readerExamples, TINY_READER } from '../support/tinyReader.ts';

/** Two films, one with two completions side by side, of unequal lengths. */
function batchOf(engine: TrainingEngine, features: readonly ImageFeatures[]) {
  const { imageTokenId, vocabulary } = engine.info;
  const random = new Random('tokens');
  const text = (length: number) => Array.from({ length }, () => 8 + random.below(Math.min(200, vocabulary - 8)));
  const prompts = features.map(({ grids }) => {
    const image = new Array<number>(grids[0]![0] * grids[0]![1]).fill(imageTokenId);
    return [...text(3), ...image, ...text(5)];
  });
  const sequences = [
    completionSequence(prompts[0]!, text(20)),
    completionSequence(prompts[0]!, text(7)),
    completionSequence(prompts[1]!, text(12)),
  ];
  return engineBatch(engine, sequences, [features[0]!, features[0]!, features[1]!]);
}

/** Pairs of which neither half is zero. */
function adapterOf(engine: TrainingEngine): TrainedAdapter {
  const adapter = trainedAdapter(createAdapter(adapterTarget(engine), { r: 3, lora_alpha: 6 }, new Random(5)));
  const random = new Random('adapter');
  for (const { value } of adapter.parameters) value.set(Float32Array.from(value, () => 0.1 * random.normal()));
  return adapter;
}

function featuresOf({ info }: TrainingEngine, grids: [number, number][]): ImageFeatures[] {
  const random = new Random('features');
  return grids.map((grid) => {
    const data = Float32Array.from({ length: grid[0] * grid[1] * info.width }, () => random.normal());
    return { data, width: info.width, grids: [grid] };
  });
}

const LENGTHS = [20, 7, 12];
const noise = (name: string, scale: number) => {
  const random = new Random(name);
  return Array.from({ length: 39 }, () => scale * random.normal());
};
const near = (logps: Float32Array, name: string, scale: number) =>
  Float32Array.from(noise(name, scale), (value, i) => logps[i]! + value);

const GRPO = { epsilonLow: 0.15, epsilonHigh: 0.22, beta: 0.15, maxCompletionLength: 32 };
const grpo = (batch: object, settings: object = {}): Objective => ({
  ...{ kind: 'grpo', completions: 3, settings: { ...GRPO, ...settings } },
  batch: { lengths: LENGTHS, advantages: [0.7, -0.9, null], oldLogps: null, refLogps: [], ...batch },
});

async function expectSame(
  engines: readonly [TrainingEngine, TrainingEngine],
  settings: (logps: Float32Array) => Partial<GradientSettings>,
  grids: [number, number][],
): Promise<void> {
  const results: PassResult[] = [];
  for (const engine of engines) {
    const batch = batchOf(engine, featuresOf(engine, grids));
    const adapter = adapterOf(engine);
    const logps = await engines[0].logProbabilities(batch, adapter, { temperature: 0.8 });
    const statistics = { tokens: 0, entropy: 0, correct: 0 };
    const all = { temperature: 0.8, dropout: null, checkpointing: false, statistics, ...settings(logps) };
    results.push(await engine.gradients(batch, adapter, all as GradientSettings));
    expect(statistics.tokens).toBe(39);
    Object.assign(results[results.length - 1]!, { statistics });
  }
  const [a, b] = results as [PassResult, PassResult];
  const norm = (values: Iterable<number>) => Math.hypot(...values);
  expect(Math.abs(a.loss - b.loss)).toBeLessThan(1e-5 * (1 + Math.abs(a.loss)));
  expect(norm(a.logps.map((value, i) => value - b.logps[i]!))).toBeLessThan(1e-4);
  expect(a.metrics?.kl ?? 0).toBeCloseTo(b.metrics?.kl ?? 0, 5);
  a.gradients.forEach((gradient, p) => {
    expect(norm(gradient)).toBeGreaterThan(0);
    const difference = norm(gradient.map((value, i) => value - b.gradients[p]![i]!));
    expect(difference).toBeLessThan(1e-4 * norm(gradient));
  });
  const [s, t] = results.map(
    (result) => (result as unknown as { statistics: { entropy: number; correct: number } }).statistics,
  );
  expect(s!.entropy).toBeCloseTo(t!.entropy, 2);
  expect(s!.correct).toBe(t!.correct);
}

const CASES: Record<string, (logps: Float32Array) => Partial<GradientSettings>> = {
  'the SFT loss': () => ({ objective: { kind: 'sft', supervised: 50 } }),
  'the SFT loss, with dropout and checkpointing': () => ({
    objective: { kind: 'sft', supervised: 50 },
    dropout: loraDropout(0.3, new Random('dropout')),
    checkpointing: true,
  }),
  'the GRPO loss of a first step': (logps) => ({ objective: grpo({ refLogps: near(logps, 'ref', 0.3) }) }),
  'the GRPO loss where ratios are clipped on both sides': (logps) => ({
    objective: grpo({ refLogps: near(logps, 'ref', 0.3), oldLogps: near(logps, 'old', 0.4) }),
  }),
  'the GRPO loss, weighed by what the sampler saw': (logps) => ({
    objective: grpo(
      { refLogps: near(logps, 'ref', 0.3), samplerLogps: near(logps, 'sampler', 0.8) },
      { importanceCap: 1.5 },
    ),
  }),
  'the GRPO loss of a second step, weighed': (logps) => ({
    objective: grpo(
      {
        refLogps: near(logps, 'ref', 0.3),
        oldLogps: near(logps, 'old', 0.4),
        samplerLogps: near(logps, 'sampler', 0.8),
      },
      { importanceCap: 1.5 },
    ),
    checkpointing: true,
  }),
};

describe('gradients on ONNX Runtime equal those of tfjs', () => {
  let engines: [TrainingEngine, TrainingEngine];
  beforeAll(async () => {
    const folder = await writeTinyModel();
    engines = [await openEngine(folder, 'wasm'), await openEngine(folder, 'onnxruntime')];
  });
  const grids: [number, number][] = [
    [2, 2],
    [2, 2],
  ];

  for (const [name, settings] of Object.entries(CASES)) it(name, () => expectSame(engines, settings, grids));

  it('and are the same bits each time, on two threads', async () => {
    const [, engine] = engines;
    const batch = batchOf(engine, featuresOf(engine, grids));
    const settings = {
      temperature: 1,
      dropout: null,
      checkpointing: false,
      objective: { kind: 'sft', supervised: 9 },
    } as const;
    const first = await engine.gradients(batch, adapterOf(engine), settings);
    for (let i = 0; i < 3; i++) {
      const again = await engine.gradients(batch, adapterOf(engine), settings);
      expect(again.gradients).toEqual(first.gradients);
    }
  });

  it('of completions without a token are zero', async () => {
    const [, engine] = engines;
    const [features] = featuresOf(engine, grids);
    const sequence = completionSequence([3, 3, 3, 3, 20, 21], []);
    const batch = engineBatch(engine, [sequence], [features!]);
    expect(await engine.logProbabilities(batch, null, { temperature: 1 })).toEqual(new Float32Array());
    const objective = grpo({ lengths: [0], advantages: [0.5] });
    const settings = { temperature: 1, dropout: null, checkpointing: true, objective };
    const { loss, gradients } = await engine.gradients(batch, adapterOf(engine), settings);
    expect(loss).toBe(0);
    expect(gradients.every((gradient) => gradient.every((value) => value === 0))).toBe(true);
  });

  it('the base has the hash that tfjs gives it', async () => {
    const hashes = [];
    for (const engine of engines) hashes.push(await engine.weightsHash());
    expect(hashes[0]).toBe(hashes[1]);
  });
});

// The small copies have the text of this model, not its weights.
const qwen = referenceDir('qwen25vl/model/config.json');

describeReference('gradients of Qwen2.5-VL', qwen && dirname(qwen), (folder) => {
  it('on ONNX Runtime equal those of tfjs', async () => {
    const engines = [await openEngine(folder, 'wasm'), await openEngine(folder, 'onnxruntime')] as const;
    for (const name of ['the SFT loss, with dropout and checkpointing', 'the GRPO loss of a second step, weighed'])
      await expectSame(engines, CASES[name]!, [
        [2, 3],
        [4, 2],
      ]);
  });
});

describe('a run on ONNX Runtime', () => {
  const newFolder = () => mkdtemp(join(tmpdir(), 'run-'));
  const stoppingAfter = (steps: number): Work<RunProgress> => {
    const controller = new AbortController();
    return { signal: controller.signal, report: ({ done }) => void (done >= steps && controller.abort()) };
  };
  const sft = async (
    folder: string,
    work = unattended<RunProgress>(),
    name: 'onnxruntime' | 'wasm' = 'onnxruntime',
  ) => {
    const config = parseTrainingConfig('sft', {
      ...{
        epochs: 2,
        batchSize: 4,
        microBatch: 3,
        learningRate: 1e-2,
        rank: 4,
        alpha: 8,
        checkpointEvery: 2,
        heldOut: 0.25,
      },
      executor: 'onnxruntime-cpu',
    });
    const model = await openEngine(TINY_READER, name);
    return {
      ...{ model, prompt: await loadPromptModel(TINY_READER), processor: await loadProcessor(TINY_READER) },
      ...{ examples: readerExamples(16, true), start: null, config, folder, baseName: 'tiny', now: new Date(0), work },
    };
  };

  it('by SFT, resumed, equals one that was never stopped, bit for bit; and one on tfjs but for rounding', async () => {
    const [whole, pieces, tfjs] = [await newFolder(), await newFolder(), await newFolder()];
    const result = await trainSft(await sft(whole));
    await expect(trainSft(await sft(pieces, stoppingAfter(3)))).rejects.toMatchObject({ code: 'CANCELLED' });
    const resumed = await trainSft(await sft(pieces));
    expect(resumed.adapter.hash).toBe(result.adapter.hash);
    expect(await comparableLog(pieces)).toEqual(await comparableLog(whole));
    expect(await readRun(whole)).toMatchObject({ asRun: { executor: 'onnxruntime-cpu' } });

    await trainSft(await sft(tfjs, unattended(), 'wasm'));
    const [a, b] = [await readLog(whole), await readLog(tfjs)];
    a.forEach((line, i) => {
      for (const key of ['loss', 'grad_norm', 'eval_loss', 'entropy'])
        if (key in line) expect(b[i]![key]! as number).toBeCloseTo(line[key] as number, 3);
    });
    const run = (await readRun(tfjs))!;
    expect(run.asRun).toMatchObject({ executor: 'tfjs-wasm' });
    expect(run.departures).toContainEqual(expect.objectContaining({ field: 'executor', run: 'tfjs-wasm' }));
  });

  it('by GRPO, resumed, equals one that was never stopped, bit for bit', async () => {
    const { adapter: start } = await trainSft(await sft(await newFolder()));
    const config = parseTrainingConfig('grpo', {
      ...{
        maxSteps: 3,
        maxCompletionLength: 12,
        groupSize: 3,
        promptsPerStep: 2,
        temperature: 1,
        topP: 1,
        iterations: 2,
      },
      ...{ reward: 'file', checkpointEvery: 1, microBatch: 4, learningRate: 1e-2 },
    });
    const source =
      'function reward(state, samples) { return { scores: samples.map(({ completion }) => completion.length % 7) }; }';
    const run = async (folder: string, work = unattended<RunProgress>()) => ({
      ...(await sft(folder, work)),
      ...{ runner: await openRunner({ model: TINY_READER, threads: 1 }), start, config },
      rewardFile: { name: 'length.js', source },
    });
    const [whole, pieces] = [await newFolder(), await newFolder()];
    const result = await trainGrpo(await run(whole));
    await expect(trainGrpo(await run(pieces, stoppingAfter(2)))).rejects.toMatchObject({ code: 'CANCELLED' });
    const resumed = await trainGrpo(await run(pieces));
    expect(resumed.adapter.hash).toBe(result.adapter.hash);
    expect(resumed.adapter.hash).not.toBe(start.hash);
    expect(await comparableLog(pieces)).toEqual(await comparableLog(whole));
    const files = [whole, pieces].map((folder) => readFile(join(folder, 'completions.jsonl'), 'utf8'));
    expect(await files[0]).toBe(await files[1]);
  });
});

describe('the executor of a run', () => {
  it('is ONNX Runtime here unless another one is asked for, which then runs', async () => {
    expect(await chooseExecutor('tfjs-wasm')).toEqual({ executor: 'tfjs-wasm', instead: null });
    expect(await chooseExecutor('onnxruntime-cpu')).toEqual({ executor: 'onnxruntime-cpu', instead: null });
    const { executor, instead } = await chooseExecutor('auto');
    expect(instead).toBeNull();
    // With a CUDA device libtensorflow is the fastest.
    expect(['onnxruntime-cpu', 'tfjs-tensorflow']).toContain(executor);
  });

  it('that is not the one asked for is a departure, with the reason', () => {
    const there = { name: 'tfjs-wasm', version: '4', threads: 1, reason: 'libtensorflow is not built.' };
    const asked = { precision: 'f32', executor: 'tfjs-tensorflow' };
    expect(fallbacks(asked, there)).toEqual({
      asRun: { precision: 'f32', executor: 'tfjs-wasm' },
      departures: [
        {
          field: 'executor',
          paper: '',
          run: 'tfjs-wasm',
          reason: 'tfjs-tensorflow was asked for. libtensorflow is not built.',
        },
      ],
    });
    expect(fallbacks({ ...asked, executor: 'auto' }, there).departures).toEqual([]);
  });
});
