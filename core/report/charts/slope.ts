/** Macro-F1 (or one label's F1) from the source to the target, a line for each checkpoint. */
import { INK, ON_WHITE, type ReaderRole } from '../palette.ts';
import {
  clipped,
  decimals,
  type Figure,
  label,
  line,
  linearScale,
  type Mark,
  niceDomain,
  spread,
  symbol,
} from './figure.ts';

export interface SlopeLine {
  name: string;
  role: ReaderRole;
  source: number;
  target: number;
  sourceInterval: [number, number] | null;
  targetInterval: [number, number] | null;
}

export interface SlopeInput {
  lines: SlopeLine[];
  sourceName: string;
  targetName: string;
  width: number;
  height: number;
}

/** With whiskers for the intervals and each line named at both ends. */
export function slopeChart({ lines, sourceName, targetName, width, height }: SlopeInput): Figure {
  const [top, bottom] = [26, height - 10];
  // Narrow ones name a line at its right end only.
  const narrow = width < 250;
  const [left, right] = narrow ? [34, width - 66] : [width * 0.28, width * 0.72];
  // Of the data sets' names above, and of the checkpoints' names beside the ends.
  const nameRoom = narrow ? (right - left) * 0.95 : (right - left) * 0.9;
  const beside = narrow ? 6 : 16;
  const endRoom = width - right - beside - 30;
  const nameOf = ({ name }: SlopeLine) => clipped(name, 8, endRoom);
  const values = lines.flatMap((each) => [
    each.source,
    each.target,
    ...(each.sourceInterval ?? []),
    ...(each.targetInterval ?? []),
  ]);
  const y = linearScale(niceDomain(values), [bottom, top]);
  const marks: Mark[] = [left, right].map((x) =>
    line(
      [
        [x, top - 6],
        [x, bottom + 4],
      ],
      { color: INK.rule },
    ),
  );
  marks.push(
    label(left, top - 15, clipped(sourceName, 7.5, nameRoom), { size: 7.5, anchor: 'middle', color: INK.muted }),
  );
  marks.push(
    label(right, top - 15, clipped(targetName, 7.5, nameRoom), { size: 7.5, anchor: 'middle', color: INK.muted }),
  );
  const ends = (side: 'source' | 'target') =>
    spread(
      lines.map((each) => y(each[side])),
      11,
      top,
      bottom,
    );
  const [atLeft, atRight] = [ends('source'), ends('target')];
  lines.forEach((each, i) => {
    const color = ON_WHITE[each.role];
    const shift = narrow ? 0 : (i - (lines.length - 1) / 2) * 5;
    const [x1, x2] = [left + shift, right + shift];
    marks.push(
      line(
        [
          [x1, y(each.source)],
          [x2, y(each.target)],
        ],
        { color, width: 1.5 },
      ),
    );
    marks.push(...whisker(x1, each.sourceInterval, y, color), ...whisker(x2, each.targetInterval, y, color));
    marks.push(
      symbol(each.role, x1, y(each.source), color, { radius: 3 }),
      symbol(each.role, x2, y(each.target), color, { radius: 3 }),
    );
    marks.push(
      label(left - beside, atLeft[i]!, narrow ? decimals(each.source) : `${nameOf(each)}  ${decimals(each.source)}`, {
        color,
        anchor: 'end',
        weight: 'semibold',
      }),
    );
    marks.push(
      label(right + beside, atRight[i]!, `${decimals(each.target)}  ${nameOf(each)}`, { color, weight: 'semibold' }),
    );
  });
  return {
    width,
    height,
    marks,
    alt: `Macro-F1 on ${sourceName} and ${targetName}: ${lines.map(inWords).join('; ')}.`,
  };
}

function whisker(x: number, interval: [number, number] | null, y: (value: number) => number, color: string): Mark[] {
  if (!interval) return [];
  const [low, high] = interval.map(y) as [number, number];
  return [
    line(
      [
        [x, low],
        [x, high],
      ],
      { color, width: 0.75 },
    ),
    line(
      [
        [x - 2, low],
        [x + 2, low],
      ],
      { color, width: 0.75 },
    ),
    line(
      [
        [x - 2, high],
        [x + 2, high],
      ],
      { color, width: 0.75 },
    ),
  ];
}

function inWords({ name, source, target }: SlopeLine): string {
  return `${name} ${decimals(source)} and ${decimals(target)}`;
}

export interface SlopePanel {
  title: string;
  lines: SlopeLine[];
  /** Set under the title: supports. */
  note: string;
}

/** Small multiples of slopes on one common scale, a panel for each label. */
export function slopePanels(panels: SlopePanel[], width: number, columns = 5): Figure {
  const gap = 12;
  const panelWidth = (width - gap * (columns - 1)) / columns;
  const rows = Math.ceil(panels.length / columns);
  const rowHeight = 96;
  const marks = panels.flatMap((panel, i) => {
    const x = (i % columns) * (panelWidth + gap);
    return slopePanel(panel, x, Math.floor(i / columns) * rowHeight, panelWidth, rowHeight - 12);
  });
  const words = panels.map(({ title, lines }) => `${title}: ${lines.map(inWords).join(', ')}`);
  return {
    width,
    height: rows * rowHeight,
    marks,
    alt: `F1 by label on the source and the target. ${words.join('; ')}.`,
  };
}

function slopePanel({ title, note, lines }: SlopePanel, x: number, top: number, width: number, height: number): Mark[] {
  const plotTop = top + 25;
  const bottom = top + height;
  const y = linearScale([0, 1], [bottom, plotTop]);
  const [left, right] = [x + 20, x + width - 8];
  const marks: Mark[] = [
    label(x, top + 5, title, { size: 7.5, weight: 'semibold' }),
    label(x, top + 14.5, note, { size: 6.5, color: INK.muted }),
  ];
  for (const tick of [0, 0.5, 1]) {
    marks.push(
      line(
        [
          [left - 4, y(tick)],
          [right + 4, y(tick)],
        ],
        { color: INK.grid, width: 0.5 },
      ),
    );
    marks.push(label(left - 7, y(tick), decimals(tick, 1), { size: 6, color: INK.muted, anchor: 'end' }));
  }
  for (const each of lines) {
    const color = ON_WHITE[each.role];
    marks.push(
      line(
        [
          [left, y(each.source)],
          [right, y(each.target)],
        ],
        { color, width: 1.2 },
      ),
    );
    marks.push(
      symbol(each.role, left, y(each.source), color, { radius: 2.2 }),
      symbol(each.role, right, y(each.target), color, { radius: 2.2 }),
    );
  }
  return marks;
}
