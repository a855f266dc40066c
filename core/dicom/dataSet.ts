/**
 * DICOM files as data sets: Part 10 files, files without preamble or meta header, raw data sets (PS3.5 7, PS3.10 7).
 * dicom-parser reads the elements. What it leaves open is done here: the syntax is found out where the file does not
 * say it, or says it wrongly; deflated data sets are inflated within a bound; Pixel Data is located, never copied; and
 * whatever is malformed ends in an error with a code.
 */
import { inflateRawSync, inflateSync, constants as zlib } from 'node:zlib';
import dicomParser, { type ByteStream, type DataSet, type Element } from 'dicom-parser';
import { WorkbenchError } from '../base/errors.ts';
import { Attributes, elementBytes, tagName, trim } from './attributes.ts';
import { u16, u32 } from './bytes.ts';
import { CharacterSet, latin1 } from './characterSet.ts';
import {
  EXPLICIT_BIG_ENDIAN,
  EXPLICIT_LITTLE_ENDIAN,
  IMPLICIT_LITTLE_ENDIAN,
  type TransferSyntax,
  transferSyntaxOf,
} from './conformance.ts';
import { ElementStream, isTooMany, parserFor } from './elementStream.ts';

/** A deflated data set may not grow beyond this (a film of 8,000 x 8,000 and 16 bits is half of it). */
export const MAX_INFLATED_BYTES = 256 * 2 ** 20;
const UNDEFINED_LENGTH = 0xffffffff;
/** Directory Record Sequence. */
const DIRECTORY_RECORDS = 'x00041220';
/** Item (PS3.5 7.5), as one number. */
const ITEM = 0xfffee000;
const PIXEL_TAGS = new Set(['x7fe00008', 'x7fe00009', 'x7fe00010']);

/** Where the pixels lie in `DicomFile.bytes`. */
export interface PixelDataElement {
  /** Pixel Data, Float Pixel Data, or Double Float Pixel Data. */
  tag: 'x7fe00010' | 'x7fe00008' | 'x7fe00009';
  /** Absent in implicit VR, where it is OW (PS3.5 A.1). */
  vr: string | undefined;
  offset: number;
  /** Bytes from `offset` to the end of the value, or of the file where that comes first. */
  length: number;
  /** What the element claims; null: undefined length. */
  declaredLength: number | null;
}

export interface DicomFile {
  /** The file, or its inflated form. */
  bytes: Uint8Array;
  attributes: Attributes;
  /** UID as the file states it; where it states none, the one that was found out. */
  transferSyntax: string;
  /** How the data set is in fact encoded. */
  bigEndian: boolean;
  pixelData: PixelDataElement | null;
  /** A DICOMDIR: its records are the items of (0004,1220). */
  isDirectory: boolean;
  /** Sentences for the person who opens the file. */
  warnings: string[];
}

export interface ReadOptions {
  /** `bytes` are only the beginning of the file; reading ends at Pixel Data, or at a DICOMDIR's records. */
  prefix?: boolean;
}

/** Thrown when a prefix ends before the header does. */
export class PrefixTooShort extends Error {}

/**
 * Reads a DICOM file's data set.
 * @throws WorkbenchError FILE_EMPTY, DICOM_NOT_DICOM, DICOM_NO_DATA_SET, DICOM_MALFORMED, DICOM_TRUNCATED,
 *   DICOM_NESTED_TOO_DEEP, DICOM_TOO_MANY_ELEMENTS, DICOM_INFLATE_FAILED, DICOM_INFLATE_LIMIT; PrefixTooShort for a prefix.
 */
export function readDicom(file: Uint8Array, options: ReadOptions = {}): DicomFile {
  if (file.length === 0) throw new WorkbenchError('FILE_EMPTY', 'The file is empty.');
  const warnings: string[] = [];
  const meta = readMeta(file, options);
  let bytes = file;
  let position = meta.end;
  const declared = transferSyntaxOf(meta.transferSyntax);
  if (declared?.deflated) {
    bytes = inflate(file.subarray(position), options);
    position = 0;
  }
  const found = sniffEncoding(bytes, position);
  const encoding = settleEncoding(meta.transferSyntax, declared, found, warnings);
  const body = readBody(bytes, position, encoding, options, warnings);
  if (Object.keys(body.dataSet.elements).length === 0 && !body.pixelData) {
    throw new WorkbenchError('DICOM_NO_DATA_SET', 'The file has a DICOM header and no data set.');
  }
  if (!meta.part10) refuseUnlessDicom(body.dataSet);
  return {
    bytes,
    attributes: new Attributes(body.dataSet, new CharacterSet()),
    transferSyntax: meta.transferSyntax || encoding.uid,
    bigEndian: encoding.bigEndian,
    pixelData: body.pixelData,
    isDirectory: body.dataSet.elements[DIRECTORY_RECORDS] !== undefined,
    warnings,
  };
}

