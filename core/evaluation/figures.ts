/** All figures of one checkpoint on one data set. A completion that failed counts as no label and is never left out. */
import { CHEXPERT_LABELS, type Label, type LabelValues } from '../labels/labels.ts';
import { countedAs, policyOf, type UncertaintyPolicies } from '../labels/uncertainty.ts';
import { balancedAccuracy, matrixOf } from './agreement.ts';
import { type Indicators, LEFT_OUT, type MultilabelFigures, multilabelFigures, ratio } from './metrics.ts';
import { probabilityFigures } from './scores.ts';
import type { Figures, LabelFigures } from './types.ts';

/** One film's answer by one checkpoint, with its truth. */
export interface EvaluatedFilm {
  filmId: string;
  /** Empty where unknown: the film then stands for a patient of its own. */
  patientId: string;
  datasetId: string;
  checkpointId: string;
  truth: LabelValues;
  findings: readonly Label[];
  /** The completion could not be read. */
  failed: boolean;
  probabilities?: Partial<Record<Label, number>>;
  /** Where several films are one study. */
  studyId?: string;
  /** What subgroups are made by; absent or empty where unknown. */
  sex?: 'F' | 'M' | '';
  /** Years. */
  age?: number | null;
  view?: string;
  /** Words of the completion. */
  words?: number;
}

/** What the film's answer counts as. */
export function countedFindings(film: EvaluatedFilm): readonly Label[] {
  return film.failed ? [] : film.findings;
}

/** The labels that a film's answer counts as, one bit each, in CheXpert's order. */
export function findingBits(film: EvaluatedFilm): number {
  let bits = 0;
  for (const label of countedFindings(film)) bits |= BIT[label];
  return bits;
}

export const BIT = Object.fromEntries(CHEXPERT_LABELS.map((label, i) => [label, 1 << i])) as Record<Label, number>;

export function patientOf(film: EvaluatedFilm): string {
  return film.patientId === '' ? `film ${film.filmId}` : film.patientId;
}

export function indicatorsOf(
  films: readonly EvaluatedFilm[],
  labels: readonly Label[],
  policies: UncertaintyPolicies,
): Indicators {
  const truth = new Uint8Array(films.length * labels.length);
  const prediction = new Uint8Array(films.length * labels.length);
  const columns = labels.map((label) => ({ label, bit: BIT[label], policy: policyOf(policies, label) }));
  let at = 0;
  for (const film of films) {
    const said = findingBits(film);
    for (const { label, bit, policy } of columns) {
      truth[at] = countedAs(film.truth[label], policy) ?? LEFT_OUT;
      prediction[at++] = said & bit ? 1 : 0;
    }
  }
  return { films: films.length, labels: labels.length, truth, prediction };
}

/** Without intervals, which `evaluate` adds. Errors: none; no film at all gives zeros. */
export function figures(
  films: readonly EvaluatedFilm[],
  labels: readonly Label[],
  policies: UncertaintyPolicies,
): Figures {
  const all = multilabelFigures(indicatorsOf(films, labels, policies));
  const readable = films.filter((film) => !film.failed);
  const without = readable.length === films.length ? all : multilabelFigures(indicatorsOf(readable, labels, policies));
  const failures = films.length - readable.length;
  const written = dominance(films);
  return {
    labels: labels.map((label, i) => labelFigures(label, all.perLabel[i]!, films, policies)),
    micro: all.micro,
    macro: all.macro,
    weighted: all.weighted,
    samples: all.samples,
    subsetAccuracy: all.subsetAccuracy,
    hammingLoss: all.hammingLoss,
    macroF1Interval: null,
    microF1Interval: null,
    films: films.length,
    patients: new Set(films.map(patientOf)).size,
    failures,
    failRate: ratio(failures, films.length),
    withoutFailures: { films: readable.length, macroF1: without.macro.f1, microF1: without.micro.f1 },
    findingsPerFilm: ratio(
      films.reduce((sum, film) => sum + countedFindings(film).length, 0),
      films.length,
    ),
    dominant: written[0] ?? null,
    dominance: written,
    words: wordsOf(films),
  };
}

function labelFigures(
  label: Label,
  counts: MultilabelFigures['perLabel'][number],
  films: readonly EvaluatedFilm[],
  policies: UncertaintyPolicies,
): LabelFigures {
  return {
    ...counts,
    label,
    predicted: counts.tp + counts.fp,
    films: counts.tp + counts.fp + counts.fn + counts.tn,
    balancedAccuracy: balancedAccuracy(matrixOf(counts)),
    f1Interval: null,
    probability: labelProbabilities(label, films, policies),
  };
}

/** Over the films for which the checkpoint gave a probability of the label. */
function labelProbabilities(
  label: Label,
  films: readonly EvaluatedFilm[],
  policies: UncertaintyPolicies,
): LabelFigures['probability'] {
  if (films.every((film) => film.probabilities === undefined)) return null;
  const { truth, score } = labelScores(label, films, policies);
  return truth.length === 0 ? null : probabilityFigures(truth, score);
}

/** The films for which the checkpoint gave a probability of the label and whose truth counts, in their order. */
export function labelScores(
  label: Label,
  films: readonly EvaluatedFilm[],
  policies: UncertaintyPolicies,
): { films: EvaluatedFilm[]; truth: boolean[]; score: number[] } {
  const scores = { films: [] as EvaluatedFilm[], truth: [] as boolean[], score: [] as number[] };
  for (const film of films) {
    const is = countedAs(film.truth[label], policyOf(policies, label));
    const p = film.probabilities?.[label];
    if (is === null || p === undefined) continue;
    scores.films.push(film);
    scores.truth.push(is === 1);
    scores.score.push(p);
  }
  return scores;
}

/** Shares of the films, most often first; labels that are never written are left out. */
function dominance(films: readonly EvaluatedFilm[]): NonNullable<Figures['dominance']> {
  const said = films.map(findingBits);
  const shares = CHEXPERT_LABELS.flatMap((label) => {
    const count = said.filter((bits) => bits & BIT[label]).length;
    return count === 0 ? [] : [{ label, share: count / films.length }];
  });
  return shares.sort((a, b) => b.share - a.share);
}

function wordsOf(films: readonly EvaluatedFilm[]): Figures['words'] {
  const words = films.flatMap((film) => (film.words === undefined ? [] : [film.words])).sort((a, b) => a - b);
  if (words.length === 0) return null;
  const middle = words.length >> 1;
  const median = words.length % 2 ? words[middle]! : (words[middle - 1]! + words[middle]!) / 2;
  return { films: words.length, mean: words.reduce((sum, n) => sum + n, 0) / words.length, median };
}
