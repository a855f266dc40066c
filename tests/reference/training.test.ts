import { expect, it } from 'vitest';
import { grpoLoss, groupAdvantages } from '../../core/training/loss.ts';
import { describeReference, readJsonFile, referenceDir } from '../support/reference.ts';

/** The unmasked entries of [B][T], one row after the other. */
function unmasked(values: number[][], mask: number[][]): number[] {
  return values.flatMap((row, b) => row.filter((_, t) => mask[b]![t] === 1));
}

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  expect(actual.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) expect(Math.abs(actual[i]! - expected[i]!)).toBeLessThanOrEqual(tolerance);
}

describeReference('grpo: the loss on given numbers as in TRL', referenceDir('grpo'), (folder) => {
  const { settings, cases } = readJsonFile(folder, 'loss_cases.json');
  for (const entry of cases) {
    it(entry.name, () => {
      const { mask } = entry;
      const advantages = groupAdvantages(entry.rewards, settings.num_generations);
      expectClose(advantages as number[], entry.advantages, 1e-12);
      const batch = {
        lengths: mask.map((row: number[]) => row.filter((m) => m === 1).length),
        advantages,
        oldLogps: entry.old_logps === null ? null : unmasked(entry.old_logps, mask),
        refLogps: unmasked(entry.ref_logps, mask),
      };
      const result = grpoLoss(unmasked(entry.logps, mask), batch, {
        epsilonLow: settings.epsilon,
        epsilonHigh: settings.epsilon_high,
        beta: settings.beta,
        maxCompletionLength: entry.max_completion_length,
      });
      expect(Math.abs(result.loss - entry.loss)).toBeLessThan(1e-9);
      expectClose(result.gradient, unmasked(entry.dloss_dlogps, mask), 1e-7);
      const { kl, clipRatio } = result.metrics;
      expectClose(
        [kl, clipRatio.low, clipRatio.high, clipRatio.region, clipRatio.lowMin, clipRatio.highMax],
        ['kl', ...['low_mean', 'high_mean', 'region_mean', 'low_min', 'high_max'].map((name) => `clip_ratio/${name}`)].map(
          (name) => entry.metrics[name],
        ),
        1e-6,
      );
    });
  }
});
