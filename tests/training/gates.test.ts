/** Each integrity gate lets a sound run pass, and names itself where what it guards is broken. */
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Tensor } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { unattended } from '../../core/base/progress.ts';
import { Random } from '../../core/base/random.ts';
import { adapterTarget } from '../../core/models/network.ts';
import type { Runner } from '../../core/models/runner.ts';
import type { TfjsModel } from '../../core/models/tfjsModel.ts';
import type { Adapter } from '../../core/peft/adapter.ts';
import { createAdapter, writeAdapter } from '../../core/peft/adapterFolder.ts';
import { parseTrainingConfig } from '../../core/training/config.ts';
import { FeatureCache } from '../../core/training/features.ts';
import { demandGates, Gates } from '../../core/training/gates.ts';
import { trainGrpo } from '../../core/training/grpo.ts';
import { snapshot, type TrainedAdapter, trainedAdapter } from '../../core/training/lora.ts';
import type { RunProgress } from '../../core/training/run.ts';
import { readRun } from '../../core/training/run.ts';
import { trainSft } from '../../core/training/sft.ts';
import { asEngine } from '../../core/training/tfjsEngine.ts';
import type { GateName, GateResult } from '../../core/training/types.ts';
import { loadTrainable } from '../support/tinyModel.ts';
import { readerExamples, TINY_READER } from '../support/tinyReader.ts';

type Loaded = Awaited<ReturnType<typeof loadTrainable>>;

