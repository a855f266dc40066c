/**
 * Prevalence's weights of the source's films (shift.ts): log-linear in the labels (raking), as far as the answers at the target
 * confirm them.
 */
import type { PatternSums, Shares } from './shiftCounts.ts';

/** How far a label's confirmed share may stray from that of all labels together, standard deviation. */
const CONFIRMED_SPREAD = 0.25;
const RIDGE = 1e-4;

/** exp(lambda . y) of each pattern. Plain loops here: a replicate comes this way some 60 times. */
export function tilt({ data: { positive } }: PatternSums, lambda: Float64Array): Float64Array {
  const out = new Float64Array(positive.length);
  for (let u = 0; u < positive.length; u++) {
    let sum = 0;
    for (let rest = positive[u]!; rest !== 0; rest &= rest - 1) sum += lambda[31 - Math.clz32(rest & -rest)]!;
    out[u] = Math.exp(Math.max(-30, Math.min(30, sum)));
  }
  return out;
}

/** lambda with which the reweighted source has the wanted label frequencies: Newton's method on the concave dual, ridged. */
export function raking(source: PatternSums, wanted: Float64Array): Float64Array {
  const { labels } = source.data;
  let lambda: Float64Array = new Float64Array(labels);
  for (let step = 0; step < 25; step++) {
    const now = sharesOfTruth(source, tilt(source, lambda));
    const gradient = now.mean.map((mean, j) => wanted[j]! - mean - RIDGE * lambda[j]!);
    if (gradient.every((value) => Math.abs(value) < 1e-9)) break;
    const hessian = now.covariance;
    for (let j = 0; j < labels; j++) hessian[j * labels + j]! += RIDGE;
    const move = solve(hessian, gradient);
    const longest = Math.max(1, ...move.map(Math.abs));
    lambda = lambda.map((value, j) => value + move[j]! / longest);
  }
  return lambda;
}

function sharesOfTruth(
  { data, count }: PatternSums,
  weight: Float64Array,
): { mean: Float64Array; covariance: Float64Array } {
  const { labels, positive } = data;
  const mean = new Float64Array(labels);
  const covariance = new Float64Array(labels * labels);
  let total = 0;
  for (let u = 0; u < weight.length; u++) {
    const films = weight[u]! * count[u]!;
    total += films;
    for (let i = 0; i < labels; i++) {
      if (((positive[u]! >> i) & 1) === 0) continue;
      mean[i]! += films;
      for (let j = 0; j < labels; j++) if ((positive[u]! >> j) & 1) covariance[i * labels + j]! += films;
    }
  }
  for (let i = 0; i < labels; i++) mean[i]! /= total;
  for (let i = 0; i < labels; i++)
    for (let j = 0; j < labels; j++)
      covariance[i * labels + j] = covariance[i * labels + j]! / total - mean[i]! * mean[j]!;
  return { mean, covariance };
}

/**
 * rho: least squares of the answers' frequencies at the target, in units of their noise, linearized around one share for all
 * labels, with each label's share drawn towards that one.
 */
export function confirmedShare(
  source: PatternSums,
  target: PatternSums,
  lambda: Float64Array,
  at: Shares,
): Float64Array {
  const { labels } = source.data;
  const deviation = at.said.map((q) => {
    const p = Math.min(1 - 1e-3, Math.max(1e-3, q));
    return Math.sqrt(p * (1 - p) * (1 / source.data.clusters + 1 / target.data.clusters));
  });
  const residuals = (shares: Float64Array) => shares.map((value, cell) => (at.said[cell]! - value) / deviation[cell]!);
  const weights = (rho: Float64Array) =>
    tilt(
      source,
      lambda.map((value, j) => value * rho[j]!),
    );
  const common = commonShare((share) =>
    squared(residuals(saidShares(source, weights(new Float64Array(labels).fill(share))))),
  );
  let rho: Float64Array = new Float64Array(labels).fill(common);
  for (let pass = 0; pass < 2; pass++) {
    const { shares, slopes } = saidSlopes(source, weights(rho), lambda);
    const falls = slopes.map((slope) => slope.map((value, cell) => -value / deviation[cell]!));
    rho = gaussNewton(rho, common, residuals(shares), falls);
  }
  return rho;
}

function squared(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value * value, 0);
}

