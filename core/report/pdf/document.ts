/**
 * The report's blocks on pages, from top to bottom: paragraphs, tables, figures and films. Fonts are embedded, figures are
 * vectors with their words, and the same calls give the same bytes. Lengths are points (1/72 inch).
 */
import { PNG } from 'pngjs';
import type { Block, FigureBlock, FilmBlock, GrayImage, TableBlock, Words } from '../blocks.ts';
import { CONTENT_HEIGHT, CONTENT_WIDTH, PAGE } from '../page.ts';
import { INK } from '../palette.ts';
import type { TextStyle } from './lines.ts';
import { BOTTOM, type Element, Pages } from './pages.ts';
import { type Row, TableLayout } from './tableLayout.ts';

const RIGHT = PAGE.width - PAGE.right;
/** Rows that a table shows before and after a page break, at least. */
const ROWS_TOGETHER = 4;

/** About the height of one. */
const SUBHEADING = 26;
const CAPTION: TextStyle = { size: 8, color: INK.muted };
const READING = { heading: { size: 8.5, lineGap: 1 }, words: { size: 8, lineGap: 1 } } satisfies Record<
  string,
  TextStyle
>;

export class ReportDocument extends Pages {
  /** The large title of the first page. */
  title(text: string, subtitle: string): void {
    this.block(text, { size: 22, weight: 'semibold', after: 4 }, 'H1');
    this.block(subtitle, { size: 11, color: INK.muted, after: 14 }, 'P');
  }

  /** The sentence that the page is about, on a quiet ground. */
  statement(text: string): void {
    const style: TextStyle = { size: 12, weight: 'semibold', lineGap: 3 };
    const height = this.type.height(text, CONTENT_WIDTH - 28, style) + 24;
    this.need(height);
    this.artifact(() => this.pdf.rect(PAGE.left, this.y, CONTENT_WIDTH, height).fill(INK.ground));
    this.leaf(this.place, 'P', () => this.type.write(text, PAGE.left + 14, this.y + 12, CONTENT_WIDTH - 28, style));
    this.y += height + 12;
  }

  /** @param next what follows and should begin on the same page */
  paragraph(words: Words, next: readonly Block[] = []): void {
    const style: TextStyle = {};
    const height = this.type.height(words, CONTENT_WIDTH, style) + this.needs(next) + 7;
    this.need(Math.min(height, CONTENT_HEIGHT - 60));
    this.flow(words, PAGE.left, CONTENT_WIDTH, style, this.place, 'P');
    this.y += style.after ?? 7;
  }

  list(items: readonly Words[]): void {
    const list = this.pdf.struct('L');
    const style: TextStyle = {};
    let begun = false;
    const heights = items.map((item) => Math.min(this.type.height(item, CONTENT_WIDTH - 14, style), 200));
    for (const [i, item] of items.entries()) {
      // The last two go together: none stands alone on a page.
      this.need(heights[i]! + (i === items.length - 2 ? heights[i + 1]! + 3 : 0));
      if (!begun) this.place.add(list);
      begun = true;
      const entry = this.pdf.struct('LI');
      list.add(entry);
      this.leaf(entry, 'Lbl', () => this.type.write('\u2022', PAGE.left + 2, this.y, 10, style));
      this.flow(item, PAGE.left + 14, CONTENT_WIDTH - 14, style, entry, 'LBody');
      this.y += 3;
    }
    this.y += 4;
  }

  /** Commands, each on a ground of its own, broken between words with a backslash as a shell takes it. */
  commands(lines: readonly string[]): void {
    for (const line of lines.map(shellLines)) {
      const style: TextStyle = { size: 8 };
      const height = this.type.height(line, CONTENT_WIDTH - 16, style) + 8;
      this.need(height);
      this.artifact(() => this.pdf.rect(PAGE.left, this.y, CONTENT_WIDTH, height).fill(INK.ground));
      const paragraph = this.pdf.struct('P');
      this.place.add(paragraph);
      this.leaf(paragraph, 'Code', () => this.type.write(line, PAGE.left + 8, this.y + 4, CONTENT_WIDTH - 16, style));
      this.y += height + 3;
    }
    this.y += 5;
  }

