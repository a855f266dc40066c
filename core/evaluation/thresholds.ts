/** Decision thresholds on label probabilities: chosen on the source, frozen, and applied to the target as they are. */
import type { Label } from '../labels/labels.ts';
import type { Comparison, DatasetReadings } from './comparison.ts';
import { labelScores } from './figures.ts';
import { f1, setFigures } from './metrics.ts';
import { breathe } from './threads.ts';
import type { FrozenThreshold } from './types.ts';

/** Of every checkpoint and shared label with probabilities on the source that has both classes there. */
export async function thresholdsOf({ datasets, shared, work }: Comparison): Promise<FrozenThreshold[]> {
  const [source, target] = datasets as [DatasetReadings, DatasetReadings?];
  const found: FrozenThreshold[] = [];
  for (const [checkpointId, films] of source.readings.films) {
    if (films.every((film) => film.probabilities === undefined)) continue;
    for (const label of shared) {
      await breathe(work);
      found.push(...frozenThreshold(source, target, checkpointId, label));
    }
  }
  return found;
}

function frozenThreshold(
  source: DatasetReadings,
  target: DatasetReadings | undefined,
  checkpointId: string,
  label: Label,
): FrozenThreshold[] {
  const here = scoresAt(source, checkpointId, label);
  const threshold = bestThreshold(here.truth, here.score);
  if (threshold === null) return [];
  const there = target && scoresAt(target, checkpointId, label);
  return [
    {
      checkpointId,
      label,
      threshold,
      chosenOn: source.input.id,
      source: { datasetId: source.input.id, ...figuresAt(threshold, here.truth, here.score) },
      target:
        !there || there.truth.length === 0
          ? null
          : { datasetId: target.input.id, ...figuresAt(threshold, there.truth, there.score) },
    },
  ];
}

function scoresAt({ input, readings }: DatasetReadings, checkpointId: string, label: Label) {
  return labelScores(label, readings.films.get(checkpointId) ?? [], input.policy);
}

/** The score with the highest F1 when scores from it on count; the highest such score. null without both classes. */
export function bestThreshold(truth: readonly boolean[], score: readonly number[]): number | null {
  const positives = truth.filter(Boolean).length;
  if (positives === 0 || positives === truth.length) return null;
  const order = Array.from(score.keys()).sort((a, b) => score[b]! - score[a]!);
  let [best, threshold, tp, fp] = [-1, Number.POSITIVE_INFINITY, 0, 0];
  order.forEach((film, rank) => {
    if (truth[film]) tp++;
    else fp++;
    const next = order[rank + 1];
    if (next !== undefined && score[next] === score[film]) return;
    const here = f1(tp, fp, positives - tp);
    if (here > best) [best, threshold] = [here, score[film]!];
  });
  return threshold;
}

function figuresAt(threshold: number, truth: readonly boolean[], score: readonly number[]) {
  const counts = { tp: 0, fp: 0, fn: 0, tn: 0 };
  truth.forEach((is, i) => {
    const said = score[i]! >= threshold;
    counts[is ? (said ? 'tp' : 'fn') : said ? 'fp' : 'tn']++;
  });
  const { precision, recall, f1: value } = setFigures(counts);
  return { precision, recall, f1: value, films: truth.length, positives: counts.tp + counts.fn };
}
