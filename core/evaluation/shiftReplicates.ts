/** The parts of a change (shift.ts) in bootstrap replicates; whole patients are drawn, those of both data sets alike in both. */
import { Random } from '../base/random.ts';
import { BLOCK, drawStrata, drawWeights, type Strata } from './resample.ts';
import { decompose, meansOf } from './shift.ts';
import { type PatternData, patternSums } from './shiftCounts.ts';

export interface ShiftTask {
  source: PatternData;
  target: PatternData;
  /** Where patients are in both. */
  strata: readonly [Strata, Strata] | null;
  seed: string;
  first: number;
  last: number;
  replicates: number;
}

/** Means over the labels of the three parts, by checkpoint: `[replicates of the blocks][checkpoints * 3]`. */
export function shiftReplicates({ source, target, strata, seed, first, last, replicates }: ShiftTask): Float64Array[] {
  const results: Float64Array[] = [];
  const sides = [source, target] as const;
  const weights = sides.map(({ clusters }) => new Uint8Array(clusters));
  for (let block = first; block < last; block++) {
    const random = new Random(`${seed}/${block}`);
    const paired = new Random(`${seed}/both/${block}`);
    for (let r = block * BLOCK; r < Math.min((block + 1) * BLOCK, replicates); r++) {
      if (strata) drawPaired(random, paired, strata, weights);
      else for (const each of weights) drawWeights(random, each);
      const [atSource, atTarget] = sides.map((data, side) => patternSums(data, weights[side]!));
      results.push(meansOf(decompose(atSource!, atTarget!, 2), source.labels));
    }
  }
  return results;
}

function drawPaired(
  random: Random,
  paired: Random,
  strata: readonly [Strata, Strata],
  [source, target]: readonly Uint8Array[],
): void {
  source!.fill(0);
  target!.fill(0);
  drawStrata(random, new Random(paired.snapshot()), strata[0], source!);
  drawStrata(random, paired, strata[1], target!);
}
