/**
 * JPEG with a discrete cosine transform and Huffman coding, sequential and progressive, 8 and 12 bits (ITU-T T.81
 * annexes F and G). libjpeg-turbo's WebAssembly build reads 8 bits only; DICOM's extended process 4 and the retired
 * spectral selection and full progression have 12.
 */
import { type CodecFrame, damaged, type ExpectedSize, requireSize, unsupported } from './frame.ts';
import {
  BitReader,
  type HuffmanTable,
  isJpegFrameSegment,
  type JpegFrameHeader,
  type JpegScan,
  nextSegment,
  parseFrameHeader,
  parseHuffmanTables,
  parseScanHeader,
  requireFewScans,
} from './jpegStream.ts';

interface Plane {
  /** Blocks that the component has, and blocks that interleaved scans go over. */
  blocksWide: number;
  blocksHigh: number;
  paddedWide: number;
  paddedHigh: number;
  /** Coefficients, 64 a block, row after row. */
  coefficients: Int16Array;
  horizontal: number;
  vertical: number;
  quantization: number;
  predictor: number;
}

// prettier-ignore
const ZIGZAG = Uint8Array.from([
  0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
  35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47,
  55, 62, 63,
]);

interface Decoder {
  bytes: Uint8Array;
  frame: JpegFrameHeader;
  planes: Plane[];
  dc: (HuffmanTable | undefined)[];
  ac: (HuffmanTable | undefined)[];
  quantization: (Uint16Array | undefined)[];
  restartInterval: number;
  /** End-of-band run of a progressive scan (G.1.2.2). */
  endOfBandRun: number;
  scans: number;
}

/** @throws WorkbenchError CODEC_DAMAGED, CODEC_UNSUPPORTED, CODEC_SIZE_MISMATCH */
export function decodeJpegDct(bytes: Uint8Array, expected: ExpectedSize): CodecFrame {
  requireFewScans(bytes, expected);
  let decoder: Decoder | undefined;
  const dc: Decoder['dc'] = [];
  const ac: Decoder['ac'] = [];
  const quantization: Decoder['quantization'] = [];
  let restartInterval = 0;
  for (let at = 0; ; ) {
    const segment = nextSegment(bytes, at);
    if (!segment || segment.marker === 0xd9) break;
    at = segment.end;
    if (segment.marker === 0xc4) parseHuffmanTables(bytes, segment, dc, ac);
    else if (segment.marker === 0xdb) parseQuantization(bytes, segment.start, segment.end, quantization);
    else if (segment.marker === 0xdd) restartInterval = (bytes[segment.start]! << 8) | bytes[segment.start + 1]!;
    else if (isJpegFrameSegment(segment) && !decoder) {
      const frame = parseFrameHeader(bytes, segment);
      const planes = preparePlanes(frame, expected);
      decoder = { bytes, frame, planes, dc, ac, quantization, restartInterval, endOfBandRun: 0, scans: 0 };
    } else if (segment.marker === 0xda) {
      if (!decoder) throw damaged('JPEG', 'a scan precedes the frame header');
      decoder.scans++;
      decoder.restartInterval = restartInterval;
      at = decodeScan(decoder, parseScanHeader(bytes, segment, decoder.frame));
    }
  }
  if (!decoder || decoder.scans === 0) throw damaged('JPEG', 'it holds no image');
  return reconstruct(decoder);
}

function parseQuantization(bytes: Uint8Array, start: number, end: number, tables: (Uint16Array | undefined)[]): void {
  for (let at = start; at < end; ) {
    const wide = bytes[at]! >> 4 !== 0;
    const table = new Uint16Array(64);
    const size = wide ? 128 : 64;
    if (at + 1 + size > end) throw damaged('JPEG', 'a quantization table is cut off');
    for (let i = 0; i < 64; i++) {
      table[i] = wide ? (bytes[at + 1 + 2 * i]! << 8) | bytes[at + 2 + 2 * i]! : bytes[at + 1 + i]!;
    }
    tables[bytes[at]! & 15] = table;
    at += 1 + size;
  }
}

