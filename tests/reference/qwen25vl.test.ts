/** Qwen2.5-VL on every executor against transformers and PEFT (shared/reference/qwen25vl, peft/qwen25vl). */
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type GenerationRequest, generate } from '../../core/generation/generate.ts';
import type { Prompt } from '../../core/generation/prompt.ts';
import { GREEDY } from '../../core/generation/sampling.ts';
import { score } from '../../core/generation/score.ts';
import { type ModelFolder, openModelFolder } from '../../core/models/modelFolder.ts';
import { adapterTarget } from '../../core/models/network.ts';
import { OnnxRunner } from '../../core/models/onnxRunner.ts';
import { openRunner } from '../../core/models/openRunner.ts';
import type { ForwardInput, ImageFeatures, Runner, TokenGrid } from '../../core/models/runner.ts';
import type { TfjsModel } from '../../core/models/tfjsModel.ts';
import type { Adapter } from '../../core/peft/adapter.ts';
import { mergedWeight, openAdapter, writeAdapter } from '../../core/peft/adapterFolder.ts';
import type { PixelValues } from '../../core/preprocessing/imageProcessor.ts';
import { openSafetensors, type Safetensors } from '../../core/tensor/safetensors.ts';
import { largestDifference } from '../support/gemma3.ts';
import { describeReference, readJsonFile, referenceDir } from '../support/reference.ts';
import { countCaches, describeExecutors } from '../support/runners.ts';

interface Case {
  name: string;
  images: string[];
  image_grid_thw: [number, number, number][];
  input_ids: number[];
  position_ids?: number[][];
  rope_delta?: number;
  greedy_tokens: number[];
  completion?: { ids: number[]; logprobs: number[] };
}

const LOGITS = 2e-4;
const peft = referenceDir('peft/qwen25vl');

