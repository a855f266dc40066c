/** How far truth and answers moved between two data sets (shift.ts), in nats, and how much of that is above chance. */
import type { PatternData, Shares } from './shiftCounts.ts';

/** Nats: by the reweighting, and beyond it. */
export interface Movement {
  /** `[labels]`. */
  prevalence: Float64Array;
  truth: Float64Array;
  /** `[checkpoints * labels]`: the answers by themselves, and given the truth. */
  answers: Float64Array;
  together: Float64Array;
}

/**
 * What a movement exceeds of what sampling alone would give: all labels are drawn towards 0 by one factor (James and Stein), to 0
 * where their mean is below chance.
 *
 * @param values `[labels]`, or `[checkpoints * labels]`, each checkpoint by itself
 */
export function beyondChance(values: Float64Array, chance: number, labels = values.length): Float64Array {
  const out = new Float64Array(values.length);
  for (let start = 0; start < values.length; start += labels) {
    const own = values.subarray(start, start + labels);
    const mean = own.reduce((sum, value) => sum + value, 0) / labels;
    const kept = mean > chance ? 1 - chance / mean : 0;
    for (let j = 0; j < labels; j++) out[start + j] = kept * own[j]!;
  }
  return out;
}

/**
 * How far each label moved, in truth and in answers: the divergence of its share given each other label (present or not), the
 * mean over the others; for answers also given each other checkpoint's answer, the mean over checkpoints. Together: of each
 * answer given the truth.
 */
export function movement(from: Shares, to: Shares, { labels, checkpoints }: PatternData): Omit<Movement, 'prevalence'> {
  const cells = checkpoints * labels;
  const moved = {
    truth: new Float64Array(labels),
    answers: new Float64Array(cells),
    together: new Float64Array(cells),
  };
  for (let label = 0; label < labels; label++) {
    moved.truth[label] = meanOf(labels, label, (other) => {
      const given = (at: Shares) =>
        [at.truth[label]!, at.truth[other]!, at.truthBoth[label * labels + other]!] as const;
      return conditional(given(from), given(to), label === other);
    });
    for (let k = 0; k < checkpoints; k++) {
      const cell = k * labels + label;
      moved.answers[cell] = answersMoved(from, to, k, label, labels, checkpoints);
      const given = (at: Shares) => [at.said[cell]!, at.truth[label]!, at.hits[cell]!] as const;
      moved.together[cell] = conditional(given(from), given(to));
    }
  }
  return moved;
}

function answersMoved(from: Shares, to: Shares, k: number, label: number, labels: number, checkpoints: number): number {
  const cell = k * labels + label;
  let sum = meanOf(labels, label, (other) => {
    const place = k * labels + other;
    const given = (at: Shares) => [at.said[cell]!, at.said[place]!, at.saidBoth[cell * labels + other]!] as const;
    return conditional(given(from), given(to), label === other);
  });
  for (let other = 0; other < checkpoints; other++) {
    if (other === k) continue;
    const pair = pairPlace(Math.min(k, other), Math.max(k, other), checkpoints);
    const given = (at: Shares) =>
      [at.said[cell]!, at.said[other * labels + label]!, at.saidByBoth[pair * labels + label]!] as const;
    sum += conditional(given(from), given(to));
  }
  return sum / checkpoints;
}

/** Of the pairs 0-1, 0-2, ..., 1-2, ... */
function pairPlace(first: number, second: number, checkpoints: number): number {
  return first * checkpoints - (first * (first + 1)) / 2 + second - first - 1;
}

function meanOf(labels: number, label: number, value: (other: number) => number): number {
  if (labels < 2) return value(label);
  let sum = 0;
  for (let other = 0; other < labels; other++) if (other !== label) sum += value(other);
  return sum / (labels - 1);
}

/** Shares of A, of B, and of both. */
type Pair = readonly [a: number, b: number, both: number];

/** KL(to || from) of A given B, B's frequencies as in `to`. `alone`: A and B are one, and nothing is given. */
function conditional([pa, pb, pBoth]: Pair, [qa, qb, qBoth]: Pair, alone = false): number {
  if (alone) return bernoulli(qa, pa);
  const given = qb > 0 && pb > 0 ? bernoulli(qBoth / qb, pBoth / pb) * qb : 0;
  const without = qb < 1 && pb < 1 ? bernoulli((qa - qBoth) / (1 - qb), (pa - pBoth) / (1 - pb)) * (1 - qb) : 0;
  return given + without;
}

/** KL of two Bernoulli distributions, kept off 0 and 1. */
function bernoulli(q: number, p: number): number {
  const clip = (value: number) => Math.min(1 - 1e-4, Math.max(1e-4, value));
  const [x, y] = [clip(q), clip(p)];
  return x * Math.log(x / y) + (1 - x) * Math.log((1 - x) / (1 - y));
}
