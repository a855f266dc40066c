/**
 * PNG and JPEG films, as CheXpert, NIH ChestX-ray14 and MIMIC-CXR-JPG ship them. What is transparent is put on white, as the
 * image processors of the models do; a colour image whose channels are all equal is a gray film.
 */
import { WorkbenchError } from '../base/errors.ts';
import { u32 } from './bytes.ts';
import { decodeJpegComponents } from './codecs/jpeg.ts';
import { decodeJpegLossless } from './codecs/jpegLossless.ts';
import { readJpegFrameHeader } from './codecs/jpegStream.ts';
import { decodePng } from './codecs/png.ts';
import { decodeJpegTurbo } from './codecs/wasm.ts';
import { hasPreamble } from './dataSet.ts';
import { isTurned, readOrientation, upright } from './exif.ts';
import { MAX_FRAME_BYTES } from './header.ts';

export interface Raster {
  width: number;
  height: number;
  samplesPerPixel: 1 | 3;
  bits: number;
  pixels: Uint8Array | Uint16Array;
  /** It was turned or mirrored as the file asks. */
  upright?: boolean;
}

/** PNG or JPEG by content; undefined: neither. A DICOM file may bear the mark of another format in its preamble (PS3.10 7.1). */
export function rasterKind(bytes: Uint8Array): 'png' | 'jpeg' | undefined {
  if (hasPreamble(bytes)) return undefined;
  if (u32(bytes, 0, true) === 0x89504e47 && u32(bytes, 4, true) === 0x0d0a1a0a) return 'png';
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return 'jpeg';
  return undefined;
}

/** Rows and columns of the upright image without decoding, from the beginning of a file. */
export function readRasterSize(bytes: Uint8Array, kind: 'png' | 'jpeg'): { rows: number; columns: number } {
  const stored = storedSize(bytes, kind);
  const turned = isTurned(readOrientation(bytes, kind));
  return turned ? { rows: stored.columns, columns: stored.rows } : stored;
}

function storedSize(bytes: Uint8Array, kind: 'png' | 'jpeg'): { rows: number; columns: number } {
  if (kind === 'png') return { columns: u32(bytes, 16, true), rows: u32(bytes, 20, true) };
  const { width, height } = readJpegFrameHeader(bytes);
  return { columns: width, rows: height };
}

/** @throws WorkbenchError PNG_DAMAGED, CODEC_*, IMAGE_TOO_LARGE */
export async function readRaster(bytes: Uint8Array, kind: 'png' | 'jpeg'): Promise<Raster> {
  const { rows, columns } = readRasterSize(bytes, kind);
  if (rows * columns === 0) {
    const code = kind === 'png' ? 'PNG_DAMAGED' : 'CODEC_DAMAGED';
    throw new WorkbenchError(code, `The ${kind.toUpperCase()} image is damaged: it has no pixels.`);
  }
  if (rows * columns * 8 > 4 * MAX_FRAME_BYTES) {
    throw new WorkbenchError('IMAGE_TOO_LARGE', `An image of ${columns} x ${rows} pixels is not read.`, {
      rows,
      columns,
    });
  }
  const raster = grayWhereEqual(kind === 'png' ? decodePng(bytes) : await readJpeg(bytes));
  const orientation = readOrientation(bytes, kind);
  return orientation === 1 ? raster : { ...upright(raster, orientation), upright: true };
}

async function readJpeg(bytes: Uint8Array): Promise<Raster> {
  const header = readJpegFrameHeader(bytes);
  const expected = { width: header.width, height: header.height, components: header.components.length };
  if (expected.components !== 1 && expected.components !== 3) {
    throw new WorkbenchError(
      'CODEC_UNSUPPORTED',
      `A JPEG image with ${expected.components} components${expected.components === 4 ? ' (CMYK, for print)' : ''} is not read.`,
      { codec: 'JPEG' },
      'Save it as a gray or RGB image.',
    );
  }
  const decode =
    header.sof === 0xc3 ? decodeJpegLossless : expected.components === 3 ? decodeJpegTurbo : decodeJpegComponents;
  const frame = await decode(bytes, expected);
  return {
    width: frame.width,
    height: frame.height,
    samplesPerPixel: expected.components as 1 | 3,
    bits: frame.precision,
    pixels: frame.data as Uint8Array | Uint16Array,
  };
}

function grayWhereEqual(raster: Raster): Raster {
  const { pixels } = raster;
  if (raster.samplesPerPixel === 1) return raster;
  for (let i = 0; i < pixels.length; i += 3) {
    if (pixels[i] !== pixels[i + 1] || pixels[i] !== pixels[i + 2]) return raster;
  }
  const gray = new (raster.bits > 8 ? Uint16Array : Uint8Array)(pixels.length / 3);
  for (let i = 0; i < gray.length; i++) gray[i] = pixels[3 * i]!;
  return { ...raster, samplesPerPixel: 1, pixels: gray };
}
