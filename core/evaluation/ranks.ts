/**
 * AUROC and average precision under resampling of whole patients: scores are sorted once, and a replicate walks down the order
 * with the weights that it drew. Pure functions over shared memory, run by threads (threads.ts) or in place.
 */
import { Random } from '../base/random.ts';
import { accelerationFrom, BLOCK, drawWeights } from './resample.ts';

/** The films of one label and checkpoint, by score from high to low. All arrays lie in shared memory. */
export interface RankColumn {
  cluster: Int32Array;
  positive: Uint8Array;
  /** 1 where the next film has the same score. */
  tied: Uint8Array;
}

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
  const column = {
    cluster: new Int32Array(new SharedArrayBuffer(4 * order.length)),
    positive: new Uint8Array(new SharedArrayBuffer(order.length)),
    tied: new Uint8Array(new SharedArrayBuffer(order.length)),
  };
  order.forEach((film, rank) => {
    column.cluster[rank] = cluster[film]!;
    column.positive[rank] = positive[film] ? 1 : 0;
    column.tied[rank] = rank + 1 < order.length && score[order[rank + 1]!] === score[film] ? 1 : 0;
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
  const { cluster, positive, tied } = column;
  let [tp, fp, area, precision, tpBefore, fpBefore] = [0, 0, 0, 0, 0, 0];
  for (let i = 0; i < cluster.length; i++) {
    const weight = weights[cluster[i]!]!;
    if (positive[i] === 1) tp += weight;
    else fp += weight;
    if (tied[i] === 1) continue;
    if (fp !== fpBefore) {
      area += ((fp - fpBefore) * (tp + tpBefore)) / 2;
      fpBefore = fp;
    }
    if (tp !== tpBefore) {
      precision += ((tp - tpBefore) * tp) / (tp + fp);
      tpBefore = tp;
    }
  }
  out[at] = tp === 0 || fp === 0 ? Number.NaN : area / (tp * fp);
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
