/** Why it fell: the change of macro-F1 by cause (shift.ts), of each checkpoint and of the differences between them. */
import type { Label } from '../labels/labels.ts';
import type { Decomposition, LabelHabit, ShiftCause, ShiftEvidence } from './causes.ts';
import { type Comparison, type DatasetReadings, LEVEL } from './comparison.ts';
import { patientsOf } from './counters.ts';
import { BLOCK, strataOf } from './resample.ts';
import { decompose, meansOf, type Shift } from './shift.ts';
import { answeredByAll, type PatternData, patternData, patternSums } from './shiftCounts.ts';
import { shareRanges, sharesOf, symmetricInterval } from './shiftIntervals.ts';
import type { ShiftTask } from './shiftReplicates.ts';
import { spread } from './threads.ts';
import { type EvaluationResult, type Interval, isSettled } from './types.ts';

/** A replicate fits the weights anew; so many give an interval's ends to about a twentieth of its width. */
const SHIFT_REPLICATES = 1000;
const CAUSES: readonly ShiftCause[] = ['prevalence', 'convention', 'image'];
/** Pairs of labels that are shown. */
const HABITS = 12;

export interface Causes {
  decompositions: Decomposition[];
  evidence: ShiftEvidence[];
  habits: LabelHabit[];
}

/** The changes that are divided; each has one interval, wherever it is shown. */
export type Whole = Pick<EvaluationResult, 'gaps' | 'gapDifferences'>;

/** @param pairs of checkpoints, whose difference is decomposed too */
export async function causesOf(
  context: Comparison,
  pairs: readonly [from: string, to: string][],
  whole: Whole,
): Promise<Causes> {
  const [source, target] = context.datasets as [DatasetReadings, DatasetReadings];
  const labels = context.shared;
  const ids = [...source.readings.films.keys()];
  const [atSource, atTarget] = [patternsOf(source, ids, labels), patternsOf(target, ids, labels)];
  if (labels.length === 0 || atSource.cluster.length === 0 || atTarget.cluster.length === 0) {
    return { decompositions: [], evidence: [], habits: [] };
  }
  const all = (data: PatternData) => patternSums(data, new Uint8Array(data.clusters).fill(1));
  const shift = decompose(all(atSource), all(atTarget));
  const replicates = await resampled(context, atSource, atTarget);
  const clusters = [atSource.clusters, atTarget.clusters];
  const of = (to: number, from: number | null) =>
    decompositionOf(context, shift, replicates, ids, clusters, whole, to, from);
  return {
    decompositions: [
      ...pairs.map(([from, to]) => of(ids.indexOf(to), ids.indexOf(from))),
      ...ids.map((_, k) => of(k, null)),
    ],
    evidence: labels.map((label, j) => ({
      label,
      sourcePrevalence: shift.source.truth[j]!,
      targetPrevalence: shift.target.truth[j]!,
      confirmedPrevalence: shift.confirmed.truth[j]!,
      truthMoved: shift.moved.truth[j]!,
      answersMoved: ids.reduce((sum, _, k) => sum + shift.moved.answers[k * labels.length + j]!, 0) / ids.length,
    })),
    habits: habitsOf(shift, labels, ids),
  };
}

function patternsOf({ input, readings }: DatasetReadings, ids: readonly string[], labels: readonly Label[]) {
  const films = ids.map((id) => readings.films.get(id) ?? []);
  return patternData(films, labels, input.policy);
}

async function resampled(context: Comparison, source: PatternData, target: PatternData): Promise<Float64Array[]> {
  const replicates = Math.min(SHIFT_REPLICATES, context.replicates);
  if (source.clusters < 2 || target.clusters < 2) return [];
  const common = { source, target, strata: strataOfBoth(context), seed: `${context.seed}/causes`, replicates };
  const blocks = Array.from({ length: Math.ceil(replicates / BLOCK) }, (_, first) => first);
  const tasks = blocks.map((first): [ShiftTask] => [{ ...common, first, last: first + 1 }]);
  return (await spread('shiftReplicates', tasks, context.work)).flat();
}

