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
 * - the sampler is another engine, and its numbers differ a little: the difference is logged in each step, and a token's
 *   policy term weighed by p(trainer) / p(sampler), at most `importanceCap` (both after temperature and before top-p: what
 *   top-p takes away is not corrected);
 * - learning rate, batch, steps on a rollout, maximum length, weight decay, schedule: not stated; see config.ts;
 * - dropout is off here, in both policies (not stated), so that the ratio compares policies and not masks;
 * - a film whose labels cannot be read gives its completions no advantage; they still count for the KL term;
 * - precision f32 instead of bf16.
 */
import { WorkbenchError } from '../base/errors.ts';
import { sha256 } from '../base/hash.ts';
import { nextTurn, pausePoint, throwIfCancelled, type Work } from '../base/progress.ts';
import { adapterTarget } from '../models/network.ts';
import { type ImageFeatures, type Runner, tokensOf } from '../models/runner.ts';
import type { TrainableModel } from '../models/trainable.ts';
import type { Adapter } from '../peft/adapter.ts';
import type { ImageProcessor } from '../preprocessing/imageProcessor.ts';
import { openReward, type Reward, type RewardState } from '../rewards/rewards.ts';
import type { UserRewardFile } from '../rewards/userReward.ts';
import { imageQuestion, promptInput } from '../text/promptInput.ts';
import type { PromptModel } from './batch.ts';
import { fallbacks, fieldDepartures, type GrpoConfig, rewardSettings } from './config.ts';
import { Divergence, type DivergenceState } from './divergence.ts';
import type { TrainingEngine } from './engine.ts';
import { FeatureCache } from './features.ts';
import { snapshot, type TrainedAdapter, trainedAdapter } from './lora.ts';
import { completionLogps, type PolicyGiven, type PolicyPass, policyLoss, policyMetrics } from './policy.ts';
import type { Probe } from './probe.ts';
import {
  completionRows,
  dominanceOf,
  drawCompletions,
  labelSetOf,
  type Question,
  type Rollout,
  rewardSamples,
  rolloutMetrics,
  rolloutOf,
} from './rollout.ts';
import { RunFolder, type RunProgress } from './run.ts';
import { dataOf, drawExamples } from './split.ts';
import { demandRate, epochOrder, Stepper, type StepReport } from './step.ts';
import { Supervision, type SupervisionState } from './supervision.ts';
import { asEngine } from './tfjsEngine.ts';
import type { Chosen, TrainingExample, TrainingLogLine } from './types.ts';

export interface GrpoRun {
  /** What trains: a model on tfjs, or another engine. */
  model: TrainableModel | TrainingEngine;
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
  /** Films of both institutions that are looked at while training; absent: none. */
  probe?: Probe;
  /** For the reward `file`. */
  rewardFile?: UserRewardFile;
  now: Date;
  work: Work<RunProgress>;
}

export interface GrpoResult {
  adapter: Adapter;
  steps: number;
  /** What the kept adapter was chosen on, and the step that it is of. */
  chosen: Chosen;
}

/** Runs, or resumes the run in `folder`; a cancelled run stops between two rollouts, or within one, which is then redone. */
export async function trainGrpo(run: GrpoRun): Promise<GrpoResult> {
  const trainer = new GrpoTrainer(run);
  return trainer.run();
}

/** Answers whose label sets are looked at for dominance. */
const WINDOW = 100;

/** What a checkpoint stores besides adapters and moments. */
interface GrpoState {
  rollout: number;
  tokens: number;
  reward: RewardState;
  /** Label sets of the last answers, oldest first. */
  recent: string[];
  supervision: SupervisionState;
  divergence: DivergenceState;
}

class GrpoTrainer {
  private readonly engine: TrainingEngine;
  private readonly folder: RunFolder;
  private readonly features: FeatureCache;
  private readonly adapter: TrainedAdapter;
  private readonly reference: TrainedAdapter;
  private readonly stepper: Stepper;
  private readonly divergence: Divergence;
  private readonly films: TrainingExample[];
  /** By the text of the prompt and the image's tokens. */
  private readonly promptIds = new Map<string, number[]>();
  private readonly rolloutsPerEpoch: number;
  private readonly rollouts: number;
  private readonly supervision: Supervision;
  private readonly reward: Reward;
  private rollout = 0;
  private tokens = 0;
  private rewardState: RewardState = null;
  private recent: string[] = [];

