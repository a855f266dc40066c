/** One optimizer step over any number of micro-batches, and the order in which examples come. */
import { WorkbenchError } from '../base/errors.ts';
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
  /** false: it was judged not to be trained on. */
  applied: boolean;
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
    const learningRate = rateOf(this.optimizer.step, this.settings);
    const gradNorm = globalNorm(gradients);
    const applied = judge(loss, gradNorm);
    if (applied) this.optimizer.apply(gradients, learningRate, clipFactor(gradNorm, this.settings.maxGradNorm));
    return { loss, gradNorm, learningRate, applied, tensorBytes };
  }

  private readonly finite: Judge = (loss, gradNorm) =>
    new Divergence({ diverging: 'stop', limit: 0, relative: false }).judge({
      ...{ step: this.optimizer.step + 1, loss, gradNorm, value: loss },
    });
}

type RateSettings = Pick<StepSettings, 'learningRate' | 'schedule' | 'warmupRatio' | 'totalSteps'>;

function rateOf(step: number, { learningRate: peak, schedule: kind, warmupRatio, totalSteps }: RateSettings): number {
  return learningRateAt(step, { kind, peak, warmup: warmupSteps(totalSteps, warmupRatio), totalSteps });
}

/** A warm-up begins with rate 0, so that a run of one step may have no other. @throws TRAINING_RATE where no step trains */
export function demandRate(settings: RateSettings): void {
  const { learningRate, warmupRatio, totalSteps } = settings;
  for (let step = 0; step < totalSteps; step++) if (rateOf(step, settings) > 0) return;
  const warmup = warmupSteps(totalSteps, warmupRatio);
  const why =
    learningRate > 0
      ? `it has ${totalSteps} in all, ${warmup} of them warm-up, which begins with 0`
      : 'learningRate is 0';
  throw new WorkbenchError(
    'TRAINING_RATE',
    `No step of this run would have a learning rate above 0: ${why}.`,
    { learningRate, warmupRatio, steps: totalSteps },
    learningRate > 0 ? 'Set warmupRatio to 0, or let the run have more steps.' : 'Set learningRate above 0.',
  );
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
