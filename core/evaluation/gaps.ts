/** From the source to the target: each checkpoint's change, and whether a gain survives: (to - from) there minus (to - from) here. */
import type { Label } from '../labels/labels.ts';
import {
  type Comparison,
  change,
  type DatasetReadings,
  estimates,
  macro,
  observed,
  one,
  pairSamples,
  placesOf,
} from './comparison.ts';
import { powerOf } from './power.ts';
import type { Of, Statistic } from './statistics.ts';
import type { Gap, GapDifference, PowerFigures } from './types.ts';

/** On the shared labels first, then each data set on its own. */
export async function gapsOf(context: Comparison, checkpointId: string): Promise<{ gaps: Gap[]; power: PowerFigures }> {
  const [source, target] = context.datasets as [DatasetReadings, DatasetReadings];
  const samples = [source, target].map(({ readings }) => ({ readings, key: checkpointId }));
  const sets: [Gap['labelSet'], Label[], Label[]][] = [
    ['shared', context.shared, context.shared],
    ['own', source.input.labels, target.input.labels],
  ];
  const statistics = sets.map(([, atSource, atTarget]) =>
    change('f1', [macro(placesOf(atSource, source.readings)), macro(placesOf(atTarget, target.readings))]),
  );
  const found = await estimates(context, samples, statistics);
  const gaps = sets.map(([labelSet, atSource, atTarget], i): Gap => {
    const comparable = atSource.length === atTarget.length && atSource.every((label, k) => label === atTarget[k]);
    const f1At = (place: 0 | 1, of: Of) => observed(samples, one('f1', of, place));
    return {
      labelSet,
      comparable,
      checkpointId,
      source: f1At(0, macro(placesOf(atSource, source.readings))),
      target: f1At(1, macro(placesOf(atTarget, target.readings))),
      change: found[i]!.value,
      interval: found[i]!.interval,
      contributions: !comparable
        ? []
        : atSource.map((label) => {
            const from = f1At(0, { label: source.readings.labels.indexOf(label) });
            const to = f1At(1, { label: target.readings.labels.indexOf(label) });
            return { label, source: from, target: to, contribution: (to - from) / atSource.length };
          }),
    };
  });
  const ends = { what: 'gap' as const, datasetId: null, fromCheckpointId: null, checkpointId };
  return { gaps, power: powerOf(ends, found[0]!, filmsOf(context)) };
}

export async function gapDifferenceOf(
  context: Comparison,
  fromCheckpointId: string,
  toCheckpointId: string,
): Promise<{ gapDifference: GapDifference; power: PowerFigures }> {
  const samples = context.datasets.flatMap(({ readings }) => pairSamples(readings, fromCheckpointId, toCheckpointId));
  const of = context.datasets.map(({ readings }) => macro(placesOf(context.shared, readings)));
  const at = (d: 0 | 1, sign: 1 | -1): Statistic => [
    { sample: 2 * d, sign: sign === 1 ? -1 : 1, figure: 'f1', of: of[d]! },
    { sample: 2 * d + 1, sign, figure: 'f1', of: of[d]! },
  ];
  const [survives] = await estimates(context, samples, [[...at(1, 1), ...at(0, -1)]]);
  const gapDifference = {
    fromCheckpointId,
    toCheckpointId,
    atSource: observed(samples, at(0, 1)),
    atTarget: observed(samples, at(1, 1)),
    change: survives!.value,
    interval: survives!.interval,
  };
  const ends = { what: 'gap-difference' as const, datasetId: null, fromCheckpointId, checkpointId: toCheckpointId };
  return { gapDifference, power: powerOf(ends, survives!, filmsOf(context)) };
}

function filmsOf({ datasets }: Comparison): number[] {
  return datasets.map(({ readings }) => Math.max(0, ...[...readings.films.values()].map((films) => films.length)));
}
