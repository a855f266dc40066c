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
import type { Tensor, Tensor1D } from '@tensorflow/tfjs-core';
import { WorkbenchError } from '../base/errors.ts';
import { nextTurn, throwIfCancelled, type Work } from '../base/progress.ts';
import { Random } from '../base/random.ts';
import { type Completion, type GenerationRequest, generate } from '../generation/generate.ts';
import { adapterTarget } from '../models/gemma3/names.ts';
import type { Runner } from '../models/runner.ts';
import type { TrainableModel } from '../models/trainable.ts';
import type { Adapter } from '../peft/adapter.ts';
import type { ProcessorConfig } from '../preprocessing/gemma3Processor.ts';
import { type RewardState, scoreCompletions } from '../rewards/rewards.ts';
import { imageQuestion, promptInput } from '../text/promptInput.ts';
import { completionSequence, type PromptModel, type TrainingSequence, trainingBatch } from './batch.ts';
import { fieldDepartures, type GrpoConfig, rewardSettings } from './config.ts';
import { FeatureCache, featureInput, placeImages } from './features.ts';
import { asTensors } from './gradients.ts';
import { loraInputs, snapshot, type TrainedAdapter, trainedAdapter } from './lora.ts';
import {
  type GrpoMetrics,
  type GrpoSettings,
  groupAdvantages,
  grpoLoss,
  hostLoss,
  type TokenStatistics,
  tokenLogProbs,
} from './loss.ts';
import { RunFolder, type RunProgress, stateAfter } from './run.ts';
import { dataOf, drawExamples } from './split.ts';
import { epochOrder, type LossPart, Stepper, type StepReport } from './step.ts';
import type { Departure, TrainingExample, TrainingLogLine } from './types.ts';

export interface GrpoRun {
  model: TrainableModel;
  /** What samples the completions: the same base, on the fastest executor that is there. */
  runner: Runner;
  prompt: PromptModel;
  processor: ProcessorConfig;
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
  features: Float32Array;
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
  /** By the text of the prompt. */
  private readonly promptIds = new Map<string, number[]>();
  private readonly rolloutsPerEpoch: number;
  private readonly rollouts: number;
  private rollout = 0;
  private tokens = 0;
  private rewardState: RewardState = null;

