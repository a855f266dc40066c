/**
 * Text broken into lines: at spaces and between Chinese, Japanese and Korean letters; after hyphens and slashes, and inside a
 * word, only where the word is wider than the line. Widths are points.
 */
import type { Span, Words } from '../blocks.ts';
import type { Weight } from '../charts/figure.ts';

export interface TextStyle {
  size?: number;
  color?: string;
  weight?: Weight;
  /** Room below. */
  after?: number;
  /** Between two lines, beyond the font's own height. */
  lineGap?: number;
}

export interface LinePart {
  span: Span;
  text: string;
}

export type Line = LinePart[];

export type Measure = (text: string, weight: Weight, size: number) => number;

const WIDE = '\\u2e80-\\u9fff\\uac00-\\ud7af\\uf900-\\ufaff\\uff00-\\uffef';
/** What is kept together: a wide letter, the rest of a word up to a hyphen or slash; with the spaces behind it. */
const PIECE = new RegExp(`[${WIDE}] *|[^ ${WIDE}/-]*[/-]+ *|[^ ${WIDE}/-]+ *| +`, 'gu');

/** With the spaces behind it. */
const WORD = / *[^ ]+ *| +/gu;
const HAS_WIDE = new RegExp(`[${WIDE}]`, 'u');

interface Piece {
  span: Span;
  text: string;
}

/** @param width of the column */
export function breakLines(words: Words, width: number, style: TextStyle, measure: Measure): Line[] {
  const spans = typeof words === 'string' ? [{ text: words }] : words;
  const lines: Line[] = [];
  let line: Line = [];
  let used = 0;
  const end = () => {
    lines.push(trimmed(line));
    line = [];
    used = 0;
  };
  const widthOf = ({ span, text }: Piece, whole = true) =>
    measure(whole ? text : text.trimEnd(), span.weight ?? style.weight ?? 'regular', style.size ?? 9);
  const add = (piece: Piece) => {
    const last = line[line.length - 1];
    if (last?.span === piece.span) last.text += piece.text;
    else line.push({ ...piece });
    used += widthOf(piece);
  };
  const addPiece = (span: Span, text: string) => {
    let piece: Piece = { span, text };
    if (used > 0 && used + widthOf(piece, false) > width) end();
    while (widthOf(piece, false) > width && piece.text.trimEnd().length > 1) {
      const head = fitting(piece, width, widthOf);
      add({ span, text: head });
      end();
      piece = { span, text: piece.text.slice(head.length) };
    }
    add(piece);
  };
  for (const span of spans) {
    span.text.split('\n').forEach((text, i) => {
      if (i > 0) end();
      for (const [word] of text.matchAll(WORD)) {
        const isWhole = widthOf({ span, text: word }, false) <= width && !HAS_WIDE.test(word);
        const pieces = isWhole ? [word] : (word.match(PIECE) ?? []);
        for (const piece of pieces) addPiece(span, piece);
      }
    });
  }
  end();
  return lines;
}

/** The longest beginning that fits, one letter at least. */
function fitting({ span, text }: Piece, width: number, widthOf: (piece: Piece) => number): string {
  const letters = [...text];
  let low = 1;
  let high = letters.length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (widthOf({ span, text: letters.slice(0, middle).join('') }) <= width) low = middle;
    else high = middle - 1;
  }
  return letters.slice(0, low).join('');
}

/** Without the spaces at its end. */
function trimmed(line: Line): Line {
  const last = line[line.length - 1];
  if (last) last.text = last.text.trimEnd();
  return line;
}
