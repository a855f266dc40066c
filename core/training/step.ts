/** One optimizer step over any number of micro-batches, and the order in which examples come. */
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import { Random } from '../base/random.ts';
import type { Tf } from '../tensor/tfjs/backend.ts';
import { accumulate, type LossAndGradients, lossAndGradients } from './gradients.ts';
import {
  ADAMW,
  AdamW,
  clipFactor,
  globalNorm,
  learningRateAt,
  type Parameter,
  type ScheduleKind,
  warmupSteps,
} from './optimizer.ts';

export interface StepSettings {
  learningRate: number;
  weightDecay: number;
  maxGradNorm: number;
  schedule: ScheduleKind;
  warmupRatio: number;
  totalSteps: number;
}

export interface StepReport {
  loss: number;
  /** Before clipping. */
  gradNorm: number;
  /** The rate that this step used. */
  learningRate: number;
  /** Most bytes of tensors in a micro-batch. */
  tensorBytes: number;
}

/** A micro-batch's part of the step's loss: parts are added, so each is already divided by what the whole step holds. */
export type LossPart = (tensors: ReadonlyMap<string, Tensor>) => Scalar;

export class Stepper {
  readonly optimizer: AdamW;

  constructor(
    private readonly tf: Tf,
    readonly parameters: readonly Parameter[],
    private readonly settings: StepSettings,
  ) {
    this.optimizer = new AdamW(parameters, { ...ADAMW, weightDecay: settings.weightDecay });
  }

  /** @throws GRADIENT_NOT_FINITE, with the parameters as they were */
  step(parts: readonly LossPart[]): StepReport {
    let sum: LossAndGradients | null = null;
    for (const part of parts) sum = accumulate(sum, lossAndGradients(this.tf, this.parameters, part));
    const { loss, gradients, tensorBytes } = sum!;
    const { learningRate: peak, schedule: kind, warmupRatio, totalSteps, maxGradNorm } = this.settings;
    const warmup = warmupSteps(totalSteps, warmupRatio);
    const learningRate = learningRateAt(this.optimizer.step, { kind, peak, warmup, totalSteps });
    const gradNorm = globalNorm(gradients);
    this.optimizer.apply(gradients, learningRate, clipFactor(gradNorm, maxGradNorm));
    return { loss, gradNorm, learningRate, tensorBytes };
  }
}

/** The order of an epoch: a permutation of 0 .. size - 1 that seed and epoch alone decide. */
export function epochOrder(size: number, seed: number, epoch: number): number[] {
  const order = Array.from({ length: size }, (_, index) => index);
  return new Random(seed).fork(`epoch ${epoch}`).shuffle(order);
}

/** The indices of batch `step` of an endless stream of epochs; a batch may span two. */
export function streamedBatch(step: number, batchSize: number, size: number, seed: number): number[] {
  const orders = new Map<number, number[]>();
  return Array.from({ length: batchSize }, (_, i) => {
    const position = step * batchSize + i;
    const epoch = Math.floor(position / size);
    if (!orders.has(epoch)) orders.set(epoch, epochOrder(size, seed, epoch));
    return orders.get(epoch)![position % size]!;
  });
}
