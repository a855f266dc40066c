/**
 * Bootstrap intervals that resample whole patients (clusters), for statistics that depend on counts alone. A reading of a
 * data set is a sparse matrix patients x counters; a replicate draws patients with replacement and sums their counters.
 * All readings of one data set share the draw, which pairs them; data sets are drawn independently. Percentile intervals
 * interpolate as numpy's `percentile`; BCa is Efron 1987, with the acceleration from leaving out one patient at a time,
 * over both samples where a statistic has two.
 */
import { Random } from '../base/random.ts';
import { normalCdf, normalQuantile } from './distributions.ts';
import type { Interval } from './types.ts';

/** Counters of every cluster; entries lie together by counter. */
export interface ClusterCounts {
  clusters: number;
  counters: number;
  /** `[counters + 1]`: where a counter's entries begin. */
  starts: Int32Array;
  /** `[entries]`. */
  cluster: Int32Array;
  /** `[entries]`. */
  value: Int32Array;
}

/** From `[clusters * counters]`. */
export function clusterCounts(dense: Int32Array, clusters: number, counters: number): ClusterCounts {
  const entries = dense.reduce((sum, value) => sum + Number(value !== 0), 0);
  const starts = new Int32Array(counters + 1);
  const cluster = new Int32Array(entries);
  const value = new Int32Array(entries);
  let at = 0;
  for (let counter = 0; counter < counters; counter++) {
    starts[counter] = at;
    for (let c = 0; c < clusters; c++) {
      const count = dense[c * counters + counter]!;
      if (count === 0) continue;
      cluster[at] = c;
      value[at++] = count;
    }
  }
  starts[counters] = at;
  return { clusters, counters, starts, cluster, value };
}

/** Every counter summed over the clusters with these weights. */
export function weightedTotals(counts: ClusterCounts, weights: ArrayLike<number>, out: Float64Array): Float64Array {
  const { counters, starts, cluster, value } = counts;
  for (let counter = 0; counter < counters; counter++) {
    let sum = 0;
    for (let i = starts[counter]!, end = starts[counter + 1]!; i < end; i++) sum += weights[cluster[i]!]! * value[i]!;
    out[counter] = sum;
  }
  return out;
}

/** The counters of all readings of one data set in every replicate, and with each cluster left out. */
export interface Resampled {
  clusters: number;
  replicates: number;
  readings: {
    /** `[counters]`. */
    total: Float64Array;
    /** `[replicates * counters]`. */
    replicate: Float64Array;
    /** `[clusters * counters]`. */
    leftOut: Float64Array;
    counters: number;
  }[];
}

export async function resample(
  readings: readonly ClusterCounts[],
  { replicates, seed, pause }: { replicates: number; seed: number | string; pause: () => Promise<void> },
): Promise<Resampled> {
  const clusters = readings[0]?.clusters ?? 0;
  const random = new Random(seed);
  const weights = new Int32Array(clusters);
  const results = readings.map((counts) => ({
    counters: counts.counters,
    total: weightedTotals(counts, new Int32Array(clusters).fill(1), new Float64Array(counts.counters)),
    replicate: new Float64Array(replicates * counts.counters),
    leftOut: leaveOneOut(counts),
  }));
  for (let r = 0; r < replicates; r++) {
    if (r % 64 === 0) await pause();
    weights.fill(0);
    for (let draw = 0; draw < clusters; draw++) weights[random.below(clusters)]!++;
    readings.forEach((counts, i) => {
      const { replicate, counters } = results[i]!;
      weightedTotals(counts, weights, replicate.subarray(r * counters, (r + 1) * counters));
    });
  }
  return { clusters, replicates, readings: results };
}

function leaveOneOut(counts: ClusterCounts): Float64Array {
  const { clusters, counters, starts, cluster, value } = counts;
  const total = weightedTotals(counts, new Int32Array(clusters).fill(1), new Float64Array(counters));
  const leftOut = new Float64Array(clusters * counters);
  for (let c = 0; c < clusters; c++) leftOut.set(total, c * counters);
  for (let counter = 0; counter < counters; counter++) {
    for (let i = starts[counter]!; i < starts[counter + 1]!; i++)
      leftOut[cluster[i]! * counters + counter]! -= value[i]!;
  }
  return leftOut;
}

/** One reading of one resampled data set. */
export interface Sample {
  from: Resampled;
  reading: number;
}