/** Whether the bytes begin like a DICOM file; cheap, for sorting files by content. */
export function looksLikeDicom(bytes: Uint8Array): boolean {
  return hasPrefix(bytes, 128) || hasPrefix(bytes, 0) || plausibleStart(bytes, 0) || plausibleStart(bytes, 128);
}

/** A preamble of 128 bytes, then DICM. */
export function hasPreamble(bytes: Uint8Array): boolean {
  return hasPrefix(bytes, 128);
}

// ------------------------------------------------------------------------------------------------------- meta header

interface Meta {
  transferSyntax: string;
  /** Offset of the data set. */
  end: number;
  part10: boolean;
}

function readMeta(file: Uint8Array, options: ReadOptions): Meta {
  const part10 = hasPrefix(file, 128) || hasPrefix(file, 0);
  let start = hasPrefix(file, 128) ? 132 : hasPrefix(file, 0) ? 4 : 0;
  if (!part10 && !plausibleStart(file, 0) && plausibleStart(file, 128)) start = 128;
  if (!part10 && !plausibleStart(file, start)) {
    throw new WorkbenchError(
      'DICOM_NOT_DICOM',
      'This is not a DICOM file.',
      {},
      'Check that the file is a DICOM film.',
    );
  }
  const elements: Record<string, Element> = {};
  if (start + 8 > file.length) return { transferSyntax: '', end: file.length, part10 };
  const stream = new ElementStream(file, start, false);
  const encoding = { uid: '', explicitVr: isVr(file, start + 4), bigEndian: false };
  while (stream.position + 8 <= file.length && u16(file, stream.position) === 2) {
    const element = guarded(options, readElement, stream, encoding);
    requireInside(stream, element, options);
    elements[element.tag] = element;
  }
  const syntax = elements['x00020010'];
  const transferSyntax = syntax ? trim(latin1(elementBytes(file, syntax))) : '';
  return { transferSyntax, end: stream.position, part10: part10 || syntax !== undefined };
}

function hasPrefix(bytes: Uint8Array, at: number): boolean {
  return bytes.length >= at + 4 && latin1(bytes.subarray(at, at + 4)) === 'DICM';
}

/** Raw data sets have no mark of their own: their first element must be one that such files begin with. */
function plausibleStart(bytes: Uint8Array, at: number): boolean {
  if (bytes.length < at + 8) return false;
  const group = Math.min(u16(bytes, at), u16(bytes, at, true));
  if (group < 2 || group > 0x20 || Math.max(bytes[at]!, bytes[at + 1]!) !== group) return false;
  if (isVr(bytes, at + 4)) return true;
  const bigEndian = bytes[at] === 0;
  return u32(bytes, at + 4, bigEndian) <= bytes.length - at;
}

/** What every object has that this application could use, or list. */
const TELLTALE_TAGS = ['x00080016', 'x00080018', 'x00080060', 'x0020000d', 'x00100010', 'x00100020', 'x00280010'];

function refuseUnlessDicom(dataSet: DataSet): void {
  if (TELLTALE_TAGS.some((tag) => dataSet.elements[tag])) return;
  throw new WorkbenchError('DICOM_NOT_DICOM', 'This is not a DICOM file.', {}, 'Check that the file is a DICOM film.');
}

// ------------------------------------------------------------------------------------------------------ the encoding

interface Encoding {
  uid: string;
  explicitVr: boolean;
  bigEndian: boolean;
}

/** Looks at the first element; undefined where there is none, or where it says nothing. */
function sniffEncoding(bytes: Uint8Array, at: number): Encoding | undefined {
  if (bytes.length < at + 8) return undefined;
  const bigEndian = bytes[at] === 0 && bytes[at + 1] !== 0;
  const explicitVr = isVr(bytes, at + 4);
  if (!explicitVr && bigEndian) return undefined;
  const uid = bigEndian ? EXPLICIT_BIG_ENDIAN : explicitVr ? EXPLICIT_LITTLE_ENDIAN : IMPLICIT_LITTLE_ENDIAN;
  return { uid, explicitVr, bigEndian };
}

