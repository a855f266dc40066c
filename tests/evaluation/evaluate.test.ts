import { describe, expect, it } from 'vitest';
import { Random } from '../../core/base/random.ts';
import { type DatasetInput, type EvaluationInput, evaluate } from '../../core/evaluation/evaluate.ts';
import { type EvaluatedFilm, figures } from '../../core/evaluation/figures.ts';
import { isSettled } from '../../core/evaluation/types.ts';
import { CHEXPERT_LABELS, type Label, type LabelValues, NIH_NINE } from '../../core/labels/labels.ts';

const CHECKPOINTS: EvaluationInput['checkpoints'] = [
  { id: 'base', name: 'Base', role: 'base', trainingSource: '' },
  { id: 'sft', name: 'SFT', role: 'sft', trainingSource: 'm' },
  { id: 'grpo', name: 'GRPO', role: 'grpo', trainingSource: 'm' },
];

function dataset(id: string, labels: readonly Label[], total = 0): DatasetInput {
  return { id, name: id.toUpperCase(), kind: 'other', labels: [...labels], policy: 'zeros', unit: 'film', total };
}

/** Films whose truth is random and whose answers are right with a given probability for each label. */
function answers(
  datasetId: string,
  labels: readonly Label[],
  count: number,
  skill: Record<string, number>,
  filmsPerPatient = 2,
): EvaluatedFilm[] {
  const random = new Random(`films ${datasetId}`);
  return Array.from({ length: count }, (_, i) => {
    const truth: LabelValues = {};
    for (const label of labels) truth[label] = random.chance(0.3) ? 1 : 0;
    return Object.entries(skill).map(([checkpointId, right]) => ({
      filmId: `${datasetId}${i}`,
      patientId: String(Math.floor(i / filmsPerPatient)),
      datasetId,
      checkpointId,
      truth,
      findings: labels.filter((label) => (truth[label] === 1) === random.chance(right)),
      failed: false,
    }));
  }).flat();
}

function study(overrides: Partial<EvaluationInput> = {}): EvaluationInput {
  return {
    id: 'e',
    createdAt: '2026-01-01T00:00:00.000Z',
    source: dataset('a', CHEXPERT_LABELS, 120),
    target: dataset('b', NIH_NINE, 120),
    checkpoints: CHECKPOINTS,
    films: [
      ...answers('a', CHEXPERT_LABELS, 120, { base: 0.5, sft: 0.7, grpo: 0.9 }),
      ...answers('b', NIH_NINE, 120, { base: 0.5, sft: 0.8, grpo: 0.6 }),
    ],
    replicates: 400,
    seed: 7,
    ...overrides,
  };
}

