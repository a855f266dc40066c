/** One checkpoint on one data set: every figure with its interval. */
import type { Label } from '../labels/labels.ts';
import { type Comparison, type DatasetReadings, estimates, one, placesOf } from './comparison.ts';
import { figures } from './figures.ts';
import { labelSetOf } from './labelSets.ts';
import { FIGURES } from './metrics.ts';
import { withRankIntervals } from './rankIntervals.ts';
import type { Of, Statistic } from './statistics.ts';
import { breathe } from './threads.ts';
import type { Average, EvaluationCell, Figure, Figures, Interval, LabelFigures } from './types.ts';

const AVERAGES: readonly Average[] = ['micro', 'macro', 'weighted', 'samples'];

/** What the own and the shared labels are called in the layout of the counters (`readingsOf`). */
const SETS = { own: 0, shared: 1 } as const;

export async function cellOf(
  context: Comparison,
  dataset: DatasetReadings,
  checkpointId: string,
): Promise<EvaluationCell> {
  const { input, readings } = dataset;
  const byLabel = await labelIntervals(context, dataset, checkpointId);
  const films = readings.films.get(checkpointId)!;
  const on = async (set: keyof typeof SETS, labels: Label[]): Promise<Figures> => {
    await breathe(context.work);
    const plain = figures(films, labels, input.policy);
    const averages = await averageIntervals(context, dataset, checkpointId, SETS[set], labels);
    return {
      ...plain,
      labels: plain.labels.map((label) => withIntervals(label, byLabel.get(label.label) ?? {})),
      ...averages,
      macroF1Interval: averages.intervals.macro?.f1 ?? null,
      microF1Interval: averages.intervals.micro?.f1 ?? null,
    };
  };
  const own = await on('own', input.labels);
  const shared = await on('shared', context.shared);
  const ranked = await withRankIntervals(context, dataset, checkpointId, own.labels);
  return {
    datasetId: input.id,
    checkpointId,
    own: { ...own, labels: ranked },
    ownLabelSet: labelSetOf(input.labels),
    shared: { ...shared, labels: shared.labels.map((label) => sameProbability(label, ranked)) },
    done: films.length,
    total: input.total,
  };
}

function withIntervals(label: LabelFigures, intervals: Partial<Record<Figure, Interval>>): LabelFigures {
  return { ...label, f1Interval: intervals.f1 ?? null, intervals };
}

function sameProbability(label: LabelFigures, own: readonly LabelFigures[]): LabelFigures {
  return { ...label, probability: own.find((each) => each.label === label.label)?.probability ?? label.probability };
}

async function labelIntervals(
  context: Comparison,
  { input, readings }: DatasetReadings,
  checkpointId: string,
): Promise<Map<Label, Partial<Record<Figure, Interval>>>> {
  const wanted = input.labels.flatMap((label, place) => FIGURES.map((figure) => ({ label, place, figure })));
  const statistics = wanted.map(({ place, figure }) => one(figure, { label: place }));
  const found = await estimates(context, [{ readings, key: checkpointId }], statistics);
  const intervals = new Map<Label, Partial<Record<Figure, Interval>>>(input.labels.map((label) => [label, {}]));
  wanted.forEach(({ label, figure }, i) => {
    const { interval } = found[i]!;
    if (interval) intervals.get(label)![figure] = interval;
  });
  return intervals;
}

async function averageIntervals(
  context: Comparison,
  { readings }: DatasetReadings,
  checkpointId: string,
  set: number,
  labels: readonly Label[],
) {
  const places = placesOf(labels, readings);
  const of = (average: Average): Of => (average === 'samples' ? { average, set } : { average, labels: places });
  const wanted = AVERAGES.flatMap((average) => FIGURES.map((figure) => ({ average, figure })));
  const statistics: Statistic[] = wanted.map(({ average, figure }) => one(figure, of(average)));
  statistics.push(one('f1', { rate: 'failures' }), one('f1', { rate: 'findings' }));
  const found = await estimates(context, [{ readings, key: checkpointId }], statistics);
  const intervals: NonNullable<Figures['intervals']> = {};
  wanted.forEach(({ average, figure }, i) => {
    const { interval } = found[i]!;
    if (interval) intervals[average] = { ...intervals[average], [figure]: interval };
  });
  const [failures, findings] = found.slice(-2);
  return {
    intervals,
    failRateInterval: failures!.interval,
    findingsPerFilmInterval: findings!.interval,
  };
}