function preparePlanes(frame: JpegFrameHeader, expected: ExpectedSize): Plane[] {
  if (frame.sof > 0xc2) throw unsupported('JPEG', `frame type ${frame.sof.toString(16)}`);
  if (frame.precision !== 8 && frame.precision !== 12) throw unsupported('JPEG', `${frame.precision} bits`);
  requireSize(expected, { width: frame.width, height: frame.height, components: frame.components.length });
  const maxH = Math.max(...frame.components.map((c) => c.horizontal));
  const maxV = Math.max(...frame.components.map((c) => c.vertical));
  const mcusWide = Math.ceil(frame.width / (8 * maxH));
  const mcusHigh = Math.ceil(frame.height / (8 * maxV));
  return frame.components.map((c) => {
    if (c.horizontal < 1 || c.horizontal > 4 || c.vertical < 1 || c.vertical > 4) {
      throw damaged('JPEG', 'a sampling factor is out of range');
    }
    const paddedWide = mcusWide * c.horizontal;
    const paddedHigh = mcusHigh * c.vertical;
    return {
      blocksWide: Math.ceil(Math.ceil((frame.width * c.horizontal) / maxH) / 8),
      blocksHigh: Math.ceil(Math.ceil((frame.height * c.vertical) / maxV) / 8),
      paddedWide,
      paddedHigh,
      coefficients: new Int16Array(paddedWide * paddedHigh * 64),
      horizontal: c.horizontal,
      vertical: c.vertical,
      quantization: c.quantization,
      predictor: 0,
    };
  });
}

// -------------------------------------------------------------------------------------------------------------- scans

type BlockDecoder = (reader: BitReader, plane: Plane, offset: number, dc: HuffmanTable, ac: HuffmanTable) => void;

function decodeScan(decoder: Decoder, scan: JpegScan): number {
  const reader = new BitReader(decoder.bytes, scan.position);
  const decodeBlock = blockDecoder(decoder, scan);
  const parts = scan.components.map(({ index, dc, ac }) => ({
    plane: decoder.planes[index]!,
    dc: table(decoder.dc, dc, needsDc(decoder, scan)),
    ac: table(decoder.ac, ac, needsAc(decoder, scan)),
  }));
  const units = parts.length === 1 ? singleUnits(parts[0]!.plane) : interleavedUnits(parts[0]!.plane);
  resetPredictors(decoder);
  for (let unit = 0; unit < units.count; unit++) {
    if (decoder.restartInterval > 0 && unit > 0 && unit % decoder.restartInterval === 0) {
      reader.restart();
      resetPredictors(decoder);
    }
    const x = unit % units.wide;
    const y = Math.floor(unit / units.wide);
    for (const part of parts) {
      if (parts.length === 1) {
        decodeBlock(reader, part.plane, (y * part.plane.paddedWide + x) * 64, part.dc, part.ac);
      } else decodeUnit(reader, decodeBlock, part, x, y);
    }
    if (x === 0) reader.requireInside();
  }
  reader.requireInside();
  return reader.position;
}

function decodeUnit(
  reader: BitReader,
  decodeBlock: BlockDecoder,
  part: { plane: Plane; dc: HuffmanTable; ac: HuffmanTable },
  x: number,
  y: number,
): void {
  const { plane } = part;
  for (let v = 0; v < plane.vertical; v++) {
    for (let h = 0; h < plane.horizontal; h++) {
      const block = (y * plane.vertical + v) * plane.paddedWide + x * plane.horizontal + h;
      decodeBlock(reader, plane, block * 64, part.dc, part.ac);
    }
  }
}

function singleUnits(plane: Plane) {
  return { wide: plane.blocksWide, count: plane.blocksWide * plane.blocksHigh };
}

function interleavedUnits(plane: Plane) {
  const wide = plane.paddedWide / plane.horizontal;
  return { wide, count: wide * (plane.paddedHigh / plane.vertical) };
}

function resetPredictors(decoder: Decoder): void {
  for (const plane of decoder.planes) plane.predictor = 0;
  decoder.endOfBandRun = 0;
}

const EMPTY_TABLE = undefined as unknown as HuffmanTable;
function table(tables: (HuffmanTable | undefined)[], index: number, needed: boolean): HuffmanTable {
  const found = tables[index];
  if (needed && !found) throw damaged('JPEG', `the Huffman table ${index} is missing`);
  return found ?? EMPTY_TABLE;
}

const isProgressive = (decoder: Decoder) => decoder.frame.sof === 0xc2;
const needsDc = (decoder: Decoder, scan: JpegScan) => !isProgressive(decoder) || (scan.start === 0 && scan.high === 0);
const needsAc = (decoder: Decoder, scan: JpegScan) => !isProgressive(decoder) || scan.start > 0;

