/**
 * The statistics that are resampled, as data, so that a thread can be sent them: sums of figures of readings with signs. A
 * gap is (target) - (source), a difference (to) - (from), and whether a gain survives has four terms.
 */
import { COUNTER, type Layout, PER_LABEL } from './counters.ts';
import { f1, figureOf } from './metrics.ts';
import type { Figure } from './types.ts';

/** Labels by place in the layout; `set` is a place in `Layout.sets`. */
export type Of =
  | { label: number }
  | { average: 'micro' | 'macro' | 'weighted'; labels: readonly number[] }
  | { average: 'samples'; set: number }
  | { rate: 'failures' | 'findings' };

export interface Term {
  /** Place among the samples. */
  sample: number;
  sign: 1 | -1;
  figure: Figure;
  of: Of;
}

export type Statistic = readonly Term[];

/** The counters of a reading: `data[at]` and on. */
export interface Counters {
  data: ArrayLike<number>;
  at: number;
  layout: Layout;
}

export function statisticOf(statistic: Statistic, readings: readonly Counters[]): number {
  let sum = 0;
  for (const { sample, sign, figure, of } of statistic) sum += sign * figureValue(figure, of, readings[sample]!);
  return sum;
}

/** Undefined ones (kappa of constants) are NaN. */
export function figureValue(figure: Figure, of: Of, counters: Counters): number {
  if ('label' in of) return labelFigure(figure, counters, of.label);
  if ('rate' in of) return rateOf(of.rate, counters);
  if (of.average === 'samples') return samplesFigure(figure, counters, of.set);
  if (of.average === 'micro') return microFigure(figure, counters, of.labels);
  return meanFigure(figure, counters, of.labels, of.average === 'weighted');
}

function labelFigure(figure: Figure, { data, at, layout }: Counters, label: number): number {
  const base = at + PER_LABEL * label;
  const [tp, fp, fn] = [data[base]!, data[base + 1]!, data[base + 2]!];
  if (figure === 'f1') return f1(tp, fp, fn);
  const tn = data[at + layout.films]! - data[base + COUNTER.leftOut]! - tp - fp - fn;
  return figureOf(figure, tp, fp, fn, tn);
}

function microFigure(figure: Figure, { data, at, layout }: Counters, labels: readonly number[]): number {
  let [tp, fp, fn, leftOut] = [0, 0, 0, 0];
  for (const label of labels) {
    const base = at + PER_LABEL * label;
    tp += data[base]!;
    fp += data[base + 1]!;
    fn += data[base + 2]!;
    leftOut += data[base + 3]!;
  }
  const tn = labels.length * data[at + layout.films]! - leftOut - tp - fp - fn;
  return figureOf(figure, tp, fp, fn, tn);
}

function meanFigure(figure: Figure, counters: Counters, labels: readonly number[], weighted: boolean): number {
  const { data, at } = counters;
  let [sum, weights, defined] = [0, 0, 0];
  for (const label of labels) {
    const value = labelFigure(figure, counters, label);
    if (Number.isNaN(value)) continue;
    const base = at + PER_LABEL * label;
    const weight = weighted ? data[base]! + data[base + 2]! : 1;
    defined++;
    weights += weight;
    sum += weight * value;
  }
  if (defined === 0 && labels.length > 0) return Number.NaN;
  return weights === 0 ? 0 : sum / weights;
}

function samplesFigure(figure: Figure, { data, at, layout }: Counters, place: number): number {
  const set = layout.sets[place]!;
  const values = kindFigures(set.kinds, figure);
  let [sum, films] = [0, 0];
  for (let kind = 0; kind < values.length; kind++) {
    if (Number.isNaN(values[kind]!)) continue;
    const count = data[at + set.at + kind]!;
    sum += count * values[kind]!;
    films += count;
  }
  if (films === 0) return figure === 'kappa' && data[at + layout.films]! > 0 ? Number.NaN : 0;
  return sum / films;
}

const known = new WeakMap<object, Map<Figure, Float64Array>>();

/** The figure of one film of each kind. */
function kindFigures(kinds: Layout['sets'][number]['kinds'], figure: Figure): Float64Array {
  const figures = known.get(kinds) ?? new Map<Figure, Float64Array>();
  known.set(kinds, figures);
  const there = figures.get(figure);
  if (there) return there;
  const values = Float64Array.from(kinds, ({ tp, fp, fn, tn }) => figureOf(figure, tp, fp, fn, tn));
  figures.set(figure, values);
  return values;
}

function rateOf(rate: 'failures' | 'findings', { data, at, layout }: Counters): number {
  const films = data[at + layout.films]!;
  return films === 0 ? 0 : data[at + layout[rate]]! / films;
}
