/** Tables of the report as CSV (RFC 4180): unrounded values, and low and high in columns of their own. */
import type { Cell, Column, TableBlock } from '../blocks.ts';

export type Value = string | number | null;

/** The names of a table's columns; one with intervals is three. */
export function headerOf({ columns }: TableBlock): string[] {
  return columns.flatMap(({ title, interval }) => (interval ? [title, `${title}: low`, `${title}: high`] : [title]));
}

/** One row's values, in the order of `headerOf`. */
export function valuesOf(columns: readonly Column[], row: readonly Cell[]): Value[] {
  return row.flatMap((cell, i): Value[] => {
    const value = cell.value === undefined ? cell.text : cell.value;
    if (!columns[i]!.interval) return [value];
    return [value, cell.interval?.[0] ?? null, cell.interval?.[1] ?? null];
  });
}

export function tableCsv(table: TableBlock): string {
  return csv([headerOf(table), ...table.rows.map((row) => valuesOf(table.columns, row))]);
}

export function csv(rows: readonly (readonly Value[])[]): string {
  return rows.map((row) => `${row.map(field).join(',')}\r\n`).join('');
}

function field(value: Value): string {
  const text = value === null ? '' : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
}
