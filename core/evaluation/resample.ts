/**
 * The inner loops of resampling: pure functions over shared memory, run by threads (threads.ts) or in place. A replicate
 * draws whole patients (clusters) with replacement and sums their counters; blocks of replicates have random numbers of
 * their own, so the result is the same for any number of threads. Percentile intervals interpolate as numpy's `percentile`;
 * BCa is Efron 1987 with the acceleration of Efron and Tibshirani 1993, (14.15), one term for each independent sample.
 */
import { Random } from '../base/random.ts';
import { type ClusterCounts, type Layout, sharedInts } from './counters.ts';
import { normalCdf, normalQuantile } from './distributions.ts';
import { f1 } from './metrics.ts';
import { type Counters, type Statistic, statisticOf } from './statistics.ts';
import type { BootstrapMethod } from './types.ts';

/** Replicates whose random numbers are one stream. */
export const BLOCK = 100;

/** How often each cluster was drawn. A draw takes 32 random bits: its bias is below clusters / 2^32. */
export function drawWeights(random: Random, weights: Uint8Array): void {
  weights.fill(0);
  const { length } = weights;
  for (let draw = 0; draw < length; draw++) weights[Math.floor(random.uint32() * 2.3283064365386963e-10 * length)]!++;
}

/** Clusters of one data set: those that it alone has, and those of both, whom a replicate draws alike in both. */
export interface Strata {
  own: Int32Array;
  /** In one order for both data sets; -1: none of its films is in this one. */
  both: Int32Array;
}

/** @param patients of one data set, by name; `both`: names of those who are in the other too. null where there are none. */
export function strataOf(patients: ReadonlyMap<string, number>, both: readonly string[]): Strata | null {
  if (both.length === 0) return null;
  const shared = new Set(both);
  const own = [...patients].flatMap(([patient, cluster]) => (shared.has(patient) ? [] : [cluster]));
  return { own: sharedCopy(own), both: sharedCopy(both.map((patient) => patients.get(patient) ?? -1)) };
}

function sharedCopy(values: readonly number[]): Int32Array {
  const ints = sharedInts(values.length);
  ints.set(values);
  return ints;
}

/**
 * Adds `unit` to each cluster as often as it is drawn, as many of each stratum as there are.
 *
 * @param paired the same state in both data sets
 */
export function drawStrata(
  own: Random,
  paired: Random,
  strata: Strata,
  weights: Uint8Array | Float64Array,
  unit = 1,
): void {
  for (const [random, clusters] of [
    [own, strata.own],
    [paired, strata.both],
  ] as const) {
    for (let draw = 0; draw < clusters.length; draw++) {
      const cluster = clusters[Math.floor(random.uint32() * 2.3283064365386963e-10 * clusters.length)]!;
      if (cluster >= 0) weights[cluster]! += unit;
    }
  }
}

export interface SumTask {
  counts: ClusterCounts[];
  seed: string;
  /** Where patients are in both data sets, and the seed of their draws. */
  strata?: Strata | null;
  pairedSeed?: string;
  /** Blocks `first` to `last` (without it) of all. */
  first: number;
  last: number;
  replicates: number;
  /** For each of `counts`, `[replicates * counters]`. */
  out: Int32Array[];
}

/** The counters of every reading in every replicate of some blocks. All readings share the draw, which pairs them. */
export function sumReplicates({ counts, seed, strata, pairedSeed, first, last, replicates, out }: SumTask): void {
  const packing = packingOf(counts);
  const weights = new Float64Array(counts[0]!.clusters);
  for (let block = first; block < last; block++) {
    const random = new Random(`${seed}/${block}`);
    const paired = new Random(`${pairedSeed}/${block}`);
    const end = Math.min((block + 1) * BLOCK, replicates);
    for (let r = block * BLOCK; r < end; r += packing.fields) {
      const fields = Math.min(packing.fields, end - r);
      weights.fill(0);
      for (let field = 0; field < fields; field++) {
        if (strata) drawStrata(random, paired, strata, weights, packing.unit ** field);
        else addDraw(random, weights, packing.unit ** field);
      }
      for (let i = 0; i < counts.length; i++) packedSums(counts[i]!, weights, packing.unit, fields, out[i]!, r);
    }
  }
}

