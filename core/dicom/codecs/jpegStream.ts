/**
 * The parts of a JPEG codestream (ITU-T T.81 annexes B and F) that the lossless and the 12-bit decoder share:
 * markers, frame header, Huffman tables, entropy-coded bits. The frame header alone serves to check the size of
 * every JPEG and JPEG-LS image before a library sees it.
 */
import { damaged, type ExpectedSize } from './frame.ts';

export interface JpegComponent {
  id: number;
  horizontal: number;
  vertical: number;
  quantization: number;
}

export interface JpegFrameHeader {
  /** The marker's second byte: 0xc0 baseline, 0xc1 extended, 0xc2 progressive, 0xc3 lossless, 0xf7 JPEG-LS. */
  sof: number;
  precision: number;
  width: number;
  height: number;
  components: JpegComponent[];
}

export interface JpegScan {
  components: { index: number; dc: number; ac: number }[];
  /** Ss: start of spectral selection; the predictor of a lossless scan. */
  start: number;
  end: number;
  high: number;
  /** Al: successive approximation, or the point transform of a lossless scan. */
  low: number;
  /** Offset of the first entropy-coded byte. */
  position: number;
}

/** Marker segments in the order in which a decoder meets them; entropy-coded data is skipped by `findMarker`. */
export interface Segment {
  marker: number;
  /** Offset and end of the segment's content. */
  start: number;
  end: number;
}

export const isFrameMarker = (marker: number) =>
  (marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc) || marker === 0xf7;

/** The next marker segment at or after `position`, or undefined at the end of the stream. */
export function nextSegment(bytes: Uint8Array, position: number): Segment | undefined {
  let at = position;
  while (at + 1 < bytes.length) {
    if (bytes[at] !== 0xff || bytes[at + 1] === 0 || bytes[at + 1] === 0xff) {
      at++;
      continue;
    }
    const marker = bytes[at + 1]!;
    at += 2;
    if (marker === 0xd8 || marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7)) continue;
    if (marker === 0xd9) return { marker, start: at, end: at };
    if (at + 2 > bytes.length) return undefined;
    const length = word(bytes, at);
    if (length < 2 || at + length > bytes.length) throw damaged('JPEG', 'a marker segment is cut off', { byte: at });
    return { marker, start: at + 2, end: at + length };
  }
  return undefined;
}

/** Reads up to the frame header. @throws WorkbenchError CODEC_DAMAGED where there is none. */
export function readJpegFrameHeader(bytes: Uint8Array): JpegFrameHeader {
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) throw damaged('JPEG', 'it does not begin with SOI');
  for (let at = 2; ; ) {
    const segment = nextSegment(bytes, at);
    if (!segment || segment.marker === 0xda || segment.marker === 0xd9) throw damaged('JPEG', 'it has no frame header');
    if (isFrameMarker(segment.marker)) return parseFrameHeader(bytes, segment);
    at = segment.end;
  }
}

/**
 * Each scan goes over the whole image again, and one that changes nothing takes a few bytes: a small file could ask for
 * thousands. Encoders make 6 for gray values and 10 for colors.
 */
export function requireFewScans(bytes: Uint8Array, { width, height }: ExpectedSize): void {
  const stream = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let scans = 0;
  for (let at = stream.indexOf(START_OF_SCAN); at >= 0; at = stream.indexOf(START_OF_SCAN, at + 2)) scans++;
  const limit = Math.max(MIN_SCANS, Math.min(MAX_SCANS, Math.floor(MAX_SCANNED_PIXELS / (width * height))));
  if (scans > limit) throw damaged('JPEG', `it has ${scans} scans, where ${limit} are the most`, { scans, limit });
}

const START_OF_SCAN = Buffer.from([0xff, 0xda]);
const MIN_SCANS = 20;
const MAX_SCANS = 100;
/** libjpeg-turbo takes some 1.3 ns for a pixel of a scan that changes nothing. */
const MAX_SCANNED_PIXELS = 2.5e9;

export function isJpegFrameSegment(segment: Segment): boolean {
  return isFrameMarker(segment.marker);
}

