/** Results of an evaluation, as the command prints them, the screens show them and the report draws them. Pure. */
import type { Label, UncertaintyPolicy } from '../labels/labels.ts';

export interface Confusion {
  tp: number;
  fp: number;
  fn: number;
  tn: number;
}

/** Zero division counts as 0, as scikit-learn's zero_division=0. */
export interface PrecisionRecallF1 {
  precision: number;
  recall: number;
  f1: number;
}

export interface SetFigures extends PrecisionRecallF1 {
  jaccard: number;
}

/** A bootstrap interval that resamples whole patients. */
export interface Interval {
  low: number;
  high: number;
  /** 0.95. */
  level: number;
  method: 'percentile' | 'bca';
  replicates: number;
  seed: number;
  /** Patients resampled (of each data set where two are involved). */
  clusters: number[];
}

/** Where the checkpoint gave a probability for the label. null: only one class is there. */
export interface ProbabilityFigures {
  films: number;
  auroc: number | null;
  averagePrecision: number | null;
  brier: number;
  expectedCalibrationError: number;
  /** Ten bins of equal width; empty ones are left out. */
  reliability: { meanProbability: number; observed: number; films: number }[];
}

export interface LabelFigures extends Confusion, SetFigures {
  label: Label;
  /** Films whose truth has this label. */
  support: number;
  /** Films on which the checkpoint wrote this label. */
  predicted: number;
  /** Films that count for this label; fewer than all where uncertain ones are ignored. */
  films: number;
  specificity: number;
  accuracy: number;
  balancedAccuracy: number;
  /** Cohen's kappa; null where truth and answer are one and the same constant. */
  kappa: number | null;
  /** Matthews correlation; 0 where it is undefined, as scikit-learn. */
  mcc: number;
  f1Interval: Interval | null;
  probability: ProbabilityFigures | null;
}

/** One checkpoint on one data set, on one set of labels. */
export interface Figures {
  labels: LabelFigures[];
  micro: SetFigures;
  macro: SetFigures;
  /** Weighted by support. */
  weighted: SetFigures;
  /** Mean over films; two empty sets count as 0. */
  samples: SetFigures;
  subsetAccuracy: number;
  hammingLoss: number;
  macroF1Interval: Interval | null;
  microF1Interval: Interval | null;
  /** Films scored, failures included. */
  films: number;
  patients: number;
  /** Completions that could not be read; each counts as no label. */
  failures: number;
  failRate: number;
  /** The same without the films whose completion failed; beside, never instead. */
  withoutFailures: { films: number; macroF1: number; microF1: number };
  findingsPerFilm: number;
  /** The label written on the largest share of films. */
  dominant: { label: Label; share: number } | null;
}

/** `own`: a data set's own labels where they are neither the paper's 14 nor its nine. */
export type LabelSetName = 'shared' | 'chexpert-14' | 'nih-9' | 'own';

/** One checkpoint's way from the source to the target, on one set of labels. */
export interface Gap {
  /** `shared` first; `own`: each data set on its own labels, as the paper prints it. */
  labelSet: 'shared' | 'own';
  /** true where source and target are scored on the same labels; false: not comparable. */
  comparable: boolean;
  checkpointId: string;
  source: number;
  target: number;
  /** target - source, macro-F1. */
  change: number;
  interval: Interval | null;
  /** Each label's part of the change: (f1 target - f1 source) / number of labels. Sums to `change`. Empty where not comparable. */
  contributions: { label: Label; source: number; target: number; contribution: number }[];
}

/** One label's part of a difference between two checkpoints on the same films. */
export interface LabelDifference {
  label: Label;
  from: number;
  to: number;
  /** (f1 to - f1 from) / number of labels. */
  contribution: number;
  /** Of the label's own F1 difference, to - from. */
  interval: Interval | null;
  /** Two-sided. Of the exact McNemar test where each patient has one film, else of flipping whole patients. */
  p: number | null;
  test: 'mcnemar-exact' | 'patient-permutation' | null;
  /** Adjusted over the labels: Holm, Benjamini and Hochberg. */
  pHolm: number | null;
  pBenjaminiHochberg: number | null;
}

/** GRPO minus SFT (or any two checkpoints) on one data set and label set. */
export interface Difference {
  datasetId: string;
  labelSet: LabelSetName;
  fromCheckpointId: string;
  toCheckpointId: string;
  from: number;
  to: number;
  /** to - from, macro-F1. */
  change: number;
  /** Films that both have answered. */
  films: number;
  interval: Interval | null;
  /** Of the macro-F1 difference, by flipping whole patients. */
  p: number | null;
  contributions: LabelDifference[];
}

/** Does the gain survive? (to - from on the target) minus (to - from on the source), macro-F1 on the shared labels. */
export interface GapDifference {
  fromCheckpointId: string;
  toCheckpointId: string;
  atSource: number;
  atTarget: number;
  /** atTarget - atSource. */
  change: number;
  interval: Interval | null;
}

export interface Agreement {
  datasetId: string;
  checkpointIds: [string, string];
  films: number;
  /** Share of films on which both give the same set of labels. */
  sameSet: number;
  /** Mean over films of the Jaccard index of the two sets; two empty sets agree (1). */
  meanJaccard: number;
}

export interface EvaluationCell {
  datasetId: string;
  checkpointId: string;
  /** On the data set's own labels. */
  own: Figures;
  ownLabelSet: LabelSetName;
  shared: Figures;
  /** Films done of all that were asked for. */
  done: number;
  total: number;
}

export interface EvaluatedDataset {
  id: string;
  name: string;
  kind: 'chexpert' | 'nih' | 'mimic' | 'other';
  /** Its part in the question. */
  part: 'source' | 'target';
  labels: Label[];
  labelSet: LabelSetName;
  policy: UncertaintyPolicy;
  /** What one row of the figures is. */
  unit: 'film' | 'study';
  films: number;
  patients: number;
}

export interface EvaluatedCheckpoint {
  id: string;
  name: string;
  role: 'base' | 'sft' | 'grpo' | 'other';
  /** Where its training data came from; empty: unknown. */
  trainingSource: string;
}

export interface EvaluationResult {
  id: string;
  createdAt: string;
  sourceDatasetId: string;
  targetDatasetId: string;
  datasets: EvaluatedDataset[];
  checkpoints: EvaluatedCheckpoint[];
  /** In CheXpert's order. */
  sharedLabels: Label[];
  cells: EvaluationCell[];
  gaps: Gap[];
  differences: Difference[];
  gapDifferences: GapDifference[];
  agreements: Agreement[];
  /** The first sentence of the page and of the report, made from the numbers: "GRPO gains 0.01 at home and loses 0.06 away." */
  headline: string;
}

/** An interval that leaves out zero settles the sign. */
export function isSettled(interval: Interval | null): boolean {
  return interval !== null && (interval.low > 0 || interval.high < 0);
}
