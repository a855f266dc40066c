/**
 * A film from a file: DICOM, PNG or JPEG, recognised by content and not by name. Reading never writes.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { isMainThread } from 'node:worker_threads';
import { locate, WorkbenchError } from '../base/errors.ts';
import { bytesOf, sha256 } from '../base/hash.ts';
import { trace } from '../platform/trace.ts';
import { applyPalette, readPalette, toRgb } from './color.ts';
import { type DicomFile, looksLikeDicom, readDicom } from './dataSet.ts';
import { type DecodedFrame, decodeFrame, decodeReduced, type FrameSource, openFrames } from './decode.ts';
import type { Film, FilmPreview, ModalityTransform, Voi } from './film.ts';
import { notAFilm } from './foreign.ts';
import {
  functionalGroups,
  NO_TAGS,
  readCautions,
  readInverse,
  readModality,
  readPadding,
  readTags,
  readVoi,
} from './header.ts';
import { modalityRange } from './modalityRange.ts';
import { readOverlays } from './overlays.ts';
import { previewFactor, previewOf, type Room } from './preview.ts';
import { type Raster, rasterKind, readRaster } from './rasterFiles.ts';
import { averageSamples } from './sampleScan.ts';
import { readSpacing } from './spacing.ts';
import { inThread } from './threads.ts';

/** Larger files are refused (Node reads no more at once). */
const MAX_FILE_BYTES = 2 ** 31 - 1;

export interface OpenOptions {
  /** Zero-based; default the first. */
  frame?: number;
  /** Default true. false: `sha256` stays empty, for those who want the pixels and ask nothing about them. */
  hash?: boolean;
  /** Where the film will be shown: `onPreview` gets it in small first, where that is less. */
  room?: Room;
}

/** Gets a film in small before the film itself (preview.ts). */
export type OnPreview = (preview: FilmPreview) => void;

/**
 * Opens one frame of a film.
 * @throws WorkbenchError with the file in its details; for pixels also frame and transfer syntax. FILE_*, DICOM_*,
 *   CODEC_*, PNG_DAMAGED, IMAGE_TOO_LARGE, NOT_A_FILM.
 */
export function openFilm(path: string, options: OpenOptions = {}, onPreview?: OnPreview): Promise<Film> {
  return inThread('openFilm', [path, options], () => openFilmHere(path, options, onPreview), onPreview);
}

/** The same in this thread. */
export async function openFilmHere(path: string, options: OpenOptions = {}, onPreview?: OnPreview): Promise<Film> {
  try {
    trace('thread-begun');
    const bytes = await readWhole(path);
    trace('file-read');
    return await filmOf(path, bytes, options, onPreview);
  } catch (error) {
    throw locate(error, { file: path });
  }
}

/** The film in small, in this thread: what the codec gives for less work than the whole, else the film itself. */
export async function openSmallHere(path: string, frame: number, room: Room): Promise<FilmPreview | Film> {
  try {
    const bytes = await readWhole(path);
    const early = looksLikeDicom(bytes) ? await earlyPreview(openFrames(openDicom(bytes)), frame, room) : null;
    return early ?? (await filmOf(path, bytes, { frame, hash: false }));
  } catch (error) {
    throw locate(error, { file: path });
  }
}

async function filmOf(path: string, bytes: Uint8Array, options: OpenOptions, onPreview?: OnPreview): Promise<Film> {
  const kind = rasterKind(bytes);
  if (kind) return rasterFilm(path, kind, await readRaster(bytes, kind), options, onPreview);
  return dicomFilm(path, openDicom(bytes), options, onPreview);
}

/**
 * A decoder thread reads without giving way: it has nothing else to do, and each way through the event loop costs as much as
 * reading a megabyte.
 * @throws WorkbenchError FILE_TOO_LARGE, and the file system's.
 */
export async function readWhole(path: string): Promise<Uint8Array> {
  if (!isMainThread) return readWholeSync(path);
  const file = await open(path, 'r');
  try {
    // In one piece: readFile takes half a megabyte at a time.
    const bytes = roomFor(await file.stat());
    let length = 0;
    for (let more = 1; more > 0 && length < bytes.length; length += more) {
      more = (await file.read(bytes, length, bytes.length - length, length)).bytesRead;
    }
    return bytes.subarray(0, length);
  } finally {
    await file.close();
  }
}

