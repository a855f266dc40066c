import { describe, expect, it } from 'vitest';
import type { Label } from '../../core/labels/labels.ts';
import { hardRewardSettings, jaccard } from '../../core/rewards/hard.ts';
import { type NuancedRewardState, nuancedReward, nuancedRewardSettings } from '../../core/rewards/nuanced.ts';
import { scoreCompletions } from '../../core/rewards/rewards.ts';
import type { RewardSample } from '../../core/rewards/types.ts';
import { root } from '../support/command.ts';
import { readJsonFile } from '../support/reference.ts';

const answer = (names: string) => `<think>x</think><solution>${names}</solution>`;

/** The table that resources/trl/rewards.py passes too. */
interface RewardCase {
  why: string;
  reward: 'hard' | 'nuanced';
  samples: RewardSample[];
  scores: (number | null)[];
  settings?: object;
  state?: NuancedRewardState;
  stateAfter?: NuancedRewardState;
}
const CASES = readJsonFile(root, 'resources/trl/reward_cases.json').cases as RewardCase[];

describe('the table of cases', () => {
  for (const { why, reward, samples, scores, settings = {}, state = [], stateAfter } of CASES) {
    it(`${reward}: ${why}`, () => {
      const all = { hard: hardRewardSettings.parse({}), nuanced: nuancedRewardSettings.parse({}) };
      const used = { ...all, [reward]: { ...all[reward], ...settings } };
      const result = scoreCompletions(reward, samples, state, used);
      expect(result.scores).toHaveLength(scores.length);
      result.scores.forEach((score, i) => {
        if (scores[i] === null) expect(score).toBeNull();
        else expect(score).toBeCloseTo(scores[i]!, 9);
      });
      if (stateAfter) expect(result.state).toEqual(stateAfter);
    });
  }

  it('has an index of its own for two empty sets', () => {
    expect(jaccard([], [], 0.25)).toBe(0.25);
  });
});

describe('nuanced reward', () => {
  const settings = nuancedRewardSettings.parse({});
  const score = (completion: string, truth: Label[], state: NuancedRewardState = []) =>
    nuancedReward([{ completion, tokens: 10, truth }], state, settings);

  it('says its terms', () => {
    const cost = (completion: string, truth: Label[]) => score(completion, truth).terms[0];
    expect(cost(answer('Edema, Fracture, Mass, Edema'), ['Edema'])).toEqual({
      ...{ match: 0, partial: 30 + 20 / 2, falsePositives: -10, collapse: 0, format: -125 },
    });
    expect(cost('Edema', ['Edema'])).toEqual({ unreadable: -100 });
  });

  const window = (edema: number, others: number): NuancedRewardState => [
    ...Array.from({ length: edema }, (): Label[] => ['Edema']),
    ...Array.from({ length: others }, (): Label[] => ['Fracture']),
  ];

  it('keeps a window of 100, oldest out first, and leaves the given state alone', () => {
    const state = window(100, 0);
    const { state: after } = score(answer('Fracture'), ['Edema'], state);
    expect(after).toHaveLength(100);
    expect(after[99]).toEqual(['Fracture']);
    expect(state).toEqual(window(100, 0));
    expect(score('nothing to read', ['Edema'], state).state).toBe(state);
  });

  it('is the same for a batch and for its samples one by one', () => {
    const samples = ['Edema', 'Fracture, Edema', 'Mass', 'Edema'].map((names) => ({
      completion: answer(names),
      tokens: 5,
      truth: ['Edema' as Label],
    }));
    const whole = scoreCompletions('nuanced', samples, window(60, 20), {
      hard: hardRewardSettings.parse({}),
      nuanced: settings,
    });
    let state: NuancedRewardState = window(60, 20);
    const single = samples.map((sample) => {
      const result = nuancedReward([sample], state, settings);
      state = result.state;
      return result.scores[0];
    });
    expect(whole.scores).toEqual(single);
    expect(whole.state).toEqual(state);
  });
});
