/** Gemma 3 on tfjs against transformers (shared/reference/gemma3): every room of the network, on each backend. */
import { join } from 'node:path';
import type { Tensor } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openModelFolder } from '../../core/models/modelFolder.ts';
import { TfjsModel } from '../../core/models/tfjsModel.ts';
import { openSafetensors, type Safetensors } from '../../core/tensor/safetensors.ts';
import { openTfjs, type Tfjs } from '../../core/tensor/tfjs/backend.ts';
import {
  batchOf,
  featuresOf,
  greedy,
  largestDifference,
  logProbabilities,
  pixelValues,
  type ReferenceCase,
} from '../support/gemma3.ts';
import { describeReference, readJsonFile, referenceDir } from '../support/reference.ts';
import { describeBackends } from '../support/tfjs.ts';

const LOGITS = 2e-4;

describeReference('Gemma 3', referenceDir('gemma3'), (folder) => {
  describeBackends('tfjs', (backend) => {
    const { cases, batch } = folder ? readJsonFile(folder, 'cases.json') : { cases: [], batch: { names: [] } };
    let tfjs: Tfjs;
    let model: TfjsModel;
    let reference: Safetensors;

    beforeAll(async () => {
      tfjs = await openTfjs({ prefer: backend });
      model = await TfjsModel.load(await openModelFolder(join(folder, 'model')), tfjs);
      reference = await openSafetensors(join(folder, 'reference.safetensors'));
    });
    afterAll(() => model.dispose());

    const single = async (runner: TfjsModel, { input_ids, images }: ReferenceCase) =>
      batchOf(
        [input_ids],
        [input_ids.map(() => 1)],
        runner.info.imageTokenId,
        await featuresOf(runner, folder, images),
      );

    it('is the engine that was asked for', () => {
      expect(model.executor.name).toBe(`tfjs-${backend}`);
    });

    for (const one of cases as ReferenceCase[]) {
      it(`${one.name}: logits`, async () => {
        const { logits } = await model.forward(await single(model, one));
        expect(largestDifference(logits, await reference.read(`${one.name}.logits`))).toBeLessThan(LOGITS);
      });

      it(`${one.name}: greedy tokens`, async () => {
        const prompt = await single(model, one);
        expect(await greedy(model, prompt, one.greedy_tokens.length)).toEqual(one.greedy_tokens);
      });

      if (!one.completion) continue;
      it(`${one.name}: log-probabilities of the completion`, async () => {
        const { ids, logprobs } = one.completion!;
        const input = await single(model, { ...one, input_ids: [...one.input_ids, ...ids] });
        const logitsAt = Int32Array.from(ids, (_, i) => one.input_ids.length - 1 + i);
        const { logits } = await model.forward({ ...input, logitsAt });
        expect(largestDifference(logProbabilities(logits, model.info.vocabulary, ids), logprobs)).toBeLessThan(1e-3);
      });
    }

    it('image_gray: vision tower, projector and every layer', async () => {
      const one = (cases as ReferenceCase[]).find(({ name }) => name === 'image_gray')!;
      const pixels = await pixelValues(folder, one.images);
      const seen = new Map<string, Float32Array>();
      const watch = (name: string, value: Tensor) => void seen.set(name, value.dataSync() as Float32Array);
      tfjs.tf.tidy(() => {
        watch('image_features', model.watchImages(pixels, watch));
      });
      const prompt = await single(model, one);
      tfjs.tf.tidy(() => void model.watchLanguage(prompt, watch));
      const expected = { 'vision.last_hidden': 'vision_last_hidden_state', image_features: 'image_features' };
      for (const [name, stored] of Object.entries(expected))
        expect(largestDifference(seen.get(name)!, await reference.read(`image_gray.${stored}`)), name).toBeLessThan(1e-4);
      for (let i = 0; i <= model.info.layers; i++)
        expect(
          largestDifference(seen.get(`hidden.${i}`)!, await reference.read(`image_gray.hidden_${i}`)),
          `hidden ${i}`,
        ).toBeLessThan(1e-4);
    });

    it('a batch with left padding equals its rows', async () => {
      const rows = (batch.names as string[]).map((name) => (cases as ReferenceCase[]).find((one) => one.name === name)!);
      const images = rows.flatMap((row) => row.images);
      const input = batchOf(
        batch.input_ids,
        batch.attention_mask,
        model.info.imageTokenId,
        await featuresOf(model, folder, images),
      );
      const { logits } = await model.forward(input);
      for (const [i, row] of rows.entries()) {
        const start = (i + 1) * input.length - row.input_ids.length;
        const own = logits.subarray(start * model.info.vocabulary, (i + 1) * input.length * model.info.vocabulary);
        expect(largestDifference(own, await reference.read(`${row.name}.logits`)), row.name).toBeLessThan(LOGITS);
      }
    });

    const hub = referenceDir('gemma3/model_hub_layout');
    it.skipIf(hub === null)('the layout of published checkpoints is the same model', async () => {
      const published = await TfjsModel.load(await openModelFolder(hub!), tfjs);
      expect(published.info.weightsHash).toBe(model.info.weightsHash);
      expect(published.network.config).toEqual(model.network.config);
      const one = (cases as ReferenceCase[]).find(({ images }) => images.length > 1)!;
      const [a, b] = await Promise.all([model, published].map(async (m) => m.forward(await single(m, one))));
      expect(largestDifference(a!.logits, b!.logits)).toBe(0);
      await published.dispose();
    });

    it('frees every tensor that it makes', async () => {
      const one = (cases as ReferenceCase[]).find(({ name }) => name === 'image_gray')!;
      const before = tfjs.tf.memory().numTensors;
      const prompt = await single(model, one);
      await greedy(model, prompt, 4);
      const { cache } = await model.forward({ ...prompt, keepCache: true });
      const chosen = await model.selectRows(cache!, Int32Array.of(0, 0, 0));
      expect(chosen.batch).toBe(3);
      chosen.dispose();
      cache!.dispose();
      expect(tfjs.tf.memory().numTensors).toBe(before);
      const other = await TfjsModel.load(await openModelFolder(join(folder, 'model')), tfjs);
      await other.forward(await single(other, one));
      await other.dispose();
      expect(tfjs.tf.memory().numTensors).toBe(before);
    });
  });
});
