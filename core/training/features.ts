/** Films as tensors: pixel values of a batch, and image features of a frozen vision tower, computed once per film. */
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import type { TrainableModel } from '../models/trainable.ts';
import { type ProcessorConfig, pixelValues } from '../preprocessing/gemma3Processor.ts';
import type { Image8 } from '../preprocessing/resize.ts';
import type { TrainingExample } from './types.ts';

/** `[I,3,H,W]` on the host. */
export async function pixelsOf(
  images: readonly (() => Image8 | Promise<Image8>)[],
  processor: ProcessorConfig,
): Promise<Float32Array> {
  const size = 3 * processor.width * processor.height;
  const pixels = new Float32Array(images.length * size);
  for (const [i, image] of images.entries()) pixels.set(pixelValues(await image(), processor), i * size);
  return pixels;
}

/** Call inside `tf.tidy`. */
export function pixelTensor(model: TrainableModel, pixels: Float32Array, processor: ProcessorConfig): Tensor4D {
  const count = pixels.length / (3 * processor.width * processor.height);
  return model.tf.tensor4d(pixels, [count, 3, processor.height, processor.width]);
}

/**
 * Features by film. A film's features are computed again only where the cache had to let them go, and by themselves: in a
 * batch their last bits would depend on what else is in it, and a resumed run would differ.
 */
export class FeatureCache {
  private readonly features = new Map<string, Float32Array>();
  private bytes = 0;

  constructor(
    private readonly model: TrainableModel,
    private readonly processor: ProcessorConfig,
    /** The oldest features go when there are more bytes than this. */
    private readonly maxBytes = 2 ** 31,
  ) {}

  /** `[imageTokens, width]` for each example, in order. */
  async get(examples: readonly TrainingExample[]): Promise<Float32Array[]> {
    const found: Float32Array[] = [];
    for (const example of examples) found.push(this.features.get(example.id) ?? (await this.encode(example)));
    return found;
  }

  private async encode(example: TrainingExample): Promise<Float32Array> {
    const pixels = await pixelsOf([() => example.image()], this.processor);
    const tensor = this.model.tf.tidy(() => this.model.imageFeatures(pixelTensor(this.model, pixels, this.processor)));
    const features = (await tensor.data()) as Float32Array;
    tensor.dispose();
    this.keep(example.id, features);
    return features;
  }

  private keep(id: string, features: Float32Array): void {
    this.features.set(id, features);
    this.bytes += features.byteLength;
    for (const [oldest, { byteLength }] of this.features) {
      if (this.bytes <= this.maxBytes) break;
      this.features.delete(oldest);
      this.bytes -= byteLength;
    }
  }
}

/** Every array of features once, and the place of each sequence's among them (-1: none). */
export function placeImages(features: readonly (Float32Array | null)[]): {
  distinct: Float32Array[];
  places: number[];
} {
  const distinct = [...new Set(features)].filter((array): array is Float32Array => array !== null);
  return { distinct, places: features.map((array) => (array === null ? -1 : distinct.indexOf(array))) };
}

/** Features one after the other, as the network's input `[M,D]`; nothing where there is none. Call inside `tf.tidy`. */
export function featureInput(model: TrainableModel, features: readonly Float32Array[]): { imageFeatures?: Tensor2D } {
  if (features.length === 0) return {};
  const { width } = model.info;
  const all = new Float32Array(features.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of features) {
    all.set(part, offset);
    offset += part.length;
  }
  return { imageFeatures: model.tf.tensor2d(all, [all.length / width, width]) };
}