  /** A figure with its caption below; kept together. */
  figure({ figure, caption }: FigureBlock): void {
    this.need(this.figureNeeds({ figure, caption }));
    const { y } = this;
    const element = this.leaf(this.place, 'Figure', () => this.type.figure(figure, PAGE.left, y), {
      alt: figure.alt,
      bbox: [PAGE.left, y, PAGE.left + figure.width, y + figure.height],
    });
    this.y += figure.height + 5;
    this.leaf(element, 'Caption', () => {
      this.y += this.type.write(captionWords(caption), PAGE.left, this.y, CONTENT_WIDTH, CAPTION);
    });
    element.end();
    this.y += 12;
  }

  /** Rules above, below the header and at the end; the header is repeated on every page. */
  table({ columns, rows, caption, size }: TableBlock): void {
    const layout = new TableLayout(this.type, columns, rows, size);
    this.need(this.tableNeeds(layout, caption));
    const table = this.pdf.struct('Table');
    this.place.add(table);
    this.leaf(table, 'Caption', () => {
      this.y += this.type.write(captionWords(caption), PAGE.left, this.y, CONTENT_WIDTH, CAPTION);
    });
    this.y += 4;
    const head = this.pdf.struct('THead');
    table.add(head);
    this.tableHead(layout, head);
    const body = this.pdf.struct('TBody');
    table.add(body);
    layout.rows.forEach((row, i) => {
      if (this.y + layout.together(i) > BOTTOM && this.y > PAGE.top) {
        this.artifact(() => this.type.rule(PAGE.left, RIGHT, this.y, INK.rule, 0.4));
        this.newPage();
        this.tableHead(layout, null);
      }
      this.tableRow(layout, row, body);
      if (i < layout.rows.length - 1) this.artifact(() => this.type.rule(PAGE.left, RIGHT, this.y, INK.grid, 0.4));
    });
    this.artifact(() => this.type.rule(PAGE.left, RIGHT, this.y, INK.text, 0.8));
    table.end();
    this.y += 12;
  }

  /** A film with the labels by reader below it and what was said beside it; kept together. */
  film(block: FilmBlock): void {
    const { image, alt, matrix, readings } = block;
    const { imageHeight, texts, height } = this.filmLayout(block);
    const imageWidth = matrix.width;
    const x = PAGE.left + imageWidth + 16;
    const width = CONTENT_WIDTH - imageWidth - 16;
    this.need(Math.min(height + 8, CONTENT_HEIGHT - 60));
    const top = this.y;
    const element = this.leaf(
      this.place,
      'Figure',
      () => {
        if (image) this.picture(image, PAGE.left, top, imageWidth, imageHeight);
        else this.withheld(PAGE.left, top, imageWidth, imageHeight);
        this.type.figure(matrix, PAGE.left, top + imageHeight + 8);
      },
      {
        alt: `${alt} ${matrix.alt}`,
        bbox: [PAGE.left, top, PAGE.left + imageWidth, top + imageHeight + 8 + matrix.height],
      },
    );
    element.end();
    let y = top;
    readings.forEach(({ mark }, i) => {
      const { heading, words } = texts[i]!;
      this.leaf(this.place, 'P', () => {
        this.type.mark({ ...mark, x: x + 3, y: y + 5.5 }, 0, 0);
        y += this.type.writeLines(heading, x + 10, y, width - 10, READING.heading) + 2;
      });
      this.leaf(this.place, 'P', () => {
        y += this.type.writeLines(words, x + 10, y, width - 10, READING.words);
      });
      y += 9;
    });
    this.y = top + height + 16;
  }

  private filmLayout({ image, matrix, readings }: FilmBlock) {
    const imageHeight = image ? Math.min(200, (matrix.width * image.height) / image.width) : 90;
    const width = CONTENT_WIDTH - matrix.width - 26;
    const texts = readings.map(({ heading, words }) => ({
      heading: this.type.lines([{ weight: 'semibold', ...heading }], width, READING.heading),
      words: this.type.lines(words, width, READING.words),
    }));
    const textHeight = texts.reduce(
      (sum, { heading, words }) =>
        sum +
        heading.length * this.type.lineHeight(READING.heading) +
        words.length * this.type.lineHeight(READING.words) +
        11,
      0,
    );
    return { imageHeight, texts, height: Math.max(imageHeight + 8 + matrix.height, textHeight) };
  }

