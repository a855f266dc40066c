/**
 * PNG (ISO/IEC 15948) to gray or RGB, 8 or 16 bits: all colour types and depths, interlaced or not. What is transparent is
 * put on white, as the image processors of the models do. Own code around zlib: pngjs takes a second and more for a film of
 * 3,000 x 3,000 and 16 bits, and eight bytes a pixel.
 */
import { inflateSync } from 'node:zlib';
import { WorkbenchError } from '../../base/errors.ts';
import { u16, u32 } from '../bytes.ts';
import { latin1 } from '../characterSet.ts';

export interface PngImage {
  width: number;
  height: number;
  samplesPerPixel: 1 | 3;
  bits: 8 | 16;
  pixels: Uint8Array | Uint16Array;
}

interface Header {
  width: number;
  height: number;
  depth: number;
  colorType: number;
  interlaced: boolean;
  /** Samples of a pixel in the file: gray 1, gray and alpha 2, RGB 3, RGB and alpha 4, palette 1. */
  channels: number;
}

const CHANNELS: Record<number, number> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
const DEPTHS: Record<number, number[]> = { 0: [1, 2, 4, 8, 16], 2: [8, 16], 3: [1, 2, 4, 8], 4: [8, 16], 6: [8, 16] };
/** Adam7: first column and row, and steps, of each pass. */
const PASSES = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

function damaged(cause: string): WorkbenchError {
  return new WorkbenchError('PNG_DAMAGED', `The PNG image is damaged: ${cause}.`);
}

/** @throws WorkbenchError PNG_DAMAGED */
export function decodePng(bytes: Uint8Array): PngImage {
  const { header, palette, key, data } = readChunks(bytes);
  const raw = inflateRows(data, header);
  const colored = header.colorType === 3 || header.colorType === 2 || header.colorType === 6;
  const samplesPerPixel = colored ? 3 : 1;
  const wide = header.depth === 16;
  const pixels = new (wide ? Uint16Array : Uint8Array)(header.width * header.height * samplesPerPixel);
  const { width, height } = header;
  let at = 0;
  for (const [x, y, stepX, stepY] of header.interlaced ? PASSES : ([[0, 0, 1, 1]] as const)) {
    const columns = Math.ceil((width - x) / stepX);
    const rows = Math.ceil((height - y) / stepY);
    if (columns < 1 || rows < 1) continue;
    const stride = Math.ceil((columns * header.channels * header.depth) / 8);
    unfilter(raw, at, rows, stride, Math.max(1, (header.channels * header.depth) >> 3));
    for (let row = 0; row < rows; row++) {
      const from = at + row * (stride + 1) + 1;
      const to = ((y + row * stepY) * width + x) * samplesPerPixel;
      readRow(raw, from, columns, header, palette, pixels, to, stepX * samplesPerPixel);
      if (key) whitenKey(raw, from, columns, header, key, pixels, to, stepX * samplesPerPixel);
    }
    at += rows * (stride + 1);
  }
  return { width, height, samplesPerPixel, bits: wide ? 16 : 8, pixels };
}

interface Chunks {
  header: Header;
  /** RGB on white. */
  palette: Uint8Array;
  /** tRNS of gray and RGB images: the sample values that are transparent. */
  key: number[] | null;
  data: Uint8Array;
}

function readChunks(bytes: Uint8Array): Chunks {
  const parts: Uint8Array[] = [];
  let header: Header | undefined;
  let palette = new Uint8Array(0);
  let key: number[] | null = null;
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = u32(bytes, at, true);
    const type = latin1(bytes.subarray(at + 4, at + 8));
    if (at + 12 + length > bytes.length) throw damaged(`its ${type} chunk is cut off`);
    const content = bytes.subarray(at + 8, at + 8 + length);
    if (type === 'IHDR') header = readHeader(content);
    else if (type === 'PLTE') palette = new Uint8Array(content);
    else if (type === 'tRNS' && header?.colorType === 3) palette = paletteOnWhite(palette, content);
    else if (type === 'tRNS') key = Array.from({ length: length >> 1 }, (_, i) => u16(content, 2 * i, true));
    else if (type === 'IDAT') parts.push(content);
    else if (type === 'IEND') break;
    at += 12 + length;
  }
  if (!header) throw damaged('it has no header');
  return { header, palette, key, data: Buffer.concat(parts) };
}

function paletteOnWhite(palette: Uint8Array, alphas: Uint8Array): Uint8Array<ArrayBuffer> {
  return palette.map((sample, i) => onWhite(sample, alphas[Math.floor(i / 3)] ?? 255, 255));
}

/** A sample over opaque white; for 8 bits with the rounding of Pillow's `alpha_composite` (AlphaComposite.c). */
function onWhite(sample: number, alpha: number, white: number): number {
  if (alpha === white) return sample;
  const sum = sample * alpha + white * (white - alpha);
  if (white !== 255) return Math.round(sum / white);
  const fixed = sum * 128 + 0x4000;
  return (((fixed >> 8) + fixed) >> 8) >> 7;
}

function readHeader(content: Uint8Array): Header {
  const [depth, colorType, , , interlace] = content.subarray(8);
  if (content.length < 13 || !DEPTHS[colorType!]?.includes(depth!)) throw damaged('its header is impossible');
  return {
    width: u32(content, 0, true),
    height: u32(content, 4, true),
    depth: depth!,
    colorType: colorType!,
    interlaced: interlace === 1,
    channels: CHANNELS[colorType!]!,
  };
}

