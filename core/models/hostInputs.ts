/**
 * What a language model needs besides weights, made on the host from a `ForwardInput` and shared by all executors: rotary
 * angles, additive masks, indices. Architectures say which angles and which masks.
 */
import { WorkbenchError } from '../base/errors.ts';
import { type LayerType, layerKinds, type ModelConfig } from './config.ts';
import type { ByKind } from './network.ts';
import type { ForwardInput } from './runner.ts';

/** Added to scores that must not count. Finite, so that a row of padding, which sees nothing, stays a number. */
export const MASKED = -1e9;

/** Of one mask `[B,1,T,S]`: 16,384 tokens of one prompt. */
const MAX_MASK_BYTES = 2 ** 30;

export interface Angles {
  cos: Float32Array;
  sin: Float32Array;
}

export interface HostInputs {
  batch: number;
  /** T: new positions. */
  length: number;
  /** S: all positions, cached and new. */
  total: number;
  /** `[B,T]`. */
  ids: Int32Array;
  /** `[B,T]`, null where no image is placed. */
  imageIndex: Int32Array | null;
  /** `[B,T,C/2]`. */
  angles: ByKind<Angles>;
  /** `[B,1,T,S]`: 0 or a large negative number; null where it is 0 everywhere. Two kinds may have the same array. */
  bias: ByKind<Float32Array | null>;
  /** `[N]`. */
  rows: Int32Array;
}

/** What of a `ForwardInput` the host inputs depend on; `cachedLength` is 0 without a cache. */
export interface PositionedInput
  extends Pick<
    ForwardInput,
    'batch' | 'length' | 'inputIds' | 'attentionMask' | 'positionIds' | 'imageIndex' | 'logitsAt'
  > {
  /**
   * `[batch * length]`, without a cache only: several completions of one prompt in one row. Positions of segment 0 (the
   * prompt) are seen by all, those of another segment only by themselves; `positionIds` go on from the prompt in each.
   */
  segments?: Int32Array;
}

export interface HostRules {
  /** Axes that `positionIds` may have. */
  axes: number;
  /** Angles of a kind of layer at the given positions. */
  angles: ByKind<(positionIds: Int32Array) => Angles>;
  /** Sliding layers see positions closer than this. */
  slidingWindow: number;
  /** Tokens of one image see each other, also those that come later. */
  imageBlocks: boolean;
}

/** FORWARD_INPUT where sizes, ids or indices do not fit; `featureRows` is the number of rows of image features. */
export function hostInputs(
  config: ModelConfig,
  rules: HostRules,
  input: PositionedInput,
  cachedLength: number,
  featureRows: number,
): HostInputs {
  checkInput(config, rules.axes, input, cachedLength, featureRows);
  const { batch, length } = input;
  const angles: ByKind<Angles> = {};
  for (const kind of layerKinds(config.text)) angles[kind] = rules.angles[kind]!(input.positionIds);
  return {
    batch,
    length,
    total: cachedLength + length,
    ids: withoutImageIds(config, input.inputIds),
    imageIndex: input.imageIndex?.some((row) => row >= 0) ? input.imageIndex : null,
    angles,
    bias: masks(rules, input, cachedLength),
    rows: input.logitsAt,
  };
}

/** The image token's id may lie outside the embedding (transformers takes row 0 then; the features replace it anyway). */
function withoutImageIds(config: ModelConfig, ids: Int32Array): Int32Array {
  if (config.imageTokenId < config.text.vocabulary) return ids;
  return ids.map((id) => (id === config.imageTokenId ? 0 : id));
}

/** theta^(-2i/width) for i < width / 2, in f32 as torch computes them. */
export function rotaryFrequencies(theta: number, width: number): Float32Array {
  return Float32Array.from({ length: width / 2 }, (_, i) => 1 / Math.fround(theta ** Math.fround((2 * i) / width)));
}

/**
 * cos and sin `[positions, frequencies]`; `position(p, i)` is what frequency i turns by at place p. In f32 at every step,
 * as torch computes them: at position 8,000 the rounding is worth 1e-3 rad.
 */
export function rotaryAngles(
  places: number,
  frequencies: Float32Array,
  position: (place: number, frequency: number) => number,
): Angles {
  const half = frequencies.length;
  const cos = new Float32Array(places * half);
  const sin = new Float32Array(places * half);
  for (let p = 0; p < places; p++)
    for (let i = 0; i < half; i++) {
      const angle = Math.fround(position(p, i) * frequencies[i]!);
      cos[p * half + i] = Math.cos(angle);
      sin[p * half + i] = Math.sin(angle);
    }
  return { cos, sin };
}