  /** Room that the first of these blocks must have to begin on a page; a heading takes the next with it. */
  private needs([block, after]: readonly Block[]): number {
    switch (block?.kind) {
      case 'table':
        return this.tableNeeds(new TableLayout(this.type, block.columns, block.rows, block.size), block.caption);
      case 'figure':
        return this.figureNeeds(block);
      case 'film':
        return this.filmLayout(block).height + 8;
      case 'subheading':
        return SUBHEADING + (after ? this.needs([after]) : 0);
      default:
        return 0;
    }
  }

  private figureNeeds({ figure, caption }: Pick<FigureBlock, 'figure' | 'caption'>): number {
    return figure.height + this.type.height(captionWords(caption), CONTENT_WIDTH, CAPTION) + 8;
  }

  /** A short table is kept together; a longer one begins where a few rows fit. */
  private tableNeeds(layout: TableLayout, caption: string): number {
    const above = this.type.height(captionWords(caption), CONTENT_WIDTH, CAPTION) + 4 + layout.header.height;
    const whole = above + layout.rows.reduce((sum, row) => sum + row.height, 4);
    const beginning = above + layout.rows.slice(0, ROWS_TOGETHER).reduce((sum, row) => sum + row.height, 4);
    return whole <= CONTENT_HEIGHT / 3 ? whole : Math.min(beginning, CONTENT_HEIGHT - 60);
  }

  private tableHead(layout: TableLayout, head: Element | null): void {
    this.artifact(() => this.type.rule(PAGE.left, RIGHT, this.y, INK.text, 0.8));
    if (head) this.tableRow(layout, layout.header, head);
    // A header that is repeated is for the eye only.
    else this.artifact(() => this.rowCells(layout, layout.header), 'Pagination');
    this.artifact(() => this.type.rule(PAGE.left, RIGHT, this.y, INK.text, 0.5));
  }

  private tableRow(layout: TableLayout, row: Row, part: Element): void {
    const element = this.pdf.struct('TR');
    part.add(element);
    this.rowCells(layout, row, (column, draw) => {
      if (row === layout.header) this.leaf(element, 'TH', draw, { scope: 'Column' });
      else if (column === 0) this.leaf(element, 'TH', draw, { scope: 'Row' });
      else this.leaf(element, 'TD', draw);
    });
  }

  private rowCells(
    layout: TableLayout,
    row: Row,
    put: (column: number, draw: () => void) => void = (_, draw) => draw(),
  ): void {
    row.cells.forEach(({ cell, lines }, i) => {
      put(i, () => {
        const left = PAGE.left + layout.lefts[i]! + 3;
        if (cell.mark) this.type.mark({ ...cell.mark, x: left + 3, y: this.y + 3 + layout.size * 0.62 }, 0, 0);
        const indent = cell.mark ? 9 : 0;
        const width = layout.innerWidth(i, cell);
        this.type.writeLines(lines, left + indent, this.y + 3, width, layout.style(cell), layout.columns[i]!.align);
      });
    });
    this.y += row.height;
  }

  private picture(image: GrayImage, x: number, y: number, width: number, height: number): void {
    this.pdf.image(grayPng(image), x, y, { fit: [width, height], align: 'center' });
  }

  private withheld(x: number, y: number, width: number, height: number): void {
    this.pdf.rect(x, y, width, height).fill(INK.ground);
    const style: TextStyle = { size: 7.5, color: INK.muted };
    this.type.write('Picture withheld: writing may be burned into it.', x + 10, y + height / 2 - 10, width - 20, style);
  }
}

/** "Table 3." stands out. */
function captionWords(caption: string): Words {
  const number = /^(?:Table|Figure) \d+\./.exec(caption)?.[0];
  if (number === undefined) return caption;
  return [{ text: number, weight: 'semibold', color: INK.text }, { text: caption.slice(number.length) }];
}

function shellLines(command: string): string {
  return command.replace(/(.{60,95}) /g, '$1 \\\n    ');
}

function grayPng({ width, height, gray }: GrayImage): Buffer {
  const png = new PNG({ width, height, colorType: 0, inputColorType: 0, inputHasAlpha: false });
  png.data = Buffer.from(gray.buffer, gray.byteOffset, gray.byteLength);
  return PNG.sync.write(png, { colorType: 0, inputColorType: 0, inputHasAlpha: false, bitDepth: 8 });
}