function readWholeSync(path: string): Uint8Array {
  const file = openSync(path, 'r');
  try {
    const bytes = roomFor(fstatSync(file));
    let length = 0;
    for (let more = 1; more > 0 && length < bytes.length; length += more) {
      more = readSync(file, bytes, length, bytes.length - length, length);
    }
    return bytes.subarray(0, length);
  } finally {
    closeSync(file);
  }
}

function roomFor({ size }: { size: number }): Buffer {
  if (size > MAX_FILE_BYTES) {
    throw new WorkbenchError('FILE_TOO_LARGE', 'Files of more than 2 GiB are not read.', { bytes: size });
  }
  return Buffer.allocUnsafeSlow(size);
}

/** @throws WorkbenchError NOT_A_FILM, DICOM_IS_DIRECTORY, and the codes of readDicom */
export function openDicom(bytes: Uint8Array): DicomFile {
  if (bytes.length > 0 && !looksLikeDicom(bytes)) {
    throw notAFilm(bytes);
  }
  const file = readDicom(bytes);
  if (file.isDirectory) {
    throw new WorkbenchError('DICOM_IS_DIRECTORY', 'This is a DICOMDIR: a list of films, not a film.', {}, 'Scan it.');
  }
  return file;
}

// -------------------------------------------------------------------------------------------------------------- DICOM

async function dicomFilm(
  path: string,
  file: DicomFile,
  { frame = 0, hash = true, room }: OpenOptions,
  onPreview?: OnPreview,
): Promise<Film> {
  const source = openFrames(file);
  const { attributes, warnings } = file;
  const { description } = source;
  const groups = functionalGroups(attributes, frame);
  const early = onPreview ? await earlyPreview(source, frame, room) : null;
  if (early) onPreview?.(early);
  const decoded = await decodeFrame(source, frame);
  trace('decoded');
  const tags = readTags(attributes);
  const overlays = readOverlays(source, frame);
  if (!attributes.characterSetKnown) warnings.push('The character set of the file is unknown; text may be wrong.');
  const isColor = description.samplesPerPixel === 3 || isPalette(source);
  const display = isColor ? colorDisplay(source, decoded) : grayDisplay(source, decoded, groups);
  trace('ranged');
  const spacing = readSpacing([attributes, ...groups], warnings);
  if (!early && !isColor) showAveraged({ ...description, ...display, spacing }, room, onPreview);
  const hashed = hash ? sha256(bytesOf(decoded.pixels)) : '';
  trace('hashed');
  return {
    path,
    kind: 'dicom',
    frame,
    frames: description.frames,
    rows: description.rows,
    columns: description.columns,
    photometricInterpretation: description.photometricInterpretation,
    transferSyntax: file.transferSyntax,
    ...display,
    spacing,
    ...(overlays.length > 0 ? { overlays } : {}),
    tags,
    sha256: hashed,
    warnings: [...warnings, ...readCautions(attributes, tags)],
  };
}

/** What the codec has in small, gray as far as that tells. A film that fails says so itself, when it is decoded. */
async function earlyPreview(source: FrameSource, frame: number, room: Room | undefined): Promise<FilmPreview | null> {
  const { description, file } = source;
  const factor = previewFactor(description, room);
  if (factor < 2 || isPalette(source)) return null;
  try {
    const reduced = await decodeReduced(source, frame, factor);
    trace('reduced');
    if (!reduced) return null;
    const groups = functionalGroups(file.attributes, frame);
    // Its warnings are those of the film, which will come.
    const quiet: FrameSource = { ...source, file: { ...file, warnings: [] } };
    const display = grayDisplay(quiet, { ...reduced, photometricInterpretation: '' }, groups);
    return previewOf({ ...description, ...display, spacing: readSpacing([file.attributes, ...groups]) }, reduced);
  } catch {
    return null;
  }
}

type Shown = Omit<FilmPreview, 'factor' | 'small'> & Pick<Film, 'pixels'>;

function showAveraged(film: Shown, room: Room | undefined, onPreview: OnPreview | undefined): void {
  const factor = previewFactor(film, room);
  if (factor < 2 || !onPreview) return;
  onPreview(previewOf(film, averageSamples(film.pixels, film, factor)));
  trace('averaged');
}

