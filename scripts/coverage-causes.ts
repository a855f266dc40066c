/**
 * Do the intervals of the parts of a change (core/evaluation/shiftIntervals.ts) cover the truth? Studies are drawn by patient from a
 * large population of phantom films with a simulated reader, source and target apart; the truth of a part is Shapley's value in the
 * population, that of a share follows from it.
 *
 *   npx tsx scripts/coverage-causes.ts [--studies 1000] [--replicates 39] [--patients 250] [--worlds nothing,image]
 *
 * Prints for each world: truth, mean estimate, how often each symmetric interval covers the truth (parts and whole; the
 * product gives the whole its BCa interval, see scripts/coverage.ts; of 39 replicates the 38th distance makes 95 %), how often it leaves out zero (in the world "nothing" that is the false alarm), and among the
 * studies whose change is settled: how often the range of a share holds its truth (to half a percent), and how often 80 % go
 * to the right cause, of all and of those in which some part is settled too.
 */
import { parseArgs } from 'node:util';
import { Random } from '../core/base/random.ts';
import type { EvaluatedFilm } from '../core/evaluation/figures.ts';
import { decompose, meansOf } from '../core/evaluation/shift.ts';
import { type PatternData, patternData, patternSums } from '../core/evaluation/shiftCounts.ts';
import { shareRanges, sharesOf, symmetricInterval } from '../core/evaluation/shiftIntervals.ts';
import { shiftReplicates } from '../core/evaluation/shiftReplicates.ts';
import { NIH_NINE } from '../core/labels/labels.ts';
import { READERS, saidBy, scenesOf } from '../tests/support/phantomReader.ts';
import { type PoolFilm, type Shifted, shapley, worldOf } from './support/causeWorlds.ts';

const { values } = parseArgs({
  options: {
    studies: { type: 'string', default: '1000' },
    replicates: { type: 'string', default: '39' },
    patients: { type: 'string', default: '250' },
    worlds: { type: 'string', default: 'nothing,prevalence,convention,image' },
  },
});
const [STUDIES, REPLICATES, PATIENTS] = [values.studies, values.replicates, values.patients].map(Number) as [
  number,
  number,
  number,
];
const POPULATION = 12_000;
const [READER] = READERS as [(typeof READERS)[0]];
const NOTHING: Shifted = { prevalence: 0, convention: false, look: null };
const WORLDS: Record<string, Shifted> = {
  nothing: NOTHING,
  prevalence: { ...NOTHING, prevalence: 1 },
  convention: { ...NOTHING, convention: true },
  image: { ...NOTHING, look: 'scanner' },
  all: { prevalence: 1, convention: true, look: 'scanner' },
};

const [own, scanner] = [scenesOf(POPULATION, 77), scenesOf(POPULATION, 77, { look: 'b' })];
const pool = own.map((scene, i): PoolFilm => {
  const said = (of: typeof scene) => ({ [READER.id]: saidBy(READER, of) });
  return { scene, found: { own: said(scene), scanner: said(scanner[i]!) } };
});

const dataOf = (films: EvaluatedFilm[]) => patternData([films], NIH_NINE, 'zeros');
const sumsOf = (data: PatternData) => patternSums(data, new Uint8Array(data.clusters).fill(1));
const partsOf = (source: PatternData, target: PatternData) =>
  Array.from(meansOf(decompose(sumsOf(source), sumsOf(target)), NIH_NINE.length));
const whole = (parts: readonly number[]) => parts.reduce((sum, part) => sum + part, 0);
const LEVEL = 0.95;
const isOut = ([low, high]: readonly [number, number]) => low > 0 || high < 0;
const holds = ([low, high]: readonly [number, number], value: number, slack = 1e-12) =>
  low <= value + slack && high >= value - slack;

/** Films of each patient, by place. */
function byPatient({ clusters, cluster }: PatternData): number[][] {
  const films: number[][] = Array.from({ length: clusters }, () => []);
  cluster.forEach((patient, film) => {
    films[patient]!.push(film);
  });
  return films;
}

