/** LoRA on Gemma 3 against PEFT (shared/reference/peft): reading, logits on each backend, merging, writing. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { canonicalName } from '../../core/models/gemma3/names.ts';
import { adapterTarget } from '../../core/models/network.ts';
import { type ModelFolder, openModelFolder } from '../../core/models/modelFolder.ts';
import { TfjsModel } from '../../core/models/tfjsModel.ts';
import type { Adapter } from '../../core/peft/adapter.ts';
import { mergedWeight, openAdapter, writeAdapter } from '../../core/peft/adapterFolder.ts';
import { openSafetensors, type Safetensors } from '../../core/tensor/safetensors.ts';
import { openTfjs } from '../../core/tensor/tfjs/backend.ts';
import { batchOf, featuresOf, greedy, largestDifference, type ReferenceCase } from '../support/gemma3.ts';
import { describeReference, readJsonFile, referenceDir } from '../support/reference.ts';
import { describeBackends } from '../support/tfjs.ts';

describeReference('PEFT on Gemma 3', referenceDir('peft/gemma3'), (folder) => {
  const gemma = referenceDir('gemma3')!;
  let base: ModelFolder;
  let adapter: Adapter;
  let reference: Safetensors;

  beforeAll(async () => {
    base = await openModelFolder(join(gemma, 'model'));
    ({ adapter } = await openAdapter(join(folder, 'adapter'), adapterTarget(base)));
    reference = await openSafetensors(join(folder, 'reference.safetensors'));
  });

  it('merged weights', async () => {
    const names = reference.names.filter((name) => name.startsWith('merged_weight.'));
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) {
      const tensor = canonicalName(name.slice('merged_weight.'.length))!;
      const module = adapter.modules.get(tensor.replace(/\.weight$/, ''))!;
      const merged = mergedWeight(await base.weights.read(tensor), module);
      expect(largestDifference(merged, await reference.read(name)), name).toBeLessThan(1e-6);
    }
  });

  it('is written as it was read', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'adapter-'));
    const target = adapterTarget(base);
    await writeAdapter(dir, adapter, target, 'model');
    const again = await openAdapter(dir, target);
    expect(again.adapter).toEqual(adapter);
    const [ours, theirs] = await Promise.all(
      [dir, join(folder, 'adapter')].map((path) => openSafetensors(join(path, 'adapter_model.safetensors'))),
    );
    expect(ours!.names.sort()).toEqual(theirs!.names.sort());
    for (const name of theirs!.names) expect(await ours!.read(name)).toEqual(await theirs!.read(name));
  });

  describeBackends('tfjs', (backend) => {
    const cases = folder ? readJsonFile(folder, 'cases.json') : {};
    const prompts: ReferenceCase[] = folder ? readJsonFile(gemma, 'cases.json').cases : [];
    let model: TfjsModel;

    beforeAll(async () => {
      model = await TfjsModel.load(base, await openTfjs({ prefer: backend }));
    });
    afterAll(() => model.dispose());

    const promptOf = async (name: string) => {
      const { input_ids, images } = prompts.find((prompt) => prompt.name === name)!;
      const features = await featuresOf(model, gemma, images);
      return batchOf([input_ids], [input_ids.map(() => 1)], model.info.imageTokenId, features);
    };

    for (const name of Object.keys(cases)) {
      it(`${name}: logits with the adapter, which merging does not change`, async () => {
        const { logits } = await model.forward({ ...(await promptOf(name)), adapter });
        expect(largestDifference(logits, await reference.read(`${name}.adapter_logits`))).toBeLessThan(2e-4);
        expect(largestDifference(logits, await reference.read(`${name}.merged_logits`))).toBeLessThan(2e-4);
      });

      it(`${name}: greedy tokens with the adapter`, async () => {
        const { greedy_tokens: expected } = cases[name];
        expect(await greedy(model, await promptOf(name), expected.length, adapter)).toEqual(expected);
      });
    }

    it('rows of one batch with different adapters, and with none, are what they are alone', async () => {
      const text = prompts.find(({ images }) => images.length === 0)!;
      const ids = [text.input_ids, text.input_ids, text.input_ids];
      const input = batchOf(ids, ids.map((row) => row.map(() => 1)), model.info.imageTokenId);
      const half = halved(adapter);
      const adapters = [adapter, null, half];
      const { logits } = await model.forward({ ...input, adapter: adapters });
      const size = logits.length / 3;
      const single = batchOf([text.input_ids], [text.input_ids.map(() => 1)], model.info.imageTokenId);
      for (const [i, own] of adapters.entries()) {
        const alone = await model.forward({ ...single, adapter: own });
        expect(largestDifference(logits.subarray(i * size, (i + 1) * size), alone.logits)).toBeLessThan(2e-4);
      }
    });

    it('frees adapters that are no longer used', async () => {
      const input = await promptOf('text_only');
      const { numTensors: before } = model.tf.memory();
      for (let i = 0; i < 12; i++) await model.forward({ ...input, adapter: { ...adapter, hash: `step ${i}` } });
      expect(model.tf.memory().numTensors - before).toBeLessThanOrEqual(4 * 2 * adapter.modules.size);
    });
  });
});

/** The same adapter at half its scale, on half of its modules. */
function halved(adapter: Adapter): Adapter {
  const modules = [...adapter.modules].filter((_, i) => i % 2 === 0);
  return {
    hash: `half of ${adapter.hash}`,
    modules: new Map(modules.map(([name, module]) => [name, { ...module, scale: module.scale / 2 }])),
    config: {},
  };
}
