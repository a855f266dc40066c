/**
 * What the decomposition of a change (decomposition.ts) needs of a data set: its films by pattern of truth, with what each
 * checkpoint said. Labels are bits; everything large lies in shared memory.
 */
import type { Label } from '../labels/labels.ts';
import { countedAs, policyOf, type UncertaintyPolicies } from '../labels/uncertainty.ts';
import { patientsOf, sharedInts } from './counters.ts';
import { countedFindings, type EvaluatedFilm, patientOf } from './figures.ts';

export interface PatternData {
  clusters: number;
  labels: number;
  checkpoints: number;
  /** `[patterns]`: bits of the labels that are positive, and of those that are left out. */
  positive: Int32Array;
  leftOut: Int32Array;
  /** `[films]`. */
  cluster: Int32Array;
  pattern: Int32Array;
  /** `[films * checkpoints]`: bits of the labels that were said. */
  said: Int32Array;
}

/** Of the films that every checkpoint has answered, in the first one's order. */
export function patternData(
  readings: readonly (readonly EvaluatedFilm[])[],
  labels: readonly Label[],
  policies: UncertaintyPolicies,
): PatternData {
  const answers = readings.map((films) => new Map(films.map((film) => [film.filmId, film])));
  const films = answeredByAll(readings);
  const patients = patientsOf(films);
  const patterns = new Map<string, number>();
  const [positive, leftOut]: [number[], number[]] = [[], []];
  const data = {
    clusters: patients.size,
    labels: labels.length,
    checkpoints: readings.length,
    cluster: sharedInts(films.length),
    pattern: sharedInts(films.length),
    said: sharedInts(films.length * readings.length),
  };
  films.forEach((film, i) => {
    const { yes, out } = truthBits(film, labels, policies);
    const key = `${yes} ${out}`;
    const known = patterns.get(key) ?? positive.length;
    if (known === positive.length) {
      patterns.set(key, known);
      positive.push(yes);
      leftOut.push(out);
    }
    data.cluster[i] = patients.get(patientOf(film))!;
    data.pattern[i] = known;
    answers.forEach((all, k) => {
      data.said[i * readings.length + k] = saidBits(all.get(film.filmId)!, labels);
    });
  });
  return { ...data, positive: shared(positive), leftOut: shared(leftOut) };
}

/** The first reading's films that every other has answered too. */
export function answeredByAll(readings: readonly (readonly EvaluatedFilm[])[]): EvaluatedFilm[] {
  const others = readings.slice(1).map((films) => new Set(films.map(({ filmId }) => filmId)));
  return (readings[0] ?? []).filter(({ filmId }) => others.every((all) => all.has(filmId)));
}

function shared(values: readonly number[]): Int32Array {
  const ints = sharedInts(values.length);
  ints.set(values);
  return ints;
}

function truthBits(film: EvaluatedFilm, labels: readonly Label[], policies: UncertaintyPolicies) {
  let [yes, out] = [0, 0];
  labels.forEach((label, i) => {
    const is = countedAs(film.truth[label], policyOf(policies, label));
    if (is === 1) yes |= 1 << i;
    else if (is === null) out |= 1 << i;
  });
  return { yes, out };
}

function saidBits(film: EvaluatedFilm, labels: readonly Label[]): number {
  let bits = 0;
  for (const label of countedFindings(film)) {
    const i = labels.indexOf(label);
    if (i >= 0) bits |= 1 << i;
  }
  return bits;
}

/** Films with weights, added up by pattern. Shares are of all films. */
export interface PatternSums {
  data: PatternData;
  films: number;
  /** `[patterns]`. */
  count: Float64Array;
  /** `[patterns * checkpoints * labels]`: films on which the label was said. */
  said: Float64Array;
  /** `[patterns * checkpoints * labels * labels]`: on which both were said. */
  saidBoth: Float64Array;
  /** `[patterns * pairs of checkpoints * labels]`: on which both checkpoints said it. */
  saidByBoth: Float64Array;
}

