/**
 * A model on tfjs: a `Runner` for generation and scoring where ONNX Runtime is not wanted, and a `TrainableModel` for
 * training. Both run the network of their architecture (network.ts) on `TfjsOps`; tensors that a call makes are freed before it ends,
 * but for what it gives back.
 */
import type { Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import { WorkbenchError } from '../base/errors.ts';
import type { Work } from '../base/progress.ts';
import { AdapterSets, type StackedAdapters } from '../peft/stack.ts';
import type { PixelValues } from '../preprocessing/imageProcessor.ts';
import type { ExecutorInfo } from '../tensor/executor.ts';
import type { LoraInputs } from '../tensor/ops.ts';
import type { Tf, Tfjs } from '../tensor/tfjs/backend.ts';
import { Functions } from '../tensor/tfjs/functions.ts';
import { angles, mask, TfjsOps } from '../tensor/tfjs/ops.ts';
import { TfjsWeights } from '../tensor/tfjs/weights.ts';
import type { LayerType } from './config.ts';
import { finite } from './finite.ts';
import type { HostInputs } from './hostInputs.ts';
import type { ModelFolder } from './modelFolder.ts';
import type { ByKind, HostTensor, LanguageInputs, LanguageOutputs, Network, TokenPositions, Watch } from './network.ts';
import {
  type ForwardInput,
  type ForwardOutput,
  type ImageFeatures,
  type KvCache,
  type ModelInfo,
  type Runner,
  type TokenGrid,
  tokensOf,
} from './runner.ts';
import type { TrainableModel, TrainingInput, TrainingOptions } from './trainable.ts';

type LoraPairs = LoraInputs<Tensor>['pairs'];

export class TfjsModel implements Runner, TrainableModel {
  private readonly adapters = new AdapterSets<LoraPairs>(
    (stacked) => this.uploadAdapters(stacked),
    (pairs) => {
      for (const { down, up } of pairs.values()) this.tf.dispose([down, up]);
    },
  );

  /** The differentiable executor is the reference. */
  readonly precision = 'f32';

  private constructor(
    private readonly tfjs: Tfjs,
    readonly info: ModelInfo,
    readonly network: Network,
    private readonly weights: TfjsWeights,
  ) {}

  static async load(folder: ModelFolder, tfjs: Tfjs, work?: Work): Promise<TfjsModel> {
    return new TfjsModel(tfjs, folder.info, folder.network, await TfjsWeights.load(tfjs, folder.weights, work));
  }

  get executor(): ExecutorInfo {
    return this.tfjs.executor;
  }

  get tf(): Tf {
    return this.tfjs.tf;
  }

  // ------------------------------------------------------------------------------------------------------------ Runner

  async encodeImages(images: readonly PixelValues[]): Promise<ImageFeatures> {
    this.tfjs.use();
    const grids = images.map((image) => this.network.tokenGrid(image));
    const { width } = this.info;
    if (images.length === 0) return { data: new Float32Array(), width, grids };
    const data = await takeData(this.tf.tidy(() => this.encode(images, false)));
    return { data: finite(data, 'FEATURES_NOT_FINITE', this), width, grids };
  }

  positions(promptIds: readonly number[], grids: readonly TokenGrid[]): TokenPositions {
    return this.network.positions(promptIds, grids);
  }

  async forward(input: ForwardInput): Promise<ForwardOutput> {
    this.tfjs.use();
    const past = input.cache === undefined ? null : this.ownCache(input.cache, input.batch);
    const output = this.tf.tidy(() => {
      const lora = this.adapterInputs(input.adapter, input.batch);
      const { logits, keys, values } = this.language(input, past, { ...(lora ? { lora } : {}) }, false);
      return input.keepCache ? { logits, keys, values } : { logits };
    });
    const cache = output.keys && new TfjsCache(this, output.keys as Tensor4D[], output.values as Tensor4D[]);
    try {
      const logits = finite(await takeData(output.logits), 'LOGITS_NOT_FINITE', this);
      return cache ? { logits, cache } : { logits };
    } catch (error) {
      cache?.dispose();
      throw error;
    }
  }

  async selectRows(cache: KvCache, rows: Int32Array): Promise<KvCache> {
    this.tfjs.use();
    const { keys, values } = this.ownCache(cache);
    const wrong = rows.find((row) => row < 0 || row >= cache.batch);
    if (wrong !== undefined || rows.length === 0)
      throw new WorkbenchError('FORWARD_INPUT', 'The rows to keep of a cache are not among its rows.', {
        actual: [...rows],
        expected: cache.batch,
      });
    const index = this.tf.tensor1d(rows, 'int32');
    const select = (tensor: Tensor4D) => this.tf.gather(tensor, index);
    const selected = new TfjsCache(this, keys.map(select), values.map(select));
    index.dispose();
    return selected;
  }

  async shorten(cache: KvCache, length: number): Promise<KvCache> {
    this.tfjs.use();
    const { keys, values } = this.ownCache(cache);
    if (length < 0 || length > cache.length)
      throw new WorkbenchError('FORWARD_INPUT', 'A cache cannot be cut to this length.', {
        actual: length,
        expected: cache.length,
      });
    const cut = (tensor: Tensor4D) => this.tf.slice(tensor, [0, 0, 0, 0], [-1, -1, length, -1]);
    const shorter = new TfjsCache(this, keys.map(cut), values.map(cut));
    cache.dispose();
    return shorter;
  }

  async dispose(): Promise<void> {
    this.adapters.clear();
    this.weights.dispose();
  }

  private ownCache(cache: KvCache, batch = cache.batch): TfjsCache {
    if (cache instanceof TfjsCache && cache.owner === this && !cache.disposed && cache.batch === batch) return cache;
    throw new WorkbenchError('FORWARD_CACHE', 'This cache belongs to another model or batch, or was disposed.');
  }

  /** The adapters of a batch on the backend; call inside `tf.tidy`. */
  private adapterInputs(adapter: ForwardInput['adapter'], batch: number): LoraInputs<Tensor> | undefined {
    const feed = this.adapters.feed(adapter, batch);
    if (feed === null) return undefined;
    const { value: pairs, rankMask, stacked } = feed;
    return rankMask ? { pairs, rankMask: this.tf.tensor3d(rankMask, [batch, 1, stacked.rank]) } : { pairs };
  }

  private uploadAdapters({ modules, rank }: StackedAdapters): LoraPairs {
    const keep = (values: Float32Array, shape: [number, number]) => this.tf.keep(this.tf.tensor2d(values, shape));
    return new Map(
      [...modules].map(([module, { down, up, in: input, out }]) => {
        return [module, { down: keep(down, [input, rank]), up: keep(up, [rank, out]), scale: 1 }] as const;
      }),
    );
  }

  // ---------------------------------------------------------------------------------------------------- TrainableModel

  use(): void {
    this.tfjs.use();
  }

  get weightNames(): readonly string[] {
    return this.weights.names;
  }

  weight(name: string): Tensor {
    return this.weights.get(name);
  }

  languageLogits(input: TrainingInput, options: TrainingOptions = {}): Tensor2D {
    this.tfjs.use();
    return this.tf.tidy(() => this.language(input, null, options, true).logits as Tensor2D);
  }

  logProbabilities(logits: Tensor2D, targets: Tensor1D): Tensor1D {
    return new Functions(this.tf, true).logProbabilities(logits, targets);
  }

  imageFeatures(images: readonly PixelValues[], options: Pick<TrainingOptions, 'weights'> = {}): Tensor2D {
    this.tfjs.use();
    for (const image of images) this.network.tokenGrid(image);
    return this.tf.tidy(() => this.encode(images, true, options));
  }

  // ------------------------------------------------------------------------------------------------------- the network

  /** Intermediate values for tests, of a batch without cache; the caller frees them. */
  watchLanguage(input: TrainingInput, watch: Watch<Tensor>): LanguageOutputs<Tensor> {
    return this.language(input, null, {}, false, watch);
  }

  watchImages(images: readonly PixelValues[], watch: Watch<Tensor>): Tensor2D {
    return this.encode(images, false, {}, watch);
  }

  /** As many images at once as the network allows; call inside `tf.tidy`. */
  private encode(
    images: readonly PixelValues[],
    recording: boolean,
    { weights: trained }: Pick<TrainingOptions, 'weights'> = {},
    watch?: Watch<Tensor>,
  ): Tensor2D {
    const { imagesAtOnce } = this.network;
    const parts: Tensor2D[] = [];
    for (let i = 0; i < images.length; i += imagesAtOnce) {
      const some = images.slice(i, i + imagesAtOnce);
      const options = { batch: some.length, recording, ...(trained ? { trained } : {}) };
      const inputs: Record<string, Tensor> = {};
      for (const [name, host] of Object.entries(this.network.imageInputs(some))) inputs[name] = this.uploadOne(host);
      const ops = new TfjsOps(this.tfjs, this.weights, options);
      parts.push(this.network.encodeImages(ops, inputs, watch) as Tensor2D);
    }
    return parts.length === 1 ? parts[0]! : this.tf.concat(parts, 0);
  }

  private uploadOne({ kind, data, shape }: HostTensor): Tensor {
    const { tf } = this;
    const [batch = 1] = shape;
    if (kind === 'cos' || kind === 'sin') return angles(tf, data, batch, kind, shape[shape.length - 1]!);
    if (kind === 'bias') return mask(tf, data, batch, shape[2]!, 1);
    return kind === 'rows' ? tf.tensor1d(data, 'int32') : tf.tensor(data, [...shape]);
  }

  private language(
    input: TrainingInput,
    past: TfjsCache | null,
    { lora, dropout, checkpointing, weights: trained }: TrainingOptions,
    recording: boolean,
    watch?: Watch<Tensor>,
  ): LanguageOutputs<Tensor> {
    const features = this.featureTensor(input.imageFeatures);
    const host = this.network.languageInputs(input, past?.length ?? 0, features?.shape[0] ?? 0);
    const inputs = { ...this.upload(host), imageFeatures: host.imageIndex ? features : null, past };
    const ops = new TfjsOps(this.tfjs, this.weights, {
      batch: input.batch,
      recording,
      ...(lora ? { lora } : {}),
      ...(dropout ? { dropout } : {}),
      ...(checkpointing ? { checkpointing } : {}),
      ...(trained ? { trained } : {}),
    });
    return this.network.languageModel(ops, inputs, watch);
  }

  private featureTensor(features: TrainingInput['imageFeatures']): Tensor2D | null {
    if (!features) return null;
    if (!('grids' in features)) return features;
    const { data, width, grids } = features;
    const tokens = tokensOf(...grids);
    if (width !== this.info.width || data.length !== tokens * width)
      throw new WorkbenchError('FORWARD_INPUT', 'The image features are not those of this model.', {
        expected: [tokens, this.info.width],
        actual: [data.length / width, width],
      });
    return this.tf.tensor2d(data, [tokens, width]);
  }

  private upload(host: HostInputs): Omit<LanguageInputs<Tensor>, 'imageFeatures' | 'past'> {
    const { tf } = this;
    const { heads, keyValueHeads, headWidth } = this.network.config.text;
    const group = heads / keyValueHeads;
    const inputs = {
      ids: tf.tensor1d(host.ids, 'int32'),
      imageIndex: host.imageIndex ? tf.tensor1d(host.imageIndex, 'int32') : null,
      cos: {} as ByKind<Tensor>,
      sin: {} as ByKind<Tensor>,
      bias: {} as ByKind<Tensor | null>,
      rows: tf.tensor1d(host.rows, 'int32'),
    };
    const masks = new Map<Float32Array, Tensor>();
    for (const kind of Object.keys(host.angles) as LayerType[]) {
      inputs.cos[kind] = angles(tf, host.angles[kind]!.cos, host.batch, 'cos', headWidth / 2);
      inputs.sin[kind] = angles(tf, host.angles[kind]!.sin, host.batch, 'sin', headWidth / 2);
      const bias = host.bias[kind] ?? null;
      if (bias && !masks.has(bias)) masks.set(bias, mask(tf, bias, host.batch, host.length, group));
      inputs.bias[kind] = bias && masks.get(bias)!;
    }
    return inputs;
  }
}

/** Keys and values `[B,K,S,C]` of every layer. */
class TfjsCache implements KvCache {
  disposed = false;

  constructor(
    readonly owner: TfjsModel,
    readonly keys: readonly Tensor4D[],
    readonly values: readonly Tensor4D[],
  ) {}

  get batch(): number {
    return this.keys[0]!.shape[0];
  }

  get length(): number {
    return this.keys[0]!.shape[2];
  }

  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    for (const tensor of [...this.keys, ...this.values]) tensor.dispose();
  }
}

/** A tensor's values; the tensor is freed. */
async function takeData(tensor: Tensor): Promise<Float32Array> {
  try {
    return (await tensor.data()) as Float32Array;
  } finally {
    tensor.dispose();
  }
}
