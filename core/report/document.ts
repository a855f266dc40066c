/**
 * The PDF itself: A4 pages of headings, paragraphs, tables, figures and films from top to bottom. Text is selectable and
 * tagged (headings, paragraphs, tables, figures with their words), fonts are embedded, figures are vectors, and the same
 * calls give the same bytes. Lengths are points (1/72 inch).
 */
import { join } from 'node:path';
import PDFDocument from 'pdfkit';
import { PNG } from 'pngjs';
import { type Figure, type Mark, outline, type TextMark, type Weight } from './charts/figure.ts';
import { INK } from './palette.ts';

const PAGE = { width: 595.28, height: 841.89, left: 54, right: 54, top: 56, bottom: 62 };
export const CONTENT_WIDTH = PAGE.width - PAGE.left - PAGE.right;
const BOTTOM = PAGE.height - PAGE.bottom;
/** Their figures are tabular by default (scripts/make-fonts.py), so that columns of numbers stand under each other. */
const FONT_FILES: Record<Weight, string> = {
  regular: 'Inter-Regular.ttf',
  semibold: 'Inter-SemiBold.ttf',
  italic: 'Inter-Italic.ttf',
};

export interface DocumentInfo {
  title: string;
  subject: string;
  creator: string;
  /** Of the PDF; the only thing in it that is no function of its content. */
  createdAt: Date;
  /** Stands at the foot of every page. */
  footer: string;
  notice: string;
}

export interface TextStyle {
  size?: number;
  color?: string;
  weight?: Weight;
  after?: number;
  lineGap?: number;
}

export interface Column {
  title: string;
  /** Share of the content's width. */
  width: number;
  align?: 'left' | 'right';
}

export interface Cell {
  text: string;
  weight?: Weight;
  color?: string;
  /** A reader's mark before the text. */
  mark?: Mark & { kind: 'symbol' };
}

/** 8-bit gray, rows from the top. */
export interface GrayImage {
  width: number;
  height: number;
  gray: Uint8Array;
}

type Structure = ReturnType<PDFKit.PDFDocument['struct']>;

export class ReportDocument {
  private readonly pdf: PDFKit.PDFDocument;
  private readonly chunks: Buffer[] = [];
  private readonly root: Structure;
  private section: PDFKit.PDFOutline | null = null;
  private y = PAGE.top;
  /** Headings that wait for what follows, so that none stands alone at the foot of a page. */
  private waiting: { height: number; write: () => void }[] = [];

  constructor(
    private readonly resourcesDir: string,
    private readonly info: DocumentInfo,
  ) {
    this.pdf = new PDFDocument({
      size: 'A4',
      margin: 0,
      bufferPages: true,
      pdfVersion: '1.7',
      lang: 'en',
      tagged: true,
      displayTitle: true,
      font: this.fontPath('regular'),
      info: {
        Title: info.title,
        Subject: info.subject,
        Author: info.creator,
        Creator: info.creator,
        Producer: 'PDFKit',
        CreationDate: info.createdAt,
        ModDate: info.createdAt,
      },
    });
    this.pdf.on('data', (chunk: Buffer) => this.chunks.push(chunk));
    this.root = this.pdf.struct('Document');
    this.pdf.addStructure(this.root);
  }

  /** The large title of the first page. */
  title(text: string, subtitle: string): void {
    this.paragraph(text, { size: 22, weight: 'semibold', after: 4 }, 'H1');
    this.paragraph(subtitle, { size: 11, color: INK.muted, after: 14 });
  }

  /** A section. Headings are written together with what follows. */
  heading(text: string): void {
    this.waiting.push({
      height: 50,
      write: () => {
        if (this.y > PAGE.top) this.y += 14;
        this.section = this.pdf.outline.addItem(text);
        this.rule(INK.text, 0.75);
        this.y += 8;
        this.block(text, { size: 14, weight: 'semibold', after: 7 }, 'H2');
      },
    });
  }

  subheading(text: string): void {
    this.waiting.push({
      height: 24,
      write: () => {
        this.y += 4;
        this.section?.addItem(text);
        this.block(text, { size: 10.5, weight: 'semibold', after: 4 }, 'H3');
      },
    });
  }

  paragraph(text: string, style: TextStyle = {}, tag = 'P'): void {
    this.need(this.heightOf(text, CONTENT_WIDTH, style));
    this.block(text, style, tag);
  }

