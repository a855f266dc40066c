/**
 * What a run will need of memory, before it starts: weights, adapter, activations, cache, by engine and by device. The parts
 * that are arrays of known shape are exact; activations are what the tfjs tape keeps of a layer, counted in arrays of each
 * width (fitted to what it holds of the benchmark's model, `tensorBytes` of `npm run -s bench -- sft`: planned 0.97 of the
 * measured 808 MB without checkpointing, 0.97 of 295 MB with; tests/training/plan.test.ts compares on others). ONNX Runtime
 * needs half (`peakBytes` of the same command: planned 1.07 of 379 MB without, 0.95 of 156 MB with). All in f32.
 *
 * On CUDA the trainer's parts lie in the device's memory; what draws and answers, and the features of films, in the host's.
 * Leaves out what other programs use, and the garbage that JavaScript has not collected yet.
 */
import { WorkbenchError } from '../base/errors.ts';
import type { TextConfig } from '../models/config.ts';
import type { GrpoConfig, SftConfig, TrainingKind } from './config.ts';
import type { TrainingExecutor } from './executors.ts';

export type PlanPart = 'weights' | 'sampler' | 'adapter' | 'activations' | 'logits' | 'cache' | 'features';

export interface MemoryPlan {
  parts: { part: PlanPart; bytes: number; on: 'host' | 'cuda' }[];
  /** Of the host's memory. */
  bytes: number;
  /** What there is: of the machine, or of WebAssembly's address space. */
  available: number;
  /** Of the CUDA device that trains (available null: it could not be asked); null: none does. */
  device: { bytes: number; available: number | null } | null;
  /** As far as is known. */
  fits: boolean;
  /** Settings under which it would fit; null where it does, or where none would do. */
  remedy: { field: string; value: number | boolean } | null;
  /** Tokens of one sequence that the plan reckons with. */
  tokens: { prompt: number; answer: number };
}

/** What a run needs of memory, and what would train it. */
export interface RunPlan extends MemoryPlan {
  trainer: {
    executor: TrainingExecutor;
    /** Why it is not what was asked for; null: it is. */
    instead: string | null;
    /** A CUDA device is in this machine, used or not. */
    hasCuda: boolean;
  };
}

export interface PlanInput {
  kind: TrainingKind;
  config: SftConfig | GrpoConfig;
  text: TextConfig;
  /** Of the whole base. */
  parameters: number;
  /** Inputs and outputs of the layers that get a pair. */
  linears: readonly (readonly [out: number, input: number])[];
  /** Rank of the pairs: SFT's own setting, else that of the adapter that is trained further. */
  rank: number;
  tokens: { prompt: number; answer: number };
  imageTokens: number;
  films: number;
  executor: TrainingExecutor;
  /** The device that the executor computes on, as in `MemoryPlan`; null: the processor. */
  cuda: { available: number | null } | null;
  /** Something besides the trainer answers: GRPO's rollouts, a probe. */
  sampler: boolean;
  available: number;
}

const F32 = 4;
/** In a CUDA device's memory, where one trains. */
const OF_TRAINER: ReadonlySet<PlanPart> = new Set(['weights', 'adapter', 'activations', 'logits']);
/** Of what the tape of tfjs keeps of a layer, what ONNX Runtime does: nothing that a gradient does not need. */
const ONNX_SHARE = 0.5;
/** Arrays that the tape keeps of one token in one layer, by width: of the stream, the gated block, the heads. */
const STREAM_ARRAYS = 17;
const INNER_ARRAYS = 9;
const HEAD_ARRAYS = 12;
/** Of scores `[heads, length, length]`. */
const SCORE_ARRAYS = 4;
/**
 * With checkpointing, what goes into each layer is kept, and one layer's activations are there at a time: with those that the
 * tape does not keep, which are freed only when the layer is done, twice as many.
 */
const RECOMPUTED = 2;
/** Of logits `[supervised tokens, vocabulary]`: as made, scaled, softmax, its gradient. */
const LOGIT_ARRAYS = 4;
/** Value, tensor, gradient on both sides, two moments; GRPO keeps a reference besides. */
const ADAPTER_COPIES = 6;
/** As features.ts bounds it. */
const MOST_FEATURES = 2 ** 31;

export function planMemory(input: PlanInput): MemoryPlan {
  const plan = reckon(input);
  return { ...plan, remedy: plan.fits ? null : remedyOf(input) };
}

function reckon(input: PlanInput): Omit<MemoryPlan, 'remedy'> {
  const { parameters, executor, sampler, available, tokens, cuda } = input;
  const sizes: Record<PlanPart, number> = {
    // WebAssembly keeps the linear layers in two layouts.
    weights: parameters * F32 * (executor === 'tfjs-wasm' ? 2 : 1),
    sampler: sampler ? parameters * F32 : 0,
    adapter: adapterValues(input) * F32 * (ADAPTER_COPIES + (input.kind === 'grpo' ? 1 : 0)),
    activations: activationValues(input) * F32 * (executor === 'onnxruntime-cpu' ? ONNX_SHARE : 1),
    logits: rows(input) * tokens.answer * input.text.vocabulary * F32 * LOGIT_ARRAYS,
    cache: sampler ? cacheValues(input) * F32 : 0,
    features: Math.min(MOST_FEATURES, input.films * input.imageTokens * input.text.width * F32),
  };
  const parts = (Object.keys(sizes) as PlanPart[]).map((part) => {
    return { part, bytes: sizes[part], on: cuda && OF_TRAINER.has(part) ? 'cuda' : 'host' } as const;
  });
  const on = (place: 'host' | 'cuda') => parts.reduce((sum, part) => sum + (part.on === place ? part.bytes : 0), 0);
  const bytes = on('host');
  const device = cuda && { bytes: on('cuda'), available: cuda.available };
  const fits = bytes <= available && (!device || device.available === null || device.bytes <= device.available);
  return { parts, bytes, available, device, fits, tokens };
}

