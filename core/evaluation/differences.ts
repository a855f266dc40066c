/** Two checkpoints on the same films: differences with intervals and tests, and how far they agree. */
import type { Label } from '../labels/labels.ts';
import { type Counters, observed } from './bootstrap.ts';
import {
  type Comparison,
  commonFilms,
  type DatasetReadings,
  exchanging,
  interval,
  labelF1,
  macroF1,
  pairKey,
  pairSamples,
  placesOf,
  type Readings,
} from './comparison.ts';
import { countedFindings, type EvaluatedFilm, indicatorsOf, patientOf } from './figures.ts';
import { labelSetOf } from './labelSets.ts';
import { benjaminiHochberg, holm, mcNemar, pairedPermutation } from './pairedTests.ts';
import type { Agreement, Difference, LabelDifference, LabelSetName } from './types.ts';

/** On the shared labels first, then on the data set's own where those are others. */
export async function differencesOf(
  context: Comparison,
  dataset: DatasetReadings,
  from: string,
  to: string,
): Promise<Difference[]> {
  const own = dataset.input.labels;
  const sets = own.length === context.shared.length ? [context.shared] : [context.shared, own];
  const tests = await testsOf(context, dataset.readings, from, to, own, sets);
  return sets.map((labels) => {
    const name = labels === context.shared ? 'shared' : labelSetOf(labels);
    return differenceOf(context, dataset, from, to, name, labels, tests);
  });
}

function differenceOf(
  context: Comparison,
  { input: dataset, readings }: DatasetReadings,
  fromCheckpointId: string,
  toCheckpointId: string,
  labelSet: LabelSetName,
  labels: readonly Label[],
  tests: PairTests,
): Difference {
  const places = placesOf(labels, readings);
  const samples = pairSamples(readings, fromCheckpointId, toCheckpointId);
  const change = ([from, to]: readonly Counters[]) => macroF1(to!, places) - macroF1(from!, places);
  const labelTests = adjusted(labels, tests);
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
    p: tests.macro.get(labels) ?? null,
    contributions: labels.map((label, i) => {
      const difference = ([from, to]: readonly Counters[]) => labelF1(to!, places[i]!) - labelF1(from!, places[i]!);
      return {
        label,
        from: observed(samples, ([counters]) => labelF1(counters!, places[i]!)),
        to: observed(samples, ([, counters]) => labelF1(counters!, places[i]!)),
        contribution: observed(samples, difference) / labels.length,
        interval: interval(context, samples, difference),
        ...labelTests[i]!,
      };
    }),
  };
}

/** p values of one pair: by label, and of macro-F1 by set of labels. */
interface PairTests {
  test: LabelDifference['test'];
  labels: Map<Label, number>;
  macro: Map<readonly Label[], number>;
}

/** Exact McNemar on each label where every patient has one film; else, and for macro-F1 always, patients are exchanged. */
async function testsOf(
  context: Comparison,
  readings: Readings,
  from: string,
  to: string,
  own: readonly Label[],
  sets: readonly (readonly Label[])[],
): Promise<PairTests> {
  const none: PairTests = { test: null, labels: new Map(), macro: new Map() };
  if (context.replicates === 0 || readings.patients.size < 2) return none;
  const places = sets.map((labels) => placesOf(labels, readings));
  const exchange = exchanging(readings, pairKey(from, to, readings), pairKey(to, from, readings));
  const statistics = (flipped: Uint8Array, out: Float64Array) => {
    const counters = exchange(flipped);
    own.forEach((_, i) => {
      out[i] = labelF1(counters.to, i) - labelF1(counters.from, i);
    });
    places.forEach((set, i) => {
      out[own.length + i] = macroF1(counters.to, set) - macroF1(counters.from, set);
    });
  };
  const { replicates: permutations, seed, pause } = context;
  const options = { permutations, seed, pause };
  const all = await pairedPermutation(readings.patients.size, statistics, own.length + sets.length, options);
  const films = commonFilms(readings.films, from, to);
  const single = new Set(films.map(patientOf)).size === films.length;
  const byLabel = single ? mcNemarOf(readings, from, to, own) : all;
  return {
    test: single ? 'mcnemar-exact' : 'patient-permutation',
    labels: new Map(own.map((label, i) => [label, byLabel[i]!])),
    macro: new Map(sets.map((labels, i) => [labels, all[own.length + i]!])),
  };
}

/** The labels' tests, adjusted over them. */
function adjusted(
  labels: readonly Label[],
  { test, labels: tests }: PairTests,
): Pick<LabelDifference, 'p' | 'test' | 'pHolm' | 'pBenjaminiHochberg'>[] {
  const p = labels.map((label) => tests.get(label) ?? null);
  if (test === null) return p.map(() => ({ p: null, test, pHolm: null, pBenjaminiHochberg: null }));
  const [pHolm, pBh] = [holm(p as number[]), benjaminiHochberg(p as number[])];
  return p.map((each, i) => ({ p: each, test, pHolm: pHolm[i]!, pBenjaminiHochberg: pBh[i]! }));
}

function mcNemarOf(readings: Readings, from: string, to: string, labels: readonly Label[]): number[] {
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

export function agreementOf(datasetId: string, { films }: Readings, [a, b]: [string, string]): Agreement {
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
