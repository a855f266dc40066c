/**
 * Supervised fine-tuning of a LoRA adapter on answers about films (paper.md, "SFT").
 *
 * Departures from the paper, in every run (those of settings are listed in the run's config.json besides):
 * - precision f32 instead of bf16, whatever is asked: the results are those of f32, memory is larger;
 * - visual tokens: as many as the model's folder gives (256 for MedGemma; Qwen2.5-VL by its processor's min_pixels and
 *   max_pixels), so that a film is read elsewhere as it was trained on; less or more than the paper's 256 to 512 is a departure;
 * - early stopping keeps the adapter of the epoch with the lowest validation loss (the paper does not say which; `keep`);
 * - image features of the frozen vision encoder are computed once per film, which changes nothing.
 * As in the paper: the loss is the negative log-likelihood of the assistant's tokens (and of the end of its turn) only,
 * normalized over all supervised tokens of the step; AdamW, cosine schedule with warm-up, gradient-norm clipping.
 */
import { WorkbenchError } from '../base/errors.ts';
import { nextTurn, pausePoint, throwIfCancelled, type Work } from '../base/progress.ts';
import { Random } from '../base/random.ts';
import { adapterTarget } from '../models/network.ts';
import type { ImageFeatures, Runner } from '../models/runner.ts';
import type { TrainableModel } from '../models/trainable.ts';
import type { Adapter } from '../peft/adapter.ts';
import { createAdapter, type LoraSettings } from '../peft/adapterFolder.ts';
import type { ImageProcessor, ImageTokenBounds } from '../preprocessing/imageProcessor.ts';
import { answerSequence, type PromptModel, type TrainingSequence } from './batch.ts';
import { fallbacks, fieldDepartures, imageTokenFallbacks, type SftConfig } from './config.ts';
import { Divergence, type DivergenceState } from './divergence.ts';
import type { TrainingEngine } from './engine.ts';
import { engineBatch, FeatureCache } from './features.ts';
import { type DropoutMasks, loraDropout, type TrainedAdapter, trainedAdapter } from './lora.ts';
import { sftLoss, type TokenStatistics } from './loss.ts';
import type { Probe } from './probe.ts';
import { RunFolder, type RunProgress } from './run.ts';
import { dataOf, drawExamples, holdOut } from './split.ts';
import { demandRate, epochOrder, type LossPart, Stepper } from './step.ts';
import { Supervision, type SupervisionState } from './supervision.ts';
import { asEngine } from './tfjsEngine.ts';
import type { Chosen, TrainingExample } from './types.ts';

export interface SftRun {
  /** What trains: a model on tfjs, or another engine. */
  model: TrainableModel | TrainingEngine;
  prompt: PromptModel;
  processor: ImageProcessor;
  examples: readonly TrainingExample[];
  /** An adapter to go on from; null: a new one. */
  start: Adapter | null;
  config: SftConfig;
  folder: string;
  /** How the adapter names its base. */
  baseName: string;
  /** Why settings differ from the paper, by field. */
  reasons?: Readonly<Record<string, string>>;
  /** Films of both institutions that are looked at while training, and what answers them; absent: none. */
  probe?: { films: Probe; runner: Runner };
  now: Date;
  /** How long a run waits between two tries to write on a full disk. */
  diskWaitMs?: number;
  work: Work<RunProgress>;
}

export interface SftResult {
  adapter: Adapter;
  steps: number;
  /** What the kept adapter was chosen on, and the step that it is of. */
  chosen: Chosen;
  stoppedEarly: boolean;
  /** Lowest validation loss and its epoch (from 1); null without held-out films. */
  best: { loss: number; epoch: number } | null;
}

/** Runs, or resumes the run in `folder`; a cancelled run stops between two steps and can be resumed. */
export async function trainSft(run: SftRun): Promise<SftResult> {
  const trainer = new SftTrainer(run);
  return trainer.run();
}

/** What a checkpoint stores besides adapters and moments. */
interface SftState {
  tokens: number;
  worse: number;
  best: SftResult['best'];
  supervision: SupervisionState;
  divergence: DivergenceState;
}

