/**
 * The PDF as an archive and as a page that is read aloud: PDF/A-2a and PDF/UA-1, by its own structure everywhere and by
 * veraPDF where `bash scripts/setup-verapdf.sh` has fetched it.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Assembled, assemble, figuresOf, tablesOf } from '../../core/report/assemble.ts';
import { type RenderedReport, renderReport } from '../../core/report/report.ts';
import type { ReportInput } from '../../core/report/types.ts';
import { contentStreams, type ReadPdf, readPdf } from '../support/pdf.ts';
import { difficultInput, reportInput } from './input.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const resources = join(root, 'resources');
const verapdf = join(root, '.cache/verapdf');

let input: ReportInput;
let report: RenderedReport;
let read: ReadPdf;
let assembled: Assembled;

beforeAll(async () => {
  input = await reportInput(60, 100);
  report = await renderReport(input, resources);
  read = await readPdf(report.pdf);
  assembled = assemble(input);
});

describe('the structure of the PDF', () => {
  it('says that it is PDF/A-2a and PDF/UA-1, with a colour profile and the language', () => {
    const bytes = Buffer.from(report.pdf).toString('latin1');
    expect(read.xmp).toContain('<pdfaid:part>2</pdfaid:part>');
    expect(read.xmp).toContain('<pdfaid:conformance>A</pdfaid:conformance>');
    expect(read.xmp).toContain('<pdfuaid:part>1</pdfuaid:part>');
    expect(bytes).toMatch(/\/OutputIntents \[\d+ 0 R\]/);
    expect(bytes).toContain('/Lang (en)');
    expect(bytes).toContain('/DisplayDocTitle true');
  });

  it('has an outline of the sections, and one contents line for each', () => {
    const titles = assembled.sections.map(({ title }) => title);
    expect(titles.at(-1)).toBe('Limits');
    expect(read.outline).toEqual([...titles.slice(0, -1), 'Left out of this report', 'Limits']);
    expect(read.roles.get('TOCI')).toBe(read.outline.length);
  });

  it('tags headings, tables with their header cells, lists and figures', () => {
    const [tables, figures] = [tablesOf(assembled), figuresOf(assembled)];
    expect(read.roles.get('H1')).toBe(1);
    expect(read.roles.get('H2')).toBe(read.outline.length);
    expect(read.roles.get('Caption')).toBe(tables.length + figures.length);
    const rows = tables.reduce((sum, table) => sum + table.rows.length, 0);
    const columns = tables.reduce((sum, table) => sum + table.columns.length, 0);
    const cells = tables.reduce((sum, table) => sum + table.rows.length * (table.columns.length - 1), 0);
    // A header cell for every column and every row; repeated headers are none.
    expect(read.roles.get('TH')).toBe(columns + rows);
    expect(read.roles.get('TD')).toBe(cells);
    expect(
      Buffer.from(report.pdf)
        .toString('latin1')
        .match(/\/Scope \/Column/g),
    ).toHaveLength(columns);
    for (const { figure } of figures) expect(read.alts).toContain(figure.alt);
  });

  it('leaves nothing outside: every drawing stands in marked content', () => {
    const pages = contentStreams(report.pdf);
    expect(pages.length).toBe(report.pages);
    for (const page of pages) expect(outside(page)).toEqual([]);
  });

  it('embeds its fonts as subsets and uses no missing glyph', () => {
    const bytes = Buffer.from(report.pdf).toString('latin1');
    const fonts = bytes.match(/\/Type \/FontDescriptor/g)!.length;
    expect(bytes.match(/\/FontFile2 \d+ 0 R/g)).toHaveLength(fonts);
    expect(bytes.match(/\/FontName \/[A-Z]{6}\+/g)).toHaveLength(fonts);
    for (const page of contentStreams(report.pdf)) {
      for (const [, codes] of page.matchAll(/<([0-9a-f]+)>/g)) expect(codes!.match(/.{4}/g)).not.toContain('0000');
    }
  });
});

describe('the layout', () => {
  it('survives five checkpoints with long names, other scripts, rare labels and missing parts', async () => {
    const difficult = await difficultInput();
    const { pdf } = await renderReport(difficult, resources);
    const words = (await readPdf(pdf)).text.join('\n').replace(/\s+/g, '');
    for (const { name } of [...difficult.evaluation.checkpoints, ...difficult.evaluation.datasets]) {
      expect(words, name).toContain(name.normalize('NFC').replace(/\s+/g, ''));
    }
    for (const page of contentStreams(pdf)) {
      expect(outside(page)).toEqual([]);
      for (const [, codes] of page.matchAll(/<([0-9a-f]+)>/g)) expect(codes!.match(/.{4}/g)).not.toContain('0000');
    }
  });

  it('writes a letter that no font has as a box', async () => {
    const odd = structuredClone(input);
    odd.evaluation.datasets[0]!.name = 'Set \u0633\u0644\u0627\u0645 \u{1f600}';
    const { pdf } = await renderReport(odd, resources, ['comparison']);
    expect((await readPdf(pdf)).text.join('')).toContain('Set \u25a1\u25a1\u25a1\u25a1 \u25a1');
  });
});

describe.skipIf(!existsSync(join(verapdf, 'CheckPdf.class')))('by veraPDF', () => {
  const folder = mkdtempSync(join(tmpdir(), 'verapdf-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('a plain report and a difficult one are valid PDF/A-2a and PDF/UA-1', async () => {
    const files = [join(folder, 'plain.pdf'), join(folder, 'difficult.pdf')];
    writeFileSync(files[0]!, report.pdf);
    writeFileSync(files[1]!, (await renderReport(await difficultInput(), resources)).pdf);
    const classPath = [join(verapdf, '*'), verapdf].join(process.platform === 'win32' ? ';' : ':');
    const { stdout } = await promisify(execFile)('java', ['-cp', classPath, 'CheckPdf', '2a,ua1', ...files]);
    expect(stdout.replace(/\d+$/gm, 'n')).toBe('2a PASS n\nua1 PASS n\n'.repeat(2));
  });
});

/** Operators that paint something while no marked content is open. */
function outside(page: string): string[] {
  let depth = 0;
  const found: string[] = [];
  for (const line of page.split('\n')) {
    if (/\bBDC$|\bBMC$/.test(line)) depth++;
    else if (/^EMC$/.test(line)) depth--;
    else if (depth === 0 && /(?:^|\s)(?:Tj|TJ|f|S|B|Do)$/.test(line)) found.push(line);
  }
  return found;
}
