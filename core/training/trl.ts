/**
 * The settings of a run as TRL has them (TRL 1.16, transformers 5.23, PEFT 0.21): which argument each of our fields becomes,
 * and what has no counterpart there. One row a field; the exported README prints the table, and train_sft.py and
 * train_grpo.py take `trl` as the keyword arguments of SFTConfig or GRPOConfig as they stand.
 *
 * Left out of `trl`, because the number of processes decides it: gradient_accumulation_steps, which the scripts work out from
 * `effectiveBatch`.
 */
import { WorkbenchError } from '../base/errors.ts';
import { configFields, type GrpoConfig, rewardSettings, type SftConfig, type TrainingKind } from './config.ts';
import { ADAMW, warmupSteps } from './optimizer.ts';
import { demandRate } from './step.ts';

export interface TrlRow {
  field: string;
  value: string;
  /** Where it stands there; empty: nowhere. */
  there: string;
  /** The run differs from ours by this; absent: one to one. */
  departure?: string;
}

export interface TrlSettings {
  kind: TrainingKind;
  /** Keyword arguments of SFTConfig or GRPOConfig. */
  trl: Record<string, string | number | boolean | object | null>;
  /** Sequences of one optimizer step. */
  effectiveBatch: number;
  precision: string;
  /** SFT: epochs without a better validation loss after which training stops. */
  patience: number;
  reward: string;
  rewardSettings: object;
  /** Arguments that hold only where vLLM samples. */
  vllm: Record<string, string | number | boolean>;
  /** Tokens that end a turn. */
  endTokenIds: readonly number[];
  /** Never sampled. */
  visionTokenIds: readonly number[];
}

export interface ExportedSizes {
  films: number;
  heldOut: number;
  endTokenIds: readonly number[];
  visionTokenIds: readonly number[];
}

type Where = [there: string, departure?: string];

const DATA: Where = ['data/: the rows that were drawn'];
const ADAPTER: Where = ['adapter/adapter_config.json'];
const IMAGE_TOKENS: Where = ['model/: the processor’s settings, as here'];
const NO_ALARM: Where = ['', 'TRL has no alarms; the log that comes back is judged by them.'];
const NO_PROBE: Where = ['', 'TRL has no probe of two institutions.'];
const NO_STOP: Where = ['', 'TRL does not stop a run that diverges.'];
const OWN_REWARD: Where = ['with reward “file” only, which is not exported'];
const REWARD: Where = ['settings.json: rewardSettings, read by rewards.py'];

const SHARED: Record<string, Where> = {
  promptId: ['data/*.jsonl: prompt; prompt.md'],
  microBatch: ['per_device_train_batch_size'],
  badInput: DATA,
  precision: ['bf16', 'Here the run is in f32 whatever is asked; there bf16 is bf16 (--precision f32 for f32).'],
  gradientCheckpointing: ['gradient_checkpointing'],
  seed: [
    'data/order.json; seed',
    'Order, draw and split are those of this seed; dropout and sampling draw from PyTorch.',
  ],
  executor: ['', 'PyTorch trains there.'],
  checkpointEvery: ['save_steps'],
  probeEvery: NO_PROBE,
  probeFilms: NO_PROBE,
  alarmProbeDrop: NO_PROBE,
  diverging: NO_STOP,
  samples: DATA,
  epochs: ['num_train_epochs'],
  learningRate: ['learning_rate'],
  weightDecay: ['weight_decay'],
  maxGradNorm: ['max_grad_norm'],
  schedule: ['lr_scheduler_type'],
  warmupRatio: ['warmup_steps'],
  maxSteps: ['max_steps'],
};