describeReference('Qwen2.5-VL', peft && referenceDir('qwen25vl'), (folder) => {
  const { cases, batch } = folder ? readJsonFile(folder, 'cases.json') : { cases: [], batch: { names: [] } };
  const adapted: Record<string, { greedy_tokens: number[] }> = folder ? readJsonFile(peft!, 'cases.json') : {};
  const caseOf = (name: string) => (cases as Case[]).find((one) => one.name === name)!;
  let base: ModelFolder;
  let adapter: Adapter;
  let reference: Safetensors;
  let adaptedReference: Safetensors;

  beforeAll(async () => {
    base = await openModelFolder(join(folder, 'model'));
    ({ adapter } = await openAdapter(join(peft!, 'adapter'), adapterTarget(base)));
    reference = await openSafetensors(join(folder, 'reference.safetensors'));
    adaptedReference = await openSafetensors(join(peft!, 'reference.safetensors'));
  });

  const pixelsOf = async ({ images, image_grid_thw }: Case): Promise<PixelValues[]> => {
    const file = await openSafetensors(join(folder, 'pixel_values.safetensors'));
    return Promise.all(
      images.map(async (image, i) => {
        const [, rows, columns] = image_grid_thw[i]!;
        return { data: await file.read(`pixel_values.${image}`), width: columns * 14, height: rows * 14 };
      }),
    );
  };

  it('positions of every prompt, and what they leave to what follows', async () => {
    for (const { name, input_ids, image_grid_thw, position_ids, rope_delta } of cases as Case[]) {
      const grids = image_grid_thw.map(([, rows, columns]): TokenGrid => [rows / 2, columns / 2]);
      const { axes, next } = base.network.positions(input_ids, grids);
      const count = input_ids.map((_, i) => i);
      expect(axes.map((axis) => [...axis]), name).toEqual(position_ids ?? [count, count, count]);
      expect(next - input_ids.length, name).toBe(rope_delta ?? 0);
    }
  });

  it('the layout of published checkpoints is the same model', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'qwen-'));
    await cp(join(folder, 'model'), dir, { recursive: true });
    await cp(join(folder, 'config_hub_layout.json'), join(dir, 'config.json'), { force: true });
    const published = await openModelFolder(dir);
    expect(published.network.config).toEqual(base.network.config);
    expect(published.info).toEqual(base.info);
    await rm(dir, { recursive: true, force: true });
  });

  it('merged weights, and an adapter written as it was read', async () => {
    const target = adapterTarget(base);
    const names = adaptedReference.names.filter((name) => name.startsWith('merged_weight.'));
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) {
      const tensor = target.canonicalName(name.slice('merged_weight.'.length))!;
      const weight = await base.weights.read(tensor);
      const module = adapter.modules.get(tensor.replace(/\.weight$/, ''));
      // The adapter leaves biases as they are.
      expect(module === undefined).toBe(tensor.endsWith('.bias'));
      const merged = module ? mergedWeight(weight, module) : weight;
      expect(largestDifference(merged, await adaptedReference.read(name)), name).toBeLessThan(1e-6);
    }
    const dir = await mkdtemp(join(tmpdir(), 'adapter-'));
    await writeAdapter(dir, adapter, target, 'model');
    const [ours, theirs] = await Promise.all(
      [dir, join(peft!, 'adapter')].map((path) => openSafetensors(join(path, 'adapter_model.safetensors'))),
    );
    expect(ours!.names.sort()).toEqual(theirs!.names.sort());
    await rm(dir, { recursive: true, force: true });
  });

  describeExecutors('Qwen2.5-VL', (executor) => {
    let inner: Runner;
    let runner: Runner;
    const prompts = new Map<string, Prompt>();
    const caches = { made: 0, disposed: 0 };

    beforeAll(async () => {
      inner = await openRunner({ model: base, executor, threads: 1 });
      runner = countCaches(inner, caches);
      for (const one of cases as Case[]) {
        const images = one.images.length > 0 ? await runner.encodeImages(await pixelsOf(one)) : null;
        prompts.set(one.name, { promptIds: one.input_ids, images, adapter: null });
      }
    });
    afterAll(() => runner.dispose());
    afterEach(() => expect(caches.disposed, 'caches that were made are disposed').toBe(caches.made));

    const request = (name: string, change: Partial<GenerationRequest> = {}): GenerationRequest => ({
      ...prompts.get(name)!,
      sampling: GREEDY,
      maxNewTokens: 32,
      stopIds: runner.info.endTokenIds,
      ...change,
    });
    const tokensOf = async (requests: GenerationRequest[], batchSize = 8) =>
      (await generate(runner, requests, { batchSize })).map(({ tokenIds }) => tokenIds);

    /** Rows of one length, padded on the left. */
    const inputOf = (names: readonly string[]): ForwardInput => {
      const rows = names.map((name) => prompts.get(name)!);
      const length = Math.max(...rows.map(({ promptIds }) => promptIds.length));
      const size = rows.length * length;
      const input = {
        batch: rows.length,
        length,
        inputIds: new Int32Array(size).fill(runner.info.padTokenId),
        attentionMask: new Uint8Array(size),
        positionIds: new Int32Array(3 * size),
        imageIndex: new Int32Array(size).fill(-1),
        logitsAt: Int32Array.from({ length: size }, (_, i) => i),
        keepCache: false,
      };
      const images = rows.flatMap((row) => row.images ?? []);
      let image = 0;
      rows.forEach(({ promptIds, images: own }, row) => {
        const start = (row + 1) * length - promptIds.length;
        const { axes } = runner.positions(promptIds, own?.grids ?? []);
        for (const [axis, values] of axes.entries()) input.positionIds.set(values, axis * size + start);
        promptIds.forEach((id, i) => {
          input.inputIds[start + i] = id;
          input.attentionMask[start + i] = 1;
          if (id === runner.info.imageTokenId) input.imageIndex[start + i] = image++;
        });
      });
      return images.length > 0 ? { ...input, imageFeatures: joined(images) } : input;
    };

    it('is the executor that was asked for', () => {
      expect(runner.executor.name).toBe(executor);
    });

    for (const { name } of cases as Case[])
      it(`${name}: logits`, async () => {
        const { logits } = await runner.forward(inputOf([name]));
        expect(largestDifference(logits, await reference.read(`${name}.logits`))).toBeLessThan(LOGITS);
      });

    it('image_gray: image features and every layer', async () => {
      const { data } = prompts.get('image_gray')!.images!;
      expect(largestDifference(data, await reference.read('image_gray.image_features'))).toBeLessThan(1e-4);
      const names = Array.from({ length: runner.info.layers + 1 }, (_, i) => `hidden.${i}`);
      const seen = await hiddenStates(inner, inputOf(['image_gray']), names);
      for (const [i, name] of names.entries())
        expect(largestDifference(seen.get(name)!, await reference.read(`image_gray.hidden_${i}`)), name).toBeLessThan(1e-4);
    });

    it('a batch with left padding equals its rows', async () => {
      const input = inputOf(batch.names);
      expect([...input.inputIds]).toEqual(batch.input_ids.flat());
      const { logits } = await runner.forward(input);
      const { vocabulary } = runner.info;
      for (const [i, name] of (batch.names as string[]).entries()) {
        const start = (i + 1) * input.length - caseOf(name).input_ids.length;
        const own = logits.subarray(start * vocabulary, (i + 1) * input.length * vocabulary);
        expect(largestDifference(own, await reference.read(`${name}.logits`)), name).toBeLessThan(LOGITS);
      }
    });

    it('greedy tokens, alone and in one batch', async () => {
      for (const size of [1, 8]) {
        const tokens = await tokensOf((cases as Case[]).map(({ name }) => request(name)), size);
        (cases as Case[]).forEach(({ name, greedy_tokens }, i) => {
          expect(tokens[i], name).toEqual(greedy_tokens);
        });
      }
    });

    it('greedy tokens, begun from another text that is right in parts', async () => {
      const drafted = (cases as Case[]).map(({ name, greedy_tokens }) => {
        const draft = greedy_tokens.map((id, i) => (i % 5 === 4 ? greedy_tokens[0]! : id));
        return request(name, { drafts: [draft] });
      });
      const tokens = await tokensOf(drafted, 1);
      (cases as Case[]).forEach(({ name, greedy_tokens }, i) => {
        expect(tokens[i], name).toEqual(greedy_tokens);
      });
    });

    it('log-probabilities of given completions, alone and in one batch', async () => {
      const scored = (cases as Case[]).filter(({ completion }) => completion);
      const requests = scored.map(({ name, completion }) => ({ ...prompts.get(name)!, completionIds: completion!.ids }));
      for (const batchSize of [1, 8]) {
        const scores = await score(runner, requests, { batchSize });
        scored.forEach(({ name, completion }, i) => {
          expect(largestDifference(scores[i]!, completion!.logprobs), name).toBeLessThan(1e-3);
        });
      }
    });

    for (const [name, { greedy_tokens }] of Object.entries(adapted))
      it(`${name}: logits and greedy tokens with the adapter`, async () => {
        const { logits } = await runner.forward({ ...inputOf([name]), adapter });
        for (const kind of ['adapter', 'merged'])
          expect(
            largestDifference(logits, await adaptedReference.read(`${name}.${kind}_logits`)),
            kind,
          ).toBeLessThan(LOGITS);
        const [plain, own] = await tokensOf([request(name), request(name, { adapter })]);
        expect(plain).toEqual(caseOf(name).greedy_tokens);
        expect(own).toEqual(greedy_tokens);
      });
  });

  describe('images that do not fit', () => {
    it('are refused', async () => {
      const image = { data: new Float32Array(10), width: 28, height: 30 };
      expect(() => base.network.tokenGrid(image)).toThrowError(expect.objectContaining({ code: 'PIXEL_VALUES' }));
    });
  });
});

function joined(images: readonly ImageFeatures[]): ImageFeatures {
  const data = Float32Array.from(images.flatMap((image) => [...image.data]));
  return { data, width: images[0]!.width, grids: images.flatMap(({ grids }) => grids) };
}

async function hiddenStates(runner: Runner, input: ForwardInput, names: readonly string[]) {
  if (runner instanceof OnnxRunner) return runner.watch(input, names);
  const seen = new Map<string, Float32Array>();
  const model = runner as TfjsModel;
  model.tf.tidy(
    () => void model.watchLanguage(input, (name, value) => void seen.set(name, value.dataSync() as Float32Array)),
  );
  return seen;
}
