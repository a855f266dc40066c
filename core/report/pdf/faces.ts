/**
 * The fonts of the PDF: Inter, with Droid Sans Fallback for Chinese, Japanese and Korean letters. A letter that neither has
 * (Arabic, Hebrew, Indic scripts, pictures) is written as an empty box: PDF/A forbids the missing glyph. Not here: shaping
 * and right-to-left order.
 */
import { join } from 'node:path';
import type { Weight } from '../charts/figure.ts';

/** Their figures are tabular by default (scripts/make-fonts.py), so that columns of numbers stand under each other. */
const INTER: Record<Weight, string> = {
  regular: 'Inter-Regular.ttf',
  semibold: 'Inter-SemiBold.ttf',
  italic: 'Inter-Italic.ttf',
};
const FALLBACK = 'DroidSansFallback.ttf';
const BOX = '\u25a1';
/** Letters that may stand in the fallback font; everything before is Inter's or nobody's. */
const FIRST_FALLBACK = 0x2e80;
/** Controls, zero-width and direction marks: nothing to print. */
const UNPRINTED = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Variation_Selector}]/gu;

/** A piece of text in one font. */
export interface Run {
  font: string;
  text: string;
}

/** Of PDFKit's embedded font what its types leave out. */
interface FontAccess {
  _font: { font: { hasGlyphForCodePoint(code: number): boolean } };
}

export class Faces {
  private readonly known = new Map<string, Map<number, boolean>>();
  private readonly widths = new Map<string, number>();

  constructor(
    private readonly pdf: PDFKit.PDFDocument,
    private readonly folder: string,
  ) {}

  path(weight: Weight): string {
    return join(this.folder, INTER[weight]);
  }

  /** The text in pieces of one font each; only what can be printed. */
  runs(text: string, weight: Weight): Run[] {
    const main = this.path(weight);
    if (/^[\x20-\x7e]*$/.test(text)) return text === '' ? [] : [{ font: main, text }];
    const runs: Run[] = [];
    for (const letter of text.normalize('NFC').replace(UNPRINTED, '')) {
      const { font, text: shown } = this.faceOf(letter, main);
      const last = runs[runs.length - 1];
      if (last?.font === font) last.text += shown;
      else runs.push({ font, text: shown });
    }
    return runs;
  }

  /** In points. */
  width(text: string, weight: Weight, size: number): number {
    const key = `${weight}/${text}`;
    let width = this.widths.get(key);
    if (width === undefined) {
      width = this.runs(text, weight).reduce((sum, run) => sum + this.use(run.font, 1000).widthOfString(run.text), 0);
      this.widths.set(key, width);
    }
    return (width * size) / 1000;
  }

  use(font: string, size: number): PDFKit.PDFDocument {
    // By path: PDFKit opens a registered name anew each time where the same file was its first font.
    return this.pdf.font(font).fontSize(size);
  }

  private faceOf(letter: string, main: string): Run {
    const code = letter.codePointAt(0)!;
    if (this.has(main, code)) return { font: main, text: letter };
    const fallback = join(this.folder, FALLBACK);
    if (code >= FIRST_FALLBACK && this.has(fallback, code)) return { font: fallback, text: letter };
    return { font: main, text: BOX };
  }

  private has(font: string, code: number): boolean {
    const known = this.known.get(font) ?? new Map<number, boolean>();
    this.known.set(font, known);
    let has = known.get(code);
    if (has === undefined) {
      this.pdf.font(font);
      has = (this.pdf as unknown as FontAccess)._font.font.hasGlyphForCodePoint(code);
      known.set(code, has);
    }
    return has;
  }
}
