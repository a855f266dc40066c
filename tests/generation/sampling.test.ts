import { describe, expect, it } from 'vitest';
import { Random } from '../../core/base/random.ts';
import { GREEDY, logProbability, sampledDistribution, sampleToken } from '../../core/generation/sampling.ts';

const LOGITS = Float32Array.of(1, 3, -2, 3, 0.5);
const sampling = { temperature: 0.7, topK: 0, topP: 1, seed: 0 };

describe('sampleToken', () => {
  it('takes the first of the largest logits at temperature 0', () => {
    expect(sampleToken(LOGITS, GREEDY, new Random(0)).id).toBe(1);
  });

  it('draws each token as often as its probability says', () => {
    const random = new Random('draws');
    const counts = [0, 0, 0, 0, 0];
    const draws = 20_000;
    for (let i = 0; i < draws; i++) counts[sampleToken(LOGITS, sampling, random).id]!++;
    const probabilities = sampledDistribution(LOGITS, sampling);
    counts.forEach((count, id) => {
      const p = probabilities[id]!;
      // Five standard deviations of a binomial count.
      expect(Math.abs(count - draws * p)).toBeLessThan(5 * Math.sqrt(draws * p * (1 - p)) + 1);
    });
  });

  it('draws only what top-k and top-p left', () => {
    const random = new Random('left');
    const narrow = { temperature: 5, topK: 3, topP: 0.6, seed: 0 };
    for (let i = 0; i < 200; i++) expect([1, 3]).toContain(sampleToken(LOGITS, narrow, random).id);
  });
});

describe('top-p', () => {
  it('leaves what sorting all probabilities leaves', () => {
    const random = new Random('top-p');
    for (let round = 0; round < 50; round++) {
      const logits = Float32Array.from({ length: 200 }, () => (1 + (round % 5)) * random.normal());
      const topP = random.between(0.02, 0.99);
      const all = { temperature: 1, topK: 0, topP: 1, seed: 0 };
      const sorted = [...sampledDistribution(logits, all)].map((p, id) => ({ p, id })).sort((a, b) => a.p - b.p);
      let removed = 0;
      const expected = sorted.filter(({ p }, i) => {
        removed += p;
        return i === sorted.length - 1 || removed > 1 - topP;
      });
      const kept = [...sampledDistribution(logits, { ...all, topP })].flatMap((p, id) => (p > 0 ? [id] : []));
      expect(kept).toEqual(expected.map(({ id }) => id).sort((a, b) => a - b));
    }
  });
});

describe('logProbability', () => {
  it('is the logarithm of the softmax, with and without temperature', () => {
    const softmax = (t: number) => {
      const weights = [...LOGITS].map((logit) => Math.exp(logit / t));
      return weights.map((weight) => Math.log(weight / weights.reduce((a, b) => a + b, 0)));
    };
    for (const t of [1, 0.7, 2]) {
      softmax(t).forEach((expected, id) => {
        expect(logProbability(LOGITS, id, t)).toBeCloseTo(expected, 12);
      });
    }
  });

  it('is what sampling a token says of it', () => {
    const sampled = sampleToken(LOGITS, { temperature: 0.7, topK: 2, topP: 0.5, seed: 0 }, new Random(1));
    expect(sampled.logprob).toBeCloseTo(logProbability(LOGITS, sampled.id), 12);
    expect(sampled.temperedLogprob).toBeCloseTo(logProbability(LOGITS, sampled.id, 0.7), 12);
  });

  it('does not overflow', () => {
    expect(logProbability(Float32Array.of(1e4, 1e4 + 1), 0)).toBeCloseTo(-1 - Math.log(1 + Math.exp(-1)), 10);
  });
});
