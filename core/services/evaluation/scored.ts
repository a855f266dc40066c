/** The films of a cell as they are scored: each with truth and answer, or by study where that is the unit; and those behind a number. */
import { ageInYears, sexOf, viewOf } from '../../datasets/values.ts';
import { countedFindings, type EvaluatedFilm } from '../../evaluation/figures.ts';
import { outcomeOf } from '../../evaluation/metrics.ts';
import { groupsOf, studiesOf } from '../../evaluation/studies.ts';
import type { Confusion } from '../../evaluation/types.ts';
import { isLabel } from '../../labels/labels.ts';
import { countedAs, policyOf, type UncertaintyPolicies } from '../../labels/uncertainty.ts';
import type { Collection, FilmEntry, Results } from '../contract.ts';
import type { Cell, EvaluationStore } from './store.ts';

/** One label's outcome, or the failed ones. */
export interface Behind {
  label?: string;
  outcome?: keyof Confusion | 'failed';
}

export function scoredFilms(cell: Cell, collection: Collection, store: EvaluationStore): EvaluatedFilm[] {
  return scoredAs(answeredFilms(cell, store), collection);
}

/** Of one checkpoint, what is scored: films, or studies where those are the unit. */
export function scoredAs(films: EvaluatedFilm[], { unit, aggregation }: Scoring): EvaluatedFilm[] {
  return unit === 'study' ? studiesOf(films, aggregation) : films;
}

/** A film that could not be opened has no completion and is left out; a completion that could not be read is not. */
function answeredFilms(cell: Cell, store: EvaluationStore): EvaluatedFilm[] {
  return cell.films.flatMap((film) => {
    const prediction = store.predictionOf(cell.items.get(film.id));
    if (!prediction) return [];
    return [
      {
        filmId: film.id,
        studyId: film.studyInstanceUid,
        patientId: film.patientId,
        datasetId: cell.datasetId,
        checkpointId: cell.checkpoint.id,
        truth: film.truth ?? {},
        findings: prediction.reading.findings,
        failed: prediction.reading.parseFailure !== null,
        ...(prediction.probabilities ? { probabilities: prediction.probabilities.values } : {}),
        words: wordsIn(prediction.text),
        ...personOf(film),
      },
    ];
  });
}

/** The films of a cell behind a number; of a study that stands there, all. */
export function filmsBehind(
  cell: Cell,
  collection: Collection,
  store: EvaluationStore,
  wanted: Behind,
): Results['evaluations.films'] {
  const shown = idsBehind(answeredFilms(cell, store), collection, wanted);
  return cell.films.flatMap((entry) => {
    const item = cell.items.get(entry.id);
    const prediction = store.predictionOf(item) ?? null;
    // A film that could not be opened has no answer: it stands with the failed ones.
    const unanswered = item !== undefined && prediction === null && (wanted.outcome ?? 'failed') === 'failed';
    return shown.has(entry.id) || unanswered ? [{ entry, truth: entry.truth ?? {}, prediction }] : [];
  });
}

/** How the answers to a data set are scored. */
export type Scoring = Pick<Collection, 'policy' | 'unit' | 'aggregation'>;

/** Of the answers of one checkpoint, the films that stand behind a number; of a study that does, all. */
export function idsBehind(
  films: readonly EvaluatedFilm[],
  { policy, unit, aggregation }: Scoring,
  wanted: Behind,
): Set<string> {
  const groups = unit === 'study' ? groupsOf(films) : films.map((film) => [film]);
  return new Set(
    groups.flatMap((group) => {
      const [scored] = studiesOf(group, unit === 'study' ? aggregation : 'first');
      return matches(scored!, policy, wanted) ? group.map((film) => film.filmId) : [];
    }),
  );
}

/** Whether a film stands behind a number. */
function matches(film: EvaluatedFilm, policies: UncertaintyPolicies, { label, outcome }: Behind): boolean {
  if (outcome === 'failed') return film.failed;
  if (label === undefined || !isLabel(label)) return true;
  const truth = countedAs(film.truth[label], policyOf(policies, label));
  if (truth === null) return false;
  const said = countedFindings(film).includes(label);
  return outcome === undefined ? truth === 1 || said : outcomeOf(truth, said ? 1 : 0) === outcome;
}

/** What subgroups are made by; a data set's ages are years, a DICOM header's may be other units. */
export function personOf(film: FilmEntry): Required<Pick<EvaluatedFilm, 'sex' | 'age' | 'view'>> {
  return { sex: sexOf(film.patientSex), age: ageInYears(film.patientAge), view: viewOf(film.viewPosition) };
}

function wordsIn(text: string): number {
  return text.split(/\s+/).filter(Boolean).length;
}
