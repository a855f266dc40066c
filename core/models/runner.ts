/**
 * A loaded network on one executor, as generation, scoring and evaluation see it: plain typed arrays in and out.
 * The state of a generation is a value (`KvCache`), handed in and given back; a runner keeps nothing between calls.
 */
import type { Adapter } from '../peft/adapter.ts';
import type { PixelValues } from '../preprocessing/imageProcessor.ts';
import type { ExecutorInfo } from '../tensor/executor.ts';
import type { Precision } from '../tensor/precision.ts';
import type { TokenPositions } from './network.ts';

export type { ExecutorInfo } from '../tensor/executor.ts';

/** What a network gives about itself. Token ids are those of its config. */
export interface ModelInfo {
  architecture: string;
  vocabulary: number;
  width: number;
  layers: number;
  /** Side of the image that the encoder gets; 0: it depends on the image. */
  imageSize: number;
  /** Image tokens that stand for one image in the prompt; 0: it depends on the image. */
  imageTokens: number;
  imageTokenId: number;
  /** Tokens that stand for images and videos, or open and close them. */
  visionTokenIds: number[];
  endTokenIds: number[];
  padTokenId: number;
  /** Most tokens of prompt and answer together. */
  contextLength: number;
  parameters: number;
  /** sha256 over names, shapes and bytes of the weights, in the order of the names. */
  weightsHash: string;
  dtype: string;
}

/** The image tokens that stand for an image, as they lie on it. */
export type TokenGrid = readonly [rows: number, columns: number];

/** Features of images after the projector, image after image: a row of `width` for each image token. */
export interface ImageFeatures {
  data: Float32Array;
  width: number;
  /** One for each image. */
  grids: readonly TokenGrid[];
}

/** Features of several images as one; null for none. */
export function joinFeatures(each: readonly ImageFeatures[]): ImageFeatures | null {
  if (each.length <= 1) return each[0] ?? null;
  const { width } = each[0]!;
  const data = new Float32Array(each.reduce((sum, features) => sum + features.data.length, 0));
  let at = 0;
  for (const features of each) {
    data.set(features.data, at);
    at += features.data.length;
  }
  return { data, width, grids: each.flatMap(({ grids }) => grids) };
}

/** Image tokens of one or of several images. */
export function tokensOf(...grids: readonly TokenGrid[]): number {
  return grids.reduce((sum, [rows, columns]) => sum + rows * columns, 0);
}

/** Opaque to callers; belongs to the runner that made it; `dispose` frees it. */
export interface KvCache {
  readonly batch: number;
  /** Cached positions, padding included. */
  readonly length: number;
  dispose(): void;
}

export interface ForwardInput {
  batch: number;
  /** New positions of every row. */
  length: number;
  /** `[batch * length]`. */
  inputIds: Int32Array;
  /** `[batch * (cache.length + length)]`: 1 for real positions, 0 for padding (left or right). */
  attentionMask: Uint8Array;
  /**
   * The position of every new token, counted without padding: `[batch * length]`, or on each axis of the network
   * `[axes * batch * length]` (`Runner.positions`).
   */
  positionIds: Int32Array;
  /** `[batch * length]`: row of `imageFeatures` that stands at this position, -1 for text. Absent: no image. */
  imageIndex?: Int32Array;
  imageFeatures?: ImageFeatures;
  cache?: KvCache;
  /** One adapter for all rows, one for each row, or none. */
  adapter?: Adapter | null | readonly (Adapter | null)[];
  /** Flat positions (row * length + position) whose logits are wanted. */
  logitsAt: Int32Array;
  /** false: no cache is given back (scoring). */
  keepCache: boolean;
}

export interface ForwardOutput {
  /** `[logitsAt.length * vocabulary]`. */
  logits: Float32Array;
  cache?: KvCache;
}

export interface Runner {
  readonly executor: ExecutorInfo;
  /** Of the weights in memory. */
  readonly precision: Precision;
  readonly info: ModelInfo;
  /** Images as the model's processor makes them. */
  encodeImages(images: readonly PixelValues[]): Promise<ImageFeatures>;
  /** Where the tokens of a prompt with these images stand. */
  positions(promptIds: readonly number[], grids: readonly TokenGrid[]): TokenPositions;
  forward(input: ForwardInput): Promise<ForwardOutput>;
  /** The rows of a cache in a new order, with repetition: a prompt prefilled once serves all its samples. */
  selectRows(cache: KvCache, rows: Int32Array): Promise<KvCache>;
  /** The first `length` positions of a cache, which is disposed: what was read on trial is forgotten. */
  shorten(cache: KvCache, length: number): Promise<KvCache>;
  dispose(): Promise<void>;
}
