/** The rewards that GRPO can run with, by name: the paper's two, and a user's own file. */
import { WorkbenchError } from '../base/errors.ts';
import { type HardRewardSettings, hardReward } from './hard.ts';
import { type NuancedRewardSettings, type NuancedRewardState, nuancedReward } from './nuanced.ts';
import type { RewardResult, RewardSample } from './types.ts';
import { UserReward, type UserRewardFile, type UserRewardLimits } from './userReward.ts';

export const REWARD_NAMES = ['hard', 'nuanced', 'file'] as const;
export type RewardName = (typeof REWARD_NAMES)[number];

/** What a checkpoint stores of a reward: plain JSON. */
export type RewardState = unknown;

export interface RewardSettings {
  hard: HardRewardSettings;
  nuanced: NuancedRewardSettings;
  file: UserRewardLimits;
}

/** (state, samples) -> scores and state. */
export interface Reward {
  /** As the log names it: `rewards/NAME/mean`. */
  name: string;
  score(samples: readonly RewardSample[], state: RewardState): Promise<RewardResult<RewardState>>;
  close(): Promise<void>;
}

/** @param file for the reward `file` @throws REWARD_FILE where that needs one; REWARD_SOURCE */
export function openReward(name: RewardName, settings: RewardSettings, file: UserRewardFile | null = null): Reward {
  if (name !== 'file') {
    const score = async (samples: readonly RewardSample[], state: RewardState) =>
      scoreCompletions(name, samples, state, settings);
    return { name, score, close: async () => {} };
  }
  if (file === null)
    throw new WorkbenchError(
      'REWARD_FILE',
      'This run’s reward is a file of its own, and names none.',
      {},
      'Put a JavaScript file into the workspace’s folder “rewards”, and its name into rewardFile.',
    );
  const own = new UserReward(file, settings.file);
  const score = (samples: readonly RewardSample[], state: RewardState) => own.score(samples, state);
  return { name: file.name.replace(/\.[^.]*$/, ''), score, close: () => own.close() };
}

/** The paper's rewards. */
export function scoreCompletions(
  name: 'hard' | 'nuanced',
  samples: readonly RewardSample[],
  state: RewardState,
  settings: Pick<RewardSettings, 'hard' | 'nuanced'>,
): RewardResult<RewardState> {
  if (name === 'hard') return hardReward(samples, settings.hard);
  return nuancedReward(samples, (state ?? []) as NuancedRewardState, settings.nuanced);
}
