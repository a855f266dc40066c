/** Films as tensors: pixel values of a batch, and image features of a frozen vision tower, computed once per film. */
import type { Tensor2D } from '@tensorflow/tfjs-core';
import type { ImageFeatures, TokenGrid } from '../models/runner.ts';
import type { TrainableModel } from '../models/trainable.ts';
import type { ImageProcessor, PixelValues } from '../preprocessing/imageProcessor.ts';
import type { Image8 } from '../preprocessing/resize.ts';
import { type TrainingSequence, trainingBatch } from './batch.ts';
import type { EngineBatch, TrainingEngine } from './engine.ts';
import type { TrainingExample } from './types.ts';

export async function pixelsOf(
  images: readonly (() => Image8 | Promise<Image8>)[],
  processor: ImageProcessor,
): Promise<PixelValues[]> {
  const pixels: PixelValues[] = [];
  for (const image of images) pixels.push(processor.pixelValues(await image()));
  return pixels;
}

/**
 * Features by film. A film's features are computed again only where the cache had to let them go, and by themselves: in a
 * batch their last bits would depend on what else is in it, and a resumed run would differ.
 */
export class FeatureCache {
  private readonly features = new Map<string, ImageFeatures>();
  /** By film; kept when the features go. */
  private readonly grids = new Map<string, TokenGrid>();
  private bytes = 0;

  constructor(
    private readonly engine: Pick<TrainingEngine, 'imageFeatures'>,
    private readonly processor: ImageProcessor,
    /** The oldest features go when there are more bytes than this. */
    private readonly maxBytes = 2 ** 31,
  ) {}

  /** For each example, in order. */
  async get(examples: readonly TrainingExample[]): Promise<ImageFeatures[]> {
    const found: ImageFeatures[] = [];
    for (const example of examples) found.push(this.features.get(example.id) ?? (await this.encode(example)));
    return found;
  }

  /** The image tokens of an example's film. */
  async grid(example: TrainingExample): Promise<TokenGrid> {
    return this.grids.get(example.id) ?? (await this.encode(example)).grids[0]!;
  }

  private async encode(example: TrainingExample): Promise<ImageFeatures> {
    const image = this.processor.pixelValues(await example.image());
    const features = await this.engine.imageFeatures(image);
    this.grids.set(example.id, features.grids[0]!);
    this.keep(example.id, features);
    return features;
  }

  private keep(id: string, features: ImageFeatures): void {
    this.features.set(id, features);
    this.bytes += features.data.byteLength;
    for (const [oldest, { data }] of this.features) {
      if (this.bytes <= this.maxBytes) break;
      this.features.delete(oldest);
      this.bytes -= data.byteLength;
    }
  }
}

/**
 * Sequences as one pass of an engine. `features[i]` belongs to sequence i (null: it has no image); the same features, given
 * twice, are one image.
 */
export function engineBatch(
  engine: Pick<TrainingEngine, 'info' | 'network'>,
  sequences: readonly TrainingSequence[],
  features: readonly (ImageFeatures | null)[],
): EngineBatch {
  const { distinct, places, grids } = placeImages(features);
  const { input, targets } = trainingBatch(sequences, places, grids, engine);
  return { input, targets, images: distinct };
}

/** Features of every image once, its token grid, and the place of each sequence's image among them (-1: none). */
function placeImages(features: readonly (ImageFeatures | null)[]): {
  distinct: ImageFeatures[];
  places: number[];
  grids: TokenGrid[];
} {
  const distinct = [...new Set(features)].filter((image): image is ImageFeatures => image !== null);
  const places = features.map((image) => (image === null ? -1 : distinct.indexOf(image)));
  return { distinct, places, grids: distinct.map(({ grids }) => grids[0]!) };
}

/** Features one after the other, as the network's input `[M,D]`; nothing where there is none. Call inside `tf.tidy`. */
export function featureInput(model: TrainableModel, images: readonly ImageFeatures[]): { imageFeatures?: Tensor2D } {
  if (images.length === 0) return {};
  const { width } = model.info;
  const all = new Float32Array(images.reduce((sum, { data }) => sum + data.length, 0));
  let offset = 0;
  for (const { data } of images) {
    all.set(data, offset);
    offset += data.length;
  }
  return { imageFeatures: model.tf.tensor2d(all, [all.length / width, width]) };
}
