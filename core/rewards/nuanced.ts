/**
 * The nuanced reward (paper.md, "Rewards"): match + partial - false positives - collapse - format.
 *
 * What the paper leaves open, and what stands here (every value is a setting):
 * - the cost of a false positive: only "more for common labels (No Finding, Support Devices) than for rare ones": 20 and 10;
 * - "-30 for each repetition in excess, -50 for collapse": with a window of the last 100 predictions, this one included, a
 *   label in more than 70 % of them is dominant. Each dominant label of this prediction costs 30; where more than 70 % of
 *   the window's predictions are this very set, 50 are taken besides. Neither is taken before the window holds
 *   `windowMinimum` predictions;
 * - the penalty for text outside the blocks: 25, once;
 * - an output that cannot be read at all: 100, and no other term.
 * The reader is the evaluation's parser, so that format costs what the terms say and not the whole score.
 */
import { z } from 'zod';
import { isFormFailure, parseCompletion } from '../findings/parse.ts';
import type { Reading } from '../findings/types.ts';
import type { Label } from '../labels/labels.ts';
import type { RewardResult, RewardSample } from './types.ts';

const points = (value: number, help: string) => z.number().min(0).default(value).describe(help);
const OURS = 'Paper: not stated; ours.';

export const nuancedRewardSettings = z
  .object({
    exactMatch: points(100, 'The answer has exactly the film’s labels. Paper: 100.'),
    partialRecall: points(30, 'Times correct labels / true labels. Paper: 30.'),
    partialPrecision: points(20, 'Times correct labels / predicted labels. Paper: 20.'),
    falsePositiveCommon: points(20, `Each false No Finding or Support Devices. ${OURS}`),
    falsePositiveRare: points(10, `Each other false label. ${OURS}`),
    window: z.number().int().min(1).default(100).describe('Predictions that dominance is counted in. Paper: 100.'),
    windowMinimum: z.number().int().min(1).default(50).describe(`Predictions before dominance is judged. ${OURS}`),
    dominance: z.number().min(0).max(1).default(0.7).describe('Share above which a label dominates. Paper: 0.7.'),
    repetition: points(30, 'Each dominant label of this prediction. Paper: 30 for each repetition in excess.'),
    collapse: points(50, 'The same set dominates. Paper: 50.'),
    invalid: points(100, 'Each name that is not a label. Paper: 100.'),
    duplicate: points(25, 'Each label that stands twice. Paper: 25.'),
    outside: points(25, `Text outside the blocks. ${OURS}`),
    unreadable: points(100, `The answer cannot be read. ${OURS}`),
    scale: z.number().positive().default(1).describe(`The whole score is multiplied by this. ${OURS}`),
  })
  .strict();

export type NuancedRewardSettings = z.output<typeof nuancedRewardSettings>;

/** The last predictions, oldest first. */
export type NuancedRewardState = readonly (readonly Label[])[];

const COMMON: readonly Label[] = ['No Finding', 'Support Devices'];

export function nuancedReward(
  samples: readonly RewardSample[],
  state: NuancedRewardState,
  settings: NuancedRewardSettings,
): RewardResult<NuancedRewardState> {
  const result: RewardResult<NuancedRewardState> = { scores: [], terms: [], state };
  for (const { completion, truth } of samples) {
    const reading = parseCompletion(completion);
    if (!isFormFailure(reading.parseFailure)) {
      result.state = [...result.state, reading.findings].slice(-settings.window);
    }
    const terms = truth === null ? {} : termsOf(reading, truth, result.state, settings);
    const sum = Object.values(terms).reduce((a, b) => a + b, 0);
    result.scores.push(truth === null ? null : sum * settings.scale);
    result.terms.push(terms);
  }
  return result;
}

function termsOf(
  reading: Reading,
  truth: readonly Label[],
  window: NuancedRewardState,
  settings: NuancedRewardSettings,
): Record<string, number> {
  if (isFormFailure(reading.parseFailure)) return { unreadable: -settings.unreadable };
  const { findings, invalid, duplicates, outside } = reading;
  const correct = findings.filter((label) => truth.includes(label)).length;
  const falsePositives = findings.filter((label) => !truth.includes(label));
  const cost = (label: Label) => (COMMON.includes(label) ? settings.falsePositiveCommon : settings.falsePositiveRare);
  return {
    match: correct === truth.length && falsePositives.length === 0 ? settings.exactMatch : 0,
    partial:
      settings.partialRecall * share(correct, truth.length) +
      settings.partialPrecision * share(correct, findings.length),
    falsePositives: falsePositives.reduce((sum, label) => sum - cost(label), 0),
    collapse: 0 - collapseCost(findings, window, settings),
    format:
      0 - settings.invalid * invalid.length - settings.duplicate * duplicates.length - (outside ? settings.outside : 0),
  };
}

function collapseCost(findings: readonly Label[], window: NuancedRewardState, settings: NuancedRewardSettings): number {
  if (window.length < settings.windowMinimum) return 0;
  const dominates = (holds: (prediction: readonly Label[]) => boolean) =>
    window.filter(holds).length > settings.dominance * window.length;
  const dominant = findings.filter((label) => dominates((prediction) => prediction.includes(label)));
  const collapsed = dominates((prediction) => sameSet(prediction, findings));
  return settings.repetition * dominant.length + (collapsed ? settings.collapse : 0);
}

function sameSet(a: readonly Label[], b: readonly Label[]): boolean {
  return a.length === b.length && a.every((label) => b.includes(label));
}

function share(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}
