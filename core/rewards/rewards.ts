/** The rewards that GRPO can run with, by name. */
import { type HardRewardSettings, hardReward } from './hard.ts';
import { type NuancedRewardSettings, type NuancedRewardState, nuancedReward } from './nuanced.ts';
import type { RewardResult, RewardSample } from './types.ts';

export const REWARD_NAMES = ['hard', 'nuanced'] as const;
export type RewardName = (typeof REWARD_NAMES)[number];

/** What a checkpoint stores of a reward: plain JSON. */
export type RewardState = NuancedRewardState | null;

export interface RewardSettings {
  hard: HardRewardSettings;
  nuanced: NuancedRewardSettings;
}

export function scoreCompletions(
  name: RewardName,
  samples: readonly RewardSample[],
  state: RewardState,
  settings: RewardSettings,
): RewardResult<RewardState> {
  if (name === 'hard') return hardReward(samples, settings.hard);
  return nuancedReward(samples, state ?? [], settings.nuanced);
}
