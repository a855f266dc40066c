/** Text and marks on the current page of a PDF. Lengths are points, y downwards. */
import type { Words } from '../blocks.ts';
import { type Figure, type Mark, outline, type TextMark } from '../charts/figure.ts';
import { INK } from '../palette.ts';
import { Faces } from './faces.ts';
import { breakLines, type Line, type TextStyle } from './lines.ts';

/** Of Inter: from the top of a line to its letters' foot, and its height; parts of the size. */
const ASCENT = 0.969;
const LINE_HEIGHT = 1.21;
const LINE_GAP = 2;

export class Typesetter {
  readonly faces: Faces;

  constructor(
    private readonly pdf: PDFKit.PDFDocument,
    fontFolder: string,
  ) {
    this.faces = new Faces(pdf, fontFolder);
  }

  lines(words: Words, width: number, style: TextStyle): Line[] {
    return breakLines(words, width, style, (text, weight, size) => this.faces.width(text, weight, size));
  }

  lineHeight({ size = 9, lineGap = LINE_GAP }: TextStyle): number {
    return size * LINE_HEIGHT + lineGap;
  }

  height(words: Words, width: number, style: TextStyle): number {
    return this.lines(words, width, style).length * this.lineHeight(style);
  }

  /** @returns the height written */
  write(words: Words, x: number, y: number, width: number, style: TextStyle, align: 'left' | 'right' = 'left'): number {
    return this.writeLines(this.lines(words, width, style), x, y, width, style, align);
  }

  writeLines(
    lines: readonly Line[],
    x: number,
    y: number,
    width: number,
    style: TextStyle,
    align: 'left' | 'right' = 'left',
  ): number {
    const { size = 9 } = style;
    const step = this.lineHeight(style);
    lines.forEach((line, i) => {
      const foot = y + i * step + size * ASCENT;
      let at = align === 'right' ? x + width - this.lineWidth(line, style) : x;
      for (const { span, text } of line) {
        const weight = span.weight ?? style.weight ?? 'regular';
        const color = span.color ?? style.color ?? INK.text;
        const from = at;
        at = this.runs(text, at, foot, weight, size, color);
        if (span.underline) this.underline(from, at, foot + size * 0.16, color);
      }
    });
    return lines.length * step;
  }

  figure(figure: Figure, x: number, y: number): void {
    for (const mark of figure.marks) this.mark(mark, x, y);
  }

  mark(mark: Mark, dx: number, dy: number): void {
    switch (mark.kind) {
      case 'rect':
        this.pdf.rect(mark.x + dx, mark.y + dy, mark.width, mark.height).fill(mark.fill);
        return;
      case 'line':
        this.path(mark.points.map(([x, y]) => [x + dx, y + dy]));
        if (mark.dash) this.pdf.dash(mark.dash[0]!, { space: mark.dash[1] ?? mark.dash[0]! });
        this.pdf.lineWidth(mark.width).strokeColor(mark.color).stroke();
        if (mark.dash) this.pdf.undash();
        return;
      case 'symbol': {
        const corners = outline(mark.shape, mark.x + dx, mark.y + dy, mark.radius);
        if (corners) this.path(corners).closePath();
        else this.pdf.circle(mark.x + dx, mark.y + dy, mark.radius);
        if (mark.hollow) this.pdf.lineWidth(1).fillAndStroke('#FFFFFF', mark.color);
        else this.pdf.fill(mark.color);
        return;
      }
      case 'text':
        this.label({ ...mark, x: mark.x + dx, y: mark.y + dy });
    }
  }

  rule(x1: number, x2: number, y: number, color: string, width: number): void {
    this.pdf.moveTo(x1, y).lineTo(x2, y).lineWidth(width).strokeColor(color).stroke();
  }

  /** One line of text, centred on y. */
  label({ x, y, text, size, color, anchor, weight }: TextMark): void {
    const width = this.faces.width(text, weight, size);
    const left = { start: x, middle: x - width / 2, end: x - width }[anchor];
    this.runs(text, left, y + size * 0.36, weight, size, color);
  }

  /** @returns where the text ends */
  private runs(text: string, x: number, foot: number, weight: TextMark['weight'], size: number, color: string): number {
    for (const run of this.faces.runs(text, weight)) {
      const pdf = this.faces.use(run.font, size).fillColor(color);
      pdf.text(run.text, x, foot, { lineBreak: false, baseline: 'alphabetic' });
      x += pdf.widthOfString(run.text);
    }
    return x;
  }

  private lineWidth(line: Line, style: TextStyle): number {
    const { size = 9 } = style;
    return line.reduce(
      (sum, { span, text }) => sum + this.faces.width(text, span.weight ?? style.weight ?? 'regular', size),
      0,
    );
  }

  private underline(x1: number, x2: number, y: number, color: string): void {
    this.rule(x1, x2, y, color, 0.6);
  }

  private path(points: readonly (readonly [number, number])[]): PDFKit.PDFDocument {
    const [first, ...rest] = points;
    this.pdf.moveTo(...first!);
    for (const point of rest) this.pdf.lineTo(...point);
    return this.pdf;
  }
}