export function parseFrameHeader(bytes: Uint8Array, { marker, start, end }: Segment): JpegFrameHeader {
  const count = bytes[start + 5] ?? 0;
  if (end - start < 6 + 3 * count || count === 0) throw damaged('JPEG', 'its frame header is too short');
  const components = Array.from({ length: count }, (_, i) => {
    const at = start + 6 + 3 * i;
    return {
      id: bytes[at]!,
      horizontal: bytes[at + 1]! >> 4,
      vertical: bytes[at + 1]! & 15,
      quantization: bytes[at + 2]!,
    };
  });
  const header = {
    sof: marker,
    precision: bytes[start]!,
    height: word(bytes, start + 1),
    width: word(bytes, start + 3),
    components,
  };
  if (header.width === 0) throw damaged('JPEG', 'its width is 0');
  if (header.precision < 2 || header.precision > 16) throw damaged('JPEG', `its precision is ${header.precision}`);
  return header;
}

export function parseScanHeader(bytes: Uint8Array, { start, end }: Segment, frame: JpegFrameHeader): JpegScan {
  const count = bytes[start] ?? 0;
  if (count < 1 || count > 4 || end - start < 4 + 2 * count) throw damaged('JPEG', 'its scan header is too short');
  const components = Array.from({ length: count }, (_, i) => {
    const at = start + 1 + 2 * i;
    const index = frame.components.findIndex((component) => component.id === bytes[at]);
    if (index < 0) throw damaged('JPEG', `its scan names the unknown component ${bytes[at]}`);
    return { index, dc: bytes[at + 1]! >> 4, ac: bytes[at + 1]! & 15 };
  });
  const at = start + 1 + 2 * count;
  return {
    components,
    start: bytes[at]!,
    end: bytes[at + 1]!,
    high: bytes[at + 2]! >> 4,
    low: bytes[at + 2]! & 15,
    position: end,
  };
}

const LOOK_AHEAD = 10;

/** A Huffman table (T.81 annex C) with a look-ahead of 10 bits; longer codes go bit by bit. */
export class HuffmanTable {
  /** (length << 8) | symbol; 0: the code is longer. */
  readonly fast = new Uint16Array(1 << LOOK_AHEAD);
  /** Where a code and the bits of its value lie within the look-ahead: (value << 16) | (run << 8) | length of both; else 0. */
  readonly withValue = new Int32Array(1 << LOOK_AHEAD);
  /** By code length 1 to 16: the largest code, left-aligned to 16 bits, plus one; 0 where there is none. */
  readonly limit = new Int32Array(18);
  readonly delta = new Int32Array(17);
  readonly symbols: Uint8Array;

  constructor(counts: Uint8Array, symbols: Uint8Array) {
    this.symbols = symbols;
    let code = 0;
    let index = 0;
    for (let length = 1; length <= 16; length++) {
      this.delta[length] = index - code;
      for (let i = 0; i < counts[length - 1]!; i++, code++, index++) this.addFast(code, length, symbols[index]!);
      if (code > 1 << length) throw damaged('JPEG', 'a Huffman table is overfull');
      this.limit[length] = code << (16 - length);
      code <<= 1;
    }
    this.limit[17] = 0x7fffffff;
    for (let ahead = 0; ahead < this.fast.length; ahead++) this.addValue(ahead);
  }

  private addValue(ahead: number): void {
    const found = this.fast[ahead]!;
    const size = found & 15;
    const length = (found >> 8) + size;
    if (size === 0 || length > LOOK_AHEAD) return;
    const bits = (ahead >> (LOOK_AHEAD - length)) & ((1 << size) - 1);
    this.withValue[ahead] = (extend(bits, size) << 16) | (((found >> 4) & 15) << 8) | length;
  }

  private addFast(code: number, length: number, symbol: number): void {
    if (length > LOOK_AHEAD) return;
    const first = code << (LOOK_AHEAD - length);
    this.fast.fill((length << 8) | symbol, first, first + (1 << (LOOK_AHEAD - length)));
  }
}

/** DHT: fills `dc` and `ac` by destination. */
export function parseHuffmanTables(
  bytes: Uint8Array,
  { start, end }: Segment,
  dc: (HuffmanTable | undefined)[],
  ac: (HuffmanTable | undefined)[],
): void {
  for (let at = start; at + 17 <= end; ) {
    const destination = bytes[at]!;
    const counts = bytes.subarray(at + 1, at + 17);
    const total = counts.reduce((sum, count) => sum + count, 0);
    if (total > 256 || at + 17 + total > end) throw damaged('JPEG', 'a Huffman table is cut off');
    const table = new HuffmanTable(counts, bytes.subarray(at + 17, at + 17 + total));
    (destination >> 4 === 0 ? dc : ac)[destination & 15] = table;
    at += 17 + total;
  }
}

