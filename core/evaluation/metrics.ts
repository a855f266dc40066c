/**
 * Multi-label figures from indicator matrices, as scikit-learn defines them with zero_division=0: precision, recall, F1 and
 * Jaccard per label and as micro, macro, weighted and samples averages; subset accuracy; Hamming loss. Cells of the truth
 * that are left out (an uncertain label under `ignore`) count nowhere. Equal to reference/metrics/multilabel.json to 1e-12.
 */
import type { Confusion, PrecisionRecallF1, SetFigures } from './types.ts';

/** In a truth matrix: this cell is left out. */
export const LEFT_OUT = 2;

/** 0 and 1 (and LEFT_OUT in the truth), `[films * labels]`. */
export interface Indicators {
  films: number;
  labels: number;
  truth: Uint8Array;
  prediction: Uint8Array;
}

export interface MultilabelFigures {
  perLabel: (Confusion & SetFigures & { support: number })[];
  micro: SetFigures;
  macro: SetFigures;
  weighted: SetFigures;
  samples: SetFigures;
  subsetAccuracy: number;
  hammingLoss: number;
}

export function ratio(numerator: number, denominator: number): number {
  return denominator === 0 ? 0 : numerator / denominator;
}

export function setFigures(tp: number, fp: number, fn: number): SetFigures {
  return {
    precision: ratio(tp, tp + fp),
    recall: ratio(tp, tp + fn),
    f1: f1(tp, fp, fn),
    jaccard: ratio(tp, tp + fp + fn),
  };
}

export function f1(tp: number, fp: number, fn: number): number {
  return ratio(2 * tp, 2 * tp + fp + fn);
}

/** From precision and recall, as a table prints them. */
export function f1Of({ precision, recall }: Pick<PrecisionRecallF1, 'precision' | 'recall'>): number {
  return ratio(2 * precision * recall, precision + recall);
}

export function confusions({ films, labels, truth, prediction }: Indicators): Confusion[] {
  const counts = Array.from({ length: labels }, () => ({ tp: 0, fp: 0, fn: 0, tn: 0 }));
  for (let film = 0, i = 0; film < films; film++) {
    for (let label = 0; label < labels; label++, i++) {
      const outcome = outcomeOf(truth[i]!, prediction[i]!);
      if (outcome !== null) counts[label]![outcome]++;
    }
  }
  return counts;
}

export function outcomeOf(truth: number, prediction: number): keyof Confusion | null {
  if (truth === LEFT_OUT) return null;
  if (truth === 1) return prediction === 1 ? 'tp' : 'fn';
  return prediction === 1 ? 'fp' : 'tn';
}

export function multilabelFigures(indicators: Indicators): MultilabelFigures {
  const counts = confusions(indicators);
  const perLabel = counts.map((c) => ({ ...c, ...setFigures(c.tp, c.fp, c.fn), support: c.tp + c.fn }));
  const sum = (key: keyof Confusion) => counts.reduce((total, c) => total + c[key], 0);
  const scored = sum('tp') + sum('fp') + sum('fn') + sum('tn');
  return {
    perLabel,
    micro: setFigures(sum('tp'), sum('fp'), sum('fn')),
    macro: average(perLabel, () => 1),
    weighted: average(perLabel, (label) => label.support),
    samples: samplesFigures(indicators),
    subsetAccuracy: subsetAccuracy(indicators),
    hammingLoss: ratio(sum('fp') + sum('fn'), scored),
  };
}

function average<T extends SetFigures>(items: T[], weight: (item: T) => number): SetFigures {
  const total = items.reduce((sum, item) => sum + weight(item), 0);
  const mean = (key: keyof SetFigures) =>
    ratio(
      items.reduce((sum, item) => sum + weight(item) * item[key], 0),
      total,
    );
  return { precision: mean('precision'), recall: mean('recall'), f1: mean('f1'), jaccard: mean('jaccard') };
}

/** A film without any label in truth and answer counts as 0. */
function samplesFigures({ films, labels, truth, prediction }: Indicators): SetFigures {
  const perFilm: SetFigures[] = [];
  for (let film = 0, i = 0; film < films; film++) {
    const counts = { tp: 0, fp: 0, fn: 0, tn: 0 };
    for (let label = 0; label < labels; label++, i++) {
      const outcome = outcomeOf(truth[i]!, prediction[i]!);
      if (outcome !== null) counts[outcome]++;
    }
    perFilm.push(setFigures(counts.tp, counts.fp, counts.fn));
  }
  return average(perFilm, () => 1);
}

function subsetAccuracy({ films, labels, truth, prediction }: Indicators): number {
  let same = 0;
  for (let film = 0, i = 0; film < films; film++) {
    let equal = true;
    for (let label = 0; label < labels; label++, i++) {
      if (truth[i] !== LEFT_OUT && truth[i] !== prediction[i]) equal = false;
    }
    if (equal) same++;
  }
  return ratio(same, films);
}