/** A study: patients of the population with all their films, with replacement. One checkpoint. */
function drawn(population: PatternData, patients: readonly number[][], random: Random): PatternData {
  const films = Array.from({ length: PATIENTS }, () => random.pick(patients));
  const all = films.flat();
  const patterns = [...new Set(all.map((film) => population.pattern[film]!))];
  const place = new Map(patterns.map((pattern, i) => [pattern, i]));
  return {
    ...{ clusters: PATIENTS, labels: population.labels, checkpoints: 1 },
    positive: Int32Array.from(patterns, (pattern) => population.positive[pattern]!),
    leftOut: Int32Array.from(patterns, (pattern) => population.leftOut[pattern]!),
    cluster: Int32Array.from(films.flatMap((own, patient) => own.map(() => patient))),
    pattern: Int32Array.from(all, (film) => place.get(population.pattern[film]!)!),
    said: Int32Array.from(all, (film) => population.said[film]!),
  };
}

const everything = dataOf(worldOf('source', pool, NOTHING));
const perPatient = POPULATION / everything.clusters;
const positives = NIH_NINE.map(
  (_, j) => everything.pattern.reduce((sum, u) => sum + ((everything.positive[u]! >> j) & 1), 0) / everything.clusters,
);
console.log(
  `${STUDIES} studies of ${PATIENTS} patients a side: ${Math.round(PATIENTS * perPatient)} films, positive films of a label ${Math.round(PATIENTS * Math.min(...positives))} to ${Math.round(PATIENTS * Math.max(...positives))}`,
);

for (const name of values.worlds.split(',')) {
  const world = WORLDS[name]!;
  const truth = shapley('scanner', ({ prevalence, convention, look }) => {
    const part = { prevalence: prevalence && world.prevalence, convention: convention && world.convention };
    return whole(partsOf(everything, dataOf(worldOf('target', pool, { ...part, look: look && world.look }))));
  });
  const there = dataOf(worldOf('target', pool, world));
  const [sources, targets] = [everything, there].map(byPatient);
  const random = new Random(`coverage ${name}`);
  const cause = truth.every((part) => part === 0) ? -1 : sharesOf(truth).indexOf(Math.max(...sharesOf(truth)));
  const [covered, settled, sharesCovered, mean, right] = [4, 4, 3, 3, 3].map(
    (n) => new Float64Array(n),
  ) as Float64Array[];
  for (let study = 0; study < STUDIES; study++) {
    const [source, target] = [drawn(everything, sources!, random), drawn(there, targets!, random)];
    const parts = partsOf(source, target);
    const blocks = { first: 0, last: Math.ceil(REPLICATES / 100), replicates: REPLICATES };
    const replicates = shiftReplicates({ source, target, strata: null, seed: `${name} ${study}`, ...blocks });
    const ends = [
      ...parts.map((part, i) =>
        symmetricInterval(
          part,
          replicates.map((drawn) => drawn[i]!),
          LEVEL,
        ),
      ),
      symmetricInterval(
        whole(parts),
        replicates.map((drawn) => whole(Array.from(drawn))),
        LEVEL,
      ),
    ];
    [...truth, whole(truth)].forEach((value, i) => {
      covered![i]! += Number(holds(ends[i]!, value));
      settled![i]! += Number(isOut(ends[i]!));
    });
    parts.forEach((part, i) => {
      mean![i]! += part / STUDIES;
    });
    if (!isOut(ends[3]!)) continue;
    const ranges = shareRanges(ends.slice(0, 3));
    sharesOf(truth).forEach((share, i) => {
      sharesCovered![i]! += Number(holds(ranges[i]!, share, 0.005));
    });
    const isRight = cause >= 0 && sharesOf(parts)[cause]! >= 0.8;
    const isSaid = ends.slice(0, 3).some(isOut);
    [isRight, isSaid, isRight && isSaid].forEach((is, i) => {
      right![i]! += Number(is);
    });
  }
  const percent = (counts: Float64Array, of: number) =>
    Array.from(counts, (n) => (of === 0 ? '-' : ((100 * n) / of).toFixed(1))).join(' ');
  const fixed = (numbers: ArrayLike<number>) => Array.from(numbers, (value) => value.toFixed(4)).join(' ');
  console.log(`${name}: truth ${fixed(truth)}, mean ${fixed(mean!)}`);
  console.log(`  covered (prevalence, convention, image, whole): ${percent(covered!, STUDIES)} %`);
  console.log(`  leave out zero: ${percent(settled!, STUDIES)} %`);
  if (cause < 0) continue;
  console.log(`  shares, of ${settled![3]} settled: ${percent(sharesCovered!, settled![3]!)} %`);
  console.log(
    `  80 % to the right cause: ${right![0]} of ${settled![3]}; where a part is settled ${right![2]} of ${right![1]}`,
  );
}
