/** Agreement of two readings of the same films, as scikit-learn defines it (reference/metrics/agreement.json). */
import type { Confusion } from './types.ts';

/** Rows: truth. `classes` are those that occur in either, in order. */
export function confusionMatrix(
  truth: readonly number[],
  prediction: readonly number[],
): { classes: number[]; counts: number[][] } {
  const classes = [...new Set([...truth, ...prediction])].sort((a, b) => a - b);
  const index = new Map(classes.map((value, i) => [value, i]));
  const counts = classes.map(() => classes.map(() => 0));
  truth.forEach((value, i) => {
    counts[index.get(value)!]![index.get(prediction[i]!)!]!++;
  });
  return { classes, counts };
}

/** The 2 x 2 matrix of one label. */
export function matrixOf({ tp, fp, fn, tn }: Confusion): number[][] {
  return [
    [tn, fp],
    [fn, tp],
  ];
}

/** Cohen's kappa; null where chance alone agrees always (both readings are one and the same constant), or without cases. */
export function cohenKappa(counts: number[][], weights: 'none' | 'linear' | 'quadratic' = 'none'): number | null {
  const { rows, columns, total } = margins(counts);
  let observed = 0;
  let expected = 0;
  for (let i = 0; i < counts.length; i++) {
    for (let j = 0; j < counts.length; j++) {
      const distance = Math.abs(i - j);
      const weight = weights === 'none' ? Number(i !== j) : weights === 'linear' ? distance : distance ** 2;
      observed += weight * counts[i]![j]!;
      expected += (weight * rows[i]! * columns[j]!) / total;
    }
  }
  return total === 0 || expected === 0 ? null : 1 - observed / expected;
}

/** Matthews correlation for any number of classes (Gorodkin 2004); 0 where it is undefined. */
export function matthewsCorrelation(counts: number[][]): number {
  const { rows, columns, total } = margins(counts);
  const right = counts.reduce((sum, row, i) => sum + row[i]!, 0);
  const cross = rows.reduce((sum, n, i) => sum + n * columns[i]!, 0);
  const spread = (sums: number[]) => total ** 2 - sums.reduce((sum, n) => sum + n ** 2, 0);
  const scale = spread(rows) * spread(columns);
  return scale === 0 ? 0 : (right * total - cross) / Math.sqrt(scale);
}

/** Mean recall over the classes that occur in the truth. */
export function balancedAccuracy(counts: number[][]): number {
  const { rows } = margins(counts);
  const recalls = counts.flatMap((row, i) => (rows[i]! > 0 ? [row[i]! / rows[i]!] : []));
  return recalls.length === 0 ? 0 : recalls.reduce((sum, recall) => sum + recall, 0) / recalls.length;
}

export function accuracy(counts: number[][]): number {
  const { total } = margins(counts);
  return total === 0 ? 0 : counts.reduce((sum, row, i) => sum + row[i]!, 0) / total;
}

function margins(counts: number[][]): { rows: number[]; columns: number[]; total: number } {
  const rows = counts.map((row) => row.reduce((sum, n) => sum + n, 0));
  const columns = counts.map((_, j) => counts.reduce((sum, row) => sum + row[j]!, 0));
  return { rows, columns, total: rows.reduce((sum, n) => sum + n, 0) };
}
