/**
 * A table as JSON lines (plain or gzip): an object a row. Columns are the keys of the first thousand rows, those of inner
 * objects joined by a full stop (`labels.Edema`); what a row lacks is an empty cell, a list is joined by `|`.
 */
import { CsvError } from 'csv-parse';

/** Rows that are looked at for their keys. */
const LOOKED_AT = 1000;
const DEEPEST = 4;
const LONGEST_LINE = 1 << 20;

/** An unreadable line; the others are read. */
export class UnreadableLine extends Error {}

/** The text begins with an object and not with a header line. */
export function beginsAsJson(firstLine: string): boolean {
  return /^\uFEFF?\s*\{/.test(firstLine);
}

/** The lines of a text that comes in pieces, empty ones included. */
export async function* linesOf(chunks: AsyncIterable<Buffer>, longest = LONGEST_LINE): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    const lines = decoder.decode(chunk, { stream: true }).split('\n');
    lines[0] = rest + lines[0]!;
    rest = lines.pop()!;
    yield* lines;
    if (rest.length > longest) {
      throw new CsvError('CSV_MAX_RECORD_SIZE', `a line is longer than ${longest / 2 ** 20} MiB`);
    }
  }
  rest += decoder.decode();
  if (rest !== '') yield rest;
}

/** The columns, then every row as cells, or what is wrong with it; a line that is empty is an empty row. */
export async function* jsonRecords(lines: AsyncIterable<string>): AsyncGenerator<string[] | UnreadableLine> {
  const held: (Map<string, string> | UnreadableLine)[] = [];
  let columns: string[] | null = null;
  const cellsOf = (row: Map<string, string> | UnreadableLine) =>
    row instanceof UnreadableLine ? row : columns!.map((name) => row.get(name) ?? '');
  for await (const line of lines) {
    const row = parsed(line);
    if (columns !== null) {
      yield cellsOf(row);
      continue;
    }
    held.push(row);
    if (held.length < LOOKED_AT) continue;
    columns = columnsOf(held);
    yield columns;
    for (const each of held.splice(0)) yield cellsOf(each);
  }
  if (columns !== null || held.length === 0) return;
  columns = columnsOf(held);
  yield columns;
  for (const each of held) yield cellsOf(each);
}

function columnsOf(rows: readonly (Map<string, string> | UnreadableLine)[]): string[] {
  return [...new Set(rows.flatMap((row) => (row instanceof UnreadableLine ? [] : [...row.keys()])))];
}

function parsed(line: string): Map<string, string> | UnreadableLine {
  const cells = new Map<string, string>();
  if (line.trim() === '') return cells;
  let json: unknown;
  try {
    json = JSON.parse(line.replace(/^\uFEFF/, ''));
  } catch (error) {
    return new UnreadableLine((error as Error).message);
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return new UnreadableLine('It is no object.');
  fill(cells, json as Record<string, unknown>, '', 0);
  return cells;
}

function fill(cells: Map<string, string>, object: Record<string, unknown>, prefix: string, depth: number): void {
  for (const [key, value] of Object.entries(object)) {
    const name = `${prefix}${key}`;
    if (Array.isArray(value)) cells.set(name, value.map(textOf).join('|'));
    else if (typeof value === 'object' && value !== null && depth < DEEPEST)
      fill(cells, value as Record<string, unknown>, `${name}.`, depth + 1);
    else cells.set(name, textOf(value));
  }
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