describe('an evaluation', () => {
  it('gives the shared labels first, and contributions that sum to the change', async () => {
    const { gaps, differences, sharedLabels } = await evaluate(study());
    expect([...sharedLabels].sort()).toEqual([...NIH_NINE].sort());
    expect(gaps.map((gap) => [gap.checkpointId, gap.labelSet, gap.comparable])).toEqual(
      ['base', 'sft', 'grpo'].flatMap((id) => [
        [id, 'shared', true],
        [id, 'own', false],
      ]),
    );
    for (const gap of gaps) {
      expect(gap.change).toBeCloseTo(gap.target - gap.source, 12);
      if (gap.comparable)
        expect(gap.contributions.reduce((sum, each) => sum + each.contribution, 0)).toBeCloseTo(gap.change, 12);
    }
    for (const difference of differences) {
      const sum = difference.contributions.reduce((total, each) => total + each.contribution, 0);
      expect(sum).toBeCloseTo(difference.change, 12);
      expect(difference.change).toBeCloseTo(difference.to - difference.from, 12);
    }
    expect(differences.map((each) => [each.datasetId, each.labelSet]).slice(0, 2)).toEqual([
      ['a', 'shared'],
      ['a', 'chexpert-14'],
    ]);
    expect(differences[0]).toMatchObject({ fromCheckpointId: 'sft', toCheckpointId: 'grpo' });
    expect(differences.filter((each) => each.datasetId === 'b').every((each) => each.labelSet === 'shared')).toBe(true);
  });

  it('agrees with its own figures, and settles what is plain', async () => {
    const { cells, gaps, gapDifferences, headline, datasets } = await evaluate(study());
    const cell = cells.find((each) => each.datasetId === 'a' && each.checkpointId === 'sft')!;
    expect(gaps.find((gap) => gap.checkpointId === 'sft' && gap.labelSet === 'shared')!.source).toBeCloseTo(
      cell.shared.macro.f1,
      12,
    );
    expect(cell.own.labels).toHaveLength(14);
    expect(cell.shared.labels).toHaveLength(9);
    expect(cell.own.macroF1Interval!.low).toBeLessThan(cell.own.macro.f1);
    expect(cell.own.macroF1Interval!.high).toBeGreaterThan(cell.own.macro.f1);
    const [question] = gapDifferences;
    expect(question!.change).toBeCloseTo(question!.atTarget - question!.atSource, 12);
    expect(isSettled(question!.interval)).toBe(true);
    expect(question!.interval!.clusters).toEqual([60, 60]);
    expect(headline).toMatch(
      /^On the 9 labels that both sets share, GRPO scores 0\.\d+ more macro-F1 than SFT on A .* and 0\.\d+ less on B .*The gain does not travel/,
    );
    expect(datasets.map(({ part, labelSet, films, patients }) => [part, labelSet, films, patients])).toEqual([
      ['source', 'chexpert-14', 120, 60],
      ['target', 'nih-9', 120, 60],
    ]);
  });

  it('says that nothing is settled where the checkpoints are alike', async () => {
    const films = [
      ...answers('a', CHEXPERT_LABELS, 40, { sft: 0.7, grpo: 0.7 }),
      ...answers('b', NIH_NINE, 40, { sft: 0.7, grpo: 0.7 }),
    ];
    const { headline, differences } = await evaluate(study({ films, checkpoints: CHECKPOINTS.slice(1) }));
    expect(headline).toContain('is not settled by these films');
    expect(differences[0]!.p).toBeGreaterThan(0.05);
  });

  it('is the same for the same seed, and other for another', async () => {
    const one = await evaluate(study());
    expect(await evaluate(study())).toEqual(one);
    const other = await evaluate(study({ seed: 8 }));
    expect(other.cells[0]!.own.macroF1Interval).not.toEqual(one.cells[0]!.own.macroF1Interval);
    expect(other.cells[0]!.own.macro).toEqual(one.cells[0]!.own.macro);
  });

  it('uses McNemar only where every patient has one film', async () => {
    const few = (filmsPerPatient: number) =>
      evaluate(
        study({
          films: [
            ...answers('a', CHEXPERT_LABELS, 40, { sft: 0.6, grpo: 0.9 }, filmsPerPatient),
            ...answers('b', NIH_NINE, 40, { sft: 0.6, grpo: 0.9 }, filmsPerPatient),
          ],
          checkpoints: CHECKPOINTS.slice(1),
        }),
      );
    const tests = async (n: number) =>
      new Set((await few(n)).differences.flatMap((each) => each.contributions.map((c) => c.test)));
    expect(await tests(1)).toEqual(new Set(['mcnemar-exact']));
    expect(await tests(2)).toEqual(new Set(['patient-permutation']));
    for (const { contributions } of (await few(1)).differences) {
      for (const { p, pHolm, pBenjaminiHochberg } of contributions) {
        expect(pHolm!).toBeGreaterThanOrEqual(pBenjaminiHochberg! - 1e-12);
        expect(pBenjaminiHochberg!).toBeGreaterThanOrEqual(p! - 1e-12);
      }
    }
  });

  it('compares checkpoints on the films that both have answered', async () => {
    const all = study();
    const films = all.films.filter(
      (film) => !(film.checkpointId === 'grpo' && film.datasetId === 'a' && Number(film.filmId.slice(1)) >= 50),
    );
    const { cells, differences } = await evaluate({ ...all, films });
    expect(cells.find((cell) => cell.datasetId === 'a' && cell.checkpointId === 'grpo')).toMatchObject({
      done: 50,
      total: 120,
    });
    const common = films.filter((film) => film.datasetId === 'a' && film.checkpointId === 'sft').slice(0, 50);
    expect(differences[0]).toMatchObject({ films: 50 });
    expect(differences.find((each) => each.labelSet === 'chexpert-14')!.from).toBeCloseTo(
      figures(common, CHEXPERT_LABELS, 'zeros').macro.f1,
      12,
    );
  });

  it('can be done without resampling, with one data set and with one checkpoint', async () => {
    const source = dataset('a', CHEXPERT_LABELS, 120);
    const films = answers('a', CHEXPERT_LABELS, 30, { sft: 0.8 });
    const checkpoints = CHECKPOINTS.slice(1, 2);
    const result = await evaluate(study({ source, target: source, films, checkpoints, replicates: 0 }));
    expect(result.gaps).toEqual([]);
    expect(result.cells).toHaveLength(1);
    expect(result.cells[0]!.own.macroF1Interval).toBeNull();
    expect(result.headline).toMatch(/^Macro-F1 on A: SFT 0\.\d{3}\.$/);
  });

  it('stops when it is cancelled', async () => {
    const stop = new AbortController();
    stop.abort();
    await expect(evaluate(study(), { signal: stop.signal, report: () => {} })).rejects.toMatchObject({
      code: 'CANCELLED',
    });
  });

  it('gives zeros, not errors, where nothing has been answered', async () => {
    const result = await evaluate(study({ films: [] }));
    expect(
      result.cells.every((cell) => cell.done === 0 && cell.own.macro.f1 === 0 && cell.own.macroF1Interval === null),
    ).toBe(true);
  });
});

