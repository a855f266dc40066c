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
import { WorkbenchError } from '../base/errors.ts';
import { nextTurn, throwIfCancelled, type Work } from '../base/progress.ts';
import { Random } from '../base/random.ts';
import { type Completion, type GenerationRequest, generate } from '../generation/generate.ts';
import { adapterTarget } from '../models/network.ts';
import { type ImageFeatures, type Runner, tokensOf } from '../models/runner.ts';
import type { TrainableModel } from '../models/trainable.ts';
import type { Adapter } from '../peft/adapter.ts';
import type { ImageProcessor } from '../preprocessing/imageProcessor.ts';
import { type RewardState, scoreCompletions } from '../rewards/rewards.ts';
import { imageQuestion, promptInput } from '../text/promptInput.ts';
import { completionSequence, type PromptModel } from './batch.ts';
import { fieldDepartures, type GrpoConfig, rewardSettings } from './config.ts';
import { FeatureCache } from './features.ts';
import { snapshot, type TrainedAdapter, trainedAdapter } from './lora.ts';
import { groupAdvantages } from './loss.ts';
import {
  completionLogps,
  type PolicyBatch,
  type PolicyGiven,
  type PolicyPass,
  policyBatches,
  policyLoss,
  policyMetrics,
} from './policy.ts';
import { RunFolder, type RunProgress, stateAfter } from './run.ts';
import { dataOf, drawExamples } from './split.ts';
import { epochOrder, Stepper, type StepReport } from './step.ts';
import type { Departure, TrainingExample, TrainingLogLine } from './types.ts';

export interface GrpoRun {
  model: TrainableModel;
  /** What samples the completions: the same base, on the fastest executor that is there. */
  runner: Runner;
  prompt: PromptModel;
  processor: ImageProcessor;
  examples: readonly TrainingExample[];
  /** The SFT checkpoint: where training starts and what the KL term holds on to. */
  start: Adapter;
  config: GrpoConfig;
  folder: string;
  /** How the adapter names its base. */
  baseName: string;
  /** Why settings differ from the paper, by field. */
  reasons?: Readonly<Record<string, string>>;
  now: Date;
  work: Work<RunProgress>;
}

export interface GrpoResult {
  adapter: Adapter;
  steps: number;
}

export const GRPO_DEPARTURES: readonly Departure[] = [
  { field: 'precision', paper: 'bf16', run: 'f32', reason: 'Both executors compute in f32.' },
];

/** Runs, or resumes the run in `folder`; a cancelled run stops between two rollouts, or within one, which is then redone. */
export async function trainGrpo(run: GrpoRun): Promise<GrpoResult> {
  const trainer = new GrpoTrainer(run);
  return trainer.run();
}

/** What one completion is drawn for. */
interface Question {
  example: TrainingExample;
  promptIds: readonly number[];
  features: ImageFeatures;
}

/** The completions of one step's films, group after group, with what they are worth. */
interface Rollout {
  questions: Question[];
  batches: PolicyBatch[];
  completions: Completion[];
  texts: string[];
  rewards: (number | null)[];
  terms: Record<string, number>[];
  advantages: (number | null)[];
  seconds: number;
}

class GrpoTrainer {
  private readonly folder: RunFolder;
  private readonly features: FeatureCache;
  private readonly adapter: TrainedAdapter;
  private readonly reference: TrainedAdapter;
  private readonly stepper: Stepper;
  private readonly films: TrainingExample[];
  /** By the text of the prompt and the image's tokens. */
  private readonly promptIds = new Map<string, number[]>();
  private readonly rolloutsPerEpoch: number;
  private readonly rollouts: number;
  private rollout = 0;
  private tokens = 0;
  private rewardState: RewardState = null;

  constructor(private readonly settings: GrpoRun) {
    const { model, config, examples, processor, start } = settings;
    const target = adapterTarget(model);
    this.folder = new RunFolder(settings.folder, target, settings.baseName);
    this.features = new FeatureCache(model, processor);
    this.films = drawExamples(examples, config.samples, config.seed);
    if (this.films.length === 0) throw new WorkbenchError('TRAINING_EMPTY', 'There is no film to train on.');
    this.adapter = trainedAdapter(start);
    this.reference = trainedAdapter(start);
    this.rolloutsPerEpoch = Math.ceil(this.films.length / config.promptsPerStep);
    const wanted = this.rolloutsPerEpoch * config.epochs;
    this.rollouts = config.maxSteps > 0 ? Math.min(config.maxSteps, wanted) : wanted;
    const totalSteps = this.rollouts * config.iterations;
    this.stepper = new Stepper(model.tf, this.adapter.parameters, { ...config, totalSteps });
  }