function settleEncoding(
  uid: string,
  declared: TransferSyntax | undefined,
  found: Encoding | undefined,
  warnings: string[],
): Encoding {
  const stated = declared ?? transferSyntaxOf(EXPLICIT_LITTLE_ENDIAN)!;
  if (!found || (found.explicitVr === stated.explicitVr && found.bigEndian === stated.bigEndian)) return stated;
  if (uid !== '') warnings.push(`The file states the transfer syntax ${uid}, but its data set is encoded otherwise.`);
  return found;
}

function inflate(deflated: Uint8Array, options: ReadOptions): Uint8Array {
  const settings = {
    maxOutputLength: MAX_INFLATED_BYTES,
    ...(options.prefix ? { finishFlush: zlib.Z_SYNC_FLUSH } : {}),
  };
  try {
    return inflateRawSync(deflated, settings);
  } catch (error) {
    const code = (error as { code?: string }).code;
    if (code === 'ERR_BUFFER_TOO_LARGE') {
      throw new WorkbenchError('DICOM_INFLATE_LIMIT', 'The deflated data set would grow beyond the limit.', {
        limitBytes: MAX_INFLATED_BYTES,
        fileBytes: deflated.length,
      });
    }
    if (isZlibWrapped(deflated)) return inflateSync(deflated, settings);
    throw new WorkbenchError('DICOM_INFLATE_FAILED', 'The deflated data set is damaged.', { cause: String(code) });
  }
}

/** Some writers put a zlib header before the deflate stream (against PS3.5 A.5). */
function isZlibWrapped(bytes: Uint8Array): boolean {
  return bytes.length > 2 && (bytes[0]! & 0x0f) === 8 && ((bytes[0]! << 8) | bytes[1]!) % 31 === 0;
}

// --------------------------------------------------------------------------------------------------------- the elements

interface Body {
  dataSet: DataSet;
  pixelData: PixelDataElement | null;
}

function readBody(
  bytes: Uint8Array,
  start: number,
  encoding: Encoding,
  options: ReadOptions,
  warnings: string[],
): Body {
  const elements: Record<string, Element> = {};
  const body: Body = { dataSet: emptyDataSet(bytes, encoding.bigEndian, elements), pixelData: null };
  if (start >= bytes.length) return body;
  const stream = new ElementStream(bytes, start, encoding.bigEndian);
  while (stream.position + 8 <= bytes.length) {
    const before = stream.position;
    try {
      const element = guarded(options, readElement, stream, encoding);
      if (PIXEL_TAGS.has(element.tag)) {
        body.pixelData = locatePixelData(bytes, element);
        if (options.prefix) return body;
        stream.position = endOfPixelData(bytes, element, encoding.bigEndian);
      } else if (element.tag === DIRECTORY_RECORDS) {
        elements[element.tag] = element;
        if (options.prefix) return body;
        readRecords(stream, element, encoding, warnings);
      } else {
        requireInside(stream, element, options);
        elements[element.tag] = element;
      }
    } catch (error) {
      if (!body.pixelData || !(error instanceof WorkbenchError) || isTooMany(error)) throw error;
      warnings.push(`What follows the pixel data (from byte ${before}) could not be read.`);
      return body;
    }
  }
  if (options.prefix && !body.pixelData && stream.position < bytes.length) throw new PrefixTooShort();
  return body;
}

/**
 * One element. The stream stands behind it, or, for pixel data and directory records, at its value. What is not nested is
 * read here, which is several times as fast; sequences, undefined lengths and unknown VRs are dicom-parser's.
 */
function readElement(stream: ElementStream, encoding: Encoding): Element {
  stream.count();
  const element = encoding.explicitVr
    ? explicitElement(stream.byteArray, stream.position, encoding.bigEndian)
    : implicitElement(stream.byteArray, stream.position);
  if (element) {
    const isMark = PIXEL_TAGS.has(element.tag) || element.tag === DIRECTORY_RECORDS;
    stream.position = element.dataOffset + (isMark ? 0 : element.length);
    return element;
  }
  if (!encoding.explicitVr) return dicomParser.readDicomElementImplicit(stream);
  return hasImplicitItems(stream.byteArray, stream.position, encoding.bigEndian)
    ? readImplicitItems(stream)
    : dicomParser.readDicomElementExplicit(stream, []);
}

