/**
 * A film's header from the beginning of its file: what the index and the study list need, without pixel data.
 */
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { fromErrorData, locate, toErrorData, WorkbenchError } from '../base/errors.ts';
import { type DicomFile, looksLikeDicom, PrefixTooShort, readDicom } from './dataSet.ts';
import type { FilmTags } from './film.ts';
import { notAFilm } from './foreign.ts';
import { NO_TAGS, readPixelDescription, readTags } from './header.ts';
import { decodeRecord, encodeRecord } from './headerRecord.ts';
import { rasterKind, readRasterSize } from './rasterFiles.ts';
import { type Caution, NOTHING_STATED, readCautionsOf } from './suitability.ts';

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
  cautions: Caution[];
}

type Header = Omit<FilmHeader, 'path'>;

/** Most headers are shorter; those with tables or private data ask for more. */
const FIRST_READ = 16 * 1024;
const GROWTH = 8;
/** No header is longer; a file that seems to have one is damaged. */
const MAX_HEADER_BYTES = 64 * 2 ** 20;

/** Headers of files, in their order. */
export interface HeadersRead {
  /** headerRecord.ts; null: the file is as it was known. */
  records: (string | null)[];
  /** Size in bytes and modification time in milliseconds of each file, one after the other; NaN where it has vanished. */
  stats: Float64Array;
}

/**
 * Reads films' headers, and no more of each file than that takes. The files are read synchronously: this runs in a thread,
 * and costs a fifth of what promises cost.
 * @param known size and time of each file, as `stats` had them; NaN: not known. Absent: none is.
 * Errors, in the records: NOT_A_FILM, DICOM_NO_PIXELS, DICOM_IS_DIRECTORY, DICOM_*, FILE_*.
 */
export async function readFilmHeaders(paths: string[], known?: Float64Array): Promise<HeadersRead> {
  const stats = new Float64Array(2 * paths.length).fill(Number.NaN);
  const records = paths.map((path, i) => {
    try {
      const last = known && { size: known[2 * i]!, mtimeMs: known[2 * i + 1]! };
      if (last && isUnchanged(path, last)) {
        stats.set([last.size, last.mtimeMs], 2 * i);
        return null;
      }
      return encodeRecord({ header: readHeaderSync(path, stats.subarray(2 * i)) });
    } catch (error) {
      return encodeRecord({ error: toErrorData(locate(error, { file: path })) });
    }
  });
  return { records, stats };
}

function isUnchanged(path: string, known: { size: number; mtimeMs: number }): boolean {
  if (Number.isNaN(known.size)) return false;
  const { size, mtimeMs } = statSync(path);
  return size === known.size && mtimeMs === known.mtimeMs;
}

/** @throws WorkbenchError with the codes of readFilmHeaders */
export async function readFilmHeader(path: string): Promise<FilmHeader> {
  const { records } = await readFilmHeaders([path]);
  const outcome = decodeRecord(records[0]!);
  if ('error' in outcome) throw fromErrorData(outcome.error);
  return { path, ...outcome.header };
}

// No Buffer, whose views cost several times as much.
const firstBytes = new Uint8Array(FIRST_READ);

/** Reads a longer and longer beginning of the file until the header is whole. */
function readHeaderSync(path: string, stats: Float64Array): Header {
  const file = openSync(path, 'r');
  try {
    const { size, mtimeMs } = fstatSync(file);
    stats.set([size, mtimeMs]);
    let buffer = firstBytes;
    let length = 0;
    for (;;) {
      length += readSync(file, buffer, length, buffer.length - length, length);
      try {
        return parseHeader(buffer.subarray(0, length), length < buffer.length);
      } catch (error) {
        if (!(error instanceof PrefixTooShort)) throw error;
      }
      if (buffer.length * GROWTH > MAX_HEADER_BYTES) {
        throw new WorkbenchError('DICOM_MALFORMED', 'The header does not end.', { limitBytes: MAX_HEADER_BYTES });
      }
      const longer = new Uint8Array(buffer.length * GROWTH);
      longer.set(buffer);
      buffer = longer;
    }
  } finally {
    closeSync(file);
  }
}

function parseHeader(bytes: Uint8Array, whole: boolean): Header {
  if (bytes.length === 0) throw new WorkbenchError('FILE_EMPTY', 'The file is empty.');
  const raster = rasterKind(bytes);
  if (raster) return rasterHeader(raster, bytes, whole);
  if (!looksLikeDicom(bytes)) throw notAFilm(bytes);
  return dicomHeader(readDicom(bytes, { prefix: !whole }));
}

function dicomHeader(file: DicomFile): Header {
  const { attributes } = file;
  if (file.isDirectory) {
    throw new WorkbenchError('DICOM_IS_DIRECTORY', 'This is a DICOMDIR: a list of films, not a film.');
  }
  const { rows, columns, frames, photometricInterpretation } = readPixelDescription(file);
  const tags = readTags(attributes);
  return {
    kind: 'dicom',
    rows,
    columns,
    frames,
    transferSyntax: file.transferSyntax,
    photometricInterpretation,
    tags,
    cautions: readCautionsOf(attributes, tags),
  };
}

function rasterHeader(kind: 'png' | 'jpeg', bytes: Uint8Array, whole: boolean): Header {
  let size: { rows: number; columns: number };
  try {
    size = readRasterSize(bytes, kind);
  } catch (error) {
    if (whole) throw error;
    throw new PrefixTooShort();
  }
  return {
    kind,
    ...size,
    frames: 1,
    transferSyntax: '',
    photometricInterpretation: '',
    tags: NO_TAGS,
    cautions: [NOTHING_STATED],
  };
}
