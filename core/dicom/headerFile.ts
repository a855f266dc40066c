/**
 * A film's header from the beginning of its file: what the index and the study list need, without pixel data.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { locate, WorkbenchError } from '../base/errors.ts';
import { type DicomFile, looksLikeDicom, PrefixTooShort, readDicom } from './dataSet.ts';
import type { FilmTags } from './film.ts';
import { NO_TAGS, readCautions, readPixelDescription, readTags } from './header.ts';
import { rasterKind, readRasterSize } from './rasterFiles.ts';

export interface FilmHeader {
  path: string;
  kind: 'dicom' | 'png' | 'jpeg';
  rows: number;
  columns: number;
  frames: number;
  /** Empty for PNG and JPEG. */
  transferSyntax: string;
  photometricInterpretation: string;
  tags: FilmTags;
  /** What a person should know before a model reads the film. */
  warnings: string[];
}

/** Most headers are shorter; those with tables or private data ask for more. */
const FIRST_READ = 16 * 1024;
const GROWTH = 8;
/** No header is longer; a file that seems to have one is damaged. */
const MAX_HEADER_BYTES = 64 * 2 ** 20;

/**
 * Reads a film's header, and no more of the file than that takes.
 * @throws WorkbenchError NOT_A_FILM, DICOM_NO_PIXELS, DICOM_IS_DIRECTORY, DICOM_*, FILE_*; each names the file.
 */
export async function readFilmHeader(path: string): Promise<FilmHeader> {
  try {
    const file = await open(path, 'r');
    try {
      return await readGrowing(file, (bytes, whole) => parseHeader(path, bytes, whole));
    } finally {
      await file.close();
    }
  } catch (error) {
    throw locate(error, { file: path });
  }
}

/** Calls `parse` with a longer and longer beginning of the file until it has enough. */
async function readGrowing<T>(file: FileHandle, parse: (bytes: Uint8Array, whole: boolean) => T): Promise<T> {
  let bytes = Buffer.alloc(0);
  for (let size = FIRST_READ; size <= MAX_HEADER_BYTES; size *= GROWTH) {
    const longer = Buffer.alloc(size);
    bytes.copy(longer);
    const { bytesRead } = await file.read(longer, bytes.length, size - bytes.length, bytes.length);
    bytes = longer.subarray(0, bytes.length + bytesRead);
    try {
      return parse(bytes, bytes.length < size);
    } catch (error) {
      if (!(error instanceof PrefixTooShort)) throw error;
    }
  }
  throw new WorkbenchError('DICOM_MALFORMED', 'The header does not end.', { limitBytes: MAX_HEADER_BYTES });
}

function parseHeader(path: string, bytes: Uint8Array, whole: boolean): FilmHeader {
  if (bytes.length === 0) throw new WorkbenchError('FILE_EMPTY', 'The file is empty.');
  const raster = rasterKind(bytes);
  if (raster) return rasterHeader(path, raster, bytes, whole);
  if (!looksLikeDicom(bytes)) throw new WorkbenchError('NOT_A_FILM', 'This file is neither DICOM nor PNG nor JPEG.');
  return dicomHeader(path, readDicom(bytes, { prefix: !whole }));
}

function dicomHeader(path: string, file: DicomFile): FilmHeader {
  const { attributes } = file;
  if (file.isDirectory) {
    throw new WorkbenchError('DICOM_IS_DIRECTORY', 'This is a DICOMDIR: a list of films, not a film.');
  }
  const { rows, columns, frames, photometricInterpretation } = readPixelDescription(file);
  const tags = readTags(attributes);
  return {
    path,
    kind: 'dicom',
    rows,
    columns,
    frames,
    transferSyntax: file.transferSyntax,
    photometricInterpretation,
    tags,
    warnings: readCautions(attributes, tags),
  };
}

function rasterHeader(path: string, kind: 'png' | 'jpeg', bytes: Uint8Array, whole: boolean): FilmHeader {
  let size: { rows: number; columns: number };
  try {
    size = readRasterSize(bytes, kind);
  } catch (error) {
    if (whole) throw error;
    throw new PrefixTooShort();
  }
  return {
    path,
    kind,
    ...size,
    frames: 1,
    transferSyntax: '',
    photometricInterpretation: '',
    tags: NO_TAGS,
    warnings: [],
  };
}