class SftTrainer {
  private readonly engine: TrainingEngine;
  private readonly folder: RunFolder;
  private readonly features: FeatureCache;
  private readonly adapter: TrainedAdapter;
  private readonly stepper: Stepper;
  private readonly supervision: Supervision;
  private readonly divergence: Divergence;
  private readonly training: TrainingExample[];
  private readonly heldOut: TrainingExample[];
  private readonly sequences = new Map<TrainingExample, TrainingSequence>();
  private readonly stepsPerEpoch: number;
  private readonly totalSteps: number;
  private step = 0;
  private tokens = 0;
  /** Lowest validation loss so far. */
  private best: SftResult['best'] = null;
  /** Epochs since the best one. */
  private worse = 0;

  constructor(private readonly settings: SftRun) {
    const { model, config, examples, processor, prompt, probe, work, diskWaitMs: waitMs } = settings;
    this.engine = asEngine(model);
    const target = adapterTarget(this.engine);
    const watch = { stage: 'Fine-tuning (SFT)', work, progress: () => this.progress };
    const waiting = waitMs === undefined ? {} : { waitMs };
    this.folder = new RunFolder(settings.folder, target, settings.baseName, { ...watch, ...waiting });
    this.features = new FeatureCache(this.engine, processor);
    const { training, heldOut } = holdOut(
      drawExamples(examples, config.samples, config.seed),
      config.heldOut,
      config.seed,
    );
    this.training = training;
    this.heldOut = heldOut;
    if (training.length === 0) throw new WorkbenchError('TRAINING_EMPTY', 'There is no film to train on.');
    this.adapter = trainedAdapter(settings.start ?? newAdapter(this.engine, config));
    this.stepsPerEpoch = Math.ceil(training.length / config.batchSize);
    const wanted = this.stepsPerEpoch * config.epochs;
    this.totalSteps = config.maxSteps > 0 ? Math.min(config.maxSteps, wanted) : wanted;
    demandRate({ ...config, totalSteps: this.totalSteps });
    this.stepper = new Stepper(this.adapter.parameters, { ...config, totalSteps: this.totalSteps });
    this.divergence = new Divergence({ diverging: config.diverging, limit: config.divergeLoss, relative: true });
    const { features, adapter, folder } = this;
    const engine = probe ? { runner: probe.runner, prompt, features, signal: work.signal } : null;
    this.supervision = new Supervision({
      ...{ trainer: this.engine, prompt, adapter, folder, keep: config.keep, probeEvery: config.probeEvery, engine },
      probe: probe?.films ?? null,
      report: (line) => folder.report(line),
    });
  }

  async run(): Promise<SftResult> {
    try {
      await this.begin();
      await this.folder.setRunning();
      while (this.step < this.totalSteps && !this.stoppedEarly) {
        await this.pauseOrStopHere();
        await this.trainStep();
        if (this.atEpochEnd()) await this.endEpoch();
        await this.supervision.probeIfDue(this.step - 1, this.step, this.atEnd);
        if (this.isCheckpoint()) await this.saveCheckpoint();
      }
      return await this.finish();
    } catch (error) {
      await this.folder.setEnded(error);
      throw error;
    } finally {
      await this.folder.leave();
    }
  }

  private get progress(): { steps: number; totalSteps: number } {
    return { steps: this.step, totalSteps: this.totalSteps };
  }

  private async begin(): Promise<void> {
    const { config, examples, start, reasons, now } = this.settings;
    const { info, executor } = this.engine;
    const instead = fallbacks(config, executor);
    const images = imageTokenFallbacks(config, this.imageTokens());
    const resumes = await this.folder.begin({
      kind: 'sft',
      createdAt: now.toISOString(),
      config,
      asRun: { ...instead.asRun, ...images.asRun },
      departures: [...instead.departures, ...images.departures, ...fieldDepartures('sft', config, reasons)],
      baseHash: info.weightsHash,
      startHash: start?.hash ?? null,
      executor: `${executor.name} ${executor.version}`,
      data: dataOf(examples),
    });
    const checkpoint = resumes ? await this.folder.restoreCheckpoint(this.adapter, this.stepper.optimizer) : null;
    const state = (checkpoint?.state ?? null) as SftState | null;
    if (checkpoint && state) {
      this.step = checkpoint.step;
      this.tokens = state.tokens;
      this.worse = state.worse;
      this.divergence.state = state.divergence;
      this.best = state.best;
    }
    await this.supervision.begin(await this.canary(), state?.supervision ?? null, checkpoint?.best ?? null);
  }

