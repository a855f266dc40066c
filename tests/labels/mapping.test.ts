import { describe, expect, it } from 'vitest';
import { CHEXPERT_LABELS, NIH_NINE } from '../../core/labels/labels.ts';
import {
  type DatasetKind,
  labelMapping,
  ownNames,
  rowsByName,
  scoredLabels,
  sharedLabels,
  valuesOfListed,
} from '../../core/labels/mapping.ts';
import { countedAs, policyOf, positiveLabels } from '../../core/labels/uncertainty.ts';

const KINDS: DatasetKind[] = ['chexpert', 'mimic', 'nih'];
const NIH_NAMES = [
  ...['No Finding', 'Atelectasis', 'Cardiomegaly', 'Effusion', 'Infiltration', 'Mass', 'Nodule', 'Pneumonia'],
  ...['Pneumothorax', 'Consolidation', 'Edema', 'Emphysema', 'Fibrosis', 'Pleural_Thickening', 'Hernia'],
];

describe('the mapping between label conventions', () => {
  it.each(KINDS)('gives a reason for every row of %s and covers all 14 CheXpert labels', (kind) => {
    const { rows } = labelMapping(kind);
    for (const row of rows) expect(row.reason.length, String(row.from)).toBeGreaterThan(20);
    const covered = new Set(rows.map((row) => row.to).filter((to) => to !== null));
    expect([...covered].sort()).toEqual([...CHEXPERT_LABELS].sort());
  });

  it('has every name of NIH ChestX-ray14, and scores exactly the nine labels of the paper', () => {
    expect(ownNames('nih').sort()).toEqual([...NIH_NAMES].sort());
    expect([...scoredLabels('nih')].sort()).toEqual([...NIH_NINE].sort());
    expect(scoredLabels('chexpert')).toEqual(CHEXPERT_LABELS);
    expect(sharedLabels(scoredLabels('chexpert'), scoredLabels('nih'))).toEqual(scoredLabels('nih'));
  });

  it('merges Mass and Nodule, keeps Effusion for showing only, and leaves Infiltration out', () => {
    const byName = rowsByName('nih');
    const values = valuesOfListed('nih')(
      ['Nodule', 'Infiltrate', 'Pleural_Thickening'].map((name) => byName.get(name)!),
    );
    expect(values).toEqual({
      'No Finding': 0,
      Cardiomegaly: 0,
      'Lung Lesion': 1,
      Edema: 0,
      Consolidation: 0,
      Pneumonia: 0,
      Atelectasis: 0,
      Pneumothorax: 0,
      'Pleural Effusion': 0,
      'Pleural Other': 1,
    });
    expect(byName.get('Effusion')?.use).toBe('shown');
    expect(byName.get('Infiltration')?.to).toBeNull();
  });
});

describe('uncertainty policies', () => {
  it.each([
    [-1, 'zeros', 0],
    [-1, 'ones', 1],
    [-1, 'ignore', null],
    [null, 'ones', 0],
    [null, 'ignore', 0],
    [1, 'ignore', 1],
    [0, 'ones', 0],
    [undefined, 'ones', null],
  ] as const)('%s under %s counts as %s', (value, policy, expected) => {
    expect(countedAs(value, policy)).toBe(expected);
  });

  it('can differ by label', () => {
    const policies = { otherwise: 'zeros', labels: { Edema: 'ones' } } as const;
    expect(policyOf(policies, 'Edema')).toBe('ones');
    expect(positiveLabels({ Edema: -1, Pneumonia: -1, Fracture: 1 }, CHEXPERT_LABELS, policies)).toEqual([
      'Edema',
      'Fracture',
    ]);
  });
});
