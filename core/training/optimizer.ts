/**
 * AdamW (Loshchilov and Hutter 2019) with PyTorch's order of operations, gradient-norm clipping as
 * `torch.nn.utils.clip_grad_norm_`, and the cosine schedule of transformers (`get_cosine_schedule_with_warmup`).
 *
 * Values and moments are plain f32 arrays on the host, updated in f64 and rounded once: the result does not depend on the
 * backend that computed the gradients, and the state is what a checkpoint stores.
 */

/** A trained tensor; `value` is changed in place by each step. */
export interface Parameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly value: Float32Array;
}

export interface AdamWSettings {
  beta1: number;
  beta2: number;
  epsilon: number;
  weightDecay: number;
}

export const ADAMW: Omit<AdamWSettings, 'weightDecay'> = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

export class AdamW {
  /** Steps taken. */
  step = 0;
  /** First and second moments, in the order of the parameters. */
  readonly moments: { first: Float32Array; second: Float32Array }[];

  constructor(
    readonly parameters: readonly Parameter[],
    readonly settings: AdamWSettings,
  ) {
    this.moments = parameters.map(({ value }) => ({
      first: new Float32Array(value.length),
      second: new Float32Array(value.length),
    }));
  }

  /** `gradients` in the order of the parameters, each times `factor` (the clipping). */
  apply(gradients: readonly Float32Array[], learningRate: number, factor = 1): void {
    this.step++;
    const { beta1, beta2, epsilon, weightDecay } = this.settings;
    const decay = 1 - learningRate * weightDecay;
    const size = learningRate / (1 - beta1 ** this.step);
    const correction = Math.sqrt(1 - beta2 ** this.step);
    this.parameters.forEach(({ value }, p) => {
      const { first, second } = this.moments[p]!;
      const gradient = gradients[p]!;
      for (let i = 0; i < value.length; i++) {
        const g = gradient[i]! * factor;
        const m = beta1 * first[i]! + (1 - beta1) * g;
        const v = beta2 * second[i]! + (1 - beta2) * g * g;
        first[i] = m;
        second[i] = v;
        value[i] = value[i]! * decay - (size * m) / (Math.sqrt(v) / correction + epsilon);
      }
    });
  }
}

/** The 2-norm over all gradients; not finite where one of them is not. */
export function globalNorm(gradients: readonly Float32Array[]): number {
  let sum = 0;
  for (const gradient of gradients) for (let i = 0; i < gradient.length; i++) sum += gradient[i]! * gradient[i]!;
  return Math.sqrt(sum);
}

/** What gradients are multiplied by so that their norm is at most `maximum`; 1 where it is already. */
export function clipFactor(norm: number, maximum: number): number {
  return Math.min(1, maximum / (norm + 1e-6));
}

export type ScheduleKind = 'cosine' | 'constant';

/** Warm-up steps are rounded up, as transformers' `get_warmup_steps` does. */
export function warmupSteps(totalSteps: number, ratio: number): number {
  return Math.ceil(totalSteps * ratio);
}

/**
 * The learning rate of step `step`, counted from 0, so that with a warm-up the first step has rate 0: linear to `peak`
 * over the warm-up, then half a cosine to 0 at `totalSteps`, or constant.
 */
export function learningRateAt(
  step: number,
  schedule: { kind: ScheduleKind; peak: number; warmup: number; totalSteps: number },
): number {
  const { kind, peak, warmup, totalSteps } = schedule;
  if (step < warmup) return (peak * step) / Math.max(1, warmup);
  if (kind === 'constant') return peak;
  const progress = (step - warmup) / Math.max(1, totalSteps - warmup);
  return peak * Math.max(0, 0.5 * (1 + Math.cos(Math.PI * progress)));
}
