import { describe, expect, it } from 'vitest';
import { Random } from '../../core/base/random.ts';
import { clusterCounts, sharedInts, totalsOf } from '../../core/evaluation/counters.ts';
import {
  chiSquareTail,
  erfc,
  halfBinomialCdf,
  normalCdf,
  normalQuantile,
} from '../../core/evaluation/distributions.ts';
import { benjaminiHochberg, holm } from '../../core/evaluation/pairedTests.ts';
import { intervals, sumReplicates } from '../../core/evaluation/resample.ts';

describe('the clustered bootstrap', () => {
  /** A mean of n values, as findings (sum) by film (count) of each cluster. */
  function meanInterval(values: number[][], method: 'percentile' | 'bca', replicates = 4000) {
    const dense = values.flatMap((cluster) => [0, cluster.reduce((a, b) => a + b, 0), cluster.length]);
    const counts = clusterCounts(dense, values.length, 3);
    const layout = { labels: 0, sets: [], failures: 0, findings: 1, films: 2, counters: 3 };
    const replicate = sharedInts(replicates * 3);
    sumReplicates({ counts: [counts], seed: '3', first: 0, last: replicates / 100, replicates, out: [replicate] });
    const every = Int32Array.from(values.keys());
    const [found] = intervals({
      samples: [{ dataset: 0, layout, counts, total: totalsOf(counts), replicate }],
      statistics: [[{ sample: 0, sign: 1, figure: 'f1', of: { rate: 'findings' } }]],
      replicates,
      level: 0.95,
      method,
      kinds: [{ cluster: every, times: every.map(() => 1) }],
    });
    return found!.ends!;
  }

  it('comes near the normal interval of a mean', () => {
    const random = new Random(1);
    const values = Array.from({ length: 200 }, () => [random.below(101)]);
    const flat = values.flat();
    const mean = flat.reduce((a, b) => a + b) / 200;
    const error = Math.sqrt(flat.reduce((sum, x) => sum + (x - mean) ** 2, 0)) / 200;
    for (const method of ['percentile', 'bca'] as const) {
      const { low, high } = meanInterval(values, method);
      expect(low).toBeCloseTo(mean - 1.96 * error, 0);
      expect(high).toBeCloseTo(mean + 1.96 * error, 0);
    }
  });

  it('is wider where a patient has several films alike', () => {
    const random = new Random(2);
    const patients = Array.from({ length: 50 }, () => new Array(8).fill(random.below(2)) as number[]);
    const clustered = meanInterval(patients, 'percentile');
    const asIfAlone = meanInterval(
      patients.flat().map((value) => [value]),
      'percentile',
    );
    expect((clustered.high - clustered.low) / (asIfAlone.high - asIfAlone.low)).toBeGreaterThan(2.3);
  });

  it('shifts a skewed statistic as BCa should, and falls back where BCa is undefined', () => {
    const skewed = Array.from({ length: 40 }, (_, i) => [i === 0 ? 400 : i % 5]);
    const percentile = meanInterval(skewed, 'percentile');
    const bca = meanInterval(skewed, 'bca');
    expect(bca.low).toBeGreaterThan(percentile.low);
    expect(bca.high).toBeGreaterThan(percentile.high);
    const constant = meanInterval(
      Array.from({ length: 10 }, () => [3]),
      'bca',
    );
    expect(constant).toMatchObject({ low: 3, high: 3, method: 'percentile' });
  });

  /** 400 simulated studies of a proportion: 95 % intervals must cover about 95 % (standard error 1.1 %). */
  it('covers', () => {
    const random = new Random(5);
    let covered = 0;
    for (let i = 0; i < 400; i++) {
      const values = Array.from({ length: 120 }, () => [Number(random.chance(0.4)), Number(random.chance(0.4))]);
      const { low, high } = meanInterval(values, 'bca', 600);
      if (low <= 0.4 && 0.4 <= high) covered++;
    }
    expect(covered / 400).toBeGreaterThan(0.92);
    expect(covered / 400).toBeLessThan(0.98);
  });
});

describe('distributions', () => {
  it.each([
    [0, 1],
    [0.5, 0.4795001221869535],
    [1.9, 0.007209570764742524],
    [2, 0.004677734981047266],
    [3, 2.209049699858544e-5],
    [6, 2.1519736712498913e-17],
    [-1, 1.842700792949715],
  ])('erfc(%s)', (x, value) => expect(Math.abs(erfc(x) / value - 1)).toBeLessThan(1e-12));

  it('inverts the normal distribution', () => {
    for (const p of [1e-9, 0.001, 0.025, 0.3, 0.5, 0.9, 0.975, 1 - 1e-6])
      expect(Math.abs(normalCdf(normalQuantile(p)) - p)).toBeLessThan(1e-12);
    expect(normalQuantile(0.975)).toBeCloseTo(1.959963984540054, 12);
    expect(normalQuantile(0)).toBe(Number.NEGATIVE_INFINITY);
  });

  it('has the tails of chi-square and of the binomial', () => {
    expect(chiSquareTail(3.841458820694124)).toBeCloseTo(0.05, 12);
    expect(halfBinomialCdf(4, 21)).toBeCloseTo(0.0035986900329589844, 14);
    expect(halfBinomialCdf(500, 1000)).toBeCloseTo(0.5126125090891802, 10);
  });
});

describe('adjusted p values', () => {
  const p = [0.01, 0.04, 0.03, 0.005];
  it('Holm', () => expect(holm(p).map((x) => Math.round(x * 1e6) / 1e6)).toEqual([0.03, 0.06, 0.06, 0.02]));
  it('Benjamini and Hochberg', () =>
    expect(benjaminiHochberg(p).map((x) => Math.round(x * 1e6) / 1e6)).toEqual([0.02, 0.04, 0.04, 0.02]));
});
