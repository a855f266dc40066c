/** Two checkpoints on the same films: differences with intervals and tests, and how far they agree. */
import type { Label } from '../labels/labels.ts';
import { cohenKappa } from './agreement.ts';
import {
  type Comparison,
  change,
  commonFilms,
  type DatasetReadings,
  estimates,
  macro,
  observed,
  one,
  pairKey,
  pairSamples,
  placesOf,
  type Readings,
} from './comparison.ts';
import { differenceOf as countDifference, PER_LABEL } from './counters.ts';
import { BIT, type EvaluatedFilm, findingBits, indicatorsOf, patientOf } from './figures.ts';
import { labelSetOf } from './labelSets.ts';
import { LEFT_OUT, ratio } from './metrics.ts';
import { benjaminiHochberg, holm, mcNemar } from './pairedTests.ts';
import { powerOf } from './power.ts';
import { BLOCK, type PermutationTask, permutationsTried } from './resample.ts';
import { breathe, spread } from './threads.ts';
import type { Agreement, Difference, LabelDifference, LabelSetName, McNemarFigures, PowerFigures } from './types.ts';

/** On the shared labels first, then on the data set's own where those are others. */
export async function differencesOf(
  context: Comparison,
  dataset: DatasetReadings,
  from: string,
  to: string,
): Promise<{ differences: Difference[]; power: PowerFigures }> {
  const own = dataset.input.labels;
  const sets = own.length === context.shared.length ? [context.shared] : [context.shared, own];
  const tests = await testsOf(context, dataset.readings, from, to, sets);
  const found: { difference: Difference; power: PowerFigures }[] = [];
  for (const labels of sets) {
    const name = labels === context.shared ? 'shared' : labelSetOf(labels);
    found.push(await differenceOf(context, dataset, from, to, name, labels, tests));
  }
  return { differences: found.map(({ difference }) => difference), power: found[0]!.power };
}

async function differenceOf(
  context: Comparison,
  { input: dataset, readings }: DatasetReadings,
  fromCheckpointId: string,
  toCheckpointId: string,
  labelSet: LabelSetName,
  labels: readonly Label[],
  tests: PairTests,
): Promise<{ difference: Difference; power: PowerFigures }> {
  const places = placesOf(labels, readings);
  const samples = pairSamples(readings, fromCheckpointId, toCheckpointId);
  const all = macro(places);
  const statistics = [change('f1', [all, all]), ...places.map((label) => change('f1', [{ label }, { label }]))];
  const [whole, ...byLabel] = await estimates(context, samples, statistics);
  const films = commonFilms(readings.films, fromCheckpointId, toCheckpointId).length;
  const labelTests = adjusted(labels, tests);
  const difference: Difference = {
    datasetId: dataset.id,
    labelSet,
    fromCheckpointId,
    toCheckpointId,
    from: observed(samples, one('f1', all, 0)),
    to: observed(samples, one('f1', all, 1)),
    change: whole!.value,
    films,
    interval: whole!.interval,
    p: tests.macro.get(labels) ?? null,
    mcNemarLeftOut: tests.mcNemarLeftOut,
    contributions: labels.map((label, i) => ({
      label,
      from: observed(samples, one('f1', { label: places[i]! }, 0)),
      to: observed(samples, one('f1', { label: places[i]! }, 1)),
      contribution: byLabel[i]!.value / labels.length,
      interval: byLabel[i]!.interval,
      ...labelTests[i]!,
    })),
  };
  const ends = { what: 'difference' as const, datasetId: dataset.id, fromCheckpointId, checkpointId: toCheckpointId };
  return { difference, power: powerOf(ends, whole!, [films]) };
}

/** p values of one pair: by label, and of macro-F1 by set of labels. */
interface PairTests {
  permutation: Map<Label, number>;
  mcNemar: Map<Label, McNemarFigures>;
  mcNemarLeftOut: string | null;
  macro: Map<readonly Label[], number>;
}

/** Whole patients are exchanged; McNemar's test is added where every patient has one film. */
async function testsOf(
  context: Comparison,
  readings: Readings,
  from: string,
  to: string,
  sets: readonly (readonly Label[])[],
): Promise<PairTests> {
  const films = commonFilms(readings.films, from, to);
  const patients = new Set(films.map(patientOf)).size;
  const single = patients === films.length;
  const tests: PairTests = {
    permutation: new Map(),
    mcNemar: single ? mcNemarOf(readings, from, to) : new Map(),
    mcNemarLeftOut: single ? null : severalFilms(films.length, patients),
    macro: new Map(),
  };
  if (context.replicates === 0 || readings.patients.size < 2) return { ...tests, mcNemar: new Map() };
  const p = await permutationTests(context, readings, from, to, sets);
  readings.labels.forEach((label, i) => {
    tests.permutation.set(label, p[i]!);
  });
  sets.forEach((labels, i) => {
    tests.macro.set(labels, p[readings.labels.length + i]!);
  });
  return tests;
}

function severalFilms(films: number, patients: number): string {
  return `${films} films of ${patients} patients: McNemar's test takes films to be independent and would reject too often; whole patients are exchanged instead.`;
}

