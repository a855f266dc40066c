/**
 * What keeps patients out of a report: pictures with writing burned in are withheld, and words of a completion that are
 * those of the film's header (name, numbers, dates, file names) are taken out, should a model or an imported answer have them.
 */
import { basename, dirname } from 'node:path';
import { burnedInWarnings } from '../dicom/deidentify/burnedIn.ts';
import { openDicom, readWhole } from '../dicom/openFilm.ts';
import { rasterKind } from '../dicom/rasterFiles.ts';
import type { FilmEntry } from './contract.ts';

const REMOVED = '[removed]';

/** Whether the film's own file says that writing may stand in its pixels. PNG and JPEG say nothing. */
export async function mayCarryWriting(path: string): Promise<boolean> {
  const bytes = await readWhole(path);
  if (rasterKind(bytes)) return false;
  return burnedInWarnings(openDicom(bytes).attributes).length > 0;
}

type Identified = Pick<FilmEntry, 'patientId' | 'patientName' | 'studyDate' | 'studyInstanceUid' | 'path'>;

/** The text without what identifies the film's patient. */
export function withoutIdentifiers(text: string, film: Identified): string {
  const words = identifiersOf(film);
  if (words.length === 0) return text;
  const pattern = words
    .sort((a, b) => b.length - a.length)
    .map((word) => word.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&'))
    .join('|');
  return text.replace(new RegExp(`(?<![\\p{L}\\p{N}])(?:${pattern})(?![\\p{L}\\p{N}])`, 'giu'), REMOVED);
}

function identifiersOf({ patientId, patientName, studyDate, studyInstanceUid, path }: Identified): string[] {
  // PS3.5 6.2: components of a name are divided by ^, its ideographic and phonetic forms by =.
  const names = patientName.split(/[\^=\s,]+/);
  const folders = dirname(path)
    .split(/[\\/]/)
    .filter((part) => part.length >= 5);
  const file = basename(path);
  const numbers = [patientId, studyInstanceUid, path, file, file.replace(/\.[^.]*$/, ''), ...folders];
  return [
    ...names.filter((name) => [...name].length >= 2),
    patientName.replace(/[\^=]+/g, ' ').trim(),
    ...numbers.filter((number) => number.length >= 3),
    ...datesOf(studyDate),
  ].filter((word) => word !== '');
}

/** A DICOM date as people write it. */
function datesOf(date: string): string[] {
  const match = /^(\d{4})[.-]?(\d{2})[.-]?(\d{2})/.exec(date);
  if (!match) return [];
  const [, y, m, d] = match;
  return [`${y}${m}${d}`, `${y}-${m}-${d}`, `${y}/${m}/${d}`, `${d}.${m}.${y}`, `${d}/${m}/${y}`, `${m}/${d}/${y}`];
}
