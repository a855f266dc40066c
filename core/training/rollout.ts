/**
 * The completions of one GRPO step's films, with what they are worth: drawn chunk by chunk by the policy of this step, kept
 * on disk as they come, so that an interrupted rollout goes on where it stopped and draws nothing twice. A chunk is always
 * the same completions, so that a resumed rollout equals an uninterrupted one to the bit.
 */
import { Random } from '../base/random.ts';
import { parseCompletion } from '../findings/parse.ts';
import { type Completion, type GenerationRequest, generate } from '../generation/generate.ts';
import type { ImageFeatures, Runner } from '../models/runner.ts';
import type { Adapter } from '../peft/adapter.ts';
import type { RewardResult, RewardSample } from '../rewards/types.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { completionSequence } from './batch.ts';
import type { GrpoConfig } from './config.ts';
import { groupAdvantages } from './loss.ts';
import { type PolicyBatch, policyBatches } from './policy.ts';
import type { RunFolder } from './run.ts';
import type { TrainingExample } from './types.ts';

/** What one completion is drawn for. */
export interface Question {
  example: TrainingExample;
  promptIds: readonly number[];
  features: ImageFeatures;
}

/** A completion as the rollout's file holds it. */
type Drawn = Pick<Completion, 'tokenIds' | 'temperedLogprobs' | 'stop'>;

interface StoredRollout {
  /** Films, in the order of the groups: what was drawn belongs to these. */
  films: string[];
  completions: Drawn[];
}

export interface Rollout {
  questions: readonly Question[];
  batches: PolicyBatch[];
  completions: readonly Drawn[];
  texts: string[];
  rewards: (number | null)[];
  terms: Record<string, number>[];
  advantages: (number | null)[];
  /** Of drawing and rewarding. */
  seconds: number;
}

export interface RolloutEngine {
  runner: Runner;
  tokenizer: Tokenizer;
  config: GrpoConfig;
  folder: RunFolder;
  signal: AbortSignal;
}

/** The completions of rollout `index`: those that are on the disk, and the rest drawn by `adapter`. */
export async function drawCompletions(
  { runner, config, folder, signal }: RolloutEngine,
  questions: readonly Question[],
  adapter: Adapter,
  index: number,
): Promise<Drawn[]> {
  const films = questions.map(({ example }) => example.id);
  const stored = await folder.readRollout<StoredRollout>(index);
  const known = stored && JSON.stringify(stored.films) === JSON.stringify(films) ? stored.completions : [];
  const completions = [...known];
  const chunk = config.samplingBatch === 0 ? questions.length : config.samplingBatch;
  while (completions.length < questions.length) {
    const start = completions.length;
    const requests = questions
      .slice(start, start + chunk)
      .map((question, i) => requestOf(question, adapter, config, runner, `sample ${index} ${start + i}`));
    const drawn = await generate(runner, requests, { batchSize: requests.length, signal });
    completions.push(...drawn.map(({ tokenIds, temperedLogprobs, stop }) => ({ tokenIds, temperedLogprobs, stop })));
    await folder.saveRollout(index, { films, completions } satisfies StoredRollout);
  }
  return completions;
}

function requestOf(
  { promptIds, features }: Question,
  adapter: Adapter,
  { temperature, topP, seed, maxCompletionLength }: GrpoConfig,
  { info }: Runner,
  stream: string,
): GenerationRequest {
  return {
    promptIds,
    images: features,
    adapter,
    sampling: { temperature, topK: 0, topP, seed: new Random(seed).fork(stream).uint32() },
    maxNewTokens: maxCompletionLength,
    stopIds: info.endTokenIds,
  };
}

/** What the reward gets; the end token does not count. */
export function rewardSamples(
  completions: readonly Drawn[],
  texts: readonly string[],
  questions: readonly Question[],
): RewardSample[] {
  return completions.map(({ tokenIds, stop }, i) => ({
    completion: texts[i]!,
    tokens: stop === 'end' ? tokenIds.length - 1 : tokenIds.length,
    truth: questions[i]!.example.labels,
  }));
}

