/** F1 by label with its interval, a row for each label and a mark for each checkpoint; one panel for each data set. */
import { INK, ON_WHITE, type ReaderRole } from '../palette.ts';
import {
  clipped,
  decimals,
  type Figure,
  label,
  legend,
  line,
  linearScale,
  type Mark,
  type Scale,
  symbol,
  verticalGrid,
} from './figure.ts';

export interface ForestMark {
  role: ReaderRole;
  f1: number;
  interval: [number, number] | null;
}

export interface ForestPanel {
  title: string;
  /** Row name -> marks in the order of the checkpoints, and the number beside the row; null: not scored here. */
  rows: ({ marks: ForestMark[]; support: number } | null)[];
}

export interface ForestWords {
  what: string;
  /** Over the numbers beside the rows. */
  count: string;
  /** Where a panel has no such row. */
  missing: string;
}

const EDGE = 8;

export function forestChart(
  rowNames: readonly string[],
  panels: ForestPanel[],
  readers: { role: ReaderRole; name: string }[],
  width: number,
  words: ForestWords = { what: 'F1 by label', count: 'n+', missing: 'not scored' },
): Figure {
  const rowHeight = Math.max(16, readers.length * 5.5 + 5);
  const [nameWidth, gap] = [118, 26];
  const names = legend(
    readers.map(({ role, name }) => ({ role, name, color: ON_WHITE[role] })),
    nameWidth + gap,
    6,
    width - nameWidth - gap,
  );
  const top = names.height + 28;
  const height = top + rowNames.length * rowHeight + 16;
  // The last axis' number is centred on the panel's edge.
  const panelWidth = (width - nameWidth - gap * panels.length - EDGE) / panels.length;
  const bottom = height - 16;
  const marks: Mark[] = names.marks;
  rowNames.forEach((name, i) => {
    const y = top + (i + 0.5) * rowHeight;
    marks.push(label(0, y, name));
    if (i % 2 === 0)
      marks.unshift({ kind: 'rect', x: 0, y: y - rowHeight / 2, width, height: rowHeight, fill: INK.ground });
  });
  panels.forEach((panel, p) => {
    const left = nameWidth + gap + p * (panelWidth + gap);
    marks.push(...forestPanel(panel, linearScale([0, 1], [left, left + panelWidth]), top, bottom, rowHeight, words));
  });
  return { width, height, marks, alt: `${words.what}${inWords(rowNames, panels, readers)}` };
}

function forestPanel(
  panel: ForestPanel,
  x: Scale,
  top: number,
  bottom: number,
  rowHeight: number,
  words: ForestWords,
): Mark[] {
  const title = clipped(panel.title, 8, x(1) - x(0));
  const marks: Mark[] = [label(x(0), top - 18, title, { weight: 'semibold' })];
  marks.push(label(x(0) - 7, top - 7, words.count, { size: 6.5, color: INK.muted, anchor: 'end' }));
  marks.push(...verticalGrid(x, top, bottom));
  panel.rows.forEach((row, i) => {
    const middle = top + (i + 0.5) * rowHeight;
    if (!row) {
      marks.push(label(x(0) + 3, middle, words.missing, { size: 7, color: INK.muted, weight: 'italic' }));
      return;
    }
    marks.push(label(x(0) - 7, middle, String(row.support), { size: 6.5, color: INK.muted, anchor: 'end' }));
    row.marks.forEach(({ role, f1, interval }, j) => {
      const y = middle + (j - (row.marks.length - 1) / 2) * 5.5;
      const color = ON_WHITE[role];
      if (interval)
        marks.push(
          line(
            [
              [x(interval[0]), y],
              [x(interval[1]), y],
            ],
            { color, width: 1 },
          ),
        );
      marks.push(symbol(role, x(f1), y, color, { radius: 2.2 }));
    });
  });
  return marks;
}

function inWords(rowNames: readonly string[], panels: ForestPanel[], readers: { name: string }[]): string {
  const rows = panels.map(({ title, rows }) => {
    const values = rows.map((row, i) =>
      row
        ? `${rowNames[i]} ${row.marks.map((mark, j) => `${readers[j]?.name} ${decimals(mark.f1, 2)}`).join(', ')}`
        : '',
    );
    return `${title}: ${values.filter((text) => text !== '').join('; ')}`;
  });
  return ` with 95 % intervals. ${rows.join('. ')}.`;
}