describe('integrity gates', () => {
  let loaded: Loaded;
  let start: Adapter;
  beforeAll(async () => {
    loaded = await loadTrainable(TINY_READER, 'wasm');
    start = createAdapter(adapterTarget(loaded.model), { r: 2, lora_alpha: 4 }, new Random(5));
  });

  /** Takes the baseline, lets `happen` happen, and checks. */
  async function judged(
    happen: (adapter: TrainedAdapter) => void,
    { model = loaded.model, written }: { model?: TfjsModel; written?: Adapter } = {},
  ): Promise<GateResult[]> {
    const adapter = trainedAdapter(start);
    const [features] = await new FeatureCache(asEngine(loaded.model), loaded.processor).get(readerExamples(1, true));
    const promptIds = [3, 3, 3, 3, ...loaded.prompt.tokenizer.encode('Read.')];
    const gates = new Gates(asEngine(model), adapter, loaded.prompt, { promptIds, features: features! });
    const baseline = await gates.baseline();
    happen(adapter);
    const folder = await mkdtemp(join(tmpdir(), 'gates-'));
    await writeAdapter(folder, written ?? snapshot(adapter), adapterTarget(loaded.model), 'tiny');
    return gates.check(3, 'first', baseline, folder);
  }

  const fill = (name: RegExp) => (adapter: TrainedAdapter) => {
    const random = new Random(9);
    for (const { name: parameter, value } of adapter.parameters)
      if (name.test(parameter)) value.set(Float32Array.from(value, () => 0.3 * random.normal()));
  };
  const failed = (results: GateResult[]) => results.filter(({ passed }) => !passed).map(({ gate }) => gate);

  it('pass where the pairs were trained and nothing else was touched', async () => {
    const results = await judged(fill(/up$/));
    expect(results.map(({ passed }) => passed)).toEqual([true, true, true, true]);
    expect(() => demandGates(results)).not.toThrow();
  });

  it('see an adapter that did not change', async () => {
    expect(failed(await judged(() => {}))).toEqual(['adapter-changed', 'base-differs-from-adapter']);
  });

  it('see an adapter that changed and does nothing: its other half is zero', async () => {
    expect(failed(await judged(fill(/down$/)))).toEqual(['base-differs-from-adapter']);
  });

  it('see a base whose weights changed, in the engine', async () => {
    const { tf } = loaded.model;
    let touched = false;
    const name = [...loaded.model.weightNames].find((each) => each.includes('layers.0') && each.endsWith('weight'))!;
    const other = tf.keep(tf.add(loaded.model.weight(name), 1e-6)) as Tensor;
    // A model that hands out another tensor, as one whose memory was written to would.
    const model = Object.create(loaded.model, {
      weight: { value: (each: string) => (touched && each === name ? other : loaded.model.weight(each)) },
    }) as TfjsModel;
    const results = await judged(
      (adapter) => {
        fill(/up$/)(adapter);
        touched = true;
      },
      { model },
    );
    expect(failed(results)).toEqual(['base-unchanged']);
    other.dispose();
  });

  it('see a written adapter that is not the one in memory', async () => {
    expect(failed(await judged(fill(/up$/), { written: start }))).toEqual(['reload-reproduces']);
  });

  it('name the first that failed, with a remedy', () => {
    for (const gate of ['adapter-changed', 'base-unchanged', 'reload-reproduces'] as GateName[]) {
      const result = { step: 3, after: 'first' as const, gate, passed: false, found: 'x' };
      expect(() => demandGates([result])).toThrowError(
        expect.objectContaining({
          code: 'TRAINING_GATE',
          message: expect.stringContaining(gate),
          remedy: expect.any(String),
        }),
      );
    }
  });

  const sft = (folder: string, config: object, examples = readerExamples(8, true)) =>
    trainSft({
      ...{ ...loaded, examples, folder, start: null, baseName: 'tiny', now: new Date(0) },
      config: parseTrainingConfig('sft', { epochs: 1, rank: 2, ...config }),
      work: unattended<RunProgress>(),
    });
  const grpo = (folder: string, runner: Runner, config: object) =>
    trainGrpo({
      ...{ ...loaded, runner, start, folder, examples: readerExamples(4, true), baseName: 'tiny', now: new Date(0) },
      config: parseTrainingConfig('grpo', { promptsPerStep: 4, maxCompletionLength: 6, microBatch: 4, ...config }),
      work: unattended<RunProgress>(),
    });

  it('are not what tells that no step would train: that run is refused before it begins', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'gates-'));
    const refused = { code: 'TRAINING_RATE', message: expect.stringContaining('1 of them warm-up') };
    // The first step of a warm-up has rate 0, as in transformers, and this run has no other.
    await expect(sft(folder, { maxSteps: 1 })).rejects.toMatchObject(refused);
    await expect(sft(folder, { learningRate: 0 })).rejects.toMatchObject({ code: 'TRAINING_RATE' });
    const runner = loaded.model;
    await expect(grpo(folder, runner, {})).rejects.toMatchObject({
      ...refused,
      remedy: expect.stringMatching(/warmupRatio/),
    });
    expect(await readRun(folder)).toBeNull();
    expect((await sft(folder, { maxSteps: 1, warmupRatio: 0 })).steps).toBe(1);
  });

  it('say of a run without spread of rewards that its gradient was 0, and leave no checkpoint chosen', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'gates-'));
    // Nothing ends within one token: each completion fails, and is worth the same.
    const run = grpo(folder, loaded.model, { maxCompletionLength: 1, epochs: 3, warmupRatio: 0.3 });
    await expect(run).rejects.toMatchObject({
      code: 'TRAINING_GATE',
      message: expect.stringContaining(
        'no step could change the adapter: of 3, 2 had the gradient 0, 1 had the learning rate 0',
      ),
      details: { gate: 'adapter-changed', after: 'last' },
      remedy: expect.stringContaining('frac_reward_zero_std'),
    });
    expect(await readRun(folder)).toMatchObject({ state: 'failed', error: { code: 'TRAINING_GATE' } });
    expect((await readFile(join(folder, 'gates.jsonl'), 'utf8')).trim().split('\n')).toHaveLength(4);
  });

  it('wait for a step that is applied, and for the adapter that it makes', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'gates-'));
    // Two epochs of one step, the first with rate 0: its validation loss is that of the start, which is no result.
    const { chosen } = await sft(folder, {
      epochs: 2,
      heldOut: 0.25,
      warmupRatio: 0.5,
      learningRate: 10,
      diverging: 'skip',
    });
    expect(chosen).toMatchObject({ on: 'validation', step: 2 });
  });
});
