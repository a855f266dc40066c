/**
 * The readings of one data set by all checkpoints, counted by patient and resampled together, which pairs them; data sets
 * are drawn independently, but patients who are in both are drawn alike in both. What intervals, differences and permutation tests are made from.
 */
import type { Work } from '../base/progress.ts';
import type { Label } from '../labels/labels.ts';
import type { UncertaintyPolicies } from '../labels/uncertainty.ts';
import { type ClusterCounts, countReadings, type Layout, patientsOf, sharedInts, totalsOf } from './counters.ts';
import type { EvaluatedFilm } from './figures.ts';
import {
  BLOCK,
  type Estimate,
  type IntervalTask,
  type SampleData,
  type Strata,
  type SumTask,
  strataOf,
} from './resample.ts';
import { type Of, type Statistic, statisticOf } from './statistics.ts';
import { breathe, spread } from './threads.ts';
import type { BootstrapMethod, EvaluatedDataset, Figure, Interval } from './types.ts';

export const LEVEL = 0.95;
/** Statistics that are worked out together. */
const STATISTICS_AT_ONCE = 16;

/** A data set as the caller describes it; the rest of `EvaluatedDataset` follows from the films. */
export interface DatasetInput
  extends Pick<EvaluatedDataset, 'id' | 'name' | 'kind' | 'labels' | 'policy' | 'unit' | 'views' | 'aggregation'> {
  /** Films that were asked for, answered or not. */
  total: number;
}

/** One reading: its counts, their sum, and their sum in every replicate. */
interface Counted {
  counts: ClusterCounts;
  total: Int32Array;
  /** `[replicates * counters]`. */
  replicate: Int32Array;
}

export interface Readings {
  labels: readonly Label[];
  policies: UncertaintyPolicies;
  /** Patients, in the order of their first film. */
  patients: Map<string, number>;
  films: Map<string, EvaluatedFilm[]>;
  layout: Layout;
  counted: Map<string, Counted>;
  /** One patient of each kind (equal counters in all readings), and how many there are. */
  kinds: { cluster: Int32Array; times: Int32Array };
}

export interface DatasetReadings {
  input: DatasetInput;
  readings: Readings;
}

/** What all parts of an evaluation share. */
export interface Comparison {
  datasets: DatasetReadings[];
  shared: Label[];
  /** Patients with films in both data sets. */
  both: readonly string[];
  replicates: number;
  seed: number;
  method: BootstrapMethod;
  work: Work;
}

export type ResampleOptions = Pick<Comparison, 'both' | 'replicates' | 'seed' | 'work'>;

/** A checkpoint's reading of the films that another has answered too; the whole reading where both answered all. */
export function pairKey(checkpointId: string, otherId: string, readings: Pick<Readings, 'films'>): string {
  const own = readings.films.get(checkpointId) ?? [];
  const others = readings.films.get(otherId) ?? [];
  if (own.length === others.length && own.every((film, i) => film.filmId === others[i]!.filmId)) return checkpointId;
  const other = new Set(others.map((film) => film.filmId));
  return own.every((film) => other.has(film.filmId)) ? checkpointId : `${checkpointId} with ${otherId}`;
}

/** Counts and resamples the readings of one data set; `films` by checkpoint id. */
export async function readingsOf(
  datasetId: string,
  films: Map<string, EvaluatedFilm[]>,
  labels: readonly Label[],
  shared: readonly Label[],
  policies: UncertaintyPolicies,
  options: ResampleOptions,
): Promise<Readings> {
  const patients = patientsOf([...films.values()].flat());
  const all = withPairs(films);
  const sets = [labels.map((_, i) => i), shared.map((label) => labels.indexOf(label))];
  const pause = () => breathe(options.work);
  const { layout, counts } = await countReadings([...all.values()], labels, sets, policies, patients, pause);
  const replicate = counts.map(({ counters }) => sharedInts(options.replicates * counters));
  await sumAll(counts, replicate, datasetId, strataOf(patients, options.both), options);
  const counted = [...all.keys()].map((key, i): [string, Counted] => [
    key,
    { counts: counts[i]!, total: totalsOf(counts[i]!), replicate: replicate[i]! },
  ]);
  await pause();
  const kinds = kindsOfClusters(counts, patients.size);
  return { labels, policies, patients, films, layout, counted: new Map(counted), kinds };
}

