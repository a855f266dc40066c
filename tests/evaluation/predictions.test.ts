import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { metricsOfPredictions, readPredictions } from '../../core/evaluation/predictionsFile.ts';
import { CHEXPERT_LABELS } from '../../core/labels/labels.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'predictions-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function file(lines: unknown[]): string {
  const path = join(folder, 'predictions.jsonl');
  writeFileSync(path, lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'));
  return path;
}

const truth = { Edema: 1, Pneumonia: 0 };

describe('a predictions file', () => {
  it('takes text or findings, and counts what cannot be read as failed', async () => {
    const { films, checkpoints, rejected } = await readPredictions(
      file([
        { film: '1', patient: 7, truth, text: '<think>wet</think><solution>Edema</solution>', checkpoint: 'my-SFT' },
        { film: '2', truth, text: 'It is edema.', checkpoint: 'my-SFT' },
        { film: '3', truth, findings: ['Pneumonia'], checkpoint: 'my-SFT' },
        { film: '4', truth, findings: null, checkpoint: 'grpo' },
        '',
      ]),
    );
    expect(rejected).toEqual([]);
    expect(films.map(({ findings, failed }) => [findings, failed])).toEqual([
      [['Edema'], false],
      [[], true],
      [['Pneumonia'], false],
      [[], true],
    ]);
    expect(films[0]!.patientId).toBe('7');
    expect(checkpoints.map(({ id, role }) => [id, role])).toEqual([
      ['my-SFT', 'sft'],
      ['grpo', 'grpo'],
    ]);
  });

  it('rejects lines with their row, and goes on', async () => {
    const { films, rejected } = await readPredictions(
      file([
        { film: '1', truth, findings: [] },
        '{"film": "2", "truth": ',
        { film: '3', truth, findings: ['Oedema'] },
        { film: '4', truth: { Edema: 2 }, findings: [] },
        { film: '5', truth },
        { film: '1', truth, findings: [] },
        { film: '6', truth, findings: [], probabilities: { Edema: 1.2 } },
        '[]',
      ]),
    );
    expect(films).toHaveLength(1);
    expect(rejected.map(({ row, code }) => [row, code])).toEqual([
      [2, 'PREDICTION_NOT_JSON'],
      [3, 'PREDICTION_INVALID'],
      [4, 'PREDICTION_INVALID'],
      [5, 'PREDICTION_INVALID'],
      [6, 'PREDICTION_TWICE'],
      [7, 'PREDICTION_INVALID'],
      [8, 'PREDICTION_INVALID'],
    ]);
    expect(rejected[1]!.message).toContain('findings.0');
  });

  it('rejects a line that contradicts another checkpoint’s line of the same film', async () => {
    const { films, rejected } = await readPredictions(
      file([
        { film: '1', patient: 'p', truth, findings: [], checkpoint: 'sft' },
        { film: '1', patient: 'p', truth: { ...truth, Edema: 0 }, findings: [], checkpoint: 'grpo' },
        { film: '1', patient: 'q', truth, findings: [], checkpoint: 'base' },
        { film: '1', patient: 'p', truth, findings: [], checkpoint: 'other' },
        { film: '1', patient: 'q', truth: { Edema: 0 }, findings: [], checkpoint: 'sft', dataset: 'b' },
      ]),
    );
    expect(films.map(({ checkpointId }) => checkpointId)).toEqual(['sft', 'other', 'sft']);
    expect(rejected).toEqual([
      { row: 2, code: 'PREDICTION_CONTRADICTS', message: expect.stringContaining('truth of Edema') },
      { row: 3, code: 'PREDICTION_CONTRADICTS', message: expect.stringContaining('another patient') },
    ]);
  });

  it('does not hold a file without line ends', async () => {
    const path = join(folder, 'endless.jsonl');
    writeFileSync(path, `{"film": "1"${' '.repeat(17 * 2 ** 20)}`);
    await expect(readPredictions(path)).rejects.toMatchObject({
      code: 'PREDICTION_TOO_LONG',
      details: { file: path, row: 1 },
    });
  });

  it('is an error where no line is a prediction', async () => {
    await expect(readPredictions(file(['{}']))).rejects.toMatchObject({ code: 'PREDICTIONS_EMPTY' });
    await expect(readPredictions(join(folder, 'none'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('gives every figure, for one, two and three data sets', async () => {
    const lines = ['m', 'a', 'b'].flatMap((dataset) =>
      ['sft', 'grpo'].flatMap((checkpoint) =>
        Array.from({ length: 12 }, (_, i) => ({
          film: `${i}`,
          patient: `${i % 6}`,
          dataset,
          checkpoint,
          truth: Object.fromEntries(
            CHEXPERT_LABELS.slice(0, dataset === 'b' ? 9 : 14).map((label, j) => [label, (i + j) % 3 === 0 ? 1 : 0]),
          ),
          findings: CHEXPERT_LABELS.filter((_, j) => (i * 7 + j * (checkpoint === 'sft' ? 2 : 1)) % 3 === 0),
        })),
      ),
    );
    const three = await metricsOfPredictions(file(lines), { source: 'a', target: 'b', replicates: 100 });
    expect(three.cells.map((cell) => [cell.datasetId, cell.checkpointId])).toEqual([
      ['a', 'sft'],
      ['a', 'grpo'],
      ['b', 'sft'],
      ['b', 'grpo'],
      ['m', 'sft'],
      ['m', 'grpo'],
    ]);
    expect(three.sharedLabels).toHaveLength(9);
    expect(three.gapDifferences).toHaveLength(1);
    const one = await metricsOfPredictions(file(lines.filter((line) => line.dataset === 'm')), { replicates: 100 });
    expect(one.gaps).toEqual([]);
    expect(one.cells[0]!.own).toEqual(three.cells[4]!.own);
    await expect(metricsOfPredictions(file(lines), { target: 'c' })).rejects.toMatchObject({
      code: 'PREDICTIONS_DATASET',
    });
  });
});