/**
 * Several replicates in one number: field f of a weight stands at unit^f, and a sum of products is exact while every
 * field stays below half a unit and all of them within 53 bits.
 */
interface Packing {
  unit: number;
  fields: number;
}

function packingOf(counts: readonly ClusterCounts[]): Packing {
  let largest = 1;
  for (const { clusters, value } of counts) {
    for (let i = 0; i < value.length; i++) largest = Math.max(largest, Math.abs(value[i]!) * clusters);
  }
  const bits = Math.ceil(Math.log2(largest + 1)) + 1;
  return { unit: 2 ** bits, fields: Math.max(1, Math.floor(52 / bits)) };
}

function addDraw(random: Random, weights: Float64Array, unit: number): void {
  const { length } = weights;
  for (let draw = 0; draw < length; draw++)
    weights[Math.floor(random.uint32() * 2.3283064365386963e-10 * length)]! += unit;
}

/** To `out[(r + field) * counters + counter]`. */
function packedSums(
  counts: ClusterCounts,
  weights: Float64Array,
  unit: number,
  fields: number,
  out: Int32Array | Float64Array,
  r: number,
): void {
  const { counters, starts, cluster, value } = counts;
  for (let counter = 0; counter < counters; counter++) {
    let sum = 0;
    for (let i = starts[counter]!, end = starts[counter + 1]!; i < end; i++) sum += weights[cluster[i]!]! * value[i]!;
    for (let field = 0; field < fields; field++) {
      const rest = Math.round(sum / unit);
      out[(r + field) * counters + counter] = sum - rest * unit;
      sum = rest;
    }
  }
}

// ----------------------------------------------------------------------------------------------------------- intervals

/** A reading that was resampled. */
export interface SampleData {
  /** Samples of one data set are drawn together. */
  dataset: number;
  layout: Layout;
  counts: ClusterCounts;
  total: Int32Array;
  /** `[replicates * counters]`. */
  replicate: Int32Array;
}

export interface IntervalTask {
  samples: SampleData[];
  statistics: Statistic[];
  replicates: number;
  level: number;
  method: BootstrapMethod;
  /** By data set: one cluster of each kind, and how many there are; clusters of one kind have equal counters. */
  kinds: { cluster: Int32Array; times: Int32Array }[];
}

export interface Estimate {
  value: number;
  /** null where the statistic is undefined, or undefined in most replicates. */
  ends: { low: number; high: number; method: BootstrapMethod; percentile: [number, number] } | null;
  /** Of the replicates. */
  standardError: number;
}

/** Value, interval and standard error of every statistic. */
export function intervals(task: IntervalTask): Estimate[] {
  const { samples, statistics, replicates, level } = task;
  const totals = samples.map(({ total, layout }) => ({ data: total, at: 0, layout }));
  const points = statistics.map((statistic) => statisticOf(statistic, totals));
  const accelerations = task.method === 'bca' ? accelerationsOf(task, points) : null;
  const views = samples.map(({ replicate, layout }) => ({ data: replicate, at: 0, layout }));
  return statistics.map((statistic, s) => {
    const values = new Float64Array(replicates);
    let defined = 0;
    for (let r = 0; r < replicates; r++) {
      for (const view of views) view.at = r * view.layout.counters;
      const value = statisticOf(statistic, views);
      if (!Number.isNaN(value)) values[defined++] = value;
    }
    return estimateOf(points[s]!, values.subarray(0, defined), replicates, accelerations?.[s] ?? null, level);
  });
}