  /** The sentence that the page is about, on a quiet ground. */
  statement(text: string): void {
    const style: TextStyle = { size: 12, weight: 'semibold', lineGap: 3 };
    const height = this.heightOf(text, CONTENT_WIDTH - 28, style) + 24;
    this.need(height);
    this.artifact(() => this.pdf.rect(PAGE.left, this.y, CONTENT_WIDTH, height).fill(INK.ground));
    this.tagged('P', () => this.write(text, PAGE.left + 14, this.y + 12, CONTENT_WIDTH - 28, style));
    this.y += height + 12;
  }

  list(items: readonly string[]): void {
    for (const item of items) {
      const style: TextStyle = {};
      this.need(this.heightOf(item, CONTENT_WIDTH - 14, style));
      this.tagged('P', () => {
        this.write('\u2022', PAGE.left + 2, this.y, 10, style);
        this.y += this.write(item, PAGE.left + 14, this.y, CONTENT_WIDTH - 14, style);
      });
      this.y += 3;
    }
    this.y += 4;
  }

  /** Commands, each on a ground of its own, broken between words with a backslash as a shell takes it. */
  commands(lines: readonly string[]): void {
    for (const line of lines.map(shellLines)) {
      const style: TextStyle = { size: 8 };
      const height = this.heightOf(line, CONTENT_WIDTH - 16, style) + 8;
      this.need(height);
      this.artifact(() => this.pdf.rect(PAGE.left, this.y, CONTENT_WIDTH, height).fill(INK.ground));
      this.tagged('Code', () => this.write(line, PAGE.left + 8, this.y + 4, CONTENT_WIDTH - 16, style));
      this.y += height + 3;
    }
    this.y += 5;
  }

  /** A figure with its caption below; kept together. */
  figure(figure: Figure, caption: string): void {
    const style: TextStyle = { size: 8, color: INK.muted };
    this.need(figure.height + this.heightOf(caption, CONTENT_WIDTH, style) + 8);
    this.tagged('Figure', () => this.drawFigure(figure, PAGE.left, this.y), figure.alt);
    this.y += figure.height + 5;
    this.tagged('Caption', () => {
      this.y += this.write(caption, PAGE.left, this.y, CONTENT_WIDTH, style);
    });
    this.y += 12;
  }

  /** Rules above, below the header and at the end; the header is repeated on every page. */
  table(columns: readonly Column[], rows: readonly (readonly (string | Cell)[])[], caption: string, size = 8): void {
    const captionStyle: TextStyle = { size: 8, color: INK.muted };
    const cells = rows.map((row) => row.map((cell) => (typeof cell === 'string' ? { text: cell } : cell)));
    const titles = columns.map((column): Cell => ({ text: column.title, weight: 'semibold' }));
    const heights = [titles, ...cells].map((row) => this.rowHeight(columns, row, size));
    const height = heights.reduce((sum, each) => sum + each, this.heightOf(caption, CONTENT_WIDTH, captionStyle) + 6);
    // A table that fits on a page is kept together; a longer one begins where a few rows fit.
    this.need(height <= BOTTOM - PAGE.top - 80 ? height : 120);
    this.tagged('Caption', () => {
      this.y += this.write(caption, PAGE.left, this.y, CONTENT_WIDTH, captionStyle);
    });
    this.y += 4;
    const table = this.pdf.struct('Table');
    this.root.add(table);
    const header = () => {
      this.rule(INK.text, 0.8);
      this.tableRow(columns, titles, size, 'TH', table);
      this.rule(INK.text, 0.5);
    };
    header();
    cells.forEach((row, i) => {
      if (this.y + heights[i + 1]! > BOTTOM) {
        this.newPage();
        header();
      }
      this.tableRow(columns, row, size, 'TD', table);
      if (i < rows.length - 1) this.rule(INK.grid, 0.4);
    });
    this.rule(INK.text, 0.8);
    table.end();
    this.y += 12;
  }