/** Least of a function on [0, 1] by golden section; the misfit is close to a parabola there. */
function commonShare(misfit: (share: number) => number): number {
  const ratio = (Math.sqrt(5) - 1) / 2;
  let [low, high] = [0, 1];
  let [a, b] = [high - ratio, low + ratio];
  let [fa, fb] = [misfit(a), misfit(b)];
  for (let step = 0; step < 14; step++) {
    if (fa < fb) {
      [high, b, fb] = [b, a, fa];
      a = high - ratio * (high - low);
      fa = misfit(a);
    } else {
      [low, a, fa] = [a, b, fb];
      b = low + ratio * (high - low);
      fb = misfit(b);
    }
  }
  const middle = (low + high) / 2;
  const misfits = [0, 1, middle].map(misfit);
  return [0, 1, middle][misfits.indexOf(Math.min(...misfits))]!;
}

/** One linearization, solved by coordinates within [0, 1]; `slopes[j]`: of the residuals, by rho of label j. */
function gaussNewton(
  start: Float64Array,
  common: number,
  residuals: Float64Array,
  slopes: readonly Float64Array[],
): Float64Array {
  const rho = start.slice();
  const left = residuals.slice();
  const prior = 1 / CONFIRMED_SPREAD ** 2;
  for (let sweep = 0; sweep < 30; sweep++) {
    slopes.forEach((slope, j) => {
      let [gradient, curvature] = [prior * (rho[j]! - common), prior];
      for (let cell = 0; cell < slope.length; cell++) {
        gradient += slope[cell]! * left[cell]!;
        curvature += slope[cell]! * slope[cell]!;
      }
      const to = Math.min(1, Math.max(0, rho[j]! - gradient / curvature));
      for (let cell = 0; cell < slope.length; cell++) left[cell]! += slope[cell]! * (to - rho[j]!);
      rho[j] = to;
    });
  }
  return rho;
}

function saidShares({ data, count, said }: PatternSums, weight: Float64Array): Float64Array {
  const cells = data.checkpoints * data.labels;
  const out = new Float64Array(cells);
  let total = 0;
  for (let u = 0; u < weight.length; u++) {
    if (count[u] === 0) continue;
    total += weight[u]! * count[u]!;
    for (let cell = 0; cell < cells; cell++) out[cell]! += weight[u]! * said[u * cells + cell]!;
  }
  for (let cell = 0; cell < cells; cell++) out[cell]! /= total;
  return out;
}

/** The same, and its slope by each label's rho: lambda times the weighted covariance of label and answer. */
function saidSlopes(
  source: PatternSums,
  weight: Float64Array,
  lambda: Float64Array,
): { shares: Float64Array; slopes: Float64Array[] } {
  const { data, count, said } = source;
  const shares = saidShares(source, weight);
  const slopes = Array.from(lambda, () => new Float64Array(shares.length));
  const label = new Float64Array(lambda.length);
  let total = 0;
  for (let u = 0; u < weight.length; u++) {
    if (count[u] === 0) continue;
    total += weight[u]! * count[u]!;
    for (let rest = data.positive[u]!; rest !== 0; rest &= rest - 1) {
      const j = 31 - Math.clz32(rest & -rest);
      label[j]! += weight[u]! * count[u]!;
      for (let cell = 0; cell < shares.length; cell++)
        slopes[j]![cell]! += weight[u]! * said[u * shares.length + cell]!;
    }
  }
  slopes.forEach((slope, j) => {
    for (let cell = 0; cell < slope.length; cell++)
      slope[cell] = lambda[j]! * (slope[cell]! / total - (label[j]! / total) * shares[cell]!);
  });
  return { shares, slopes };
}

/** A x = b by Gaussian elimination with pivots; A `[n * n]` is symmetric and positive. */
function solve(matrix: Float64Array, right: Float64Array): Float64Array {
  const n = right.length;
  const a = matrix.slice();
  const x = right.slice();
  for (let column = 0; column < n; column++) {
    let pivot = column;
    for (let row = column + 1; row < n; row++)
      if (Math.abs(a[row * n + column]!) > Math.abs(a[pivot * n + column]!)) pivot = row;
    for (let k = 0; k < n; k++) [a[column * n + k], a[pivot * n + k]] = [a[pivot * n + k]!, a[column * n + k]!];
    [x[column], x[pivot]] = [x[pivot]!, x[column]!];
    for (let row = column + 1; row < n; row++) {
      const factor = a[row * n + column]! / a[column * n + column]!;
      for (let k = column; k < n; k++) a[row * n + k]! -= factor * a[column * n + k]!;
      x[row]! -= factor * x[column]!;
    }
  }
  for (let row = n - 1; row >= 0; row--) {
    for (let k = row + 1; k < n; k++) x[row]! -= a[row * n + k]! * x[k]!;
    x[row]! /= a[row * n + row]!;
  }
  return x;
}
