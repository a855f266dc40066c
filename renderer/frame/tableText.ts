/** A table on the screen as text: tabs for a spreadsheet's clipboard, commas (RFC 4180) for a file. */

/** The text of each cell; pictures speak through their titles, a cell over several columns leaves the others empty. */
export function cellsOf(table: HTMLTableElement): string[][] {
  return [...table.rows].map((row) =>
    [...row.cells].flatMap((cell) => [plain(cell.textContent ?? ''), ...Array<string>(cell.colSpan - 1).fill('')]),
  );
}

export function tabbed(cells: readonly string[][]): string {
  return cells.map((row) => row.join('\t')).join('\n');
}

export function commaSeparated(cells: readonly string[][]): string {
  const quoted = (cell: string) => (/[",\n]/.test(cell) ? `"${cell.replace(/"/g, '""')}"` : cell);
  return `${cells.map((row) => row.map(quoted).join(',')).join('\r\n')}\r\n`;
}

function plain(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}
