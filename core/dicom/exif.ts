/**
 * The orientation that a camera or a phone wrote beside the pixels (Exif 2.32, 4.6.4 A, tag 0112): in JPEG's APP1 and in PNG's
 * eXIf chunk, before the pixels. A film photographed from a light box, or saved again by a picture program, stands upright only when it is heeded, as
 * Pillow's `exif_transpose` does, by which transformers loads images.
 */

import { u16, u32 } from './bytes.ts';
import { latin1 } from './characterSet.ts';
import { isFrameMarker, nextSegment } from './codecs/jpegStream.ts';
import type { Raster } from './rasterFiles.ts';

/** 1: as stored; 2 to 8: mirrored, turned, or both. */
export type Orientation = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

/** 1 where the file says nothing, or nothing that can be. */
export function readOrientation(bytes: Uint8Array, kind: 'png' | 'jpeg'): Orientation {
  const exif = kind === 'jpeg' ? exifOfJpeg(bytes) : exifOfPng(bytes);
  return exif ? orientationOf(exif) : 1;
}

export function isTurned(orientation: Orientation): boolean {
  return orientation >= 5;
}

const HEAD = 'Exif\0\0';
const APP1 = 0xe1;

function exifOfJpeg(bytes: Uint8Array): Uint8Array | undefined {
  for (let at = 2; ; ) {
    const segment = nextSegment(bytes, at);
    if (!segment || isFrameMarker(segment.marker)) return undefined;
    const content = bytes.subarray(segment.start, segment.end);
    if (segment.marker === APP1 && latin1(content.subarray(0, HEAD.length)) === HEAD)
      return content.subarray(HEAD.length);
    at = segment.end;
  }
}

function exifOfPng(bytes: Uint8Array): Uint8Array | undefined {
  for (let at = 8; at + 12 <= bytes.length; at += 12 + u32(bytes, at, true)) {
    const type = latin1(bytes.subarray(at + 4, at + 8));
    if (type === 'IDAT') return undefined;
    if (type === 'eXIf') return bytes.subarray(at + 8, at + 8 + u32(bytes, at, true));
  }
  return undefined;
}

/** The first directory of the TIFF structure; every entry has 12 bytes. */
function orientationOf(tiff: Uint8Array): Orientation {
  const bigEndian = tiff[0] === 0x4d;
  if (tiff.length < 14) return 1;
  const directory = u32(tiff, 4, bigEndian);
  const entries = directory + 2 <= tiff.length ? u16(tiff, directory, bigEndian) : 0;
  for (let i = 0, at = directory + 2; i < entries && at + 12 <= tiff.length; i++, at += 12) {
    if (u16(tiff, at, bigEndian) !== 0x0112) continue;
    const value = u16(tiff, at + 8, bigEndian);
    return value >= 1 && value <= 8 ? (value as Orientation) : 1;
  }
  return 1;
}

/** The image upright. */
export function upright(raster: Raster, orientation: Orientation): Raster {
  if (orientation === 1) return raster;
  const { width, height, samplesPerPixel: samples, pixels } = raster;
  const [columns, rows] = isTurned(orientation) ? [height, width] : [width, height];
  const output = new (raster.bits > 8 ? Uint16Array : Uint8Array)(pixels.length);
  const [flipX, flipY] = FLIPS[orientation];
  for (let y = 0, at = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      const [u, v] = isTurned(orientation) ? [y, x] : [x, y];
      const from = ((flipY ? height - 1 - v : v) * width + (flipX ? width - 1 - u : u)) * samples;
      for (let sample = 0; sample < samples; sample++) output[at++] = pixels[from + sample]!;
    }
  }
  return { ...raster, width: columns, height: rows, pixels: output };
}

/** Whether the stored columns and rows run backwards, after the exchange of axes from 5 on. */
const FLIPS: Record<Orientation, readonly [boolean, boolean]> = {
  1: [false, false],
  2: [true, false],
  3: [true, true],
  4: [false, true],
  5: [false, false],
  6: [false, true],
  7: [true, true],
  8: [true, false],
};
