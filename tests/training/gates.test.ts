/** Each integrity gate lets a sound run pass, and names itself where what it guards is broken. */
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Tensor } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { unattended } from '../../core/base/progress.ts';
import { Random } from '../../core/base/random.ts';
import { adapterTarget } from '../../core/models/network.ts';
import type { TfjsModel } from '../../core/models/tfjsModel.ts';
import type { Adapter } from '../../core/peft/adapter.ts';
import { createAdapter, writeAdapter } from '../../core/peft/adapterFolder.ts';
import { parseTrainingConfig } from '../../core/training/config.ts';
import { FeatureCache } from '../../core/training/features.ts';
import { demandGates, Gates } from '../../core/training/gates.ts';
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

  it('stop a run that trains nothing, and leave no checkpoint chosen', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'gates-'));
    const run = trainSft({
      ...loaded,
      examples: readerExamples(8, true),
      start: null,
      config: parseTrainingConfig('sft', { learningRate: 0, epochs: 1, rank: 2 }),
      folder,
      baseName: 'tiny',
      now: new Date(0),
      work: unattended<RunProgress>(),
    });
    await expect(run).rejects.toMatchObject({
      code: 'TRAINING_GATE',
      details: { gate: 'adapter-changed', after: 'last' },
    });
    expect(await readRun(folder)).toMatchObject({ state: 'failed', error: { code: 'TRAINING_GATE' } });
    const lines = (await readFile(join(folder, 'gates.jsonl'), 'utf8')).trim().split('\n');
    expect(lines).toHaveLength(4);
  });
});
