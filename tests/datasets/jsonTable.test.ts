/** A table as JSON lines: columns from keys, inner objects, lists, and what is wrong with bad lines. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { checkedMapping, lookAtTable } from '../../core/datasets/custom.ts';
import { readLabelTable } from '../../core/datasets/summary.ts';

const folder = mkdtempSync(join(tmpdir(), 'json-table-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string | Buffer): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

const ROWS = [
  '{"image": "a.png", "patient": 7, "labels": {"Edema": 1, "Fracture": false}, "found": ["Edema"]}',
  '',
  '{"image": "b.png", "patient": "8", "labels": {"Edema": 0, "Fracture": true}, "found": ["Fracture", "Devices"], "view": "PA"}',
  '{"image": "c.png", "labels": {"Edema": null, "Fracture": -1}}',
  'no JSON',
  '[1, 2]',
  '{"image": "d.png", "patient": 9, "labels": {"Edema": "perhaps"}}',
].join('\n');

const MAPPING = checkedMapping({
  ...{ film: 'image', patient: 'patient', view: 'view' },
  labels: { Edema: 'labels.Edema', Fracture: 'labels.Fracture' },
});

describe('a table as JSON lines', () => {
  for (const [how, content] of [
    ['plain', ROWS],
    ['gzip', gzipSync(ROWS)],
    ['with a byte order mark and Windows lines', `\uFEFF${ROWS.replaceAll('\n', '\r\n')}`],
  ] as const) {
    it(`is read by its mapping (${how})`, async () => {
      const table = await readLabelTable('custom', file('t.jsonl', content), { mapping: MAPPING });
      expect(
        table.images.map(({ row, image, patientId, view, labels }) => [row, image, patientId, view, labels]),
      ).toEqual([
        [1, 'a.png', '7', '', { Edema: 1, Fracture: 0 }],
        [3, 'b.png', '8', 'PA', { Edema: 0, Fracture: 1 }],
        [4, 'c.png', '', '', { Edema: null, Fracture: -1 }],
      ]);
      expect(table.rejected.map(({ row, column, code }) => [row, column, code])).toEqual([
        [5, null, 'DATASET_ROW_JSON'],
        [6, null, 'DATASET_ROW_JSON'],
        [7, 'labels.Edema', 'DATASET_VALUE'],
      ]);
    });
  }

  it('shows its columns and guesses a mapping', async () => {
    const path = file(
      'look.jsonl',
      '{"path": "x.png", "patient_id": 1, "findings": ["Edema", "Fracture"]}\n{"path": "y.png", "findings": ["Edema"]}',
    );
    const { columns, guess } = await lookAtTable(path);
    expect(columns.map(({ name, values }) => [name, values])).toEqual([
      ['path', ['x.png', 'y.png']],
      ['patient_id', ['1']],
      ['findings', ['Edema|Fracture', 'Edema']],
    ]);
    expect(guess).toMatchObject({
      film: 'path',
      patient: 'patient_id',
      findings: { column: 'findings', separator: '|' },
    });
  });

  it('a line without an end is not read for ever', async () => {
    const path = file('long.jsonl', `{"image": "${'x'.repeat(3 << 20)}`);
    await expect(readLabelTable('custom', path, { mapping: MAPPING })).rejects.toMatchObject({
      code: 'CSV_UNREADABLE',
    });
  });
});