/** Sequences that go through the network at once. */
function rows({ config }: PlanInput): number {
  return config.microBatch;
}

function adapterValues({ linears, rank }: PlanInput): number {
  return linears.reduce((sum, [out, input]) => sum + rank * (out + input), 0);
}

function activationValues(input: PlanInput): number {
  const { text, tokens, linears, rank, config } = input;
  const length = tokens.prompt + tokens.answer;
  const heads = text.heads * text.headWidth + 2 * text.keyValueHeads * text.headWidth;
  const pairs = linears.length / text.layerTypes.length;
  // Dropout keeps a mask and a masked input for every pair.
  const dropout = 'dropout' in config && config.dropout > 0 ? 2 * text.width * pairs : 0;
  const token =
    STREAM_ARRAYS * text.width + INNER_ARRAYS * text.innerWidth + HEAD_ARRAYS * heads + 2 * rank * pairs + dropout;
  const layer = token + SCORE_ARRAYS * text.heads * length;
  const layers = text.layerTypes.length;
  const perToken = config.gradientCheckpointing ? layers * text.width + RECOMPUTED * layer : layers * layer;
  return rows(input) * length * perToken;
}

/** Keys and values while completions are drawn, or the probe's films are answered (16 at once). */
function cacheValues({ kind, config, text, tokens }: PlanInput): number {
  const grpo = config as GrpoConfig;
  const all = kind === 'grpo' ? grpo.promptsPerStep * grpo.groupSize : 16;
  const atOnce = kind === 'grpo' && grpo.samplingBatch > 0 ? Math.min(grpo.samplingBatch, all) : all;
  const length = tokens.prompt + tokens.answer;
  // The cache of the step before lives until the next is there.
  return 2 * atOnce * length * text.layerTypes.length * 2 * text.keyValueHeads * text.headWidth;
}

/** The change of one setting that makes it fit and costs least. */
function remedyOf(input: PlanInput): MemoryPlan['remedy'] {
  const tries: [field: string, values: (number | boolean)[]][] = [
    ['gradientCheckpointing', input.config.gradientCheckpointing ? [] : [true]],
    ['microBatch', halves(input.config.microBatch)],
    ...(input.kind === 'grpo'
      ? ([
          ['samplingBatch', halves(cacheRows(input.config as GrpoConfig))],
          ['maxCompletionLength', halves((input.config as GrpoConfig).maxCompletionLength)],
        ] as [string, number[]][])
      : []),
  ];
  for (const [field, values] of tries) {
    for (const value of values) {
      const answer = field === 'maxCompletionLength' ? (value as number) : input.tokens.answer;
      const changed = { ...input, config: { ...input.config, [field]: value }, tokens: { ...input.tokens, answer } };
      if (reckon(changed).fits) return { field, value };
    }
  }
  return null;
}

function cacheRows({ samplingBatch, promptsPerStep, groupSize }: GrpoConfig): number {
  return samplingBatch === 0 ? promptsPerStep * groupSize : samplingBatch;
}

/** Half, a quarter, … down to 1. */
function halves(value: number): number[] {
  const values: number[] = [];
  for (let half = Math.floor(value / 2); half >= 1; half = Math.floor(half / 2)) values.push(half);
  return values;
}

/** @throws TRAINING_TOO_LARGE, with the setting that would make it fit */
export function demandFit({ bytes, available, device, fits, remedy, parts }: MemoryPlan): void {
  if (fits) return;
  const host = bytes > available || !device;
  const [need, there] = host ? [bytes, available] : [device.bytes, device.available ?? 0];
  const here = parts.filter(({ on }) => on === (host ? 'host' : 'cuda'));
  const largest = here.sort((a, b) => b.bytes - a.bytes)[0]!;
  const memory = host ? 'memory' : 'the CUDA device’s memory';
  throw new WorkbenchError(
    'TRAINING_TOO_LARGE',
    `This run would need ${gibibytes(need)} of ${memory}, and there are ${gibibytes(there)}; most of it is ${largest.part}.`,
    { bytes: need, availableBytes: there, largest: largest.part, largestBytes: largest.bytes },
    remedy
      ? remedySentence(remedy)
      : 'No setting of the run makes it fit: train it on a machine with more memory, or export it.',
  );
}

function remedySentence({ field, value }: NonNullable<MemoryPlan['remedy']>): string {
  if (field === 'gradientCheckpointing')
    return 'Switch gradientCheckpointing on: the result is the same, a step takes longer.';
  const cut = field === 'maxCompletionLength' ? ' and for answers that are cut off' : '';
  return `Set ${field} to ${value}: the result is the same but for rounding${cut}.`;
}

function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(bytes < 2 ** 30 ? 2 : 1)} GiB`;
}
