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
 * Ours; the assumptions are in `SHIFT_ASSUMPTIONS` (causes.ts), the trials on phantoms in docs/LOG.md.
 */
import { type PatternSums, type Shares, sharesOf } from './shiftCounts.ts';
import { beyondChance, type Movement, movement } from './shiftMovement.ts';
import { confirmedShare, raking, tilt } from './shiftPrevalence.ts';

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

/** Weight of all labels' movement beside the label's own, where a rest is divided. */
const POOLED = 0.25;

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
