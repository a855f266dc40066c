/**
 * The change of macro-F1 from source to target, by cause, from counts alone (shiftCounts.ts). Three pure shifts leave
 * different marks, and each part is defined by its mark:
 *
 * - *prevalence*: truth and answers change together, as if the source's films had been drawn with other weights. The weights
 *   are log-linear in the labels (raking): exp(sum of rho_j lambda_j y_j). lambda reproduces the target's label frequencies;
 *   rho_j in [0, 1], how much of that the answers confirm, is fitted to how often each checkpoint says each label at the
 *   target (black-box shift estimation, Lipton et al. 2018, restricted to the labels' own change).
 * - *label convention*: beyond that, the truth's distribution moves (how often, and which labels together) and that of the
 *   answers does not.
 * - *image*: the answers' distribution moves and the truth's does not.
 *
 * So prevalence is F1 of the reweighted source less F1 of the source, and a rest: truth and answers may go together less (or
 * more) than they did at the same frequencies. Each of the three can do that (where a finding gets rare, mistaken labels are a
 * larger part of its films), so the rest is divided in the proportion in which the three moved the distributions (root of the
 * divergence in nats): the reweighting itself, the truth beyond it, the answers beyond it. What none explains is image. What
 * cannot be told apart from counts: an image shift that lowers the answers' frequencies exactly as a fall in prevalence would.
 *
 * Ours; the assumptions are in `SHIFT_ASSUMPTIONS` (types.ts), the trials on phantoms in docs/LOG.md.
 */
import { Random } from '../base/random.ts';
import { BLOCK, drawStrata, drawWeights, type Strata } from './resample.ts';
import { type PatternData, type PatternSums, patternSums, type Shares, sharesOf } from './shiftCounts.ts';

/** `[checkpoints * labels]` each. */
export interface ShiftParts {
  prevalence: Float64Array;
  convention: Float64Array;
  image: Float64Array;
}

export interface Shift {
  parts: ShiftParts;
  source: Shares;
  /** The source reweighted. */
  confirmed: Shares;
  target: Shares;
  moved: Movement;
}

/** Nats: by the reweighting, and beyond it. */
export interface Movement {
  /** `[labels]`. */
  prevalence: Float64Array;
  truth: Float64Array;
  /** `[checkpoints * labels]`: the answers by themselves, and given the truth. */
  answers: Float64Array;
  together: Float64Array;
}

/** How far a label's confirmed share may stray from that of all labels together, standard deviation. */
const CONFIRMED_SPREAD = 0.25;
/** Weight of all labels' movement beside the label's own, where a rest is divided. */
const POOLED = 0.25;
const RIDGE = 1e-4;
/** How much of what sampling alone gives on average a movement must exceed. */
const NOISE = 2;

/**
 * @param noise how many times the sampling noise is in the counts: 1 as observed, 2 in a bootstrap replicate
 */
export function decompose(source: PatternSums, target: PatternSums, noise: 1 | 2 = 1): Shift {
  const [atSource, atTarget] = [sharesOf(source, null), sharesOf(target, null)];
  const lambda = raking(source, atTarget.truth);
  const rho = confirmedShare(source, target, lambda, atTarget);
  const weights = tilt(
    source,
    lambda.map((value, j) => value * rho[j]!),
  );
  const confirmed = sharesOf(source, weights);
  const patients = { source: source.data.clusters * confirmed.effective, target: target.data.clusters };
  const chance = noise * (1 / patients.source + 1 / patients.target);
  const { labels, checkpoints } = source.data;
  const reweighted = movement(atSource, confirmed, source.data);
  const beyond = movement(confirmed, atTarget, source.data);
  const prevalence = reweighted.truth.map((truth, j) => {
    let answers = 0;
    for (let k = 0; k < checkpoints; k++) answers += reweighted.answers[k * labels + j]! / checkpoints;
    return (truth + answers) / 2;
  });
  const moved = {
    prevalence: beyondChance(prevalence, chance),
    truth: beyondChance(beyond.truth, chance),
    answers: beyondChance(beyond.answers, chance, labels),
    together: beyondChance(beyond.together, chance, labels),
  };
  return {
    parts: divide(atSource.f1, confirmed.f1, atTarget.f1, moved, labels),
    source: atSource,
    confirmed,
    target: atTarget,
    moved,
  };
}

/**
 * What a movement exceeds of what sampling alone would give: all labels are drawn towards 0 by one factor (James and Stein), to 0
 * where their mean is below `NOISE` times chance. One label of many is often above it.
 *
 * @param values `[labels]`, or `[checkpoints * labels]`, each checkpoint by itself
 */
function beyondChance(values: Float64Array, chance: number, labels = values.length): Float64Array {
  const out = new Float64Array(values.length);
  for (let start = 0; start < values.length; start += labels) {
    const own = values.subarray(start, start + labels);
    const mean = own.reduce((sum, value) => sum + value, 0) / labels;
    const kept = mean > NOISE * chance ? 1 - (NOISE * chance) / mean : 0;
    for (let j = 0; j < labels; j++) out[start + j] = kept * own[j]!;
  }
  return out;
}

