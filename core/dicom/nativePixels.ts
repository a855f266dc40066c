/**
 * Uncompressed pixel cells (PS3.5 8.1.1 and annex D): bytes of any order, depth, sign and arrangement to stored values.
 */

import type { PixelArray } from './film.ts';
import type { PixelDescription } from './header.ts';
import { scanSamples } from './sampleScan.ts';

/** Sub-sampled native pixels (YBR_FULL_422) hold Y Y Cb Cr for two pixels (C.7.6.3.1.2). */
function isSubsampled(d: PixelDescription): boolean {
  return d.samplesPerPixel === 3 && /^YBR_(FULL|PARTIAL)_422$/.test(d.photometricInterpretation);
}

/** Bytes that one uncompressed frame takes; a fraction where frames of bits do not end on a byte. */
export function nativeFrameBytes(d: PixelDescription): number {
  const samples = isSubsampled(d) ? 2 : d.samplesPerPixel;
  return (d.rows * d.columns * samples * d.bitsAllocated) / 8;
}

/** @returns an array of the type that the header asks for, for `samples` values. */
export function allocatePixels(d: PixelDescription, samples: number): PixelArray {
  return new (arrayType(d))(samples);
}

function arrayType(d: PixelDescription) {
  if (d.float) return d.bitsAllocated === 64 ? Float64Array : Float32Array;
  if (d.bitsAllocated <= 8) return d.signed && d.bitsAllocated === 8 ? Int8Array : Uint8Array;
  if (d.bitsAllocated === 16) return d.signed ? Int16Array : Uint16Array;
  return d.signed ? Int32Array : Uint32Array;
}

/**
 * Stored values of one frame, samples interleaved, sub-sampled chroma expanded.
 * @param bytes the frame's bytes; for 1 bit allocated, the whole pixel data.
 * @param firstBit where the frame begins, for 1 bit allocated.
 */
export function readNativeFrame(bytes: Uint8Array, d: PixelDescription, bigEndian: boolean, firstBit = 0): PixelArray {
  if (d.bitsAllocated === 1) return unpackBits(bytes, d.rows * d.columns * d.samplesPerPixel, firstBit);
  const shared = sharedWords(bytes, d, bigEndian);
  let cells = shared ?? toWords(bytes, d, bigEndian);
  if (hasSpareBits(cells, d)) {
    if (shared) cells = toWords(bytes, d, bigEndian);
    extractStored(cells, d);
  }
  if (isSubsampled(d)) return expand422(cells, d);
  return d.planarConfiguration === 1 && d.samplesPerPixel > 1 ? fromPlanes(cells, d) : cells;
}

/** Bit 0 is the first pixel (PS3.5 8.1.1). */
function unpackBits(bytes: Uint8Array, count: number, firstBit: number): Uint8Array {
  const pixels = new Uint8Array(count);
  for (let i = 0, bit = firstBit; i < count; i++, bit++) pixels[i] = (bytes[bit >> 3]! >> (bit & 7)) & 1;
  return pixels;
}

/** A frame smaller than this, or with more than this around it, is copied out of its file. */
const SHARED_BYTES = 2 ** 20;

/** The words where they lie, if they lie well and are nearly all that the file holds: a copy costs as much as reading. */
function sharedWords(bytes: Uint8Array, d: PixelDescription, bigEndian: boolean): PixelArray | undefined {
  const size = d.bitsAllocated / 8;
  const isAligned = bytes.byteOffset % size === 0 && bytes.length % size === 0;
  const isAlone = bytes.length >= SHARED_BYTES && bytes.buffer.byteLength - bytes.length <= SHARED_BYTES;
  if (bigEndian || !isAligned || !isAlone) return undefined;
  const { buffer, byteOffset } = bytes;
  return new (arrayType(d))(buffer as ArrayBuffer, byteOffset, bytes.length / size);
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

/** Whether anything must be masked, shifted or sign-extended. Most films have nothing above their stored bits. */
function hasSpareBits(cells: PixelArray, d: PixelDescription): boolean {
  if (d.float || d.bitsStored === d.bitsAllocated) return false;
  if (!(cells instanceof Uint16Array) || d.highBit !== d.bitsStored - 1) return true;
  return scanSamples(cells).bits >>> d.bitsStored !== 0;
}

/** Shifts and masks the stored bits out of their cells, in place, and extends their sign. */
function extractStored(cells: PixelArray, d: PixelDescription): void {
  const up = 31 - d.highBit;
  const down = 32 - d.bitsStored;
  if (cells instanceof Uint16Array) extractUnsigned(cells, up, down);
  else if (cells instanceof Int16Array) extractSigned(cells, up, down);
  else if (d.signed) for (let i = 0; i < cells.length; i++) cells[i] = (cells[i]! << up) >> down;
  else for (let i = 0; i < cells.length; i++) cells[i] = (cells[i]! << up) >>> down;
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
