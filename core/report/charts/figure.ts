/**
 * A chart as data: marks on a plane in points, y downwards. Charts are pure functions from results to a `Figure`; the PDF
 * draws it as vectors with selectable text, the renderer and the exports as SVG. So there is one form of each chart.
 */
import { INK, type ReaderRole, SHAPES, type SymbolShape } from '../palette.ts';

export type Weight = 'regular' | 'semibold' | 'italic';

export interface TextMark {
  kind: 'text';
  x: number;
  /** Of the middle of the lower-case letters. */
  y: number;
  text: string;
  size: number;
  color: string;
  anchor: 'start' | 'middle' | 'end';
  weight: Weight;
}

export type Mark =
  | { kind: 'line'; points: [x: number, y: number][]; color: string; width: number; dash: number[] | null }
  | { kind: 'rect'; x: number; y: number; width: number; height: number; fill: string }
  /** `hollow`: outlined on white. */
  | { kind: 'symbol'; shape: SymbolShape; x: number; y: number; radius: number; color: string; hollow: boolean }
  | TextMark;

export interface Figure {
  width: number;
  height: number;
  /** What the chart shows, in words, for those who cannot see it. */
  alt: string;
  marks: Mark[];
}

export function line(
  points: [number, number][],
  { color = INK.text as string, width = 0.75, dash = null as number[] | null } = {},
): Mark {
  return { kind: 'line', points, color, width, dash };
}

export function label(
  x: number,
  y: number,
  text: string,
  { size = 8, color = INK.text as string, anchor = 'start' as TextMark['anchor'], weight = 'regular' as Weight } = {},
): TextMark {
  return { kind: 'text', x, y, text, size, color, anchor, weight };
}

export function symbol(
  role: ReaderRole,
  x: number,
  y: number,
  color: string,
  { radius = 2.6, hollow = false } = {},
): Mark {
  return { kind: 'symbol', shape: SHAPES[role], x, y, radius, color, hollow };
}

export interface Scale {
  (value: number): number;
  ticks: number[];
  domain: [number, number];
}

/** From values to points, with round ticks. */
export function linearScale(domain: [number, number], range: [number, number], count = 5): Scale {
  const [low, high] = domain;
  const step = roundStep((high - low) / count);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
  const scale = (value: number) => range[0] + ((value - low) / (high - low)) * (range[1] - range[0]);
  return Object.assign(scale, { ticks, domain });
}

function roundStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((step) => step >= rough - 1e-12)!;
}

/** A domain that holds all values, widened to whole steps. */
export function niceDomain(values: readonly number[], include: readonly number[] = [], step = 0.05): [number, number] {
  const all = [...values, ...include];
  const low = Math.floor(Math.min(...all) / step + 1e-9) * step;
  const high = Math.ceil(Math.max(...all) / step - 1e-9) * step;
  return high - low < step ? [low - step, high + step] : [low, high];
}

/** F1 and its differences: three decimals where it matters, two on axes; a true minus sign. */
export function decimals(value: number, digits = 3): string {
  return value
    .toFixed(digits)
    .replace(/^-(0(?:\.0+)?)$/, '$1')
    .replace('-', '\u2212');
}

export function signedDecimals(value: number, digits = 3): string {
  const text = decimals(value, digits);
  return Number(value.toFixed(digits)) > 0 ? `+${text}` : text;
}

/** Vertical grid with tick labels below. */
export function verticalGrid(x: Scale, top: number, bottom: number, digits = 1, signed = false): Mark[] {
  return x.ticks.flatMap((tick) => [
    line(
      [
        [x(tick), top],
        [x(tick), bottom],
      ],
      { color: INK.grid, width: 0.5 },
    ),
    label(x(tick), bottom + 7, signed ? signedDecimals(tick, digits) : decimals(tick, digits), {
      size: 7,
      color: INK.muted,
      anchor: 'middle',
    }),
  ]);
}

export interface LegendEntry {
  role: ReaderRole;
  name: string;
  color: string;
}

/** Symbols with names from the left, in as many rows as they need; `height` is theirs. */
export function legend(
  entries: LegendEntry[],
  x: number,
  y: number,
  width: number,
  size = 8,
): { marks: Mark[]; height: number } {
  const step = size + 4;
  let [at, row] = [x, 0];
  const marks = entries.flatMap(({ role, name, color }) => {
    const shown = clipped(name, size, width - 12);
    const needed = 10 + textWidth(shown, size) + 14;
    if (at > x && at + needed > x + width) [at, row] = [x, row + 1];
    const middle = y + row * step;
    const both = [symbol(role, at + 3, middle, color), label(at + 10, middle, shown, { size })];
    at += needed;
    return both;
  });
  return { marks, height: (row + 1) * step };
}

