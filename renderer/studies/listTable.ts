/** The study list as a table for a spreadsheet: a row for each listed film, in the order of the list. */
import { CHEXPERT_LABELS } from '../../core/labels/labels.ts';
import type { Collection, FilmEntry } from '../../core/services/contract.ts';
import { text } from '../text.ts';

/** @param withTruth false: somebody reads blinded, and the table's labels stay out of sight */
export function listTable(films: readonly FilmEntry[], collections: readonly Collection[], withTruth: boolean) {
  const names = new Map(collections.map(({ id, name }) => [id, name]));
  const labels = withTruth ? CHEXPERT_LABELS : [];
  const rows = films.map((film) => [
    names.get(film.collectionId) ?? film.collectionId,
    film.patientId,
    film.patientSex,
    film.patientAge,
    film.studyDate,
    film.viewPosition,
    film.description,
    film.path,
    ...labels.map((label) => String(film.truth?.[label] ?? '')),
  ]);
  return [[...text.studies.listColumns, ...labels], ...rows];
}
