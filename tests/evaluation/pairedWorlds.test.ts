/** Why a score changed, in worlds that share patients and films with their source: the truth of each world is known. */
import { describe, expect, it } from 'vitest';
import { isWithinNoise } from '../../core/evaluation/causes.ts';
import { type EvaluationInput, evaluate } from '../../core/evaluation/evaluate.ts';
import type { EvaluatedFilm } from '../../core/evaluation/figures.ts';
import { decompose, meansOf } from '../../core/evaluation/shift.ts';
import { patternData, patternSums } from '../../core/evaluation/shiftCounts.ts';
import { NIH_NINE } from '../../core/labels/labels.ts';
import { halves, type PoolFilm, type Shifted, shapley, worldOf } from '../../scripts/support/causeWorlds.ts';
import { READERS, saidBy, scenesOf } from '../support/phantomReader.ts';

const FILMS = 600;
const NOTHING: Shifted = { prevalence: 0, convention: false, look: null };

/** Films with the readers' answers under their own look, another scanner's, and those given to another film. */
function poolOf(seed: number, films = FILMS): PoolFilm[] {
  const [own, scanner] = [scenesOf(films, seed), scenesOf(films, seed, { look: 'b' })].map((scenes) =>
    scenes.map((scene) => Object.fromEntries(READERS.map((reader) => [reader.id, saidBy(reader, scene)]))),
  );
  return scenesOf(films, seed).map((scene, i) => ({
    scene,
    found: { own: own![i]!, scanner: scanner![i]!, shuffled: own![(i + 211) % films]! },
  }));
}

function sums(films: readonly EvaluatedFilm[]) {
  const readings = READERS.map(({ id }) => films.filter((film) => film.checkpointId === id));
  const data = patternData(readings, NIH_NINE, 'zeros');
  return patternSums(data, new Uint8Array(data.clusters).fill(1));
}

/** By reader: prevalence, convention, image. */
function partsOf(source: readonly PoolFilm[], target: readonly PoolFilm[], shifted: Shifted): number[][] {
  const shift = decompose(sums(worldOf('source', source, NOTHING)), sums(worldOf('target', target, shifted)));
  const means = meansOf(shift, NIH_NINE.length);
  return READERS.map((_, k) => Array.from(means.subarray(3 * k, 3 * k + 3)));
}

const share = (parts: readonly number[], cause: number) =>
  Math.abs(parts[cause]!) / parts.reduce((sum, part) => sum + Math.abs(part), 0);

const PURE: [name: string, cause: number, Partial<Shifted>][] = [
  ['prevalence', 0, { prevalence: 1 }],
  ['convention', 1, { convention: true }],
  ['another scanner', 2, { look: 'scanner' }],
  // The answers are as often as before, only on other films.
  ['answers that have nothing to do with their films', 2, { look: 'shuffled' }],
];

describe.each([21, 22])('one thing alone differs, films %s', (seed) => {
  const pool = poolOf(seed, 1500);
  it.each(PURE)('%s: of the same films', (_, cause, shifted) => {
    for (const parts of partsOf(pool, pool, { ...NOTHING, ...shifted })) {
      expect(parts.reduce((sum, part) => sum + part, 0)).toBeLessThan(-0.01);
      expect(share(parts, cause)).toBeGreaterThan(0.9);
    }
  });

  it.each(PURE.slice(1))('%s: of other patients, where the change is large', (_, cause, shifted) => {
    for (const parts of partsOf(...halves(pool), { ...NOTHING, ...shifted })) {
      expect(share(parts, cause)).toBeGreaterThan(0.8);
    }
  });
});

describe('two things differ', () => {
  it('convention and scanner: each part near what Shapley gives it', () => {
    const pool = poolOf(23, 1500);
    const totals = (shifted: Shifted) => partsOf(pool, pool, shifted).map((parts) => parts.reduce((a, b) => a + b, 0));
    const found = partsOf(pool, pool, { prevalence: 0, convention: true, look: 'scanner' });
    READERS.forEach((_, k) => {
      const truth = shapley('scanner', ({ convention, look }) => totals({ prevalence: 0, convention, look })[k]!);
      found[k]!.forEach((part, cause) => {
        expect(Math.abs(part - truth[cause]!)).toBeLessThan(0.06);
      });
    });
  });
});

describe('an evaluation of such worlds', () => {
  const dataset = (id: string) => {
    const shared = { kind: 'other' as const, labels: [...NIH_NINE], policy: 'zeros' as const, unit: 'film' as const };
    return { id, name: id, total: FILMS, ...shared };
  };
  const pool = poolOf(24);
  const input = (source: readonly PoolFilm[], target: readonly PoolFilm[], shifted: Shifted): EvaluationInput => ({
    ...{ id: 'e', createdAt: '', source: dataset('source'), target: dataset('target'), replicates: 200 },
    checkpoints: READERS.map(({ id }) => ({ id, name: id, role: id as 'sft' | 'grpo', trainingSource: '' })),
    films: [...worldOf('source', source, NOTHING), ...worldOf('target', target, shifted)],
  });

  it('gives no shares where nothing differs but the patients', async () => {
    const { decompositions } = await evaluate(input(...halves(pool), NOTHING));
    for (const each of decompositions!.filter(isWithinNoise)) {
      expect(each.parts.map(({ share }) => share)).toEqual([null, null, null]);
      expect(each.parts.map(({ shareRange }) => shareRange)).toEqual([null, null, null]);
    }
    expect(decompositions!.filter(isWithinNoise).length).toBeGreaterThanOrEqual(2);
  });

  it('draws the patients of both alike: the interval of the same films is that of what was done to them', async () => {
    const shifted = { ...NOTHING, look: 'scanner' };
    const same = await evaluate(input(pool, pool, shifted));
    const asOthers = worldOf('target', pool, shifted).map((film) => ({
      ...film,
      patientId: `other ${film.patientId}`,
    }));
    const apart = await evaluate({
      ...input(pool, pool, shifted),
      films: [...worldOf('source', pool, NOTHING), ...asOthers],
    });
    expect(same.sharedPatients).toBeGreaterThan(300);
    const width = ({ gaps, decompositions }: typeof same) =>
      [gaps[0]!.interval!, decompositions![1]!.interval!].map(({ low, high }) => high - low);
    width(same).forEach((value, i) => {
      expect(value).toBeLessThan(0.8 * width(apart)[i]!);
    });
    expect(same.gaps[0]!.change).toBe(apart.gaps[0]!.change);
    expect(same.gaps[0]!.interval!.method).toBe('percentile');
    const image = same.decompositions![1]!.parts[2]!;
    expect(image.share).toBeGreaterThan(0.9);
    expect(image.shareRange![0]).toBeGreaterThan(0.7);
  });

  it('is settled at nothing, to the digit, where the same films are given twice', async () => {
    const { gaps, decompositions } = await evaluate(input(pool, pool, NOTHING));
    expect([gaps[0]!.change, gaps[0]!.interval!.low, gaps[0]!.interval!.high]).toEqual([0, 0, 0]);
    expect(decompositions!.every(isWithinNoise)).toBe(true);
  });
});