  /** A film with text blocks beside it; kept together. */
  film(
    image: GrayImage,
    alt: string,
    blocks: readonly { text: string; style: TextStyle; mark?: Mark & { kind: 'symbol' } }[],
  ): void {
    const imageWidth = 150;
    const imageHeight = Math.min(190, (imageWidth * image.height) / image.width);
    const x = PAGE.left + imageWidth + 14;
    const width = CONTENT_WIDTH - imageWidth - 14;
    const textHeight = blocks.reduce(
      (sum, { text, style }) => sum + this.heightOf(text, width - 10, style) + (style.after ?? 3),
      0,
    );
    const height = Math.max(imageHeight, textHeight);
    this.need(height + 8);
    const top = this.y;
    this.tagged(
      'Figure',
      () => {
        this.pdf.image(grayPng(image), PAGE.left, top, { fit: [imageWidth, imageHeight], align: 'center' });
      },
      alt,
    );
    for (const { text, style, mark } of blocks) {
      const indent = mark ? 10 : 0;
      this.tagged('P', () => {
        if (mark) this.drawMark({ ...mark, x: x + 3, y: this.y + (style.size ?? 9) * 0.62 }, 0, 0);
        this.y += this.write(text, x + indent, this.y, width - indent, style);
      });
      this.y += style.after ?? 3;
    }
    this.y = top + height + 14;
  }

  /** Adds the foot of every page and closes the file. */
  async finish(): Promise<{ pdf: Uint8Array; pages: number }> {
    const { count } = this.pdf.bufferedPageRange();
    for (let page = 0; page < count; page++) {
      this.pdf.switchToPage(page);
      this.artifact(() => this.foot(`${page + 1} of ${count}`));
    }
    this.root.end();
    const ended = new Promise<void>((resolve, reject) => {
      this.pdf.on('end', resolve);
      this.pdf.on('error', reject);
    });
    this.pdf.end();
    await ended;
    return { pdf: new Uint8Array(Buffer.concat(this.chunks)), pages: count };
  }

  private foot(number: string): void {
    const y = PAGE.height - 40;
    this.pdf
      .moveTo(PAGE.left, y - 7)
      .lineTo(PAGE.width - PAGE.right, y - 7)
      .lineWidth(0.4)
      .strokeColor(INK.rule)
      .stroke();
    const style: TextStyle = { size: 7, color: INK.muted };
    this.write(this.info.footer, PAGE.left, y, 250, style);
    this.label({
      kind: 'text',
      x: PAGE.width - PAGE.right,
      y: y + 4,
      text: number,
      size: 7,
      color: INK.muted,
      anchor: 'end',
      weight: 'regular',
    });
    this.write(this.info.notice, PAGE.left, y + 10, CONTENT_WIDTH, {
      ...style,
      weight: 'semibold',
      color: INK.warning,
    });
  }

  /** A new page where neither this height nor the waiting headings fit on this one; then writes the headings. */
  private need(height: number): void {
    const headings = this.waiting.reduce((sum, heading) => sum + heading.height, 0);
    if (this.y + headings + height > BOTTOM && this.y > PAGE.top) this.newPage();
    const waiting = this.waiting;
    this.waiting = [];
    for (const heading of waiting) heading.write();
  }

  private newPage(): void {
    this.pdf.addPage();
    this.y = PAGE.top;
  }

  private block(text: string, style: TextStyle, tag: string): void {
    this.tagged(tag, () => {
      this.y += this.write(text, PAGE.left, this.y, CONTENT_WIDTH, style);
    });
    this.y += style.after ?? 7;
  }

  private rowHeight(columns: readonly Column[], cells: readonly Cell[], size: number): number {
    const heights = cells.map((cell, i) =>
      this.heightOf(cell.text, this.cellWidth(columns[i]!, cell), { size, lineGap: 1, ...cell }),
    );
    return Math.max(...heights) + 5;
  }

  private cellWidth(column: Column, cell: Cell): number {
    return column.width * CONTENT_WIDTH - 6 - (cell.mark ? 9 : 0);
  }

  private tableRow(
    columns: readonly Column[],
    cells: readonly Cell[],
    size: number,
    tag: 'TH' | 'TD',
    table: Structure,
  ): void {
    const row = this.pdf.struct('TR');
    table.add(row);
    const height = this.rowHeight(columns, cells, size);
    let x = PAGE.left;
    cells.forEach((cell, i) => {
      const column = columns[i]!;
      const left = x + 3;
      const content = this.pdf.markStructureContent(tag);
      if (cell.mark) this.drawMark({ ...cell.mark, x: left + 3, y: this.y + 3 + size * 0.55 }, 0, 0);
      const at = left + (cell.mark ? 9 : 0);
      this.write(cell.text, at, this.y + 3, this.cellWidth(column, cell), { size, lineGap: 1, ...cell }, column.align);
      this.pdf.endMarkedContent();
      row.add(this.pdf.struct(tag, {}, [content]));
      x += column.width * CONTENT_WIDTH;
    });
    row.end();
    this.y += height;
  }

