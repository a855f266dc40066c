/**
 * Gemma 3 on ONNX Runtime. Graphs are recorded and loaded when they are first needed: the image encoder, the language
 * model alone, with one adapter for all rows, with an adapter for each row (or, for a large model, one for all of these).
 * All read their weights from the checkpoint's own files, and adapters are inputs, so that changing the checkpoint costs
 * nothing.
 */
import { realpath } from 'node:fs/promises';
import { WorkbenchError } from '../base/errors.ts';
import type { EncodedGraph } from '../tensor/onnx/graph.ts';
import type { LocateWeight, StoredWeight } from '../tensor/onnx/ops.ts';
import { loadOnnxRuntime, OnnxSession, type OnnxSettings, type PlainTensor } from '../tensor/onnx/session.ts';
import { elements } from '../tensor/safetensors.ts';
import type { Gemma3Config } from './gemma3/config.ts';
import { languageGraph, visionGraph } from './gemma3/graphs.ts';
import { type HostInputs, hostInputs } from './gemma3/inputs.ts';
import { languageLinears } from './gemma3/names.ts';
import type { ModelFolder } from './modelFolder.ts';
import { AdapterInputs, OneGraphAdapterInputs } from './onnxAdapters.ts';
import { OnnxCache } from './onnxCache.ts';
import type { ExecutorInfo, ForwardInput, ForwardOutput, ImageFeatures, KvCache, Runner } from './runner.ts';

/** Above, a second and third graph's copy of the weights is too much memory for the speed that it gains. */
const ONE_GRAPH_PARAMETERS = 5e8;

export interface OnnxRunnerSettings extends OnnxSettings {
  /** One graph for batches with and without adapters; absent: for large models. */
  oneGraph?: boolean;
}

/**
 * Throws ONNXRUNTIME_UNAVAILABLE where ONNX Runtime cannot be loaded; later, when weights are first needed, TENSOR_DTYPE
 * for weights that are no floats.
 */
export async function openOnnxRunner(folder: ModelFolder, settings: OnnxRunnerSettings): Promise<OnnxRunner> {
  const oneGraph = settings.oneGraph ?? folder.info.parameters > ONE_GRAPH_PARAMETERS;
  const adapters = oneGraph ? new OneGraphAdapterInputs(languageLinears(folder.config)) : new AdapterInputs();
  return new OnnxRunner(folder, await weightLocator(folder), await onnxExecutor(settings), adapters);
}

/** Throws ONNXRUNTIME_UNAVAILABLE where ONNX Runtime cannot be loaded. */
export async function onnxExecutor(settings: OnnxSettings): Promise<ExecutorInfo> {
  const { env } = await loadOnnxRuntime();
  return {
    name: 'onnxruntime-cpu',
    version: env.versions.node ?? env.versions.common,
    threads: settings.threads,
    reason: 'ONNX Runtime is the fastest executor for reading and generating text.',
  };
}

async function weightLocator({ weights }: ModelFolder): Promise<LocateWeight> {
  const realPaths = new Map<string, string>();
  for (const name of weights.names) {
    const { file } = weights.entry(name);
    if (!realPaths.has(file)) realPaths.set(file, await realpath(file));
  }
  return (name) => {
    const { file, offset, byteLength, dtype, shape } = weights.entry(name);
    if (!isFloat(dtype)) throw weightDtype(name, file, dtype);
    return { file: realPaths.get(file)!, offset, length: byteLength, dtype, shape };
  };
}

function weightDtype(tensor: string, file: string, dtype: string): WorkbenchError {
  const remedy = 'Save the checkpoint as F32, F16 or BF16.';
  return new WorkbenchError(
    'TENSOR_DTYPE',
    `Weights of the dtype ${dtype} cannot be used.`,
    { file, tensor, dtype },
    remedy,
  );
}

function isFloat(dtype: string): dtype is StoredWeight['dtype'] {
  return dtype === 'F32' || dtype === 'F16' || dtype === 'BF16';
}

export class OnnxRunner implements Runner {
  private readonly sessions = new Map<string, Promise<OnnxSession>>();

  constructor(
    private readonly folder: ModelFolder,
    private readonly locate: LocateWeight,
    readonly executor: ExecutorInfo,
    private readonly adapters: AdapterInputs | OneGraphAdapterInputs,
  ) {}

  get info() {
    return this.folder.info;
  }

  async encodeImages(pixelValues: Float32Array, count: number): Promise<ImageFeatures> {
    const { imageSize, imageTokens: tokens, width } = this.info;
    const shape = [count, this.folder.config.vision.channels, imageSize, imageSize];
    if (pixelValues.length !== elements(shape))
      throw new WorkbenchError('PIXEL_VALUES', 'The pixel values do not have the shape that the model needs.', {
        expected: shape,
        actual: [pixelValues.length],
      });
    const session = await this.session('vision', () => visionGraph(this.folder.config, this.locate));
    const data = new Float32Array(count * tokens * width);
    const step = imagesAtOnce(this.folder.config);
    const pixelSize = elements(shape) / count;
    for (let i = 0; i < count; i += step) {
      const images = Math.min(step, count - i);
      const pixels = pixelValues.subarray(i * pixelSize, (i + images) * pixelSize);
      const { features } = await session.run({ pixels: { data: pixels, shape: [images, ...shape.slice(1)] } }, [
        'features',
      ]);
      data.set(features!.data, i * tokens * width);
    }
    return { data, count, tokens, width };
  }

