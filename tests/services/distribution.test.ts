/** What a data set is to a checkpoint, and who is on both sides. */
import { describe, expect, it } from 'vitest';
import { evaluate } from '../../core/evaluation/evaluate.ts';
import type { EvaluatedFilm } from '../../core/evaluation/figures.ts';
import { patientsOfBoth } from '../../core/evaluation/sharedPatients.ts';
import type { EvaluationResult } from '../../core/evaluation/types.ts';
import type { Collection } from '../../core/services/contract.ts';
import { distributionOf, relationOf } from '../../core/services/distribution.ts';

type Set = Pick<Collection, 'id' | 'name' | 'kind' | 'role'>;
const sets: Set[] = [
  { id: 'm', name: 'MIMIC train', kind: 'mimic', role: 'training-source' },
  { id: 'mv', name: 'MIMIC test', kind: 'mimic', role: 'none' },
  { id: 'c', name: 'CheXpert', kind: 'chexpert', role: 'source' },
  { id: 'n', name: 'NIH', kind: 'nih', role: 'target' },
  { id: 'x', name: 'Own table', kind: 'custom', role: 'none' },
];

describe('what a data set is to a checkpoint', () => {
  const seen = (trainingSource: string, role: 'base' | 'sft' = 'sft', phantom = false) =>
    sets.map((set) => distributionOf({ role, trainingSource }, set, sets, phantom));

  it.each([
    ['', ['unknown', 'unknown', 'unknown', 'unknown', 'unknown']],
    ['mimic TRAIN', ['training source', 'in-distribution', 'in-distribution', 'other institution', 'unknown']],
    ['MIMIC test', ['in-distribution', 'training source', 'in-distribution', 'other institution', 'unknown']],
    ['some of CheXpert', ['training source', 'other institution', 'in-distribution', 'other institution', 'unknown']],
    ['a private hospital', ['training source', 'unknown', 'in-distribution', 'other institution', 'unknown']],
    ['ChestX-ray14', ['training source', 'other institution', 'in-distribution', 'in-distribution', 'unknown']],
  ])('trained on "%s"', (source, expected) => {
    expect(seen(source)).toEqual(expected);
  });

  it('asks names alone of a base model, whose training came before the question', () => {
    expect(seen('the web', 'base')).toEqual(['unknown', 'unknown', 'unknown', 'unknown', 'unknown']);
    expect(seen('MIMIC train', 'base').slice(0, 3)).toEqual([
      'training source',
      'in-distribution',
      'other institution',
    ]);
  });

  it('takes a phantom for no publisher’s films, whatever the form of its table', () => {
    expect(seen('CheXpert', 'sft', true)[1]).toBe('unknown');
  });
});

it('a report goes by the trained checkpoint that has seen most', () => {
  const cell = (checkpointId: string, distribution: string) => ({ datasetId: 'd', checkpointId, distribution });
  const checkpoints = [
    { id: 'base', role: 'base' },
    { id: 'sft', role: 'sft' },
    { id: 'grpo', role: 'grpo' },
  ];
  const relation = (...cells: object[]) => relationOf({ cells, checkpoints } as unknown as EvaluationResult, 'd');
  expect(relation(cell('base', 'training source'), cell('sft', 'other institution'))).toBe('other institution');
  expect(relation(cell('sft', 'other institution'), cell('grpo', 'training source'))).toBe('training source');
  expect(relation(cell('sft', 'other institution'), cell('grpo', 'unknown'))).toBe('unknown');
  expect(relation(cell('base', 'in-distribution'))).toBe('in-distribution');
});

describe('a patient on both sides', () => {
  it('is looked for within one publisher’s identifiers, and in tables of no publisher', () => {
    const side = (kind: string, ...patients: string[]) => ({ kind, patients });
    expect(patientsOfBoth(side('nih', '1', '2', ''), side('nih', '2', '3', ''))).toEqual(['2']);
    expect(patientsOfBoth(side('nih', '1'), side('chexpert', '1'))).toEqual([]);
    expect(patientsOfBoth(side('other', '1'), side('chexpert', '1'))).toEqual(['1']);
  });

  it('is a warning of the evaluation', async () => {
    const dataset = (id: string) => ({
      ...{ id, name: `Set ${id}`, kind: 'other' as const, labels: ['Edema' as const], policy: 'zeros' as const },
      ...{ unit: 'film' as const, total: 3 },
    });
    const films = ['a', 'b'].flatMap((datasetId, d) =>
      [1, 2, 3].map((n): EvaluatedFilm => {
        const patientId = String(n + 2 * d);
        return {
          ...{ filmId: `${datasetId}${n}`, patientId, datasetId, checkpointId: 'sft' },
          ...{ truth: { Edema: n === 1 ? 1 : 0 }, findings: ['Edema'], failed: false },
        };
      }),
    );
    const result = await evaluate({
      ...{ id: '', createdAt: '', source: dataset('a'), target: dataset('b'), films, replicates: 0 },
      checkpoints: [{ id: 'sft', name: 'SFT', role: 'sft', trainingSource: '' }],
    });
    expect(result.sharedPatients).toBe(1);
    expect(result.warnings).toEqual([expect.stringMatching(/^Patients in both Set a and Set b: 1 \(first: 3\)/)]);
  });
});
