/**
 * The losses. Both are functions of the log-probabilities of given tokens: the network gives logits, `tokenLogProbs` the
 * log-probabilities (and its own gradient), and the rest is arithmetic on the host in f64, with the gradient in closed form:
 *
 * SFT   - sum of log-probabilities / number of supervised tokens of all micro-batches of the step
 *         (the Trainer's `num_items_in_batch`, not a mean of means);
 * GRPO  as TRL with loss_type "dr_grpo", scale_rewards "none" (reference/grpo/README.md): per token
 *         -min(rho A, clamp(rho, 1 - low, 1 + high) A) + beta (exp(ref - logp) - (ref - logp) - 1), rho = exp(logp - old);
 *         summed, divided by completions x maximum completion length.
 */
import type { Scalar, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import type { Tf } from '../tensor/tfjs/backend.ts';

/**
 * Natural-log probabilities `[N]` of `tokens` `[N]` under softmax(logits / temperature), logits `[N,V]`. Its gradient is
 * (one-hot - softmax) / temperature, made from saved logits and normalizers, so that no `[N,V]` intermediate is kept.
 */
export function tokenLogProbs(
  tf: Tf,
  logits: Tensor2D,
  tokens: Int32Array,
  temperature = 1,
  statistics?: TokenStatistics,
): Tensor1D {
  const [rows, vocabulary] = logits.shape;
  const flat = tokens.map((token, row) => row * vocabulary + token);
  const operation = tf.customGrad((x, save) => {
    const scaled = (temperature === 1 ? x : tf.div(x as Tensor2D, temperature)) as Tensor2D;
    const normalizer = tf.logSumExp(scaled, 1, true) as Tensor2D;
    (save as (tensors: unknown[]) => void)([scaled, normalizer]);
    if (statistics) addStatistics(tf, scaled, normalizer, tokens, statistics);
    const chosen = tf.gather(tf.reshape(scaled, [-1]), tf.tensor1d(flat, 'int32'));
    const value = tf.sub(chosen, tf.reshape(normalizer, [rows])) as Tensor1D;
    const gradFunc = (dy: Tensor1D, saved: unknown) =>
      tf.tidy(() => {
        const [kept, total] = saved as [Tensor2D, Tensor2D];
        const softmax = tf.exp(tf.sub(kept, total));
        const oneHot = tf.oneHot(tf.tensor1d(tokens, 'int32'), vocabulary) as Tensor2D;
        const weight = tf.reshape(tf.div(dy, temperature), [rows, 1]);
        return tf.mul(tf.sub(tf.cast(oneHot, 'float32'), softmax), weight);
      });
    return { value, gradFunc: gradFunc as never };
  });
  return operation(logits) as Tensor1D;
}

/** Sums over tokens, for a run's log. */
export interface TokenStatistics {
  tokens: number;
  /** In nats, of softmax(logits / temperature). */
  entropy: number;
  /** Tokens that are the most probable ones. */
  correct: number;
}

function addStatistics(tf: Tf, scaled: Tensor2D, normalizer: Tensor2D, tokens: Int32Array, sums: TokenStatistics) {
  // Every term is positive: a difference of two large sums would lose its digits in f32.
  const surprise = tf.sub(normalizer, scaled);
  const entropies = tf.sum(tf.mul(tf.exp(tf.neg(surprise)), surprise), 1).dataSync();
  const best = tf.argMax(scaled, 1).dataSync();
  sums.tokens += tokens.length;
  for (let i = 0; i < tokens.length; i++) {
    sums.entropy += entropies[i]!;
    sums.correct += best[i] === tokens[i] ? 1 : 0;
  }
}

export interface HostLoss {
  loss: number;
  /** d loss / d log-probability, `[N]`. */
  gradient: Float32Array;
}

/** A loss computed on the host from log-probabilities, as a scalar that gradients flow through. */
export function hostLoss(tf: Tf, logps: Tensor1D, compute: (logps: Float32Array) => HostLoss): Scalar {
  const operation = tf.customGrad((x) => {
    const { loss, gradient } = compute((x as Tensor1D).dataSync() as Float32Array);
    const gradFunc = (dy: Scalar) => tf.mul(tf.tensor1d(gradient), dy);
    return { value: tf.scalar(loss), gradFunc: gradFunc as never };
  });
  return operation(logps) as Scalar;
}

/** @param supervised tokens of the whole step, over all its micro-batches */
export function sftLoss(logps: Float32Array, supervised: number): HostLoss {
  let sum = 0;
  for (const logp of logps) sum -= logp;
  return { loss: sum / supervised, gradient: new Float32Array(logps.length).fill(-1 / supervised) };
}

export interface GrpoSettings {
  epsilonLow: number;
  epsilonHigh: number;
  beta: number;
  /** The divisor of Dr. GRPO: a constant, so that long answers are not favoured. */
  maxCompletionLength: number;
  /** Upper bound of the ratio between trainer and sampler; 0 or absent: no correction. */
  importanceCap?: number;
}

/** Completions one after the other; `lengths` says how many tokens each has (0 is possible). */
export interface GrpoBatch {
  lengths: readonly number[];
  /** One for each completion; null: no reward could be given, the completion only counts for the KL term. */
  advantages: readonly (number | null)[];
  /** Log-probabilities when the completions were drawn; null: the present ones (ratio 1). */
  oldLogps: ArrayLike<number> | null;
  /** Of the reference policy. */
  refLogps: ArrayLike<number>;
  /** As the engine that drew the completions computed them; null or absent: the trainer's own engine drew them. */
  samplerLogps?: ArrayLike<number> | null;
}

/** How far the engine that draws is from the one that trains, over tokens: |log p - log p| and the ratio after the cap. */
export interface Mismatch {
  tokens: number;
  sum: number;
  max: number;
  ratioSum: number;
  ratioMin: number;
  ratioMax: number;
}

/** TRL's metrics of a loss, over the tokens of the batch; `lowMin` and `highMax` over completions that have tokens. */
export interface GrpoMetrics {
  kl: number;
  /** null: the sampler's log-probabilities were not given. */
  mismatch: Mismatch | null;
  clipRatio: { low: number; high: number; region: number; lowMin: number; highMax: number };
}

/** @param completions of the whole step, over all its micro-batches */
export function grpoLoss(
  logps: ArrayLike<number>,
  batch: GrpoBatch,
  settings: GrpoSettings,
  completions = batch.lengths.length,
): HostLoss & { metrics: GrpoMetrics } {
  const divisor = completions * settings.maxCompletionLength;
  const gradient = new Float32Array(logps.length);
  const sums = { loss: 0, kl: 0 };
  const clipped: { low: number; high: number; length: number }[] = [];
  const mismatch = batch.samplerLogps ? noMismatch() : null;
  let position = 0;
  batch.lengths.forEach((length, c) => {
    const advantage = batch.advantages[c] ?? 0;
    const counts = { low: 0, high: 0, length };
    for (const end = position + length; position < end; position++) {
      const logp = logps[position]!;
      const old = batch.oldLogps?.[position] ?? logp;
      const weight = importance(old, batch.samplerLogps?.[position], settings.importanceCap ?? 0, mismatch);
      const token = tokenLoss(logp, old, batch.refLogps[position]!, advantage, weight, settings);
      sums.loss += token.loss;
      sums.kl += token.kl;
      counts.low += token.low;
      counts.high += token.high;
      gradient[position] = token.gradient / divisor;
    }
    clipped.push(counts);
  });
  const metrics = { kl: sums.kl / Math.max(1, position), mismatch, clipRatio: clipRatios(clipped) };
  return { loss: sums.loss / divisor, gradient, metrics };
}

function noMismatch(): Mismatch {
  return { tokens: 0, sum: 0, max: 0, ratioSum: 0, ratioMin: Number.POSITIVE_INFINITY, ratioMax: 0 };
}

/**
 * The weight of a token's policy term (not of its KL term): the completions were drawn under the sampler's probabilities and
 * are scored under the trainer's. As TRL's `vllm_importance_sampling_mode="token_truncate"`.
 */
function importance(old: number, sampler: number | undefined, cap: number, mismatch: Mismatch | null): number {
  if (sampler === undefined || mismatch === null) return 1;
  const difference = old - sampler;
  const ratio = cap === 0 ? 1 : Math.min(cap, Math.exp(difference));
  mismatch.tokens++;
  mismatch.sum += Math.abs(difference);
  mismatch.max = Math.max(mismatch.max, Math.abs(difference));
  mismatch.ratioSum += ratio;
  mismatch.ratioMin = Math.min(mismatch.ratioMin, ratio);
  mismatch.ratioMax = Math.max(mismatch.ratioMax, ratio);
  return ratio;
}

function tokenLoss(logp: number, old: number, ref: number, advantage: number, weight: number, settings: GrpoSettings) {
  const { epsilonLow, epsilonHigh, beta } = settings;
  const ratio = Math.exp(logp - old);
  const free = ratio * advantage;
  const bounded = Math.min(Math.max(ratio, 1 - epsilonLow), 1 + epsilonHigh) * advantage;
  const difference = ref - logp;
  const kl = Math.expm1(difference) - difference;
  return {
    loss: -weight * Math.min(free, bounded) + beta * kl,
    // Where the bounded term is the smaller one, the ratio is outside its bounds and the term constant.
    gradient: (free <= bounded ? -weight * free : 0) - beta * Math.expm1(difference),
    kl,
    low: ratio < 1 - epsilonLow && advantage < 0 ? 1 : 0,
    high: ratio > 1 + epsilonHigh && advantage > 0 ? 1 : 0,
  };
}

function clipRatios(clipped: readonly { low: number; high: number; length: number }[]): GrpoMetrics['clipRatio'] {
  const ratios = { low: 0, high: 0, region: 0, lowMin: 0, highMax: 0 };
  const present = clipped.filter(({ length }) => length > 0);
  if (present.length === 0) return ratios;
  const tokens = present.reduce((sum, { length }) => sum + length, 0);
  for (const { low, high } of present) {
    ratios.low += low / tokens;
    ratios.high += high / tokens;
  }
  ratios.region = ratios.low + ratios.high;
  ratios.lowMin = Math.min(...present.map(({ low, length }) => low / length));
  ratios.highMax = Math.max(...present.map(({ high, length }) => high / length));
  return ratios;
}

/**
 * Rewards less the mean of their group of `size`; not divided by the standard deviation (Dr. GRPO). A null reward stays
 * null and does not count for the mean.
 */
export function groupAdvantages(rewards: readonly (number | null)[], size: number): (number | null)[] {
  const advantages: (number | null)[] = [];
  for (let start = 0; start < rewards.length; start += size) {
    const group = rewards.slice(start, start + size);
    const known = group.filter((reward): reward is number => reward !== null);
    const mean = known.reduce((a, b) => a + b, 0) / Math.max(1, known.length);
    advantages.push(...group.map((reward) => (reward === null ? null : reward - mean)));
  }
  return advantages;
}