  async forward(input: ForwardInput): Promise<ForwardOutput> {
    const { config } = this.folder;
    const { plan, feeds, past } = this.languageFeeds(input);
    const key = `language/${plan.mixed}/${[...plan.modules].sort().join()}`;
    const session = await this.session(key, () => languageGraph(config, this.locate, plan));
    const { logits, ...added } = await session.run(feeds, ['logits', ...(input.keepCache ? past.names : [])]);
    const output = { logits: logits!.data as Float32Array };
    return input.keepCache ? { ...output, cache: past.append(added, input.length) } : output;
  }

  private languageFeeds(input: ForwardInput) {
    const { config, info } = this.folder;
    const past = input.cache ? ownCache(input.cache, input.batch) : OnnxCache.empty(config, input.batch);
    const features = input.imageFeatures ?? noFeatures(info.width);
    const host = hostInputs(config, input, past.length, features.count * features.tokens);
    const adapter = this.adapters.feeds(input.adapter, input.batch);
    const feeds = { ...hostFeeds(host, features), ...past.inputs(), ...adapter.inputs };
    return { plan: adapter.plan, feeds, past };
  }

  /** Intermediate values by the network's own names, for tests: of the image encoder, or of the language model. */
  async watch(input: ForwardInput | Float32Array, names: readonly string[]): Promise<Map<string, Float32Array>> {
    const { config } = this.folder;
    const { channels, imageSize } = config.vision;
    const ofImages = input instanceof Float32Array;
    const graph = ofImages
      ? visionGraph(config, this.locate, names)
      : languageGraph(config, this.locate, this.languageFeeds(input).plan, names);
    const feeds = ofImages
      ? { pixels: { data: input, shape: [input.length / (channels * imageSize ** 2), channels, imageSize, imageSize] } }
      : this.languageFeeds(input).feeds;
    const session = await OnnxSession.open(graph, this.executor);
    const values = await session.run(feeds, names);
    await session.release();
    return new Map(Object.entries(values).map(([name, { data }]) => [name, data as Float32Array]));
  }

  async selectRows(cache: KvCache, rows: Int32Array): Promise<KvCache> {
    return ownCache(cache).select(rows);
  }

  async dispose(): Promise<void> {
    const sessions = [...this.sessions.values()];
    this.sessions.clear();
    for (const session of sessions) await (await session).release();
  }

  private session(key: string, record: () => EncodedGraph): Promise<OnnxSession> {
    let session = this.sessions.get(key);
    if (!session) {
      session = OnnxSession.open(record(), this.executor);
      this.sessions.set(key, session);
      session.catch(() => this.sessions.delete(key));
    }
    return session;
  }
}

const MAX_ACTIVATION_BYTES = 2 ** 29;

/** So many that the largest activation of the image encoder stays small: 7 of MedGemma's. */
function imagesAtOnce({ vision }: Gemma3Config): number {
  const patches = (vision.imageSize / vision.patchSize) ** 2;
  return Math.max(1, Math.floor(MAX_ACTIVATION_BYTES / (patches * vision.innerWidth * 4)));
}

/** The graph always has image rows; without images none of them is placed. */
function noFeatures(width: number): ImageFeatures {
  return { data: new Float32Array(width), count: 1, tokens: 1, width };
}

function hostFeeds(host: HostInputs, features: ImageFeatures): Record<string, PlainTensor> {
  const { batch, length, total } = host;
  const positions = [batch, length];
  const inputs: Record<string, PlainTensor> = {
    ids: { data: host.ids, shape: positions },
    imageIndex: { data: host.imageIndex ?? new Int32Array(batch * length).fill(-1), shape: positions },
    imageFeatures: { data: features.data, shape: [features.count * features.tokens, features.width] },
    rows: { data: host.rows, shape: [host.rows.length] },
  };
  const nothingMasked = new Float32Array(batch * length * total);
  for (const kind of ['full_attention', 'sliding_attention'] as const) {
    const half = host.cos[kind].length / (batch * length);
    inputs[`cos.${kind}`] = { data: host.cos[kind], shape: [batch, length, half] };
    inputs[`sin.${kind}`] = { data: host.sin[kind], shape: [batch, length, half] };
    inputs[`bias.${kind}`] = { data: host.bias[kind] ?? nothingMasked, shape: [batch, 1, length, total] };
  }
  return inputs;
}

function ownCache(cache: KvCache, batch = cache.batch): OnnxCache {
  if (cache instanceof OnnxCache && cache.batch === batch) return cache;
  throw new WorkbenchError('FORWARD_CACHE', 'This cache belongs to another executor or batch.');
}