/** @param weights by cluster */
export function patternSums(data: PatternData, weights: ArrayLike<number>): PatternSums {
  const { labels, checkpoints, cluster, pattern, said } = data;
  const patterns = data.positive.length;
  const pairs = (checkpoints * (checkpoints - 1)) / 2;
  const sums: PatternSums = {
    data,
    films: 0,
    count: new Float64Array(patterns),
    said: new Float64Array(patterns * checkpoints * labels),
    saidBoth: new Float64Array(patterns * checkpoints * labels * labels),
    saidByBoth: new Float64Array(patterns * pairs * labels),
  };
  for (let film = 0; film < cluster.length; film++) {
    const weight = weights[cluster[film]!]!;
    if (weight === 0) continue;
    const u = pattern[film]!;
    sums.films += weight;
    sums.count[u]! += weight;
    for (let k = 0, pair = 0; k < checkpoints; k++) {
      const bits = said[film * checkpoints + k]!;
      addBits(bits, weight, sums.said, (u * checkpoints + k) * labels);
      for (let rest = bits; rest !== 0; rest &= rest - 1) {
        const label = 31 - Math.clz32(rest & -rest);
        addBits(bits, weight, sums.saidBoth, ((u * checkpoints + k) * labels + label) * labels);
      }
      for (let other = k + 1; other < checkpoints; other++, pair++) {
        addBits(bits & said[film * checkpoints + other]!, weight, sums.saidByBoth, (u * pairs + pair) * labels);
      }
    }
  }
  return sums;
}

function addBits(bits: number, weight: number, out: Float64Array, at: number): void {
  for (let rest = bits; rest !== 0; rest &= rest - 1) out[at + 31 - Math.clz32(rest & -rest)]! += weight;
}

/** The same sums over the patterns, each with a weight; shares of the weighted films. */
export interface Shares {
  /** `[labels]`, `[labels * labels]`. */
  truth: Float64Array;
  truthBoth: Float64Array;
  /** `[checkpoints * labels]`, `[checkpoints * labels * labels]`, `[pairs * labels]`. */
  said: Float64Array;
  saidBoth: Float64Array;
  saidByBoth: Float64Array;
  /** `[checkpoints * labels]`: films on which the label was said and given. */
  hits: Float64Array;
  f1: Float64Array;
  /** Films that the weights are worth (Kish), as a share of all. */
  effective: number;
}

export function sharesOf(sums: PatternSums, weight: Float64Array | null): Shares {
  const { data, count } = sums;
  const { labels, positive } = data;
  let [total, squares] = [0, 0];
  const w = weight ?? new Float64Array(count.length).fill(1);
  for (let u = 0; u < w.length; u++) {
    total += count[u]! * w[u]!;
    squares += count[u]! * w[u]! ** 2;
  }
  const shares = {
    truth: new Float64Array(labels),
    truthBoth: new Float64Array(labels * labels),
    said: collapse(sums.said, w, total),
    saidBoth: collapse(sums.saidBoth, w, total),
    saidByBoth: collapse(sums.saidByBoth, w, total),
    ...f1Of(sums, w, total),
    effective: total === 0 ? 0 : total ** 2 / squares / sums.films,
  };
  for (let u = 0; u < w.length; u++) {
    const share = total === 0 ? 0 : (w[u]! * count[u]!) / total;
    addBits(positive[u]!, share, shares.truth, 0);
    for (let rest = positive[u]!; rest !== 0; rest &= rest - 1) {
      addBits(positive[u]!, share, shares.truthBoth, (31 - Math.clz32(rest & -rest)) * labels);
    }
  }
  return shares;
}

/** `[patterns * n]` to `[n]`, weighted, as shares of `total`. */
function collapse(values: Float64Array, weight: Float64Array, total: number): Float64Array {
  const n = weight.length === 0 ? 0 : values.length / weight.length;
  const out = new Float64Array(n);
  if (total === 0) return out;
  for (let u = 0; u < weight.length; u++) {
    const share = weight[u]! / total;
    for (let i = 0; i < n; i++) out[i]! += share * values[u * n + i]!;
  }
  return out;
}

function f1Of({ data, count, said }: PatternSums, weight: Float64Array, total: number): Pick<Shares, 'hits' | 'f1'> {
  const { labels, checkpoints, positive, leftOut } = data;
  const cells = checkpoints * labels;
  const [hits, sum] = [new Float64Array(cells), new Float64Array(cells)];
  for (let u = 0; u < weight.length; u++) {
    for (let k = 0; k < checkpoints; k++) {
      for (let label = 0; label < labels; label++) {
        const cell = k * labels + label;
        const predicted = weight[u]! * said[u * cells + cell]!;
        const is = (positive[u]! >> label) & 1;
        if (is) hits[cell]! += predicted;
        if (((leftOut[u]! >> label) & 1) === 0) sum[cell]! += predicted + is * weight[u]! * count[u]!;
      }
    }
  }
  return {
    f1: hits.map((tp, cell) => (sum[cell] === 0 ? 0 : (2 * tp) / sum[cell]!)),
    hits: hits.map((tp) => (total === 0 ? 0 : tp / total)),
  };
}