function blockDecoder(decoder: Decoder, scan: JpegScan): BlockDecoder {
  if (!isProgressive(decoder)) return sequentialBlock;
  if (scan.start > 63 || scan.end > 63 || (scan.start > 0 && (scan.end < scan.start || scan.components.length > 1))) {
    throw damaged('JPEG', 'a progressive scan has an impossible band');
  }
  if (scan.start === 0) return scan.high === 0 ? firstDc(scan) : refineDc(scan);
  return scan.high === 0 ? firstAc(decoder, scan) : refineAc(decoder, scan);
}

/** F.2.2. */
function sequentialBlock(reader: BitReader, plane: Plane, offset: number, dc: HuffmanTable, ac: HuffmanTable): void {
  const { coefficients } = plane;
  plane.predictor += reader.extended(reader.symbol(dc) & 15);
  coefficients[offset] = plane.predictor;
  for (let k = 1; k < 64; k++) {
    const both = reader.symbolWithValue(ac);
    if (both !== 0) {
      k += (both >> 8) & 255;
      if (k > 63) throw damaged('JPEG', 'a block has more than 64 coefficients');
      coefficients[offset + ZIGZAG[k]!] = both >> 16;
      continue;
    }
    const symbol = reader.symbol(ac);
    const size = symbol & 15;
    const run = symbol >> 4;
    if (size === 0) {
      if (run < 15) return;
      k += 15;
      continue;
    }
    k += run;
    if (k > 63) throw damaged('JPEG', 'a block has more than 64 coefficients');
    coefficients[offset + ZIGZAG[k]!] = reader.extended(size);
  }
}

/** G.1.2.1. */
function firstDc(scan: JpegScan): BlockDecoder {
  return (reader, plane, offset, dc) => {
    plane.predictor += reader.extended(reader.symbol(dc) & 15);
    plane.coefficients[offset] = plane.predictor << scan.low;
  };
}

function refineDc(scan: JpegScan): BlockDecoder {
  return (reader, plane, offset) => {
    plane.coefficients[offset]! |= reader.bit() << scan.low;
  };
}

/** G.1.2.2. */
function firstAc(decoder: Decoder, scan: JpegScan): BlockDecoder {
  return (reader, plane, offset, _dc, ac) => {
    if (decoder.endOfBandRun > 0) {
      decoder.endOfBandRun--;
      return;
    }
    for (let k = scan.start; k <= scan.end; k++) {
      const symbol = reader.symbol(ac);
      const size = symbol & 15;
      const run = symbol >> 4;
      if (size === 0 && run < 15) {
        decoder.endOfBandRun = (1 << run) - 1 + reader.bits(run);
        return;
      }
      k += run;
      if (size === 0) continue;
      if (k > scan.end) throw damaged('JPEG', 'a band has too many coefficients');
      plane.coefficients[offset + ZIGZAG[k]!] = reader.extended(size) * (1 << scan.low);
    }
  };
}

/** G.1.2.3: every coefficient that is not zero yet gets a correction bit on the way. */
function refineAc(decoder: Decoder, scan: JpegScan): BlockDecoder {
  const unit = 1 << scan.low;
  return (reader, plane, offset, _dc, ac) => {
    const { coefficients } = plane;
    const correct = (at: number) => {
      const value = coefficients[at]!;
      if (reader.bit() && (value & unit) === 0) coefficients[at] = value + (value > 0 ? unit : -unit);
    };
    let k = scan.start;
    if (decoder.endOfBandRun === 0) {
      for (; k <= scan.end; k++) {
        const symbol = reader.symbol(ac);
        let run = symbol >> 4;
        let value = 0;
        if ((symbol & 15) === 0) {
          if (run < 15) {
            decoder.endOfBandRun = (1 << run) + reader.bits(run);
            break;
          }
        } else value = reader.bit() ? unit : -unit;
        for (; k <= scan.end; k++) {
          const at = offset + ZIGZAG[k]!;
          if (coefficients[at] !== 0) correct(at);
          else if (run-- === 0) break;
        }
        if (value !== 0 && k <= scan.end) coefficients[offset + ZIGZAG[k]!] = value;
      }
    }
    if (decoder.endOfBandRun > 0) {
      for (; k <= scan.end; k++) {
        const at = offset + ZIGZAG[k]!;
        if (coefficients[at] !== 0) correct(at);
      }
      decoder.endOfBandRun--;
    }
  };
}

