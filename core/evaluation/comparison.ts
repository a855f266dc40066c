/**
 * The readings of one data set by all checkpoints, counted by patient and resampled together: what intervals, differences
 * and permutation tests are made from. Counters of label i stand at 3i: true positives, false positives, false negatives.
 */
import type { Label } from '../labels/labels.ts';
import type { UncertaintyPolicies } from '../labels/uncertainty.ts';
import {
  type ClusterCounts,
  type Counters,
  clusterCounts,
  countInterval,
  type Resampled,
  resample,
  type Sample,
} from './bootstrap.ts';
import { type EvaluatedFilm, indicatorsOf, patientOf } from './figures.ts';
import { f1, outcomeOf } from './metrics.ts';
import type { EvaluatedDataset, Interval } from './types.ts';

const PER_LABEL = 3;
const COUNTER = { tp: 0, fp: 1, fn: 2 } as const;

export interface Readings {
  labels: readonly Label[];
  policies: UncertaintyPolicies;
  /** Patients, in the order of their first film. */
  patients: Map<string, number>;
  films: Map<string, EvaluatedFilm[]>;
  /** Dense counters of a reading: `[patients * labels * 3]`. */
  dense: Map<string, Int32Array>;
  resampled: Resampled;
  /** Key of a reading -> its place in `resampled`. */
  places: Map<string, number>;
}

/** A checkpoint's reading of the films that another has answered too; the whole reading where both answered all. */
export function pairKey(checkpointId: string, otherId: string, readings: Pick<Readings, 'films'>): string {
  const own = readings.films.get(checkpointId) ?? [];
  const other = new Set((readings.films.get(otherId) ?? []).map((film) => film.filmId));
  return own.every((film) => other.has(film.filmId)) ? checkpointId : `${checkpointId} with ${otherId}`;
}

/** A data set as the caller describes it; the rest of `EvaluatedDataset` follows from the films. */
export interface DatasetInput
  extends Pick<EvaluatedDataset, 'id' | 'name' | 'kind' | 'labels' | 'policy' | 'unit' | 'views' | 'aggregation'> {
  /** Films that were asked for, answered or not. */
  total: number;
}

export interface DatasetReadings {
  input: DatasetInput;
  readings: Readings;
}

/** What all parts of an evaluation share. */
export interface Comparison {
  datasets: DatasetReadings[];
  shared: Label[];
  replicates: number;
  seed: number;
  pause: () => Promise<void>;
}

export interface ResampleOptions {
  replicates: number;
  seed: number;
  pause: () => Promise<void>;
}

/** Counts and resamples the readings of one data set; `films` by checkpoint id. */
export async function readingsOf(
  datasetId: string,
  films: Map<string, EvaluatedFilm[]>,
  labels: readonly Label[],
  policies: UncertaintyPolicies,
  { replicates, seed, pause }: ResampleOptions,
): Promise<Readings> {
  const patients = new Map<string, number>();
  for (const film of [...films.values()].flat()) {
    const patient = patientOf(film);
    if (!patients.has(patient)) patients.set(patient, patients.size);
  }
  const dense = new Map<string, Int32Array>();
  for (const [key, reading] of withPairs(films)) dense.set(key, countByPatient(reading, labels, policies, patients));
  const counters = labels.length * PER_LABEL;
  const counts: ClusterCounts[] = [...dense.values()].map((each) => clusterCounts(each, patients.size, counters));
  const resampled = await resample(counts, { replicates, seed: `${seed}/${datasetId}`, pause });
  const places = new Map([...dense.keys()].map((key, i) => [key, i]));
  return { labels, policies, patients, films, dense, resampled, places };
}

/** Every reading, and for pairs that did not answer the same films each one's reading of the common ones. */
function withPairs(films: Map<string, EvaluatedFilm[]>): Map<string, EvaluatedFilm[]> {
  const all = new Map(films);
  for (const a of films.keys()) {
    for (const b of films.keys()) {
      const key = pairKey(a, b, { films });
      if (!all.has(key)) all.set(key, commonFilms(films, a, b));
    }
  }
  return all;
}

