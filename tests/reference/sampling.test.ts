/** Temperature, top-k and top-p against transformers' warpers: reference/grpo/sampling.json. */
import { expect, it } from 'vitest';
import { sampledDistribution } from '../../core/generation/sampling.ts';
import { describeReference, readJsonFile, referenceDir } from '../support/reference.ts';

interface SamplingCase {
  name: string;
  temperature: number;
  top_k: number;
  top_p: number;
  logits: (number | null)[];
  kept: number[];
  kept_is_ambiguous: boolean;
  probabilities: number[];
}

describeReference('the sampled distribution', referenceDir('grpo/sampling.json'), (file) => {
  const cases: SamplingCase[] = file === '' ? [] : readJsonFile(file);
  for (const test of cases) {
    const { temperature, top_k: topK, top_p: topP } = test;
    it(`${test.name}, temperature ${temperature}, top-k ${topK}, top-p ${topP}`, () => {
      const logits = Float32Array.from(test.logits, (logit) => logit ?? Number.NEGATIVE_INFINITY);
      const actual = [...sampledDistribution(logits, { temperature, topK, topP, seed: 0 })];
      const kept = actual.flatMap((probability, id) => (probability > 0 ? [id] : []));
      expect(kept.length).toBe(test.kept.length);
      // Which of equal logits stay is left open by torch's sort; their number and the probabilities are not.
      if (!test.kept_is_ambiguous) expect(kept).toEqual(test.kept);
      const order = (values: number[]) => (test.kept_is_ambiguous ? [...values].sort((a, b) => a - b) : values);
      const expected = order(test.probabilities);
      order(actual).forEach((probability, i) => {
        expect(Math.abs(probability - expected[i]!)).toBeLessThan(1e-6);
      });
    });
  }
});