// ---------------------------------------------------------------------------------------------------- reconstruction

function reconstruct(decoder: Decoder): CodecFrame {
  const { frame, planes } = decoder;
  const { width, height, precision } = frame;
  const components = planes.length;
  const size = width * height * components;
  const data = precision <= 8 ? new Uint8Array(size) : new Uint16Array(size);
  const maxH = Math.max(...planes.map((plane) => plane.horizontal));
  const maxV = Math.max(...planes.map((plane) => plane.vertical));
  planes.forEach((plane, index) => {
    const samples = inverseTransform(plane, decoder);
    const stride = plane.paddedWide * 8;
    if (components === 1) {
      for (let y = 0; y < height; y++) data.set(samples.subarray(y * stride, y * stride + width), y * width);
      return;
    }
    for (let y = 0, at = index; y < height; y++) {
      const row = Math.floor((y * plane.vertical) / maxV) * stride;
      for (let x = 0; x < width; x++, at += components) {
        data[at] = samples[row + Math.floor((x * plane.horizontal) / maxH)]!;
      }
    }
  });
  return { width, height, components, precision, signed: false, data };
}

function inverseTransform(plane: Plane, decoder: Decoder): Uint16Array {
  const zigzag = decoder.quantization[plane.quantization];
  if (!zigzag) throw damaged('JPEG', `the quantization table ${plane.quantization} is missing`);
  const quantization = new Int32Array(64);
  for (let k = 0; k < 64; k++) quantization[ZIGZAG[k]!] = zigzag[k]!;
  const { coefficients } = plane;
  const stride = plane.paddedWide * 8;
  const samples = new Uint16Array(stride * plane.paddedHigh * 8);
  const { precision } = decoder.frame;
  const firstPassBits = precision === 8 ? 2 : 1;
  const columns = new Int32Array(64);
  for (let by = 0, offset = 0; by < plane.paddedHigh; by++) {
    for (let bx = 0; bx < plane.paddedWide; bx++, offset += 64) {
      transformColumns(coefficients, offset, quantization, columns, firstPassBits);
      transformRows(columns, samples, by * 8 * stride + bx * 8, stride, precision, firstPassBits);
    }
  }
  return samples;
}

/*
 * The accurate integer transform of Loeffler, Ligtenberg and Moschytz as the Independent JPEG Group's jidctint.c computes it,
 * so that results equal those of libjpeg and its descendants: constants have 13 fraction bits; columns first, whose results
 * keep `firstPassBits` more bits; each pass rounds. Both passes write the same eight sums: a function for one line, with its
 * step and its shift as arguments, took twice the time.
 */
const CONST_BITS = 13;

/** @param offset of the block's coefficients; `columns` [64] gets the first pass, row after row */
function transformColumns(
  coefficients: Int16Array,
  offset: number,
  quantization: Int32Array,
  columns: Int32Array,
  firstPassBits: number,
): void {
  const shift = CONST_BITS - firstPassBits;
  const half = 1 << (shift - 1);
  for (let x = 0; x < 8; x++) {
    const at = offset + x;
    const s0 = Math.imul(coefficients[at]!, quantization[x]!);
    const c1 = coefficients[at + 8]!;
    const c2 = coefficients[at + 16]!;
    const c3 = coefficients[at + 24]!;
    const c4 = coefficients[at + 32]!;
    const c5 = coefficients[at + 40]!;
    const c6 = coefficients[at + 48]!;
    const c7 = coefficients[at + 56]!;
    if ((c1 | c2 | c3 | c4 | c5 | c6 | c7) === 0) {
      const flat = s0 << firstPassBits;
      for (let i = x; i < 64; i += 8) columns[i] = flat;
      continue;
    }
    const s1 = Math.imul(c1, quantization[x + 8]!);
    const s2 = Math.imul(c2, quantization[x + 16]!);
    const s3 = Math.imul(c3, quantization[x + 24]!);
    const s4 = Math.imul(c4, quantization[x + 32]!);
    const s5 = Math.imul(c5, quantization[x + 40]!);
    const s6 = Math.imul(c6, quantization[x + 48]!);
    const s7 = Math.imul(c7, quantization[x + 56]!);
    const turn = Math.imul(s2 + s6, 4433);
    const even2 = turn - Math.imul(s6, 15137);
    const even3 = turn + Math.imul(s2, 6270);
    const sum = ((s0 + s4) << CONST_BITS) + half;
    const difference = ((s0 - s4) << CONST_BITS) + half;
    const z5 = Math.imul(s7 + s3 + s5 + s1, 9633);
    const z1 = Math.imul(s7 + s1, -7373);
    const z2 = Math.imul(s5 + s3, -20995);
    const z3 = Math.imul(s7 + s3, -16069) + z5;
    const z4 = Math.imul(s5 + s1, -3196) + z5;
    const odd0 = (Math.imul(s7, 2446) + z1 + z3) | 0;
    const odd1 = (Math.imul(s5, 16819) + z2 + z4) | 0;
    const odd2 = (Math.imul(s3, 25172) + z2 + z3) | 0;
    const odd3 = (Math.imul(s1, 12299) + z1 + z4) | 0;
    const t0 = (sum + even3) | 0;
    const t1 = (difference + even2) | 0;
    const t2 = (difference - even2) | 0;
    const t3 = (sum - even3) | 0;
    columns[x] = (t0 + odd3) >> shift;
    columns[x + 8] = (t1 + odd2) >> shift;
    columns[x + 16] = (t2 + odd1) >> shift;
    columns[x + 24] = (t3 + odd0) >> shift;
    columns[x + 32] = (t3 - odd0) >> shift;
    columns[x + 40] = (t2 - odd1) >> shift;
    columns[x + 48] = (t1 - odd2) >> shift;
    columns[x + 56] = (t0 - odd3) >> shift;
  }
}