/** Whether the first element in a sequence's first item has no VR, as some writers have it in an explicit data set. */
function hasImplicitItems(bytes: Uint8Array, at: number, bigEndian: boolean): boolean {
  const isSequence = bytes[at + 4] === 0x53 && bytes[at + 5] === 0x51;
  const first = at + 20;
  if (!isSequence || bigEndian || first + 8 > bytes.length || tagNumber(bytes, at + 12) !== ITEM) return false;
  return u16(bytes, first) !== ITEM >>> 16 && !isVr(bytes, first + 4) && u32(bytes, first + 4) < bytes.length - first;
}

function readImplicitItems(stream: ByteStream): Element {
  const bytes = stream.byteArray;
  const at = stream.position;
  const length = u32(bytes, at + 8);
  const element: Element = { tag: readTag(bytes, at, false), vr: 'SQ', length, dataOffset: at + 12 };
  if (length === UNDEFINED_LENGTH) element.hadUndefinedLength = true;
  stream.position = element.dataOffset;
  dicomParser.readSequenceItemsImplicit(stream, element);
  return element;
}

/** PS3.5 7.1.2; undefined where the value is, or may be, nested. */
function explicitElement(bytes: Uint8Array, at: number, bigEndian: boolean): Element | undefined {
  const tag = readTag(bytes, at, bigEndian);
  const vr = VRS.get((bytes[at + 4]! << 8) | bytes[at + 5]!);
  if (vr === undefined) return isStrayImplicit(bytes, at, bigEndian) ? implicitElement(bytes, at) : undefined;
  if (vr === 'SQ' && tag !== DIRECTORY_RECORDS) return undefined;
  const long = LONG_VRS.has(vr);
  const length = long ? u32(bytes, at + 8, bigEndian) : u16(bytes, at + 6, bigEndian);
  if (length === UNDEFINED_LENGTH && !PIXEL_TAGS.has(tag) && tag !== DIRECTORY_RECORDS) return undefined;
  return { tag, vr, length, dataOffset: at + (long ? 12 : 8) };
}

/**
 * Whether an element without a known VR was written in implicit VR among explicit ones, as some converters do with private
 * elements: its length then leads to a later tag with a VR, and the length that explicit VR has there does not.
 */
function isStrayImplicit(bytes: Uint8Array, at: number, bigEndian: boolean): boolean {
  if (bigEndian) return false;
  const leads = (next: number) =>
    next + 8 <= bytes.length && isVr(bytes, next + 4) && tagNumber(bytes, next) > tagNumber(bytes, at);
  return leads(at + 8 + u32(bytes, at + 4)) && !leads(at + 8 + u16(bytes, at + 6));
}

function tagNumber(bytes: Uint8Array, at: number): number {
  return u16(bytes, at) * 65536 + u16(bytes, at + 2);
}

/** PS3.5 7.1.3; undefined where the value is, or may be, nested. */
function implicitElement(bytes: Uint8Array, at: number): Element | undefined {
  const tag = readTag(bytes, at, false);
  const length = u32(bytes, at + 4);
  const element = { tag, length, dataOffset: at + 8 };
  if (PIXEL_TAGS.has(tag) || tag === DIRECTORY_RECORDS) return element;
  const mayBeItem = u16(bytes, at + 8) === 0xfffe;
  return length === UNDEFINED_LENGTH || mayBeItem ? undefined : element;
}

/** A DICOMDIR's records, as many as can be read: one that is cut off does not take the others with it. */
function readRecords(stream: ElementStream, element: Element, encoding: Encoding, warnings: string[]): void {
  const bytes = stream.byteArray;
  const end = Math.min(element.dataOffset + element.length, bytes.length);
  const items: Element[] = [];
  element.items = items;
  while (stream.position + 8 <= end && readTag(bytes, stream.position, encoding.bigEndian) === 'xfffee000') {
    stream.count();
    const length = u32(bytes, stream.position + 4, encoding.bigEndian);
    const dataOffset = stream.position + 8;
    const elements: Record<string, Element> = {};
    items.push({ tag: 'xfffee000', length, dataOffset, dataSet: emptyDataSet(bytes, encoding.bigEndian, elements) });
    stream.position = dataOffset;
    try {
      readRecord(stream, Math.min(dataOffset + length, bytes.length), encoding, elements);
    } catch (error) {
      if (isTooMany(error)) throw error;
      warnings.push(`The directory record at byte ${dataOffset} is damaged.`);
    }
    if (length !== UNDEFINED_LENGTH) stream.position = dataOffset + length;
  }
  if (stream.position !== end) warnings.push('The directory records end too early, or with something else.');
  stream.position = Math.max(stream.position, end);
}

