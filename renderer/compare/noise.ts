/**
 * Is the difference of two checkpoints on a label more than sampling noise? Fisher's exact test, two-sided (the sum of all
 * tables with these margins that are no more probable), on how often each said it in its samples.
 */

/** `a` of `n` samples against `b` of `m`. Agrees with scipy.stats.fisher_exact. */
export function fisherExact(a: number, n: number, b: number, m: number): number {
  const total = a + b;
  const probability = (k: number) => Math.exp(logChoose(n, k) + logChoose(m, total - k) - logChoose(n + m, total));
  const seen = probability(a);
  let p = 0;
  for (let k = Math.max(0, total - m); k <= Math.min(n, total); k++) {
    const each = probability(k);
    // Tables of equal probability differ in the last digits.
    if (each <= seen * (1 + 1e-7)) p += each;
  }
  return Math.min(1, p);
}

function logChoose(n: number, k: number): number {
  let sum = 0;
  for (let i = 1; i <= k; i++) sum += Math.log((n - k + i) / i);
  return sum;
}
