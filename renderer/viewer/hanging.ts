/**
 * Which films stand side by side (a hanging protocol for chest films): the film that is read, the lateral of its study, the
 * patient's prior, the prior's lateral, then what else the study has, and earlier priors. Pure. Priors are ordered by study date; where a table has none (NIH, CheXpert),
 * by the order in which the patient's studies stand in the list.
 */
import { viewOfText } from '../../core/dicom/suitability.ts';
import type { FilmEntry } from '../../core/services/contract.ts';

export type Slot = 'current' | 'lateral' | 'prior' | 'priorLateral' | 'next' | 'earlier';

export interface Hung {
  slot: Slot;
  entry: FilmEntry;
}

function isLateralView(film: FilmEntry): boolean {
  return viewOfText(film.viewPosition) === 'lateral';
}

/** The film and what belongs beside it, at most `count`; fewer where the patient has no more. */
export function hang(current: FilmEntry, films: readonly FilmEntry[], count: number): Hung[] {
  const ofPatient = films.filter((film) => samePatient(film, current));
  const study = ofPatient.filter((film) => film.studyInstanceUid === current.studyInstanceUid);
  const [prior = [], ...earlier] = priorStudies(current, ofPatient);
  const isAlike = (film: FilmEntry) => isLateralView(film) === isLateralView(current);
  const other = isLateralView(current)
    ? study.find((film) => film.id !== current.id && !isLateralView(film))
    : study.find(isLateralView);
  const slots: (Hung | null)[] = [
    { slot: 'current', entry: current },
    hung('lateral', other),
    hung('prior', prior.find(isAlike) ?? prior[0]),
    hung(
      'priorLateral',
      prior.find((film) => !isAlike(film)),
    ),
  ];
  const found = slots.filter((slot) => slot !== null);
  const rest = study.filter((film) => found.every(({ entry }) => entry.id !== film.id));
  const older = earlier.flatMap((films) => films.find(isAlike) ?? []);
  return [
    ...found,
    ...rest.map((entry): Hung => ({ slot: 'next', entry })),
    ...older.map((entry): Hung => ({ slot: 'earlier', entry })),
  ].slice(0, count);
}

function hung(slot: Slot, entry: FilmEntry | undefined): Hung | null {
  return entry ? { slot, entry } : null;
}

/** A patient's films are compared within a collection only: numbers of different tables are different people. */
function samePatient(film: FilmEntry, current: FilmEntry): boolean {
  if (film.id === current.id) return true;
  return film.patientId !== '' && film.patientId === current.patientId && film.collectionId === current.collectionId;
}

/** The films of the studies before the current one, the latest first. */
function priorStudies(current: FilmEntry, ofPatient: readonly FilmEntry[]): FilmEntry[][] {
  const studies = new Map<string, FilmEntry[]>();
  for (const film of ofPatient) {
    studies.set(film.studyInstanceUid, [...(studies.get(film.studyInstanceUid) ?? []), film]);
  }
  const dated = ofPatient.every((film) => film.studyDate !== '');
  const order = [...studies.values()];
  if (dated) order.sort((a, b) => (a[0].studyDate < b[0].studyDate ? -1 : a[0].studyDate > b[0].studyDate ? 1 : 0));
  const at = order.findIndex((study) => study[0].studyInstanceUid === current.studyInstanceUid);
  return order.slice(0, Math.max(at, 0)).reverse();
}
