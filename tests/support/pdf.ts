/** What a reader finds in a PDF: its words by page, outline, metadata and structure (pdf.js), and what its streams hold. */
import { inflateSync } from 'node:zlib';
import { getDocument } from 'pdfjs-dist/legacy/build/pdf.mjs';

interface StructureNode {
  role?: string;
  alt?: string;
  children?: StructureNode[];
}

export interface ReadPdf {
  /** By page, in the order of the file. */
  text: string[];
  outline: string[];
  info: Record<string, unknown>;
  xmp: string;
  /** Roles of the structure tree with how often each is there. */
  roles: Map<string, number>;
  /** Alternative texts of figures. */
  alts: string[];
}

export async function readPdf(pdf: Uint8Array): Promise<ReadPdf> {
  const document = await getDocument({ data: Uint8Array.from(pdf), verbosity: 0 }).promise;
  const { info, metadata } = await document.getMetadata();
  const read: ReadPdf = {
    text: [],
    outline: ((await document.getOutline()) ?? []).map(({ title }) => title),
    info: info as Record<string, unknown>,
    xmp: (metadata as { getRaw(): string } | null)?.getRaw() ?? '',
    roles: new Map(),
    alts: [],
  };
  for (let number = 1; number <= document.numPages; number++) {
    const page = await document.getPage(number);
    const { items } = await page.getTextContent();
    read.text.push(items.map((item) => ('str' in item ? `${item.str}${item.hasEOL ? '\n' : ''}` : '')).join(''));
    visit((await page.getStructTree()) as StructureNode | null, read);
  }
  await document.destroy();
  return read;
}

function visit(node: StructureNode | null, read: ReadPdf): void {
  if (!node) return;
  if (node.role) read.roles.set(node.role, (read.roles.get(node.role) ?? 0) + 1);
  if (node.alt) read.alts.push(node.alt);
  for (const child of node.children ?? []) visit(child, read);
}

/** Every stream of the file as text, inflated where it is compressed; fonts and pictures among them. */
export function streams(pdf: Uint8Array): string[] {
  const file = Buffer.from(pdf);
  // PDFKit writes lengths as numbers, before the data.
  const heads = file.toString('latin1').matchAll(/\/Length (\d+)([^>]*)>>\s*stream\r?\n/g);
  return [...heads].map((head) => {
    const start = head.index + head[0].length;
    const bytes = file.subarray(start, start + Number(head[1]));
    return (isCompressed(head) ? inflateSync(bytes) : bytes).toString('latin1');
  });
}

function isCompressed(head: RegExpExecArray): boolean {
  const dictionary = head.input.slice(head.input.lastIndexOf('<<', head.index), head.index + head[0].length);
  return dictionary.includes('/FlateDecode');
}

/** Streams that draw a page. */
export function contentStreams(pdf: Uint8Array): string[] {
  return streams(pdf).filter((stream) => /\bBDC\b/.test(stream) && /\bEMC\b/.test(stream));
}