function readRecord(stream: ElementStream, end: number, encoding: Encoding, elements: Record<string, Element>): void {
  while (stream.position + 8 <= end) {
    const element = guarded({}, readElement, stream, encoding);
    if (element.tag === 'xfffee00d') return;
    requireInside(stream, element, {});
    elements[element.tag] = element;
  }
}

/** Tags as dicom-parser writes them. The same few thousand come back in every file. */
const tagTexts = new Map<number, string>();
const MAX_TAG_TEXTS = 8192;

function readTag(bytes: Uint8Array, at: number, bigEndian: boolean): string {
  const number = u16(bytes, at, bigEndian) * 65536 + u16(bytes, at + 2, bigEndian);
  const known = tagTexts.get(number);
  if (known !== undefined) return known;
  const text = `x${number.toString(16).padStart(8, '0')}`;
  if (tagTexts.size < MAX_TAG_TEXTS) tagTexts.set(number, text);
  return text;
}

function locatePixelData(bytes: Uint8Array, element: Element): PixelDataElement {
  const undefinedLength = element.length === UNDEFINED_LENGTH;
  const room = bytes.length - element.dataOffset;
  return {
    tag: element.tag as PixelDataElement['tag'],
    vr: element.vr,
    offset: element.dataOffset,
    length: undefinedLength ? room : Math.min(element.length, room),
    declaredLength: undefinedLength ? null : element.length,
  };
}

/** Steps over fragments to behind the sequence delimiter; the end of the file where there is none. */
export function endOfPixelData(
  bytes: Uint8Array,
  element: Pick<Element, 'dataOffset' | 'length'>,
  bigEndian: boolean,
): number {
  if (element.length !== UNDEFINED_LENGTH) return Math.min(element.dataOffset + element.length, bytes.length);
  let position = element.dataOffset;
  while (position + 8 <= bytes.length) {
    const tag = readTag(bytes, position, bigEndian);
    if (tag === 'xfffee0dd') return position + 8;
    if (tag !== 'xfffee000') return bytes.length;
    position += 8 + u32(bytes, position + 4, bigEndian);
  }
  return bytes.length;
}

function requireInside(stream: ByteStream, element: Element, options: ReadOptions): void {
  if (stream.position <= stream.byteArray.length) return;
  if (options.prefix) throw new PrefixTooShort();
  throw new WorkbenchError('DICOM_TRUNCATED', `The file ends inside the element ${tagName(element.tag)}.`, {
    tag: tagName(element.tag),
    length: element.length,
    available: stream.byteArray.length - element.dataOffset,
  });
}

/** dicom-parser throws strings, and overflows the stack on deep nesting. */
function guarded<A extends unknown[], T>(options: ReadOptions, read: (...args: A) => T, ...args: A): T {
  try {
    return read(...args);
  } catch (error) {
    if (isTooMany(error)) throw error;
    if (error instanceof RangeError) {
      throw new WorkbenchError('DICOM_NESTED_TOO_DEEP', 'The sequences of this file are nested too deeply.');
    }
    if (options.prefix) throw new PrefixTooShort();
    throw new WorkbenchError('DICOM_MALFORMED', 'The data set is damaged, or ends too early.', {
      cause: error instanceof Error ? error.message : String(error),
    });
  }
}

function emptyDataSet(bytes: Uint8Array, bigEndian: boolean, elements: Record<string, Element>): DataSet {
  return { byteArray: bytes, byteArrayParser: parserFor(bigEndian), elements, warnings: [] } as unknown as DataSet;
}

function isVr(bytes: Uint8Array, at: number): boolean {
  return VRS.has((bytes[at]! << 8) | bytes[at + 1]!);
}

/** PS3.5 6.2, by their two letters as a number. */
const VRS = new Map(
  'AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR US UT UV'
    .split(' ')
    .map((vr) => [(vr.charCodeAt(0) << 8) | vr.charCodeAt(1), vr]),
);
/** PS3.5 7.1.2: two reserved bytes, and a length of 32 bits. */
const LONG_VRS = new Set('OB OD OF OL OV OW SQ SV UC UN UR UT UV'.split(' '));