  async run(): Promise<GrpoResult> {
    await this.begin();
    try {
      await this.setState('running');
      while (this.rollout < this.rollouts) {
        await this.train(await this.sample());
        const { checkpointEvery } = this.settings.config;
        if (this.rollout % checkpointEvery === 0 || this.rollout === this.rollouts) await this.saveCheckpoint();
      }
      const adapter = snapshot(this.adapter);
      await this.folder.finish(adapter);
      await this.setState('complete');
      return { adapter, steps: this.progress.steps };
    } catch (error) {
      await this.folder.setState({ ...this.progress, ...stateAfter(error) });
      throw error;
    }
  }

  /** In optimizer steps. */
  private get progress(): { steps: number; totalSteps: number } {
    const { iterations } = this.settings.config;
    return { steps: this.rollout * iterations, totalSteps: this.rollouts * iterations };
  }

  private async begin(): Promise<void> {
    const { config, model, examples, start, reasons, now, runner } = this.settings;
    const resumes = await this.folder.begin({
      kind: 'grpo',
      createdAt: now.toISOString(),
      config,
      departures: [...GRPO_DEPARTURES, ...fieldDepartures('grpo', config, reasons)],
      baseHash: model.info.weightsHash,
      startHash: start.hash,
      executor: `${model.executor.name} ${model.executor.version}; samples by ${runner.executor.name}`,
      data: dataOf(examples),
    });
    const checkpoint = resumes ? await this.folder.restoreCheckpoint(this.adapter, this.stepper.optimizer) : null;
    if (checkpoint === null) return;
    const state = checkpoint.state as unknown as { rollout: number; tokens: number; reward: RewardState };
    this.rollout = state.rollout;
    this.tokens = state.tokens;
    this.rewardState = state.reward;
  }

  /** Completions of this rollout's films by the present policy, and their advantages. */
  private async sample(): Promise<Rollout> {
    const { config, runner, prompt, work } = this.settings;
    const started = performance.now();
    const questions = await this.questionsOfRollout();
    const adapter = snapshot(this.adapter);
    const requests = questions.map((question, i) => this.request(question, adapter, i));
    const completions = await generate(runner, requests, { batchSize: requests.length, signal: work.signal });
    const texts = completions.map(({ tokenIds }) => prompt.tokenizer.decode(tokenIds));
    const samples = completions.map(({ tokenIds, stop }, i) => ({
      completion: texts[i]!,
      tokens: stop === 'end' ? tokenIds.length - 1 : tokenIds.length,
      truth: questions[i]!.example.labels,
    }));
    const scored = scoreCompletions(config.reward, samples, this.rewardState, rewardSettings(config));
    this.rewardState = scored.state;
    const advantages = groupAdvantages(scored.scores, config.groupSize);
    const rows = completions.map(({ tokenIds }, i) => ({
      sequence: completionSequence(questions[i]!.promptIds, tokenIds),
      features: questions[i]!.features,
      advantage: advantages[i]!,
    }));
    this.tokens += rows.reduce((sum, { sequence }) => sum + sequence.ids.length, 0);
    const seconds = (performance.now() - started) / 1000;
    return {
      questions,
      batches: policyBatches(rows, config.microBatch),
      completions,
      texts,
      rewards: scored.scores,
      terms: scored.terms,
      advantages,
      seconds,
    };
  }

  /** The last rollout of an epoch may be smaller. */
  private filmsOfRollout(): TrainingExample[] {
    const { promptsPerStep, seed } = this.settings.config;
    const order = epochOrder(this.films.length, seed, Math.floor(this.rollout / this.rolloutsPerEpoch));
    const start = (this.rollout % this.rolloutsPerEpoch) * promptsPerStep;
    return order.slice(start, start + promptsPerStep).map((index) => this.films[index]!);
  }

  /** One for each completion, group after group. */
  private async questionsOfRollout(): Promise<Question[]> {
    const films = this.filmsOfRollout();
    const features = await this.features.get(films);
    return films.flatMap((example, i) => {
      const question = {
        example,
        promptIds: this.promptIdsOf(example.promptText, features[i]!),
        features: features[i]!,
      };
      return new Array<Question>(this.settings.config.groupSize).fill(question);
    });
  }

  private promptIdsOf(promptText: string, { grids }: ImageFeatures): number[] {
    const { prompt } = this.settings;
    const tokens = tokensOf(...grids);
    const key = `${tokens} ${promptText}`;
    let ids = this.promptIds.get(key);
    if (ids === undefined) {
      ids = promptInput(imageQuestion(promptText), [tokens], prompt).inputIds;
      this.promptIds.set(key, ids);
    }
    return ids;
  }

