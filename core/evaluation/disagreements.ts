/**
 * The films on which two checkpoints disagree, by what each does to the change: (to - from) on the target minus (to - from) on
 * the source, macro-F1 on the shared labels, with the film less without it.
 */
import type { Label } from '../labels/labels.ts';
import { type Comparison, commonFilms, type DatasetReadings, pairKey, placesOf } from './comparison.ts';
import { COUNTER, PER_LABEL } from './counters.ts';
import { type EvaluatedFilm, indicatorsOf } from './figures.ts';
import { f1, LEFT_OUT, outcomeOf } from './metrics.ts';
import { breathe } from './threads.ts';
import type { Disagreement } from './types.ts';

/** Of each data set. */
const KEPT = 100;

export async function disagreementsOf(
  { datasets, shared, work }: Comparison,
  [from, to]: readonly [string, string],
): Promise<Disagreement[]> {
  const found: Disagreement[] = [];
  for (const [place, dataset] of datasets.entries()) {
    await breathe(work);
    const sign = datasets.length === 2 && place === 0 ? -1 : 1;
    found.push(...inDataset(shared, dataset, from, to, sign));
  }
  return found.sort(byWeight);
}

function byWeight(a: Disagreement, b: Disagreement): number {
  return Math.abs(b.contribution) - Math.abs(a.contribution) || (a.filmId < b.filmId ? -1 : 1);
}

function inDataset(
  shared: readonly Label[],
  { input, readings }: DatasetReadings,
  from: string,
  to: string,
  sign: 1 | -1,
): Disagreement[] {
  const order = (films: EvaluatedFilm[]) => [...films].sort((a, b) => (a.filmId < b.filmId ? -1 : 1));
  const films = order(commonFilms(readings.films, from, to));
  const first = indicatorsOf(films, shared, input.policy);
  const second = indicatorsOf(order(commonFilms(readings.films, to, from)), shared, input.policy);
  const totals = [pairKey(from, to, readings), pairKey(to, from, readings)].map(
    (key) => readings.counted.get(key)!.total,
  ) as [Int32Array, Int32Array];
  const places = placesOf(shared, readings);
  const found: Disagreement[] = [];
  films.forEach((film, row) => {
    const start = row * shared.length;
    if (same(first.prediction, second.prediction, start, start + shared.length)) return;
    const cells = shared.map((label, j) => {
      const at = start + j;
      const truth = first.truth[at]!;
      return { label, place: places[j]!, truth, from: first.prediction[at]! === 1, to: second.prediction[at]! === 1 };
    });
    const changed = cells.filter((cell) => cell.from !== cell.to);
    const parts = cells.map(
      (cell) =>
        effectOf(cell.truth, cell.to, totals[1], cell.place) - effectOf(cell.truth, cell.from, totals[0], cell.place),
    );
    found.push({
      datasetId: input.id,
      filmId: film.filmId,
      fromCheckpointId: from,
      toCheckpointId: to,
      contribution: (sign * parts.reduce((sum, part) => sum + part, 0)) / shared.length,
      labels: changed.map(({ label, truth, ...said }) => {
        return { label, truth: truth === LEFT_OUT ? null : (truth as 0 | 1), from: said.from, to: said.to };
      }),
    });
  });
  return found.sort(byWeight).slice(0, KEPT);
}

function same(a: Uint8Array, b: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** F1 of a label with the film, less F1 without it. */
function effectOf(truth: number, said: boolean, totals: Int32Array, place: number): number {
  const outcome = outcomeOf(truth, said ? 1 : 0);
  if (outcome === null || outcome === 'tn') return 0;
  const at = PER_LABEL * place;
  const counts = [totals[at]!, totals[at + 1]!, totals[at + 2]!] as [number, number, number];
  const before = f1(...counts);
  counts[COUNTER[outcome]]!--;
  return before - f1(...counts);
}
