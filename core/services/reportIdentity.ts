/**
 * What keeps patients out of a report: pictures with writing burned in are withheld, and words of a completion that are
 * those of the film's header (name, numbers, dates, file names) are taken out, should a model or an imported answer have them.
 */
import { basename, dirname } from 'node:path';
import { burnedInWarnings } from '../dicom/deidentify/burnedIn.ts';
import type { FilmTags } from '../dicom/film.ts';
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
type Tags = Pick<
  FilmTags,
  | 'patientName'
  | 'patientId'
  | 'patientBirthDate'
  | 'studyDate'
  | 'studyInstanceUid'
  | 'seriesInstanceUid'
  | 'sopInstanceUid'
  | 'accessionNumber'
  | 'institution'
>;

/** The text without what identifies the film's patient: what its table, its file's header and its path say. */
export function withoutIdentifiers(text: string, film: Identified, tags: Tags): string {
  const words = [...new Set([...ofEntry(film), ...ofHeader(tags)])].filter((word) => word !== '');
  if (words.length === 0) return text;
  const pattern = words
    .sort((a, b) => b.length - a.length)
    .map((word) => word.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&'))
    .join('|');
  return text.replace(new RegExp(`(?<![\\p{L}\\p{N}])(?:${pattern})(?![\\p{L}\\p{N}])`, 'giu'), REMOVED);
}

function ofEntry({ patientId, patientName, studyDate, studyInstanceUid, path }: Identified): string[] {
  const file = basename(path);
  const folders = dirname(path)
    .split(/[\\/]/)
    .filter((part) => part.length >= 5);
  const numbers = [patientId, studyInstanceUid, path, file, file.replace(/\.[^.]*$/, ''), ...folders];
  return [...ofName(patientName), ...numbers.filter(isTelling), ...datesOf(studyDate)];
}

function ofHeader(tags: Tags): string[] {
  const numbers = [
    tags.patientId,
    tags.studyInstanceUid,
    tags.seriesInstanceUid,
    tags.sopInstanceUid,
    tags.accessionNumber,
    tags.institution,
  ];
  const dates = [...datesOf(tags.studyDate), ...datesOf(tags.patientBirthDate)];
  return [...ofName(tags.patientName), ...numbers.filter(isTelling), ...dates];
}

/** PS3.5 6.2: components of a name are divided by ^, its ideographic and phonetic forms by =. */
function ofName(name: string): string[] {
  const parts = name.split(/[\^=\s,]+/).filter((part) => [...part].length >= 2);
  return [...parts, name.replace(/[\^=]+/g, ' ').trim()];
}

/** Shorter ones stand in texts that mean something else. */
function isTelling(number: string): boolean {
  return number.length >= 3;
}

/** A DICOM date as people write it. */
function datesOf(date: string): string[] {
  const match = /^(\d{4})[.-]?(\d{2})[.-]?(\d{2})/.exec(date);
  if (!match) return [];
  const [, y, m, d] = match;
  return [`${y}${m}${d}`, `${y}-${m}-${d}`, `${y}/${m}/${d}`, `${d}.${m}.${y}`, `${d}/${m}/${y}`, `${m}/${d}/${y}`];
}
