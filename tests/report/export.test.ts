/** The exports hold the same figures as the PDF: parsed back, they are the evaluation's own numbers. */
import { parse } from 'csv-parse/sync';
import { beforeAll, describe, expect, it } from 'vitest';
import { assemble, figuresOf, tablesOf } from '../../core/report/assemble.ts';
import type { TableBlock } from '../../core/report/blocks.ts';
import { type ExportedFile, exportFiles } from '../../core/report/export/files.ts';
import type { ReportInput } from '../../core/report/types.ts';
import { difficultInput, reportInput } from './input.ts';

let input: ReportInput;
let tables: TableBlock[];

beforeAll(async () => {
  input = await reportInput(60, 100);
  tables = tablesOf(assemble(input));
});

const named = (files: ExportedFile[], part: string) => files.find(({ name }) => name.includes(part))!.content;
const records = (content: string): string[][] => parse(content, { relax_column_count: false });

describe('CSV', () => {
  it('gives the F1 of every label with its interval, unrounded', () => {
    const files = exportFiles(input, 'csv');
    for (const { datasetId, checkpointId, own } of input.evaluation.cells) {
      const [header, ...rows] = records(named(files, `labels-${datasetId}-${checkpointId}`));
      const at = (title: string) => header!.indexOf(title);
      expect(rows.map((row) => row[at('Label')])).toEqual(own.labels.map(({ label }) => label));
      rows.forEach((row, i) => {
        const { f1, f1Interval, tp, fp, fn, tn, mcc } = own.labels[i]!;
        expect(Number(row[at('F1, 95 % interval')])).toBe(f1);
        expect(Number(row[at('F1, 95 % interval: low')])).toBe(f1Interval!.low);
        expect(Number(row[at('F1, 95 % interval: high')])).toBe(f1Interval!.high);
        expect(['TP', 'FP', 'FN', 'TN', 'MCC'].map((title) => Number(row[at(title)]))).toEqual([tp, fp, fn, tn, mcc]);
      });
    }
  });

  it('gives every change, and every table of the report with all of its rows', () => {
    const files = exportFiles(input, 'csv');
    const [, ...rows] = records(named(files, '-change.csv'));
    const shared = input.evaluation.gaps.filter(({ labelSet }) => labelSet === 'shared');
    expect(rows.map((row) => row.slice(1, 6).map(Number))).toEqual(
      shared.map(({ source, target, change, interval }) => [source, target, change, interval!.low, interval!.high]),
    );
    const [, ...index] = records(named(files, 'index.csv'));
    expect(index).toEqual(tables.map(({ id, caption }) => [`table-${id}.csv`, caption]));
    for (const { id, rows: printed } of tables) {
      expect(records(named(files, `table-${id}.csv`))).toHaveLength(printed.length + 1);
    }
  });

  it('quotes what has commas, quotes and other scripts', async () => {
    const difficult = await difficultInput();
    const [, ...rows] = records(named(exportFiles(difficult, 'csv'), '-checkpoints.csv'));
    expect(rows.map(([name]) => name)).toEqual(difficult.evaluation.checkpoints.map(({ name }) => name));
  });
});

describe('JSON', () => {
  it('is the evaluation whole, with every table and figure', () => {
    const [file] = exportFiles(input, 'json');
    const parsed = JSON.parse(file!.content);
    expect(parsed.evaluation).toEqual(JSON.parse(JSON.stringify(input.evaluation)));
    expect(parsed.tables.map(({ id }: { id: string }) => id)).toEqual(tables.map(({ id }) => id));
    const totals = parsed.tables.find(({ id }: { id: string }) => id.endsWith('-totals'));
    const column = totals.columns.indexOf('Macro-F1, 95 % interval');
    expect(totals.rows.map((row: number[]) => row[column])).toEqual(
      input.evaluation.cells.map(({ own }) => own.macro.f1),
    );
    expect(parsed.notice).toContain('Research use only');
    expect(file!.content).not.toContain('"gray"');
  });
});

describe('LaTeX', () => {
  it('is every table as it is printed', () => {
    const files = exportFiles(input, 'latex');
    for (const { id, rows, columns } of tables) {
      const [header, ...read] = latexRows(named(files, `table-${id}.tex`));
      expect(header).toEqual(columns.map(({ title }) => title));
      expect(read).toEqual(
        rows.map((row) => row.map(({ text }) => text.replace(/'/g, '\u2019').replaceAll('\u00a0', '~'))),
      );
    }
    expect(named(files, 'tables.tex').match(/\\input/g)).toHaveLength(tables.length);
  });
});

describe('SVG', () => {
  it('is every figure with its words, and well formed', () => {
    const figures = figuresOf(assemble(input));
    const files = exportFiles(input, 'svg');
    expect(files).toHaveLength(figures.length);
    files.forEach(({ content }, i) => {
      const { title, texts } = readSvg(content);
      expect(title).toBe(figures[i]!.figure.alt);
      const words = figures[i]!.figure.marks.flatMap((mark) => (mark.kind === 'text' ? [mark.text] : []));
      expect(texts).toEqual(words);
    });
  });
});

/** Rows of a table between its rules, with the escapes of core/report/export/latex.ts undone. */
function latexRows(tex: string): string[][] {
  const body = /\\toprule\n([\s\S]*)\\end\{(?:tabular|longtable)\}/.exec(tex)![1]!;
  const rows = body.split('\n').filter((line) => line.endsWith(' \\\\'));
  return rows.map((line) =>
    line
      .slice(0, -3)
      .split(/(?<!\\) ?& ?/)
      .map(unescaped),
  );
}

function unescaped(cell: string): string {
  const inner = /^\\text(?:bf|it)\{(.*)\}$/.exec(cell)?.[1] ?? cell;
  return inner
    .replace(/\\allowbreak\{\}/g, '')
    .replace(/``/g, '\u201c')
    .replace(/''/g, '\u201d')
    .replace(/`/g, '\u2018')
    .replace(/'/g, '\u2019')
    .replace(/\$-\$/g, '\u2212')
    .replace(/\$\\times\$/g, '\u00d7')
    .replace(/\$\\kappa\$/g, '\u03ba')
    .replace(/\$\\lambda\$/g, '\u03bb')
    .replace(/\$\\cdot\$/g, '\u00b7')
    .replace(/\\ldots\{\}/g, '\u2026')
    .replace(/\\textless\{\}/g, '<')
    .replace(/\\textgreater\{\}/g, '>')
    .replace(/\\textbar\{\}/g, '|')
    .replace(/---/g, '\u2014')
    .replace(/--/g, '\u2013')
    .replace(/\\([&%$#_{}])/g, '$1');
}

/** Elements open and close in order; title and texts with their entities undone. */
function readSvg(svg: string): { title: string; texts: string[] } {
  const open: string[] = [];
  const texts: string[] = [];
  let title = '';
  for (const [, close, name, , self, text] of svg.matchAll(/<(\/?)(\w+)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>([^<]*)/g)) {
    if (close) expect(open.pop()).toBe(name);
    else if (!self) open.push(name!);
    const words = text!.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(code));
    if (!close && name === 'title') title = words;
    if (!close && name === 'text') texts.push(words);
  }
  expect(open).toEqual([]);
  return { title, texts };
}