const FIELDS: Record<TrainingKind, Record<string, Where>> = {
  sft: {
    ...SHARED,
    checkpointEvery: [
      'save_strategy, save_steps',
      'With held-out films a checkpoint is written at the end of each epoch.',
    ],
    traces: DATA,
    differingTraces: DATA,
    reserveForGrpo: DATA,
    heldOut: ['data/held_out.jsonl'],
    patience: ['EarlyStoppingCallback'],
    batchSize: ['gradient_accumulation_steps x per_device_train_batch_size x processes'],
    optimizer: ['AdamW, TRL’s own too'],
    vision: ADAPTER,
    loss: ['data/*.jsonl: prompt and answer; tokens of the prompt are masked'],
    minImageTokens: IMAGE_TOKENS,
    maxImageTokens: IMAGE_TOKENS,
    rank: ADAPTER,
    alpha: ADAPTER,
    dropout: ADAPTER,
    targets: ADAPTER,
    keep: [
      'load_best_model_at_end',
      'The validation loss is a mean over batches there, over tokens here. There is no probe to choose by: the last adapter is kept then.',
    ],
    alarmLoss: NO_ALARM,
    divergeLoss: NO_STOP,
  },
  grpo: {
    ...SHARED,
    epochs: ['data/order.json: each epoch’s order, one after the other'],
    groupSize: ['num_generations'],
    promptsPerStep: [
      'gradient_accumulation_steps, steps_per_generation',
      'The last films of the whole order, fewer than one rollout has, are left out there; here each epoch’s last rollout is smaller.',
    ],
    temperature: ['temperature'],
    topP: ['top_p (top_k 0)'],
    maxCompletionLength: [
      'max_completion_length; generation_kwargs keep out the tokens of images, which TRL could not read back',
    ],
    samplingBatch: ['', 'TRL draws the completions of a rollout at once.'],
    importanceCap: [
      'vllm_importance_sampling_correction, …_mode "token_truncate", …_clip_max',
      'It acts with --vllm only: without it the trainer’s own network samples, and there is nothing to correct.',
    ],
    ratio: ['importance_sampling_level "token"'],
    advantage: ['scale_rewards "none"'],
    normalization: ['loss_type "dr_grpo", scale_rewards "none"'],
    klIn: ['beta: a term of TRL’s loss'],
    beta: ['beta (k3, against the copy "ref" of the starting adapter)'],
    epsilonLow: ['epsilon'],
    epsilonHigh: ['epsilon_high'],
    iterations: ['num_iterations'],
    reward: ['rewards.py'],
    rewardFile: OWN_REWARD,
    rewardSeconds: OWN_REWARD,
    rewardMegabytes: OWN_REWARD,
    keep: ['', 'The last adapter is kept: there is no probe to choose by.'],
    alarmEntropy: NO_ALARM,
    divergeKl: NO_STOP,
    alarmLength: NO_ALARM,
    alarmDominance: NO_ALARM,
    alarmSpread: NO_ALARM,
    alarmMismatch: NO_ALARM,
  },
};

/** What every exported run has besides its fields. */
export const TRL_FIXED: Record<TrainingKind, readonly string[]> = {
  sft: ['loss over supervised tokens of the whole step (num_items_in_batch)', 'AdamW, betas 0.9 and 0.999, eps 1e-8'],
  grpo: [
    'loss_type "dr_grpo": no length normalization, divisor max_completion_length',
    'scale_rewards "none": no division by the standard deviation',
    'log-probabilities of logits / temperature, before top-p',
    'disable_dropout: no dropout in either policy',
    'AdamW, betas 0.9 and 0.999, eps 1e-8',
  ],
};

/** Every field of the run with its place in TRL. */
export function trlRows(kind: TrainingKind, config: SftConfig | GrpoConfig): TrlRow[] {
  const values = config as Record<string, unknown>;
  return configFields(kind).map(({ name }) => {
    const [there, departure] = FIELDS[kind][name] ?? (/^(hard|nuanced)\./.test(name) ? REWARD : UNKNOWN);
    const holds = departure !== undefined && values[name] !== IDLE[name];
    return { field: name, value: String(values[name]), there, ...(holds ? { departure } : {}) };
  });
}

/** With these values a field does nothing here either. */
const IDLE: Record<string, unknown> = {
  ...{ alarmProbeDrop: 0, alarmLoss: 0, alarmEntropy: 0, alarmLength: 0, alarmDominance: 0, alarmSpread: 0 },
  ...{ alarmMismatch: 0, divergeLoss: 0, divergeKl: 0, probeEvery: 0, importanceCap: 0, samplingBatch: 0 },
  ...{ keep: 'last', precision: 'f32' },
};

/** Of a field that this table does not know yet: a test finds it. */
const UNKNOWN: Where = ['', 'It has no counterpart there.'];

/** @throws TRAINING_EXPORT_REWARD for a user's own reward, which is JavaScript; TRAINING_EXPORT_FILMS; TRAINING_RATE */
export function trlSettings(kind: 'sft', config: SftConfig, sizes: ExportedSizes): TrlSettings;
export function trlSettings(kind: 'grpo', config: GrpoConfig, sizes: ExportedSizes): TrlSettings;
export function trlSettings(kind: TrainingKind, config: SftConfig | GrpoConfig, sizes: ExportedSizes): TrlSettings {
  const own = kind === 'sft' ? sftSettings(config as SftConfig, sizes) : grpoSettings(config as GrpoConfig, sizes);
  const { endTokenIds, visionTokenIds } = sizes;
  return {
    kind,
    precision: config.precision,
    patience: 0,
    reward: '',
    rewardSettings: {},
    vllm: {},
    endTokenIds,
    visionTokenIds,
    ...own,
  };
}

