/**
 * From answers to an evaluation: figures of every checkpoint on every data set, each one's change from the source to the
 * target (on the labels that both share, first), differences between checkpoints with intervals and tests, and whether a
 * gain survives: (to - from) on the target minus (to - from) on the source. Whole patients are resampled and exchanged.
 */
import { throwIfCancelled, unattended, type Work } from '../base/progress.ts';
import type { Label } from '../labels/labels.ts';
import { sharedLabels } from '../labels/mapping.ts';
import { type Counters, observed } from './bootstrap.ts';
import {
  type Comparison,
  type DatasetInput,
  type DatasetReadings,
  interval,
  labelF1,
  macroF1,
  microF1,
  pairSamples,
  placesOf,
  type Readings,
  readingsOf,
  sampleOf,
} from './comparison.ts';
import { agreementOf, differencesOf } from './differences.ts';
import { type EvaluatedFilm, figures, patientOf } from './figures.ts';
import { headline } from './headline.ts';
import { labelSetOf } from './labelSets.ts';
import type {
  Difference,
  EvaluatedCheckpoint,
  EvaluatedDataset,
  EvaluationCell,
  EvaluationResult,
  Figures,
  Gap,
  GapDifference,
} from './types.ts';

export type { DatasetInput } from './comparison.ts';

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
}

/** Errors: CANCELLED. */
export async function evaluate(input: EvaluationInput, work: Work = unattended()): Promise<EvaluationResult> {
  const { replicates = 10_000, seed = 0 } = input;
  const pause = pauses(work);
  const datasets: DatasetReadings[] = [];
  for (const dataset of input.target.id === input.source.id ? [input.source] : [input.source, input.target]) {
    const films = byCheckpoint(input, dataset.id);
    const readings = await readingsOf(dataset.id, films, dataset.labels, dataset.policy, { replicates, seed, pause });
    datasets.push({ input: dataset, readings });
  }
  const shared = sharedLabels(input.source.labels, input.target.labels);
  const context: Comparison = { datasets, shared, replicates, seed, pause };
  const cells = datasets.flatMap((dataset) => input.checkpoints.map(({ id }) => cellOf(context, dataset, id)));
  const pairs = checkpointPairs(input.checkpoints);
  const differences: Difference[] = [];
  for (const dataset of datasets) {
    for (const [from, to] of pairs) differences.push(...(await differencesOf(context, dataset, from, to)));
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
    gaps: datasets.length < 2 ? [] : input.checkpoints.flatMap(({ id }) => gapsOf(context, id)),
    differences,
    gapDifferences: datasets.length < 2 ? [] : pairs.map(([from, to]) => gapDifferenceOf(context, from, to)),
    agreements: datasets.flatMap(({ readings, input: { id } }) => pairs.map((pair) => agreementOf(id, readings, pair))),
  };
  return { ...result, headline: headline(result) };
}

/** Lets other work of the process go on, and stops when cancelled. */
function pauses(work: Work): () => Promise<void> {
  let last = Date.now();
  return async () => {
    throwIfCancelled(work.signal);
    if (Date.now() - last < 20) return;
    await new Promise<void>((resolve) => setImmediate(resolve));
    last = Date.now();
  };
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

// --------------------------------------------------------------------------------------------------- one cell

function cellOf(
  context: Comparison,
  { input: dataset, readings }: DatasetReadings,
  checkpointId: string,
): EvaluationCell {
  const films = readings.films.get(checkpointId)!;
  const sample = sampleOf(readings, checkpointId);
  const f1Intervals = new Map(
    dataset.labels.map((label, i) => [label, interval(context, [sample], ([counters]) => labelF1(counters!, i))]),
  );
  const on = (labels: Label[]): Figures => {
    const plain = figures(films, labels, dataset.policy);
    const places = placesOf(labels, readings);
    return {
      ...plain,
      labels: plain.labels.map((label) => ({ ...label, f1Interval: f1Intervals.get(label.label) ?? null })),
      macroF1Interval: interval(context, [sample], ([counters]) => macroF1(counters!, places)),
      microF1Interval: interval(context, [sample], ([counters]) => microF1(counters!, places)),
    };
  };
  return {
    datasetId: dataset.id,
    checkpointId,
    own: on(dataset.labels),
    ownLabelSet: labelSetOf(dataset.labels),
    shared: on(context.shared),
    done: films.length,
    total: dataset.total,
  };
}

// ------------------------------------------------------------------------------------ from the source to the target

function gapsOf(context: Comparison, checkpointId: string): Gap[] {
  const [source, target] = context.datasets as [DatasetReadings, DatasetReadings];
  const samples = [source, target].map(({ readings }) => sampleOf(readings, checkpointId));
  const gap = (labelSet: Gap['labelSet'], sourceLabels: Label[], targetLabels: Label[]): Gap => {
    const [atSource, atTarget] = [placesOf(sourceLabels, source.readings), placesOf(targetLabels, target.readings)];
    const change = ([s, t]: readonly Counters[]) => macroF1(t!, atTarget) - macroF1(s!, atSource);
    const comparable =
      sourceLabels.length === targetLabels.length && sourceLabels.every((label, i) => label === targetLabels[i]);
    const contributions = !comparable
      ? []
      : sourceLabels.map((label, i) => {
          const from = observed([samples[0]!], ([counters]) => labelF1(counters!, atSource[i]!));
          const to = observed([samples[1]!], ([counters]) => labelF1(counters!, atTarget[i]!));
          return { label, source: from, target: to, contribution: (to - from) / sourceLabels.length };
        });
    return {
      labelSet,
      comparable,
      checkpointId,
      source: observed([samples[0]!], ([counters]) => macroF1(counters!, atSource)),
      target: observed([samples[1]!], ([counters]) => macroF1(counters!, atTarget)),
      change: observed(samples, change),
      interval: interval(context, samples, change),
      contributions,
    };
  };
  return [gap('shared', context.shared, context.shared), gap('own', source.input.labels, target.input.labels)];
}

function gapDifferenceOf(context: Comparison, fromCheckpointId: string, toCheckpointId: string): GapDifference {
  const samples = context.datasets.flatMap(({ readings }) => pairSamples(readings, fromCheckpointId, toCheckpointId));
  const places = context.datasets.map(({ readings }) => placesOf(context.shared, readings));
  const at = (d: 0 | 1) => (c: readonly Counters[]) =>
    macroF1(c[2 * d + 1]!, places[d]!) - macroF1(c[2 * d]!, places[d]!);
  const change = (counters: readonly Counters[]) => at(1)(counters) - at(0)(counters);
  return {
    fromCheckpointId,
    toCheckpointId,
    atSource: observed(samples, at(0)),
    atTarget: observed(samples, at(1)),
    change: observed(samples, change),
    interval: interval(context, samples, change),
  };
}
