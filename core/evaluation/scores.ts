/**
 * Figures of scores and probabilities: AUROC (Mann and Whitney, ties as one half), average precision (the step-wise sum of
 * scikit-learn), ROC points, Brier score, expected calibration error (Naeini et al. 2015, ten bins of equal width).
 * Equal to reference/metrics/scores.json to 1e-12. Scores are ranked as they are; only calibration needs probabilities.
 */
import type { ProbabilityFigures } from './types.ts';

/** Distinct scores from high to low, with the true and false positives up to and including each. */
function steps(truth: readonly boolean[], score: readonly number[]): { score: number; tp: number; fp: number }[] {
  const order = Array.from(score.keys()).sort((a, b) => score[b]! - score[a]!);
  const points: { score: number; tp: number; fp: number }[] = [];
  let tp = 0;
  let fp = 0;
  for (const [rank, i] of order.entries()) {
    if (truth[i]) tp++;
    else fp++;
    const next = order[rank + 1];
    if (next === undefined || score[next] !== score[i]) points.push({ score: score[i]!, tp, fp });
  }
  return points;
}

/** null where only one class is there. */
export function auroc(truth: readonly boolean[], score: readonly number[]): number | null {
  const points = steps(truth, score);
  const last = points[points.length - 1];
  if (!last || last.tp === 0 || last.fp === 0) return null;
  let area = 0;
  let before = { tp: 0, fp: 0 };
  for (const point of points) {
    area += ((point.fp - before.fp) * (point.tp + before.tp)) / 2;
    before = point;
  }
  return area / (last.tp * last.fp);
}

/** The sum of (R_k - R_(k-1)) P_k over distinct thresholds; 0 without positives. */
export function averagePrecision(truth: readonly boolean[], score: readonly number[]): number {
  const positives = truth.filter(Boolean).length;
  if (positives === 0) return 0;
  let sum = 0;
  let before = 0;
  for (const { tp, fp } of steps(truth, score)) {
    sum += ((tp - before) / positives) * (tp / (tp + fp));
    before = tp;
  }
  return sum;
}

/** From (0, 0), collinear points kept; null where only one class is there. */
export function rocCurve(truth: readonly boolean[], score: readonly number[]): { fpr: number[]; tpr: number[] } | null {
  const points = [{ tp: 0, fp: 0 }, ...steps(truth, score)];
  const { tp: positives, fp: negatives } = points[points.length - 1]!;
  if (positives === 0 || negatives === 0) return null;
  return { fpr: points.map(({ fp }) => fp / negatives), tpr: points.map(({ tp }) => tp / positives) };
}

export function brierScore(truth: readonly boolean[], probability: readonly number[]): number {
  return truth.reduce((sum, is, i) => sum + (probability[i]! - Number(is)) ** 2, 0) / truth.length;
}

/** Bins of equal width, closed above as in (0, 0.1]; empty ones are left out. */
export function reliability(
  truth: readonly boolean[],
  probability: readonly number[],
  bins = 10,
): ProbabilityFigures['reliability'] {
  const sums = Array.from({ length: bins }, () => ({ probability: 0, positives: 0, films: 0 }));
  truth.forEach((is, i) => {
    const bin = sums[Math.min(bins - 1, Math.max(0, Math.ceil(probability[i]! * bins) - 1))]!;
    bin.probability += probability[i]!;
    bin.positives += Number(is);
    bin.films++;
  });
  return sums
    .filter(({ films }) => films > 0)
    .map(({ films, ...sum }) => ({ meanProbability: sum.probability / films, observed: sum.positives / films, films }));
}

export function expectedCalibrationError(bins: ProbabilityFigures['reliability']): number {
  const films = bins.reduce((sum, bin) => sum + bin.films, 0);
  return bins.reduce((sum, bin) => sum + (bin.films / films) * Math.abs(bin.meanProbability - bin.observed), 0);
}

export function probabilityFigures(truth: readonly boolean[], probability: readonly number[]): ProbabilityFigures {
  const bins = reliability(truth, probability);
  return {
    films: truth.length,
    positives: truth.filter(Boolean).length,
    auroc: auroc(truth, probability),
    averagePrecision: truth.includes(true) ? averagePrecision(truth, probability) : null,
    brier: brierScore(truth, probability),
    expectedCalibrationError: expectedCalibrationError(bins),
    reliability: bins,
  };
}

type ScoreFigure = (truth: readonly boolean[], score: readonly number[]) => number | null;

export interface ScoreAverages {
  perLabel: (number | null)[];
  /** All cells as one. */
  micro: number | null;
  macro: number | null;
  /** Weighted by support. */
  weighted: number | null;
  /** Mean over films; null where a film has only one class and the figure needs both. */
  samples: number | null;
}

/** `truth` and `score` are `[films][labels]`. An average over anything undefined is undefined (null). */
export function averageOverLabels(figure: ScoreFigure, truth: boolean[][], score: number[][]): ScoreAverages {
  const labels = truth[0]?.length ?? 0;
  const column = <T>(rows: T[][], label: number) => rows.map((row) => row[label]!);
  const perLabel = Array.from({ length: labels }, (_, label) => figure(column(truth, label), column(score, label)));
  const support = perLabel.map((_, label) => column(truth, label).filter(Boolean).length);
  return {
    perLabel,
    micro: figure(truth.flat(), score.flat()),
    macro: weightedMean(
      perLabel,
      support.map(() => 1),
    ),
    weighted: weightedMean(perLabel, support),
    samples: weightedMean(
      truth.map((row, i) => figure(row, score[i]!)),
      truth.map(() => 1),
    ),
  };
}

function weightedMean(values: (number | null)[], weights: number[]): number | null {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (total === 0 || values.includes(null)) return null;
  return values.reduce<number>((sum, value, i) => sum + weights[i]! * value!, 0) / total;
}
