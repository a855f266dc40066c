/**
 * Confusion by label as bars about an axis: to the left the films that have the label (found, then missed), to the right
 * those that do not have it and were given it. A panel for each checkpoint, a row for each label; counts of films.
 */
import { INK, ON_WHITE, type ReaderRole } from '../palette.ts';
import { clipped, type Figure, label, line, type Mark, textWidth } from './figure.ts';

export interface ConfusionRow {
  tp: number;
  fp: number;
  fn: number;
}

export interface ConfusionPanel {
  name: string;
  role: ReaderRole;
  /** In the order of the labels. */
  rows: readonly ConfusionRow[];
}

const MISSED = '#D9D9D6';

export function confusionChart(labels: readonly string[], panels: readonly ConfusionPanel[], width: number): Figure {
  const [nameWidth, gap, top, rowHeight] = [118, 10, 34, 15];
  const panelWidth = (width - nameWidth - gap * panels.length) / panels.length;
  const bottom = top + labels.length * rowHeight;
  const most = (of: (row: ConfusionRow) => number) => Math.max(1, ...panels.flatMap(({ rows }) => rows.map(of)));
  const [positives, alarms] = [most(({ tp, fn }) => tp + fn), most(({ fp }) => fp)];
  // Room for the counts at both ends; one scale for all panels.
  const room = panelWidth - 2 * textWidth('0,000', 6);
  const scale = room / (positives + alarms);
  const marks: Mark[] = [
    ...labels.flatMap((name, i): Mark[] => {
      const y = top + i * rowHeight;
      const band: Mark[] = i % 2 === 0 ? [{ kind: 'rect', x: 0, y, width, height: rowHeight, fill: INK.ground }] : [];
      return [...band, label(0, y + rowHeight / 2, name)];
    }),
    ...panels.flatMap((panel, p) => {
      const left = nameWidth + gap + p * (panelWidth + gap);
      const axis = left + textWidth('0,000', 6) + positives * scale;
      return [
        label(left, 5, clipped(panel.name, 8, panelWidth), { weight: 'semibold', color: ON_WHITE[panel.role] }),
        label(axis - 3, top - 10, 'has it', { size: 6.5, color: INK.muted, anchor: 'end' }),
        label(axis + 3, top - 10, 'has it not', { size: 6.5, color: INK.muted }),
        ...panel.rows.flatMap((row, i) => bars(row, axis, top + i * rowHeight, rowHeight, scale, ON_WHITE[panel.role])),
        line(
          [
            [axis, top - 4],
            [axis, bottom + 2],
          ],
          { width: 0.8 },
        ),
      ];
    }),
  ];
  return { width, height: bottom + 4, marks, alt: inWords(labels, panels) };
}

function bars(
  { tp, fp, fn }: ConfusionRow,
  axis: number,
  y: number,
  height: number,
  scale: number,
  color: string,
): Mark[] {
  const bar = (x: number, n: number, fill: string): Mark[] =>
    n === 0 ? [] : [{ kind: 'rect', x, y: y + 3.5, width: n * scale, height: height - 7, fill }];
  const end = axis - (tp + fn) * scale;
  const count = (x: number, n: string, anchor: 'start' | 'end') =>
    label(x, y + height / 2, n, { size: 6, color: INK.muted, anchor });
  return [
    ...bar(axis - tp * scale, tp, color),
    ...bar(end, fn, MISSED),
    ...bar(axis, fp, color),
    ...crossed(axis, fp * scale, y + 3.5, height - 7),
    count(end - 2, `${tp}/${tp + fn}`, 'end'),
    count(axis + fp * scale + 2, String(fp), 'start'),
  ];
}

/** White strokes over a bar: false alarms are told from findings without colour. */
function crossed(x: number, width: number, y: number, height: number): Mark[] {
  const marks: Mark[] = [];
  for (let at = 2; at + 1 < width; at += 3.5) {
    marks.push(
      line(
        [
          [x + at, y],
          [x + at, y + height],
        ],
        { color: '#FFFFFF', width: 1 },
      ),
    );
  }
  return marks;
}

function inWords(labels: readonly string[], panels: readonly ConfusionPanel[]): string {
  const words = panels.map(({ name, rows }) => {
    const each = rows.map(({ tp, fp, fn }, i) => `${labels[i]} ${tp} of ${tp + fn} found, ${fp} false`);
    return `${name}: ${each.join('; ')}`;
  });
  return `Confusion by label. ${words.join('. ')}.`;
}
