/**
 * A model on ONNX Runtime, on the processor or a GPU. Graphs are recorded and loaded when they are first needed: the image encoder, the language
 * model alone, with one adapter for all rows, with an adapter for each row (or, for a large model, one for all of these).
 * All read their weights from the checkpoint's own files, and adapters are inputs, so that changing the checkpoint costs
 * nothing.
 */
import { realpath } from 'node:fs/promises';
import { WorkbenchError } from '../base/errors.ts';
import type { Work } from '../base/progress.ts';
import type { PixelValues } from '../preprocessing/imageProcessor.ts';
import { elements } from '../tensor/dtypes.ts';
import type { Device } from '../tensor/executor.ts';
import { findGpu } from '../tensor/onnx/gpu.ts';
import type { EncodedGraph } from '../tensor/onnx/graph.ts';
import { EMBEDDING_INPUT, type LocateWeight, type LoraPlan, type OnnxOpsOptions } from '../tensor/onnx/ops.ts';
import { loadOnnxRuntime, OnnxSession, type OnnxSettings, type PlainTensor } from '../tensor/onnx/session.ts';
import type { Precision } from '../tensor/precision.ts';
import { RowReader } from '../tensor/rowReader.ts';
import type { LayerType } from './config.ts';
import { convertedWeights, EMBEDDING_TABLE } from './convertedWeights.ts';
import { finite } from './finite.ts';
import { languageGraph, visionGraph } from './graphs.ts';
import type { HostInputs } from './hostInputs.ts';
import { type ModelFolder, storedWeight } from './modelFolder.ts';
import type { TokenPositions } from './network.ts';
import { AdapterInputs, OneGraphAdapterInputs } from './onnxAdapters.ts';
import { OnnxCache } from './onnxCache.ts';
import {
  type ExecutorInfo,
  type ForwardInput,
  type ForwardOutput,
  type ImageFeatures,
  type KvCache,
  type Runner,
  type TokenGrid,
  tokensOf,
} from './runner.ts';

/** Above, a second and third graph's copy of the weights is too much memory for the speed that it gains. */
const ONE_GRAPH_PARAMETERS = 5e8;
/** Above (in f32), rows of the table of embeddings are read from the checkpoint as they are needed. */
const MAX_TABLE_BYTES = 2 ** 28;

export interface OnnxRunnerSettings extends OnnxSettings {
  /** One graph for batches with and without adapters; absent: for large models. */
  oneGraph?: boolean;
  /** Absent: f32. */
  precision?: Precision;
  /** Where converted weights are kept; needed for precisions other than f32. */
  cacheDir?: string;
  work?: Work;
}

/**
 * Converts the weights where the precision asks for it and they are not in the cache yet.
 * Throws ONNXRUNTIME_UNAVAILABLE where ONNX Runtime cannot be loaded, PRECISION_UNAVAILABLE where it has no kernels; later,
 * when weights are first needed, TENSOR_DTYPE for weights that are no floats.
 */
export async function openOnnxRunner(folder: ModelFolder, settings: OnnxRunnerSettings): Promise<OnnxRunner> {
  const oneGraph = settings.oneGraph ?? folder.info.parameters > ONE_GRAPH_PARAMETERS;
  const adapters = oneGraph
    ? new OneGraphAdapterInputs(folder.network.linears, settings.device === 'webgpu' ? 1 : 0)
    : new AdapterInputs();
  const executor = await onnxExecutor(settings);
  const precision = settings.precision ?? 'f32';
  const weights = await weightSource(folder, precision, settings);
  return new OnnxRunner(folder, executor, precision, weights, adapters, settings);
}

/** What graphs are recorded with. */
export interface WeightSource {
  locate: LocateWeight;
  options: Omit<OnnxOpsOptions, 'lora' | 'maxTensorBytes'>;
  /** Set where embeddings are an input. */
  embeddings: RowReader | null;
}

export async function weightSource(
  folder: ModelFolder,
  precision: Precision,
  { cacheDir, device, work }: OnnxRunnerSettings,
): Promise<WeightSource> {
  const table = folder.weights.entry(EMBEDDING_TABLE);
  if (precision === 'f32') {
    const embeddings = 4 * elements(table.shape) > MAX_TABLE_BYTES ? await RowReader.open(table) : null;
    const embeddingWidth = embeddings && folder.info.width;
    return { locate: await weightLocator(folder), options: { device, embeddingWidth }, embeddings };
  }
  if (cacheDir === undefined) throw precisionUnavailable(precision, 'There is no folder to keep converted weights in.');
  if (precision === 'f16') await checkHalves(device);
  const { locate, ...forms } = await convertedWeights(folder, precision, cacheDir, work);
  const options = { device, ...forms, embeddingWidth: folder.info.width };
  return { locate, options, embeddings: await RowReader.open(table) };
}

