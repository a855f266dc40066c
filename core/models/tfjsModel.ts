/**
 * A model on tfjs: a `Runner` for generation and scoring where ONNX Runtime is not wanted, and a `TrainableModel` for
 * training. Both run the network of gemma3/network.ts on `TfjsOps`; tensors that a call makes are freed before it ends,
 * but for what it gives back.
 */
import type { Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import { WorkbenchError } from '../base/errors.ts';
import type { Work } from '../base/progress.ts';
import { AdapterSets, type StackedAdapters } from '../peft/stack.ts';
import type { ExecutorInfo } from '../tensor/executor.ts';
import type { LoraInputs } from '../tensor/ops.ts';
import type { Tf, Tfjs } from '../tensor/tfjs/backend.ts';
import { Functions } from '../tensor/tfjs/functions.ts';
import { angles, mask, TfjsOps } from '../tensor/tfjs/ops.ts';
import { TfjsWeights } from '../tensor/tfjs/weights.ts';
import type { Gemma3Config, LayerType } from './gemma3/config.ts';
import { type HostInputs, hostInputs } from './gemma3/inputs.ts';
import { languageLinears } from './gemma3/names.ts';
import {
  encodeImages,
  type LanguageInputs,
  type LanguageOutputs,
  languageModel,
  type Watch,
} from './gemma3/network.ts';
import type { ModelFolder } from './modelFolder.ts';
import type { ForwardInput, ForwardOutput, ImageFeatures, KvCache, ModelInfo, Runner } from './runner.ts';
import type { TrainableModel, TrainingInput, TrainingOptions } from './trainable.ts';

type LoraPairs = LoraInputs<Tensor>['pairs'];

export class TfjsModel implements Runner, TrainableModel {
  readonly linears: ReadonlyMap<string, readonly [out: number, input: number]>;
  private readonly adapters = new AdapterSets<LoraPairs>(
    (stacked) => this.uploadAdapters(stacked),
    (pairs) => {
      for (const { down, up } of pairs.values()) this.tf.dispose([down, up]);
    },
  );

  private constructor(
    private readonly tfjs: Tfjs,
    readonly info: ModelInfo,
    readonly config: Gemma3Config,
    private readonly weights: TfjsWeights,
  ) {
    this.linears = languageLinears(config);
  }

  static async load(folder: ModelFolder, tfjs: Tfjs, work?: Work): Promise<TfjsModel> {
    return new TfjsModel(tfjs, folder.info, folder.config, await TfjsWeights.load(tfjs, folder.weights, work));
  }

  get executor(): ExecutorInfo {
    return this.tfjs.executor;
  }

  get tf(): Tf {
    return this.tfjs.tf;
  }

  // ------------------------------------------------------------------------------------------------------------ Runner

  async encodeImages(pixelValues: Float32Array, count: number): Promise<ImageFeatures> {
    this.tfjs.use();
    const { imageSize, channels } = this.config.vision;
    if (count < 1 || pixelValues.length !== count * channels * imageSize * imageSize)
      throw new WorkbenchError('PIXEL_VALUES', 'The pixel values do not have the size that the model wants.', {
        expected: [count, channels, imageSize, imageSize],
        actual: [pixelValues.length],
      });
    const features = this.tf.tidy(() =>
      this.encode(this.tf.tensor4d(pixelValues, [count, channels, imageSize, imageSize]), false),
    );
    const data = await takeData(features);
    return { data, count, tokens: this.config.imageTokens, width: this.config.text.width };
  }

  async forward(input: ForwardInput): Promise<ForwardOutput> {
    this.tfjs.use();
    const past = input.cache === undefined ? null : this.ownCache(input.cache, input.batch);
    const output = this.tf.tidy(() => {
      const lora = this.adapterInputs(input.adapter, input.batch);
      const { logits, keys, values } = this.language(input, past, { ...(lora ? { lora } : {}) }, false);
      return input.keepCache ? { logits, keys, values } : { logits };
    });
    const logits = await takeData(output.logits);
    if (!output.keys) return { logits };
    return { logits, cache: new TfjsCache(this, output.keys as Tensor4D[], output.values as Tensor4D[]) };
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

  imageFeatures(pixels: Tensor4D, options: Pick<TrainingOptions, 'weights'> = {}): Tensor2D {
    this.tfjs.use();
    return this.tf.tidy(() => this.encode(pixels, true, options));
  }

  // ------------------------------------------------------------------------------------------------------- the network

  /** Intermediate values for tests, of a batch without cache; the caller frees them. */
  watchLanguage(input: TrainingInput, watch: Watch<Tensor>): LanguageOutputs<Tensor> {
    return this.language(input, null, {}, false, watch);
  }

  watchImages(pixels: Tensor4D, watch: Watch<Tensor>): Tensor2D {
    return this.encode(pixels, false, {}, watch);
  }

  private encode(
    pixels: Tensor4D,
    recording: boolean,
    { weights: trained }: Pick<TrainingOptions, 'weights'> = {},
    watch?: Watch<Tensor>,
  ): Tensor2D {
    const ops = new TfjsOps(this.tfjs, this.weights, {
      batch: pixels.shape[0],
      recording,
      ...(trained ? { trained } : {}),
    });
    return encodeImages(ops, this.config, pixels, watch) as Tensor2D;
  }

  private language(
    input: TrainingInput,
    past: TfjsCache | null,
    { lora, dropout, weights: trained }: TrainingOptions,
    recording: boolean,
    watch?: Watch<Tensor>,
  ): LanguageOutputs<Tensor> {
    const features = this.featureTensor(input.imageFeatures);
    const host = hostInputs(this.config, input, past?.length ?? 0, features?.shape[0] ?? 0);
    const inputs = { ...this.upload(host), imageFeatures: host.imageIndex ? features : null, past };
    const ops = new TfjsOps(this.tfjs, this.weights, {
      batch: input.batch,
      recording,
      ...(lora ? { lora } : {}),
      ...(dropout ? { dropout } : {}),
      ...(trained ? { trained } : {}),
    });
    return languageModel(ops, this.config, inputs, watch);
  }

  private featureTensor(features: TrainingInput['imageFeatures']): Tensor2D | null {
    if (!features) return null;
    if (!('count' in features)) return features;
    const { data, count, tokens, width } = features;
    if (width !== this.config.text.width || data.length !== count * tokens * width)
      throw new WorkbenchError('FORWARD_INPUT', 'The image features are not those of this model.', {
        expected: [count * tokens, this.config.text.width],
        actual: [count * tokens, width],
      });
    return this.tf.tensor2d(data, [count * tokens, width]);
  }

  private upload(host: HostInputs): Omit<LanguageInputs<Tensor>, 'imageFeatures' | 'past'> {
    const { tf } = this;
    const { heads, keyValueHeads, headWidth } = this.config.text;
    const bothTypes = <T>(of: (type: LayerType) => T) => ({
      full_attention: of('full_attention'),
      sliding_attention: of('sliding_attention'),
    });
    const turn = (kind: 'cos' | 'sin') =>
      bothTypes((type) => angles(tf, host[kind][type], host.batch, kind, headWidth / 2));
    const group = heads / keyValueHeads;
    const biasOf = (type: LayerType) => {
      const values = host.bias[type];
      return values && mask(tf, values, host.batch, host.length, group);
    };
    const full = biasOf('full_attention');
    const sameBias = host.bias.sliding_attention === host.bias.full_attention;
    return {
      ids: tf.tensor1d(host.ids, 'int32'),
      imageIndex: host.imageIndex ? tf.tensor1d(host.imageIndex, 'int32') : null,
      cos: turn('cos'),
      sin: turn('sin'),
      bias: { full_attention: full, sliding_attention: sameBias ? full : biasOf('sliding_attention') },
      rows: tf.tensor1d(host.rows, 'int32'),
    };
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
