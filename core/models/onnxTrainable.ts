/**
 * A frozen base on ONNX Runtime as training needs it: image features, and graphs of the text model with the gradient of its
 * LoRA pairs (gradientGraph.ts), recorded and loaded when first needed and kept by what they depend on. Batch, length,
 * ranks and adapters are inputs, so that a run needs one graph for its steps and one or two for scoring.
 *
 * With a fixed number of threads a run gives the same bits each time: ONNX Runtime's products split their results, never
 * their sums, among threads.
 */
import { createHash } from 'node:crypto';
import { cpus } from 'node:os';
import { bytesOf } from '../base/hash.ts';
import type { Work } from '../base/progress.ts';
import type { PixelValues } from '../preprocessing/imageProcessor.ts';
import type { ExecutorInfo } from '../tensor/executor.ts';
import { OnnxSession, type PlainTensor } from '../tensor/onnx/session.ts';
import { type GradientGraphOptions, gradientGraph } from './gradientGraph.ts';
import type { PositionedInput } from './hostInputs.ts';
import type { ModelFolder } from './modelFolder.ts';
import {
  embeddingFeed,
  hostFeeds,
  noFeatures,
  type OnnxRunner,
  onnxExecutor,
  openOnnxRunner,
  type WeightSource,
  weightSource,
} from './onnxRunner.ts';
import type { ImageFeatures } from './runner.ts';
import { tokensOf } from './runner.ts';

export interface OnnxTrainableSettings {
  /** Absent: as many as there are processors. */
  threads?: number;
  work?: Work;
}

/** Throws ONNXRUNTIME_UNAVAILABLE where ONNX Runtime cannot be loaded. */
export async function onnxTrainer(threads = cpus().length): Promise<ExecutorInfo> {
  return { ...(await onnxExecutor({ threads })), reason: 'ONNX Runtime runs the recorded gradient.' };
}

/** Throws ONNXRUNTIME_UNAVAILABLE where ONNX Runtime cannot be loaded. */
export async function openOnnxTrainable(
  folder: ModelFolder,
  { threads = cpus().length, ...rest }: OnnxTrainableSettings = {},
): Promise<OnnxTrainable> {
  const runner = await openOnnxRunner(folder, { threads, ...rest });
  const weights = await weightSource(folder, 'f32', { threads });
  return new OnnxTrainable(folder, runner, weights, await onnxTrainer(threads));
}

export class OnnxTrainable {
  private readonly sessions = new Map<string, Promise<OnnxSession>>();

  constructor(
    private readonly folder: ModelFolder,
    /** Encodes images. */
    private readonly runner: OnnxRunner,
    private readonly weights: WeightSource,
    readonly executor: ExecutorInfo,
  ) {}

  get info() {
    return this.folder.info;
  }

  get network() {
    return this.folder.network;
  }

  imageFeatures(image: PixelValues): Promise<ImageFeatures> {
    return this.runner.encodeImages([image]);
  }

  /**
   * @param key of what the graph depends on
   * @param own inputs besides those of the language model
   */
  async run(
    key: string,
    options: Omit<GradientGraphOptions, 'embeddingWidth'>,
    input: PositionedInput,
    images: readonly ImageFeatures[],
    own: Readonly<Record<string, PlainTensor>>,
    outputs: readonly string[],
  ): Promise<Record<string, PlainTensor>> {
    const { width } = this.info;
    const features = images.length === 0 ? noFeatures(width) : joined(images);
    const host = this.network.languageInputs(input, 0, tokensOf(...features.grids));
    const feeds = { ...hostFeeds(host, features), ...(await embeddingFeed(this.weights, host, width)), ...own };
    return (await this.session(key, options)).run(feeds, outputs);
  }

  private session(key: string, options: Omit<GradientGraphOptions, 'embeddingWidth'>): Promise<OnnxSession> {
    let session = this.sessions.get(key);
    if (!session) {
      const { embeddingWidth = null } = this.weights.options;
      const graph = gradientGraph(this.network, this.weights.locate, { ...options, embeddingWidth });
      session = OnnxSession.open(graph, { threads: this.executor.threads, prepacking: PREPACKING });
      this.sessions.set(key, session);
      session.catch(() => this.sessions.delete(key));
    }
    return session;
  }

  /** sha256 over every weight, as they are read from the checkpoint, in the order of their names. */
  async weightsHash(): Promise<string> {
    const hash = createHash('sha256');
    const { weights, network } = this.folder;
    for (const name of [...network.shapes.keys()].sort()) {
      hash.update(name);
      hash.update(bytesOf(await weights.read(name)));
    }
    return hash.digest('hex');
  }

  async dispose(): Promise<void> {
    const sessions = [...this.sessions.values()];
    this.sessions.clear();
    for (const session of sessions) await (await session).release();
    await this.weights.embeddings?.close();
    await this.runner.dispose();
  }
}

/**
 * A product of a whole batch costs the same without a layout of its own for its weight, and saves the copies. Not so in
 * Electron, which ends a process that maps a file of more than 1 GiB.
 */
const PREPACKING = 'electron' in process.versions;

function joined(images: readonly ImageFeatures[]): ImageFeatures {
  const data = new Float32Array(images.reduce((sum, image) => sum + image.data.length, 0));
  let offset = 0;
  for (const image of images) {
    data.set(image.data, offset);
    offset += image.data.length;
  }
  return { data, width: images[0]!.width, grids: images.flatMap(({ grids }) => grids) };
}
