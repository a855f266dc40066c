/**
 * Streams a table (CSV or JSON lines, plain or gzip) row by row. A row that cannot be used is rejected with its line and column and the
 * rest goes on; a table that cannot be read at all is an error. Line 1 is the header.
 */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { finished, pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { CsvError, type Parser, parse } from 'csv-parse';
import { locate, WorkbenchError } from '../base/errors.ts';
import { throwIfCancelled, unattended, type Work } from '../base/progress.ts';
import { beginsAsJson, jsonRecords, linesOf, UnreadableLine } from './jsonTable.ts';

export interface RejectedRow {
  /** Line of the file; the header is line 1. */
  row: number;
  /** null where the row as a whole is at fault. */
  column: string | null;
  code: string;
  message: string;
}

/** Rejected rows are all counted, and the first thousand kept. */
export class Rejections {
  readonly rows: RejectedRow[] = [];
  count = 0;

  add(row: RejectedRow): void {
    this.count++;
    if (this.rows.length < 1000) this.rows.push(row);
  }
}

/** Thrown by a row's reader: the row is left out, the table goes on. */
export class RowError extends Error {
  constructor(
    readonly code: string,
    readonly column: string | null,
    message: string,
  ) {
    super(message);
  }
}

export function wrongFieldCount(found: number, expected: number): RowError {
  return new RowError('DATASET_ROW_FIELDS', null, `The row has ${found} fields where the header has ${expected}.`);
}

/** A value as a message may show it. */
export function shown(value: string): string {
  return value.length > 40 ? `"${value.slice(0, 40)}..."` : `"${value}"`;
}

export class Columns {
  private readonly index = new Map<string, number>();

  constructor(
    readonly names: string[],
    readonly file: string,
  ) {
    names.forEach((name, i) => {
      const key = plain(name);
      if (!this.index.has(key)) this.index.set(key, i);
    });
  }

  has(name: string): boolean {
    return this.index.has(plain(name));
  }

  /** Position of a column by any of its spellings; -1 where it is absent. */
  find(...spellings: string[]): number {
    for (const name of spellings) {
      const i = this.index.get(plain(name));
      if (i !== undefined) return i;
    }
    return -1;
  }

  /** Throws DATASET_COLUMNS_MISSING, naming every one that is not there; one spelling of each list suffices. */
  require(expected: readonly (string | readonly string[])[]): void {
    const missing = expected
      .map((spellings) => (typeof spellings === 'string' ? [spellings] : spellings))
      .filter((spellings) => this.find(...spellings) < 0)
      .map((spellings) => spellings.join(' or '));
    if (missing.length === 0) return;
    throw new WorkbenchError(
      'DATASET_COLUMNS_MISSING',
      `The table has no column ${missing.map((name) => `"${name}"`).join(', ')}.`,
      { file: this.file, row: 1, missing, columns: this.names.slice(0, 40).map((name) => name.slice(0, 80)) },
      'Choose the table in the form in which the data set is distributed, with its header line.',
    );
  }
}

function plain(name: string): string {
  return name.trim().toLowerCase();
}

/** What reads a table: told the columns once, then every row. */
export type RowReader = (columns: Columns) => (fields: string[], row: number) => void;

export interface TableRead {
  columns: string[];
  /** Data rows, rejected ones included; empty lines are none. */
  rows: number;
}

/** Reads every row; a RowError of the reader rejects its row. Errors: FILE_NOT_FOUND, CSV_UNREADABLE, CSV_EMPTY, and the reader's. */
export async function readTable(
  file: string,
  reader: RowReader,
  rejected: Rejections,
  work: Work = unattended(),
  delimiter = ',',
): Promise<TableRead> {
  let columns: Columns | null = null;
  let onRow: ReturnType<RowReader> = () => {};
  const json = beginsAsJson(await firstLine(file));
  // JSON lines have no header line: the row after the columns is line 1.
  let line = json ? -1 : 0;
  let rows = 0;
  const take = (record: string[] | UnreadableLine) => {
    line++;
    if (record instanceof UnreadableLine) {
      rows++;
      const message = `The line is no JSON object: ${record.message}`;
      return rejected.add({ row: line, column: null, code: 'DATASET_ROW_JSON', message });
    }
    const fields = record;
    if (fields.every((field) => field.trim() === '') && (json || fields.length === 1)) return;
    if (columns === null) {
      columns = new Columns(fields, file);
      onRow = reader(columns);
      return;
    }
    rows++;
    rejecting(rejected, line, () => onRow(fields, line));
    if (rows % 4096 === 0) {
      throwIfCancelled(work.signal);
      work.report({ stage: 'Reading the table', done: rows, total: null });
    }
  };
  if (json) await streamJson(file, take);
  else await streamRecords(file, take, delimiter);
  if (columns === null) throw new WorkbenchError('CSV_EMPTY', 'The table is empty: it has no header line.', { file });
  return { columns: (columns as Columns).names, rows };
}

function rejecting(rejected: Rejections, row: number, read: () => void): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof RowError)) throw error;
    rejected.add({ row, column: error.column, code: error.code, message: error.message });
  }
}

const DELIMITERS = [',', ';', '\t'];
const HEADER_BYTES = 1 << 16;