/** The first one's films that the second has answered too. */
export function commonFilms(films: Map<string, EvaluatedFilm[]>, a: string, b: string): EvaluatedFilm[] {
  const other = new Set((films.get(b) ?? []).map((film) => film.filmId));
  return (films.get(a) ?? []).filter((film) => other.has(film.filmId));
}

function countByPatient(
  films: readonly EvaluatedFilm[],
  labels: readonly Label[],
  policies: UncertaintyPolicies,
  patients: Map<string, number>,
): Int32Array {
  const counters = labels.length * PER_LABEL;
  const dense = new Int32Array(patients.size * counters);
  const { truth, prediction } = indicatorsOf(films, labels, policies);
  films.forEach((film, row) => {
    const base = patients.get(patientOf(film))! * counters;
    for (let i = 0; i < labels.length; i++) {
      const outcome = outcomeOf(truth[row * labels.length + i]!, prediction[row * labels.length + i]!);
      if (outcome !== null && outcome !== 'tn') dense[base + PER_LABEL * i + COUNTER[outcome]]!++;
    }
  });
  return dense;
}

export function sampleOf(readings: Readings, key: string): Sample {
  return { from: readings.resampled, reading: readings.places.get(key)! };
}

export function labelF1({ data, at }: Counters, label: number): number {
  const base = at + PER_LABEL * label;
  return f1(data[base]!, data[base + 1]!, data[base + 2]!);
}

/** Mean F1 over the labels at these places. */
export function macroF1(counters: Counters, labels: readonly number[]): number {
  let sum = 0;
  for (const label of labels) sum += labelF1(counters, label);
  return labels.length === 0 ? 0 : sum / labels.length;
}

export function microF1({ data, at }: Counters, labels: readonly number[]): number {
  let [tp, fp, fn] = [0, 0, 0];
  for (const label of labels) {
    const base = at + PER_LABEL * label;
    tp += data[base]!;
    fp += data[base + 1]!;
    fn += data[base + 2]!;
  }
  return f1(tp, fp, fn);
}

/**
 * For `pairedPermutation`: the counters of two readings after exchanging some patients' answers. What differs between the
 * two is sparse, so only that is summed.
 */
export function exchanging(
  readings: Readings,
  fromKey: string,
  toKey: string,
): (flipped: Uint8Array) => { from: Counters; to: Counters } {
  const [a, b] = [readings.dense.get(fromKey)!, readings.dense.get(toKey)!];
  const counters = readings.labels.length * PER_LABEL;
  const difference = clusterCounts(
    a.map((value, i) => b[i]! - value),
    readings.patients.size,
    counters,
  );
  const totals = (key: string) => readings.resampled.readings[readings.places.get(key)!]!.total;
  const from = { data: new Float64Array(counters), at: 0 };
  const to = { data: new Float64Array(counters), at: 0 };
  const [fromTotal, toTotal] = [totals(fromKey), totals(toKey)];
  const { starts, cluster, value } = difference;
  return (flipped) => {
    for (let counter = 0; counter < counters; counter++) {
      let moved = 0;
      // Multiplied, not asked for: a branch that is taken at random costs more than the sum.
      for (let i = starts[counter]!, end = starts[counter + 1]!; i < end; i++)
        moved += flipped[cluster[i]!]! * value[i]!;
      from.data[counter] = fromTotal[counter]! + moved;
      to.data[counter] = toTotal[counter]! - moved;
    }
    return { from, to };
  };
}

/** null where nothing was resampled, or where there is one patient only. */
export function interval(
  context: Comparison,
  samples: Sample[],
  statistic: (readings: readonly Counters[]) => number,
): Interval | null {
  const thin = samples.some((sample) => sample.from.clusters < 2);
  return context.replicates === 0 || thin ? null : countInterval(samples, statistic, { seed: context.seed });
}

export function placesOf(labels: readonly Label[], { labels: all }: Readings): number[] {
  return labels.map((label) => all.indexOf(label));
}

/** The two readings of the films that both checkpoints have answered. */
export function pairSamples(readings: Readings, from: string, to: string): Sample[] {
  return [sampleOf(readings, pairKey(from, to, readings)), sampleOf(readings, pairKey(to, from, readings))];
}
