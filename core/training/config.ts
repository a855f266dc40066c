/**
 * The settings of SFT and GRPO: one field for every row of the paper's tables, with the paper's value as its default
 * (reference/paper.md). Where the paper states none, the default is ours and `paper` is empty. The form of the interface,
 * the checks and the list of departures are all made from these two schemas.
 */
import { z } from 'zod';
import { WorkbenchError } from '../base/errors.ts';
import type { ImageTokenBounds } from '../preprocessing/imageProcessor.ts';
import { hardRewardSettings } from '../rewards/hard.ts';
import { nuancedRewardSettings } from '../rewards/nuanced.ts';
import { REWARD_NAMES, type RewardSettings } from '../rewards/rewards.ts';
import { EXECUTORS, type ExecutorInfo } from '../tensor/executor.ts';
import { DIVERGING } from './divergence.ts';
import type { ConfigField, Departure } from './types.ts';

/** An alarm's limit (alarms.ts). */
function alarm(limit: number, help: string) {
  return field(z.number().min(0).default(limit), '', `${help} 0: no alarm.`);
}

/** What cannot be chosen: a part of the method, so that a run's settings say all of it. */
function fixed<T extends string>(value: T, paper: string, help: string) {
  return field(z.enum([value]).default(value as never), paper, help);
}

/** `paper`: what the paper says of this field; empty: nothing. */
function field<S extends z.ZodType>(schema: S, paper: string, help: string): S {
  return schema.meta({ paper, help });
}

const integer = (low: number, high = Number.MAX_SAFE_INTEGER) => z.number().int().min(low).max(high);
const share = z.number().min(0).max(1);
const positive = z.number().positive();

const KEEP_BY_PROBE = ['probe-source', 'probe-target'] as const;
const BY_PROBE =
  'the last, or the best on a probe. What is chosen on the other institution’s probe is marked so in every report.';

const shared = {
  promptId: field(
    z.string().default('free-reasoning'),
    'Free Reasoning',
    'The instruction format that every film gets.',
  ),
  microBatch: field(
    integer(1, 4096).default(1),
    '1',
    'Sequences that go through the network at once. Memory and speed depend on it, the result does not (but for rounding).',
  ),
  badInput: field(
    z.enum(['skip', 'stop']).default('skip'),
    '',
    'Traces that cannot be read, labels outside the set, images that do not decode: left out and counted, or the run stops.',
  ),
  diverging: field(
    z.enum(DIVERGING).default('stop'),
    '',
    'A step whose loss is not finite or far from where it began: the run stops, or the step is skipped and counted, or it is trained on and counted.',
  ),
  precision: field(
    z.enum(['bf16', 'f32']).default('bf16'),
    'bf16',
    'Of the computation. The engines here train in f32: bf16 falls back to it, and the run says so.',
  ),
  executor: field(
    z.enum(EXECUTORS).default('auto'),
    '',
    'What trains. auto: the fastest that is there; another one runs where what was asked for is not there, and the run says so.',
  ),
  gradientCheckpointing: field(
    z.boolean().default(true),
    'on',
    'Computes the activations of a layer again instead of keeping them: less memory, a slower step, the same result.',
  ),
  seed: field(integer(0, 2 ** 32 - 1).default(0), '', 'Decides splits, orders, dropout and samples.'),
  checkpointEvery: field(
    integer(1).default(50),
    '',
    'Steps between checkpoints; a stopped run resumes from the last one.',
  ),
  probeEvery: field(
    integer(0).default(25),
    '',
    'Steps between two probes of both institutions, where the run has probe films. 0: no probe.',
  ),
  probeFilms: field(integer(1, 10_000).default(48), '', 'Films of each institution’s probe; drawn by the seed.'),
  alarmProbeDrop: alarm(
    0.03,
    'Alarm where the other institution’s probe has lost so much macro-F1 while the benchmark holds or rises.',
  ),
};

