/**
 * What `chexreason decode FILE --json` prints: every frame decoded, and hashed as shared/data/manifest.json states it.
 */
import { createHash } from 'node:crypto';
import { locate } from '../base/errors.ts';
import { bytesOf, sha256 } from '../base/hash.ts';
import { readPalette } from './color.ts';
import { decodeFrame, type FrameSource, openFrames } from './decode.ts';
import type { Film, PixelArray } from './film.ts';
import { modalityRange } from './modalityRange.ts';
import { isPalette, openDicom, rasterFilm, readGrayscale, readWhole } from './openFilm.ts';
import { rasterKind, readRaster } from './rasterFiles.ts';
import { inThread } from './threads.ts';
import { renderGray } from './voi.ts';

export interface DecodeResult {
  file: string;
  /** Empty for PNG and JPEG. */
  transferSyntax: string;
  photometricInterpretation: string;
  frames: number;
  rows: number;
  columns: number;
  samplesPerPixel: number;
  dtype: 'uint8' | 'int8' | 'uint16' | 'int16' | 'uint32' | 'int32' | 'float32' | 'float64';
  /** Of the stored values of all frames. */
  min: number;
  max: number;
  mean: number;
  /** Of the stored values of all frames, little endian. */
  sha256: string;
  /** Of frame 0 in 8-bit gray, not inverted: first window, else first VOI LUT, else minimum to maximum of all frames. */
  voi8Sha256: string | null;
  /** Left out where there is nothing to say. */
  warnings?: string[];
}

/** @throws WorkbenchError as openFilm does */
export function decodeFile(path: string): Promise<DecodeResult> {
  return inThread('decodeFile', [path], () => decodeFileHere(path));
}

/** The same in this thread. */
export async function decodeFileHere(path: string): Promise<DecodeResult> {
  try {
    return await decodeBytes(path, await readWhole(path));
  } catch (error) {
    throw locate(error, { file: path });
  }
}

/** The same for a file that has been read. */
export async function decodeBytes(path: string, bytes: Uint8Array): Promise<DecodeResult> {
  const kind = rasterKind(bytes);
  if (kind) return filmResult(rasterFilm(path, kind, await readRaster(bytes, kind)));
  return decodeFrames(path, openFrames(openDicom(bytes)));
}

async function decodeFrames(path: string, source: FrameSource): Promise<DecodeResult> {
  const { description, file } = source;
  if (isPalette(source)) readPalette(file.attributes, description.signed);
  const first = (await decodeFrame(source, 0)).pixels;
  const { modality, voi, range } = readGrayscale(source, first, []);
  const totals = new Totals();
  totals.add(first);
  for (let frame = 1; frame < description.frames; frame++) {
    const { pixels } = await decodeFrame(source, frame);
    totals.add(pixels);
    const { minimum, maximum } = modalityRange(pixels, modality);
    range.minimum = Math.min(range.minimum, minimum);
    range.maximum = Math.max(range.maximum, maximum);
  }
  const isGray = description.samplesPerPixel === 1 && !isPalette(source);
  const shown = { pixels: first, modality, inverse: false, padding: null };
  return {
    file: path,
    transferSyntax: file.transferSyntax,
    photometricInterpretation: description.photometricInterpretation,
    frames: description.frames,
    rows: description.rows,
    columns: description.columns,
    samplesPerPixel: description.samplesPerPixel,
    dtype: dtypeOf(first),
    ...totals.result(),
    voi8Sha256: isGray ? sha256(renderGray(shown, voi[0] ?? { kind: 'minmax', ...range })) : null,
    ...(file.warnings.length > 0 ? { warnings: [...new Set(file.warnings)] } : {}),
  };
}

function filmResult(film: Film): DecodeResult {
  const totals = new Totals();
  totals.add(film.pixels);
  return {
    file: film.path,
    transferSyntax: '',
    photometricInterpretation: film.photometricInterpretation,
    frames: 1,
    rows: film.rows,
    columns: film.columns,
    samplesPerPixel: film.samplesPerPixel,
    dtype: dtypeOf(film.pixels),
    ...totals.result(),
    voi8Sha256: film.samplesPerPixel === 1 ? sha256(renderGray(film, film.voi[0]!)) : null,
  };
}

/** Minimum, maximum, mean and hash over frames that are not kept. */
class Totals {
  private readonly hash = createHash('sha256');
  private minimum = Number.POSITIVE_INFINITY;
  private maximum = Number.NEGATIVE_INFINITY;
  private sum = 0;
  private count = 0;

  add(pixels: PixelArray): void {
    this.hash.update(bytesOf(pixels));
    for (let i = 0; i < pixels.length; i++) {
      const value = pixels[i]!;
      if (value < this.minimum) this.minimum = value;
      if (value > this.maximum) this.maximum = value;
      this.sum += value;
    }
    this.count += pixels.length;
  }

  result() {
    return { min: this.minimum, max: this.maximum, mean: this.sum / this.count, sha256: this.hash.digest('hex') };
  }
}

function dtypeOf(pixels: PixelArray): DecodeResult['dtype'] {
  return pixels.constructor.name.replace('Array', '').toLowerCase() as DecodeResult['dtype'];
}
