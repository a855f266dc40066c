/**
 * Choosing the next token, as transformers does it: TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper in that
 * order (generation/logits_process.py), then one draw. Temperature 0 is greedy. Equal to reference/grpo/sampling.json.
 *
 * transformers computes in f32 and sums in f64 (torch.cumsum on a CPU); so the values that are compared with 1 - topP
 * are rounded to f32 here too. Among equal logits at the edge of topP, the lower ids stay (torch's sort leaves it open).
 */
import type { Random } from '../base/random.ts';

export interface Sampling {
  /** 0: the most probable token (the first of equals). */
  temperature: number;
  /** 0: off. */
  topK: number;
  /** 1: off. */
  topP: number;
  seed: number;
}

export const GREEDY: Sampling = { temperature: 0, topK: 0, topP: 1, seed: 0 };

export interface SampledToken {
  id: number;
  /** Natural logarithm of its probability under softmax(logits). */
  logprob: number;
  /** The same under softmax(logits / temperature), before top-k and top-p; temperature 0 counts as 1. */
  temperedLogprob: number;
}

/** `logits` `[V]` -> a token. */
export function sampleToken(logits: Float32Array, sampling: Sampling, random: Random): SampledToken {
  const plain = new Softmax(logits, 1);
  if (sampling.temperature === 0)
    return { id: plain.top, logprob: plain.log(plain.top), temperedLogprob: plain.log(plain.top) };
  const tempered = sampling.temperature === 1 ? plain : new Softmax(logits, sampling.temperature);
  const weights = tempered.weights.slice();
  const id = drawFrom(weights, random.uniform() * truncate(weights, tempered.total, sampling));
  return { id, logprob: plain.log(id), temperedLogprob: tempered.log(id) };
}

/** The probabilities `[V]` that a token is drawn from: 0 where top-k or top-p removed it, summing to 1. */
export function sampledDistribution(logits: Float32Array, sampling: Sampling): Float64Array {
  const { weights, total } = new Softmax(logits, sampling.temperature);
  const kept = truncate(weights, total, sampling);
  return weights.map((weight) => weight / kept);
}

/** Natural logarithm of the probability of `token` under softmax(logits / temperature); temperature 0 counts as 1. */
export function logProbability(logits: Float32Array, token: number, temperature = 1): number {
  return new Softmax(logits, temperature === 0 ? 1 : temperature).log(token);
}

/** softmax(logits / temperature) before its division: weights relative to the largest, and their sum. In f64. */
class Softmax {
  /** The first of the largest. */
  readonly top: number;
  readonly weights: Float64Array;
  readonly total: number;

  constructor(
    private readonly logits: Float32Array,
    private readonly temperature: number,
  ) {
    this.top = argmax(logits);
    this.weights = new Float64Array(logits.length);
    const largest = logits[this.top]!;
    let total = 0;
    for (let i = 0; i < logits.length; i++) {
      const weight = Math.exp((logits[i]! - largest) / temperature);
      this.weights[i] = weight;
      total += weight;
    }
    this.total = total;
  }

  log(id: number): number {
    return (this.logits[id]! - this.logits[this.top]!) / this.temperature - Math.log(this.total);
  }
}

function argmax(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}

/** Sets the weights that top-k and top-p remove to 0, in place, and gives the sum of the others. */
function truncate(weights: Float64Array, total: number, { topK, topP }: Sampling): number {
  const kept = topK > 0 && topK < weights.length ? keepTopK(weights, topK) : total;
  return topP < 1 ? keepTopP(weights, kept, topP) : kept;
}

/** Removes what is below the k-th largest weight; all equal to it stay. */
function keepTopK(weights: Float64Array, k: number): number {
  const kth = weights.slice().sort()[weights.length - k]!;
  return removeBelow(weights, kth, Number.POSITIVE_INFINITY);
}

/** Removes the least probable tokens while their sum is at most 1 - p; the most probable one stays. */
function keepTopP(weights: Float64Array, total: number, p: number): number {
  // Those below half of the mean share of 1 - p are removed for certain; only the few others need an order.
  const negligible = (total * (1 - p)) / weights.length / 2;
  const candidates = weights.filter((weight) => weight >= negligible).sort();
  let removed = 0;
  for (const weight of weights) if (weight < negligible) removed += Math.fround(weight / total);
  const removable = Math.fround(1 - p);
  let edge = 0;
  while (edge < candidates.length - 1) {
    removed += Math.fround(candidates[edge]! / total);
    if (Math.fround(removed) > removable) break;
    edge++;
  }
  const smallest = candidates[edge]!;
  return removeBelow(weights, smallest, candidates.lastIndexOf(smallest) - edge + 1);
}

/** Sets all below `edge` to 0, and those equal to it beyond the first `keepEqual`; gives the sum of the others. */
function removeBelow(weights: Float64Array, edge: number, keepEqual: number): number {
  let equal = 0;
  let kept = 0;
  for (let i = 0; i < weights.length; i++) {
    if (weights[i]! > edge || (weights[i] === edge && equal++ < keepEqual)) kept += weights[i]!;
    else weights[i] = 0;
  }
  return kept;
}

/** The first id at which the cumulative weight exceeds u. */
function drawFrom(weights: Float64Array, u: number): number {
  let sum = 0;
  let lastPossible = 0;
  for (let i = 0; i < weights.length; i++) {
    if (weights[i] === 0) continue;
    sum += weights[i]!;
    lastPossible = i;
    if (u < sum) return i;
  }
  return lastPossible;
}