  private imageTokens(): ImageTokenBounds {
    const { imageTokens } = this.engine.info;
    const fixed = { least: imageTokens, most: imageTokens, pixelsPerToken: 0 };
    return this.settings.processor.imageTokens ?? fixed;
  }

  private async canary() {
    const [film] = this.training;
    const [sequence] = await this.sequencesOf([film!]);
    const [features] = await this.features.get([film!]);
    return { promptIds: sequence!.ids.slice(0, sequence!.promptLength), features: features! };
  }

  /** Paused or stopped between two steps, a run loses none of them. */
  private async pauseOrStopHere(): Promise<void> {
    const { work } = this.settings;
    if ((work.signal.aborted || work.pause?.asked) && this.step > 0) await this.saveCheckpoint();
    await pausePoint(work);
  }

  private async trainStep(): Promise<void> {
    const { config } = this.settings;
    const started = performance.now();
    const batch = this.batchOf(this.step);
    const sequences = await this.sequencesOf(batch);
    const supervised = sequences.reduce((sum, { targetLength }) => sum + targetLength, 0);
    const statistics: TokenStatistics = { tokens: 0, entropy: 0, correct: 0 };
    const random = new Random(config.seed).fork(`dropout ${this.step}`);
    const parts: LossPart[] = [];
    for (let start = 0; start < batch.length; start += config.microBatch) {
      const examples = batch.slice(start, start + config.microBatch);
      const dropout = loraDropout(config.dropout, random.fork(`${start}`));
      const options = { dropout, statistics, checkpointing: config.gradientCheckpointing };
      parts.push(await this.lossPart(examples, supervised, options));
    }
    const stepped = await this.stepper.step(parts, (loss, gradNorm) =>
      this.divergence.judge({ step: this.step + 1, loss, gradNorm, value: loss }),
    );
    const { loss, gradNorm, learningRate, tensorBytes } = stepped;
    this.step++;
    this.tokens += sequences.reduce((sum, { ids }) => sum + ids.length, 0);
    await this.folder.report({
      step: this.step,
      loss,
      grad_norm: gradNorm,
      learning_rate: learningRate,
      mean_token_accuracy: statistics.correct / statistics.tokens,
      entropy: statistics.entropy / statistics.tokens,
      ...this.divergence.columns(),
      num_tokens: this.tokens,
      epoch: this.step / this.stepsPerEpoch,
      step_time: (performance.now() - started) / 1000,
      memory_bytes: process.memoryUsage().rss,
      memory_tensor_bytes: tensorBytes,
    });
    await this.supervision.afterStep(this.step, stepped);
    await nextTurn();
  }

  /** The last batch of an epoch may be smaller, as in the Trainer of transformers. */
  private batchOf(step: number): TrainingExample[] {
    const { batchSize, seed } = this.settings.config;
    const order = epochOrder(this.training.length, seed, Math.floor(step / this.stepsPerEpoch));
    const start = (step % this.stepsPerEpoch) * batchSize;
    return order.slice(start, start + batchSize).map((index) => this.training[index]!);
  }

  private async lossPart(
    examples: readonly TrainingExample[],
    supervised: number,
    options: AnswerLossOptions,
  ): Promise<LossPart> {
    const features = await this.features.get(examples);
    const sequences = await this.sequencesOf(examples);
    return answerLoss(this.engine, this.adapter, sequences, features, supervised, options);
  }

  /** Made when first needed: tokenizing thousands of answers at once would keep the engine from everything else. */
  private async sequencesOf(examples: readonly TrainingExample[]): Promise<TrainingSequence[]> {
    const { prompt } = this.settings;
    for (const example of examples) {
      if (this.sequences.has(example)) continue;
      // How many tokens stand for the film may depend on its size.
      const grid = await this.features.grid(example);
      this.sequences.set(
        example,
        answerSequence(example.promptText, example.targetText, grid, prompt, this.engine.info),
      );
    }
    return examples.map((example) => this.sequences.get(example)!);
  }

