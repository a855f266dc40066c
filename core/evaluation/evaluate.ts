/**
 * From answers to an evaluation: figures of every checkpoint on every data set, each one's change from the source to the
 * target (on the labels that both share, first), differences between checkpoints with intervals and tests, whether a gain
 * survives: (to - from) on the target minus (to - from) on the source; why it changed, in whom, which films did it, and how
 * many films would settle the rest. Whole patients are resampled and exchanged.
 */
import { throwIfCancelled, unattended, type Work } from '../base/progress.ts';
import { sharedLabels } from '../labels/mapping.ts';
import { cellOf } from './cells.ts';
import { type Comparison, type DatasetInput, type DatasetReadings, type Readings, readingsOf } from './comparison.ts';
import { causesOf } from './decomposition.ts';
import { agreementsOf, differencesOf } from './differences.ts';
import { disagreementsOf } from './disagreements.ts';
import { type EvaluatedFilm, patientOf } from './figures.ts';
import { gapDifferenceOf, gapsOf } from './gaps.ts';
import { headline } from './headline.ts';
import { labelSetOf } from './labelSets.ts';
import { bothSidesWarning, patientsOfBoth } from './sharedPatients.ts';
import { subgroupsOf } from './subgroups.ts';
import { thresholdsOf } from './thresholds.ts';
import type {
  BootstrapMethod,
  EvaluatedCheckpoint,
  EvaluatedDataset,
  EvaluationCell,
  EvaluationResult,
  PowerFigures,
} from './types.ts';

export type { DatasetInput } from './comparison.ts';

/** The stage that `evaluate` reports, in steps of unlike length. */
export const COMPUTING = 'Computing intervals';

export interface EvaluationInput {
  id: string;
  /** ISO 8601. */
  createdAt: string;
  source: DatasetInput;
  /** The source again where there is only one data set. */
  target: DatasetInput;
  checkpoints: EvaluatedCheckpoint[];
  /** One for each film, data set and checkpoint that has been answered. */
  films: readonly EvaluatedFilm[];
  /** Of the bootstrap and of the permutation tests. 0: neither intervals nor p values. */
  replicates?: number;
  seed?: number;
  /** Of the intervals. */
  method?: BootstrapMethod;
  warnings?: string[];
}

/** Errors: CANCELLED, STATISTICS_CRASHED. */
export async function evaluate(input: EvaluationInput, work: Work = unattended()): Promise<EvaluationResult> {
  throwIfCancelled(work.signal);
  const context = await compared(input, work);
  const { datasets, shared } = context;
  const pairs = checkpointPairs(input.checkpoints);
  const step = steps(datasets.length * (input.checkpoints.length + pairs.length) + input.checkpoints.length + 5, work);
  const cells: EvaluationCell[] = [];
  for (const dataset of datasets) {
    for (const { id } of input.checkpoints) cells.push(await step(cellOf(context, dataset, id)));
  }
  const result: Omit<EvaluationResult, 'headline'> = {
    id: input.id,
    createdAt: input.createdAt,
    sourceDatasetId: input.source.id,
    targetDatasetId: input.target.id,
    datasets: datasets.map(({ input: dataset, readings }) => describe(dataset, readings, input.source.id)),
    checkpoints: input.checkpoints,
    sharedLabels: shared,
    cells,
    ...(await changesOf(context, input.checkpoints, pairs, step)),
    agreements: await step(agreementsOf(context, pairs)),
    subgroups: await step(subgroupsOf(context, pairs[0] ?? null)),
    thresholds: await step(thresholdsOf(context)),
    disagreements: pairs[0] ? await step(disagreementsOf(context, pairs[0])) : [],
    sharedPatients: context.both.length,
    warnings: [...bothSides(input, context.both), ...(input.warnings ?? [])],
  };
  return { ...result, headline: headline(result) };
}

type Step = <T>(part: Promise<T>) => Promise<T>;

/** Reports that one more of `total` parts is done as each of them ends. */
function steps(total: number, work: Work): Step {
  let done = 0;
  work.report({ stage: COMPUTING, done, total });
  return async (part) => {
    const result = await part;
    done += 1;
    work.report({ stage: COMPUTING, done: Math.min(done, total), total });
    return result;
  };
}