  private rule(color: string, width: number): void {
    this.artifact(() => {
      this.pdf
        .moveTo(PAGE.left, this.y)
        .lineTo(PAGE.width - PAGE.right, this.y)
        .lineWidth(width)
        .strokeColor(color)
        .stroke();
    });
  }

  /** Content with a meaning, told to who cannot see it. */
  private tagged(tag: string, draw: () => void, alt?: string): void {
    const content = this.pdf.markStructureContent(tag);
    draw();
    this.pdf.endMarkedContent();
    this.root.add(this.pdf.struct(tag, alt === undefined ? {} : { alt }, [content]));
  }

  /** Rules and grounds: nothing to read. */
  private artifact(draw: () => void): void {
    this.pdf.markContent('Artifact', { type: 'Layout' });
    draw();
    this.pdf.endMarkedContent();
  }

  private heightOf(text: string, width: number, style: TextStyle): number {
    this.use(style);
    return this.pdf.heightOfString(text, { width, lineGap: style.lineGap ?? 2 });
  }

  /** Returns the height written. */
  private write(
    text: string,
    x: number,
    y: number,
    width: number,
    style: TextStyle,
    align: 'left' | 'right' = 'left',
  ): number {
    const height = this.heightOf(text, width, style);
    this.pdf.fillColor(style.color ?? INK.text);
    this.pdf.text(text, x, y, { width, align, lineGap: style.lineGap ?? 2, height: height + 1 });
    return height;
  }

  private use({ size = 9, weight = 'regular' }: TextStyle): void {
    // By path: PDFKit opens a registered name anew each time where the same file was its first font.
    this.pdf.font(this.fontPath(weight)).fontSize(size);
  }

  private fontPath(weight: Weight): string {
    return join(this.resourcesDir, 'fonts', FONT_FILES[weight]);
  }

  private drawFigure(figure: Figure, x: number, y: number): void {
    for (const mark of figure.marks) this.drawMark(mark, x, y);
  }

  private drawMark(mark: Mark, dx: number, dy: number): void {
    switch (mark.kind) {
      case 'rect':
        this.pdf.rect(mark.x + dx, mark.y + dy, mark.width, mark.height).fill(mark.fill);
        return;
      case 'line':
        this.drawLine(mark.points.map(([x, y]) => [x + dx, y + dy]));
        if (mark.dash) this.pdf.dash(mark.dash[0]!, { space: mark.dash[1] ?? mark.dash[0]! });
        this.pdf.lineWidth(mark.width).strokeColor(mark.color).stroke();
        if (mark.dash) this.pdf.undash();
        return;
      case 'symbol': {
        const corners = outline(mark.shape, mark.x + dx, mark.y + dy, mark.radius);
        if (corners) this.drawLine(corners).closePath();
        else this.pdf.circle(mark.x + dx, mark.y + dy, mark.radius);
        if (mark.hollow) this.pdf.lineWidth(1).fillAndStroke('#FFFFFF', mark.color);
        else this.pdf.fill(mark.color);
        return;
      }
      case 'text':
        this.label({ ...mark, x: mark.x + dx, y: mark.y + dy });
    }
  }

  private drawLine(points: [number, number][]): PDFKit.PDFDocument {
    const [first, ...rest] = points;
    this.pdf.moveTo(...first!);
    for (const point of rest) this.pdf.lineTo(...point);
    return this.pdf;
  }

  /** One line of text, centred on y. */
  private label({ x, y, text, size, color, anchor, weight }: TextMark): void {
    this.use({ size, weight });
    const width = this.pdf.widthOfString(text);
    const left = { start: x, middle: x - width / 2, end: x - width }[anchor];
    this.pdf.fillColor(color).text(text, left, y + size * 0.36, { lineBreak: false, baseline: 'alphabetic' });
  }
}

function shellLines(command: string): string {
  return command.replace(/(.{60,95}) /g, '$1 \\\n    ');
}

function grayPng({ width, height, gray }: GrayImage): Buffer {
  const png = new PNG({ width, height, colorType: 0, inputColorType: 0, inputHasAlpha: false });
  png.data = Buffer.from(gray.buffer, gray.byteOffset, gray.byteLength);
  return PNG.sync.write(png, { colorType: 0, inputColorType: 0, inputHasAlpha: false, bitDepth: 8 });
}
