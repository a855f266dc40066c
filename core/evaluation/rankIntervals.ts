/** Intervals of AUROC and average precision where a checkpoint gave probabilities; 2,000 replicates (or what was asked for, if less). */
import { type Comparison, type DatasetReadings, LEVEL } from './comparison.ts';
import { sharedFloats } from './counters.ts';
import { labelScores, patientOf } from './figures.ts';
import { type RankColumn, rankColumn } from './ranks.ts';
import { BLOCK, estimateOf } from './resample.ts';
import { spread } from './threads.ts';
import type { Interval, LabelFigures } from './types.ts';

const RANK_REPLICATES = 2000;
/** Blocks of replicates in one task. */
const BLOCKS_AT_ONCE = 2;

export async function withRankIntervals(
  context: Comparison,
  { input, readings }: DatasetReadings,
  checkpointId: string,
  labels: readonly LabelFigures[],
): Promise<LabelFigures[]> {
  const clusters = readings.patients.size;
  const replicates = Math.min(RANK_REPLICATES, context.replicates);
  const scored = labels.filter((label) => label.probability !== null);
  if (scored.length === 0 || replicates === 0 || clusters < 2) return [...labels];
  const films = readings.films.get(checkpointId)!;
  const columns = scored.map(({ label }) => {
    const scores = labelScores(label, films, input.policy);
    const cluster = scores.films.map((film) => readings.patients.get(patientOf(film))!);
    return rankColumn(scores.score, scores.truth, cluster);
  });
  const seed = `${context.seed}/${input.id}`;
  const found = await rankIntervals(columns, clusters, { ...context, replicates }, seed);
  return labels.map((label) => {
    const at = scored.indexOf(label);
    if (at < 0) return label;
    const [aurocInterval, averagePrecisionInterval] = found[at]!;
    return { ...label, probability: { ...label.probability!, aurocInterval, averagePrecisionInterval } };
  });
}

/** By column: of AUROC, of average precision. */
export async function rankIntervals(
  columns: RankColumn[],
  clusters: number,
  { replicates, seed: shownSeed, method, work }: Pick<Comparison, 'replicates' | 'seed' | 'method' | 'work'>,
  seed: string,
): Promise<[Interval | null, Interval | null][]> {
  const out = columns.map(() => sharedFloats(2 * replicates));
  const blocks = Math.ceil(replicates / BLOCK);
  const tasks = Array.from({ length: Math.ceil(blocks / BLOCKS_AT_ONCE) }, (_, i) => {
    const first = i * BLOCKS_AT_ONCE;
    const last = Math.min(blocks, first + BLOCKS_AT_ONCE);
    return [{ clusters, columns, seed, first, last, replicates, out }] as [
      Parameters<typeof import('./ranks.ts').rankReplicates>[0],
    ];
  });
  await spread('rankReplicates', tasks, work);
  const accelerations =
    method === 'bca'
      ? await spread(
          'rankAccelerations',
          columns.map((column): [RankColumn, number] => [column, clusters]),
          work,
        )
      : columns.map((): [null, null] => [null, null]);
  const whole = await spread(
    'rankPoints',
    columns.map((column): [RankColumn, number] => [column, clusters]),
    work,
  );
  return columns.map((_, c) => {
    const interval = (figure: 0 | 1): Interval | null => {
      const values = out[c]!.filter((value, i) => i % 2 === figure && !Number.isNaN(value));
      const { ends } = estimateOf(whole[c]![figure], values, replicates, accelerations[c]![figure], LEVEL);
      return ends && { ...ends, level: LEVEL, replicates, seed: shownSeed, clusters: [clusters] };
    };
    return [interval(0), interval(1)];
  });
}
