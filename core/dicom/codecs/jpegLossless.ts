/**
 * JPEG lossless (ITU-T T.81 annex H, process 14): Huffman-coded differences to one of seven predictors, 2 to 16 bits.
 * Own code: the JavaScript packages take several times as long, and none refuses a size before it decodes.
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
} from './jpegStream.ts';

/** @throws WorkbenchError CODEC_DAMAGED, CODEC_UNSUPPORTED, CODEC_SIZE_MISMATCH */
export function decodeJpegLossless(bytes: Uint8Array, expected: ExpectedSize): CodecFrame {
  const tables: (HuffmanTable | undefined)[] = [];
  let frame: JpegFrameHeader | undefined;
  let output: Uint8Array | Uint16Array | undefined;
  let restartInterval = 0;
  const seen = new Set<number>();
  for (let at = 0; ; ) {
    const segment = nextSegment(bytes, at);
    if (!segment || segment.marker === 0xd9) break;
    at = segment.end;
    if (segment.marker === 0xc4) parseHuffmanTables(bytes, segment, tables, []);
    else if (segment.marker === 0xdd) restartInterval = (bytes[segment.start]! << 8) | bytes[segment.start + 1]!;
    else if (isJpegFrameSegment(segment) && !frame) {
      frame = parseFrameHeader(bytes, segment);
      output = prepare(frame, expected);
    } else if (segment.marker === 0xda) {
      if (!frame || !output) throw damaged('JPEG lossless', 'a scan precedes the frame header');
      const scan = parseScanHeader(bytes, segment, frame);
      for (const component of scan.components) seen.add(component.index);
      at = decodeScan(bytes, frame, scan, tables, restartInterval, output);
      if (seen.size === frame.components.length) break;
    }
  }
  if (!frame || !output || seen.size < frame.components.length)
    throw damaged('JPEG lossless', 'it holds no whole image');
  const { width, height, precision } = frame;
  return { width, height, components: frame.components.length, precision, signed: false, data: output };
}

function prepare(frame: JpegFrameHeader, expected: ExpectedSize): Uint8Array | Uint16Array {
  if (frame.sof !== 0xc3) throw unsupported('JPEG lossless', `frame type ${frame.sof.toString(16)}`);
  if (
    frame.components.some(
      (c) => c.horizontal !== frame.components[0]!.horizontal || c.vertical !== frame.components[0]!.vertical,
    )
  ) {
    throw unsupported('JPEG lossless', 'sub-sampled components');
  }
  requireSize(expected, { width: frame.width, height: frame.height, components: frame.components.length });
  const samples = frame.width * frame.height * frame.components.length;
  return frame.precision <= 8 ? new Uint8Array(samples) : new Uint16Array(samples);
}

/** Decodes one scan into its components' places; returns the offset behind its data. */
function decodeScan(
  bytes: Uint8Array,
  frame: JpegFrameHeader,
  scan: JpegScan,
  tables: (HuffmanTable | undefined)[],
  restartInterval: number,
  output: Uint8Array | Uint16Array,
): number {
  if (scan.start < 1 || scan.start > 7) throw unsupported('JPEG lossless', `predictor ${scan.start}`);
  const reader = new BitReader(bytes, scan.position);
  const plan = scan.components.map(({ index, dc }) => {
    const table = tables[dc];
    if (!table) throw damaged('JPEG lossless', `the Huffman table ${dc} is missing`);
    return { index, table };
  });
  const rowsAnInterval = intervalRows(restartInterval, frame.width);
  for (let row = 0; row < frame.height; row++) {
    const restarts = rowsAnInterval > 0 && row % rowsAnInterval === 0;
    if (restarts && row > 0) reader.restart();
    decodeRow(reader, frame, scan, plan, row, row === 0 || restarts, output);
    reader.requireInside();
  }
  return reader.position;
}

/** T.81 H.1.1: the interval is a whole number of rows. */
function intervalRows(restartInterval: number, width: number): number {
  if (restartInterval % width !== 0) throw unsupported('JPEG lossless', 'restart intervals that end within a row');
  return restartInterval / width;
}

function decodeRow(
  reader: BitReader,
  frame: JpegFrameHeader,
  scan: JpegScan,
  plan: { index: number; table: HuffmanTable }[],
  row: number,
  first: boolean,
  output: Uint8Array | Uint16Array,
): void {
  const step = frame.components.length;
  const stride = frame.width * step;
  if (plan.length > 1) {
    for (let x = 0; x < frame.width; x++) {
      for (const { index, table } of plan) {
        decodeRun(reader, table, scan, frame.precision, output, row * stride + index, step, stride, x, x + 1, first);
      }
    }
    return;
  }
  const { index, table } = plan[0]!;
  decodeRun(reader, table, scan, frame.precision, output, row * stride + index, step, stride, 0, frame.width, first);
}

/**
 * Samples `from` to `to` of a row that begins at `base`. The first row after a restart predicts from the left, the first
 * column from above, the very first sample from half the range (H.1.2.1).
 */
function decodeRun(
  reader: BitReader,
  table: HuffmanTable,
  scan: JpegScan,
  precision: number,
  output: Uint8Array | Uint16Array,
  base: number,
  step: number,
  stride: number,
  from: number,
  to: number,
  first: boolean,
): void {
  const shift = scan.low;
  const predictor = scan.start;
  for (let x = from, at = base + from * step; x < to; x++, at += step) {
    const size = reader.symbol(table);
    if (size > 16) throw damaged('JPEG lossless', 'it has a difference of more than 16 bits');
    const difference = size === 16 ? 32768 : reader.extended(size);
    let prediction: number;
    if (first) prediction = x === 0 ? 1 << (precision - shift - 1) : output[at - step]! >> shift;
    else if (x === 0) prediction = output[at - stride]! >> shift;
    else {
      const left = output[at - step]! >> shift;
      const above = output[at - stride]! >> shift;
      prediction = predict(predictor, left, above, output[at - stride - step]! >> shift);
    }
    output[at] = ((prediction + difference) & 0xffff) << shift;
  }
}

/** T.81 table H.1: Ra is left, Rb above, Rc above left. */
function predict(predictor: number, a: number, b: number, c: number): number {
  switch (predictor) {
    case 1:
      return a;
    case 2:
      return b;
    case 3:
      return c;
    case 4:
      return a + b - c;
    case 5:
      return a + ((b - c) >> 1);
    case 6:
      return b + ((a - c) >> 1);
    default:
      return (a + b) >> 1;
  }
}
