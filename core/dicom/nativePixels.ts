/**
 * Uncompressed pixel cells (PS3.5 8.1.1 and annex D): bytes of any order, depth, sign and arrangement to stored values.
 */

import type { PixelArray } from './film.ts';
import type { PixelDescription } from './header.ts';

/** Sub-sampled native pixels (YBR_FULL_422) hold Y Y Cb Cr for two pixels (C.7.6.3.1.2). */
export function isSubsampled(d: PixelDescription): boolean {
  return d.samplesPerPixel === 3 && /^YBR_(FULL|PARTIAL)_422$/.test(d.photometricInterpretation);
}

/** Bytes that one uncompressed frame takes; a fraction where frames of bits do not end on a byte. */
export function nativeFrameBytes(d: PixelDescription): number {
  const samples = isSubsampled(d) ? 2 : d.samplesPerPixel;
  return (d.rows * d.columns * samples * d.bitsAllocated) / 8;
}

/** @returns an array of the type that the header asks for, for `samples` values. */
export function allocatePixels(d: PixelDescription, samples: number): PixelArray {
  if (d.float) return d.bitsAllocated === 64 ? new Float64Array(samples) : new Float32Array(samples);
  if (d.bitsAllocated <= 8) return d.signed && d.bitsAllocated === 8 ? new Int8Array(samples) : new Uint8Array(samples);
  if (d.bitsAllocated === 16) return d.signed ? new Int16Array(samples) : new Uint16Array(samples);
  return d.signed ? new Int32Array(samples) : new Uint32Array(samples);
}

/**
 * Stored values of one frame, samples interleaved, sub-sampled chroma expanded.
 * @param bytes the frame's bytes; for 1 bit allocated, the whole pixel data.
 * @param firstBit where the frame begins, for 1 bit allocated.
 */
export function readNativeFrame(bytes: Uint8Array, d: PixelDescription, bigEndian: boolean, firstBit = 0): PixelArray {
  if (d.bitsAllocated === 1) return unpackBits(bytes, d.rows * d.columns * d.samplesPerPixel, firstBit);
  const cells = toWords(bytes, d, bigEndian);
  extractStored(cells, d);
  if (isSubsampled(d)) return expand422(cells, d);
  return d.planarConfiguration === 1 && d.samplesPerPixel > 1 ? fromPlanes(cells, d) : cells;
}

/** Bit 0 is the first pixel (PS3.5 8.1.1). */
function unpackBits(bytes: Uint8Array, count: number, firstBit: number): Uint8Array {
  const pixels = new Uint8Array(count);
  for (let i = 0, bit = firstBit; i < count; i++, bit++) pixels[i] = (bytes[bit >> 3]! >> (bit & 7)) & 1;
  return pixels;
}

function toWords(bytes: Uint8Array, d: PixelDescription, bigEndian: boolean): PixelArray {
  const size = d.bitsAllocated / 8;
  const samples = Math.floor(bytes.length / size);
  const pixels = allocatePixels(d, samples);
  const target = new Uint8Array(pixels.buffer);
  target.set(bytes.subarray(0, samples * size));
  if (bigEndian && size > 1) Buffer.from(target.buffer)[size === 2 ? 'swap16' : size === 4 ? 'swap32' : 'swap64']();
  return pixels;
}

/** Shifts and masks the stored bits out of their cells, in place, and extends their sign. */
function extractStored(cells: PixelArray, d: PixelDescription): void {
  if (d.float || d.bitsStored === d.bitsAllocated) return;
  const up = 31 - d.highBit;
  const down = 32 - d.bitsStored;
  if (cells instanceof Uint16Array) {
    if (d.highBit === d.bitsStored - 1 && !hasSpareBits(cells, d.bitsStored)) return;
    extractUnsigned(cells, up, down);
  } else if (cells instanceof Int16Array) extractSigned(cells, up, down);
  else if (d.signed) for (let i = 0; i < cells.length; i++) cells[i] = (cells[i]! << up) >> down;
  else for (let i = 0; i < cells.length; i++) cells[i] = (cells[i]! << up) >>> down;
}

/** Most films have nothing above their stored bits; two cells at a time tell. */
function hasSpareBits(cells: Uint16Array, bitsStored: number): boolean {
  const pairs = new Int32Array(cells.buffer, cells.byteOffset, cells.length >> 1);
  let seen = cells.length % 2 ? cells[cells.length - 1]! : 0;
  for (let i = 0; i < pairs.length; i++) seen |= pairs[i]!;
  return (((seen >>> 16) | seen) & 0xffff) >>> bitsStored !== 0;
}

function extractUnsigned(cells: Uint16Array, up: number, down: number): void {
  for (let i = 0; i < cells.length; i++) cells[i] = (cells[i]! << up) >>> down;
}

function extractSigned(cells: Int16Array, up: number, down: number): void {
  for (let i = 0; i < cells.length; i++) cells[i] = (cells[i]! << up) >> down;
}

function fromPlanes(planes: PixelArray, d: PixelDescription): PixelArray {
  const pixels = d.rows * d.columns;
  const output = allocatePixels(d, pixels * d.samplesPerPixel);
  for (let sample = 0; sample < d.samplesPerPixel; sample++) {
    for (let i = 0, at = sample; i < pixels; i++, at += d.samplesPerPixel) output[at] = planes[sample * pixels + i]!;
  }
  return output;
}

function expand422(cells: PixelArray, d: PixelDescription): PixelArray {
  const pixels = d.rows * d.columns;
  const output = allocatePixels(d, pixels * 3);
  for (let i = 0; i < pixels; i++) {
    const pair = (i >> 1) * 4;
    output[3 * i] = cells[pair + (i & 1)]!;
    output[3 * i + 1] = cells[pair + 2]!;
    output[3 * i + 2] = cells[pair + 3]!;
  }
  return output;
}
