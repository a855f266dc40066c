/**
 * From answers to an evaluation: figures of every checkpoint on every data set, each one's change from the source to the
 * target (on the labels that both share, first), differences between checkpoints with intervals and tests, and whether a
 * gain survives: (to - from) on the target minus (to - from) on the source. Whole patients are resampled and exchanged.
 */
import { throwIfCancelled, unattended, type Work } from '../base/progress.ts';
import { CHEXPERT_LABELS, type Label, NIH_NINE } from '../labels/labels.ts';
import { sharedLabels } from '../labels/mapping.ts';
import { type Counters, countInterval, observed, type Sample } from './bootstrap.ts';
import {
  commonFilms,
  exchanging,
  labelF1,
  macroF1,
  microF1,
  pairKey,
  type Readings,
  readingsOf,
  sampleOf,
} from './comparison.ts';
import { countedFindings, type EvaluatedFilm, figures, indicatorsOf, patientOf } from './figures.ts';
import { headline } from './headline.ts';
import { benjaminiHochberg, holm, mcNemar, pairedPermutation } from './pairedTests.ts';
import type {
  Agreement,
  Difference,
  EvaluatedCheckpoint,
  EvaluatedDataset,
  EvaluationCell,
  EvaluationResult,
  Figures,
  Gap,
  GapDifference,
  Interval,
  LabelDifference,
  LabelSetName,
} from './types.ts';

/** A data set as the caller describes it; the rest of `EvaluatedDataset` follows from the films. */
export interface DatasetInput extends Pick<EvaluatedDataset, 'id' | 'name' | 'kind' | 'labels' | 'policy' | 'unit'> {
  /** Films that were asked for, answered or not. */
  total: number;
}

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

interface Context {
  input: EvaluationInput;
  datasets: { input: DatasetInput; readings: Readings }[];
  shared: Label[];
  replicates: number;
  seed: number;
  pause: () => Promise<void>;
}

