/** A frame with two axes, into which lines and points are drawn; several of them side by side. Points, y downwards. */
import { INK } from '../palette.ts';
import { clipped, decimals, label, line, linearScale, type Mark, moved, type Scale } from './figure.ts';

export interface Panel {
  title: string;
  /** Under the title, muted. */
  note?: string;
  xDomain: [number, number];
  yDomain: [number, number];
  xTitle?: string;
  xDigits?: number;
  yDigits?: number;
  xTicks?: number;
  draw(x: Scale, y: Scale): Mark[];
}

const MARGIN = { left: 30, right: 6, top: 26, bottom: 24 };

export function panelMarks(panel: Panel, width: number, height: number): Mark[] {
  const { title, note, xDomain, yDomain, xTitle, xDigits = 1, yDigits = 1, xTicks = 3 } = panel;
  const [left, right, top, bottom] = [MARGIN.left, width - MARGIN.right, MARGIN.top, height - MARGIN.bottom];
  const x = linearScale(xDomain, [left, right], xTicks);
  const y = linearScale(yDomain, [bottom, top], 3);
  const marks: Mark[] = [label(0, 5, clipped(title, 7.5, width), { size: 7.5, weight: 'semibold' })];
  if (note) marks.push(label(0, 15, clipped(note, 6.5, width), { size: 6.5, color: INK.muted }));
  for (const tick of y.ticks) {
    marks.push(horizontal(left, right, y(tick), INK.grid));
    marks.push(label(left - 4, y(tick), decimals(tick, yDigits), { size: 6.5, color: INK.muted, anchor: 'end' }));
  }
  marks.push(horizontal(left, right, bottom, INK.rule));
  for (const tick of x.ticks) {
    const text = tick >= 1000 ? tick.toLocaleString('en') : decimals(tick, xDigits);
    marks.push(label(x(tick), bottom + 7, text, { size: 6.5, color: INK.muted, anchor: 'middle' }));
  }
  if (xTitle)
    marks.push(label((left + right) / 2, height - 5, xTitle, { size: 6.5, color: INK.muted, anchor: 'middle' }));
  return [...marks, ...panel.draw(x, y)];
}

/** Panels in rows of `columns`, on one plane. */
export function panelGrid(
  panels: readonly Panel[],
  { width, columns, rowHeight, top = 0 }: { width: number; columns: number; rowHeight: number; top?: number },
): { marks: Mark[]; height: number } {
  const gap = 12;
  const panelWidth = (width - gap * (columns - 1)) / columns;
  const marks = panels.flatMap((panel, i) => {
    const dx = (i % columns) * (panelWidth + gap);
    const dy = top + Math.floor(i / columns) * rowHeight;
    return panelMarks(panel, panelWidth, rowHeight - 8).map((mark) => moved(mark, dx, dy));
  });
  return { marks, height: top + Math.ceil(panels.length / columns) * rowHeight };
}

function horizontal(x1: number, x2: number, y: number, color: string): Mark {
  return line(
    [
      [x1, y],
      [x2, y],
    ],
    { color, width: 0.5 },
  );
}
