/** Results of an evaluation, as the command prints them, the screens show them and the report draws them. Pure. */

import type { Label } from '../labels/labels.ts';
import type { UncertaintyPolicies } from '../labels/uncertainty.ts';
import type { Decomposition, LabelHabit, ShiftEvidence } from './causes.ts';

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

/** `samples` averages are over films, `macro` and `weighted` ones over labels, `micro` ones of all cells as one. */
export interface SetFigures extends PrecisionRecallF1 {
  jaccard: number;
  specificity: number;
  accuracy: number;
  /** Cohen's kappa; null where truth and answer are one and the same constant. Averages leave such labels (films) out. */
  kappa: number | null;
  /** Matthews correlation; 0 where it is undefined, as scikit-learn. */
  mcc: number;
}

export type Figure = keyof SetFigures;
export type Average = 'micro' | 'macro' | 'weighted' | 'samples';

export type BootstrapMethod = 'percentile' | 'bca';

/** A bootstrap interval that resamples whole patients. */
export interface Interval {
  low: number;
  high: number;
  /** 0.95. */
  level: number;
  /** What `low` and `high` are; BCa where it is defined, symmetric for the parts of a change (shiftIntervals.ts). */
  method: BootstrapMethod | 'symmetric';
  /** The percentile interval of the same replicates, beside. */
  percentile?: [low: number, high: number];
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
  /** Films whose truth has the label. */
  positives?: number;
  aurocInterval?: Interval | null;
  averagePrecisionInterval?: Interval | null;
}

/**
 * A label's decision threshold on probabilities, chosen on the source's films (the highest F1 there) and frozen: the target
 * has no part in it. Both sides are shown.
 */
export interface FrozenThreshold {
  checkpointId: string;
  label: Label;
  /** Probabilities from here on count as the label. */
  threshold: number;
  /** Where it was chosen. */
  chosenOn: string;
  /** With the threshold, on the films that have probabilities. */
  source: PrecisionRecallF1 & { datasetId: string; films: number; positives: number };
  /** null where the target has no probabilities, or where there is one data set only. */
  target: (PrecisionRecallF1 & { datasetId: string; films: number; positives: number }) | null;
}

export interface LabelFigures extends Confusion, SetFigures {
  label: Label;
  /** Films whose truth has this label. */
  support: number;
  /** Films on which the checkpoint wrote this label. */
  predicted: number;
  /** Films that count for this label; fewer than all where uncertain ones are ignored. */
  films: number;
  balancedAccuracy: number;
  f1Interval: Interval | null;
  /** Of every figure; empty where nothing was resampled. */
  intervals?: Partial<Record<Figure, Interval>>;
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
  /** Of every average; empty where nothing was resampled. */
  intervals?: Partial<Record<Average, Partial<Record<Figure, Interval>>>>;
  failRateInterval?: Interval | null;
  findingsPerFilmInterval?: Interval | null;
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
  /** Share of the films on which each label was written, most often first. */
  dominance?: { label: Label; share: number }[];
  /** Words of the completions that are there as text; null where none is. */
  words?: { films: number; mean: number; median: number } | null;
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
  /** Of the label's F1 difference, by exchanging whole patients: valid whatever the films of a patient. */
  pPermutation?: number | null;
  /** Plain McNemar on right and wrong answers; null where a patient has several films (`Difference.mcNemarLeftOut`). */
  mcNemar?: McNemarFigures | null;
}

export interface McNemarFigures {
  /** Films that only the first, only the second checkpoint gets right. */
  onlyFrom: number;
  onlyTo: number;
  exactP: number;
  /** Chi-square without and with continuity correction; null where no film is judged differently. */
  asymptoticP: number | null;
  correctedP: number | null;
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
  /** Why there is no McNemar test; null where there is one. */
  mcNemarLeftOut?: string | null;
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
  /** By label: share of films on which both say the same of it, and Cohen's kappa of the two. */
  labels?: { label: Label; same: number; kappa: number | null }[];
}

