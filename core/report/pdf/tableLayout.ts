/** A table's columns, lines and row heights, worked out once. Lengths are points. */
import type { Cell, Column } from '../blocks.ts';
import { CONTENT_HEIGHT, CONTENT_WIDTH } from '../page.ts';
import type { Line, TextStyle } from './lines.ts';
import type { Typesetter } from './typesetter.ts';

/** Lines of a cell that are printed; what is longer ends with an ellipsis. */
const CELL_LINES = 30;

export interface Row {
  cells: { cell: Cell; lines: Line[] }[];
  height: number;
}

export class TableLayout {
  readonly header: Row;
  readonly rows: Row[];
  readonly lefts: number[];
  private readonly widths: number[];

  constructor(
    private readonly type: Typesetter,
    readonly columns: readonly Column[],
    rows: readonly (readonly Cell[])[],
    readonly size = 8,
  ) {
    this.widths = this.fitted(columns);
    this.lefts = this.widths.map((_, i) => this.widths.slice(0, i).reduce((sum, width) => sum + width, 0));
    this.header = this.row(columns.map((column): Cell => ({ text: column.title, weight: 'semibold' })));
    this.rows = rows.map((row) => this.row(row));
  }

  /** The widths asked for, but none narrower than the longest word of its header; the others give way in proportion. */
  private fitted(columns: readonly Column[]): number[] {
    const total = columns.reduce((sum, { width }) => sum + width, 0);
    const asked = columns.map(({ width }) => (width / total) * CONTENT_WIDTH);
    const least = columns.map(
      ({ title }) =>
        Math.max(...title.split(/[ -]/).map((word) => this.type.faces.width(`${word}-`, 'semibold', this.size))) + 6,
    );
    const missing = asked.reduce((sum, width, i) => sum + Math.max(0, least[i]! - width), 0);
    const spare = asked.reduce((sum, width, i) => sum + Math.max(0, width - least[i]!), 0);
    if (missing === 0 || missing > spare) return asked;
    return asked.map((width, i) => Math.max(least[i]!, width - (Math.max(0, width - least[i]!) / spare) * missing));
  }

  style({ weight, color }: Cell): TextStyle {
    return { size: this.size, lineGap: 1, weight, color };
  }

  innerWidth(column: number, cell: Cell): number {
    return this.widths[column]! - 6 - (cell.mark ? 9 : 0);
  }

  /** Room that a row needs so that none stands alone: the last rows of a table go together. */
  together(index: number): number {
    const left = this.rows.length - index;
    const rows = this.rows.slice(index, left <= 2 ? undefined : index + 1);
    const height = rows.reduce((sum, row) => sum + row.height, 0);
    return Math.min(height, CONTENT_HEIGHT - this.header.height);
  }

  private row(cells: readonly Cell[]): Row {
    const laid = cells.map((cell, i) => {
      const lines = this.type.lines(cell.text, this.innerWidth(i, cell), this.style(cell));
      return { cell, lines: lines.length <= CELL_LINES ? lines : shortened(lines) };
    });
    const most = Math.max(1, ...laid.map(({ lines }) => lines.length));
    return { cells: laid, height: most * this.type.lineHeight({ size: this.size, lineGap: 1 }) + 5 };
  }
}

function shortened(lines: readonly Line[]): Line[] {
  const kept = lines.slice(0, CELL_LINES);
  const last = kept[kept.length - 1]![0];
  if (last) last.text = `${last.text.slice(0, -2)}\u2026`;
  return kept;
}
