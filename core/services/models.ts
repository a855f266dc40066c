/** Loaded models: the network, its tokenizer, template and image processor, kept while they are used. */
import { join } from 'node:path';
import type { Work } from '../base/progress.ts';
import type { Film } from '../dicom/film.ts';
import { ImageFeatureCache } from '../generation/imageFeatureCache.ts';
import { loadProcessor, loadPromptModel, type PromptModel } from '../models/architectures.ts';
import { openModelFolder } from '../models/modelFolder.ts';
import { adapterTarget } from '../models/network.ts';
import { type ExecutorChoice, openRunner, type PrecisionChoice } from '../models/openRunner.ts';
import type { ImageFeatures, Runner } from '../models/runner.ts';
import type { Adapter } from '../peft/adapter.ts';
import { openAdapter } from '../peft/adapterFolder.ts';
import type { ImageProcessor } from '../preprocessing/imageProcessor.ts';
import { toModelImage } from '../preprocessing/presets.ts';
import type { Device } from '../tensor/executor.ts';

export interface LoadedModel extends PromptModel {
  runner: Runner;
  processor: ImageProcessor;
  /** Features of a film, computed where they are not known. @throws what preprocessing throws */
  featuresOf(film: Film, preprocessing: string): Promise<ImageFeatures>;
}

/** Runs the opening of a folder, and may watch it. */
export type Opening = <T>(dir: string, open: (work?: Work) => Promise<T>) => Promise<T>;

export interface ModelOptions {
  /** Absent: the fastest that is there. */
  executor?: ExecutorChoice;
  threads?: number;
  /** Where ONNX Runtime computes; absent: the processor. */
  device?: Device;
  /** The same, where it may change meanwhile. */
  deviceOf?(): Device;
  /** Absent: `auto`. */
  precision?: PrecisionChoice;
  /** Around an opening that nobody watches: shows its progress. */
  opening?: Opening;
  /** What is chosen for the base model in a folder, before `precision`. */
  precisionOf?(dir: string): PrecisionChoice | undefined;
  /** Where converted weights and image features are kept; absent: features in memory only, and f32. */
  cacheDir?: string;
}

/** Base models kept at once: two can be compared without loading them again. */
const KEPT = 2;

export class Models {
  private readonly features: ImageFeatureCache;
  private readonly bases = new Map<string, Promise<LoadedModel>>();
  private readonly adapters = new Map<string, Promise<Adapter>>();

  constructor(private readonly options: ModelOptions = {}) {
    const { cacheDir } = options;
    this.features = new ImageFeatureCache(cacheDir === undefined ? {} : { folder: join(cacheDir, 'features') });
  }

  /** @param dir folder of a base model */
  async base(dir: string, work?: Work): Promise<LoadedModel> {
    const { opening } = this.options;
    const open = (work?: Work) => loadModel(dir, this.options, this.features, work);
    const key = this.key(dir);
    const there = this.bases.get(key) ?? (work || !opening ? open(work) : opening(dir, open));
    this.bases.delete(key);
    this.bases.set(key, there);
    there.catch(() => this.bases.delete(key));
    await this.forgetOldest();
    return there;
  }

  /** After another precision was chosen. */
  async forgetBase(dir: string): Promise<void> {
    const there = this.bases.get(this.key(dir));
    this.bases.delete(this.key(dir));
    await there?.then((model) => model.runner.dispose()).catch(() => {});
  }

  /** A model on another device is another one in memory. */
  private key(dir: string): string {
    return `${deviceOf(this.options)} ${dir}`;
  }

  /** @param dir folder of an adapter  @param baseDir of the base that it belongs to */
  adapter(dir: string, baseDir: string): Promise<Adapter> {
    const there = this.adapters.get(dir) ?? readAdapter(dir, baseDir).then(({ adapter }) => adapter);
    this.adapters.set(dir, there);
    there.catch(() => this.adapters.delete(dir));
    return there;
  }

  /** After its files changed. */
  forgetAdapter(dir: string): void {
    this.adapters.delete(dir);
  }

  async dispose(): Promise<void> {
    for (const loading of this.bases.values()) await loading.then((model) => model.runner.dispose()).catch(() => {});
    this.bases.clear();
  }

  private async forgetOldest(): Promise<void> {
    for (const dir of [...this.bases.keys()].slice(0, Math.max(0, this.bases.size - KEPT))) {
      const old = this.bases.get(dir)!;
      this.bases.delete(dir);
      await old.then((model) => model.runner.dispose()).catch(() => {});
    }
  }
}

/** An adapter, checked against the base model that it belongs to. */
export async function readAdapter(dir: string, baseDir: string): Promise<{ adapter: Adapter; warnings: string[] }> {
  return openAdapter(dir, adapterTarget(await openModelFolder(baseDir)));
}

async function loadModel(
  dir: string,
  options: ModelOptions,
  features: ImageFeatureCache,
  work?: Work,
): Promise<LoadedModel> {
  // First, so that a folder that is no model is said to be that, and not to lack a tokenizer.
  const folder = await openModelFolder(dir, options.cacheDir, work);
  const prompt = await loadPromptModel(dir);
  const processor = await loadProcessor(dir);
  const { executor: asked, threads, cacheDir } = options;
  const wanted = options.precisionOf?.(dir) ?? options.precision ?? defaultPrecision(options);
  const device = deviceOf(options);
  const runner = await openRunner({
    model: folder,
    executor: asked,
    threads,
    device,
    cacheDir,
    precision: wanted,
    work,
  });
  const { executor, precision } = runner;
  const computedBy = `${executor.name} ${executor.version} ${precision}`;
  const featuresOf = (film: Film, preprocessing: string) =>
    features.get({ imageHash: film.sha256, preprocessing, baseHash: folder.info.weightsHash, computedBy }, () =>
      runner.encodeImages([processor.pixelValues(toModelImage(film, preprocessing))]),
    );
  return { ...prompt, runner, processor, featuresOf };
}

function deviceOf({ device, deviceOf }: ModelOptions): Device {
  return device ?? deviceOf?.() ?? 'cpu';
}

/** Converted weights need a place. */
function defaultPrecision({ cacheDir }: ModelOptions): PrecisionChoice {
  return cacheDir === undefined ? 'f32' : 'auto';
}