/** Bits of an entropy-coded segment: stuffed bytes removed; zeros, and `overrun` counted, beyond its end. */
export class BitReader {
  private buffer = 0;
  private count = 0;
  /** Bytes that were asked for after a marker or the end of the stream. */
  overrun = 0;
  position: number;
  private readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array, position: number) {
    this.bytes = bytes;
    this.position = position;
  }

  /** Leaves at least 25 bits in the buffer. */
  private fill(): void {
    const bytes = this.bytes;
    while (this.count <= 24) {
      let byte = 0;
      if (this.position >= bytes.length) this.overrun++;
      else {
        byte = bytes[this.position]!;
        if (byte !== 0xff) this.position++;
        else if (bytes[this.position + 1] === 0) this.position += 2;
        else {
          byte = 0;
          this.overrun++;
        }
      }
      this.buffer = (this.buffer << 8) | byte;
      this.count += 8;
    }
  }

  bits(n: number): number {
    if (n === 0) return 0;
    if (this.count < n) this.fill();
    this.count -= n;
    return (this.buffer >>> this.count) & ((1 << n) - 1);
  }

  bit(): number {
    if (this.count < 1) this.fill();
    this.count--;
    return (this.buffer >>> this.count) & 1;
  }

  /** The next Huffman symbol. */
  symbol(table: HuffmanTable): number {
    if (this.count < 16) this.fill();
    const found = table.fast[(this.buffer >>> (this.count - LOOK_AHEAD)) & ((1 << LOOK_AHEAD) - 1)]!;
    if (found !== 0) {
      this.count -= found >> 8;
      return found & 255;
    }
    return this.longSymbol(table);
  }

  /** A symbol of an AC table with its value, as HuffmanTable.withValue has it; 0: read `symbol` and `extended`. */
  symbolWithValue(table: HuffmanTable): number {
    if (this.count < 16) this.fill();
    const found = table.withValue[(this.buffer >>> (this.count - LOOK_AHEAD)) & ((1 << LOOK_AHEAD) - 1)]!;
    this.count -= found & 255;
    return found;
  }

  private longSymbol(table: HuffmanTable): number {
    const ahead = (this.buffer >>> (this.count - 16)) & 0xffff;
    let length = LOOK_AHEAD + 1;
    while (length <= 16 && ahead >= table.limit[length]!) length++;
    if (length > 16) throw damaged('JPEG', 'it has a code that is in no Huffman table');
    this.count -= length;
    return table.symbols[(ahead >> (16 - length)) + table.delta[length]!]!;
  }

  /** A signed value of `size` bits. */
  extended(size: number): number {
    return size === 0 ? 0 : extend(this.bits(size), size);
  }

  /** Goes on after a restart marker. @throws CODEC_DAMAGED where there is none. */
  restart(): void {
    this.count = 0;
    this.buffer = 0;
    this.overrun = 0;
    const bytes = this.bytes;
    let at = this.position;
    while (at + 1 < bytes.length && !(bytes[at] === 0xff && bytes[at + 1]! >= 0xd0 && bytes[at + 1]! <= 0xd7)) {
      if (bytes[at] === 0xff && bytes[at + 1] !== 0 && bytes[at + 1] !== 0xff) break;
      at++;
    }
    if (!(bytes[at] === 0xff && bytes[at + 1]! >= 0xd0 && bytes[at + 1]! <= 0xd7)) {
      throw damaged('JPEG', 'a restart marker is missing');
    }
    this.position = at + 2;
  }

  /** Zeros beyond the end belong to a stream that was cut off; the look-ahead itself may go 4 bytes beyond. */
  requireInside(): void {
    if (this.overrun > 8) throw damaged('JPEG', 'its data end too early');
  }
}

/** T.81 F.2.2.1: of `size` bits, those that begin with 0 stand for negative values. */
function extend(bits: number, size: number): number {
  return bits < 1 << (size - 1) ? bits - (1 << size) + 1 : bits;
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}
