/** resources/trl/rewards.py against core/rewards: the same table of cases, and answers of every broken shape. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Random } from '../../core/base/random.ts';
import { CHEXPERT_LABELS, type Label } from '../../core/labels/labels.ts';
import { hardRewardSettings } from '../../core/rewards/hard.ts';
import { nuancedRewardSettings } from '../../core/rewards/nuanced.ts';
import { scoreCompletions } from '../../core/rewards/rewards.ts';
import { root } from '../support/command.ts';
import { python } from '../support/python.ts';

const SCRIPT = join(root, 'resources/trl/rewards.py');
const DEFAULTS = { hard: hardRewardSettings.parse({}), nuanced: nuancedRewardSettings.parse({}) };

describe.skipIf(python === null)('the rewards in Python (skipped where there is none)', () => {
  const run = (...args: string[]) => execFileSync(python!, [SCRIPT, ...args], { encoding: 'utf8' });

  it('passes the table of cases', () => {
    expect(run()).toMatch(/^\d\d+ cases passed/);
  });

  it('gives the same scores and window for 3,000 made-up answers', () => {
    const folder = mkdtempSync(join(tmpdir(), 'rewards-'));
    try {
      const file = join(folder, 'cases.json');
      writeFileSync(file, JSON.stringify({ cases: [...madeUp('hard', 1500, 1), ...madeUp('nuanced', 1500, 2)] }));
      expect(run(file).trim()).toBe('60 cases passed');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('fails where a score is another', () => {
    const folder = mkdtempSync(join(tmpdir(), 'rewards-'));
    try {
      const file = join(folder, 'cases.json');
      const [first] = madeUp('hard', 50, 3);
      writeFileSync(file, JSON.stringify({ cases: [{ ...first, scores: first!.scores.map((score) => score! + 1) }] }));
      expect(() => run(file)).toThrow();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

/** Batches of 50 with what core gives for them. */
function madeUp(reward: 'hard' | 'nuanced', count: number, seed: number) {
  const random = new Random(seed);
  let state: unknown = [];
  return Array.from({ length: count / 50 }, (_, i) => {
    const samples = Array.from({ length: 50 }, () => ({
      completion: completion(random),
      tokens: random.below(400),
      truth: [...new Set([label(random), label(random)])].slice(random.below(2)),
    }));
    const before = state;
    const result = scoreCompletions(reward, samples, before, DEFAULTS);
    state = result.state;
    const window = reward === 'nuanced' ? { state: before, stateAfter: state } : {};
    return { why: `batch ${i}`, reward, samples, scores: result.scores, ...window };
  });
}

const PIECES = [
  ...[
    '<think>',
    '</think>',
    '<solution>',
    '</solution>',
    '< Solution >',
    '</ THINK>',
    '<answer>',
    'The lungs are clear.',
  ],
  ...[
    ', ',
    '\n',
    '; ',
    ' and ',
    ' | ',
    '/',
    ' & ',
    '\r\n',
    '- ',
    '* ',
    '1. ',
    '2) ',
    '\u2022 ',
    '**',
    '`',
    '"',
    '(',
    ')',
    ':',
    '=',
  ],
  ...[
    'no ',
    'not ',
    'without ',
    '(no)',
    '(absent)',
    '(mild)',
    ': no',
    ': yes',
    ': 0.4',
    ': 0.6',
    ': 40%',
    ': 60 %',
    'Findings: ',
  ],
  ...[
    '\u00a0',
    '\u200b',
    '\ufeff',
    '\u3000',
    '\uff0c',
    '\uff1cthink\uff1e',
    '\u2011',
    '\u00ad',
    '\u2028',
    '\u017f',
    '\u0130',
    '\u212a',
  ],
  ...[
    '```json',
    '```',
    'Mass',
    'Normal',
    'None',
    '.',
    '!',
    ' ',
    '  ',
    '_',
    'edemas',
    'LUNG_OPACITIES',
    'no findings',
    'pneumothoraces',
  ],
];

function label(random: Random): Label {
  return CHEXPERT_LABELS[random.below(CHEXPERT_LABELS.length)]!;
}

function completion(random: Random): string {
  const pieces = Array.from({ length: random.below(9) }, () =>
    random.uniform() < 0.4 ? label(random) : PIECES[random.below(PIECES.length)]!,
  );
  const body = pieces.join('');
  return random.uniform() < 0.7 ? `<think>x</think><solution>${body}</solution>` : body;
}
