/**
 * AUROC and average precision under resampling of whole patients: scores are sorted once, and a replicate walks down the order
 * with the weights that it drew. Pure functions over shared memory, run by threads (threads.ts) or in place.
 */
import { Random } from '../base/random.ts';
import { sharedInts } from './counters.ts';
import { accelerationFrom, BLOCK, drawWeights } from './resample.ts';

/**
 * The films of one label and checkpoint, by score from high to low: 4 * cluster, + 2 where the label is there, + 1 where the
 * next film has the same score. In shared memory.
 */
export type RankColumn = Int32Array;

export interface RankTask {
  clusters: number;
  columns: RankColumn[];
  seed: string;
  first: number;
  last: number;
  replicates: number;
  /** For each column `[replicates * 2]`: AUROC and average precision; NaN where one is undefined. */
  out: Float64Array[];
}

export function rankColumn(
  score: readonly number[],
  positive: readonly boolean[],
  cluster: readonly number[],
): RankColumn {
  const order = Array.from(score.keys()).sort((a, b) => score[b]! - score[a]!);
  const column = sharedInts(order.length);
  order.forEach((film, rank) => {
    const next = order[rank + 1];
    const tied = next !== undefined && score[next] === score[film];
    column[rank] = 4 * cluster[film]! + 2 * Number(positive[film]) + Number(tied);
  });
  return column;
}

export function rankReplicates({ clusters, columns, seed, first, last, replicates, out }: RankTask): void {
  const weights = new Uint8Array(clusters);
  for (let block = first; block < last; block++) {
    const random = new Random(`${seed}/${block}`);
    for (let r = block * BLOCK; r < Math.min((block + 1) * BLOCK, replicates); r++) {
      drawWeights(random, weights);
      for (let c = 0; c < columns.length; c++) weightedRanks(columns[c]!, weights, out[c]!, 2 * r);
    }
  }
}

/** AUROC (ties as one half) and the step-wise average precision of films with these weights, to `out[at]` and `out[at + 1]`. */
export function weightedRanks(column: RankColumn, weights: Uint8Array, out: Float64Array, at: number): void {
  let [tp, fp, area, precision, tpBefore, fpBefore] = [0, 0, 0, 0, 0, 0];
  for (let i = 0; i < column.length; i++) {
    const film = column[i]!;
    const weight = weights[film >> 2]!;
    if ((film & 2) !== 0) tp += weight;
    else fp += weight;
    if ((film & 1) !== 0) continue;
    area += (fp - fpBefore) * (tp + tpBefore);
    fpBefore = fp;
    if (tp === tpBefore) continue;
    precision += ((tp - tpBefore) * tp) / (tp + fp);
    tpBefore = tp;
  }
  out[at] = tp === 0 || fp === 0 ? Number.NaN : area / (2 * tp * fp);
  out[at + 1] = tp === 0 ? Number.NaN : precision / tp;
}

/** Both figures of the films as they are. */
export function rankPoints(column: RankColumn, clusters: number): [auroc: number, averagePrecision: number] {
  const out = new Float64Array(2);
  weightedRanks(column, new Uint8Array(clusters).fill(1), out, 0);
  return [out[0]!, out[1]!];
}

/** Groups of patients that are left out one after another, in place of single patients: as good for the acceleration. */
const GROUPS = 200;

/** BCa's acceleration of both figures; null without variation. */
export function rankAccelerations(column: RankColumn, clusters: number): [number | null, number | null] {
  const groups = Math.min(GROUPS, clusters);
  const out = new Float64Array(2 * groups);
  const weights = new Uint8Array(clusters).fill(1);
  for (let group = 0; group < groups; group++) {
    for (let c = group; c < clusters; c += groups) weights[c] = 0;
    weightedRanks(column, weights, out, 2 * group);
    for (let c = group; c < clusters; c += groups) weights[c] = 1;
  }
  return [acceleration(out, 0), acceleration(out, 1)];
}

function acceleration(out: Float64Array, figure: 0 | 1): number | null {
  const values = Array.from(out).filter((value, i) => i % 2 === figure && !Number.isNaN(value));
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  let [squares, cubes] = [0, 0];
  for (const value of values) {
    squares += (mean - value) ** 2;
    cubes += (mean - value) ** 3;
  }
  return squares < 1e-24 ? null : accelerationFrom(cubes, squares);
}
