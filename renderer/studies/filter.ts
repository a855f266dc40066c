/** The filter box of the study list: every word must be found; a word with a minus must not. */
import type { Label } from '../../core/labels/labels.ts';
import type { FilmEntry } from '../../core/services/contract.ts';

export function positives(entry: FilmEntry): Label[] {
  if (!entry.truth) return [];
  return (Object.keys(entry.truth) as Label[]).filter((label) => entry.truth?.[label] === 1);
}

/** Words are matched against patient, date, view, description, file name and the labels that the table says are there. */
export function matches(filter: string): (entry: FilmEntry) => boolean {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return () => true;
  const wanted = words.filter((word) => !word.startsWith('-'));
  const unwanted = words.filter((word) => word.length > 1 && word.startsWith('-')).map((word) => word.slice(1));
  return (entry) => {
    const all = searchable(entry);
    return wanted.every((word) => all.includes(word)) && !unwanted.some((word) => all.includes(word));
  };
}

/** Made once for each film, so that typing into the filter stays fast in a list of 100,000. */
const texts = new WeakMap<FilmEntry, string>();

function searchable(entry: FilmEntry): string {
  const known = texts.get(entry);
  if (known !== undefined) return known;
  const text = textOf(entry);
  texts.set(entry, text);
  return text;
}

function textOf(entry: FilmEntry): string {
  const file = entry.path.slice(Math.max(entry.path.lastIndexOf('/'), entry.path.lastIndexOf('\\')) + 1);
  const { patientId, patientName, studyDate, viewPosition, description, modality } = entry;
  const fields = [patientId, patientName, studyDate, viewPosition, description, modality, file, ...positives(entry)];
  return fields.join('\n').toLowerCase();
}