export const sftConfig = z
  .object({
    samples: field(
      integer(1).default(2000),
      '2000',
      'Most films to train on, held-out ones included; drawn by the seed.',
    ),
    traces: field(
      z.enum(['accepted', 'unreviewed', 'none']).default('accepted'),
      '',
      'Reasoning that is learned: traces that were accepted or edited (a traces.jsonl beside the table counts as accepted), those nobody has reviewed too, or none: the labels alone.',
    ),
    differingTraces: field(
      z.enum(['learn', 'refuse']).default('learn'),
      '',
      'Traces beside the table with other labels than the table’s (a teacher may have left some out): learned and counted, or bad input. In the review it is decided trace by trace.',
    ),
    reserveForGrpo: field(
      share.default(0.33),
      '',
      'Share of the patients that are not drawn here, so that GRPO has films of patients that SFT did not see.',
    ),
    heldOut: field(share.default(0.1), '10 %', 'Share of the patients that are kept out, for the validation loss.'),
    epochs: field(integer(1, 1000).default(6), '6', 'Most passes over the films.'),
    patience: field(
      integer(0, 1000).default(2),
      '2',
      'Epochs without a better validation loss after which training stops. 0: never.',
    ),
    optimizer: fixed('adamw', 'AdamW', 'Betas 0.9 and 0.999, epsilon 1e-8.'),
    learningRate: field(z.number().min(0).default(5e-5), '5e-5', 'Highest learning rate.'),
    weightDecay: field(z.number().min(0).default(0.01), '0.01', 'AdamW’s decoupled weight decay.'),
    maxGradNorm: field(positive.default(5), '5.0', 'Gradients are scaled down to this norm.'),
    schedule: field(z.enum(['cosine', 'constant']).default('cosine'), 'cosine', 'How the learning rate falls.'),
    warmupRatio: field(share.default(0.05), '5 %', 'Share of the steps in which the learning rate rises, rounded up.'),
    batchSize: field(integer(1, 4096).default(8), '8', 'Films of one optimizer step.'),
    rank: field(integer(1, 1024).default(16), '16', 'Rank of the LoRA adapter.'),
    alpha: field(positive.default(32), '32', 'LoRA alpha: the adapter’s part is scaled by alpha / rank.'),
    dropout: field(z.number().min(0).lt(1).default(0.1), '0.1', 'Dropout before the LoRA pairs.'),
    targets: field(
      z.string().default('q_proj,k_proj,v_proj,o_proj,gate_proj,up_proj,down_proj'),
      'attention and feed-forward projections',
      'Projections of the language model that get a LoRA pair, separated by commas.',
    ),
    vision: fixed('frozen', 'frozen', 'The vision encoder and its projector are not trained.'),
    loss: fixed(
      'assistant',
      'the assistant’s tokens only',
      'Mean negative log-likelihood of the answer’s tokens; prompt, image and padding are masked.',
    ),
    minImageTokens: field(
      integer(1).default(256),
      '256',
      'Fewest tokens of an image. The model’s folder decides; where it gives fewer, the run says so.',
    ),
    maxImageTokens: field(
      integer(1).default(512),
      '512',
      'Most tokens of an image. The model’s folder decides; where it may give more, the run says so.',
    ),
    maxSteps: field(integer(0).default(0), '', 'Stops after so many steps. 0: when the epochs are done.'),
    keep: field(
      z.enum(['validation', 'last', ...KEEP_BY_PROBE]).default('validation'),
      '',
      `The adapter that the run keeps: with the lowest validation loss (the last without held-out films), ${BY_PROBE}`,
    ),
    divergeLoss: field(
      z.number().min(0).default(10),
      '',
      'A step diverges where its loss is so many times the mean of the first five. 0: only where it is not finite.',
    ),
    alarmLoss: alarm(3, 'Alarm where the loss is so many times what it began with.'),
    ...shared,
  })
  .strict();

export type SftConfig = z.output<typeof sftConfig>;

