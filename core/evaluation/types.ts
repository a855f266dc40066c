/** Results of an evaluation, as the command prints them, the screens show them and the report draws them. */
import type { Label } from '../labels/labels.ts';

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

export interface LabelFigures extends Confusion, PrecisionRecallF1 {
  label: Label;
  /** Films whose truth has this label. */
  support: number;
  /** Films on which the checkpoint wrote this label. */
  predicted: number;
}

/** One checkpoint on one data set, on one set of labels. */
export interface Figures {
  labels: LabelFigures[];
  micro: PrecisionRecallF1;
  macro: PrecisionRecallF1;
  /** Films scored, failures included. */
  films: number;
  /** Completions that could not be read; each counts as no label. */
  failures: number;
  failRate: number;
  findingsPerFilm: number;
}

export type LabelSetName = 'shared' | 'chexpert-14' | 'nih-9';

/** One checkpoint's way from the source to the target, on one set of labels. */
export interface Gap {
  labelSet: LabelSetName;
  /** true where source and target are scored on the same labels; false: each on its own set, not comparable label by label. */
  comparable: boolean;
  checkpointId: string;
  source: number;
  target: number;
  /** target - source, macro-F1. */
  change: number;
  /** Each shared label's part of the change: (f1 target - f1 source) / number of labels. Sums to `change`. */
  contributions: { label: Label; source: number; target: number; contribution: number }[];
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
  contributions: { label: Label; from: number; to: number; contribution: number }[];
  /** Percentile bootstrap over patients, 95 %; null where it was not computed. */
  interval: { low: number; high: number; replicates: number; seed: number } | null;
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

export interface EvaluationResult {
  id: string;
  createdAt: string;
  sourceDatasetId: string;
  targetDatasetId: string;
  cells: EvaluationCell[];
  gaps: Gap[];
  differences: Difference[];
  /** The first sentence of the page and of the report, made from the numbers: "GRPO gains 0.01 at home and loses 0.06 away." */
  headline: string;
}
