/** Cases of the Gemma 3 reference as inputs of a `Runner`, and a plain greedy loop. */
import { join } from 'node:path';
import type { ForwardInput, ImageFeatures, Runner } from '../../core/models/runner.ts';
import type { Adapter } from '../../core/peft/adapter.ts';
import type { PixelValues } from '../../core/preprocessing/imageProcessor.ts';
import { openSafetensors } from '../../core/tensor/safetensors.ts';

export interface ReferenceCase {
  name: string;
  images: string[];
  input_ids: number[];
  token_type_ids: number[];
  greedy_tokens: number[];
  completion?: { ids: number[]; logprobs: number[] };
}

/** Pixel values of images, as the reference's processor made them. */
export async function pixelValues(folder: string, images: readonly string[]): Promise<PixelValues[]> {
  const file = await openSafetensors(join(folder, 'pixel_values.safetensors'));
  return Promise.all(
    images.map(async (image) => {
      const name = `pixel_values.${image}`;
      const [height = 0, width = 0] = file.entry(name).shape.slice(-2);
      return { data: await file.read(name), width, height };
    }),
  );
}

export async function featuresOf(runner: Runner, folder: string, images: readonly string[]) {
  if (images.length === 0) return undefined;
  return runner.encodeImages(await pixelValues(folder, images));
}

/** Rows of equal length, padded by the caller: mask 0 where padded; image tokens take their features in order. */
export function batchOf(
  rows: readonly (readonly number[])[],
  masks: readonly (readonly number[])[],
  imageTokenId: number,
  imageFeatures?: ImageFeatures,
): ForwardInput {
  const [batch, length] = [rows.length, rows[0]!.length];
  const inputIds = Int32Array.from(rows.flat());
  let image = 0;
  const imageIndex = inputIds.map((id) => (id === imageTokenId ? image++ : -1));
  const positionIds = Int32Array.from(masks.flatMap((mask) => positions(mask)));
  const attentionMask = Uint8Array.from(masks.flat());
  const logitsAt = Int32Array.from({ length: batch * length }, (_, i) => i);
  const base = { batch, length, inputIds, attentionMask, positionIds, logitsAt, keepCache: false };
  return imageFeatures ? { ...base, imageIndex, imageFeatures } : base;
}

function positions(mask: readonly number[]): number[] {
  let next = 0;
  return mask.map((real) => (real ? next++ : 0));
}

/** Greedy tokens after a prompt, the cache growing by one position a step; ends after an end token. */
export async function greedy(
  runner: Runner,
  prompt: ForwardInput,
  maximum: number,
  adapter: Adapter | null = null,
): Promise<number[]> {
  const tokens: number[] = [];
  let { logits, cache } = await runner.forward({
    ...prompt,
    adapter,
    keepCache: true,
    logitsAt: Int32Array.of(prompt.length - 1),
  });
  while (true) {
    const token = logits.indexOf(logits.reduce((a, b) => Math.max(a, b)));
    tokens.push(token);
    if (tokens.length === maximum || runner.info.endTokenIds.includes(token)) break;
    const next = await runner.forward({
      batch: 1,
      length: 1,
      inputIds: Int32Array.of(token),
      attentionMask: new Uint8Array(cache!.length + 1).fill(1),
      positionIds: Int32Array.of(cache!.length),
      logitsAt: Int32Array.of(0),
      cache: cache!,
      adapter,
      keepCache: true,
    });
    cache!.dispose();
    ({ logits, cache } = next);
  }
  cache!.dispose();
  return tokens;
}

export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i]! - b[i]!));
  return largest;
}

/** Natural-log probabilities of `targets` under rows of logits `[targets.length, vocabulary]`. */
export function logProbabilities(logits: Float32Array, vocabulary: number, targets: readonly number[]): number[] {
  return targets.map((target, i) => {
    const row = logits.subarray(i * vocabulary, (i + 1) * vocabulary);
    const top = row.reduce((a, b) => Math.max(a, b));
    const sum = row.reduce((total, value) => total + Math.exp(value - top), 0);
    return row[target]! - top - Math.log(sum);
  });
}
