/**
 * Macro-F1 over films and seeds, with the three intervals of the plan: over patients, over patients and seeds (the same
 * patients and the same seeds drawn for everything that is compared), and Student's t over the seeds' values.
 */

import { nextTurn } from '../base/progress.ts';
import { Random } from '../base/random.ts';
import { countReadings, patientsOf, sharedInts, totalsOf } from '../evaluation/counters.ts';
import { studentQuantile } from '../evaluation/distributions.ts';
import type { EvaluatedFilm } from '../evaluation/figures.ts';
import { BLOCK, percentileInterval, sumReplicates } from '../evaluation/resample.ts';
import { figureValue } from '../evaluation/statistics.ts';
import type { Label } from '../labels/labels.ts';

const REPLICATES = 2000;
const LEVEL = 0.95;

/** A figure as it is, and in every replicate of the bootstrap over patients. */
export interface Resampled {
  point: number;
  replicates: Float64Array;
}

export type Ends = [low: number, high: number];

/** A mean over seeds with its intervals; null where one seed gives none. */
export interface Estimate {
  value: number;
  bySeed: number[];
  films: Ends;
  both: Ends | null;
  t: Ends | null;
}

/**
 * Macro-F1 of several readings of the same films on several sets of labels; all readings share the draws.
 * @returns by set, by reading
 */
export async function macroOf(
  readings: readonly (readonly EvaluatedFilm[])[],
  labels: readonly Label[],
  sets: readonly (readonly Label[])[],
  seed: string,
): Promise<Resampled[][]> {
  const patients = patientsOf(readings[0]!);
  const { layout, counts } = await countReadings(readings, labels, [], 'zeros', patients, nextTurn);
  const out = counts.map(() => sharedInts(REPLICATES * layout.counters));
  sumReplicates({ counts, seed, first: 0, last: REPLICATES / BLOCK, replicates: REPLICATES, out });
  return sets.map((set) => {
    const of = { average: 'macro', labels: set.map((label) => labels.indexOf(label)) } as const;
    return counts.map((count, i) => ({
      point: figureValue('f1', of, { data: totalsOf(count), at: 0, layout }),
      replicates: Float64Array.from({ length: REPLICATES }, (_, r) =>
        figureValue('f1', of, { data: out[i]!, at: r * layout.counters, layout }),
      ),
    }));
  });
}

export function difference(to: Resampled, from: Resampled): Resampled {
  return { point: to.point - from.point, replicates: to.replicates.map((value, r) => value - from.replicates[r]!) };
}

/** @param seeds the figure of each seed, at least one */
export function overSeeds(seeds: readonly Resampled[]): Estimate {
  const bySeed = seeds.map(({ point }) => point);
  const indices = seeds.map((_, i) => i);
  const random = new Random('seeds');
  const meanOf = (drawn: readonly number[], r: number) => mean(drawn.map((i) => seeds[i]!.replicates[r]!));
  const replicates = Array.from({ length: REPLICATES }, (_, r) => r);
  const several = seeds.length > 1;
  return {
    value: mean(bySeed),
    bySeed,
    films: percentileInterval(
      replicates.map((r) => meanOf(indices, r)),
      LEVEL,
    ),
    both: several
      ? percentileInterval(
          replicates.map((r) =>
            meanOf(
              indices.map(() => random.pick(indices)),
              r,
            ),
          ),
          LEVEL,
        )
      : null,
    t: several ? studentInterval(bySeed) : null,
  };
}

function studentInterval(values: readonly number[]): Ends {
  const n = values.length;
  const center = mean(values);
  const variance = values.reduce((sum, value) => sum + (value - center) ** 2, 0) / (n - 1);
  const half = studentQuantile((1 + LEVEL) / 2, n - 1) * Math.sqrt(variance / n);
  return [center - half, center + half];
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