/** @param first place of the block's first sample in `samples` */
function transformRows(
  columns: Int32Array,
  samples: Uint16Array,
  first: number,
  stride: number,
  precision: number,
  firstPassBits: number,
): void {
  const shift = CONST_BITS + firstPassBits + 3;
  const half = 1 << (shift - 1);
  const maximum = 2 ** precision - 1;
  const center = 2 ** (precision - 1);
  for (let y = 0, at = 0, out = first; y < 8; y++, at += 8, out += stride) {
    const s0 = columns[at]!;
    const s1 = columns[at + 1]!;
    const s2 = columns[at + 2]!;
    const s3 = columns[at + 3]!;
    const s4 = columns[at + 4]!;
    const s5 = columns[at + 5]!;
    const s6 = columns[at + 6]!;
    const s7 = columns[at + 7]!;
    const turn = Math.imul(s2 + s6, 4433);
    const even2 = turn - Math.imul(s6, 15137);
    const even3 = turn + Math.imul(s2, 6270);
    const sum = ((s0 + s4) << CONST_BITS) + half;
    const difference = ((s0 - s4) << CONST_BITS) + half;
    const z5 = Math.imul(s7 + s3 + s5 + s1, 9633);
    const z1 = Math.imul(s7 + s1, -7373);
    const z2 = Math.imul(s5 + s3, -20995);
    const z3 = Math.imul(s7 + s3, -16069) + z5;
    const z4 = Math.imul(s5 + s1, -3196) + z5;
    const odd0 = (Math.imul(s7, 2446) + z1 + z3) | 0;
    const odd1 = (Math.imul(s5, 16819) + z2 + z4) | 0;
    const odd2 = (Math.imul(s3, 25172) + z2 + z3) | 0;
    const odd3 = (Math.imul(s1, 12299) + z1 + z4) | 0;
    const t0 = (sum + even3) | 0;
    const t1 = (difference + even2) | 0;
    const t2 = (difference - even2) | 0;
    const t3 = (sum - even3) | 0;
    samples[out] = clamped(((t0 + odd3) >> shift) + center, maximum);
    samples[out + 1] = clamped(((t1 + odd2) >> shift) + center, maximum);
    samples[out + 2] = clamped(((t2 + odd1) >> shift) + center, maximum);
    samples[out + 3] = clamped(((t3 + odd0) >> shift) + center, maximum);
    samples[out + 4] = clamped(((t3 - odd0) >> shift) + center, maximum);
    samples[out + 5] = clamped(((t2 - odd1) >> shift) + center, maximum);
    samples[out + 6] = clamped(((t1 - odd2) >> shift) + center, maximum);
    samples[out + 7] = clamped(((t0 - odd3) >> shift) + center, maximum);
  }
}

function clamped(value: number, maximum: number): number {
  return value < 0 ? 0 : Math.min(value, maximum);
}
