/**
 * Multi-label figures from indicator matrices, as scikit-learn defines them with zero_division=0: precision, recall,
 * specificity, F1, Jaccard, accuracy, kappa and Matthews correlation per label and as micro, macro, weighted and samples
 * averages; subset accuracy; Hamming loss. Cells of the truth that are left out (an uncertain label under `ignore`) count
 * nowhere. Equal to reference/metrics/multilabel.json to 1e-12.
 */
import type { Confusion, Figure, PrecisionRecallF1, SetFigures } from './types.ts';

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

export const FIGURES = [
  'precision',
  'recall',
  'specificity',
  'f1',
  'jaccard',
  'accuracy',
  'kappa',
  'mcc',
] as const satisfies readonly Figure[];

/**
 * Every figure of one 2 x 2 table; kappa NaN where it is undefined. Closed forms of what agreement.ts gives for any number of
 * classes, because the bootstrap asks millions of times.
 */
export function figureOf(figure: Figure, tp: number, fp: number, fn: number, tn: number): number {
  if (figure === 'f1') return f1(tp, fp, fn);
  if (figure === 'precision') return ratio(tp, tp + fp);
  if (figure === 'recall') return ratio(tp, tp + fn);
  if (figure === 'specificity') return ratio(tn, tn + fp);
  if (figure === 'jaccard') return ratio(tp, tp + fp + fn);
  if (figure === 'accuracy') return ratio(tp + tn, tp + fp + fn + tn);
  const cross = tp * tn - fp * fn;
  if (figure === 'mcc') {
    const scale = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn);
    return scale === 0 ? 0 : cross / Math.sqrt(scale);
  }
  const chance = (tp + fp) * (fp + tn) + (tp + fn) * (fn + tn);
  return chance === 0 ? Number.NaN : (2 * cross) / chance;
}

export function setFigures({ tp, fp, fn, tn }: Confusion): SetFigures {
  const figures = Object.fromEntries(FIGURES.map((figure) => [figure, figureOf(figure, tp, fp, fn, tn)]));
  return { ...(figures as Record<Figure, number>), kappa: Number.isNaN(figures['kappa']) ? null : figures['kappa']! };
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
  const perLabel = counts.map((c) => ({ ...c, ...setFigures(c), support: c.tp + c.fn }));
  const sum = (key: keyof Confusion) => counts.reduce((total, c) => total + c[key], 0);
  const scored = sum('tp') + sum('fp') + sum('fn') + sum('tn');
  return {
    perLabel,
    micro: setFigures({ tp: sum('tp'), fp: sum('fp'), fn: sum('fn'), tn: sum('tn') }),
    macro: average(perLabel, () => 1),
    weighted: average(perLabel, (label) => label.support),
    samples: samplesFigures(indicators),
    subsetAccuracy: subsetAccuracy(indicators),
    hammingLoss: ratio(sum('fp') + sum('fn'), scored),
  };
}

/** Items whose figure is undefined are left out of its average. */
function average<T extends SetFigures>(items: T[], weight: (item: T) => number): SetFigures {
  const mean = (figure: Figure) => {
    const defined = items.filter((item) => item[figure] !== null);
    const total = defined.reduce((sum, item) => sum + weight(item), 0);
    const sum = defined.reduce((sum, item) => sum + weight(item) * item[figure]!, 0);
    return defined.length === 0 && items.length > 0 ? null : ratio(sum, total);
  };
  const figures = Object.fromEntries(FIGURES.map((figure) => [figure, mean(figure)]));
  return { ...(figures as Record<Figure, number>), kappa: figures['kappa'] ?? null };
}

/** A film without any label in truth and answer counts as 0. Films with the same counts are worked out once. */
function samplesFigures(indicators: Indicators): SetFigures {
  const kinds = new Map<number, number>();
  for (const kind of filmKinds(indicators)) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  const items = [...kinds].map(([kind, films]) => ({ ...setFigures(confusionOf(kind)), films }));
  return average(items, (item) => item.films);
}

/** What a cell adds to its film's kind, at 2 * truth + prediction; six bits for each outcome, so no set has more than 63 labels. */
const KIND_STEP = [1, 1 << 12, 1 << 6, 1 << 18, 0, 0] as const;

/** One number for each film: how many of these labels (by place; absent: all) have each outcome. `[films]` */
export function filmKinds({ films, labels, truth, prediction }: Indicators, places?: readonly number[]): Int32Array {
  const columns = places ?? Array.from({ length: labels }, (_, i) => i);
  const kinds = new Int32Array(films);
  for (let film = 0, row = 0; film < films; film++, row += labels) {
    let kind = 0;
    for (let j = 0; j < columns.length; j++) {
      const at = row + columns[j]!;
      kind += KIND_STEP[2 * truth[at]! + prediction[at]!]!;
    }
    kinds[film] = kind;
  }
  return kinds;
}

export function kindOf({ tp, fp, fn, tn }: Confusion): number {
  return (tp << 18) | (fp << 12) | (fn << 6) | tn;
}

/** What a film's kind stands for. */
export function confusionOf(kind: number): Confusion {
  return { tp: kind >> 18, fp: (kind >> 12) & 63, fn: (kind >> 6) & 63, tn: kind & 63 };
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