/** Chinese, Japanese and Korean letters are as wide as they are high. */
const WIDE = /[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]/g;

/** About the width of a text in Inter, in points; a little more than it needs. */
export function textWidth(text: string, size: number): number {
  const wide = text.match(WIDE)?.length ?? 0;
  return ([...text].length - wide) * size * 0.56 + wide * size;
}

/** The text, with its middle left out where it is wider than that: names often differ at their ends. */
export function clipped(text: string, size: number, width: number): string {
  if (textWidth(text, size) <= width) return text;
  const letters = [...text];
  for (let kept = letters.length - 1; kept > 2; kept--) {
    const head = Math.ceil(kept * 0.6);
    const shorter = `${letters.slice(0, head).join('').trimEnd()}\u2026${letters
      .slice(letters.length - (kept - head))
      .join('')
      .trimStart()}`;
    if (textWidth(shorter, size) <= width) return shorter;
  }
  return '\u2026';
}

/** Moves positions apart until none is nearer than `gap` to the next; the order stays. */
export function spread(positions: readonly number[], gap: number, low: number, high: number): number[] {
  const order = positions.map((_, i) => i).sort((a, b) => positions[a]! - positions[b]!);
  const placed = positions.slice();
  order.forEach((index, rank) => {
    const before = rank === 0 ? low : placed[order[rank - 1]!]! + gap;
    placed[index] = Math.max(placed[index]!, before);
  });
  for (let rank = order.length - 1; rank >= 0; rank--) {
    const after = rank === order.length - 1 ? high : placed[order[rank + 1]!]! - gap;
    placed[order[rank]!] = Math.min(placed[order[rank]!]!, after);
  }
  return placed;
}

/** Figures of equal height in a row, each under its title. */
export function sideBySide(panels: { title: string; figure: Figure }[], gap = 12): Figure {
  const titleHeight = 16;
  let x = 0;
  const marks = panels.flatMap(({ title, figure }) => {
    const at = x;
    x += figure.width + gap;
    return [label(at, 5, title, { weight: 'semibold' }), ...figure.marks.map((mark) => moved(mark, at, titleHeight))];
  });
  const height = titleHeight + Math.max(...panels.map(({ figure }) => figure.height));
  return { width: x - gap, height, marks, alt: panels.map(({ title, figure }) => `${title}: ${figure.alt}`).join(' ') };
}

export function moved(mark: Mark, dx: number, dy: number): Mark {
  if (mark.kind === 'line') return { ...mark, points: mark.points.map(([x, y]) => [x + dx, y + dy]) };
  return { ...mark, x: mark.x + dx, y: mark.y + dy };
}

/** The outline of a symbol; null for a circle. */
export function outline(shape: SymbolShape, x: number, y: number, r: number): [number, number][] | null {
  if (shape === 'square')
    return [
      [x - r * 0.89, y - r * 0.89],
      [x + r * 0.89, y - r * 0.89],
      [x + r * 0.89, y + r * 0.89],
      [x - r * 0.89, y + r * 0.89],
    ];
  if (shape === 'diamond')
    return [
      [x, y - r * 1.25],
      [x + r * 1.25, y],
      [x, y + r * 1.25],
      [x - r * 1.25, y],
    ];
  if (shape === 'triangle')
    return [
      [x, y - r * 1.2],
      [x + r * 1.1, y + r * 0.8],
      [x - r * 1.1, y + r * 0.8],
    ];
  if (shape === 'wedge')
    return [
      [x, y + r * 1.2],
      [x + r * 1.1, y - r * 0.8],
      [x - r * 1.1, y - r * 0.8],
    ];
  if (shape === 'hexagon')
    return [0, 1, 2, 3, 4, 5].map((i) => [
      x + r * 1.1 * Math.cos((i * Math.PI) / 3),
      y + r * 1.1 * Math.sin((i * Math.PI) / 3),
    ]);
  if (shape === 'upright' || shape === 'flat') {
    const [a, b] = shape === 'upright' ? [r * 0.55, r * 1.25] : [r * 1.25, r * 0.55];
    return [
      [x - a, y - b],
      [x + a, y - b],
      [x + a, y + b],
      [x - a, y + b],
    ];
  }
  if (shape === 'cross') {
    const [a, b] = [r * 0.4, r * 1.1];
    return [
      [x - a, y - b],
      [x + a, y - b],
      [x + a, y - a],
      [x + b, y - a],
      [x + b, y + a],
      [x + a, y + a],
      [x + a, y + b],
      [x - a, y + b],
      [x - a, y + a],
      [x - b, y + a],
      [x - b, y - a],
      [x - a, y - a],
    ];
  }
  return null;
}