export function rolloutOf(
  questions: readonly Question[],
  completions: readonly Drawn[],
  texts: string[],
  { scores, terms }: RewardResult<unknown>,
  { groupSize, microBatch }: GrpoConfig,
  seconds: number,
): Rollout {
  const advantages = groupAdvantages(scores, groupSize);
  const rows = completions.map(({ tokenIds, temperedLogprobs }, i) => ({
    sequence: completionSequence(questions[i]!.promptIds, tokenIds),
    features: questions[i]!.features,
    advantage: advantages[i]!,
    samplerLogps: temperedLogprobs,
  }));
  const batches = policyBatches(rows, microBatch);
  return { questions, batches, completions, texts, rewards: scores, terms, advantages, seconds };
}

/** Rows of completions.jsonl. */
export function completionRows(
  { questions, texts, completions, rewards, terms, advantages }: Rollout,
  step: number,
): ({ step: number } & Record<string, unknown>)[] {
  return texts.map((completion, i) => ({
    step,
    id: questions[i]!.example.id,
    completion,
    tokens: completions[i]!.tokenIds.length,
    tokenIds: completions[i]!.tokenIds,
    stop: completions[i]!.stop,
    reward: rewards[i]!,
    terms: terms[i]!,
    advantage: advantages[i]!,
  }));
}

/** TRL's metrics of the completions and rewards, and each part of the reward in their manner; lengths count the end token. */
export function rolloutMetrics(
  { completions, rewards, terms }: Rollout,
  reward: string,
  groupSize: number,
): Record<string, number> {
  const lengths = completions.map(({ tokenIds }) => tokenIds.length);
  const ended = completions.filter(({ stop }) => stop === 'end').map(({ tokenIds }) => tokenIds.length);
  const known = rewards.filter(isKnown);
  const deviations = rewards.flatMap((_, i) => {
    return i % groupSize === 0 ? [standardDeviation(rewards.slice(i, i + groupSize).filter(isKnown))] : [];
  });
  return {
    reward: mean(known),
    reward_std: mean(deviations),
    frac_reward_zero_std: deviations.filter((value) => value === 0).length / deviations.length,
    [`rewards/${reward}/mean`]: mean(known),
    [`rewards/${reward}/std`]: standardDeviation(known),
    ...termMetrics(terms, reward),
    'completions/mean_length': mean(lengths),
    'completions/min_length': Math.min(...lengths),
    'completions/max_length': Math.max(...lengths),
    'completions/clipped_ratio': 1 - ended.length / completions.length,
    'completions/mean_terminated_length': mean(ended),
    'completions/min_terminated_length': ended.length === 0 ? 0 : Math.min(...ended),
    'completions/max_terminated_length': ended.length === 0 ? 0 : Math.max(...ended),
  };
}

/** `rewards/nuanced/partial/mean`: over the completions whose films have labels; a term that one lacks is 0 there. */
function termMetrics(terms: readonly Record<string, number>[], reward: string): Record<string, number> {
  const scored = terms.filter((each) => Object.keys(each).length > 0);
  const names = [...new Set(scored.flatMap((each) => Object.keys(each)))].sort();
  return Object.fromEntries(
    names.map((name) => [`rewards/${reward}/${name}/mean`, mean(scored.map((each) => each[name] ?? 0))]),
  );
}

/** The set of labels that a completion says, as one text; null: it cannot be read. */
export function labelSetOf(text: string): string | null {
  const { findings, parseFailure } = parseCompletion(text);
  return parseFailure === null ? [...findings].sort().join(', ') : null;
}

/** The most frequent of the last label sets, and its share. */
export function dominanceOf(sets: readonly string[]): { share: number; set: string } {
  const counts = new Map<string, number>();
  for (const set of sets) counts.set(set, (counts.get(set) ?? 0) + 1);
  const [set, count] = [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))[0] ?? ['', 0];
  return { share: count / Math.max(1, sets.length), set };
}

const isKnown = (value: number | null): value is number => value !== null;

export function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / Math.max(1, values.length);
}

/** Of a sample (n - 1), as torch.std. */
function standardDeviation(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const center = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - center) ** 2, 0) / (values.length - 1));
}