export const grpoConfig = z
  .object({
    samples: field(integer(1).default(1000), '1000', 'Most films to train on; drawn by the seed.'),
    epochs: field(integer(1, 1000).default(1), '', 'Passes over the films.'),
    groupSize: field(integer(2, 256).default(4), '4', 'Completions of each film.'),
    promptsPerStep: field(integer(1, 1024).default(8), '', 'Films of one rollout and its optimizer steps.'),
    temperature: field(
      positive.max(10).default(0.8),
      '0.8',
      'Sampling temperature; the ratio is made of logits / temperature.',
    ),
    topP: field(z.number().gt(0).max(1).default(0.95), '0.95', 'Nucleus sampling.'),
    maxCompletionLength: field(
      integer(1, 8192).default(512),
      '',
      'Most tokens of a completion, and the constant divisor of the loss (Dr. GRPO).',
    ),
    samplingBatch: field(
      integer(0, 4096).default(0),
      '',
      'Completions that are drawn at once; memory depends on it, and what a killed process loses. 0: those of one step.',
    ),
    importanceCap: field(
      z.number().min(0).max(100).default(3),
      '',
      'A token’s policy term is weighed by p(trainer) / p(sampler) of the two engines, at most this. 0: not corrected.',
    ),
    ratio: fixed(
      'token',
      'token-level, against the rollout policy',
      'Each token has an importance ratio of its own: this policy over the one that drew the completions.',
    ),
    advantage: fixed(
      'group-mean',
      'relative to the group’s mean reward',
      'A completion’s reward less the mean of its group.',
    ),
    normalization: fixed(
      'none',
      'Dr. GRPO',
      'Nothing is divided by a completion’s length or by the standard deviation of its group.',
    ),
    klIn: fixed(
      'objective',
      'the objective',
      'Where the KL to the SFT checkpoint is added (k3); the reward is left as it is.',
    ),
    beta: field(z.number().min(0).default(0.15), '0.15', 'Weight of the KL term against the SFT checkpoint.'),
    epsilonLow: field(share.default(0.15), '0.15', 'The ratio is clipped below 1 by this.'),
    epsilonHigh: field(z.number().min(0).default(0.22), '0.22', 'The ratio is clipped above 1 by this.'),
    iterations: field(
      integer(1, 64).default(1),
      '',
      'Optimizer steps on each rollout. With 1 the ratio is 1 and clipping never acts.',
    ),
    learningRate: field(z.number().min(0).default(5e-5), '', 'Highest learning rate; the default is that of SFT.'),
    weightDecay: field(z.number().min(0).default(0), '', 'AdamW’s decoupled weight decay.'),
    maxGradNorm: field(positive.default(1), '', 'Gradients are scaled down to this norm.'),
    schedule: field(z.enum(['cosine', 'constant']).default('cosine'), '', 'How the learning rate falls.'),
    warmupRatio: field(share.default(0.05), '', 'Share of the steps in which the learning rate rises, rounded up.'),
    maxSteps: field(integer(0).default(0), '', 'Stops after so many rollouts. 0: when the epochs are done.'),
    reward: field(
      z.enum(REWARD_NAMES).default('hard'),
      'hard and nuanced, in separate runs',
      'What a completion is worth; `file`: a function of your own (rewardFile).',
    ),
    rewardFile: field(
      z.string().max(200).default(''),
      '',
      'Name of a JavaScript file in the workspace’s folder “rewards” that defines reward(state, samples).',
    ),
    rewardSeconds: field(positive.max(3600).default(10), '', 'Longest that your own reward may take for one batch.'),
    rewardMegabytes: field(integer(16, 16_384).default(256), '', 'Most memory that your own reward may use.'),
    keep: field(z.enum(['last', ...KEEP_BY_PROBE]).default('last'), '', `The adapter that the run keeps: ${BY_PROBE}`),
    divergeKl: field(
      z.number().min(0).default(10),
      '',
      'A step diverges where its mean KL is above so many nats a token. 0: only where it is not finite.',
    ),
    alarmEntropy: alarm(0.3, 'Alarm where entropy is below this share of what it began with.'),
    alarmLength: alarm(2, 'Alarm where completions are so many times longer or shorter than they began.'),
    alarmDominance: alarm(0.7, 'Alarm where one label set has more than this share of the last 100 answers.'),
    alarmSpread: alarm(0.9, 'Alarm where more than this share of the groups has no spread of rewards.'),
    alarmMismatch: alarm(0.05, 'Alarm where sampler and trainer differ by more than so many nats a token, on average.'),
    ...prefixed('hard', hardRewardSettings.shape),
    ...prefixed('nuanced', nuancedRewardSettings.shape),
    ...shared,
  })
  .strict();

export type GrpoConfig = z.output<typeof grpoConfig>;

/** A reward's settings as fields of the form: `hard.minTokens`. */
type Prefixed<P extends string, S> = { [K in keyof S & string as `${P}.${K}`]: S[K] };

function prefixed<P extends string, S extends Record<string, z.ZodType>>(prefix: P, shape: S): Prefixed<P, S> {
  const entries = Object.entries(shape).map(([name, schema]) => {
    const [help, paper] = (schema.description ?? '').split(' Paper: ');
    const stated = paper === undefined || paper.startsWith('not stated') ? '' : paper.replace(/\.$/, '');
    return [`${prefix}.${name}`, field(schema, stated, help!)];
  });
  return Object.fromEntries(entries) as Prefixed<P, S>;
}

