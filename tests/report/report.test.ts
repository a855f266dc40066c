import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NOTICE, type RenderedReport, renderReport, reportSections } from '../../core/report/report.ts';
import type { ReportInput } from '../../core/report/types.ts';
import { reportInput } from './input.ts';

const resources = fileURLToPath(new URL('../../resources', import.meta.url));

function has(program: string): boolean {
  try {
    execFileSync(program, ['-v'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

let folder = '';
let input: ReportInput;
let report: RenderedReport;
let path = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'report-'));
  path = join(folder, 'report.pdf');
  input = await reportInput(60, 100);
  report = await renderReport(input, resources);
  writeFileSync(path, report.pdf);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('the report', () => {
  it('is a tagged PDF with an outline, the given date and embedded fonts', () => {
    const bytes = Buffer.from(report.pdf).toString('latin1');
    expect(bytes.startsWith('%PDF-1.7')).toBe(true);
    expect(bytes).toContain('/MarkInfo');
    expect(bytes).toContain('/StructTreeRoot');
    expect(bytes).toContain('D:20261123100000Z');
    expect((bytes.match(/\/FontFile2/g) ?? []).length).toBe(3);
    expect(bytes).not.toContain('/BaseFont /Helvetica');
    expect(bytes).toMatch(/\/Outlines \d+ 0 R/);
  });

  it('is the same bytes for the same input, its date aside', async () => {
    const later = await renderReport({ ...input, createdAt: '2026-11-24T11:12:13.000Z' }, resources);
    const [one, two] = [report.pdf, later.pdf].map((pdf) => Buffer.from(pdf).toString('latin1'));
    expect(two).not.toBe(one);
    const dated = two!
      .replace('D:20261124111213Z', 'D:20261123100000Z')
      .replace('2026-11-24T11:12:13Z', '2026-11-23T10:00:00Z');
    expect(dated === one, 'only the two dates of the metadata differ').toBe(true);
  });

  it('draws plots as vectors: its only images are the films', () => {
    const bytes = Buffer.from(report.pdf).toString('latin1');
    expect((bytes.match(/\/Subtype \/Image/g) ?? []).length).toBe(input.samples.length);
  });

  it('writes the chosen sections only, in the order chosen', async () => {
    const few = await renderReport(input, resources, ['limits', 'gap']);
    expect(few.pages).toBeLessThan(report.pages);
    await expect(renderReport(input, resources, ['nothing'])).rejects.toMatchObject({ code: 'REPORT_SECTION_UNKNOWN' });
  });

  it('refuses an evaluation in which nothing has been read', async () => {
    const cells = input.evaluation.cells.map((cell) => ({ ...cell, done: 0 }));
    const empty = { ...input, evaluation: { ...input.evaluation, cells } };
    await expect(renderReport(empty, resources)).rejects.toMatchObject({ code: 'REPORT_EMPTY' });
  });

  it('can be made of one data set and one checkpoint', async () => {
    const { evaluation } = input;
    const [dataset] = evaluation.datasets;
    const [checkpoint] = evaluation.checkpoints;
    const alone = {
      ...evaluation,
      targetDatasetId: dataset!.id,
      datasets: [dataset!],
      checkpoints: [checkpoint!],
      cells: evaluation.cells.filter((cell) => cell.datasetId === dataset!.id && cell.checkpointId === checkpoint!.id),
      gaps: [],
      differences: [],
      gapDifferences: [],
      agreements: [],
      decompositions: [],
      subgroups: [],
      power: [],
      disagreements: [],
    };
    const { pages } = await renderReport(
      { ...input, evaluation: alone, datasets: input.datasets.slice(0, 1), samples: [], failures: [] },
      resources,
    );
    expect(pages).toBeGreaterThan(1);
  });
});

describe.skipIf(!has('pdftotext'))('the report as pdftotext reads it', () => {
  let read: string | undefined;
  const text = () => {
    read ??= execFileSync('pdftotext', [path, '-'], { encoding: 'utf8' });
    return read;
  };
  const plain = () => text().replace(/\s+\\?\s*/g, ' ');
  const contains = (words: string, part: string) => expect(words.includes(part), part).toBe(true);

  it('has the headline, every section and both readings as text', () => {
    const words = plain();
    contains(words, input.evaluation.headline);
    for (const { title } of reportSections) contains(words, title.replace("'", '\u2019'));
    contains(words, 'SFT: Edema, Pneumonia (wrong); missed: Cardiomegaly');
    contains(words, 'GRPO: could not be read (no-solution); counts as no label');
    for (const command of input.reproduce) contains(words, command);
  });

  it('has the numbers of charts and tables as text', () => {
    const words = plain();
    for (const { own } of input.evaluation.cells) contains(words, own.macro.f1.toFixed(3));
    contains(words, '0.264');
    contains(words, '0.274');
  });

  it('counts the films that the models were not made for, by reason', () => {
    contains(plain(), 'not what the models were made for (2 lateral and 1 view not stated): left out.');
  });

  it('says on every page that it is for research only', () => {
    const pages = text().split('\f').slice(0, -1);
    expect(pages).toHaveLength(report.pages);
    pages.forEach((words, i) => {
      contains(words, NOTICE);
      contains(words, `${i + 1} of ${report.pages}`);
    });
  });

  it('never names a patient', () => {
    expect(plain()).not.toMatch(/patient ?\d/i);
  });
});
