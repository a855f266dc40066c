/**
 * A reward is a pure function of a batch, in the order of the samples, and of its own state, which a checkpoint stores.
 * A score is null where the film's labels cannot be read: such a sample has no advantage. 0 is a bad answer.
 */
import type { Label } from '../labels/labels.ts';

export interface RewardSample {
  completion: string;
  /** Tokens of the completion, without the end token. */
  tokens: number;
  /** Labels that the film has; null where its row cannot be read. */
  truth: readonly Label[] | null;
}

export interface RewardResult<State> {
  scores: (number | null)[];
  /** The terms of each score, by their names, for completions.jsonl. */
  terms: Record<string, number>[];
  state: State;
}
