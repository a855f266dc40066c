/**
 * Do the 95 % intervals of the parts and shares of a change (core/evaluation/decomposition.ts) cover the truth? Studies are drawn
 * by patient from a large population of phantom films with a simulated reader, source and target apart; the truth of a part is
 * Shapley's value in the population, that of the shares follows from it.
 *
 *   npx tsx scripts/coverage-causes.ts [--studies 1000] [--replicates 500] [--patients 250] [--worlds nothing,image]
 *
 * Prints for each world: truth, mean estimate, how often each interval covers the truth (parts and whole: the percentile interval
 * of the replicates), how often it leaves out zero (in the world "nothing" that is the false alarm), and the shares' coverage
 * among the studies whose change is settled, to half a percent. A share whose truth is 1 lies at its bound.
 */
import { parseArgs } from 'node:util';
import { Random } from '../core/base/random.ts';
import type { EvaluatedFilm } from '../core/evaluation/figures.ts';
import { percentileInterval } from '../core/evaluation/resample.ts';
import { decompose, meansOf, shiftReplicates } from '../core/evaluation/shift.ts';
import { type PatternData, patternData, patternSums } from '../core/evaluation/shiftCounts.ts';
import { NIH_NINE } from '../core/labels/labels.ts';
import { READERS, saidBy, scenesOf } from '../tests/support/phantomReader.ts';
import { type PoolFilm, type Shifted, shapley, worldOf } from './support/causeWorlds.ts';

const { values } = parseArgs({
  options: {
    studies: { type: 'string', default: '1000' },
    replicates: { type: 'string', default: '500' },
    patients: { type: 'string', default: '250' },
    worlds: { type: 'string', default: 'nothing,prevalence,convention,image,all' },
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
const shares = (parts: readonly number[]) => {
  const all = whole(parts.map(Math.abs));
  return parts.map((part) => (all === 0 ? 0 : Math.abs(part) / all));
};

function byPatient(films: EvaluatedFilm[]): EvaluatedFilm[][] {
  const found = new Map<string, EvaluatedFilm[]>();
  for (const film of films) found.set(film.patientId, [...(found.get(film.patientId) ?? []), film]);
  return [...found.values()];
}

function drawn(patients: EvaluatedFilm[][], random: Random): PatternData {
  return dataOf(
    Array.from({ length: PATIENTS }, (_, i) =>
      random.pick(patients).map((film) => ({ ...film, filmId: `${i} ${film.filmId}`, patientId: `${i}` })),
    ).flat(),
  );
}

for (const name of values.worlds.split(',')) {
  const world = WORLDS[name]!;
  const base = dataOf(worldOf('source', pool, NOTHING));
  const truth = shapley('scanner', ({ prevalence, convention, look }) => {
    const part = { prevalence: prevalence && world.prevalence, convention: convention && world.convention };
    return whole(partsOf(base, dataOf(worldOf('target', pool, { ...part, look: look && world.look }))));
  });
  const [sources, targets] = [NOTHING, world].map((each) => byPatient(worldOf('drawn', pool, each)));
  const random = new Random(`coverage ${name}`);
  const [covered, settled, sharesCovered, mean] = [4, 4, 3, 3].map((n) => new Float64Array(n));
  for (let study = 0; study < STUDIES; study++) {
    const [source, target] = [drawn(sources!, random), drawn(targets!, random)];
    partsOf(source, target).forEach((part, i) => {
      mean![i]! += part / STUDIES;
    });
    const blocks = { first: 0, last: Math.ceil(REPLICATES / 100), replicates: REPLICATES };
    const replicates = shiftReplicates({ source, target, strata: null, seed: `${name} ${study}`, ...blocks });
    const found = replicates.map((parts) => Array.from(parts));
    [...truth, whole(truth)].forEach((value, i) => {
      const [low, high] = percentileInterval(
        found.map((parts) => (i === 3 ? whole(parts) : parts[i]!)),
        0.95,
      );
      if (low <= value + 1e-12 && high >= value - 1e-12) covered![i]!++;
      if (low > 0 || high < 0) settled![i]!++;
      if (i < 3 || (low <= 0 && high >= 0)) return;
      shares(truth).forEach((share, cause) => {
        const ends = percentileInterval(
          found.map((parts) => shares(parts)[cause]!),
          0.95,
        );
        if (ends[0] <= share + 0.005 && ends[1] >= share - 0.005) sharesCovered![cause]!++;
      });
    });
  }
  const percent = (counts: Float64Array, of: number) =>
    Array.from(counts, (n) => (of === 0 ? '-' : ((100 * n) / of).toFixed(1))).join(' ');
  const fixed = (numbers: ArrayLike<number>) => Array.from(numbers, (value) => value.toFixed(4)).join(' ');
  console.log(`${name}: truth ${fixed(truth)}, mean ${fixed(mean!)}`);
  console.log(`  covered (prevalence, convention, image, whole): ${percent(covered!, STUDIES)} %`);
  console.log(`  leave out zero: ${percent(settled!, STUDIES)} %`);
  console.log(`  shares, of ${settled![3]} settled: ${percent(sharesCovered!, settled![3]!)} %`);
}