  private request({ promptIds, features }: Question, adapter: Adapter, index: number): GenerationRequest {
    const { config, model } = this.settings;
    const { temperature, topP, seed, maxCompletionLength } = config;
    return {
      promptIds,
      images: features,
      adapter,
      sampling: { temperature, topK: 0, topP, seed: new Random(seed).fork(`sample ${this.rollout} ${index}`).uint32() },
      maxNewTokens: maxCompletionLength,
      stopIds: model.info.endTokenIds,
    };
  }

  /** The optimizer steps on one rollout. */
  private async train(rollout: Rollout): Promise<void> {
    const { config, model, work } = this.settings;
    const { batches } = rollout;
    const completions = rollout.completions.length;
    const started = performance.now();
    const given = batches.map((batch): PolicyGiven => {
      return { old: null, ref: completionLogps(model, this.reference, batch, config.temperature) };
    });
    for (let iteration = 0; iteration < config.iterations; iteration++) {
      throwIfCancelled(work.signal);
      const losses = batches.map((batch, i) => policyLoss(model, this.adapter, batch, given[i]!, config, completions));
      const report = this.stepper.step(losses.map(({ part }) => part));
      const passes = losses.map(({ pass }) => pass);
      passes.forEach(({ logps }, i) => {
        given[i]!.old ??= logps;
      });
      await this.report(rollout, iteration, report, passes, (performance.now() - started) / 1000 + rollout.seconds);
      await nextTurn();
    }
    this.rollout++;
  }

  private async report(
    rollout: Rollout,
    iteration: number,
    { loss, gradNorm, learningRate }: StepReport,
    passes: readonly PolicyPass[],
    seconds: number,
  ): Promise<void> {
    const { config, work } = this.settings;
    const step = this.progress.steps + iteration + 1;
    const line: TrainingLogLine = {
      step,
      loss,
      grad_norm: gradNorm,
      learning_rate: learningRate,
      ...rolloutMetrics(rollout, config),
      ...policyMetrics(passes),
      num_tokens: this.tokens,
      epoch: (this.rollout + (iteration + 1) / config.iterations) / this.rolloutsPerEpoch,
      sampling_time: rollout.seconds,
      step_time: seconds,
    };
    await this.folder.log(line);
    if (iteration === 0) await this.folder.logCompletions(this.completionRows(rollout, step));
    const { totalSteps } = this.progress;
    work.report({ stage: 'Reinforcement learning (GRPO)', done: step, total: totalSteps, line });
  }

  private completionRows({ questions, texts, completions, rewards, terms, advantages }: Rollout, step: number) {
    return texts.map((completion, i) => ({
      step,
      id: questions[i]!.example.id,
      completion,
      tokens: completions[i]!.tokenIds.length,
      stop: completions[i]!.stop,
      reward: rewards[i]!,
      terms: terms[i]!,
      advantage: advantages[i]!,
    }));
  }

  private async saveCheckpoint(): Promise<void> {
    const { rollout, tokens, rewardState: reward } = this;
    const state = { rollout, tokens, reward };
    await this.folder.saveCheckpoint(this.progress.steps, this.adapter, this.stepper.optimizer, state);
    await this.setState('running');
  }

  private async setState(state: 'running' | 'complete'): Promise<void> {
    await this.folder.setState({ state, ...this.progress, error: null });
  }
}

/** TRL's metrics of the completions and rewards; lengths count the end token. */
function rolloutMetrics({ completions, rewards }: Rollout, { reward, groupSize }: GrpoConfig): Record<string, number> {
  const lengths = completions.map(({ tokenIds }) => tokenIds.length);
  const ended = completions.filter(({ stop }) => stop === 'end').map(({ tokenIds }) => tokenIds.length);
  const known = rewards.filter((value): value is number => value !== null);
  const deviations = completions.flatMap((_, i) => {
    if (i % groupSize !== 0) return [];
    return [standardDeviation(rewards.slice(i, i + groupSize).filter((value): value is number => value !== null))];
  });
  return {
    reward: mean(known),
    reward_std: mean(deviations),
    frac_reward_zero_std: deviations.filter((value) => value === 0).length / deviations.length,
    [`rewards/${reward}/mean`]: mean(known),
    [`rewards/${reward}/std`]: standardDeviation(known),
    'completions/mean_length': mean(lengths),
    'completions/min_length': Math.min(...lengths),
    'completions/max_length': Math.max(...lengths),
    'completions/clipped_ratio': 1 - ended.length / completions.length,
    'completions/mean_terminated_length': mean(ended),
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / Math.max(1, values.length);
}

/** Of a sample (n - 1), as torch.std. */
function standardDeviation(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const center = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - center) ** 2, 0) / (values.length - 1));
}
