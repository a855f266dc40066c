/**
 * A data set's values: text in its character set, numbers, tables and nested items (PS3.5 6.2). What is longer than its VR can
 * be is read up to a bound.
 */
import dicomParser, { type DataSet, type Element } from 'dicom-parser';
import { u16, u32 } from './bytes.ts';
import { CharacterSet, latin1 } from './characterSet.ts';
import { ElementStream } from './elementStream.ts';

/** Read of a value of codes, numbers as text, dates: more than their VRs can have (PS3.5 7.1.2: a length of 16 bits). */
const MAX_TEXT_BYTES = 65_536;
/** Read of a value of binary numbers: the largest are tables of 65,536 entries, and offsets of frames. */
const MAX_NUMBERS = 2 ** 20;

/** An element as it stands in the file, for those who write a data set again. */
export interface RawElement {
  /** Group in the upper, element in the lower 16 bits. */
  tag: number;
  /** Absent in implicit VR. */
  vr: string | undefined;
  /** Of undefined length with its fragments, or nested. */
  value: Uint8Array;
  /** Of a sequence; null: not nested. */
  items: Attributes[] | null;
  undefinedLength: boolean;
}

/** A data set's values by tag (`x00280010`). Absent and unreadable values give '', [] or undefined, never an error. */
export class Attributes {
  private readonly dataSet: DataSet;
  private readonly charset: CharacterSet;

  constructor(dataSet: DataSet, inherited: CharacterSet) {
    this.dataSet = dataSet;
    this.charset = inherited;
    const terms = this.strings('x00080005');
    if (terms.length > 0) this.charset = new CharacterSet(terms);
  }

  get characterSetKnown(): boolean {
    return this.charset.known;
  }

  has(tag: string): boolean {
    return (this.dataSet.elements[tag]?.length ?? 0) > 0;
  }

  tags(): string[] {
    return Object.keys(this.dataSet.elements);
  }

  vr(tag: string): string | undefined {
    return this.dataSet.elements[tag]?.vr;
  }

  /** All elements, by tag; pixel data is not among them. */
  elements(): RawElement[] {
    const { byteArray, elements } = this.dataSet;
    const raw = Object.values(elements).map((element): RawElement => {
      const nested = element.vr === 'SQ' || element.items !== undefined;
      const items = (element.items ?? []).flatMap((item) =>
        item.dataSet ? [new Attributes(item.dataSet, this.charset)] : [],
      );
      return {
        tag: Number.parseInt(element.tag.slice(1), 16),
        vr: element.vr,
        value: elementBytes(byteArray, element),
        items: nested ? items : null,
        undefinedLength: element.hadUndefinedLength === true,
      };
    });
    return raw.sort((a, b) => a.tag - b.tag);
  }

  /** The value's bytes, not copied. */
  bytes(tag: string): Uint8Array | undefined {
    const element = this.dataSet.elements[tag];
    return element && element.length > 0 ? elementBytes(this.dataSet.byteArray, element) : undefined;
  }

  /** Values of CS, UI, DS, IS, DA, TM, ... (default repertoire). */
  strings(tag: string): string[] {
    const bytes = this.bytes(tag);
    if (!bytes) return [];
    const text = latin1(atMost(bytes, MAX_TEXT_BYTES));
    return text.includes('\\') ? text.split('\\').map(trim) : [trim(text)];
  }

  string(tag: string): string {
    return this.strings(tag)[0] ?? '';
  }

  /** Text in the data set's character set, made fit for display: no control characters, bounded length. */
  text(tag: string, maximumLength = 1024): string {
    const bytes = this.bytes(tag);
    if (!bytes) return '';
    const text = displayable(this.charset.decode(atMost(bytes, maximumLength * 4)));
    return text.length > maximumLength ? `${text.slice(0, maximumLength)}…` : text;
  }