  private atEpochEnd(): boolean {
    return this.step % this.stepsPerEpoch === 0 || this.step === this.totalSteps;
  }

  private get atEnd(): boolean {
    return this.step === this.totalSteps || this.stoppedEarly;
  }

  private get stoppedEarly(): boolean {
    const { patience } = this.settings.config;
    return patience > 0 && this.worse >= patience;
  }

  private async endEpoch(): Promise<void> {
    if (this.heldOut.length === 0) return;
    const epoch = Math.ceil(this.step / this.stepsPerEpoch);
    const { loss, accuracy } = await this.validate();
    const done = this.step / this.stepsPerEpoch;
    await this.folder.report({ step: this.step, eval_loss: loss, eval_mean_token_accuracy: accuracy, epoch: done });
    const improved = this.best === null || loss < this.best.loss;
    if (improved) this.best = { loss, epoch };
    this.supervision.considerLoss(this.step, loss);
    this.worse = improved ? 0 : this.worse + 1;
  }

  /** Mean negative log-likelihood of a supervised token over the held-out films. */
  private async validate(): Promise<{ loss: number; accuracy: number }> {
    const { config, work } = this.settings;
    const statistics: TokenStatistics = { tokens: 0, entropy: 0, correct: 0 };
    let sum = 0;
    for (let start = 0; start < this.heldOut.length; start += config.batchSize) {
      throwIfCancelled(work.signal);
      const examples = this.heldOut.slice(start, start + config.batchSize);
      const features = await this.features.get(examples);
      const batch = engineBatch(this.engine, await this.sequencesOf(examples), features);
      sum += sftLoss(await this.engine.logProbabilities(batch, this.adapter, { temperature: 1, statistics }), 1).loss;
      await nextTurn();
    }
    return { loss: sum / statistics.tokens, accuracy: statistics.correct / statistics.tokens };
  }

  private isCheckpoint(): boolean {
    return this.step % this.settings.config.checkpointEvery === 0 || this.atEpochEnd();
  }

  private async saveCheckpoint(): Promise<void> {
    const { tokens, worse, best, supervision } = this;
    const { state: divergence } = this.divergence;
    const state = { tokens, worse, best, supervision: supervision.state, divergence } satisfies SftState;
    await this.folder.saveCheckpoint(this.step, this.adapter, this.stepper.optimizer, { ...state }, supervision.best);
    await this.folder.setRunning();
  }

  private async finish(): Promise<SftResult> {
    const chosen = this.supervision.chosen(this.step);
    const adapter = await this.supervision.finish(this.step);
    await this.folder.setComplete(chosen);
    return { adapter, steps: this.step, chosen, stoppedEarly: this.stoppedEarly, best: this.best };
  }
}

function newAdapter(engine: TrainingEngine, config: SftConfig): Adapter {
  return createAdapter(adapterTarget(engine), loraSettings(config), new Random(config.seed).fork('adapter'));
}

/** The new adapter of a run. */
export function loraSettings({ rank, alpha, dropout, targets }: SftConfig): LoraSettings {
  return {
    r: rank,
    lora_alpha: alpha,
    lora_dropout: dropout,
    target_modules: targets.split(',').map((name) => name.trim()),
  };
}

export interface AnswerLossOptions {
  dropout?: DropoutMasks | null;
  /** Counted up by every pass. */
  statistics?: TokenStatistics;
  checkpointing?: boolean;
}

/**
 * The part of a micro-batch in the loss of a step whose micro-batches have `supervised` supervised tokens in all.
 * `features[i]` belongs to sequence i (null: it has no image); one micro-batch is one forward pass.
 */
export function answerLoss(
  engine: TrainingEngine,
  adapter: TrainedAdapter,
  sequences: readonly TrainingSequence[],
  features: readonly (ImageFeatures | null)[],
  supervised: number,
  { dropout = null, statistics, checkpointing = false }: AnswerLossOptions = {},
): LossPart {
  const batch = engineBatch(engine, sequences, features);
  const objective = { kind: 'sft', supervised } as const;
  const settings = { temperature: 1, objective, dropout, checkpointing, ...(statistics ? { statistics } : {}) };
  return () => engine.gradients(batch, adapter, settings);
}
