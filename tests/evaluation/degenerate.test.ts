/** Evaluations and their reports of almost nothing: one film, one patient, no positives, no shared label, all scores tied. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Random } from '../../core/base/random.ts';
import { type EvaluationInput, evaluate } from '../../core/evaluation/evaluate.ts';
import type { EvaluatedFilm } from '../../core/evaluation/figures.ts';
import { type Label, NIH_NINE } from '../../core/labels/labels.ts';
import { renderReport } from '../../core/report/report.ts';
import { reportInput } from '../report/input.ts';

const RESOURCES = fileURLToPath(new URL('../../resources', import.meta.url));
const CHECKPOINTS = (['base', 'sft', 'grpo'] as const).map((id) => {
  return { id, name: id.toUpperCase(), role: id, trainingSource: '' };
});

interface World {
  films: number;
  patients: number;
  source: readonly Label[];
  target: readonly Label[];
  /** Share of films with a label, and of labels that are said. */
  positive: number;
  said: number;
  tied: boolean;
}

const USUAL: World = {
  ...{ films: 12, patients: 6, source: NIH_NINE, target: NIH_NINE },
  ...{ positive: 0.3, said: 0.3, tied: false },
};

const WORLDS: [name: string, World][] = [
  ['one film on each side', { ...USUAL, films: 1, patients: 1 }],
  ['one patient with all films', { ...USUAL, patients: 1 }],
  ['no positive film', { ...USUAL, positive: 0 }],
  ['every label on every film', { ...USUAL, positive: 1, said: 1 }],
  ['nothing said', { ...USUAL, said: 0 }],
  ['neither said nor there', { ...USUAL, positive: 0, said: 0 }],
  ['all probabilities tied', { ...USUAL, tied: true }],
  ['no label that both have', { ...USUAL, source: ['Edema', 'Fracture'], target: ['Pneumonia'] }],
  ['one label', { ...USUAL, source: ['Edema'], target: ['Edema'] }],
];

/** A report takes seconds. */
const REPORTED = new Set(['one film on each side', 'neither said nor there', 'no label that both have']);

function inputOf({ films, patients, positive, said, tied, ...world }: World): EvaluationInput {
  const random = new Random('degenerate');
  const dataset = (id: string, labels: readonly Label[]) => {
    const shared = { kind: 'other' as const, labels: [...labels], policy: 'zeros' as const, unit: 'film' as const };
    return { id, name: id === 'a' ? 'Phantom a' : 'Phantom b', total: films, ...shared };
  };
  const draw = (labels: readonly Label[], share: number) => labels.filter(() => random.chance(share));
  const filmsOf = (id: 'a' | 'b', labels: readonly Label[]) =>
    Array.from({ length: films }, (_, i) => {
      const there = draw(labels, positive);
      const truth = Object.fromEntries(labels.map((label) => [label, there.includes(label) ? 1 : 0]));
      return CHECKPOINTS.map(
        ({ id: checkpointId }): EvaluatedFilm => ({
          ...{ filmId: `${id}${i}`, patientId: `${id} ${i % patients}`, datasetId: id, checkpointId },
          ...{ truth, findings: draw(labels, said), failed: false },
          ...(tied ? { probabilities: Object.fromEntries(labels.map((label) => [label, 0.5])) } : {}),
        }),
      );
    }).flat();
  return {
    ...{ id: 'e', createdAt: '2026-11-23T09:00:00.000Z', checkpoints: CHECKPOINTS, replicates: 100 },
    ...{ source: dataset('a', world.source), target: dataset('b', world.target) },
    films: [...filmsOf('a', world.source), ...filmsOf('b', world.target)],
  };
}

/** Numbers of the result that are none, by path. */
function noNumbers(value: unknown, path = ''): string[] {
  if (typeof value === 'number') return Number.isFinite(value) ? [] : [`${path}: ${value}`];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) => noNumbers(each, `${path}/${key}`));
}

function textOf(pdf: Uint8Array): string | null {
  const folder = mkdtempSync(join(tmpdir(), 'degenerate-'));
  try {
    writeFileSync(join(folder, 'report.pdf'), pdf);
    return execFileSync('pdftotext', ['-layout', join(folder, 'report.pdf'), '-'], { encoding: 'utf8' });
  } catch {
    return null;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('almost nothing', () => {
  it.each(WORLDS)('%s: numbers where there are any, and a report of some of them', async (name, world) => {
    const result = await evaluate(inputOf(world));
    expect(noNumbers({ ...result, power: [] })).toEqual([]);
    for (const { change, interval, parts } of result.decompositions ?? []) {
      expect(parts.reduce((sum, { value }) => sum + value, 0)).toBeCloseTo(change, 10);
      if (!interval || (interval.low <= 0 && interval.high >= 0))
        expect(parts.every(({ share }) => share === null)).toBe(true);
    }
    if (!REPORTED.has(name)) return;
    const { pdf } = await renderReport({ ...(await reportInput(4, 0)), evaluation: result, samples: [] }, RESOURCES);
    const text = textOf(pdf);
    const wrong = (text ?? '').split('\n').filter((line) => /NaN|undefined(?!\))|Infinity|\[object/.test(line));
    expect(wrong).toEqual([]);
    if (result.sharedLabels.length === 0) expect(result.headline).toContain('share no label');
  });
});
