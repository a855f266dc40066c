/** Numbers and hashes as the report prints them, as cells that keep the unrounded value for the exports. */
import type { Interval } from '../evaluation/types.ts';
import { isSettled } from '../evaluation/types.ts';
import type { Cell } from './blocks.ts';
import { decimals, signedDecimals } from './charts/figure.ts';

export function text(words: string, style: Omit<Cell, 'text'> = {}): Cell {
  return { text: words, ...style };
}

export function count(value: number): Cell {
  return { text: value.toLocaleString('en'), value };
}

/** An en dash where there is none. */
export function number(value: number | null | undefined, digits = 3, style: Omit<Cell, 'text'> = {}): Cell {
  if (value === null || value === undefined || Number.isNaN(value)) return { text: '\u2013', value: null, ...style };
  return { text: decimals(value, digits), value, ...style };
}

export function signed(value: number, digits = 3, style: Omit<Cell, 'text'> = {}): Cell {
  return { text: signedDecimals(value, digits), value, ...style };
}

export function percent(value: number): Cell {
  return { text: percentText(value), value };
}

export function percentText(value: number): string {
  return `${(100 * value).toFixed(1)} %`;
}

/** "0.282 (0.250-0.310)". */
export function estimate(value: number, interval: Interval | null, digits = 3): Cell {
  return { text: `${decimals(value, digits)}${range(interval, digits)}`, value, interval: pairOf(interval) };
}

function range(interval: Interval | null, digits: number): string {
  return interval ? ` (${decimals(interval.low, digits)}\u2013${decimals(interval.high, digits)})` : '';
}

/** "+0.010 (-0.020 to +0.040)", bold where the interval leaves out zero. The interval stays in one line. */
export function change(value: number, interval: Interval | null): Cell {
  return {
    text: changeText(value, interval).replaceAll(' to ', '\u00a0to\u00a0'),
    value,
    interval: pairOf(interval),
    weight: isSettled(interval) ? 'semibold' : 'regular',
  };
}

export function changeText(value: number, interval: Interval | null): string {
  if (!interval) return signedDecimals(value);
  return `${signedDecimals(value)} (${signedDecimals(interval.low)} to ${signedDecimals(interval.high)})`;
}

export function pValue(p: number | null): Cell {
  if (p === null) return { text: '\u2013', value: null };
  return { text: p < 0.001 ? '<0.001' : p.toFixed(3), value: p };
}

export function pairOf(interval: Interval | null): [number, number] | null {
  return interval ? [interval.low, interval.high] : null;
}

/** The first 12 digits of a sha256. */
export function short(hash: string): string {
  return hash === '' ? 'unknown' : hash.slice(0, 12);
}

/** "A, B and C". */
export function listed(words: readonly string[]): string {
  if (words.length < 2) return words.join('');
  return `${words.slice(0, -1).join(', ')} and ${words[words.length - 1]}`;
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString('en')} ${n === 1 ? one : many}`;
}

/** "2.4 h", "35 min", "12 s". */
export function duration(seconds: number): string {
  if (seconds >= 5400) return `${(seconds / 3600).toFixed(1)} h`;
  if (seconds >= 90) return `${Math.round(seconds / 60)} min`;
  return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
}

/** "1.2 GiB". */
export function bytes(value: number): string {
  return value >= 2 ** 30 ? `${(value / 2 ** 30).toFixed(1)} GiB` : `${Math.round(value / 2 ** 20)} MiB`;
}

/** "23 November 2026". */
export function day(iso: string): string {
  const [year, month, date] = iso.slice(0, 10).split('-').map(Number) as [number, number, number];
  return `${date} ${MONTHS[month - 1] ?? ''} ${year}`;
}

const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];