function strataOfBoth({ datasets, both }: Comparison): ShiftTask['strata'] {
  const [source, target] = datasets.map(({ readings }) => {
    return strataOf(patientsOf(answeredByAll([...readings.films.values()])), both);
  });
  return source && target ? [source, target] : null;
}

function decompositionOf(
  { shared, seed }: Comparison,
  shift: Shift,
  replicates: readonly Float64Array[],
  ids: readonly string[],
  clusters: number[],
  whole: Whole,
  to: number,
  from: number | null,
): Decomposition {
  const minus = (values: ArrayLike<number>, stride: number, at: number) =>
    values[to * stride + at]! - (from === null ? 0 : values[from * stride + at]!);
  const partsOf = (means: ArrayLike<number>) => CAUSES.map((_, part) => minus(means, 3, part));
  const [found, drawn] = [partsOf(meansOf(shift, shared.length)), replicates.map(partsOf)];
  const intervalOf = (value: number, values: number[]): Interval | null => {
    if (values.length === 0) return null;
    const [low, high] = symmetricInterval(value, values, LEVEL);
    return { low, high, method: 'symmetric', level: LEVEL, replicates: values.length, seed, clusters };
  };
  const change = sum(found);
  const interval =
    knownInterval(whole, ids[to]!, from === null ? null : ids[from]!, change) ?? intervalOf(change, drawn.map(sum));
  const partIntervals = found.map((value, part) =>
    intervalOf(
      value,
      drawn.map((parts) => parts[part]!),
    ),
  );
  const shares = isSettled(interval) ? sharesOf(found) : null;
  const ranges = shares && drawn.length > 0 ? shareRanges(partIntervals.map((each) => [each!.low, each!.high])) : null;
  const { prevalence, convention, image } = shift.parts;
  return {
    checkpointId: ids[to]!,
    fromCheckpointId: from === null ? null : ids[from]!,
    change,
    interval,
    parts: CAUSES.map((cause, part) => ({
      cause,
      value: found[part]!,
      interval: partIntervals[part]!,
      share: shares && shares[part]!,
      shareRange: ranges && ranges[part]!,
    })),
    labels: shared.map((label, j) => {
      const [p, c, i] = [prevalence, convention, image].map((part) => minus(part, shared.length, j) / shared.length);
      return { label, change: p! + c! + i!, prevalence: p!, convention: c!, image: i! };
    }),
  };
}

/** That of the change itself; null where it was worked out on other films (some checkpoint left films unanswered). */
function knownInterval(
  { gaps, gapDifferences }: Whole,
  to: string,
  from: string | null,
  change: number,
): Interval | null {
  const known =
    from === null
      ? gaps.find((gap) => gap.labelSet === 'shared' && gap.checkpointId === to)
      : gapDifferences.find((each) => each.fromCheckpointId === from && each.toCheckpointId === to);
  return known && Math.abs(known.change - change) < 1e-9 ? known.interval : null;
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0);
}

/** The pairs of labels whose going together differs most between the two truths, weighed by how often it matters. */
function habitsOf({ source, target }: Shift, labels: readonly Label[], ids: readonly string[]): LabelHabit[] {
  const n = labels.length;
  const share = (both: number, one: number) => (one === 0 ? null : both / one);
  const habits = labels.flatMap((given, i) =>
    labels.flatMap((also, j) => {
      const [here, there] = [source, target].map((at) => share(at.truthBoth[i * n + j]!, at.truth[i]!));
      if (i === j || here === null || there === null) return [];
      const answers = ids.map((checkpointId, k) => {
        const at = k * n;
        return { checkpointId, share: share(target.saidBoth[(at + i) * n + j]!, target.said[at + i]!) };
      });
      const weight = Math.abs(here! - there!) * Math.sqrt(Math.min(source.truth[i]!, target.truth[i]!));
      return [{ habit: { given, also, source: here!, target: there!, answers }, weight }];
    }),
  );
  return habits
    .sort((a, b) => b.weight - a.weight)
    .slice(0, HABITS)
    .map(({ habit }) => habit);
}