export function rewardSettings(config: GrpoConfig): RewardSettings {
  const of = (prefix: string) =>
    Object.fromEntries(
      Object.entries(config)
        .filter(([name]) => name.startsWith(prefix))
        .map(([name, value]) => [name.slice(prefix.length), value]),
    );
  return {
    hard: hardRewardSettings.parse(of('hard.')),
    nuanced: nuancedRewardSettings.parse(of('nuanced.')),
    file: { seconds: config.rewardSeconds, megabytes: config.rewardMegabytes },
  };
}

export type TrainingKind = 'sft' | 'grpo';

const SCHEMAS = { sft: sftConfig, grpo: grpoConfig };

/** Settings with defaults filled in. @throws TRAINING_CONFIG, naming the field */
export function parseTrainingConfig(kind: 'sft', values: unknown): SftConfig;
export function parseTrainingConfig(kind: 'grpo', values: unknown): GrpoConfig;
export function parseTrainingConfig(kind: TrainingKind, values: unknown): SftConfig | GrpoConfig {
  const parsed = SCHEMAS[kind].safeParse(values);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw new WorkbenchError('TRAINING_CONFIG', `A setting of this run cannot be used: ${issue.message}.`, {
    field: issue.path.join('.'),
    kind,
  });
}

export function configFields(kind: TrainingKind): ConfigField[] {
  return Object.entries(SCHEMAS[kind].shape as Record<string, z.ZodDefault>).map(([name, schema]) => {
    const { paper, help } = schema.meta() as { paper: string; help: string };
    return {
      name,
      ...typeOf(schema.unwrap() as z.ZodType),
      default: schema.parse(undefined),
      paper,
      help,
    } as ConfigField;
  });
}

function typeOf(schema: z.ZodType): Pick<ConfigField, 'type' | 'choices'> {
  if (schema instanceof z.ZodEnum) return { type: 'choice', choices: schema.options as string[] };
  if (schema instanceof z.ZodBoolean) return { type: 'boolean' };
  if (schema instanceof z.ZodNumber) return { type: schema.format === 'safeint' ? 'integer' : 'number' };
  return { type: 'text' };
}

/** Of these `fallbacks` speaks. */
const FALLBACK_FIELDS = ['precision'];

/**
 * Where the model gives an image fewer or more tokens than was asked. The folder is the one place that decides, so that a
 * film is read in evaluation as it was trained on.
 */
export function imageTokenFallbacks(
  { minImageTokens: low, maxImageTokens: high }: SftConfig,
  { least, most, pixelsPerToken }: ImageTokenBounds,
): { asRun: Record<string, unknown>; departures: Departure[] } {
  const remedy =
    pixelsPerToken > 0
      ? `min_pixels ${low * pixelsPerToken} and max_pixels ${high * pixelsPerToken} in the folder’s processor settings would do it`
      : 'this architecture gives every image the same number';
  const departure = (field: string, asked: number, run: number): Departure => ({
    ...{ field, paper: '256 to 512 per image', run: String(run) },
    reason: `${asked} was asked for; ${remedy}.`,
  });
  return {
    asRun: { minImageTokens: least, maxImageTokens: most },
    departures: [
      ...(least < low ? [departure('minImageTokens', low, least)] : []),
      ...(most > high ? [departure('maxImageTokens', high, most)] : []),
    ],
  };
}

/** What was asked and cannot be honoured by `executor`, with what is run instead. */
export function fallbacks(
  config: { precision: string; executor: string },
  executor: ExecutorInfo,
): { asRun: Record<string, unknown>; departures: Departure[] } {
  const departures: Departure[] = [];
  if (config.precision !== 'f32')
    departures.push({
      ...{ field: 'precision', paper: 'bf16', run: 'f32' },
      reason: `${config.precision} was asked for; ${executor.name} trains in f32. Results are those of f32, memory is twice that of bf16.`,
    });
  if (config.executor !== 'auto' && config.executor !== executor.name)
    departures.push({
      ...{ field: 'executor', paper: '', run: executor.name },
      reason: `${config.executor} was asked for. ${executor.reason}`,
    });
  return { asRun: { precision: 'f32', executor: executor.name }, departures };
}

/** Fields whose value is not the default although the paper states one. `reasons` by field. */
export function fieldDepartures(
  kind: TrainingKind,
  config: Record<string, unknown>,
  reasons: Readonly<Record<string, string>> = {},
): Departure[] {
  return configFields(kind)
    .filter(
      ({ name, paper, default: usual }) => paper !== '' && config[name] !== usual && !FALLBACK_FIELDS.includes(name),
    )
    .map(({ name, paper }) => ({
      field: name,
      paper,
      run: String(config[name]),
      reason: reasons[name] ?? 'Set for this run.',
    }));
}