/** @throws PRECISION_UNAVAILABLE where f16 has no kernels */
async function checkHalves(device: Device | undefined): Promise<void> {
  const missing = device === 'webgpu' ? (await findGpu()).halfMissing : NO_HALF_KERNELS;
  if (missing !== null) throw precisionUnavailable('f16', missing);
}

const NO_HALF_KERNELS =
  'ONNX Runtime has no f16 kernels on this processor: it would widen the weights to f32. f16 needs a GPU.';

function precisionUnavailable(precision: Precision, why: string): WorkbenchError {
  return new WorkbenchError('PRECISION_UNAVAILABLE', why, { precision }, 'Choose f32, int8 or int4.');
}

/** Throws ONNXRUNTIME_UNAVAILABLE where ONNX Runtime cannot be loaded. */
export async function onnxExecutor({ threads, device = 'cpu' }: OnnxSettings): Promise<ExecutorInfo> {
  const { env } = await loadOnnxRuntime();
  const reason =
    device === 'cpu'
      ? 'ONNX Runtime is the fastest executor for reading and generating text.'
      : 'The GPU was asked for, and computes.';
  return { name: `onnxruntime-${device}`, version: env.versions.node ?? env.versions.common, threads, reason };
}

async function weightLocator({ weights }: ModelFolder): Promise<LocateWeight> {
  const realPaths = new Map<string, string>();
  for (const name of weights.names) {
    const { file } = weights.entry(name);
    if (!realPaths.has(file)) realPaths.set(file, await realpath(file));
  }
  return (name) => {
    const entry = weights.entry(name);
    const { offset, byteLength } = entry;
    return storedWeight(entry, { file: realPaths.get(entry.file)!, offset, length: byteLength });
  };
}

export class OnnxRunner implements Runner {
  private readonly sessions = new Map<string, Promise<OnnxSession>>();

  constructor(
    private readonly folder: ModelFolder,
    readonly executor: ExecutorInfo,
    readonly precision: Precision,
    private readonly weights: WeightSource,
    private readonly adapters: AdapterInputs | OneGraphAdapterInputs,
    private readonly settings: OnnxSettings,
  ) {}

  get info() {
    return this.folder.info;
  }

  async encodeImages(images: readonly PixelValues[]): Promise<ImageFeatures> {
    const { network } = this.folder;
    const { width } = this.info;
    const grids = images.map((image) => network.tokenGrid(image));
    const { locate, options } = this.weights;
    const session = await this.session('vision', () => visionGraph(network, locate, options));
    const data = new Float32Array(tokensOf(...grids) * width);
    let done = 0;
    for (let i = 0; i < images.length; i += network.imagesAtOnce) {
      const some = images.slice(i, i + network.imagesAtOnce);
      const { features } = await session.run(network.imageInputs(some), ['features']);
      data.set(features!.data, done * width);
      done += tokensOf(...grids.slice(i, i + network.imagesAtOnce));
    }
    return { data: finite(data, 'FEATURES_NOT_FINITE', this), width, grids };
  }

  positions(promptIds: readonly number[], grids: readonly TokenGrid[]): TokenPositions {
    return this.folder.network.positions(promptIds, grids);
  }

  async forward(input: ForwardInput): Promise<ForwardOutput> {
    const { plan, feeds, past } = await this.languageFeeds(input);
    const key = `language/${plan.mixed}/${[...plan.modules].sort().join()}`;
    const session = await this.session(key, () => this.languageGraph(plan));
    const { logits, ...added } = await session.run(feeds, ['logits', ...(input.keepCache ? past.names : [])]);
    const output = { logits: finite(logits!.data as Float32Array, 'LOGITS_NOT_FINITE', this) };
    return input.keepCache ? { ...output, cache: past.append(added, input.length) } : output;
  }

  private languageGraph(lora: LoraPlan, watched: readonly string[] = []): EncodedGraph {
    const { locate, options } = this.weights;
    return languageGraph(this.folder.network, locate, { ...options, lora }, watched);
  }

