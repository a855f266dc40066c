/**
 * Pairs of data sets in which one thing alone differs: the same patients and films under another look, under other labels, or
 * resampled by their labels, so that both sides share their sampling noise; or two halves of the patients, as a user has
 * them, which do not. Worlds in which several things differ have a truth too: Shapley's value over the eight combinations.
 */
import type { EvaluatedFilm } from '../../core/evaluation/figures.ts';
import { type Label, type LabelValues, NIH_NINE } from '../../core/labels/labels.ts';
import { chexpertLabels, LABEL_OF, nihNames, nineOf } from '../../core/phantom/conventions.ts';
import { FINDINGS, HABITS, type Scene } from '../../core/phantom/scene.ts';

/** One film of the pool: what it is, and what each checkpoint found on it under each look. */
export interface PoolFilm {
  scene: Scene;
  /** By look, by checkpoint. */
  found: Record<string, Record<string, readonly Label[]>>;
}

/** What differs from the source: 0, false and null leave a thing as it is. */
export interface Shifted {
  /** 1: findings as often as institution b meets them; -1: as far in the other direction. */
  prevalence: number;
  convention: boolean;
  look: string | null;
}

const OWN = 'own';

/** The films as a data set in which `shifted` differs from the source. */
export function worldOf(id: string, films: readonly PoolFilm[], shifted: Shifted): EvaluatedFilm[] {
  const taken = shifted.prevalence ? resampled(films, shifted.prevalence) : films.map((film) => ({ film, copy: 0 }));
  return taken.flatMap(({ film: { scene, found }, copy }) => {
    const positive = labelsOf(scene, shifted.convention);
    const truth: LabelValues = {};
    for (const label of NIH_NINE) truth[label] = positive.has(label) ? 1 : 0;
    return Object.entries(found[shifted.look ?? OWN]!).map(([checkpointId, findings]) => ({
      ...{ filmId: `${scene.patient.seed}-${scene.visit}-${copy}`, patientId: `${scene.patient.seed}` },
      ...{ datasetId: id, checkpointId, truth, findings: [...findings], failed: false },
    }));
  });
}

function labelsOf(scene: Scene, other: boolean): Set<Label> {
  return new Set(other ? nineOf(nihNames(scene)) : chexpertLabels(scene));
}

/** Log of how much more often institution b meets a finding than a does. */
const TILT = new Map<Label, number>(
  FINDINGS.map((name) => [LABEL_OF[name], Math.log(HABITS.b.prior[name] / HABITS.a.prior[name])]),
);

/**
 * As many films as there are, each as often as its source labels weigh: systematic, films in the order of their labels, so
 * that p(film | labels) stays and the draw itself adds next to no noise. A film drawn twice is two films of its patient.
 */
function resampled(films: readonly PoolFilm[], how: number): { film: PoolFilm; copy: number }[] {
  const weighed = films.map((film) => {
    const labels = NIH_NINE.filter((label) => labelsOf(film.scene, false).has(label));
    return {
      film,
      key: labels.join(),
      weight: Math.exp(how * labels.reduce((sum, label) => sum + (TILT.get(label) ?? 0), 0)),
    };
  });
  weighed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  const step = weighed.reduce((sum, { weight }) => sum + weight, 0) / films.length;
  const drawn: { film: PoolFilm; copy: number }[] = [];
  let [passed, next] = [0, step / 2];
  for (const { film, weight } of weighed) {
    passed += weight;
    for (let copy = 0; next < passed; copy++, next += step) drawn.push({ film, copy });
  }
  return drawn;
}

/** By patient, so that no patient is on both sides. */
export function halves(films: readonly PoolFilm[]): [PoolFilm[], PoolFilm[]] {
  const side = (rest: number) => films.filter(({ scene }) => scene.patient.number % 2 === rest);
  return [side(0), side(1)];
}

/** Shapley's value of the three factors, `value` being a score of the world in which they differ. */
export function shapley(look: string, value: (shifted: Shifted) => number): [number, number, number] {
  const at = Array.from({ length: 8 }, (_, set) =>
    value({ prevalence: set & 1, convention: (set & 2) > 0, look: set & 4 ? look : null }),
  );
  // Weights of a player's gain by the number of those before it: 1/3, 1/6, 1/3.
  const weights = [1 / 3, 1 / 6, 1 / 3];
  return [1, 2, 4].map((player) =>
    at.reduce((sum, before, set) => {
      if (set & player) return sum;
      const size = [1, 2, 4].filter((other) => set & other).length;
      return sum + weights[size]! * (at[set | player]! - before);
    }, 0),
  ) as [number, number, number];
}
