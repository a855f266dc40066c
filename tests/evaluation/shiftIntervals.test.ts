/** Intervals of the parts of a change and of their shares. That they cover is simulated by scripts/coverage-causes.ts. */
import { describe, expect, it } from 'vitest';
import { Random } from '../../core/base/random.ts';
import { shareRanges, sharesOf, symmetricInterval } from '../../core/evaluation/shiftIntervals.ts';

describe('the symmetric interval', () => {
  it('reaches as far to both sides as 95 % of the replicates lie from the estimate', () => {
    // Distances .00, .01, ..., .98: the 95th of 99.
    const replicates = Array.from({ length: 99 }, (_, i) => 2 + (i % 2 ? i : -i) / 100);
    const [low, high] = symmetricInterval(2, replicates, 0.95);
    expect(low).toBeCloseTo(1.06, 12);
    expect(high).toBeCloseTo(2.94, 12);
  });

  it('holds the estimate where all replicates lie on one side of it', () => {
    const [low, high] = symmetricInterval(-0.135, [-0.12, -0.1, -0.05, 0, 0.03], 0.95);
    expect(low).toBeLessThan(-0.135);
    expect(high).toBeGreaterThan(0);
  });

  it('has no width where no replicate differs', () => {
    expect(symmetricInterval(0, [0, 0, 0], 0.95)).toEqual([0, 0]);
  });

  it('covers at the bound of a parameter, where the percentile interval does not', () => {
    // Nine shares of confirmed change, each max(0, normal), truth 0, as where convention alone changed.
    const random = new Random('bound');
    const positive = (means: readonly number[]) =>
      means.map((mean) => Math.max(0, mean + random.normal())).reduce((sum, value) => sum + value, 0);
    let [percentile, symmetric] = [0, 0];
    for (let study = 0; study < 200; study++) {
      const seen = Array.from({ length: 9 }, () => Math.max(0, random.normal()));
      const value = seen.reduce((sum, each) => sum + each, 0);
      const replicates = Array.from({ length: 99 }, () => positive(seen)).sort((a, b) => a - b);
      if (replicates[2]! <= 0) percentile++;
      const [low, high] = symmetricInterval(value, replicates, 0.95);
      if (low <= 0 && high >= 0) symmetric++;
    }
    expect(percentile).toBe(0);
    expect(symmetric).toBeGreaterThan(0.85 * 200);
  });
});

describe('what the intervals of the parts allow a share to be', () => {
  it('is from the least of the part and the most of the others to the opposite', () => {
    const [prevalence, convention, image] = shareRanges([
      [-0.02, 0.02],
      [-0.01, 0.01],
      [-0.18, -0.12],
    ]);
    expect(image).toEqual([0.12 / 0.15, 1]);
    expect(prevalence![0]).toBe(0);
    expect(prevalence![1]).toBeCloseTo(0.02 / 0.14, 12);
    expect(convention![1]).toBeCloseTo(0.01 / 0.13, 12);
  });

  it('holds the share of every choice of parts within the intervals', () => {
    const random = new Random('shares');
    for (let trial = 0; trial < 300; trial++) {
      const intervals = [0, 1, 2].map(() => {
        const [a, b] = [random.normal(), random.normal()];
        return [Math.min(a, b), Math.max(a, b)] as const;
      });
      const ranges = shareRanges(intervals);
      sharesOf(intervals.map(([low, high]) => low + (high - low) * random.uniform())).forEach((share, part) => {
        expect(share).toBeGreaterThanOrEqual(ranges[part]![0] - 1e-12);
        expect(share).toBeLessThanOrEqual(ranges[part]![1] + 1e-12);
      });
    }
  });

  it('is 0 to 0 where a part was seen nowhere, and where nothing moved', () => {
    expect(
      shareRanges([
        [0, 0],
        [0, 0],
        [-2, -1],
      ]),
    ).toEqual([
      [0, 0],
      [0, 0],
      [1, 1],
    ]);
    expect(sharesOf([0, 0, 0])).toEqual([0, 0, 0]);
  });
});