/** @param values the replicates in which the statistic is defined; sorted here. */
export function estimateOf(
  value: number,
  values: Float64Array,
  replicates: number,
  acceleration: number | null,
  level: number,
): Estimate {
  if (Number.isNaN(value) || values.length < Math.max(1, replicates / 2)) {
    return { value, ends: null, standardError: Number.NaN };
  }
  values.sort();
  const percentile: [number, number] = [quantile(values, (1 - level) / 2), quantile(values, (1 + level) / 2)];
  const bca = acceleration === null ? null : bcaLevels(values, value, acceleration, level);
  const [low, high] = bca ? [quantile(values, bca[0]), quantile(values, bca[1])] : percentile;
  const ends = { low, high, method: bca ? ('bca' as const) : ('percentile' as const), percentile };
  return { value, ends, standardError: deviation(values) };
}

function deviation(values: Float64Array): number {
  let [sum, squares] = [0, 0];
  for (const value of values) sum += value;
  const mean = sum / values.length;
  for (const value of values) squares += (value - mean) ** 2;
  return Math.sqrt(squares / Math.max(1, values.length - 1));
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

/** null where all replicates lie on one side. */
function bcaLevels(sorted: Float64Array, point: number, acceleration: number, level: number): [number, number] | null {
  // Ties count half: F1 of few positives takes few values.
  let below = 0;
  for (const value of sorted) below += value < point ? 1 : value === point ? 0.5 : 0;
  const bias = normalQuantile(below / sorted.length);
  if (!Number.isFinite(bias)) return null;
  const adjusted = (q: number) => {
    const z = bias + normalQuantile(q);
    return normalCdf(bias + z / (1 - acceleration * z));
  };
  return [adjusted((1 - level) / 2), adjusted((1 + level) / 2)];
}

/** Sums of powers of (point - value without one cluster), by statistic; from them the acceleration. */
function accelerationsOf(task: IntervalTask, points: readonly number[]): (number | null)[] {
  const cubes = new Float64Array(points.length);
  const squares = new Float64Array(points.length);
  for (const dataset of new Set(task.samples.map((sample) => sample.dataset))) {
    const sums = leavingOneOut(task, dataset, points);
    sums.forEach(([n, first, second, third], s) => {
      const mean = first / n;
      squares[s]! += second - n * mean ** 2;
      cubes[s]! += third - 3 * mean * second + 2 * n * mean ** 3;
    });
  }
  return points.map((point, s) =>
    Number.isNaN(point) || squares[s]! < 1e-24 * point ** 2 + 1e-300 ? null : accelerationFrom(cubes[s]!, squares[s]!),
  );
}

/** Efron's a from sums over units of the cubes and squares of their influence. */
export function accelerationFrom(cubes: number, squares: number): number {
  return cubes / (6 * squares ** 1.5);
}

/** n, and the sums of d, d^2, d^3 with d = value without the cluster subtracted from the point. */
function leavingOneOut(
  task: IntervalTask,
  dataset: number,
  points: readonly number[],
): [number, number, number, number][] {
  const { samples, statistics } = task;
  const own = samples.filter((sample) => sample.dataset === dataset);
  const scratch = new Map(own.map((sample) => [sample, Int32Array.from(sample.total)]));
  const views: Counters[] = samples.map((sample) => ({
    data: scratch.get(sample) ?? sample.total,
    at: 0,
    layout: sample.layout,
  }));
  const sums = statistics.map((): [number, number, number, number] => [0, 0, 0, 0]);
  const { cluster, times } = task.kinds[dataset]!;
  for (let k = 0; k < cluster.length; k++) {
    for (const sample of own) addRow(sample.counts, cluster[k]!, scratch.get(sample)!, -1);
    for (let s = 0; s < statistics.length; s++) {
      const value = statisticOf(statistics[s]!, views);
      if (Number.isNaN(value)) continue;
      const d = points[s]! - value;
      const all = sums[s]!;
      all[0] += times[k]!;
      all[1] += times[k]! * d;
      all[2] += times[k]! * d * d;
      all[3] += times[k]! * d * d * d;
    }
    for (const sample of own) addRow(sample.counts, cluster[k]!, scratch.get(sample)!, 1);
  }
  return sums;
}

function addRow(
  { rowStarts, rowCounter, rowValue }: ClusterCounts,
  cluster: number,
  out: Int32Array,
  sign: 1 | -1,
): void {
  for (let i = rowStarts[cluster]!; i < rowStarts[cluster + 1]!; i++) out[rowCounter[i]!]! += sign * rowValue[i]!;
}

// --------------------------------------------------------------------------------------------------------- permutations

export interface PermutationTask {
  /** Of each cluster, second reading - first: PER_LABEL counters a label. */
  difference: ClusterCounts;
  fromTotal: Int32Array;
  toTotal: Int32Array;
  perLabel: number;
  labels: number;
  /** Sets of labels whose macro-F1 is tested, by place. */
  sets: number[][];
  seed: string;
  first: number;
  last: number;
  permutations: number;
}

/** How many exchanges are tried: all there are, where those are no more than were asked for. */
export function permutationsTried(clusters: number, asked: number): number {
  return clusters < 31 && 2 ** clusters <= asked ? 2 ** clusters : asked;
}

/**
 * How often exchanging the readings of random patients gives a difference (F1 of each label, then macro-F1 of each set) at
 * least as large as the one seen. Permutation 0 is the identity; where few patients are there, i is the exchange itself.
 */
export function permutationCounts(task: PermutationTask): number[] {
  const { difference, labels, sets, seed } = task;
  const permutations = permutationsTried(difference.clusters, task.permutations);
  const all = permutations < task.permutations || permutations === 2 ** difference.clusters;
  const { unit, fields } = packingOf([difference]);
  const flipped = new Float64Array(difference.clusters);
  const moved = new Float64Array(fields * difference.counters);
  const out = new Float64Array(labels + sets.length);
  f1Differences(task, moved, 0, out);
  const atLeast = out.map((value) => Math.abs(value) - 1e-12);
  const extreme = new Array<number>(out.length).fill(0);
  for (let block = task.first; block < task.last; block++) {
    const random = new Random(`${seed}/${block}`);
    const end = Math.min((block + 1) * BLOCK, permutations);
    for (let i = block * BLOCK; i < end; i += fields) {
      const now = Math.min(fields, end - i);
      flipped.fill(0);
      for (let field = 0; field < now; field++) {
        if (all) flipBits(flipped, i + field, unit ** field);
        else if (i + field > 0) flipAtRandom(flipped, random, unit ** field);
      }
      packedSums(difference, flipped, unit, now, moved, 0);
      for (let field = 0; field < now; field++) {
        f1Differences(task, moved, field * difference.counters, out);
        for (let k = 0; k < out.length; k++) if (Math.abs(out[k]!) >= atLeast[k]!) extreme[k]!++;
      }
    }
  }
  return extreme;
}

/** @param moved at `offset` and on: the counters that pass from the second reading to the first */
function f1Differences(task: PermutationTask, moved: Float64Array, offset: number, out: Float64Array): void {
  const { fromTotal, toTotal, perLabel, labels, sets } = task;
  for (let label = 0; label < labels; label++) {
    const at = perLabel * label;
    const [tp, fp, fn] = [moved[offset + at]!, moved[offset + at + 1]!, moved[offset + at + 2]!];
    const before = f1(fromTotal[at]! + tp, fromTotal[at + 1]! + fp, fromTotal[at + 2]! + fn);
    out[label] = f1(toTotal[at]! - tp, toTotal[at + 1]! - fp, toTotal[at + 2]! - fn) - before;
  }
  sets.forEach((places, i) => {
    let sum = 0;
    for (const place of places) sum += out[place]!;
    out[labels + i] = places.length === 0 ? 0 : sum / places.length;
  });
}

function flipBits(flipped: Float64Array, bits: number, unit: number): void {
  for (let i = 0; i < flipped.length; i++) flipped[i]! += ((bits >>> i) & 1) * unit;
}

function flipAtRandom(flipped: Float64Array, random: Random, unit: number): void {
  let bits = 0;
  for (let i = 0; i < flipped.length; i++) {
    if (i % 32 === 0) bits = random.uint32();
    flipped[i]! += ((bits >>> (i % 32)) & 1) * unit;
  }
}
