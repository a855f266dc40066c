/**
 * Features of films after the frozen vision encoder, computed once for each film, preprocessing and base model, and shared
 * by all checkpoints, prompts, epochs and rollouts: in memory and, where a folder is given and computing them took long
 * enough to be worth a file, on disk. Both are bounded; what was not used for longest goes first.
 */
import { mkdir, readdir, stat, unlink, utimes } from 'node:fs/promises';
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
  /** What computes them, where that may differ: executor, its version, precision. */
  computedBy?: string;
}

export interface FeatureCacheOptions {
  maxBytes?: number;
  /** Files `<key>.safetensors` with one tensor `features` `[tokens,width]` and the images' token grids as metadata. */
  folder?: string;
  maxDiskBytes?: number;
  /** Features that took less are not written: reading them back would take as long. */
  worthSeconds?: number;
}

const DEFAULT_DISK_BYTES = 2 ** 31;
const WORTH_SECONDS = 0.05;
const DEFAULT_BYTES = 2 ** 28;

export class ImageFeatureCache {
  private readonly entries = new Map<string, Promise<ImageFeatures>>();
  private readonly sizes = new Map<string, number>();
  private readonly maxBytes: number;
  private readonly disk: FeatureFolder | null;
  private readonly worthSeconds: number;

  constructor(options: FeatureCacheOptions = {}) {
    const {
      maxBytes = DEFAULT_BYTES,
      folder,
      maxDiskBytes = DEFAULT_DISK_BYTES,
      worthSeconds = WORTH_SECONDS,
    } = options;
    this.maxBytes = maxBytes;
    this.disk = folder === undefined ? null : new FeatureFolder(folder, maxDiskBytes);
    this.worthSeconds = worthSeconds;
  }

  /** Bytes in memory. */
  get bytes(): number {
    return [...this.sizes.values()].reduce((sum, size) => sum + size, 0);
  }

  /** The features of the film, computed where they are not known; asked for twice at once, they are computed once. */
  get(key: FeatureKey, compute: () => Promise<ImageFeatures>): Promise<ImageFeatures> {
    const id = sha256([key.imageHash, key.preprocessing, key.baseHash, key.computedBy ?? ''].join('\n'));
    const known = this.entries.get(id);
    this.entries.delete(id);
    const features = known ?? this.findOrCompute(id, compute);
    this.entries.set(id, features);
    return features;
  }

  private async findOrCompute(id: string, compute: () => Promise<ImageFeatures>): Promise<ImageFeatures> {
    try {
      const features = (await this.disk?.read(id)) ?? (await this.computeAndStore(id, compute));
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

  private async computeAndStore(id: string, compute: () => Promise<ImageFeatures>): Promise<ImageFeatures> {
    const start = performance.now();
    const features = await compute();
    // A full disk makes the cache useless, not the features.
    if (performance.now() - start >= 1000 * this.worthSeconds) await this.disk?.write(id, features).catch(() => {});
    return features;
  }
}

/** The files of a cache. */
class FeatureFolder {
  /** Sizes, the least recently used first. */
  private known: Promise<Map<string, number>> | undefined;

  constructor(
    private readonly folder: string,
    private readonly maxBytes: number,
  ) {}

  /** A file that cannot be read counts as absent: it is computed and written again. */
  async read(id: string): Promise<ImageFeatures | null> {
    try {
      const file = await openSafetensors(this.path(id));
      const [tokens, width] = file.entry('features').shape as [number, number];
      const grids = JSON.parse(file.metadata['grids']!) as TokenGrid[];
      if (tokensOf(...grids) !== tokens) return null;
      const features = { data: await file.read('features'), width, grids };
      await this.used(id);
      return features;
    } catch {
      return null;
    }
  }

  async write(id: string, { data, width, grids }: ImageFeatures): Promise<void> {
    const tensor = { name: 'features', shape: [tokensOf(...grids), width], data };
    await writeSafetensors(this.path(id), [tensor], { grids: JSON.stringify(grids) });
    const known = await this.files();
    known.delete(id);
    known.set(id, (await stat(this.path(id))).size);
    await this.shrink(known);
  }

  private async used(id: string): Promise<void> {
    const known = await this.files();
    const size = known.get(id);
    if (size === undefined) return;
    known.delete(id);
    known.set(id, size);
    const now = new Date();
    await utimes(this.path(id), now, now);
  }

  private async shrink(known: Map<string, number>): Promise<void> {
    let bytes = [...known.values()].reduce((sum, size) => sum + size, 0);
    for (const [id, size] of known) {
      if (bytes <= this.maxBytes) return;
      await unlink(this.path(id)).catch(() => {});
      known.delete(id);
      bytes -= size;
    }
  }

  private files(): Promise<Map<string, number>> {
    this.known ??= this.list();
    return this.known;
  }

  private async list(): Promise<Map<string, number>> {
    await mkdir(this.folder, { recursive: true });
    const found: { id: string; size: number; used: number }[] = [];
    for (const name of await readdir(this.folder)) {
      const id = /^(.+)\.safetensors$/.exec(name)?.[1];
      if (id === undefined) continue;
      const { size, mtimeMs } = await stat(this.path(id));
      found.push({ id, size, used: mtimeMs });
    }
    found.sort((a, b) => a.used - b.used);
    return new Map(found.map(({ id, size }) => [id, size]));
  }

  private path(id: string): string {
    return join(this.folder, `${id}.safetensors`);
  }
}
