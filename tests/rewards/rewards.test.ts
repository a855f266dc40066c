import { describe, expect, it } from 'vitest';
import type { Label } from '../../core/labels/labels.ts';
import { hardReward, hardRewardSettings, jaccard } from '../../core/rewards/hard.ts';
import { type NuancedRewardState, nuancedReward, nuancedRewardSettings } from '../../core/rewards/nuanced.ts';
import { scoreCompletions } from '../../core/rewards/rewards.ts';

const answer = (names: string) => `<think>x</think><solution>${names}</solution>`;

describe('hard reward', () => {
  const settings = hardRewardSettings.parse({});
  const CASES: [reason: string, completion: string, tokens: number, truth: Label[] | null, score: number | null][] = [
    ['all labels right', answer('Edema, Fracture'), 250, ['Fracture', 'Edema'], 1],
    ['one of two, one false: 1 of 3', answer('Edema, Pneumonia'), 250, ['Edema', 'Fracture'], 1 / 3],
    ['nothing right', answer('Edema'), 250, ['Fracture'], 0],
    ['one token short of 250', answer('Edema'), 249, ['Edema'], 0.9],
    ['short and wrong is below 0', answer('Edema'), 10, ['Fracture'], -0.1],
    ['a wrong form is 0, however right', '<solution>Edema</solution>', 300, ['Edema'], 0],
    ['a wrong form is 0 and not below, however short', 'Edema', 1, ['Edema'], 0],
    ['text outside is a wrong form', `${answer('Edema')} Thanks`, 300, ['Edema'], 0],
    ['two solution blocks are a wrong form', `${answer('Edema')}<solution>Edema</solution>`, 300, ['Edema'], 0],
    ['no label on either side: the stated index', answer(''), 300, [], 1],
    ['no label in the answer', answer('Mass'), 300, ['Edema'], 0],
    ['the truth cannot be read', answer('Edema'), 300, null, null],
  ];
  for (const [reason, completion, tokens, truth, score] of CASES) {
    it(reason, () => {
      const [scored] = hardReward([{ completion, tokens, truth }], settings).scores;
      if (score === null) expect(scored).toBeNull();
      else expect(scored).toBeCloseTo(score, 12);
    });
  }

  it('takes its values from the settings', () => {
    const own = hardRewardSettings.parse({ minTokens: 20, lambdaLen: 0.5, emptyJaccard: 0 });
    const samples = [
      { completion: answer(''), tokens: 20, truth: [] },
      { completion: answer('Edema'), tokens: 19, truth: ['Edema' as Label] },
    ];
    expect(hardReward(samples, own).scores).toEqual([0, 0.5]);
    expect(jaccard([], [], 0.25)).toBe(0.25);
  });
});

describe('nuanced reward', () => {
  const settings = nuancedRewardSettings.parse({});
  const score = (completion: string, truth: Label[], state: NuancedRewardState = []) =>
    nuancedReward([{ completion, tokens: 10, truth }], state, settings);
  const CASES: [reason: string, completion: string, truth: Label[], terms: Record<string, number>][] = [
    ['exact: match and both parts', answer('Edema'), ['Edema'], { match: 100, partial: 50 }],
    ['half of the truth, all right', answer('Edema'), ['Edema', 'Fracture'], { partial: 30 / 2 + 20 }],
    ['a false rare label', answer('Edema, Fracture'), ['Edema'], { partial: 30 + 20 / 2, falsePositives: -10 }],
    ['a false common label', answer('Support Devices'), ['Edema'], { falsePositives: -20 }],
    ['an invalid name', answer('Edema, Mass'), ['Edema'], { match: 100, partial: 50, format: -100 }],
    ['a label three times', answer('Edema, Edema, Edema'), ['Edema'], { match: 100, partial: 50, format: -25 }],
    ['text outside', `Yes. ${answer('Edema')}`, ['Edema'], { match: 100, partial: 50, format: -25 }],
    ['unreadable: nothing else counts', 'Edema', ['Edema'], { unreadable: -100 }],
    ['nothing on either side is a match', answer(''), [], { match: 100 }],
  ];
  for (const [reason, completion, truth, terms] of CASES) {
    it(reason, () => {
      const result = score(completion, truth);
      const nonZero = Object.fromEntries(Object.entries(result.terms[0]!).filter(([, value]) => value !== 0));
      expect(nonZero).toEqual(terms);
      expect(result.scores[0]).toBeCloseTo(
        Object.values(terms).reduce((a, b) => a + b, 0),
        10,
      );
    });
  }

  const window = (edema: number, others: number): NuancedRewardState => [
    ...Array.from({ length: edema }, (): Label[] => ['Edema']),
    ...Array.from({ length: others }, (): Label[] => ['Fracture']),
  ];

  it('judges dominance on the last 100 predictions, this one included, above 70 %', () => {
    expect(score(answer('Edema'), ['Edema'], window(69, 30)).terms[0]!['collapse']).toBe(0);
    expect(score(answer('Edema'), ['Edema'], window(70, 29)).terms[0]!['collapse']).toBe(-80);
    expect(score(answer('Edema, Fracture'), ['Edema'], window(70, 29)).terms[0]!['collapse']).toBe(-30);
    expect(score(answer('Fracture'), ['Edema'], window(80, 19)).terms[0]!['collapse']).toBe(0);
    expect(score(answer('Edema'), ['Edema'], window(48, 0)).terms[0]!['collapse']).toBe(0);
    expect(score(answer('Edema'), ['Edema'], window(49, 0)).terms[0]!['collapse']).toBe(-80);
  });

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
