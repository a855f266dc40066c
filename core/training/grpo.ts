/**
 * Group-relative policy optimization of a LoRA adapter (paper.md, "GRPO"), as TRL computes it with loss_type "dr_grpo" and
 * scale_rewards "none".
 *
 * What is done, and what the paper leaves open:
 * - KL: a term of the objective, per token, exp(ref - logp) - (ref - logp) - 1 (k3), weight beta; the reference policy is
 *   the adapter that training starts from (the SFT checkpoint), or the base where it starts from none;
 * - clipping: min(rho A, clip(rho) A) with bounds 1 - 0.15 and 1 + 0.22;
 * - normalization: none by length or standard deviation; the sum is divided by completions x maximum completion length;
 * - the ratio is made of log-probabilities under softmax(logits / temperature), before top-p; old ones are the trainer's
 *   own, from before the first step on a rollout, never the sampler's: so a ratio of 1 means the same policy, whatever
 *   engine sampled;
 * - learning rate, batch, steps on a rollout, maximum length, weight decay, schedule: not stated; see config.ts;
 * - dropout is off here, in both policies (not stated), so that the ratio compares policies and not masks;
 * - a film whose labels cannot be read gives its completions no advantage; they still count for the KL term;
 * - precision f32 instead of bf16.
 */
import type { Tensor1D } from '@tensorflow/tfjs-core';
import { WorkbenchError } from '../base/errors.ts';
import { nextTurn, throwIfCancelled, type Work } from '../base/progress.ts';
import { type Completion, type GenerationRequest, generate } from '../generation/generate.ts';
import { adapterTarget } from '../models/gemma3/names.ts';
import type { Runner } from '../models/runner.ts';
import type { TrainableModel } from '../models/trainable.ts';
import type { Adapter } from '../peft/adapter.ts';
import type { ProcessorConfig } from '../preprocessing/gemma3Processor.ts';
import { type RewardState, rewardSettings, scoreCompletions } from '../rewards/rewards.ts';
