/** From films to studies, where the study is the unit of analysis: the answers to its films become one. */
import { CHEXPERT_LABELS, type Label, type LabelValues } from '../labels/labels.ts';
import { countedFindings, type EvaluatedFilm, patientOf } from './figures.ts';

/** `any`: a label that was said of any film; `majority`: of at least half of them; `first`: the first film stands for all. */
export type Aggregation = 'any' | 'majority' | 'first';

/** Films of one checkpoint, in order; the id of a study is that of its first film. A study failed where all its answers did. */
export function studiesOf(films: readonly EvaluatedFilm[], how: Aggregation): EvaluatedFilm[] {
  return groupsOf(films).map((group) => (how === 'first' || group.length === 1 ? group[0]! : together(group, how)));
}

/** The films of each study, in the order of their first film. */
export function groupsOf(films: readonly EvaluatedFilm[]): EvaluatedFilm[][] {
  const groups = new Map<string, EvaluatedFilm[]>();
  for (const film of films) {
    const key = JSON.stringify([patientOf(film), film.studyId || film.filmId]);
    const group = groups.get(key);
    if (group) group.push(film);
    else groups.set(key, [film]);
  }
  return [...groups.values()];
}

function together(group: readonly EvaluatedFilm[], how: 'any' | 'majority'): EvaluatedFilm {
  const first = group[0]!;
  const needed = how === 'any' ? 1 : group.length / 2;
  const said = CHEXPERT_LABELS.filter((label) => {
    return group.filter((film) => countedFindings(film).includes(label)).length >= needed;
  });
  // "No Finding" of one film says nothing of the study while another film shows something.
  const findings = said.length > 1 ? said.filter((label) => label !== 'No Finding' || how === 'majority') : said;
  const views = new Set(group.map(({ view = '' }) => view));
  return {
    ...first,
    truth: truthOf(group),
    findings,
    failed: group.every((film) => film.failed),
    view: views.size === 1 ? first.view : 'several',
    ...probabilitiesOf(group, how),
  };
}

/** The tables give all films of a study the same truth; where they do not, the strongest statement counts. */
function truthOf(group: readonly EvaluatedFilm[]): LabelValues {
  const truth: LabelValues = {};
  for (const label of CHEXPERT_LABELS) {
    const values = group.map((film) => film.truth[label]).filter((value) => value !== undefined);
    if (values.length === 0) continue;
    truth[label] = ([1, -1, 0] as const).find((value) => values.includes(value)) ?? null;
  }
  return truth;
}

/** The highest of the films, or their mean. */
function probabilitiesOf(
  group: readonly EvaluatedFilm[],
  how: 'any' | 'majority',
): Pick<EvaluatedFilm, 'probabilities'> {
  const given = group.flatMap(({ probabilities }) => (probabilities ? [probabilities] : []));
  if (given.length === 0) return {};
  const of = (label: Label) => given.flatMap((each) => (each[label] === undefined ? [] : [each[label]]));
  const entries = CHEXPERT_LABELS.flatMap((label): [Label, number][] => {
    const all = of(label);
    if (all.length === 0) return [];
    return [[label, how === 'any' ? Math.max(...all) : all.reduce((sum, p) => sum + p, 0) / all.length]];
  });
  return { probabilities: Object.fromEntries(entries) };
}
