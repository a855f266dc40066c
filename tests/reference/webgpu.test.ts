/**
 * Gemma 3 and Qwen2.5-VL on a GPU (ONNX Runtime's WebGPU provider) against transformers and PEFT: the same tolerances as on
 * the processor in f32; other precisions near it. Skipped where no GPU computes (support/softwareGpu.ts).
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ModelFolder, openModelFolder } from '../../core/models/modelFolder.ts';
import { adapterTarget } from '../../core/models/network.ts';
import { openOnnxRunner } from '../../core/models/onnxRunner.ts';
import type { ForwardInput, Runner } from '../../core/models/runner.ts';
import { openAdapter } from '../../core/peft/adapterFolder.ts';
import type { PixelValues } from '../../core/preprocessing/imageProcessor.ts';
import { openSafetensors, type Safetensors } from '../../core/tensor/safetensors.ts';
import { batchOf, featuresOf, greedy, largestDifference, type ReferenceCase } from '../support/gemma3.ts';
import { describeReference, readJsonFile, referenceDir } from '../support/reference.ts';
import { describeGpu, halfMissing, modelsMissing } from '../support/softwareGpu.ts';

const LOGITS = 2e-4;
const onGpu = { threads: 1, device: 'webgpu' } as const;
const where = (name: string) => (modelsMissing === null ? referenceDir(name) : null);

describeGpu('A GPU', () => {
  describeReference('Gemma 3', where('gemma3'), (folder) => {
    const { cases, batch } = readJsonFile(folder, 'cases.json');
    const caseOf = (name: string) => (cases as ReferenceCase[]).find((one) => one.name === name)!;
    let model: ModelFolder;
    let runner: Runner;
    let reference: Safetensors;
    let cacheDir: string;
    beforeAll(async () => {
      cacheDir = await mkdtemp(join(tmpdir(), 'webgpu-'));
      model = await openModelFolder(join(folder, 'model'));
      runner = await openOnnxRunner(model, onGpu);
      reference = await openSafetensors(join(folder, 'reference.safetensors'));
    });
    afterAll(async () => {
      await runner.dispose();
      await rm(cacheDir, { recursive: true });
    });

    const single = async (on: Runner, { input_ids, images }: ReferenceCase): Promise<ForwardInput> =>
      batchOf([input_ids], [input_ids.map(() => 1)], on.info.imageTokenId, await featuresOf(on, folder, images));

    it('is named in what is stored', () => expect(runner.executor.name).toBe('onnxruntime-webgpu'));

    for (const one of cases as ReferenceCase[]) {
      it(`${one.name}: logits and greedy tokens`, async () => {
        const input = await single(runner, one);
        const { logits } = await runner.forward(input);
        expect(largestDifference(logits, await reference.read(`${one.name}.logits`))).toBeLessThan(LOGITS);
        const tokens = await greedy(runner, input, one.greedy_tokens.length);
        expect(tokens).toEqual(one.greedy_tokens);
      });
    }

    it('a batch with left padding equals its rows', async () => {
      const rows = (batch.names as string[]).map(caseOf);
      const images = rows.flatMap((row) => row.images);
      const features = await featuresOf(runner, folder, images);
      const input = batchOf(batch.input_ids, batch.attention_mask, runner.info.imageTokenId, features);
      const { logits } = await runner.forward(input);
      for (const [i, row] of rows.entries()) {
        const start = (i + 1) * input.length - row.input_ids.length;
        const own = logits.subarray(start * runner.info.vocabulary, (i + 1) * input.length * runner.info.vocabulary);
        expect(largestDifference(own, await reference.read(`${row.name}.logits`)), row.name).toBeLessThan(LOGITS);
      }
    });

    describeReference('LoRA', where('peft/gemma3'), (peft) => {
      it.each([
        ['a graph for each kind of batch', false],
        ['one graph for all, as for a large model', true],
      ])('with an adapter, without, and both in one batch: %s', async (_, oneGraph) => {
        const { adapter } = await openAdapter(join(peft, 'adapter'), adapterTarget(model));
        const adapted = await openSafetensors(join(peft, 'reference.safetensors'));
        const own = await openOnnxRunner(model, { ...onGpu, oneGraph });
        const { input_ids: ids } = caseOf('text_only');
        const [plain, lora] = [reference, adapted].map((file, i) =>
          file.read(i === 0 ? 'text_only.logits' : 'text_only.adapter_logits'),
        );
        const input = (rows: number) =>
          batchOf(
            Array.from({ length: rows }, () => ids),
            Array.from({ length: rows }, () => ids.map(() => 1)),
            own.info.imageTokenId,
          );
        const both = (await own.forward({ ...input(2), adapter: [null, adapter] })).logits;
        expect(largestDifference(both.subarray(0, both.length / 2), await plain!)).toBeLessThan(LOGITS);
        expect(largestDifference(both.subarray(both.length / 2), await lora!)).toBeLessThan(LOGITS);
        const alone = (await own.forward({ ...input(1), adapter })).logits;
        expect(largestDifference(alone, await lora!)).toBeLessThan(LOGITS);
        const without = (await own.forward(input(1))).logits;
        expect(largestDifference(without, await plain!)).toBeLessThan(LOGITS);
        await own.dispose();
      });
    });

    /** Root mean square of the difference, relative to that of the logits; random weights make the distances large. */
    const distances = { f16: 0.02, int8: 0.06, int4: 0.6 } as const;
    for (const [name, bound] of Object.entries(distances)) {
      const precision = name as keyof typeof distances;
      it.skipIf(precision === 'f16' && halfMissing !== null)(
        `image_gray in ${precision}${precision === 'f16' && halfMissing ? ` (skipped: ${halfMissing})` : ''}`,
        async () => {
          const other = await openOnnxRunner(model, { ...onGpu, precision, cacheDir });
          const { logits } = await other.forward(await single(other, caseOf('image_gray')));
          const expected = await reference.read('image_gray.logits');
          const power = (values: Float32Array) => values.reduce((sum, value) => sum + value * value, 0);
          const far = Math.sqrt(power(logits.map((value, i) => value - expected[i]!)) / power(expected));
          expect(far).toBeGreaterThan(0);
          expect(far).toBeLessThan(bound);
          await other.dispose();
        },
      );
    }
  });

  describeReference('Qwen2.5-VL', where('qwen25vl'), (folder) => {
    it('image logits', async () => {
      const { cases } = readJsonFile(folder, 'cases.json');
      const one = cases.find(({ images }: { images: string[] }) => images.length === 1);
      const runner = await openOnnxRunner(await openModelFolder(join(folder, 'model')), onGpu);
      const reference = await openSafetensors(join(folder, 'reference.safetensors'));
      const file = await openSafetensors(join(folder, 'pixel_values.safetensors'));
      const [, rows, columns] = one.image_grid_thw[0];
      const pixels: PixelValues = {
        data: await file.read(`pixel_values.${one.images[0]}`),
        width: columns * 14,
        height: rows * 14,
      };
      const features = await runner.encodeImages([pixels]);
      const ids: number[] = one.input_ids;
      const input = batchOf([ids], [ids.map(() => 1)], runner.info.imageTokenId, features);
      const positionIds = Int32Array.from(runner.positions(ids, features.grids).axes.flatMap((axis) => [...axis]));
      const { logits } = await runner.forward({ ...input, positionIds });
      expect(largestDifference(logits, await reference.read(`${one.name}.logits`))).toBeLessThan(LOGITS);
      await runner.dispose();
    });
  });
});