/** p by label, then by set. */
async function permutationTests(
  { replicates: permutations, seed, work }: Comparison,
  readings: Readings,
  from: string,
  to: string,
  sets: readonly (readonly Label[])[],
): Promise<number[]> {
  const [a, b] = [pairKey(from, to, readings), pairKey(to, from, readings)].map((key) => readings.counted.get(key)!);
  const labels = readings.labels.length;
  const common: Omit<PermutationTask, 'first' | 'last'> = {
    difference: countDifference(a!.counts, b!.counts, PER_LABEL * labels),
    fromTotal: a!.total,
    toTotal: b!.total,
    perLabel: PER_LABEL,
    labels,
    sets: sets.map((set) => placesOf(set, readings)),
    seed: `${seed}/exchange`,
    permutations,
  };
  const blocks = Array.from({ length: Math.ceil(permutations / BLOCK) }, (_, first) => first);
  const tasks = blocks.map((first): [PermutationTask] => [{ ...common, first, last: first + 1 }]);
  const counts = await spread('permutationCounts', tasks, work);
  const sums = counts.reduce((total, block) => total.map((n, i) => n + block[i]!));
  return sums.map((n) => n / permutationsTried(readings.patients.size, permutations));
}

/** The labels' tests, adjusted over them: McNemar's where there is one, else the permutation's. */
function adjusted(
  labels: readonly Label[],
  { permutation, mcNemar: exact }: PairTests,
): Pick<LabelDifference, 'p' | 'test' | 'pHolm' | 'pBenjaminiHochberg' | 'pPermutation' | 'mcNemar'>[] {
  const test = permutation.size === 0 ? null : exact.size > 0 ? 'mcnemar-exact' : 'patient-permutation';
  if (test === null) {
    return labels.map(() => ({
      p: null,
      test,
      pHolm: null,
      pBenjaminiHochberg: null,
      pPermutation: null,
      mcNemar: null,
    }));
  }
  const p = labels.map((label) => exact.get(label)?.exactP ?? permutation.get(label)!);
  const [pHolm, pBh] = [holm(p), benjaminiHochberg(p)];
  return labels.map((label, i) => ({
    p: p[i]!,
    test,
    pHolm: pHolm[i]!,
    pBenjaminiHochberg: pBh[i]!,
    pPermutation: permutation.get(label)!,
    mcNemar: exact.get(label) ?? null,
  }));
}

function mcNemarOf(readings: Readings, from: string, to: string): Map<Label, McNemarFigures> {
  const { labels, policies } = readings;
  const order = (films: EvaluatedFilm[]) => [...films].sort((a, b) => (a.filmId < b.filmId ? -1 : 1));
  const first = indicatorsOf(order(commonFilms(readings.films, from, to)), labels, policies);
  const second = indicatorsOf(order(commonFilms(readings.films, to, from)), labels, policies);
  return new Map(
    labels.map((label, place) => {
      let [onlyFrom, onlyTo] = [0, 0];
      for (let i = place; i < first.truth.length; i += labels.length) {
        const right = (prediction: Uint8Array) => prediction[i] === first.truth[i];
        if (first.truth[i] === LEFT_OUT || right(first.prediction) === right(second.prediction)) continue;
        if (right(first.prediction)) onlyFrom++;
        else onlyTo++;
      }
      const { exactP, asymptotic, asymptoticCorrected } = mcNemar(onlyFrom, onlyTo);
      const [asymptoticP, correctedP] = [asymptotic?.p ?? null, asymptoticCorrected?.p ?? null];
      return [label, { onlyFrom, onlyTo, exactP, asymptoticP, correctedP }];
    }),
  );
}

export async function agreementsOf(
  { datasets, work }: Comparison,
  pairs: readonly [string, string][],
): Promise<Agreement[]> {
  const found: Agreement[] = [];
  for (const { readings, input } of datasets) {
    for (const pair of pairs) {
      found.push(agreementOf(input.id, readings, pair));
      await breathe(work);
    }
  }
  return found;
}

function agreementOf(datasetId: string, { films, labels }: Readings, [a, b]: [string, string]): Agreement {
  const second = new Map((films.get(b) ?? []).map((film) => [film.filmId, findingBits(film)]));
  const pairs: [number, number][] = [];
  let [same, jaccard] = [0, 0];
  for (const film of films.get(a) ?? []) {
    const two = second.get(film.filmId);
    if (two === undefined) continue;
    const one = findingBits(film);
    pairs.push([one, two]);
    same += Number(one === two);
    jaccard += (one | two) === 0 ? 1 : bitsIn(one & two) / bitsIn(one | two);
  }
  return {
    datasetId,
    checkpointIds: [a, b],
    films: pairs.length,
    sameSet: ratio(same, pairs.length),
    meanJaccard: ratio(jaccard, pairs.length),
    labels: labels.map((label) => labelAgreement(label, pairs)),
  };
}

function bitsIn(bits: number): number {
  let count = 0;
  for (let rest = bits; rest !== 0; rest &= rest - 1) count++;
  return count;
}

function labelAgreement(
  label: Label,
  pairs: readonly (readonly [number, number])[],
): NonNullable<Agreement['labels']>[number] {
  const counts = [
    [0, 0],
    [0, 0],
  ];
  const bit = BIT[label];
  for (const [a, b] of pairs) counts[Number((a & bit) !== 0)]![Number((b & bit) !== 0)]!++;
  return { label, same: ratio(counts[0]![0]! + counts[1]![1]!, pairs.length), kappa: cohenKappa(counts) };
}
