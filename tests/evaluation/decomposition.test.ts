/** Why a score changed, on phantoms in which one thing alone is changed: at least 80 % must go to the right cause. */
import { describe, expect, it } from 'vitest';
import { isUnseen } from '../../core/evaluation/causes.ts';
import { evaluate } from '../../core/evaluation/evaluate.ts';
import type { EvaluatedFilm } from '../../core/evaluation/figures.ts';
import { decompose, meansOf } from '../../core/evaluation/shift.ts';
import { patternData, patternSums } from '../../core/evaluation/shiftCounts.ts';
import { NIH_NINE } from '../../core/labels/labels.ts';
import type { Swapped } from '../../core/phantom/scene.ts';
import { type Convention, READERS, type Reader, readFilms, scenesOf } from '../support/phantomReader.ts';

const FILMS = 1500;

const PURE: [cause: number, name: string, Swapped, Convention][] = [
  [0, 'prevalence', { disease: 'b' }, 'chexpert'],
  [1, 'convention', {}, 'nih'],
  [2, 'image', { look: 'b' }, 'chexpert'],
];

function sums(films: readonly EvaluatedFilm[], readers: readonly Reader[]) {
  const readings = readers.map(({ id }) => films.filter((film) => film.checkpointId === id));
  const data = patternData(readings, NIH_NINE, 'zeros');
  return patternSums(data, new Uint8Array(data.clusters).fill(1));
}

function partsOf(seed: number, swapped: Swapped, convention: Convention, readers = READERS): number[][] {
  const source = sums(readFilms('source', scenesOf(FILMS, seed), 'chexpert', readers), readers);
  const target = sums(readFilms('target', scenesOf(FILMS, 100 + seed, swapped), convention, readers), readers);
  const means = meansOf(decompose(source, target), NIH_NINE.length);
  return readers.map((_, k) => Array.from(means.subarray(3 * k, 3 * k + 3)));
}

function share(parts: readonly number[], cause: number): number {
  return Math.abs(parts[cause]!) / parts.reduce((sum, part) => sum + Math.abs(part), 0);
}

describe('the cause of a change', () => {
  for (const [cause, name, swapped, convention] of PURE) {
    it.each([1, 2, 3])(`${name} alone, films %s: of each of two checkpoints, at least 80 %`, (seed) => {
      for (const parts of partsOf(seed, swapped, convention)) {
        expect(parts[0]! + parts[1]! + parts[2]!).toBeLessThan(-0.05);
        expect(share(parts, cause)).toBeGreaterThan(0.8);
      }
    });

    it(`${name} alone, one weak checkpoint`, () => {
      const [parts] = partsOf(5, swapped, convention, [{ id: 'weak', error: 0.45, omits: 0.5 }]);
      expect(share(parts!, cause)).toBeGreaterThan(0.8);
    });
  }

  it('all three at once: each has its part, in the order of what each does alone', () => {
    const alone = PURE.map(([cause, , swapped, convention]) => partsOf(1, swapped, convention)[0]![cause]!);
    const [together] = partsOf(1, { disease: 'b', look: 'b' }, 'nih');
    // Prevalence is drawn too small where convention moves the labels far more (docs/LOG.md).
    for (const part of together!) expect(part).toBeLessThan(-0.01);
    expect(Math.min(...together!)).toBe(together![1]);
    expect(Math.min(...alone)).toBe(alone[1]);
  });
});

describe('decompositions of an evaluation', () => {
  const dataset = (id: string) => {
    const shared = { kind: 'other' as const, labels: [...NIH_NINE], policy: 'zeros' as const, unit: 'film' as const };
    return { id, name: id, total: FILMS, ...shared };
  };
  const study = evaluate({
    id: 'e',
    createdAt: '',
    source: dataset('source'),
    target: dataset('target'),
    checkpoints: READERS.map(({ id }) => ({ id, name: id, role: id as 'sft' | 'grpo', trainingSource: '' })),
    films: [
      ...readFilms('source', scenesOf(FILMS, 1), 'chexpert'),
      ...readFilms('target', scenesOf(FILMS, 101), 'nih'),
    ],
    replicates: 200,
  });

  it('sum to the gap, by cause and by label, of each checkpoint and of their difference', async () => {
    const { decompositions, gaps, gapDifferences } = await study;
    expect(decompositions!.map((each) => [each.fromCheckpointId, each.checkpointId])).toEqual([
      ['sft', 'grpo'],
      [null, 'sft'],
      [null, 'grpo'],
    ]);
    for (const { checkpointId, fromCheckpointId, change, parts, labels } of decompositions!) {
      const gap = gaps.find((each) => each.checkpointId === checkpointId && each.labelSet === 'shared')!.change;
      expect(change).toBeCloseTo(fromCheckpointId === null ? gap : gapDifferences[0]!.change, 12);
      expect(parts.reduce((sum, { value }) => sum + value, 0)).toBeCloseTo(change, 12);
      for (const { cause, value } of parts)
        expect(labels.reduce((sum, label) => sum + label[cause], 0)).toBeCloseTo(value, 12);
    }
  });

  it('have intervals, and evidence: the truth moved and the answers did not', async () => {
    const { decompositions, evidence, habits } = await study;
    const convention = decompositions![1]!.parts[1]!;
    expect(convention.interval!.low).toBeLessThan(convention.value);
    expect(convention.interval!.high).toBeGreaterThan(convention.value);
    expect(convention.interval!.high).toBeLessThan(0);
    const mean = (of: 'truthMoved' | 'answersMoved') => evidence!.reduce((sum, each) => sum + each[of], 0) / 9;
    expect(mean('truthMoved')).toBeGreaterThan(20 * mean('answersMoved'));
    // The source's labelers call what goes with pneumonia a consolidation; the other institution's do not.
    const habit = habits!.find(({ given, also }) => given === 'Pneumonia' && also === 'Consolidation')!;
    expect(habit.source).toBeGreaterThan(0.6);
    expect(habit.target).toBeLessThan(0.3);
  });
});

it('a part whose mark is never above chance is too small to see, which is no measured 0', () => {
  const interval = { low: 0, high: 0, method: 'percentile', replicates: 100 } as never;
  const part = { cause: 'convention', value: 0, interval } as const;
  expect(isUnseen(part)).toBe(true);
  expect(isUnseen({ ...part, interval: null })).toBe(false);
  expect(isUnseen({ ...part, interval: { low: -0.01, high: 0 } as never })).toBe(false);
});