  constructor(private readonly settings: GrpoRun) {
    const { model, config, examples, processor, start } = settings;
    const target = adapterTarget(model.config, model.info.weightsHash);
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
      const question = { example, promptIds: this.promptIdsOf(example.promptText), features: features[i]! };
      return new Array<Question>(this.settings.config.groupSize).fill(question);
    });
  }

  private promptIdsOf(promptText: string): number[] {
    const { model, prompt } = this.settings;
    let ids = this.promptIds.get(promptText);
    if (ids === undefined) {
      ids = promptInput(imageQuestion(promptText), [model.info.imageTokens], prompt).inputIds;
      this.promptIds.set(promptText, ids);
    }
    return ids;
  }

  private request({ promptIds, features }: Question, adapter: Adapter, index: number): GenerationRequest {
    const { config, model } = this.settings;
    const { temperature, topP, seed, maxCompletionLength } = config;
    const { imageTokens, width, endTokenIds } = model.info;
    return {
      promptIds,
      images: { data: features, count: 1, tokens: imageTokens, width },
      adapter,
      sampling: { temperature, topK: 0, topP, seed: new Random(seed).fork(`sample ${this.rollout} ${index}`).uint32() },
      maxNewTokens: maxCompletionLength,
      stopIds: endTokenIds,
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

/** Completions that go through the network at once. `features[i]` belongs to sequence i; a group shares one array. */
export interface PolicyBatch {
  sequences: readonly TrainingSequence[];
  features: readonly Float32Array[];
  advantages: readonly (number | null)[];
}

interface PolicyRow {
  sequence: TrainingSequence;
  features: Float32Array;
  advantage: number | null;
}

function policyBatches(rows: readonly PolicyRow[], size: number): PolicyBatch[] {
  const batches: PolicyBatch[] = [];
  for (let start = 0; start < rows.length; start += size) {
    const some = rows.slice(start, start + size);
    batches.push({
      sequences: some.map(({ sequence }) => sequence),
      features: some.map(({ features }) => features),
      advantages: some.map(({ advantage }) => advantage),
    });
  }
  return batches;
}

/** Log-probabilities of a batch's completion tokens, one completion after the other. */
export interface PolicyGiven {
  /** When the completions were drawn; null: they are the present ones. */
  old: Float32Array | null;
  /** Of the reference policy. */
  ref: Float32Array;
}

/** What one pass of a batch saw; filled by the pass. */
export interface PolicyPass {
  logps: Float32Array;
  metrics: GrpoMetrics;
  statistics: TokenStatistics;
}

/** A batch's part of the loss of a step that has `completions` completions in all. */
export function policyLoss(
  model: TrainableModel,
  adapter: TrainedAdapter,
  batch: PolicyBatch,
  given: PolicyGiven,
  settings: GrpoSettings & { temperature: number },
  completions: number,
): { part: LossPart; pass: PolicyPass } {
  const { logps, lengths } = policyPass(model, adapter, batch, settings.temperature);
  const pass: PolicyPass = {
    logps: new Float32Array(),
    metrics: { kl: 0, clipRatio: { low: 0, high: 0, region: 0, lowMin: 0, highMax: 0 } },
    statistics: { tokens: 0, entropy: 0, correct: 0 },
  };
  const part: LossPart = (tensors) =>
    hostLoss(model.tf, logps(tensors, pass.statistics), (values) => {
      pass.logps = values;
      const { old: oldLogps, ref: refLogps } = given;
      const { metrics, ...loss } = grpoLoss(
        values,
        { lengths, advantages: batch.advantages, oldLogps, refLogps },
        settings,
        completions,
      );
      pass.metrics = metrics;
      return loss;
    });
  return { part, pass };
}

/** Log-probabilities of the completions' tokens under softmax(logits / temperature), without gradient. */
export function completionLogps(
  model: TrainableModel,
  adapter: TrainedAdapter | null,
  batch: PolicyBatch,
  temperature: number,
): Float32Array {
  const { logps } = policyPass(model, adapter, batch, temperature);
  let values = new Float32Array();
  model.tf.tidy(() => {
    const tensors = adapter === null ? new Map() : asTensors(model.tf, adapter.parameters);
    values = logps(tensors).dataSync() as Float32Array<ArrayBuffer>;
  });
  return values;
}

function policyPass(model: TrainableModel, adapter: TrainedAdapter | null, batch: PolicyBatch, temperature: number) {
  const images = placeImages(batch.features);
  const { input, targets, lengths } = trainingBatch(batch.sequences, images.places, model.info);
  const logps = (tensors: ReadonlyMap<string, Tensor>, statistics?: TokenStatistics): Tensor1D => {
    const options = adapter === null ? {} : { lora: loraInputs(tensors, adapter.scales) };
    const logits = model.languageLogits({ ...input, ...featureInput(model, images.distinct) }, options);
    return tokenLogProbs(model.tf, logits, targets, temperature, statistics);
  };
  return { logps, lengths };
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

/** TRL's metrics of the loss, over the tokens of the whole step. */
export function policyMetrics(passes: readonly PolicyPass[]): Record<string, number> {
  const tokens = passes.reduce((sum, { statistics }) => sum + statistics.tokens, 0);
  const overTokens = (value: (metrics: GrpoMetrics) => number) =>
    passes.reduce((sum, { metrics, statistics }) => sum + value(metrics) * statistics.tokens, 0) / Math.max(1, tokens);
  return {
    kl: overTokens(({ kl }) => kl),
    entropy: passes.reduce((sum, { statistics }) => sum + statistics.entropy, 0) / Math.max(1, tokens),
    'clip_ratio/low_mean': overTokens(({ clipRatio }) => clipRatio.low),
    'clip_ratio/high_mean': overTokens(({ clipRatio }) => clipRatio.high),
    'clip_ratio/region_mean': overTokens(({ clipRatio }) => clipRatio.region),
    'clip_ratio/low_min': Math.min(...passes.map(({ metrics }) => metrics.clipRatio.lowMin)),
    'clip_ratio/high_max': Math.max(...passes.map(({ metrics }) => metrics.clipRatio.highMax)),
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
