/**
 * What a data set is to a checkpoint: the set that it was trained on, the same institution, another one. From the checkpoint's
 * training source (its run, its card, or what the user said) and the data set; the parts that the user gave the data sets
 * decide where names do not. A base model was trained before the question was asked: those parts say nothing of it.
 */
import type { Distribution, EvaluationResult } from '../evaluation/types.ts';
import type { Checkpoint, Collection } from './contract.ts';

/** The words by which a training source names an institution that publishes a set. */
const INSTITUTIONS = { chexpert: /chexpert/i, nih: /\bnih\b|chest-?x-?ray-?14/i, mimic: /mimic/i } as const;

const BY_ROLE: Record<Collection['role'], Distribution> = {
  'training-source': 'training source',
  source: 'in-distribution',
  target: 'other institution',
  'probe-source': 'in-distribution',
  'probe-target': 'other institution',
  none: 'unknown',
};

export type TrainedCheckpoint = Pick<Checkpoint, 'role' | 'trainingSource'>;
type Named = Pick<Collection, 'id' | 'name' | 'kind' | 'role'>;

/** The data set of the workspace that a training source names; undefined where it names none. */
export function trainingSetOf<T extends Pick<Collection, 'name'>>(
  trainingSource: string,
  collections: readonly T[],
): T | undefined {
  const wanted = trainingSource.trim().toLowerCase();
  return wanted === '' ? undefined : collections.find(({ name }) => name.trim().toLowerCase() === wanted);
}

/** @param phantom the data set is not of the institution whose table's form it has */
export function distributionOf(
  { role, trainingSource }: TrainedCheckpoint,
  dataset: Named,
  collections: readonly Named[],
  phantom: boolean,
): Distribution {
  if (trainingSource.trim() === '') return 'unknown';
  const trainedOn = trainingSetOf(trainingSource, collections);
  if (trainedOn?.id === dataset.id) return 'training source';
  const named = Object.entries(INSTITUTIONS).filter(([, words]) => words.test(trainingSource));
  if (!phantom && named.some(([kind]) => kind === dataset.kind)) return 'in-distribution';
  const byRole = role === 'base' ? 'unknown' : BY_ROLE[dataset.role];
  if (byRole === 'training source' && trainedOn) return 'in-distribution';
  if (byRole !== 'unknown') return byRole;
  return !phantom && named.length > 0 && dataset.kind in INSTITUTIONS ? 'other institution' : 'unknown';
}

/** From the most that a checkpoint can have seen to the least. */
const MOST_SEEN: readonly Distribution[] = ['training source', 'in-distribution', 'unknown', 'other institution'];

/** What a data set is to the checkpoints of a report: to the one that has seen most of it; base models count where there are no others. */
export function relationOf({ cells, checkpoints }: EvaluationResult, datasetId: string): Distribution {
  const own = cells.filter((cell) => cell.datasetId === datasetId);
  const bases = new Set(checkpoints.filter(({ role }) => role === 'base').map(({ id }) => id));
  const trained = own.filter(({ checkpointId }) => !bases.has(checkpointId));
  const seen = (trained.length > 0 ? trained : own).map(({ distribution = 'unknown' }) => distribution);
  return MOST_SEEN.find((each) => seen.includes(each)) ?? 'unknown';
}
