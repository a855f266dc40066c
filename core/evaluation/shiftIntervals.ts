/**
 * Intervals of the parts of a change, and what they say of the parts' shares.
 *
 * A part is no smooth function of the counts: movement below chance is taken for none, and how much of the labels' movement the
 * answers confirm is held between 0 and 1. Replicates of it are then shifted, since a replicate has the noise of the films and
 * its own, and a percentile interval can leave out the estimate. So a part has the symmetric bootstrap interval (Hall,
 * The Annals of Statistics 16, 1988): the estimate, less and more the distance that 95 % of the replicates keep from it. It always
 * holds the estimate, and a shift of the replicates widens it. Coverage on simulated studies: scripts/coverage-causes.ts, docs/LOG.md.
 *
 * A share of magnitudes (|part| / sum of |parts|) has no bootstrap interval: that of a cause alone is 1, its bound, which no replicate
 * reaches. Given instead is what the intervals of the parts allow: from the least that the part and the most that the others can
 * be, to the opposite. That is wider than a 95 % interval as a rule.
 */
export type Ends = readonly [low: number, high: number];

/**
 * Of R distances that at most `level` of R + 1 are below: the estimate's own distance from the truth is one more of them.
 *
 * @param replicates in any order, at least one
 */
export function symmetricInterval(value: number, replicates: readonly number[], level: number): [number, number] {
  const distances = Float64Array.from(replicates, (each) => Math.abs(each - value)).sort();
  const distance = distances[Math.min(distances.length, Math.ceil(level * (distances.length + 1))) - 1]!;
  return [value - distance, value + distance];
}

/** Each part's share of the magnitudes together, 0 to 1. Parts of unlike sign do not cancel. */
export function sharesOf(parts: readonly number[]): number[] {
  const all = sum(parts.map(Math.abs));
  return parts.map((part) => (all === 0 ? 0 : Math.abs(part) / all));
}

/** The least and the largest share of each part, every part being anywhere within its interval. */
export function shareRanges(intervals: readonly Ends[]): [number, number][] {
  const least = intervals.map(([low, high]) => (low <= 0 && high >= 0 ? 0 : Math.min(Math.abs(low), Math.abs(high))));
  const most = intervals.map(([low, high]) => Math.max(Math.abs(low), Math.abs(high)));
  return intervals.map((_, part) => {
    const others = (values: readonly number[]) => sum(values.filter((_, i) => i !== part));
    return [shareOf(least[part]!, others(most)), shareOf(most[part]!, others(least))];
  });
}

function shareOf(part: number, others: number): number {
  return part === 0 ? 0 : part / (part + others);
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0);
}