/** Inflates exactly the rows that the header calls for. */
function inflateRows(data: Uint8Array, { width, height, channels, depth, interlaced }: Header): Uint8Array {
  let size = 0;
  for (const [x, y, stepX, stepY] of interlaced ? PASSES : ([[0, 0, 1, 1]] as const)) {
    const columns = Math.max(0, Math.ceil((width - x) / stepX));
    const rows = columns > 0 ? Math.max(0, Math.ceil((height - y) / stepY)) : 0;
    size += rows * (1 + Math.ceil((columns * channels * depth) / 8));
  }
  let raw: Uint8Array;
  try {
    raw = inflateSync(data, { maxOutputLength: size + 64 });
  } catch (error) {
    throw damaged(`its data cannot be inflated (${(error as { code?: string }).code})`);
  }
  if (raw.length < size) throw damaged(`it holds ${raw.length} of ${size} bytes`);
  return raw;
}

/** Undoes the filters (clause 9) in place; each row begins with the number of its filter. */
function unfilter(raw: Uint8Array, start: number, rows: number, stride: number, step: number): void {
  for (let row = 0, at = start; row < rows; row++, at += stride + 1) {
    const first = at + 1;
    const end = first + stride;
    const up = row === 0 ? -1 : stride + 1;
    switch (raw[at]) {
      case 0:
        break;
      case 1:
        for (let i = first + step; i < end; i++) raw[i]! += raw[i - step]!;
        break;
      case 2:
        if (up > 0) for (let i = first; i < end; i++) raw[i]! += raw[i - up]!;
        break;
      case 3:
        for (let i = first; i < end; i++) {
          const left = i - step < first ? 0 : raw[i - step]!;
          raw[i]! += (left + (up > 0 ? raw[i - up]! : 0)) >> 1;
        }
        break;
      case 4:
        unfilterPaeth(raw, first, end, up, step);
        break;
      default:
        throw damaged(`a row has the filter ${raw[at]}`);
    }
  }
}

function unfilterPaeth(raw: Uint8Array, first: number, end: number, up: number, step: number): void {
  for (let i = first; i < end; i++) {
    const a = i - step < first ? 0 : raw[i - step]!;
    const b = up > 0 ? raw[i - up]! : 0;
    const c = up > 0 && i - step >= first ? raw[i - up - step]! : 0;
    const pa = Math.abs(b - c);
    const pb = Math.abs(a - c);
    const pc = Math.abs(a + b - 2 * c);
    raw[i]! += pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
  }
}

/** One row's pixels: gray below 8 bits is scaled to the full range, colour keeps red, green and blue. */
function readRow(
  raw: Uint8Array,
  from: number,
  columns: number,
  header: Header,
  palette: Uint8Array,
  pixels: Uint8Array | Uint16Array,
  to: number,
  step: number,
): void {
  const { depth, colorType, channels } = header;
  if (depth < 8) {
    const mask = (1 << depth) - 1;
    for (let x = 0, at = to; x < columns; x++, at += step) {
      const value = packedSample(raw, from, x, depth);
      if (colorType === 3) writeColor(pixels, at, palette, value);
      else pixels[at] = (value * 255) / mask;
    }
  } else if (colorType === 3) {
    for (let x = 0, at = to; x < columns; x++, at += step) writeColor(pixels, at, palette, raw[from + x]!);
  } else if (depth === 8 && step === channels && channels !== 2) {
    pixels.set(raw.subarray(from, from + columns * channels), to);
  } else {
    const kept = channels < 3 ? 1 : 3;
    const bytes = depth >> 3;
    const white = 2 ** depth - 1;
    for (let x = 0, at = to, source = from; x < columns; x++, at += step, source += bytes * channels) {
      for (let c = 0; c < kept; c++) pixels[at + c] = wideSample(raw, source + bytes * c, bytes);
      if (kept === channels) continue;
      const alpha = wideSample(raw, source + bytes * kept, bytes);
      if (alpha !== white) for (let c = 0; c < kept; c++) pixels[at + c] = onWhite(pixels[at + c]!, alpha, white);
    }
  }
}

function packedSample(raw: Uint8Array, from: number, x: number, depth: number): number {
  const bit = x * depth;
  return (raw[from + (bit >> 3)]! >> (8 - depth - (bit & 7))) & ((1 << depth) - 1);
}

function wideSample(raw: Uint8Array, at: number, bytes: number): number {
  return bytes === 1 ? raw[at]! : (raw[at]! << 8) | raw[at + 1]!;
}

/** Puts white where the samples are those of the transparent colour. */
function whitenKey(
  raw: Uint8Array,
  from: number,
  columns: number,
  { depth, channels }: Header,
  key: number[],
  pixels: Uint8Array | Uint16Array,
  to: number,
  step: number,
): void {
  const bytes = depth >> 3;
  for (let x = 0, at = to; x < columns; x++, at += step) {
    const isKey = key.every((value, c) => {
      const sample =
        depth < 8 ? packedSample(raw, from, x, depth) : wideSample(raw, from + bytes * (x * channels + c), bytes);
      return sample === value;
    });
    if (isKey) pixels.fill(depth === 16 ? 0xffff : 0xff, at, at + channels);
  }
}

function writeColor(pixels: Uint8Array | Uint16Array, at: number, palette: Uint8Array, index: number): void {
  if (3 * index + 2 >= palette.length) throw damaged('a pixel has no colour in its palette');
  pixels[at] = palette[3 * index]!;
  pixels[at + 1] = palette[3 * index + 1]!;
  pixels[at + 2] = palette[3 * index + 2]!;
}