export interface SubgroupFigures {
  checkpointId: string;
  macroF1: number;
  interval: Interval | null;
}

/** Films of one kind in one data set, on the shared labels. */
export interface Subgroup {
  datasetId: string;
  by: 'sex' | 'age' | 'view' | 'device';
  /** "F", "18 to 39", "AP", "device"; "unknown" where the table does not say. */
  group: string;
  films: number;
  patients: number;
  /** Of the shared labels, the number with ten positive films or more; figures of the others say little. */
  labelsWithTen: number;
  figures: SubgroupFigures[];
  /** Between the two checkpoints of the question, where there are two. */
  difference: { fromCheckpointId: string; toCheckpointId: string; change: number; interval: Interval | null } | null;
}

/**
 * Whether the films at hand settle a quantity, and how many would: normal approximation with the bootstrap's standard
 * error, which shrinks with the root of the number of films (patients with as many films each as now).
 */
export interface PowerFigures {
  what: 'difference' | 'gap' | 'gap-difference';
  /** For differences: on which data set. */
  datasetId: string | null;
  /** null for a gap, which is of one checkpoint. */
  fromCheckpointId: string | null;
  checkpointId: string;
  effect: number;
  standardError: number;
  settled: boolean;
  /** Films now, of each data set involved. */
  films: number[];
  /** Films of each data set for 80 % power at two-sided 5 %, were the effect as large as it appears; null where it is 0. */
  filmsNeeded: number[] | null;
  /** The smallest effect that the films at hand would settle with 80 % power. */
  detectable: number;
}

/** Two checkpoints disagree on a film: what each said, and what that does to the change. */
export interface Disagreement {
  datasetId: string;
  filmId: string;
  fromCheckpointId: string;
  toCheckpointId: string;
  /**
   * The film's part of (to - from) on the target minus (to - from) on the source, macro-F1 on the shared labels: the value
   * with the film less the value without it.
   */
  contribution: number;
  labels: { label: Label; truth: 0 | 1 | null; from: boolean; to: boolean }[];
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
  /** What this data set is to this checkpoint. */
  distribution?: Distribution;
}

/** A data set seen from a checkpoint's training. */
export type Distribution = 'training source' | 'in-distribution' | 'other institution' | 'unknown';

export interface EvaluatedDataset {
  id: string;
  name: string;
  kind: 'chexpert' | 'nih' | 'mimic' | 'other';
  /** Its part in the question. */
  part: 'source' | 'target';
  labels: Label[];
  labelSet: LabelSetName;
  policy: UncertaintyPolicies;
  /** What one row of the figures is. */
  unit: 'film' | 'study';
  /** Which films are read, and how those of a study become one answer; only where it is asked for. */
  views?: 'frontal' | 'all' | 'AP' | 'PA';
  aggregation?: 'any' | 'majority' | 'first';
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
  /** Of every checkpoint, and of the differences between checkpoints; empty where there is one data set. */
  decompositions?: Decomposition[];
  evidence?: ShiftEvidence[];
  habits?: LabelHabit[];
  subgroups?: Subgroup[];
  power?: PowerFigures[];
  thresholds?: FrozenThreshold[];
  /** Of the first pair of checkpoints: the films that weigh most, at most a hundred of each data set. */
  disagreements?: Disagreement[];
  /** Patients with films in both data sets; absent in results of earlier versions. */
  sharedPatients?: number;
  /** What a reader should know of the data: patients on both sides, films left out. */
  warnings?: string[];
  /** The first sentence of the page and of the report, made from the numbers: "GRPO gains 0.01 at home and loses 0.06 away." */
  headline: string;
}

/** An interval that leaves out zero settles the sign. */
export function isSettled(interval: Interval | null): boolean {
  return interval !== null && (interval.low > 0 || interval.high < 0);
}