describe('figures', () => {
  const film = (findings: Label[], truth: LabelValues, failed = false): EvaluatedFilm => ({
    filmId: `${Math.random()}`,
    patientId: '',
    datasetId: 'a',
    checkpointId: 'sft',
    truth,
    findings,
    failed,
  });

  it('counts a failed completion as no label, and shows the figures without it beside', () => {
    const films = [film(['Edema'], { Edema: 1 }), film(['Edema'], { Edema: 1 }, true), film([], { Edema: 0 })];
    const result = figures(films, ['Edema'], 'zeros');
    expect(result).toMatchObject({ films: 3, failures: 1, failRate: 1 / 3, findingsPerFilm: 1 / 3, patients: 3 });
    expect(result.labels[0]).toMatchObject({ tp: 1, fn: 1, tn: 1, fp: 0, support: 2, predicted: 1, recall: 0.5 });
    expect(result.withoutFailures).toEqual({ films: 2, macroF1: 1, microF1: 1 });
    expect(result.dominant).toEqual({ label: 'Edema', share: 1 / 3 });
  });

  it.each([
    ['zeros', { tp: 0, fp: 1, fn: 0, tn: 1 }],
    ['ones', { tp: 1, fp: 0, fn: 0, tn: 1 }],
    ['ignore', { tp: 0, fp: 0, fn: 0, tn: 1 }],
  ] as const)('counts an uncertain label under %s', (policy, counts) => {
    const films = [film(['Edema'], { Edema: -1 }), film([], { Edema: null })];
    expect(figures(films, ['Edema'], policy).labels[0]).toMatchObject(counts);
  });

  it('gives figures of probabilities where there are some', () => {
    const films = [0.9, 0.2, 0.6, 0.1].map((p, i) => ({
      ...film([], { Edema: i % 2 === 0 ? 1 : 0 } as LabelValues),
      probabilities: { Edema: p },
    }));
    const { probability } = figures(films, ['Edema', 'Fracture'], 'zeros').labels[0]!;
    expect(probability).toMatchObject({ films: 4, auroc: 1, averagePrecision: 1 });
    expect(probability!.brier).toBeCloseTo((0.01 + 0.04 + 0.16 + 0.01) / 4, 12);
    expect(probability!.expectedCalibrationError).toBeCloseTo((0.1 + 0.2 + 0.4 + 0.1) / 4, 12);
    expect(figures(films, ['Fracture'], 'zeros').labels[0]!.probability).toBeNull();
  });
});