function divide(
  source: Float64Array,
  confirmed: Float64Array,
  target: Float64Array,
  moved: Movement,
  labels: number,
): ShiftParts {
  const checkpoints = target.length / labels;
  const [prevalence, truth] = [pooled(moved.prevalence), pooled(moved.truth)];
  const parts: ShiftParts = {
    prevalence: new Float64Array(target.length),
    convention: new Float64Array(target.length),
    image: new Float64Array(target.length),
  };
  for (let k = 0; k < checkpoints; k++) {
    const own = (values: Float64Array) => pooled(values.subarray(k * labels, (k + 1) * labels));
    const [answers, together] = [own(moved.answers), own(moved.together)];
    for (let j = 0; j < labels; j++) {
      const cell = k * labels + j;
      const unexplained = Math.max(0, together[j]! - truth[j]! - answers[j]! - prevalence[j]!);
      const leading = Math.max(0, prevalence[j]! - truth[j]! - answers[j]!);
      // F1 follows the distance that a distribution moved, of which the divergence is the square.
      const [p, c, i] = [leading, truth[j]!, answers[j]! + unexplained].map(Math.sqrt) as [number, number, number];
      const all = p + c + i;
      const rest = target[cell]! - confirmed[cell]!;
      const [toPrevalence, toConvention] = all === 0 ? [0, 0] : [(rest * p) / all, (rest * c) / all];
      parts.prevalence[cell] = confirmed[cell]! - source[cell]! + toPrevalence;
      parts.convention[cell] = toConvention;
      parts.image[cell] = rest - toPrevalence - toConvention;
    }
  }
  return parts;
}

/** Each label's movement, with a part of the mean of all. */
function pooled(values: Float64Array): Float64Array {
  const all = (POOLED * values.reduce((sum, value) => sum + value, 0)) / values.length;
  return values.map((value) => value + all);
}

// -------------------------------------------------------------------------------------------------------- prevalence

/** exp(lambda . y) of each pattern. */
function tilt({ data }: PatternSums, lambda: Float64Array): Float64Array {
  return Float64Array.from(data.positive, (bits) => {
    let sum = 0;
    for (let j = 0; j < lambda.length; j++) if ((bits >> j) & 1) sum += lambda[j]!;
    return Math.exp(Math.max(-30, Math.min(30, sum)));
  });
}