  private async languageFeeds(input: ForwardInput) {
    const { network, info } = this.folder;
    const past = input.cache ? ownCache(input.cache, input.batch) : OnnxCache.empty(network.config, input.batch);
    const features = input.imageFeatures ?? noFeatures(info.width);
    const host = network.languageInputs(input, past.length, tokensOf(...features.grids));
    const adapter = this.adapters.feeds(input.adapter, input.batch);
    const feeds = { ...hostFeeds(host, features), ...past.inputs(), ...adapter.inputs };
    Object.assign(feeds, await embeddingFeed(this.weights, host, info.width));
    return { plan: adapter.plan, feeds, past };
  }

  /** Intermediate values by the network's own names, for tests: of the image encoder, or of the language model. */
  async watch(
    input: ForwardInput | readonly PixelValues[],
    names: readonly string[],
  ): Promise<Map<string, Float32Array>> {
    const { network } = this.folder;
    const { graph, feeds } = isImages(input)
      ? { graph: this.watchedVision(names), feeds: network.imageInputs(input) }
      : await this.watchedLanguage(input, names);
    const session = await OnnxSession.open(graph, this.settings);
    const values = await session.run(feeds, names);
    await session.release();
    return new Map(Object.entries(values).map(([name, { data }]) => [name, data as Float32Array]));
  }

  private watchedVision(names: readonly string[]): EncodedGraph {
    const { locate, options } = this.weights;
    return visionGraph(this.folder.network, locate, options, names);
  }

  private async watchedLanguage(input: ForwardInput, names: readonly string[]) {
    const { plan, feeds } = await this.languageFeeds(input);
    return { graph: this.languageGraph(plan, names), feeds };
  }

  async selectRows(cache: KvCache, rows: Int32Array): Promise<KvCache> {
    return ownCache(cache).select(rows);
  }

  async shorten(cache: KvCache, length: number): Promise<KvCache> {
    return ownCache(cache).shorten(length);
  }

  async dispose(): Promise<void> {
    const sessions = [...this.sessions.values()];
    this.sessions.clear();
    for (const session of sessions) await (await session).release();
    await this.weights.embeddings?.close();
  }

  private session(key: string, record: () => EncodedGraph): Promise<OnnxSession> {
    let session = this.sessions.get(key);
    if (!session) {
      session = OnnxSession.open(record(), this.settings);
      this.sessions.set(key, session);
      session.catch(() => this.sessions.delete(key));
    }
    return session;
  }
}

/** The rows of the table of embeddings, where they are an input. */
export async function embeddingFeed(
  { embeddings }: WeightSource,
  host: HostInputs,
  width: number,
): Promise<Record<string, PlainTensor>> {
  if (!embeddings) return {};
  // Rows that image features replace are not read.
  const ids = host.ids.map((id, at) => ((host.imageIndex?.[at] ?? -1) >= 0 ? -1 : id));
  return { [EMBEDDING_INPUT]: { data: await embeddings.gather(ids), shape: [host.batch, host.length, width] } };
}

/** The graph always has image rows; without images none of them is placed. */
export function noFeatures(width: number): ImageFeatures {
  return { data: new Float32Array(width), width, grids: [[1, 1]] };
}

export function hostFeeds(host: HostInputs, features: ImageFeatures): Record<string, PlainTensor> {
  const { batch, length, total } = host;
  const positions = [batch, length];
  const inputs: Record<string, PlainTensor> = {
    ids: { data: host.ids, shape: positions },
    imageIndex: { data: host.imageIndex ?? new Int32Array(batch * length).fill(-1), shape: positions },
    imageFeatures: { data: features.data, shape: [tokensOf(...features.grids), features.width] },
    rows: { data: host.rows, shape: [host.rows.length] },
  };
  const nothingMasked = new Float32Array(batch * length * total);
  for (const [kind, { cos, sin }] of Object.entries(host.angles)) {
    const half = cos.length / (batch * length);
    inputs[`cos.${kind}`] = { data: cos, shape: [batch, length, half] };
    inputs[`sin.${kind}`] = { data: sin, shape: [batch, length, half] };
    const bias = host.bias[kind as LayerType] ?? nothingMasked;
    inputs[`bias.${kind}`] = { data: bias, shape: [batch, 1, length, total] };
  }
  return inputs;
}

function isImages(input: ForwardInput | readonly PixelValues[]): input is readonly PixelValues[] {
  return Array.isArray(input);
}

function ownCache(cache: KvCache, batch = cache.batch): OnnxCache {
  if (cache instanceof OnnxCache && cache.batch === batch) return cache;
  throw new WorkbenchError('FORWARD_CACHE', 'This cache belongs to another executor or batch.');
}