type Display = Pick<
  Film,
  'pixels' | 'samplesPerPixel' | 'bitsStored' | 'modality' | 'voi' | 'minimum' | 'maximum' | 'inverse' | 'padding'
>;

export function isPalette(source: FrameSource): boolean {
  return source.description.photometricInterpretation === 'PALETTE COLOR';
}

/** RGB of 8 bits, interleaved. */
function frameToRgb(source: FrameSource, decoded: DecodedFrame): Uint8Array {
  const { description, file } = source;
  if (isPalette(source)) return applyPalette(decoded.pixels, readPalette(file.attributes, description.signed));
  const bits = description.bitsAllocated > 8 ? description.bitsStored : 8;
  return toRgb(decoded.pixels, decoded.photometricInterpretation, bits);
}

function colorDisplay(source: FrameSource, decoded: DecodedFrame): Display {
  const pixels = frameToRgb(source, decoded);
  return { ...plainDisplay(pixels, 8), samplesPerPixel: 3 };
}

function grayDisplay(source: FrameSource, decoded: DecodedFrame, groups: ReturnType<typeof functionalGroups>): Display {
  const { description, file } = source;
  const { modality, voi, range } = readGrayscale(source, decoded.pixels, groups);
  const padding = readPadding(file.attributes, description.signed);
  const imageRange = () => (padding ? modalityRange(decoded.pixels, modality, padding) : range);
  return {
    pixels: decoded.pixels,
    samplesPerPixel: 1,
    bitsStored: description.bitsStored,
    modality,
    voi: voi.length > 0 ? voi : [{ kind: 'minmax', ...imageRange() }],
    ...range,
    inverse: readInverse(file.attributes, description.photometricInterpretation),
    padding,
  };
}

/**
 * Modality transform and windows: of the frame's functional groups where they have them, else of the data set. `range` is
 * that of the modality values of `pixels`.
 */
export function readGrayscale(
  source: FrameSource,
  pixels: Film['pixels'],
  groups: ReturnType<typeof functionalGroups>,
): { modality: ModalityTransform; voi: Voi[]; range: { minimum: number; maximum: number } } {
  const { description, file } = source;
  const places = [...groups, file.attributes];
  const modality = places
    .map((place) => readModality(place, description.signed, file.warnings))
    .find((found) => found.kind !== 'identity') ?? { kind: 'identity' };
  const range = modalityRange(pixels, modality);
  const signed = range.minimum < 0;
  const voi = places.map((place) => readVoi(place, signed, file.warnings)).find((found) => found.length > 0) ?? [];
  return { modality, voi, range };
}

// --------------------------------------------------------------------------------------------------------- PNG and JPEG

/** A film of a decoded PNG or JPEG image. */
export function rasterFilm(
  path: string,
  kind: 'png' | 'jpeg',
  raster: Raster,
  { hash = true, room }: OpenOptions = {},
  onPreview?: OnPreview,
): Film {
  const size = { rows: raster.height, columns: raster.width };
  const isGray = raster.samplesPerPixel === 1;
  const display = plainDisplay(isGray ? raster.pixels : toRgb(raster.pixels, 'RGB', raster.bits), raster.bits);
  if (isGray) showAveraged({ ...size, ...display, spacing: null }, room, onPreview);
  return {
    path,
    kind,
    frame: 0,
    frames: 1,
    ...size,
    photometricInterpretation: isGray ? 'MONOCHROME2' : 'RGB',
    transferSyntax: '',
    ...display,
    samplesPerPixel: raster.samplesPerPixel,
    spacing: null,
    tags: NO_TAGS,
    sha256: hash ? sha256(bytesOf(raster.pixels)) : '',
    warnings: raster.upright ? ['The image is turned as its Exif orientation says.'] : [],
  };
}

/** Shown as stored: black is 0, white the largest value that the bits can hold. */
function plainDisplay(pixels: Uint8Array | Uint16Array, bits: number): Omit<Display, 'samplesPerPixel'> {
  const modality: ModalityTransform = { kind: 'identity' };
  return {
    pixels,
    bitsStored: bits,
    modality,
    voi: [{ kind: 'minmax', minimum: 0, maximum: 2 ** bits - 1 }],
    ...modalityRange(pixels, modality),
    inverse: false,
    padding: null,
  };
}