async function sumAll(
  counts: ClusterCounts[],
  out: Int32Array[],
  datasetId: string,
  strata: Strata | null,
  { replicates, seed, work }: ResampleOptions,
): Promise<void> {
  if (counts.length === 0 || counts[0]!.clusters === 0) return;
  const blocks = Array.from({ length: Math.ceil(replicates / BLOCK) }, (_, block) => block);
  const common = { counts, seed: `${seed}/${datasetId}`, strata, pairedSeed: `${seed}/both`, replicates, out };
  const tasks = blocks.map((first): [SumTask] => [{ ...common, first, last: first + 1 }]);
  await spread('sumReplicates', tasks, work);
}

/** Clusters with the same counters in every reading. */
function kindsOfClusters(counts: readonly ClusterCounts[], clusters: number): Readings['kinds'] {
  const places = new Map<string, number>();
  const cluster: number[] = [];
  const times: number[] = [];
  for (let c = 0; c < clusters; c++) {
    let key = '';
    for (const { rowStarts, rowCounter, rowValue } of counts) {
      for (let i = rowStarts[c]!; i < rowStarts[c + 1]!; i++) key += `${rowCounter[i]}:${rowValue[i]} `;
      key += '/';
    }
    const place = places.get(key);
    if (place === undefined) {
      places.set(key, cluster.length);
      cluster.push(c);
      times.push(1);
    } else times[place]!++;
  }
  const shared = (values: number[]) => {
    const ints = sharedInts(values.length);
    ints.set(values);
    return ints;
  };
  return { cluster: shared(cluster), times: shared(times) };
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

// ---------------------------------------------------------------------------------------------------------- estimates

/** A reading that a statistic refers to by its place in the list of samples. */
export interface Sample {
  readings: Readings;
  key: string;
}

/** The two readings of the films that both checkpoints have answered. */
export function pairSamples(readings: Readings, from: string, to: string): Sample[] {
  return [
    { readings, key: pairKey(from, to, readings) },
    { readings, key: pairKey(to, from, readings) },
  ];
}

/** The value alone. */
export function observed(samples: readonly Sample[], statistic: Statistic): number {
  const views = samples.map(({ readings, key }) => {
    return { data: readings.counted.get(key)!.total, at: 0, layout: readings.layout };
  });
  return statisticOf(statistic, views);
}

/** Values with intervals and standard errors, in the order of the statistics. */
export async function estimates(
  context: Comparison,
  samples: readonly Sample[],
  statistics: readonly Statistic[],
): Promise<(Estimate & { interval: Interval | null })[]> {
  const { replicates, seed, method, work } = context;
  const thin = samples.some(({ readings }) => readings.patients.size < 2);
  if (replicates === 0 || thin) {
    return statistics.map((statistic) => {
      return { value: observed(samples, statistic), ends: null, standardError: Number.NaN, interval: null };
    });
  }
  const datasets = [...new Set(samples.map(({ readings }) => readings))];
  // BCa's acceleration is that of independent samples.
  const paired = datasets.length > 1 && context.both.length > 0;
  const common: Omit<IntervalTask, 'statistics'> = {
    samples: samples.map((sample) => sampleData(sample, datasets)),
    replicates,
    level: LEVEL,
    method: paired ? 'percentile' : method,
    kinds: datasets.map(({ kinds }) => kinds),
  };
  const tasks: [IntervalTask][] = [];
  for (let at = 0; at < statistics.length; at += STATISTICS_AT_ONCE)
    tasks.push([{ ...common, statistics: statistics.slice(at, at + STATISTICS_AT_ONCE) }]);
  const clusters = datasets.map(({ patients }) => patients.size);
  return (await spread('intervals', tasks, work)).flat().map((estimate) => ({
    ...estimate,
    interval: estimate.ends && { ...estimate.ends, level: LEVEL, replicates, seed, clusters },
  }));
}

function sampleData({ readings, key }: Sample, datasets: readonly Readings[]): SampleData {
  const { counts, total, replicate } = readings.counted.get(key)!;
  return { dataset: datasets.indexOf(readings), layout: readings.layout, counts, total, replicate };
}

// --------------------------------------------------------------------------------------------------------- statistics

export function placesOf(labels: readonly Label[], { labels: all }: Pick<Readings, 'labels'>): number[] {
  return labels.map((label) => all.indexOf(label));
}

/** A figure of one reading. */
export function one(figure: Figure, of: Of, sample = 0): Statistic {
  return [{ sample, sign: 1, figure, of }];
}

/** A figure of the second sample less that of the first. */
export function change(figure: Figure, of: readonly [Of, Of]): Statistic {
  return [
    { sample: 0, sign: -1, figure, of: of[0] },
    { sample: 1, sign: 1, figure, of: of[1] },
  ];
}

export function macro(labels: readonly number[]): Of {
  return { average: 'macro', labels };
}
