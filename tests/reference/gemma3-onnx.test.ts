/** Gemma 3's recorded graphs on ONNX Runtime against transformers and PEFT (shared/reference/gemma3, peft). */
import { cp, mkdtemp, rename, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { adapterTarget } from '../../core/models/network.ts';
import { type ModelFolder, openModelFolder } from '../../core/models/modelFolder.ts';
import { type OnnxRunner, openOnnxRunner } from '../../core/models/onnxRunner.ts';
import type { Runner } from '../../core/models/runner.ts';
import type { Adapter } from '../../core/peft/adapter.ts';
import { openAdapter } from '../../core/peft/adapterFolder.ts';
import { openSafetensors, type Safetensors } from '../../core/tensor/safetensors.ts';
import { batchOf, featuresOf, largestDifference, pixelValues, type ReferenceCase } from '../support/gemma3.ts';
import { describeReference, readJsonFile, referenceDir } from '../support/reference.ts';

const LOGITS = 2e-4;

describeReference('Gemma 3 on ONNX Runtime', referenceDir('gemma3'), (folder) => {
  const { cases, batch } = folder ? readJsonFile(folder, 'cases.json') : { cases: [], batch: { names: [] } };
  const caseOf = (name: string) => (cases as ReferenceCase[]).find((one) => one.name === name)!;
  let opened: ModelFolder;
  let runner: OnnxRunner;
  let reference: Safetensors;

  beforeAll(async () => {
    opened = await openModelFolder(join(folder, 'model'));
    runner = await openOnnxRunner(opened, { threads: 1 });
    reference = await openSafetensors(join(folder, 'reference.safetensors'));
  });
  afterAll(() => runner.dispose());

  const single = async (on: Runner, { input_ids, images }: ReferenceCase) =>
    batchOf([input_ids], [input_ids.map(() => 1)], on.info.imageTokenId, await featuresOf(on, folder, images));

  for (const one of cases as ReferenceCase[]) {
    it(`${one.name}: logits`, async () => {
      const { logits } = await runner.forward(await single(runner, one));
      expect(largestDifference(logits, await reference.read(`${one.name}.logits`))).toBeLessThan(LOGITS);
    });
  }

  it('image_gray: vision tower, projector and every layer', async () => {
    const one = caseOf('image_gray');
    const pixels = await pixelValues(folder, one.images);
    const vision = await runner.watch(pixels, ['vision.last_hidden', 'features']);
    const expected = { 'vision.last_hidden': 'vision_last_hidden_state', features: 'image_features' };
    for (const [name, stored] of Object.entries(expected))
      expect(largestDifference(vision.get(name)!, await reference.read(`image_gray.${stored}`)), name).toBeLessThan(1e-4);
    const hidden = Array.from({ length: runner.info.layers + 1 }, (_, i) => i);
    const language = await runner.watch(
      await single(runner, one),
      hidden.map((i) => `hidden.${i}`),
    );
    for (const i of hidden)
      expect(
        largestDifference(language.get(`hidden.${i}`)!, await reference.read(`image_gray.hidden_${i}`)),
        `hidden ${i}`,
      ).toBeLessThan(1e-4);
  });

  it('a batch with left padding equals its rows', async () => {
    const rows = (batch.names as string[]).map(caseOf);
    const features = await featuresOf(
      runner,
      folder,
      rows.flatMap((row) => row.images),
    );
    const input = batchOf(batch.input_ids, batch.attention_mask, runner.info.imageTokenId, features);
    const { logits } = await runner.forward(input);
    for (const [i, row] of rows.entries()) {
      const start = (i + 1) * input.length - row.input_ids.length;
      const own = logits.subarray(start * runner.info.vocabulary, (i + 1) * input.length * runner.info.vocabulary);
      expect(largestDifference(own, await reference.read(`${row.name}.logits`)), row.name).toBeLessThan(LOGITS);
    }
  });

  const hub = referenceDir('gemma3/model_hub_layout');
  it.skipIf(hub === null)('the layout of published checkpoints is the same model', async () => {
    const published = await openOnnxRunner(await openModelFolder(hub!), { threads: 1 });
    const one = caseOf('two_images');
    const { logits } = await published.forward(await single(published, one));
    expect(logits).toEqual((await runner.forward(await single(runner, one))).logits);
    await published.dispose();
  });

  it('weights behind a symbolic link, as in the cache of the Hugging Face hub', async () => {
    const copy = await mkdtemp(join(tmpdir(), 'chexreason-hub-'));
    await cp(join(folder, 'model'), join(copy, 'snapshot'), { recursive: true });
    await rename(join(copy, 'snapshot/model.safetensors'), join(copy, 'blob'));
    await symlink('../blob', join(copy, 'snapshot/model.safetensors'));
    const linked = await openOnnxRunner(await openModelFolder(join(copy, 'snapshot')), { threads: 1 });
    const one = caseOf('image_gray');
    const { logits } = await linked.forward(await single(linked, one));
    expect(largestDifference(logits, await reference.read('image_gray.logits'))).toBeLessThan(LOGITS);
    await linked.dispose();
    await rm(copy, { recursive: true });
  });

  describeReference('LoRA', referenceDir('peft/gemma3'), (peft) => {
    let adapter: Adapter;
    let adapted: Safetensors;
    beforeAll(async () => {
      const target = adapterTarget(opened);
      ({ adapter } = await openAdapter(join(peft, 'adapter'), target));
      adapted = await openSafetensors(join(peft, 'reference.safetensors'));
    });

    for (const name of ['image_gray', 'text_only']) {
      it(`${name}: logits with the adapter, which merging does not change`, async () => {
        const { logits } = await runner.forward({ ...(await single(runner, caseOf(name))), adapter });
        expect(largestDifference(logits, await adapted.read(`${name}.adapter_logits`))).toBeLessThan(LOGITS);
        expect(largestDifference(logits, await adapted.read(`${name}.merged_logits`))).toBeLessThan(LOGITS);
      });
    }

    it.each([
      ['a graph for each kind of batch', false],
      ['one graph for all, as for a large model', true],
    ])('rows of one batch with different adapters, and with none, are what they are alone: %s', async (_, oneGraph) => {
      const { input_ids: ids } = caseOf('text_only');
      const other = await openOnnxRunner(opened, { threads: 1, oneGraph });
      const rows = (adapters: (Adapter | null)[]) => {
        const masks = adapters.map(() => ids.map(() => 1));
        return {
          ...batchOf(
            adapters.map(() => ids),
            masks,
            runner.info.imageTokenId,
          ),
          adapter: adapters,
        };
      };
      const part = halved(adapter);
      const adapters = [part, null, adapter, part];
      for (const batch of [adapters, [adapter, adapter], [part, null], [null, null]]) {
        const { logits } = await other.forward(rows(batch));
        const size = logits.length / batch.length;
        for (const [i, own] of batch.entries()) {
          const alone = await runner.forward(rows([own]));
          const difference = largestDifference(logits.subarray(i * size, (i + 1) * size), alone.logits);
          expect(difference).toBeLessThan(LOGITS);
        }
      }
      await other.dispose();
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