async function compared(input: EvaluationInput, work: Work): Promise<Comparison> {
  const { replicates = 10_000, seed = 0, method = 'bca' } = input;
  const shared = sharedLabels(input.source.labels, input.target.labels);
  const both = inBoth(input);
  const datasets: DatasetReadings[] = [];
  for (const dataset of input.target.id === input.source.id ? [input.source] : [input.source, input.target]) {
    const films = byCheckpoint(input, dataset.id);
    const options = { both, replicates, seed, work };
    datasets.push({
      input: dataset,
      readings: await readingsOf(dataset.id, films, dataset.labels, shared, dataset.policy, options),
    });
  }
  return { datasets, shared, both, replicates, seed, method, work };
}

/** Patients whose films are in both data sets. */
function inBoth({ source, target, films }: EvaluationInput): string[] {
  if (target.id === source.id) return [];
  const side = ({ id, kind }: DatasetInput) => ({
    patients: films.flatMap(({ datasetId, patientId }) => (datasetId === id ? [patientId] : [])),
    kind,
  });
  return patientsOfBoth(side(source), side(target));
}

function bothSides({ source, target }: EvaluationInput, patients: readonly string[]): string[] {
  return patients.length === 0 ? [] : [bothSidesWarning(source.name, target.name, patients)];
}

type Changes = Pick<
  EvaluationResult,
  'gaps' | 'differences' | 'gapDifferences' | 'decompositions' | 'evidence' | 'habits'
> & {
  power: PowerFigures[];
};

async function changesOf(
  context: Comparison,
  checkpoints: readonly EvaluatedCheckpoint[],
  pairs: readonly [from: string, to: string][],
  step: Step,
): Promise<Changes> {
  const changes: Changes = { gaps: [], differences: [], gapDifferences: [], power: [] };
  for (const dataset of context.datasets) {
    for (const [from, to] of pairs) {
      const { differences, power } = await step(differencesOf(context, dataset, from, to));
      changes.differences.push(...differences);
      changes.power.push(power);
    }
  }
  if (context.datasets.length < 2) return changes;
  for (const { id } of checkpoints) {
    const { gaps, power } = await step(gapsOf(context, id));
    changes.gaps.push(...gaps);
    changes.power.push(power);
  }
  for (const [from, to] of pairs) {
    const { gapDifference, power } = await gapDifferenceOf(context, from, to);
    changes.gapDifferences.push(gapDifference);
    changes.power.push(power);
  }
  return { ...changes, ...(await step(causesOf(context, pairs, changes))) };
}

function byCheckpoint(input: EvaluationInput, datasetId: string): Map<string, EvaluatedFilm[]> {
  const films = new Map<string, EvaluatedFilm[]>(input.checkpoints.map(({ id }) => [id, []]));
  for (const film of input.films) if (film.datasetId === datasetId) films.get(film.checkpointId)?.push(film);
  return films;
}

/** SFT and GRPO first, whose difference is the question; then every other pair, in the order of the checkpoints. */
function checkpointPairs(checkpoints: readonly EvaluatedCheckpoint[]): [from: string, to: string][] {
  const pairs: [EvaluatedCheckpoint, EvaluatedCheckpoint][] = [];
  checkpoints.forEach((from, i) => {
    for (const to of checkpoints.slice(i + 1))
      pairs.push(to.role === 'sft' && from.role === 'grpo' ? [to, from] : [from, to]);
  });
  const isQuestion = ([from, to]: (typeof pairs)[number]) => Number(from.role === 'sft' && to.role === 'grpo');
  return pairs.sort((a, b) => isQuestion(b) - isQuestion(a)).map(([from, to]) => [from.id, to.id]);
}

function describe(dataset: DatasetInput, { films }: Readings, sourceId: string): EvaluatedDataset {
  const { total: _total, ...facts } = dataset;
  const all = [...films.values()].flat();
  return {
    ...facts,
    part: dataset.id === sourceId ? 'source' : 'target',
    labelSet: labelSetOf(dataset.labels),
    films: new Set(all.map((film) => film.filmId)).size,
    patients: new Set(all.map(patientOf)).size,
  };
}