  /** Numbers of a DS or IS value, in order, also where its writer chose a binary VR; what is not a number becomes NaN. */
  decimals(tag: string): number[] {
    const binary = this.binaryNumbers(tag);
    if (binary) return binary;
    return this.strings(tag).map((text) =>
      /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text) ? Number(text) : Number.NaN,
    );
  }

  private binaryNumbers(tag: string): number[] | undefined {
    const bytes = this.bytes(tag);
    const type = BINARY_VRS.get(this.vr(tag));
    if (!bytes || !type) return undefined;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const count = numberCount(bytes, type.size);
    return Array.from({ length: count }, (_, i) => view[type.read](i * type.size, !this.bigEndian));
  }

  /** Values of US or SS, also where their writer chose another VR of whole numbers. */
  shorts(tag: string, signed = false): number[] {
    const vr = this.vr(tag);
    if (vr === 'IS' || vr === 'DS' || vr === 'UL' || vr === 'SL') return this.decimals(tag);
    const { byteArrayParser: parser, byteArray, elements } = this.dataSet;
    const element = elements[tag];
    if (!element) return [];
    const count = numberCount(elementBytes(byteArray, element), 2);
    const values: number[] = [];
    for (let at = element.dataOffset; values.length < count; at += 2) {
      values.push(signed ? parser.readInt16(byteArray, at) : parser.readUint16(byteArray, at));
    }
    return values;
  }

  short(tag: string): number | undefined {
    return this.shorts(tag)[0];
  }

  /** Value of UL. */
  long(tag: string): number | undefined {
    const bytes = this.bytes(tag);
    return bytes && bytes.length >= 4 ? u32(bytes, 0, this.bigEndian) : undefined;
  }

  /** Values of UL (4) or OV/UV (8 bytes each). */
  offsets(tag: string, size: 4 | 8): number[] {
    const bytes = this.bytes(tag);
    if (!bytes) return [];
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    return Array.from({ length: numberCount(bytes, size) }, (_, i) =>
      size === 4 ? view.getUint32(4 * i, !this.bigEndian) : Number(view.getBigUint64(8 * i, !this.bigEndian)),
    );
  }

  /** 16-bit words of OW data. */
  words(tag: string): Uint16Array {
    const bytes = this.bytes(tag) ?? new Uint8Array(0);
    return Uint16Array.from({ length: numberCount(bytes, 2) }, (_, i) => u16(bytes, 2 * i, this.bigEndian));
  }

  /** Items of a sequence; also of one that was stored as UN of defined length (PS3.5 6.2.2 note 2). */
  items(tag: string): Attributes[] {
    const element = this.dataSet.elements[tag];
    if (!element || element.length === 0) return [];
    const items = element.items ?? (element.vr === 'UN' || element.vr === undefined ? this.unknownItems(element) : []);
    return items.flatMap((item) => (item.dataSet ? [new Attributes(item.dataSet, this.charset)] : []));
  }

  private unknownItems(element: Element): Element[] {
    const copy: Element = { ...element };
    try {
      const stream = new ElementStream(this.dataSet.byteArray, element.dataOffset, false);
      dicomParser.readSequenceItemsImplicit(stream, copy);
    } catch {
      return [];
    }
    return copy.items ?? [];
  }

  private get bigEndian(): boolean {
    return this.dataSet.byteArrayParser === dicomParser.bigEndianByteArrayParser;
  }
}

/** The index asks this of every file: a view is made only where it is needed. */
function atMost(bytes: Uint8Array, length: number): Uint8Array {
  return bytes.length > length ? bytes.subarray(0, length) : bytes;
}

/** Of `size` bytes each. */
function numberCount(bytes: Uint8Array, size: number): number {
  return Math.min(Math.floor(bytes.length / size), MAX_NUMBERS);
}

export function elementBytes(bytes: Uint8Array, element: Element): Uint8Array {
  return bytes.subarray(element.dataOffset, Math.min(element.dataOffset + element.length, bytes.length));
}

/** Values are padded with NUL or spaces. */
export function trim(text: string): string {
  let start = 0;
  let end = text.length;
  while (end > start && text.charCodeAt(end - 1) % 32 === 0 && text.charCodeAt(end - 1) <= 32) end--;
  while (start < end && text.charCodeAt(start) % 32 === 0 && text.charCodeAt(start) <= 32) start++;
  return text.slice(start, end);
}

function displayable(text: string): string {
  return trim(CONTROL.test(text) ? text.replace(ANSI, '').replace(CONTROLS, ' ') : text);
}
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
const CONTROL = /[\x00-\x1f\x7f-\x9f]/;
const CONTROLS = new RegExp(CONTROL, 'g');
/** Escape sequences of terminals must not reach one. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they begin with ESC.
const ANSI = /\x1b\[[0-9;]*[A-Za-z]/g;

/** `x00280010` as people write it: (0028,0010). */
export function tagName(tag: string): string {
  return `(${tag.slice(1, 5).toUpperCase()},${tag.slice(5).toUpperCase()})`;
}

interface BinaryType {
  size: number;
  read: 'getUint16' | 'getInt16' | 'getUint32' | 'getInt32' | 'getFloat32' | 'getFloat64';
}

/** VRs whose values are binary numbers. */
const BINARY_VRS = new Map<string | undefined, BinaryType>([
  ['US', { size: 2, read: 'getUint16' }],
  ['SS', { size: 2, read: 'getInt16' }],
  ['UL', { size: 4, read: 'getUint32' }],
  ['SL', { size: 4, read: 'getInt32' }],
  ['FL', { size: 4, read: 'getFloat32' }],
  ['FD', { size: 8, read: 'getFloat64' }],
]);