/** Errors: CANCELLED. */
export async function evaluate(input: EvaluationInput, work: Work = unattended()): Promise<EvaluationResult> {
  const { replicates = 10_000, seed = 0 } = input;
  const pause = pauses(work);
  const datasets: Context['datasets'] = [];
  for (const dataset of input.target.id === input.source.id ? [input.source] : [input.source, input.target]) {
    const films = byCheckpoint(input, dataset.id);
    const readings = await readingsOf(dataset.id, films, dataset.labels, dataset.policy, { replicates, seed, pause });
    datasets.push({ input: dataset, readings });
  }
  const shared = sharedLabels(input.source.labels, input.target.labels);
  const context: Context = { input, datasets, shared, replicates, seed, pause };
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

export function labelSetOf(labels: readonly Label[]): LabelSetName {
  const same = (set: readonly Label[]) => set.length === labels.length && set.every((label) => labels.includes(label));
  return same(CHEXPERT_LABELS) ? 'chexpert-14' : same(NIH_NINE) ? 'nih-9' : 'own';
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

/** null where nothing was resampled, or where there is one patient only. */
function interval(
  context: Context,
  samples: Sample[],
  statistic: (readings: readonly Counters[]) => number,
): Interval | null {
  const thin = samples.some((sample) => sample.from.clusters < 2);
  return context.replicates === 0 || thin ? null : countInterval(samples, statistic, { seed: context.seed });
}

function placesOf(labels: readonly Label[], { labels: all }: Readings): number[] {
  return labels.map((label) => all.indexOf(label));
}

// --------------------------------------------------------------------------------------------------- one cell

function cellOf(
  context: Context,
  { input: dataset, readings }: Context['datasets'][number],
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

function gapsOf(context: Context, checkpointId: string): Gap[] {
  const [source, target] = context.datasets as [Context['datasets'][number], Context['datasets'][number]];
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

function gapDifferenceOf(context: Context, fromCheckpointId: string, toCheckpointId: string): GapDifference {
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

// ------------------------------------------------------------------------------ two checkpoints on the same films

function pairSamples(readings: Readings, from: string, to: string): Sample[] {
  return [sampleOf(readings, pairKey(from, to, readings)), sampleOf(readings, pairKey(to, from, readings))];
}

/** On the shared labels first, then on the data set's own where those are others. */
async function differencesOf(
  context: Context,
  dataset: Context['datasets'][number],
  from: string,
  to: string,
): Promise<Difference[]> {
  const own = dataset.input.labels;
  const shared = await differenceOf(context, dataset, from, to, 'shared', context.shared);
  if (own.length === context.shared.length) return [shared];
  return [shared, await differenceOf(context, dataset, from, to, labelSetOf(own), own)];
}

async function differenceOf(
  context: Context,
  { input: dataset, readings }: Context['datasets'][number],
  fromCheckpointId: string,
  toCheckpointId: string,
  labelSet: LabelSetName,
  labels: Label[],
): Promise<Difference> {
  const places = placesOf(labels, readings);
  const samples = pairSamples(readings, fromCheckpointId, toCheckpointId);
  const change = ([from, to]: readonly Counters[]) => macroF1(to!, places) - macroF1(from!, places);
  const { p, ofLabels } = await testsOf(context, readings, fromCheckpointId, toCheckpointId, labels);
  return {
    datasetId: dataset.id,
    labelSet,
    fromCheckpointId,
    toCheckpointId,
    from: observed(samples, ([counters]) => macroF1(counters!, places)),
    to: observed(samples, ([, counters]) => macroF1(counters!, places)),
    change: observed(samples, change),
    films: commonFilms(readings.films, fromCheckpointId, toCheckpointId).length,
    interval: interval(context, samples, change),
    p,
    contributions: labels.map((label, i) => {
      const difference = ([from, to]: readonly Counters[]) => labelF1(to!, places[i]!) - labelF1(from!, places[i]!);
      return {
        label,
        from: observed(samples, ([counters]) => labelF1(counters!, places[i]!)),
        to: observed(samples, ([, counters]) => labelF1(counters!, places[i]!)),
        contribution: observed(samples, difference) / labels.length,
        interval: interval(context, samples, difference),
        ...ofLabels[i]!,
      };
    }),
  };
}

type LabelTest = Pick<LabelDifference, 'p' | 'test' | 'pHolm' | 'pBenjaminiHochberg'>;

/** Exact McNemar on each label where every patient has one film; else, and for macro-F1 always, patients are exchanged. */
async function testsOf(
  context: Context,
  readings: Readings,
  from: string,
  to: string,
  labels: Label[],
): Promise<{ p: number | null; ofLabels: LabelTest[] }> {
  if (context.replicates === 0 || readings.patients.size < 2) {
    return { p: null, ofLabels: labels.map(() => ({ p: null, test: null, pHolm: null, pBenjaminiHochberg: null })) };
  }
  const places = placesOf(labels, readings);
  const exchange = exchanging(readings, pairKey(from, to, readings), pairKey(to, from, readings));
  const statistics = (flipped: Uint8Array, out: Float64Array) => {
    const counters = exchange(flipped);
    places.forEach((place, i) => {
      out[i] = labelF1(counters.to, place) - labelF1(counters.from, place);
    });
    out[places.length] = macroF1(counters.to, places) - macroF1(counters.from, places);
  };
  const { replicates: permutations, seed, pause } = context;
  const all = await pairedPermutation(readings.patients.size, statistics, places.length + 1, {
    permutations,
    seed,
    pause,
  });
  const films = commonFilms(readings.films, from, to);
  const single = new Set(films.map(patientOf)).size === films.length;
  const p = single ? mcNemarOf(readings, from, to, labels) : all.slice(0, places.length);
  const [pHolm, pBh] = [holm(p), benjaminiHochberg(p)];
  const test = single ? 'mcnemar-exact' : 'patient-permutation';
  return {
    p: all[places.length]!,
    ofLabels: p.map((each, i) => ({ p: each, test, pHolm: pHolm[i]!, pBenjaminiHochberg: pBh[i]! })),
  };
}

function mcNemarOf(readings: Readings, from: string, to: string, labels: Label[]): number[] {
  const order = (films: EvaluatedFilm[]) => [...films].sort((a, b) => (a.filmId < b.filmId ? -1 : 1));
  const first = indicatorsOf(order(commonFilms(readings.films, from, to)), labels, readings.policies);
  const second = indicatorsOf(order(commonFilms(readings.films, to, from)), labels, readings.policies);
  return labels.map((_, label) => {
    let [onlyFirst, onlySecond] = [0, 0];
    for (let i = label; i < first.truth.length; i += labels.length) {
      const right = (prediction: Uint8Array) => prediction[i] === first.truth[i];
      if (first.truth[i]! > 1 || right(first.prediction) === right(second.prediction)) continue;
      if (right(first.prediction)) onlyFirst++;
      else onlySecond++;
    }
    return mcNemar(onlyFirst, onlySecond).exactP;
  });
}

function agreementOf(datasetId: string, { films }: Readings, [a, b]: [string, string]): Agreement {
  const second = new Map(commonFilms(films, b, a).map((film) => [film.filmId, new Set(countedFindings(film))]));
  const indices = commonFilms(films, a, b).map((film) => {
    const [one, two] = [new Set(countedFindings(film)), second.get(film.filmId)!];
    const either = new Set([...one, ...two]).size;
    return either === 0 ? 1 : [...one].filter((label) => two.has(label)).length / either;
  });
  const mean = (values: number[]) => (values.length === 0 ? 0 : values.reduce((x, y) => x + y, 0) / values.length);
  return {
    datasetId,
    checkpointIds: [a, b],
    films: indices.length,
    sameSet: mean(indices.map((index) => Number(index === 1))),
    meanJaccard: mean(indices),
  };
}
