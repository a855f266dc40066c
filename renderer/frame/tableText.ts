/** A table on the screen as text: tabs for a spreadsheet's clipboard, commas (RFC 4180) for a file. */

/**
 * What each cell says, in one row for the whole head: a head of several rows is joined column by column. Pictures speak
 * through their names, what is hidden from a screen reader is left out. A cell over several rows stands in each of them; one
 * over several columns in each of a head, in the first of a body. `data-value` says what a cell of pictures or controls means.
 */
export function cellsOf(table: HTMLTableElement): string[][] {
  const head = spread([...(table.tHead?.rows ?? [])], true);
  const body = spread(
    [...table.rows].filter((row) => row.parentElement !== table.tHead),
    false,
  );
  const width = Math.max(0, ...head.map((row) => row.length));
  const names = Array.from({ length: width }, (_, column) =>
    plain([...new Set(head.map((row) => row[column] ?? ''))].join(' ')),
  );
  return width > 0 ? [names, ...body] : body;
}

function spread(rows: HTMLTableRowElement[], repeat: boolean): string[][] {
  const grid: string[][] = rows.map(() => []);
  for (const [at, row] of rows.entries()) {
    let column = 0;
    for (const cell of row.cells) {
      while (grid[at]![column] !== undefined) column++;
      const said = cell.dataset.value ?? plain(spoken(cell));
      for (let down = 0; down < cell.rowSpan && at + down < rows.length; down++)
        for (let right = 0; right < cell.colSpan; right++)
          grid[at + down]![column + right] = right === 0 || repeat ? said : '';
      column += cell.colSpan;
    }
  }
  return grid.map((cells) => Array.from(cells, (cell) => cell ?? ''));
}

function spoken(node: Node): string {
  if (node.nodeType === Node.TEXT_NODE) return node.textContent ?? '';
  if (!(node instanceof Element) || node.getAttribute('aria-hidden') === 'true') return '';
  const name = node.getAttribute('role') === 'img' ? node.getAttribute('aria-label') : null;
  return name ?? [...node.childNodes].map(spoken).join(' ');
}

export function tabbed(cells: readonly string[][]): string {
  return cells.map((row) => row.join('\t')).join('\n');
}

export function commaSeparated(cells: readonly string[][]): string {
  const quoted = (cell: string) => (/[",\r\n]/.test(cell) ? `"${cell.replace(/"/g, '""')}"` : cell);
  return `${cells.map((row) => row.map(quoted).join(',')).join('\r\n')}\r\n`;
}

function plain(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}