/** The counters of a reading: `data[at]` and on. */
export interface Counters {
  data: Float64Array;
  at: number;
}

/** A statistic of one or more readings, of one data set or several, in the order of the samples. */
export type CountStatistic = (readings: readonly Counters[]) => number;

export function observed(samples: readonly Sample[], statistic: CountStatistic): number {
  return statistic(samples.map(({ from, reading }) => ({ data: from.readings[reading]!.total, at: 0 })));
}

/** The interval of a statistic; percentile where BCa is undefined (all replicates on one side, or no variation). */
export function countInterval(
  samples: readonly Sample[],
  statistic: CountStatistic,
  {
    seed,
    level = 0.95,
    method = 'bca' as Interval['method'],
  }: { seed: number; level?: number; method?: Interval['method'] },
): Interval {
  const datasets = [...new Set(samples.map((sample) => sample.from))];
  const { replicates } = datasets[0]!;
  const views = samples.map(({ from, reading }) => ({ data: from.readings[reading]!.replicate, at: 0 }));
  const values = new Float64Array(replicates);
  for (let r = 0; r < replicates; r++) {
    views.forEach((view, i) => {
      view.at = r * samples[i]!.from.readings[samples[i]!.reading]!.counters;
    });
    values[r] = statistic(views);
  }
  values.sort();
  const bca = method === 'bca' ? bcaLevels(values, samples, statistic, level) : null;
  const [low, high] = bca ?? [(1 - level) / 2, (1 + level) / 2];
  return {
    low: quantile(values, low),
    high: quantile(values, high),
    level,
    method: bca ? 'bca' : 'percentile',
    replicates,
    seed,
    clusters: datasets.map((dataset) => dataset.clusters),
  };
}

/** numpy.percentile's linear interpolation, of sorted values. */
export function quantile(sorted: ArrayLike<number>, q: number): number {
  const at = q * (sorted.length - 1);
  const below = Math.floor(at);
  const a = sorted[below]!;
  const b = sorted[Math.min(below + 1, sorted.length - 1)]!;
  return a + (b - a) * (at - below);
}

/** The percentile interval of replicates in any order, ends at (1 -/+ level) / 2. */
export function percentileInterval(replicates: readonly number[], level: number): [low: number, high: number] {
  const sorted = Float64Array.from(replicates).sort();
  return [quantile(sorted, (1 - level) / 2), quantile(sorted, (1 + level) / 2)];
}

function bcaLevels(
  sorted: Float64Array,
  samples: readonly Sample[],
  statistic: CountStatistic,
  level: number,
): [number, number] | null {
  const point = observed(samples, statistic);
  // Ties count half: F1 of few positives takes few values.
  const below = sorted.reduce((sum, value) => sum + (value < point ? 1 : value === point ? 0.5 : 0), 0);
  const bias = normalQuantile(below / sorted.length);
  const acceleration = accelerationOf(samples, statistic);
  if (!Number.isFinite(bias) || acceleration === null) return null;
  const adjusted = (q: number) => {
    const z = bias + normalQuantile(q);
    return normalCdf(bias + z / (1 - acceleration * z));
  };
  return [adjusted((1 - level) / 2), adjusted((1 + level) / 2)];
}

/** Efron and Tibshirani 1993, (14.15), with one term for each independent sample; null without variation. */
function accelerationOf(samples: readonly Sample[], statistic: CountStatistic): number | null {
  let cubes = 0;
  let squares = 0;
  for (const dataset of new Set(samples.map((sample) => sample.from))) {
    const values = leftOutValues(dataset, samples, statistic);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    for (const value of values) {
      const influence = ((values.length - 1) * (mean - value)) / values.length;
      squares += influence ** 2;
      cubes += influence ** 3;
    }
  }
  return squares < 1e-300 ? null : cubes / (6 * squares ** 1.5);
}

/** The statistic with each cluster of one data set left out, the other data sets whole. */
function leftOutValues(dataset: Resampled, samples: readonly Sample[], statistic: CountStatistic): Float64Array {
  const views = samples.map(({ from, reading }) => {
    const { leftOut, total, counters } = from.readings[reading]!;
    return from === dataset ? { data: leftOut, at: 0, step: counters } : { data: total, at: 0, step: 0 };
  });
  const values = new Float64Array(dataset.clusters);
  for (let c = 0; c < values.length; c++) {
    for (const view of views) view.at = c * view.step;
    values[c] = statistic(views);
  }
  return values;
}
