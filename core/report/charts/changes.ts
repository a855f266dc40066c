/** Differences about zero: estimates with intervals, and what each label contributes to a change. */
import { INK, ON_WHITE, type ReaderRole } from '../palette.ts';
import {
  clipped,
  type Figure,
  label,
  line,
  linearScale,
  type Mark,
  niceDomain,
  type Scale,
  signedDecimals,
  symbol,
  verticalGrid,
} from './figure.ts';

export interface Estimate {
  name: string;
  role: ReaderRole;
  value: number;
  interval: [number, number] | null;
  /** Of the first rank: drawn stronger. */
  strong: boolean;
}

/** One row for each estimate; an interval that leaves out zero is drawn filled, else hollow. */
export function estimatesChart(estimates: Estimate[], width: number, unit: string): Figure {
  const [nameWidth, valueWidth, rowHeight, top] = [176, 104, 20, 6];
  const height = top + estimates.length * rowHeight + 26;
  const bottom = height - 26;
  const values = estimates.flatMap(({ value, interval }) => [value, ...(interval ?? [])]);
  const x = linearScale(niceDomain(values, [0]), [nameWidth, width - valueWidth], 6);
  // Steps of .025 need a third decimal.
  const digits = x.ticks.every((tick) => Math.abs(tick * 100 - Math.round(tick * 100)) < 1e-6) ? 2 : 3;
  const marks: Mark[] = verticalGrid(x, top, bottom, digits, true);
  marks.push(
    line(
      [
        [x(0), top - 3],
        [x(0), bottom],
      ],
      { color: INK.text, width: 0.8 },
    ),
  );
  marks.push(
    label((nameWidth + width - valueWidth) / 2, height - 6, unit, { size: 7, color: INK.muted, anchor: 'middle' }),
  );
  marks.push(...estimates.flatMap((each, i) => estimateRow(each, top + (i + 0.5) * rowHeight, x, width)));
  const words = estimates.map(({ name, value, interval }) => `${name} ${signedDecimals(value)}${within(interval)}`);
  return { width, height, marks, alt: `${unit}: ${words.join('; ')}.` };
}

function estimateRow({ name, role, value, interval, strong }: Estimate, y: number, x: Scale, width: number): Mark[] {
  const color = ON_WHITE[role];
  const settled = interval !== null && (interval[0] > 0 || interval[1] < 0);
  const shown = clipped(name, 8, x(x.domain[0]) - 8);
  const marks: Mark[] = [label(0, y, shown, { weight: strong ? 'semibold' : 'regular' })];
  if (interval)
    marks.push(
      line(
        [
          [x(interval[0]), y],
          [x(interval[1]), y],
        ],
        { color, width: strong ? 2 : 1.25 },
      ),
    );
  marks.push(symbol(role, x(value), y, color, { radius: 3, hollow: interval !== null && !settled }));
  marks.push(
    label(width, y, `${signedDecimals(value)}${within(interval)}`, {
      size: 7.5,
      anchor: 'end',
      weight: strong ? 'semibold' : 'regular',
    }),
  );
  return marks;
}

function within(interval: [number, number] | null): string {
  return interval ? ` (${signedDecimals(interval[0])} to ${signedDecimals(interval[1])})` : '';
}

export interface ContributionSeries {
  role: ReaderRole;
  name: string;
  /** One for each label. */
  values: number[];
}

export interface ContributionPanel {
  title: string;
  series: ContributionSeries[];
}

/** Bars from zero, a row for each label; the sum of a series is written below it. */
export function contributionsChart(labels: readonly string[], panels: ContributionPanel[], width: number): Figure {
  const bars = Math.max(...panels.map((panel) => panel.series.length));
  const rowHeight = bars * 6 + 6;
  const [nameWidth, gap, top] = [118, 22, 26];
  const panelWidth = (width - nameWidth - gap * panels.length) / panels.length;
  const bottom = top + labels.length * rowHeight;
  const height = bottom + 16 + bars * 11 + 2;
  const domain = niceDomain(
    panels.flatMap((panel) => panel.series.flatMap((series) => series.values)),
    [0],
    0.01,
  );
  const marks: Mark[] = labels.flatMap((name, i): Mark[] => {
    const y = top + i * rowHeight;
    const band: Mark[] = i % 2 === 0 ? [{ kind: 'rect', x: 0, y, width, height: rowHeight, fill: INK.ground }] : [];
    return [...band, label(0, y + rowHeight / 2, name)];
  });
  panels.forEach((panel, p) => {
    const left = nameWidth + gap + p * (panelWidth + gap);
    const x = linearScale(domain, [left, left + panelWidth], 4);
    marks.push(...contributionPanel(panel, x, top, bottom, rowHeight));
  });
  const words = panels.map(
    ({ title, series }) =>
      `${title}: ${series.map(({ name, values }) => `${name} ${values.map((value, i) => `${labels[i]} ${signedDecimals(value)}`).join(', ')}`).join('; ')}`,
  );
  return { width, height, marks, alt: `Contribution of each label to the change of macro-F1. ${words.join('. ')}.` };
}

function contributionPanel(
  { title, series }: ContributionPanel,
  x: Scale,
  top: number,
  bottom: number,
  rowHeight: number,
): Mark[] {
  const left = x(x.domain[0]);
  const marks: Mark[] = [
    label(left, top - 14, clipped(title, 8, x(x.domain[1]) - left + 10), { weight: 'semibold' }),
    ...verticalGrid(x, top, bottom, 2, true),
  ];
  series.forEach(({ role, values, name }, s) => {
    const color = ON_WHITE[role];
    values.forEach((value, i) => {
      const y = top + (i + 0.5) * rowHeight + (s - (series.length - 1) / 2) * 6 - 2.25;
      marks.push({
        kind: 'rect',
        x: Math.min(x(0), x(value)),
        y,
        width: Math.abs(x(value) - x(0)),
        height: 4.5,
        fill: color,
      });
    });
    const sum = values.reduce((total, value) => total + value, 0);
    const y = bottom + 19 + s * 11;
    marks.push(
      symbol(role, left + 3, y, color),
      label(left + 10, y, `${clipped(name, 7.5, x(x.domain[1]) - left - 60)}: sum ${signedDecimals(sum)}`, {
        size: 7.5,
      }),
    );
  });
  marks.push(
    line(
      [
        [x(0), top - 3],
        [x(0), bottom],
      ],
      { color: INK.text, width: 0.8 },
    ),
  );
  return marks;
}
