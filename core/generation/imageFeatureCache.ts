/**
 * Features of films after the frozen vision encoder, computed once for each film, preprocessing and base model, and shared
 * by all checkpoints, prompts, epochs and rollouts: in memory up to a number of bytes, the least recently used going
 * first, and in a folder where one is given.
 */
import { join } from 'node:path';
import { sha256 } from '../base/hash.ts';
import { type ImageFeatures, type TokenGrid, tokensOf } from '../models/runner.ts';
import { openSafetensors, writeSafetensors } from '../tensor/safetensors.ts';

export interface FeatureKey {
  /** Of the film's pixels. */
  imageHash: string;
  /** Name of the preset that made pixel values of them. */
  preprocessing: string;
  /** `ModelInfo.weightsHash` of the base. */
  baseHash: string;
}

export interface FeatureCacheOptions {
  maxBytes?: number;
  /** Files `<key>.safetensors` with one tensor `features` `[tokens,width]` and the images' token grids as metadata. */
  folder?: string;
}

const DEFAULT_BYTES = 2 ** 28;

export class ImageFeatureCache {
  private readonly entries = new Map<string, Promise<ImageFeatures>>();
  private readonly sizes = new Map<string, number>();
  private readonly maxBytes: number;
  private readonly folder: string | undefined;

  constructor({ maxBytes = DEFAULT_BYTES, folder }: FeatureCacheOptions = {}) {
    this.maxBytes = maxBytes;
    this.folder = folder;
  }

  /** Bytes in memory. */
  get bytes(): number {
    return [...this.sizes.values()].reduce((sum, size) => sum + size, 0);
  }

  /** The features of the film, computed where they are not known; asked for twice at once, they are computed once. */
  get(key: FeatureKey, compute: () => Promise<ImageFeatures>): Promise<ImageFeatures> {
    const id = sha256([key.imageHash, key.preprocessing, key.baseHash].join('\n'));
    const known = this.entries.get(id);
    this.entries.delete(id);
    const features = known ?? this.findOrCompute(id, compute);
    this.entries.set(id, features);
    return features;
  }

  private async findOrCompute(id: string, compute: () => Promise<ImageFeatures>): Promise<ImageFeatures> {
    try {
      const stored = await this.read(id);
      const features = stored ?? (await compute());
      // A full disk makes the cache useless, not the features.
      if (!stored) await this.write(id, features).catch(() => {});
      this.sizes.set(id, features.data.byteLength);
      this.shrink();
      return features;
    } catch (error) {
      this.entries.delete(id);
      throw error;
    }
  }

  private shrink(): void {
    let bytes = this.bytes;
    for (const id of this.entries.keys()) {
      if (bytes <= this.maxBytes) return;
      const size = this.sizes.get(id);
      // One still being computed has no size yet.
      if (size === undefined) continue;
      this.entries.delete(id);
      this.sizes.delete(id);
      bytes -= size;
    }
  }

  /** A file that cannot be read counts as absent: it is computed and written again. */
  private async read(id: string): Promise<ImageFeatures | null> {
    if (this.folder === undefined) return null;
    try {
      const file = await openSafetensors(join(this.folder, `${id}.safetensors`));
      const [tokens, width] = file.entry('features').shape as [number, number];
      const grids = JSON.parse(file.metadata['grids']!) as TokenGrid[];
      if (tokensOf(...grids) !== tokens) return null;
      return { data: await file.read('features'), width, grids };
    } catch {
      return null;
    }
  }

  private async write(id: string, { data, width, grids }: ImageFeatures): Promise<void> {
    if (this.folder === undefined) return;
    const tensor = { name: 'features', shape: [tokensOf(...grids), width], data };
    const metadata = { grids: JSON.stringify(grids) };
    await writeSafetensors(join(this.folder, `${id}.safetensors`), [tensor], metadata);
  }
}
