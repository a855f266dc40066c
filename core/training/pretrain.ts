/**
 * Training of a whole network from random weights, for the phantom's base model: first the vision tower learns findings
 * (binary cross-entropy through a linear head on the mean of an image's features; the head is thrown away), then all
 * parameters learn to answer prompts about films.
 *
 * Not part of the paper, which starts from published checkpoints. Only for networks that fit a laptop: all gradients and
 * both moments lie in memory. Every random number comes from a stream named by stage and step, so that a stage goes on from
 * a file of weights and moments (pretrainState.ts).
 */
import type { Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import { nextTurn, throwIfCancelled, type Work } from '../base/progress.ts';
import { Random } from '../base/random.ts';
import type { TokenGrid } from '../models/runner.ts';
import type { TrainableModel } from '../models/trainable.ts';
import type { ImageProcessor, PixelValues } from '../preprocessing/imageProcessor.ts';
import type { Image8 } from '../preprocessing/resize.ts';
import { answerSequence, type PromptModel, type TrainingSequence, trainingBatch } from './batch.ts';
import { pixelsOf } from './features.ts';
import { lossAndGradients, type TapedLoss } from './gradients.ts';
import { type HostLoss, hostLoss, sftLoss, tokenLogProbs } from './loss.ts';
import type { AdamW, Parameter } from './optimizer.ts';
import { Stepper, type StepReport, type StepSettings, streamedBatch } from './step.ts';
import type { TrainingLogLine } from './types.ts';

export interface PretrainSettings extends StepSettings {
  batchSize: number;
  /** Sequences or films that go through the network at once; divides the memory, not the result. */
  microBatch: number;
  seed: number;
  /** Ends the stage before its schedule does; absent: both end together. */
  stopAt?: number;
}

/** Where a stage was stopped. */
export interface PretrainState {
  /** Puts values and moments back. @returns steps done; 0: nothing is kept */
  restore(optimizer: AdamW): Promise<number>;
  /** Told of every step. */
  after(step: number, optimizer: AdamW): Promise<void>;
}

interface PretrainRun {
  model: TrainableModel;
  processor: ImageProcessor;
  /** By canonical name; the named ones are trained in place. */
  weights: ReadonlyMap<string, Float32Array>;
  /** Shapes by canonical name. */
  shapes: ReadonlyMap<string, readonly number[]>;
  settings: PretrainSettings;
  /** Absent: begins at the first step and keeps nothing. */
  state?: PretrainState;
  work: Work<{ stage: string; done: number; total: number; line: TrainingLogLine }>;
}

/** Examples by number, so that a caller can make them as they are needed. `random` is the example's own for this step. */
export interface Source<T> {
  size: number;
  at(index: number, random: Random): T;
}

export interface VisionExample {
  image(): Image8 | Promise<Image8>;
  /** By finding: 1, 0, or between; NaN where nothing is known. */
  targets: ArrayLike<number>;
}

export interface LanguageExample {
  /** Of the film; films with the same id are the same. */
  id: string;
  image(): Image8 | Promise<Image8>;
  promptText: string;
  targetText: string;
}

/** Weights of a network by canonical name, drawn for a start from nothing. Gemma stores its norms as w - 1. */
export function initialWeights(
  shapes: ReadonlyMap<string, readonly number[]>,
  seed: number,
): Map<string, Float32Array> {
  const random = new Random(seed);
  return new Map(
    [...shapes].map(([name, shape]) => {
      const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
      const own = random.fork(name);
      const deviation = initialDeviation(name, shape);
      if (deviation > 0) for (let i = 0; i < values.length; i++) values[i] = deviation * own.normal();
      else if (/layer_?norm\d?\.weight$/.test(name) && name.startsWith('vision.')) values.fill(1);
      return [name, values];
    }),
  );
}

/** 0 for norms and biases; 1 / sqrt(inputs) for matrices, whatever their layout. */
function initialDeviation(name: string, shape: readonly number[]): number {
  if (shape.length < 2) return 0;
  if (name === 'projector.weight') return shape[0]! ** -0.5;
  return shape.slice(1).reduce((product, size) => product * size, 1) ** -0.5;
}

/**
 * The vision tower and the projector, on findings. @returns the head, `[D, findings]` row-major and its bias, for
 * measuring what the tower sees
 */
export async function pretrainVision(
  run: PretrainRun & { source: Source<VisionExample>; findings: number },
): Promise<{ weight: Float32Array; bias: Float32Array }> {
  const { model, processor, settings, findings } = run;
  const head = {
    weight: {
      name: 'head.weight',
      shape: [model.info.width, findings],
      value: new Float32Array(model.info.width * findings),
    },
    bias: { name: 'head.bias', shape: [findings], value: new Float32Array(findings) },
  };
  const network = parametersOf(run, (name) => name.startsWith('vision.') || name.startsWith('projector.'));
  const parameters = [...network, head.weight, head.bias];
  await trainStage('Pretraining the vision tower', run, parameters, run.source, async (batch) => {
    const targets = Float32Array.from(batch.flatMap((example) => Array.from(example.targets)));
    const known = targets.reduce((count, target) => count + (Number.isNaN(target) ? 0 : 1), 0);
    const parts = pieces(batch, settings.microBatch).map(async ({ items, start }): Promise<TapedLoss> => {
      const images = await pixelsOf(
        items.map((item) => () => item.image()),
        processor,
      );
      const own = targets.subarray(start * findings, (start + items.length) * findings);
      return (tensors) => {
        const logits = findingLogits(model, images, tensors);
        return hostLoss(model.tf, model.tf.reshape(logits, [-1]) as Tensor1D, (values) =>
          binaryCrossEntropy(values, own, known),
        );
      };
    });
    return Promise.all(parts);
  });
  return { weight: head.weight.value, bias: head.bias.value };
}

/** Logits `[I, findings]` of films of one size by the head. */
export function findingLogits(
  model: TrainableModel,
  images: readonly PixelValues[],
  tensors: ReadonlyMap<string, Tensor>,
): Tensor2D {
  const { tf, info } = model;
  const features = model.imageFeatures(images, { weights: tensors });
  const mean = tf.mean(tf.reshape(features, [images.length, -1, info.width]), 1) as Tensor2D;
  return tf.add(tf.matMul(mean, tensors.get('head.weight') as Tensor2D), tensors.get('head.bias')!) as Tensor2D;
}

/** Mean over the known targets of the whole step; NaN targets have no part in it. */
export function binaryCrossEntropy(logits: ArrayLike<number>, targets: ArrayLike<number>, known: number): HostLoss {
  const gradient = new Float32Array(logits.length);
  let sum = 0;
  for (let i = 0; i < logits.length; i++) {
    const x = logits[i]!;
    const target = targets[i]!;
    if (Number.isNaN(target)) continue;
    sum += Math.max(x, 0) - x * target + Math.log1p(Math.exp(-Math.abs(x)));
    gradient[i] = (1 / (1 + Math.exp(-x)) - target) / known;
  }
  return { loss: sum / known, gradient };
}

/**
 * All parameters, or those of the language model alone (`frozenVision`: features are then computed once per film), on
 * prompts about films and their answers; the loss is that of SFT.
 */
export async function pretrainLanguage(
  run: PretrainRun & { source: Source<LanguageExample>; prompt: PromptModel; frozenVision?: boolean },
): Promise<void> {
  const { model, settings, prompt, frozenVision = false } = run;
  const { tf, info, network } = model;
  const grid = squareGrid(network.fixedImage.tokens);
  const sequences = new Map<string, TrainingSequence>();
  const sequenceOf = ({ promptText, targetText }: LanguageExample) => {
    const key = JSON.stringify([promptText, targetText]);
    const sequence = sequences.get(key) ?? answerSequence(promptText, targetText, grid, prompt, info);
    sequences.set(key, sequence);
    return sequence;
  };
  const parameters = parametersOf(run, (name) => !frozenVision || name.startsWith('language.'));
  const featuresOf = frozenVision ? frozenFeatures(run) : trainedFeatures(run);
  const stage = frozenVision ? 'Pretraining the language model' : 'Pretraining all parameters';
  await trainStage(stage, run, parameters, run.source, async (batch) => {
    const supervised = batch.reduce((sum, example) => sum + sequenceOf(example).targetLength, 0);
    // Similar lengths together: less padding.
    const sorted = [...batch].sort((a, b) => sequenceOf(a).ids.length - sequenceOf(b).ids.length);
    const parts = pieces(sorted, settings.microBatch).map(async ({ items }): Promise<TapedLoss> => {
      const features = await featuresOf(items);
      const images = items.map(() => grid);
      const { input, targets } = trainingBatch(items.map(sequenceOf), [...items.keys()], images, model);
      return (weights) => {
        const logits = model.languageLogits({ ...input, imageFeatures: features(weights) }, { weights });
        return hostLoss(tf, tokenLogProbs(tf, logits, targets), (logps) => sftLoss(logps, supervised));
      };
    });
    return Promise.all(parts);
  });
}

/** Image features `[M,D]` of a micro-batch, made within the pass that has these weights. */
type FeaturesOf = (items: readonly LanguageExample[]) => Promise<(weights: ReadonlyMap<string, Tensor>) => Tensor2D>;

function trainedFeatures({ model, processor }: PretrainRun): FeaturesOf {
  return async (items) => {
    const images = await pixelsOf(
      items.map((item) => () => item.image()),
      processor,
    );
    return (weights) => model.imageFeatures(images, { weights });
  };
}

/** By the weights that the model was loaded with, kept by film. */
function frozenFeatures({ model, processor }: PretrainRun): FeaturesOf {
  const { tf, info } = model;
  const size = info.imageTokens * info.width;
  const known = new Map<string, Float32Array>();
  return async (items) => {
    const missing = items.filter(({ id }) => !known.has(id));
    if (missing.length > 0) {
      const images = await pixelsOf(
        missing.map((item) => () => item.image()),
        processor,
      );
      const all = tf.tidy(() => model.imageFeatures(images).dataSync() as Float32Array);
      for (const [i, { id }] of missing.entries()) known.set(id, all.slice(i * size, (i + 1) * size));
    }
    const rows = new Float32Array(items.length * size);
    for (const [i, { id }] of items.entries()) rows.set(known.get(id)!, i * size);
    return () => tf.tensor2d(rows, [items.length * info.imageTokens, info.width]);
  };
}

/** Only networks that bring every image to one size are pretrained here. */
function squareGrid(tokens: number): TokenGrid {
  const side = Math.sqrt(tokens);
  return [side, side];
}

function parametersOf(run: PretrainRun, chosen: (name: string) => boolean = () => true): Parameter[] {
  return [...run.weights.keys()]
    .filter(chosen)
    .map((name) => ({ name, shape: run.shapes.get(name)!, value: run.weights.get(name)! }));
}

function pieces<T>(items: readonly T[], size: number): { items: T[]; start: number }[] {
  const result: { items: T[]; start: number }[] = [];
  for (let start = 0; start < items.length; start += size)
    result.push({ items: items.slice(start, start + size), start });
  return result;
}

async function trainStage<T>(
  stage: string,
  run: PretrainRun,
  parameters: readonly Parameter[],
  source: Source<T>,
  partsOf: (batch: T[]) => Promise<TapedLoss[]>,
): Promise<void> {
  const { settings, state, work } = run;
  const { tf } = run.model;
  const stepper = new Stepper(parameters, settings);
  const total = Math.min(settings.stopAt ?? settings.totalSteps, settings.totalSteps);
  for (let step = (await state?.restore(stepper.optimizer)) ?? 0; step < total; step++) {
    throwIfCancelled(work.signal);
    const random = new Random(settings.seed).fork(`${stage} ${step}`);
    const indices = streamedBatch(step, settings.batchSize, source.size, settings.seed);
    const batch = indices.map((index, i) => source.at(index, random.fork(String(i))));
    const losses = await partsOf(batch);
    const report = await stepper.step(losses.map((loss) => async () => lossAndGradients(tf, parameters, loss)));
    work.report({ stage, done: step + 1, total, line: logLine(step + 1, report) });
    await state?.after(step + 1, stepper.optimizer);
    await nextTurn();
  }
}

function logLine(step: number, { loss, gradNorm, learningRate }: StepReport): TrainingLogLine {
  return { step, loss, grad_norm: gradNorm, learning_rate: learningRate };
}
