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

/** `logits` `[V]` -> id. */
export function sampleToken(logits: Float32Array, sampling: Sampling, random: Random): number {
  if (sampling.temperature === 0) return argmax(logits);
  const probabilities = sampledDistribution(logits, sampling);
  return drawFrom(probabilities, random.uniform());
}

/** The probabilities `[V]` that a token is drawn from: 0 where top-k or top-p removed it, summing to 1. */
export function sampledDistribution(logits: Float32Array, { temperature, topK, topP }: Sampling): Float64Array {
  const scaled = temperature === 1 ? logits.slice() : logits.map((logit) => logit / temperature);
  if (topK > 0 && topK < scaled.length) keepTopK(scaled, topK);
  if (topP < 1) keepTopP(scaled, topP);
  return softmax(scaled);
}

/** Removes what is below the k-th largest value; all equal to it stay. */
function keepTopK(logits: Float32Array, k: number): void {
  const kth = logits.slice().sort()[logits.length - k]!;
  removeBelow(logits, kth, Number.POSITIVE_INFINITY);
}

/** Removes the least probable tokens while their sum is at most 1 - p; the most probable one stays. */
function keepTopP(logits: Float32Array, p: number): void {
  const ascending = logits.slice().sort();
  const probabilities = softmax(ascending);
  const removable = Math.fround(1 - p);
  let removed = 0;
  let sum = 0;
  while (removed < ascending.length - 1) {
    sum += Math.fround(probabilities[removed]!);
    if (Math.fround(sum) > removable) break;
    removed++;
  }
  const edge = ascending[removed]!;
  const equalsAbove = countFrom(ascending, removed, edge);
  removeBelow(logits, edge, equalsAbove);
}

function countFrom(ascending: Float32Array, start: number, value: number): number {
  let end = start;
  while (ascending[end] === value) end++;
  return end - start;
}

/** Sets all below `edge` to -Infinity, and those equal to it beyond the first `keepEqual`. */
function removeBelow(logits: Float32Array, edge: number, keepEqual: number): void {
  let equal = 0;
  for (let i = 0; i < logits.length; i++) {
    const keep = logits[i]! > edge || (logits[i] === edge && equal++ < keepEqual);
    if (!keep) logits[i] = Number.NEGATIVE_INFINITY;
  }
}

function softmax(logits: Float32Array): Float64Array {
  const total = logSumExp(logits);
  return Float64Array.from(logits, (logit) => Math.exp(logit - total));
}

/** The first id at which the cumulative probability exceeds u in [0, 1). */
function drawFrom(probabilities: Float64Array, u: number): number {
  let sum = 0;
  let lastPossible = 0;
  for (let i = 0; i < probabilities.length; i++) {
    if (probabilities[i] === 0) continue;
    sum += probabilities[i]!;
    lastPossible = i;
    if (u < sum) return i;
  }
  return lastPossible;
}

export function argmax(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}

/** log(sum(exp(x / temperature))), in f64. */
export function logSumExp(logits: Float32Array, temperature = 1): number {
  const top = logits[argmax(logits)]!;
  if (top === Number.NEGATIVE_INFINITY) return top;
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += Math.exp((logits[i]! - top) / temperature);
  return top / temperature + Math.log(sum);
}

/** Natural logarithm of the probability of `token` under softmax(logits / temperature); temperature 0 counts as 1. */
export function logProbability(logits: Float32Array, token: number, temperature = 1): number {
  const t = temperature === 0 ? 1 : temperature;
  return logits[token]! / t - logSumExp(logits, t);
}
