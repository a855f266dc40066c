/**
 * Pages of a PDF that is PDF/A-2a and PDF/UA-1: the place on the page, page breaks, headings and outline, the structure tree in
 * which every piece of content has its place (or is an artifact), contents and feet. Lengths are points (1/72 inch).
 */
import { join } from 'node:path';
import PDFDocument from 'pdfkit';
import type { Words } from '../blocks.ts';
import { CONTENT_WIDTH, PAGE } from '../page.ts';
import { INK } from '../palette.ts';
import type { TextStyle } from './lines.ts';
import { conform } from './standard.ts';
import { Typesetter } from './typesetter.ts';

const RIGHT = PAGE.width - PAGE.right;
export const BOTTOM = PAGE.height - PAGE.bottom;

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

export type Element = ReturnType<PDFKit.PDFDocument['struct']>;

interface ElementOptions {
  alt?: string;
  /** Of a header cell. */
  scope?: 'Column' | 'Row';
  /** Of a figure: left, top, right, bottom. */
  bbox?: [number, number, number, number];
  lang?: string;
}

interface Contents {
  page: number;
  y: number;
  element: Element;
  entries: { text: string; page: number }[];
}

export class Pages {
  protected readonly pdf: PDFKit.PDFDocument;
  protected readonly type: Typesetter;
  private readonly chunks: Buffer[] = [];
  private readonly root: Element;
  /** What new elements are put in: the section under way. */
  protected place: Element;
  private outline: PDFKit.PDFOutline | null = null;
  protected y = PAGE.top;
  private page = 0;
  /** Headings that wait for what follows, so that none stands alone at the foot of a page. */
  private waiting: { height: number; write: () => void }[] = [];
  private toc: Contents | null = null;

  constructor(
    resourcesDir: string,
    private readonly info: DocumentInfo,
    identity: string,
  ) {
    const fonts = join(resourcesDir, 'fonts');
    this.pdf = new PDFDocument({
      size: 'A4',
      margin: 0,
      bufferPages: true,
      pdfVersion: '1.7',
      subset: 'PDF/A-2a',
      lang: 'en',
      tagged: true,
      displayTitle: true,
      font: join(fonts, 'Inter-Regular.ttf'),
      info: {
        Title: info.title,
        Subject: info.subject,
        Author: info.creator,
        Creator: info.creator,
        Producer: 'PDFKit',
        CreationDate: info.createdAt,
      },
    });
    conform(this.pdf, identity);
    this.type = new Typesetter(this.pdf, fonts);
    this.pdf.on('data', (chunk: Buffer) => this.chunks.push(chunk));
    this.root = this.pdf.struct('Document');
    this.pdf.addStructure(this.root);
    this.place = this.root;
  }

  /** Keeps room for the sections' names and pages, which are known at the end. */
  contents(titles: readonly string[]): void {
    const rows = Math.ceil(titles.length / 2);
    const element = this.pdf.struct('TOC');
    this.place.add(element);
    this.toc = { page: this.page, y: this.y, element, entries: [] };
    this.y += rows * 13 + 10;
  }

  /** A section. Headings are written together with what follows. */
  section(title: string): void {
    this.waiting.push({
      height: 50,
      write: () => {
        this.place = this.pdf.struct('Sect');
        this.root.add(this.place);
        if (this.y > PAGE.top) this.y += 14;
        this.outline = this.pdf.outline.addItem(title);
        this.toc?.entries.push({ text: title, page: this.page });
        this.artifact(() => this.type.rule(PAGE.left, RIGHT, this.y, INK.text, 0.75));
        this.y += 8;
        this.block(title, { size: 14, weight: 'semibold', after: 7 }, 'H2');
      },
    });
  }

  subheading(text: string): void {
    const style: TextStyle = { size: 10.5, weight: 'semibold', after: 4 };
    this.waiting.push({
      height: 8 + this.type.height(text, CONTENT_WIDTH, style),
      write: () => {
        if (this.y > PAGE.top) this.y += 4;
        this.outline?.addItem(text);
        this.block(text, style, 'H3');
      },
    });
  }

