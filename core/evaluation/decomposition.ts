/** Why it fell: the change of macro-F1 by cause (shift.ts), of each checkpoint and of the differences between them. */
import type { Label } from '../labels/labels.ts';
import { type Comparison, type DatasetReadings, LEVEL } from './comparison.ts';
import { BLOCK, estimateOf } from './resample.ts';
import { decompose, meansOf, type Shift, type ShiftTask } from './shift.ts';
import { type PatternData, patternData, patternSums } from './shiftCounts.ts';
import { spread } from './threads.ts';
import type { Decomposition, Interval, LabelHabit, ShiftCause, ShiftEvidence } from './types.ts';

/** A replicate fits the weights anew; so many give percentile ends to about a twentieth of their distance. */
const SHIFT_REPLICATES = 1000;
const CAUSES: readonly ShiftCause[] = ['prevalence', 'convention', 'image'];
/** Pairs of labels that are shown. */
const HABITS = 12;

export interface Causes {
  decompositions: Decomposition[];
  evidence: ShiftEvidence[];
  habits: LabelHabit[];
}

/** @param pairs of checkpoints, whose difference is decomposed too */
export async function causesOf(context: Comparison, pairs: readonly [from: string, to: string][]): Promise<Causes> {
  const [source, target] = context.datasets as [DatasetReadings, DatasetReadings];
  const labels = context.shared;
  const ids = [...source.readings.films.keys()];
  const [atSource, atTarget] = [patternsOf(source, ids, labels), patternsOf(target, ids, labels)];
  if (labels.length === 0 || atSource.cluster.length === 0 || atTarget.cluster.length === 0) {
    return { decompositions: [], evidence: [], habits: [] };
  }
  const whole = (data: PatternData) => patternSums(data, new Uint8Array(data.clusters).fill(1));
  const shift = decompose(whole(atSource), whole(atTarget));
  const replicates = await resampled(context, atSource, atTarget);
  const clusters = [atSource.clusters, atTarget.clusters];
  const of = (to: number, from: number | null) => decompositionOf(context, shift, replicates, ids, clusters, to, from);
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
      answersMoved: shift.moved.answers[j]!,
    })),
    habits: habitsOf(shift, labels, ids),
  };
}

function patternsOf(
  { input, readings }: DatasetReadings,
  ids: readonly string[],
  labels: readonly Label[],
): PatternData {
  return patternData(
    ids.map((id) => readings.films.get(id) ?? []),
    labels,
    input.policy,
  );
}

async function resampled(context: Comparison, source: PatternData, target: PatternData): Promise<Float64Array[]> {
  const replicates = Math.min(SHIFT_REPLICATES, context.replicates);
  if (source.clusters < 2 || target.clusters < 2) return [];
  const common = { source, target, seed: `${context.seed}/causes`, replicates };
  const blocks = Array.from({ length: Math.ceil(replicates / BLOCK) }, (_, first) => first);
  const tasks = blocks.map((first): [ShiftTask] => [{ ...common, first, last: first + 1 }]);
  return (await spread('shiftReplicates', tasks, context.work)).flat();
}

function decompositionOf(
  { shared, seed }: Comparison,
  shift: Shift,
  replicates: readonly Float64Array[],
  ids: readonly string[],
  clusters: number[],
  to: number,
  from: number | null,
): Decomposition {
  const minus = (values: ArrayLike<number>, stride: number, at: number) =>
    values[to * stride + at]! - (from === null ? 0 : values[from * stride + at]!);
  const means = meansOf(shift, shared.length);
  const interval = (part: number): Interval | null => {
    const values = Float64Array.from(replicates, (replicate) => minus(replicate, 3, part));
    const { ends } = estimateOf(minus(means, 3, part), values, replicates.length, null, LEVEL);
    return ends && { ...ends, level: LEVEL, replicates: replicates.length, seed, clusters };
  };
  const parts = CAUSES.map((cause, part) => ({ cause, value: minus(means, 3, part), interval: interval(part) }));
  const { prevalence, convention, image } = shift.parts;
  return {
    checkpointId: ids[to]!,
    fromCheckpointId: from === null ? null : ids[from]!,
    change: parts.reduce((sum, { value }) => sum + value, 0),
    parts,
    labels: shared.map((label, j) => {
      const [p, c, i] = [prevalence, convention, image].map((part) => minus(part, shared.length, j) / shared.length);
      return { label, change: p! + c! + i!, prevalence: p!, convention: c!, image: i! };
    }),
  };
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
