/**
 * One film's file to a de-identified copy in a folder, named by its new identifiers: <patient>/<study>/<series>/<film>.dcm.
 * The source is only read.
 */
import { mkdir, open, rename, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { locate, WorkbenchError } from '../../base/errors.ts';
import { sha256 } from '../../base/hash.ts';
import { openDicom, readWhole } from '../openFilm.ts';
import { rasterKind } from '../rasterFiles.ts';
import { inThread } from '../threads.ts';
import { lengthOf, type Pieces } from './dataSetWriter.ts';
import { deidentify } from './deidentify.ts';
import type { ProfileOptions } from './profile.ts';
import { Pseudonyms } from './pseudonyms.ts';

export interface ExportSettings extends ProfileOptions {
  /** Folder that the copies go to. */
  out: string;
  /** Secret of the workspace, hexadecimal. */
  salt: string;
}

export interface ExportedFile {
  file: string;
  /** The copy, relative to the folder. */
  to: string;
  pseudonym: string;
  /** Of the copy. */
  studyInstanceUid: string;
  bytes: number;
  /** Text may be burned into the pixels, or a person recognised in them. */
  pixelsMayIdentify: boolean;
  warnings: string[];
}

/**
 * @throws WorkbenchError DEIDENTIFY_NOT_DICOM for PNG and JPEG, DICOM_*, FILE_*, DISK_FULL
 */
export function exportFile(path: string, settings: ExportSettings): Promise<ExportedFile> {
  return inThread('exportFile', [path, settings], () => exportFileHere(path, settings));
}

/** The same in this thread. */
export async function exportFileHere(path: string, settings: ExportSettings): Promise<ExportedFile> {
  try {
    const bytes = await readWhole(path);
    if (rasterKind(bytes)) throw notDicom();
    const pseudonyms = new Pseudonyms(settings.salt);
    const made = deidentify(openDicom(bytes), pseudonyms, settings);
    const film = `${shortName(made.sopInstanceUid)}-${pseudonyms.fileMark(bytes)}.dcm`;
    const to = join(made.pseudonym, shortName(made.studyInstanceUid), shortName(made.seriesInstanceUid), film);
    await writePieces(join(settings.out, to), made.pieces);
    const { pseudonym, studyInstanceUid, pixelsMayIdentify, warnings } = made;
    const bytesWritten = lengthOf(made.pieces);
    return { file: path, to, pseudonym, studyInstanceUid, bytes: bytesWritten, pixelsMayIdentify, warnings };
  } catch (error) {
    throw locate(error, { file: path });
  }
}

function notDicom(): WorkbenchError {
  return new WorkbenchError(
    'DEIDENTIFY_NOT_DICOM',
    'PNG and JPEG films have no DICOM header to de-identify and are not exported.',
  );
}

/** UIDs are too long for names of folders within folders. */
function shortName(uid: string): string {
  return uid === '' ? 'unknown' : sha256(uid).slice(0, 12);
}

async function writePieces(path: string, pieces: Pieces): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const beside = `${path}.${process.pid}.${Date.now().toString(36)}.part`;
  try {
    const file = await open(beside, 'wx');
    try {
      for (const piece of pieces) await file.writeFile(piece);
    } finally {
      await file.close();
    }
    await rename(beside, path);
  } catch (error) {
    await unlink(beside).catch(() => {});
    throw locate(error, { output: path });
  }
}
