/**
 * The hard reward (paper.md, "Rewards"): 0 unless the output is exactly one think block followed by a solution block; else
 * the Jaccard index of the predicted and the true label set, less lambda_len where the output is shorter than 250 tokens.
 * The paper does not state lambda_len, nor what two empty sets score: both are settings, and their defaults are ours.
 * The result is not clipped at 0, so that a short wrong answer is worse than a long one.
 */
import { z } from 'zod';
import { isFormFailure, parseStrict } from '../findings/parse.ts';
import type { Label } from '../labels/labels.ts';
import type { RewardResult, RewardSample } from './types.ts';

export const hardRewardSettings = z
  .object({
    minTokens: z.number().int().min(0).default(250).describe('A shorter output is penalized. Paper: 250.'),
    lambdaLen: z.number().min(0).default(0.1).describe('Penalty of a short output. Paper: not stated; ours.'),
    emptyJaccard: z
      .number()
      .min(0)
      .max(1)
      .default(1)
      .describe('Jaccard index where neither the film nor the answer has a label. Paper: not stated; ours.'),
  })
  .strict();

export type HardRewardSettings = z.output<typeof hardRewardSettings>;

export function hardReward(samples: readonly RewardSample[], settings: HardRewardSettings): RewardResult<null> {
  const scored = samples.map((sample) => scoreSample(sample, settings));
  return { scores: scored.map(({ score }) => score), terms: scored.map(({ terms }) => terms), state: null };
}

function scoreSample({ completion, tokens, truth }: RewardSample, settings: HardRewardSettings): Scored {
  if (truth === null) return { score: null, terms: {} };
  const reading = parseStrict(completion);
  const form: number = isFormFailure(reading.parseFailure) ? 0 : 1;
  const match = jaccard(reading.findings, truth, settings.emptyJaccard);
  const short = tokens < settings.minTokens ? settings.lambdaLen : 0;
  return { score: form === 0 ? 0 : match - short, terms: { form, jaccard: form * match, short: form * short } };
}

interface Scored {
  score: number | null;
  terms: Record<string, number>;
}

/** |both| / |either|; `empty` where both are. */
export function jaccard(a: readonly Label[], b: readonly Label[], empty: number): number {
  const either = new Set([...a, ...b]);
  if (either.size === 0) return empty;
  return new Set(a.filter((label) => b.includes(label))).size / either.size;
}