  constructor(private readonly settings: GrpoRun) {
    const { model, config, examples, processor, start, prompt, runner, work, probe } = settings;
    this.engine = asEngine(model);
    const target = adapterTarget(this.engine);
    const watch = { stage: 'Reinforcement learning (GRPO)', work, progress: () => this.progress };
    this.folder = new RunFolder(settings.folder, target, settings.baseName, watch);
    this.features = new FeatureCache(this.engine, processor);
    this.films = drawExamples(examples, config.samples, config.seed);
    if (this.films.length === 0) throw new WorkbenchError('TRAINING_EMPTY', 'There is no film to train on.');
    this.adapter = trainedAdapter(start);
    this.reference = trainedAdapter(start);
    this.rolloutsPerEpoch = Math.ceil(this.films.length / config.promptsPerStep);
    const wanted = this.rolloutsPerEpoch * config.epochs;
    this.rollouts = config.maxSteps > 0 ? Math.min(config.maxSteps, wanted) : wanted;
    const totalSteps = this.rollouts * config.iterations;
    demandRate({ ...config, totalSteps });
    this.stepper = new Stepper(this.adapter.parameters, { ...config, totalSteps });
    this.divergence = new Divergence({ diverging: config.diverging, limit: config.divergeKl, relative: false });
    this.reward = openReward(config.reward, rewardSettings(config), settings.rewardFile);
    const { features, adapter, folder } = this;
    this.supervision = new Supervision({
      ...{ trainer: this.engine, prompt, adapter, folder, keep: config.keep, probeEvery: config.probeEvery },
      probe: probe ?? null,
      engine: { runner, prompt, features, signal: work.signal },
      report: (line) => folder.report(line, line.step),
    });
  }

  async run(): Promise<GrpoResult> {
    try {
      await this.begin();
      await this.folder.setRunning();
      while (this.rollout < this.rollouts) {
        await this.pauseOrStopHere();
        const before = this.progress.steps;
        await this.train(await this.sample());
        const atEnd = this.rollout === this.rollouts;
        await this.supervision.probeIfDue(before, this.progress.steps, atEnd);
        if (atEnd || this.rollout % this.settings.config.checkpointEvery === 0) await this.saveCheckpoint();
      }
      return await this.finish();
    } catch (error) {
      await this.folder.setEnded(error);
      throw error;
    } finally {
      await this.reward.close();
      await this.folder.leave();
    }
  }

  /** In optimizer steps. */
  private get progress(): { steps: number; totalSteps: number } {
    const { iterations } = this.settings.config;
    return { steps: this.rollout * iterations, totalSteps: this.rollouts * iterations };
  }

  private async begin(): Promise<void> {
    const { config, examples, start, reasons, now, runner, rewardFile } = this.settings;
    const { info, executor } = this.engine;
    const instead = fallbacks(config, executor);
    const resumes = await this.folder.begin({
      kind: 'grpo',
      createdAt: now.toISOString(),
      config,
      asRun: instead.asRun,
      departures: [...instead.departures, ...fieldDepartures('grpo', config, reasons)],
      baseHash: info.weightsHash,
      startHash: start.hash,
      executor: `${executor.name} ${executor.version}; samples by ${runner.executor.name}`,
      data: dataOf(examples),
      rewardHash: rewardFile ? sha256(rewardFile.source) : null,
    });
    const checkpoint = resumes ? await this.folder.restoreCheckpoint(this.adapter, this.stepper.optimizer) : null;
    const state = (checkpoint?.state ?? null) as GrpoState | null;
    if (state) {
      this.rollout = state.rollout;
      this.tokens = state.tokens;
      this.rewardState = state.reward;
      this.recent = state.recent;
      this.divergence.state = state.divergence;
    }
    const [canary] = await this.questionsOf(this.films.slice(0, 1));
    await this.supervision.begin(canary!, state?.supervision ?? null, checkpoint?.best ?? null);
  }

  /** Paused or stopped between two rollouts, a run loses none of them; within one, what was drawn is kept. */
  private async pauseOrStopHere(): Promise<void> {
    const { work } = this.settings;
    if ((work.signal.aborted || work.pause?.asked) && this.rollout > 0) await this.saveCheckpoint();
    await pausePoint(work);
  }