/** lambda with which the reweighted source has the wanted label frequencies: Newton's method on the concave dual, ridged. */
function raking(source: PatternSums, wanted: Float64Array): Float64Array {
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
function confirmedShare(source: PatternSums, target: PatternSums, lambda: Float64Array, at: Shares): Float64Array {
  const { labels } = source.data;
  const deviation = at.said.map((q) => {
    const p = Math.min(1 - 1e-3, Math.max(1e-3, q));
    return Math.sqrt(p * (1 - p) * (1 / source.data.clusters + 1 / target.data.clusters));
  });
  const residuals = (rho: Float64Array): Float64Array => {
    const shares = saidShares(
      source,
      tilt(
        source,
        lambda.map((value, j) => value * rho[j]!),
      ),
    );
    return shares.map((value, cell) => (at.said[cell]! - value) / deviation[cell]!);
  };
  const common = commonShare((share) => squared(residuals(new Float64Array(labels).fill(share))));
  let rho: Float64Array = new Float64Array(labels).fill(common);
  for (let pass = 0; pass < 2; pass++) rho = gaussNewton(rho, common, residuals);
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
  return [0, 1, middle].reduce((best, share) => (misfit(share) < misfit(best) ? share : best));
}

/** One linearization, solved by coordinates within [0, 1]. */
function gaussNewton(
  start: Float64Array,
  common: number,
  residuals: (rho: Float64Array) => Float64Array,
): Float64Array {
  const step = 0.05;
  const base = residuals(start);
  const slopes = Array.from(start, (value, j) => {
    const to = value > 0.5 ? value - step : value + step;
    const moved = residuals(start.map((each, i) => (i === j ? to : each)));
    return moved.map((residual, cell) => (residual - base[cell]!) / (to - value));
  });
  const rho = start.slice();
  const left = base.slice();
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
    total += weight[u]! * count[u]!;
    for (let cell = 0; cell < cells; cell++) out[cell]! += weight[u]! * said[u * cells + cell]!;
  }
  return out.map((value) => value / total);
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

// ---------------------------------------------------------------------------------------------------------- movement

/**
 * How far each label moved, in truth and in answers: the divergence of its share given each other label (present or not), the
 * mean over the others; for answers also given each other checkpoint's answer, the mean over checkpoints. Together: of each
 * answer given the truth.
 */
function movement(from: Shares, to: Shares, { labels, checkpoints }: PatternData): Omit<Movement, 'prevalence'> {
  const cells = checkpoints * labels;
  const moved = {
    truth: new Float64Array(labels),
    answers: new Float64Array(cells),
    together: new Float64Array(cells),
  };
  for (let label = 0; label < labels; label++) {
    moved.truth[label] = meanOf(labels, label, (other) => {
      const given = (at: Shares) =>
        [at.truth[label]!, at.truth[other]!, at.truthBoth[label * labels + other]!] as const;
      return conditional(given(from), given(to), label === other);
    });
    for (let k = 0; k < checkpoints; k++) {
      const cell = k * labels + label;
      moved.answers[cell] = answersMoved(from, to, k, label, labels, checkpoints);
      const given = (at: Shares) => [at.said[cell]!, at.truth[label]!, at.hits[cell]!] as const;
      moved.together[cell] = conditional(given(from), given(to));
    }
  }
  return moved;
}

function answersMoved(from: Shares, to: Shares, k: number, label: number, labels: number, checkpoints: number): number {
  const cell = k * labels + label;
  let sum = meanOf(labels, label, (other) => {
    const place = k * labels + other;
    const given = (at: Shares) => [at.said[cell]!, at.said[place]!, at.saidBoth[cell * labels + other]!] as const;
    return conditional(given(from), given(to), label === other);
  });
  for (let other = 0; other < checkpoints; other++) {
    if (other === k) continue;
    const pair = pairPlace(Math.min(k, other), Math.max(k, other), checkpoints);
    const given = (at: Shares) =>
      [at.said[cell]!, at.said[other * labels + label]!, at.saidByBoth[pair * labels + label]!] as const;
    sum += conditional(given(from), given(to));
  }
  return sum / checkpoints;
}

/** Of the pairs 0-1, 0-2, ..., 1-2, ... */
function pairPlace(first: number, second: number, checkpoints: number): number {
  return first * checkpoints - (first * (first + 1)) / 2 + second - first - 1;
}

function meanOf(labels: number, label: number, value: (other: number) => number): number {
  if (labels < 2) return value(label);
  let sum = 0;
  for (let other = 0; other < labels; other++) if (other !== label) sum += value(other);
  return sum / (labels - 1);
}

/** Shares of A, of B, and of both. */
type Pair = readonly [a: number, b: number, both: number];

/** KL(to || from) of A given B, B's frequencies as in `to`. `alone`: A and B are one, and nothing is given. */
function conditional([pa, pb, pBoth]: Pair, [qa, qb, qBoth]: Pair, alone = false): number {
  if (alone) return bernoulli(qa, pa);
  const given = qb > 0 && pb > 0 ? bernoulli(qBoth / qb, pBoth / pb) * qb : 0;
  const without = qb < 1 && pb < 1 ? bernoulli((qa - qBoth) / (1 - qb), (pa - pBoth) / (1 - pb)) * (1 - qb) : 0;
  return given + without;
}

/** KL of two Bernoulli distributions, kept off 0 and 1. */
function bernoulli(q: number, p: number): number {
  const clip = (value: number) => Math.min(1 - 1e-4, Math.max(1e-4, value));
  const [x, y] = [clip(q), clip(p)];
  return x * Math.log(x / y) + (1 - x) * Math.log((1 - x) / (1 - y));
}

// --------------------------------------------------------------------------------------------------------- replicates

export interface ShiftTask {
  source: PatternData;
  target: PatternData;
  /** Where patients are in both. */
  strata: readonly [Strata, Strata] | null;
  seed: string;
  first: number;
  last: number;
  replicates: number;
}

/** Means over the labels of the three parts, by checkpoint: `[replicates of the blocks][checkpoints * 3]`. */
export function shiftReplicates({ source, target, strata, seed, first, last, replicates }: ShiftTask): Float64Array[] {
  const results: Float64Array[] = [];
  const sides = [source, target] as const;
  const weights = sides.map(({ clusters }) => new Uint8Array(clusters));
  for (let block = first; block < last; block++) {
    const random = new Random(`${seed}/${block}`);
    const paired = new Random(`${seed}/both/${block}`);
    for (let r = block * BLOCK; r < Math.min((block + 1) * BLOCK, replicates); r++) {
      if (strata) drawPaired(random, paired, strata, weights);
      else for (const each of weights) drawWeights(random, each);
      const [atSource, atTarget] = sides.map((data, side) => patternSums(data, weights[side]!));
      results.push(meansOf(decompose(atSource!, atTarget!, 2), source.labels));
    }
  }
  return results;
}

function drawPaired(
  random: Random,
  paired: Random,
  strata: readonly [Strata, Strata],
  [source, target]: readonly Uint8Array[],
): void {
  source!.fill(0);
  target!.fill(0);
  drawStrata(random, new Random(paired.snapshot()), strata[0], source!);
  drawStrata(random, paired, strata[1], target!);
}

/** Prevalence, convention, image of each checkpoint, averaged over the labels. */
export function meansOf({ parts }: Shift, labels: number): Float64Array {
  const all = [parts.prevalence, parts.convention, parts.image];
  const checkpoints = parts.image.length / labels;
  const out = new Float64Array(checkpoints * 3);
  for (let k = 0; k < checkpoints; k++) {
    all.forEach((values, part) => {
      for (let label = 0; label < labels; label++) out[k * 3 + part]! += values[k * labels + label]! / labels;
    });
  }
  return out;
}