/** What separates the columns, by the header line: comma, semicolon or tab, whichever is there most often. */
export async function delimiterOf(file: string): Promise<string> {
  const header = await firstLine(file);
  const counts = DELIMITERS.map((delimiter) => header.split(delimiter).length);
  return DELIMITERS[counts.indexOf(Math.max(...counts))]!;
}

async function firstLine(file: string): Promise<string> {
  try {
    const gzip = await isGzip(file);
    const source = createReadStream(file, { end: HEADER_BYTES });
    const stream = gzip ? source.pipe(createGunzip()) : source;
    let text = '';
    // A gzip stream that is cut off here still gives its beginning.
    for await (const chunk of stream) {
      text += (chunk as Buffer).toString('utf8');
      if (text.includes('\n')) break;
    }
    source.destroy();
    return text.split('\n')[0]!;
  } catch (error) {
    throw unreadable(error, file, 0);
  }
}

async function streamRecords(file: string, take: (fields: string[]) => void, delimiter: string): Promise<void> {
  const records = new Records(take, delimiter);
  try {
    const gzip = await isGzip(file);
    const source = createReadStream(file, { highWaterMark: 1 << 18 });
    const read = (chunks: AsyncIterable<Buffer>) => records.read(chunks);
    if (gzip) await pipeline(source, createGunzip(), read);
    else await pipeline(source, read);
  } catch (error) {
    throw unreadable(error, file, records.lines);
  }
}

async function streamJson(file: string, take: (record: string[] | UnreadableLine) => void): Promise<void> {
  let lines = 0;
  const read = async (chunks: AsyncIterable<Buffer>) => {
    for await (const record of jsonRecords(linesOf(chunks))) {
      lines++;
      take(record);
    }
  };
  try {
    const gzip = await isGzip(file);
    const source = createReadStream(file, { highWaterMark: 1 << 18 });
    if (gzip) await pipeline(source, createGunzip(), read);
    else await pipeline(source, read);
  } catch (error) {
    throw unreadable(error, file, lines);
  }
}

/** No public table has a longer line; a file without line breaks is none. */
const LONGEST_LINE = 1 << 20;

/**
 * The records of a CSV text. Lines are split at their commas until the first quotation mark, from which on csv-parse reads:
 * the public tables have none, and a split is four times as fast.
 */
class Records {
  /** Lines split so far. */
  lines = 0;
  private readonly decoder = new TextDecoder();
  private rest = '';
  private parser: Parser | null = null;

  constructor(
    private readonly take: (fields: string[]) => void,
    private readonly delimiter: string,
  ) {}

  async read(chunks: AsyncIterable<Buffer>): Promise<void> {
    for await (const chunk of chunks) await this.add(this.decoder.decode(chunk, { stream: true }));
    await this.add(this.decoder.decode());
    if (this.parser) await endOf(this.parser);
    else if (this.rest !== '') this.split(this.rest);
  }

  private async add(text: string): Promise<void> {
    if (this.parser) return writeTo(this.parser, text);
    this.rest += text;
    if (text.includes('"')) {
      this.parser = quotedParser(this.take, this.delimiter);
      return writeTo(this.parser, this.rest);
    }
    const lines = this.rest.split('\n');
    this.rest = lines.pop()!;
    for (const line of lines) this.split(line);
    if (this.rest.length > LONGEST_LINE) throw new CsvError('CSV_MAX_RECORD_SIZE', 'a line is longer than 1 MiB');
  }

  private split(line: string): void {
    this.lines++;
    this.take((line.endsWith('\r') ? line.slice(0, -1) : line).split(this.delimiter));
  }
}

/** Records are taken inside the parser, which passes on none: an object stream would cost as much again. */
function quotedParser(take: (fields: string[]) => void, delimiter: string): Parser {
  const onRecord = (record: string[]) => {
    take(record);
    return null;
  };
  const parser = parse({
    delimiter,
    relax_column_count: true,
    max_record_size: LONGEST_LINE,
    on_record: onRecord,
  }).resume();
  // An error reaches whoever writes or ends; without a listener it would end the process as well.
  return parser.on('error', () => {});
}

function writeTo(parser: Parser, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    parser.write(text, (error) => (error ? reject(error) : resolve()));
  });
}

function endOf(parser: Parser): Promise<void> {
  parser.end();
  return finished(parser);
}

async function isGzip(file: string): Promise<boolean> {
  const handle = await open(file);
  try {
    const magic = Buffer.alloc(2);
    await handle.read(magic, 0, 2, 0);
    return magic[0] === 0x1f && magic[1] === 0x8b;
  } finally {
    await handle.close();
  }
}

function unreadable(error: unknown, file: string, before: number): WorkbenchError {
  if (error instanceof WorkbenchError) return error;
  const { code = '', message, lines } = error as { code?: string; message: string; lines?: number };
  if (!code.startsWith('CSV_') && !code.startsWith('Z_')) return locate(error, { file });
  const what = code.startsWith('Z_') ? 'its gzip stream is damaged' : message;
  return new WorkbenchError(
    'CSV_UNREADABLE',
    `The table cannot be read: ${what}`,
    { file, row: before + (lines ?? 1) },
    'Check that the file is a complete CSV table (it may be compressed with gzip).',
  );
}
