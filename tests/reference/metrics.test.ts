/** Every value of reference/metrics (scikit-learn, scipy, statsmodels, numpy) at its tolerance. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  accuracy,
  balancedAccuracy,
  cohenKappa,
  confusionMatrix,
  matthewsCorrelation,
} from '../../core/evaluation/agreement.ts';
import { percentileInterval } from '../../core/evaluation/resample.ts';
import { f1, type Indicators, multilabelFigures } from '../../core/evaluation/metrics.ts';
import { mcNemar, pairedPermutation, signFlipTest } from '../../core/evaluation/pairedTests.ts';
import { auroc, averageOverLabels, averagePrecision, brierScore, rocCurve } from '../../core/evaluation/scores.ts';
import { describeReference, readJsonFile, referenceDir } from '../support/reference.ts';

function close(actual: unknown, expected: unknown, tolerance: number, path = ''): void {
  if (typeof expected === 'number') {
    expect(typeof actual, path).toBe('number');
    expect(Math.abs((actual as number) - expected), `${path}: ${actual} against ${expected}`).toBeLessThanOrEqual(tolerance);
  } else if (expected === null) expect(actual, path).toBeNull();
  else for (const [key, value] of Object.entries(expected as object)) close((actual as never)[key], value, tolerance, `${path}.${key}`);
}

function indicators(truth: number[][], prediction: number[][]): Indicators {
  const [films, labels] = [truth.length, truth[0]!.length];
  return { films, labels, truth: Uint8Array.from(truth.flat()), prediction: Uint8Array.from(prediction.flat()) };
}

const logistic = (x: number) => 1 / (1 + Math.exp(-x));

describeReference('metrics equal to scikit-learn', referenceDir('metrics'), (folder) => {
  const read = (name: string) => readJsonFile(join(folder, name));

  describe('multilabel.json, to 1e-12', () => {
    for (const { name, truth, prediction, expected } of read('multilabel.json').cases) {
      it(name, () => {
        const { perLabel, ...averages } = multilabelFigures(indicators(truth, prediction));
        const column = (key: 'precision' | 'recall' | 'f1' | 'support' | 'jaccard') => perLabel.map((label) => label[key]);
        close(Object.fromEntries((['precision', 'recall', 'f1', 'support'] as const).map((k) => [k, column(k)])), expected.per_label, 1e-12);
        close(column('jaccard'), expected.jaccard_per_label, 1e-12);
        if (expected.confusion) close(perLabel, expected.confusion, 0);
        for (const average of ['micro', 'macro', 'weighted', 'samples'] as const) {
          if (expected[average]) close(averages[average], expected[average], 1e-12, average);
        }
        if (expected.subset_accuracy !== undefined) close(averages.subsetAccuracy, expected.subset_accuracy, 1e-12);
        if (expected.hamming_loss !== undefined) close(averages.hammingLoss, expected.hamming_loss, 1e-12);
      });
    }
  });

  describe('agreement.json, kappa to 1e-10, the rest to 1e-12', () => {
    for (const { name, truth, prediction, ...expected } of read('agreement.json')) {
      it(name, () => {
        const { classes, counts } = confusionMatrix(truth, prediction);
        expect({ labels: classes, confusion: counts }).toEqual({ labels: expected.labels, confusion: expected.confusion });
        close(cohenKappa(counts), expected.kappa, 1e-10);
        close(cohenKappa(counts, 'linear'), expected.kappa_linear, 1e-10);
        close(cohenKappa(counts, 'quadratic'), expected.kappa_quadratic, 1e-10);
        close(matthewsCorrelation(counts), expected.mcc, 1e-12);
        close(accuracy(counts), expected.accuracy, 1e-12);
        close(balancedAccuracy(counts), expected.balanced_accuracy, 1e-12);
      });
    }
  });

  describe('scores.json, to 1e-12', () => {
    const { binary, multilabel } = read('scores.json');
    for (const { name, truth, score, ...expected } of binary) {
      it(name, () => {
        const positive = truth.map((value: number) => value === 1);
        close(auroc(positive, score), expected.auroc, 1e-12);
        close(averagePrecision(positive, score), expected.average_precision, 1e-12);
        if (expected.brier !== null) close(brierScore(positive, score.map(logistic)), expected.brier, 1e-12);
        close(rocCurve(positive, score), expected.roc, 1e-12);
      });
    }

    it('multi-label averages', () => {
      const truth = multilabel.truth.map((row: number[]) => row.map((value) => value === 1));
      const areas = averageOverLabels(auroc, truth, multilabel.score);
      const precisions = averageOverLabels(averagePrecision, truth, multilabel.score);
      close(areas, multilabel.auroc, 1e-12);
      close(areas.perLabel, multilabel.auroc_per_label, 1e-12);
      close(precisions, multilabel.average_precision, 1e-12);
      close(precisions.perLabel, multilabel.average_precision_per_label, 1e-12);
    });
  });

  it('mcnemar.json, p to 1e-10', () => {
    for (const { table, ...expected } of read('mcnemar.json')) {
      const test = mcNemar(table[0][1], table[1][0]);
      close(test.exactP, expected.exact_p, 1e-10, JSON.stringify(table));
      close(test.asymptotic, expected.asymptotic, 1e-10, JSON.stringify(table));
      close(test.asymptoticCorrected, expected.asymptotic_corrected, 1e-10, JSON.stringify(table));
    }
  });

  describe('bootstrap.json, to 1e-12', () => {
    const { truth, a, b, resample_indices, point, replicates, percentile_ci } = read('bootstrap.json');
    const statistics = (rows: number[]): Record<string, number> => {
      const of = (answers: number[][]) => multilabelFigures(indicators(rows.map((i) => truth[i]), rows.map((i) => answers[i]!)));
      const [first, second] = [of(a), of(b)];
      return {
        micro_f1_a: first.micro.f1,
        micro_f1_b: second.micro.f1,
        macro_f1_a: first.macro.f1,
        macro_f1_b: second.macro.f1,
        difference_micro_f1: first.micro.f1 - second.micro.f1,
        difference_macro_f1: first.macro.f1 - second.macro.f1,
      };
    };

    it('the statistics of every replicate', () => {
      close(statistics(truth.map((_: unknown, i: number) => i)), point, 1e-12);
      resample_indices.forEach((rows: number[], r: number) => {
        const values = statistics(rows);
        for (const [name, expected] of Object.entries(replicates as Record<string, number[]>)) close(values[name], expected[r], 1e-12, name);
      });
    });

    it('percentile intervals', () => {
      const all: Record<string, number>[] = resample_indices.map(statistics);
      for (const [name, levels] of Object.entries(percentile_ci as Record<string, Record<string, number[]>>)) {
        for (const [level, ends] of Object.entries(levels)) {
          close(percentileInterval(all.map((values) => values[name]!), Number(level) / 100), ends, 1e-12, `${name} ${level}`);
        }
      }
    });
  });

  it('permutation.json, p to 1e-10', async () => {
    const { mean_difference, micro_f1 } = read('permutation.json');
    for (const { a, b, ...expected } of mean_difference) {
      const differences = a.map((value: number, i: number) => value - b[i]);
      const p = await signFlipTest(differences, { permutations: expected.enumerated, seed: 1 });
      close(p, expected.p_two_sided, 1e-10);
    }
    const { truth, a, b } = micro_f1;
    const difference = (flipped: Uint8Array, out: Float64Array) => {
      const pick = (flip: 0 | 1) => truth.map((_: unknown, i: number) => (flipped[i] === flip ? a[i] : b[i]));
      out[0] = microF1(truth, pick(0)) - microF1(truth, pick(1));
    };
    const [p] = await pairedPermutation(truth.length, difference, 1, { permutations: micro_f1.enumerated, seed: 1 });
    close(p, micro_f1.p_two_sided, 1e-10);
  });
});

function microF1(truth: number[][], prediction: number[][]): number {
  const counts = [0, 0, 0];
  truth.forEach((row, i) => {
    row.forEach((is, j) => {
      const said = prediction[i]![j]!;
      if (said && is) counts[0]!++;
      else if (said) counts[1]!++;
      else if (is) counts[2]!++;
    });
  });
  return f1(counts[0]!, counts[1]!, counts[2]!);
}