  /** Adds contents and the foot of every page and closes the file. */
  async finish(): Promise<{ pdf: Uint8Array; pages: number }> {
    this.need(0);
    this.writeContents();
    const { count } = this.pdf.bufferedPageRange();
    for (let page = 0; page < count; page++) {
      this.pdf.switchToPage(page);
      this.artifact(() => this.foot(`${page + 1} of ${count}`), 'Pagination');
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

  private writeContents(): void {
    if (!this.toc) return;
    const { page, y, element, entries } = this.toc;
    this.pdf.switchToPage(page);
    const rows = Math.ceil(entries.length / 2);
    const width = (CONTENT_WIDTH - 24) / 2;
    entries.forEach((entry, i) => {
      const x = PAGE.left + (i < rows ? 0 : width + 24);
      const at = y + (i % rows) * 13 + 6;
      this.leaf(element, 'TOCI', () => {
        const color = INK.text;
        this.type.label({
          kind: 'text',
          x,
          y: at,
          text: entry.text,
          size: 8.5,
          color,
          anchor: 'start',
          weight: 'regular',
        });
        const number = String(entry.page + 1);
        this.type.label({
          kind: 'text',
          x: x + width,
          y: at,
          text: number,
          size: 8.5,
          color: INK.muted,
          anchor: 'end',
          weight: 'regular',
        });
      });
    });
  }

  private foot(number: string): void {
    const y = PAGE.height - 40;
    this.type.rule(PAGE.left, RIGHT, y - 7, INK.rule, 0.4);
    const style: TextStyle = { size: 7, color: INK.muted };
    this.type.write(this.info.footer, PAGE.left, y, CONTENT_WIDTH - 60, style);
    this.type.write(number, RIGHT - 60, y, 60, style, 'right');
    this.type.write(this.info.notice, PAGE.left, y + 10, CONTENT_WIDTH, {
      ...style,
      weight: 'semibold',
      color: INK.warning,
    });
  }

  /** A new page where neither this height nor the waiting headings fit on this one; then writes the headings. */
  protected need(height: number): void {
    const headings = this.waiting.reduce((sum, heading) => sum + heading.height, 0);
    if (this.y + headings + height > BOTTOM && this.y > PAGE.top) this.newPage();
    const waiting = this.waiting;
    this.waiting = [];
    for (const heading of waiting) heading.write();
  }

  protected newPage(): void {
    this.pdf.addPage();
    this.page++;
    this.y = PAGE.top;
  }

  protected block(text: string, style: TextStyle, tag: string): void {
    this.leaf(this.place, tag, () => {
      this.y += this.type.write(text, PAGE.left, this.y, CONTENT_WIDTH, style);
    });
    this.y += style.after ?? 7;
  }

  /** Text that goes on on the next page where it must. */
  protected flow(words: Words, x: number, width: number, style: TextStyle, parent: Element, tag: string): void {
    let lines = this.type.lines(words, width, style);
    const element = this.pdf.struct(tag);
    parent.add(element);
    while (lines.length > 0) {
      const fitting = Math.max(1, Math.floor((BOTTOM - this.y) / this.type.lineHeight(style) + 1e-6));
      const now = lines.slice(0, fitting);
      const content = this.pdf.markStructureContent(tag);
      this.y += this.type.writeLines(now, x, this.y, width, style);
      this.pdf.endMarkedContent();
      element.add(content);
      lines = lines.slice(fitting);
      if (lines.length > 0) this.newPage();
    }
    element.end();
  }

  /** Content with a meaning, told to who cannot see it. The element is not ended: it may get further children. */
  protected leaf(parent: Element, tag: string, draw: () => void, options: ElementOptions = {}): Element {
    const content = this.pdf.markStructureContent(tag);
    draw();
    this.pdf.endMarkedContent();
    const element = this.pdf.struct(tag, options as PDFKit.Mixins.StructureElementOptions);
    element.add(content);
    parent.add(element);
    return element;
  }

  /** Rules and grounds, page numbers and repeated headers: nothing to read. */
  protected artifact(draw: () => void, type: 'Layout' | 'Pagination' = 'Layout'): void {
    this.pdf.markContent('Artifact', { type });
    draw();
    this.pdf.endMarkedContent();
  }
}
