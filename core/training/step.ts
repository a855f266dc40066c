/** One optimizer step over any number of micro-batches, and the order in which examples come. */
import { Random } from '../base/random.ts';
import { Divergence } from './divergence.ts';
import { accumulate, type LossAndGradients } from './gradients.ts';
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
  /** Most bytes of tensors in a micro-batch; null: the engine cannot count them. */
  tensorBytes: number | null;
}

/**
 * A micro-batch's part of the step's loss and gradients, in the order of the parameters: parts are added, so each is
 * already divided by what the whole step holds.
 */
export type LossPart = () => Promise<LossAndGradients>;

export type Judge = (loss: number, gradNorm: number) => boolean;

export class Stepper {
  readonly optimizer: AdamW;

  constructor(
    readonly parameters: readonly Parameter[],
    private readonly settings: StepSettings,
  ) {
    this.optimizer = new AdamW(parameters, { ...ADAMW, weightDecay: settings.weightDecay });
  }

  /**
   * @param judge looks at loss and gradient norm, and says whether the step is applied; what it throws leaves the
   * parameters as they were. Absent: a step that is not finite throws GRADIENT_NOT_FINITE
   */
  async step(parts: readonly LossPart[], judge: Judge = this.finite): Promise<StepReport> {
    let sum: LossAndGradients | null = null;
    for (const part of parts) sum = accumulate(sum, await part());
    const { loss, gradients, tensorBytes } = sum!;
    const { learningRate: peak, schedule: kind, warmupRatio, totalSteps, maxGradNorm } = this.settings;
    const warmup = warmupSteps(totalSteps, warmupRatio);
    const learningRate = learningRateAt(this.optimizer.step, { kind, peak, warmup, totalSteps });
    const gradNorm = globalNorm(gradients);
    if (judge(loss, gradNorm)) this.optimizer.apply(gradients, learningRate, clipFactor(gradNorm, maxGradNorm));
    return { loss, gradNorm, learningRate, tensorBytes };
  }

  private readonly finite: Judge = (loss, gradNorm) =>
    new Divergence({ diverging: 'stop', limit: 0, relative: false }).judge({
      ...{ step: this.optimizer.step + 1, loss, gradNorm, value: loss },
    });
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
