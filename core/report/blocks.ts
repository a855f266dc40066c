/**
 * What a section of the report consists of, as data. The PDF draws the blocks, the exports write the same tables and
 * figures as CSV, JSON, LaTeX and SVG; so there is one form of each number. Pure.
 */
import type { Figure, Mark, Weight } from './charts/figure.ts';

/** A stretch of text in one style. */
export interface Span {
  text: string;
  weight?: Weight;
  color?: string;
  underline?: boolean;
}

export type Words = string | readonly Span[];

export interface Cell {
  /** As it is printed. */
  text: string;
  /** What the exports write, unrounded; absent: the text. null: there is none. */
  value?: number | string | null;
  /** For columns with `interval`. */
  interval?: readonly [low: number, high: number] | null;
  weight?: Weight;
  color?: string;
  /** A reader's mark before the text. */
  mark?: SymbolMark;
}

export type SymbolMark = Mark & { kind: 'symbol' };

export interface Column {
  title: string;
  /** Its part of the width; the parts of a table need not sum to 1. */
  width: number;
  align?: 'left' | 'right';
  /** Its cells carry intervals: the exports write two more columns, low and high. */
  interval?: boolean;
}

export interface TableBlock {
  kind: 'table';
  /** Of the exports' file: lower case letters and dashes. */
  id: string;
  caption: string;
  columns: readonly Column[];
  rows: readonly (readonly Cell[])[];
  /** Points; 8 where left out. */
  size?: number;
}

export interface FigureBlock {
  kind: 'figure';
  id: string;
  caption: string;
  figure: Figure;
}

/** 8-bit gray, rows from the top. */
export interface GrayImage {
  width: number;
  height: number;
  gray: Uint8Array;
}

/** A film with what was said of it; kept together. */
export interface FilmBlock {
  kind: 'film';
  title: string;
  /** null: the picture is withheld, and `alt` says why. */
  image: GrayImage | null;
  alt: string;
  /** Labels by reader, under the picture. */
  matrix: Figure;
  readings: { heading: Span; mark: SymbolMark; words: Words }[];
}

export type Block =
  | { kind: 'paragraph'; words: Words }
  | { kind: 'subheading'; text: string }
  | { kind: 'list'; items: readonly Words[] }
  | { kind: 'commands'; lines: readonly string[] }
  | TableBlock
  | FigureBlock
  | FilmBlock;

export function plainText(words: Words): string {
  return typeof words === 'string' ? words : words.map(({ text }) => text).join('');
}
