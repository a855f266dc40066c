/** Predictions made elsewhere through the command: into a workspace, evaluated as its data set says, and out again in the same form. */
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { EvaluationResult } from '../../core/evaluation/types.ts';
import { CHEXPERT_LABELS, type Label } from '../../core/labels/labels.ts';
import { chexreason } from '../support/command.ts';

const folder = mkdtempSync(join(tmpdir(), 'command-predictions-'));
const predictions = (what: string, ...args: string[]) =>
  chexreason(['predictions', what, '--workspace', 'workspace', ...args, '--json'], { cwd: folder });

/** Four films of two studies; Edema is uncertain in the second study and positive in none. */
beforeAll(() => {
  const header = ['Path', 'Sex', 'Age', 'Frontal/Lateral', 'AP/PA', ...CHEXPERT_LABELS].join(',');
  const row = (patient: number, view: number, edema: string, pneumothorax: string) => {
    const path = `CheXpert-v1.0/valid/patient0000${patient}/study1/view${view}_frontal.jpg`;
    const values: Partial<Record<Label, string>> = { Edema: edema, Pneumothorax: pneumothorax };
    return [path, 'Female', '60', 'Frontal', 'AP', ...CHEXPERT_LABELS.map((label) => values[label] ?? '')].join(',');
  };
  // Nobody opens them: the answers are there.
  for (const patient of [1, 2])
    for (const view of [1, 2]) {
      const film = join(folder, `CheXpert-v1.0/valid/patient0000${patient}/study1/view${view}_frontal.jpg`);
      mkdirSync(dirname(film), { recursive: true });
      writeFileSync(film, '');
    }
  const rows = [row(1, 1, '0.0', '1.0'), row(1, 2, '0.0', '1.0'), row(2, 1, '-1.0', '0.0'), row(2, 2, '-1.0', '0.0')];
  // Windows line ends.
  writeFileSync(join(folder, 'valid.csv'), [header, ...rows, ''].join('\r\n'));
  const answer = (film: string, text: string) =>
    JSON.stringify({
      custom_id: `CheXpert-v1.0/valid/${film}`,
      response: { status_code: 200, body: { model: 'my-grpo', choices: [{ message: { content: text } }] } },
    });
  const say = (labels: string) => `<think>Looked.</think><solution>${labels}</solution>`;
  writeFileSync(
    join(folder, 'first.jsonl'),
    [
      answer('patient00001/study1/view1_frontal.jpg', say('No Finding')),
      answer('patient00001/study1/view2_frontal.jpg', say('Pneumothorax')),
      'not json',
    ].join('\r\n'),
  );
  writeFileSync(
    join(folder, 'second.jsonl'),
    [
      answer('patient00002/study1/view1_frontal.jpg', say('Edema')),
      answer('patient00002/study1/view2_frontal.jpg', say('No Finding')),
      answer('patient00009/study1/view1_frontal.jpg', say('Edema')),
    ].join('\n'),
  );
});

describe('chexreason predictions', { timeout: 240_000 }, () => {
  it('imports several files as one, scores them by the data set’s unit and policy, and names what it left out', async () => {
    const table = ['--dataset', 'chexpert:valid.csv', '--images', '.', '--policy', 'ones'];
    const imported = await predictions('import', '--file', 'first.jsonl', '--file', 'second.jsonl', ...table);
    // Lines were left out: an input failed, the rest is done.
    expect(imported.status, imported.stderr).toBe(1);
    type Imported = EvaluationResult & { evaluation: string; lines: number; rejected: { file: string; row: number }[] };
    const [result] = imported.lines as unknown as [Imported];
    expect(result.lines).toBe(4);
    expect(result.rejected).toEqual([
      { file: 'first.jsonl', row: 3, code: 'PREDICTION_NOT_JSON', message: expect.any(String) },
      expect.objectContaining({ file: 'second.jsonl', row: 3, message: expect.stringContaining('patient00009') }),
    ]);
    const [cell] = result.cells;
    expect(result.checkpoints).toMatchObject([{ id: 'my-grpo', role: 'grpo' }]);
    const of = (label: string) => cell!.own.labels.find((each) => each.label === label)!;
    // Uncertain counts as positive: one film of the second patient found it, the other missed it.
    expect(of('Edema')).toMatchObject({ tp: 1, fn: 1, fp: 0, tn: 2 });
    expect(of('Pneumothorax')).toMatchObject({ tp: 1, fn: 1, fp: 0, tn: 2 });
    expect(result.datasets[0]).toMatchObject({ name: expect.stringMatching(/valid/i), policy: 'ones' });
  });

  it('scores studies where those are the unit', async () => {
    const table = ['--dataset', 'chexpert:valid.csv', '--images', '.', '--unit', 'study', '--aggregation', 'any'];
    const files = ['--file', 'first.jsonl', '--file', 'second.jsonl'];
    const imported = await predictions('import', ...files, ...table, '--policy', 'ones', '--workspace', 'studies');
    const [result] = imported.lines as unknown as [EvaluationResult];
    for (const label of ['Edema', 'Pneumothorax']) {
      const found = result.cells[0]!.own.labels.find((each) => each.label === label)!;
      expect(found).toMatchObject({ tp: 1, fn: 0, fp: 0, tn: 1 });
    }
    expect(result.datasets[0]).toMatchObject({ unit: 'study', aggregation: 'any' });
  });

  it('exports what was imported, which imports to the same figures', async () => {
    const out = await predictions('export', '--file', 'out.csv');
    expect(out.status, out.stderr).toBe(0);
    expect(out.lines[0]).toMatchObject({ lines: 4 });
    expect(readFileSync(join(folder, 'out.csv'), 'utf8').trim().split('\n')).toHaveLength(5);
    const again = await predictions('import', '--file', 'out.csv');
    expect(again.status, again.stderr).toBe(0);
    const macro = (lines: object[]) =>
      (lines as unknown as EvaluationResult[])[0]!.cells.map(({ own }) => own.macro.f1);
    const before = await predictions('import', '--file', 'first.jsonl', '--file', 'second.jsonl');
    expect(macro(again.lines)).toEqual(macro(before.lines));
  });

  it('says what is wrong: no evaluation of that name, a file that is not there', async () => {
    const unknown = await predictions('export', '--file', 'x.jsonl', '--evaluation', 'nothing');
    expect(unknown.status).toBe(1);
    expect(unknown.stdout).toContain('EVALUATION_UNKNOWN');
    const missing = await predictions('import', '--file', 'gone.jsonl');
    expect(missing.status).toBe(1);
    expect(missing.stdout).toMatch(/gone\.jsonl/);
  });
});