function shared(config: SftConfig | GrpoConfig, totalSteps: number) {
  return {
    learning_rate: config.learningRate,
    weight_decay: config.weightDecay,
    adam_beta1: ADAMW.beta1,
    adam_beta2: ADAMW.beta2,
    adam_epsilon: ADAMW.epsilon,
    max_grad_norm: config.maxGradNorm,
    lr_scheduler_type: config.schedule === 'cosine' ? 'cosine' : 'constant_with_warmup',
    warmup_steps: warmupSteps(totalSteps, config.warmupRatio),
    gradient_checkpointing: config.gradientCheckpointing,
    ...(config.gradientCheckpointing ? { gradient_checkpointing_kwargs: { use_reentrant: false } } : {}),
    seed: config.seed,
    logging_steps: 1,
    logging_first_step: true,
    save_total_limit: 2,
    report_to: 'none',
  };
}

function sftSettings(config: SftConfig, { films, heldOut }: ExportedSizes) {
  const wanted = Math.ceil(films / config.batchSize) * config.epochs;
  const totalSteps = config.maxSteps > 0 ? Math.min(config.maxSteps, wanted) : wanted;
  demandRate({ ...config, totalSteps });
  const validates = heldOut > 0;
  const best = validates && config.keep === 'validation';
  const compares = best || (validates && config.patience > 0);
  return {
    effectiveBatch: config.batchSize,
    patience: config.patience,
    trl: {
      ...shared(config, totalSteps),
      per_device_train_batch_size: Math.min(config.microBatch, config.batchSize),
      per_device_eval_batch_size: config.batchSize,
      num_train_epochs: config.epochs,
      max_steps: config.maxSteps > 0 ? totalSteps : -1,
      max_length: null,
      packing: false,
      ...(validates
        ? { eval_strategy: 'epoch', save_strategy: 'epoch' }
        : { save_strategy: 'steps', save_steps: config.checkpointEvery }),
      // Early stopping compares too, in a run that keeps the last adapter.
      load_best_model_at_end: best,
      metric_for_best_model: compares ? 'eval_loss' : null,
      greater_is_better: compares ? false : null,
    },
  };
}

function grpoSettings(config: GrpoConfig, { films }: ExportedSizes) {
  if (config.reward === 'file') throw ownReward(config.rewardFile);
  const batch = config.promptsPerStep * config.groupSize;
  const wanted = Math.floor((films * config.epochs) / config.promptsPerStep);
  if (wanted === 0) throw tooFewFilms(films * config.epochs, config.promptsPerStep);
  const rollouts = config.maxSteps > 0 ? Math.min(config.maxSteps, wanted) : wanted;
  const totalSteps = rollouts * config.iterations;
  demandRate({ ...config, totalSteps });
  return {
    effectiveBatch: batch,
    reward: config.reward,
    rewardSettings: rewardSettings(config)[config.reward],
    vllm: {
      vllm_importance_sampling_correction: config.importanceCap > 0,
      vllm_importance_sampling_mode: 'token_truncate',
      ...(config.importanceCap > 0 ? { vllm_importance_sampling_clip_max: config.importanceCap } : {}),
    },
    trl: {
      ...shared(config, totalSteps),
      per_device_train_batch_size: Math.min(config.microBatch, batch),
      max_steps: totalSteps,
      save_strategy: 'steps',
      save_steps: config.checkpointEvery * config.iterations,
      num_generations: config.groupSize,
      max_completion_length: config.maxCompletionLength,
      temperature: config.temperature,
      top_p: config.topP,
      top_k: 0,
      beta: config.beta,
      epsilon: config.epsilonLow,
      epsilon_high: config.epsilonHigh,
      num_iterations: config.iterations,
      loss_type: 'dr_grpo',
      importance_sampling_level: 'token',
      scale_rewards: 'none',
      mask_truncated_completions: false,
      disable_dropout: true,
      shuffle_dataset: false,
    },
  };
}

function ownReward(name: string): WorkbenchError {
  return new WorkbenchError(
    'TRAINING_EXPORT_REWARD',
    `The reward “${name}” is a file of your own in JavaScript: TRL cannot run it, and it is not translated.`,
    { reward: name },
    'Choose the hard or the nuanced reward for the export, or write the same function in Python into its rewards.py.',
  );
}

function tooFewFilms(films: number, needed: number): WorkbenchError {
  return new WorkbenchError(
    'TRAINING_EXPORT_FILMS',
    `TRL makes whole rollouts only, and there are fewer films than one has: ${films} of ${needed}.`,
    { films, promptsPerStep: needed },
    'Lower promptsPerStep, or add films.',
  );
}