/** A full layer sees what is causal or of the same image, a sliding layer only that of it which lies in the window. */
function masks(
  { slidingWindow: window, imageBlocks }: HostRules,
  input: PositionedInput,
  cachedLength: number,
): Record<LayerType, Float32Array | null> {
  const { batch, length } = input;
  const total = cachedLength + length;
  if (4 * batch * length * total > MAX_MASK_BYTES)
    throw new WorkbenchError(
      'PROMPT_TOO_LONG',
      `${length} tokens at once need more memory than this program takes for them.`,
      { tokens: length, rows: batch, most: Math.floor(Math.sqrt(MAX_MASK_BYTES / 4 / batch)) },
      'Shorten the prompt.',
    );
  const full = new Float32Array(batch * length * total);
  const sliding = new Float32Array(batch * length * total);
  let fullMasks = false;
  let windowMasks = false;
  for (let b = 0; b < batch; b++) {
    const { order, block } = describeRow(input, b, total, cachedLength, imageBlocks);
    const segment = input.segments?.subarray(b * length, (b + 1) * length);
    for (let t = 0; t < length; t++) {
      const q = cachedLength + t;
      const at = (b * length + t) * total;
      for (let k = 0; k < total; k++) {
        const causal = k <= q || (block[k]! >= 0 && block[k] === block[q]);
        const apart = segment !== undefined && segment[k] !== 0 && segment[k] !== segment[q];
        const visible = causal && order[k]! >= 0 && !apart;
        const near = order[q]! < 0 || order[q]! - order[k]! < window;
        if (!visible) {
          full[at + k] = MASKED;
          fullMasks = true;
        } else if (!near) windowMasks = true;
        if (!visible || !near) sliding[at + k] = MASKED;
      }
    }
  }
  const fullBias = fullMasks ? full : null;
  return { full_attention: fullBias, sliding_attention: windowMasks ? sliding : fullBias };
}

/**
 * Of every position of a row: its place among the real ones (-1: padding; with segments, that which it has for its own),
 * and its image (-1: text or cached, or images are read as text is).
 */
function describeRow(input: PositionedInput, row: number, total: number, cachedLength: number, imageBlocks: boolean) {
  const order = new Int32Array(total).fill(-1);
  const block = new Int32Array(total).fill(-1);
  let place = 0;
  let image = -1;
  let inImage = false;
  for (let k = 0; k < total; k++) {
    if (input.attentionMask[row * total + k]) {
      order[k] = input.segments ? input.positionIds[row * total + k]! : place;
      place++;
    }
    const isImage =
      imageBlocks && k >= cachedLength && (input.imageIndex?.[row * input.length + k - cachedLength] ?? -1) >= 0;
    if (isImage && !inImage) image++;
    if (isImage) block[k] = image;
    inImage = isImage;
  }
  return { order, block };
}

function checkInput(
  config: ModelConfig,
  axes: number,
  input: PositionedInput,
  cachedLength: number,
  featureRows: number,
): void {
  const { batch, length } = input;
  const positions = batch * length;
  const sizes: Record<string, [actual: number, expected: number]> = {
    inputIds: [input.inputIds.length, positions],
    positionIds: [
      input.positionIds.length,
      input.positionIds.length === axes * positions ? axes * positions : positions,
    ],
    attentionMask: [input.attentionMask.length, batch * (cachedLength + length)],
    imageIndex: [input.imageIndex?.length ?? positions, positions],
    segments: [input.segments?.length ?? positions, positions],
  };
  for (const [field, [actual, expected]] of Object.entries(sizes))
    if (actual !== expected) throw inputError(field, 'has not the length that the batch demands', actual, expected);
  checkRange('inputIds', input.inputIds, 0, Math.max(config.text.vocabulary, config.imageTokenId + 1));
  checkRange('positionIds', input.positionIds, 0, 2 ** 24);
  checkRange('logitsAt', input.logitsAt, 0, positions);
  if (input.imageIndex) checkRange('imageIndex', input.imageIndex, -1, featureRows);
}

function checkRange(field: string, values: Int32Array, low: number, end: number): void {
  const wrong = values.find((value) => value < low || value >= end);
  if (wrong !== undefined) throw inputError(field, 'holds a value out of range', wrong, end);
}

function inputError(field: string, problem: string, actual: number, expected: number): WorkbenchError {
  return new WorkbenchError('FORWARD_INPUT', `The network's input ${field} ${problem}.`, { field, actual, expected });
}