  /** Completions of this rollout's films by the present policy, and their advantages. */
  private async sample(): Promise<Rollout> {
    const { config, runner, prompt, work } = this.settings;
    const { tokenizer } = prompt;
    const started = performance.now();
    const questions = await this.questionsOf(this.filmsOfRollout());
    const engine = { runner, tokenizer, config, folder: this.folder, signal: work.signal };
    const completions = await drawCompletions(engine, questions, snapshot(this.adapter), this.rollout);
    const texts = completions.map(({ tokenIds }) => tokenizer.decode(tokenIds));
    const samples = rewardSamples(completions, texts, questions);
    const scored = await this.reward.score(samples, this.rewardState);
    this.rewardState = scored.state;
    this.recent = [...this.recent, ...texts.map(labelSetOf).filter((set) => set !== null)].slice(-WINDOW);
    const seconds = (performance.now() - started) / 1000;
    const rollout = rolloutOf(questions, completions, texts, scored, config, seconds);
    for (const { sequences } of rollout.batches) for (const { ids } of sequences) this.tokens += ids.length;
    return rollout;
  }

  /** The last rollout of an epoch may be smaller. */
  private filmsOfRollout(): TrainingExample[] {
    const { promptsPerStep, seed } = this.settings.config;
    const order = epochOrder(this.films.length, seed, Math.floor(this.rollout / this.rolloutsPerEpoch));
    const start = (this.rollout % this.rolloutsPerEpoch) * promptsPerStep;
    return order.slice(start, start + promptsPerStep).map((index) => this.films[index]!);
  }

  /** One for each completion, group after group. */
  private async questionsOf(films: readonly TrainingExample[]): Promise<Question[]> {
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

  /** The optimizer steps on one rollout. */
  private async train(rollout: Rollout): Promise<void> {
    const { config, work } = this.settings;
    const { batches } = rollout;
    const completions = rollout.completions.length;
    const started = performance.now();
    const given: PolicyGiven[] = [];
    for (const batch of batches)
      given.push({ old: null, ref: await completionLogps(this.engine, this.reference, batch, config.temperature) });
    for (let iteration = 0; iteration < config.iterations; iteration++) {
      throwIfCancelled(work.signal);
      const losses = batches.map((batch, i) =>
        policyLoss(this.engine, this.adapter, batch, given[i]!, config, completions),
      );
      const passes = losses.map(({ pass }) => pass);
      const step = this.progress.steps + iteration + 1;
      const stepped = await this.stepper.step(
        losses.map(({ part }) => part),
        (loss, gradNorm) => this.divergence.judge({ step, loss, gradNorm, value: policyMetrics(passes)['kl']! }),
      );
      passes.forEach(({ logps }, i) => {
        given[i]!.old ??= logps;
      });
      const seconds = (performance.now() - started) / 1000 + rollout.seconds;
      await this.folder.report(this.lineOf(step, rollout, iteration, stepped, passes, seconds), step);
      if (iteration === 0) await this.folder.logCompletions(completionRows(rollout, step));
      await this.supervision.afterStep(step, stepped);
      await nextTurn();
    }
    this.rollout++;
  }

  private lineOf(
    step: number,
    rollout: Rollout,
    iteration: number,
    { loss, gradNorm, learningRate, tensorBytes }: StepReport,
    passes: readonly PolicyPass[],
    seconds: number,
  ): TrainingLogLine {
    const { config } = this.settings;
    const dominant = dominanceOf(this.recent);
    return {
      step,
      loss,
      grad_norm: gradNorm,
      learning_rate: learningRate,
      ...rolloutMetrics(rollout, this.reward.name, config.groupSize),
      'completions/dominant_share': dominant.share,
      'completions/dominant_labels': dominant.set,
      ...policyMetrics(passes),
      ...this.divergence.columns(),
      num_tokens: this.tokens,
      epoch: (this.rollout + (iteration + 1) / config.iterations) / this.rolloutsPerEpoch,
      sampling_time: rollout.seconds,
      step_time: seconds,
      memory_bytes: process.memoryUsage().rss,
      memory_tensor_bytes: tensorBytes,
    };
  }

  private async saveCheckpoint(): Promise<void> {
    const { rollout, tokens, rewardState: reward, recent, supervision } = this;
    const own = { supervision: supervision.state, divergence: this.divergence.state };
    const state = { rollout, tokens, reward, recent, ...own } satisfies GrpoState;
    const { steps } = this.progress;
    await this.folder.saveCheckpoint(steps, this.adapter, this.stepper.optimizer, { ...state }, supervision.best);
    await this.folder.removeRolloutsBefore(rollout);
    await this.folder.setRunning();
  }

  private async finish(): Promise<GrpoResult> {
    const { steps } = this.progress;
    const chosen = this.supervision.chosen(steps);
    const adapter = await this.supervision.finish(steps);
    await this.folder.setComplete(chosen);
    return { adapter, steps, chosen };
  }
}
