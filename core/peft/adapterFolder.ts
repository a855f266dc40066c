/**
 * LoRA adapters in PEFT's own format (adapter_config.json and adapter_model.safetensors, PEFT 0.21), in and out.
 *
 * Read: any rank and alpha, rank and alpha patterns, rsLoRA, module names of older and newer transformers. Refused with
 * ADAPTER_KIND, because they mean another computation: DoRA, biases, saved modules, embeddings, kinds that change the
 * base. `target_modules` is not evaluated: the tensors in the file say what is adapted.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { WorkbenchError } from '../base/errors.ts';
import { bytesOf } from '../base/hash.ts';
import type { Random } from '../base/random.ts';
import { readJson, writeJson } from '../platform/files.ts';
import { openSafetensors, type Safetensors, writeSafetensors } from '../tensor/safetensors.ts';
import type { Adapter, AdapterModule } from './adapter.ts';

/** What a base model says about itself to this room. */
export interface AdapterTarget {
  /** Linear layers that can be adapted, by canonical module, with their shapes. */
  linears: ReadonlyMap<string, readonly [out: number, input: number]>;
  weightsHash: string;
  /** The canonical name of a module that PEFT names, or null. */
  canonicalName(module: string): string | null;
  /** The name that PEFT gives a module, without `base_model.model.`. */
  peftName(module: string): string;
}

const CONFIG = 'adapter_config.json';
const TENSORS = 'adapter_model.safetensors';
const PREFIX = 'base_model.model.';
/** Where a file of ours says which weights it was trained on. PEFT leaves the metadata of a file alone. */
const BASE_HASH = 'base_weights_sha256';

/**
 * Errors: FILE_NOT_FOUND, JSON_UNREADABLE, SAFETENSORS_*; ADAPTER_CONFIG, ADAPTER_KIND; ADAPTER_BASE where modules, shapes
 * or the recorded hash are those of another base; ADAPTER_TENSORS where a pair is not whole.
 */
export async function openAdapter(
  dir: string,
  target: AdapterTarget,
): Promise<{ adapter: Adapter; warnings: string[] }> {
  const configFile = join(dir, CONFIG);
  const config = await readJson<Record<string, unknown>>(configFile);
  checkKind(config, configFile);
  const file = await openSafetensors(join(dir, TENSORS));
  checkBaseHash(file, target);
  const modules = new Map<string, AdapterModule>();
  for (const [module, pair] of pairsOf(file, target)) {
    const read = await readPair(file, pair, target.linears.get(module)!);
    modules.set(module, { ...read, scale: scaleOf(config, configFile, pair, read.rank) });
  }
  const adapter = { hash: hashAdapter(modules), modules, config };
  return { adapter, warnings: warningsOf(adapter) };
}

/** Keys that must be absent, null, false or empty, and what they would mean. */
const REFUSED: Record<string, string> = {
  use_dora: 'DoRA',
  use_qalora: 'QALoRA',
  use_bdlora: 'block-diagonal LoRA',
  lora_bias: 'biases of the pairs',
  fan_in_fan_out: 'transposed base weights',
  modules_to_save: 'whole modules beside the pairs',
  trainable_token_indices: 'trained token embeddings',
  target_parameters: 'adapted parameters',
  alora_invocation_tokens: 'activated LoRA',
  layer_replication: 'replicated layers',
  arrow_config: 'Arrow routing',
};
/** Initializations that change the base's weights. */
const CHANGES_BASE = /^(pissa|olora|corda|loftq|lora_ga)/i;

function checkKind(config: Record<string, unknown>, file: string): void {
  if (typeof config !== 'object' || config === null || Array.isArray(config))
    throw configError(file, 'It is no object.');
  if (config['peft_type'] !== 'LORA') throw kindError(file, `the kind ${String(config['peft_type'])}`);
  for (const [key, meaning] of Object.entries(REFUSED)) if (isSet(config[key])) throw kindError(file, meaning, key);
  if (isSet(config['bias']) && config['bias'] !== 'none') throw kindError(file, 'trained biases', 'bias');
  const initial = config['init_lora_weights'];
  if (typeof initial === 'string' && CHANGES_BASE.test(initial))
    throw kindError(file, `the initialization ${initial}, which changes the base`, 'init_lora_weights');
}

function isSet(value: unknown): boolean {
  if (value === undefined || value === null || value === false) return false;
  return typeof value !== 'object' || Object.keys(value).length > 0;
}

function checkBaseHash(file: Safetensors, target: AdapterTarget): void {
  const trainedOn = file.metadata[BASE_HASH];
  if (trainedOn === undefined || trainedOn === target.weightsHash) return;
  throw baseError(file.source, 'It was trained on other weights.', { expected: trainedOn, actual: target.weightsHash });
}

/** PEFT's name of a module (with prefix), and the names of its two tensors. */
interface Pair {
  name: string;
  a?: string;
  b?: string;
}

function pairsOf(file: Safetensors, target: AdapterTarget): Map<string, Pair> {
  const pairs = new Map<string, Pair>();
  for (const tensor of file.names) {
    const [, name, which] = /^base_model\.model\.(.+)\.lora_([AB])(?:\.[^.]+)?\.weight$/.exec(tensor) ?? [];
    if (name === undefined) throw kindError(file.source, `the tensor ${tensor}`, undefined, tensor);
    const module = target.canonicalName(name);
    if (module === null || !target.linears.has(module))
      throw baseError(file.source, `It adapts ${name}, which is no linear layer of this base's language model.`, {
        tensor,
      });
    const pair = pairs.get(module) ?? { name };
    pair[which === 'A' ? 'a' : 'b'] = tensor;
    pairs.set(module, pair);
  }
  if (pairs.size === 0) throw tensorsError(file.source, 'There is no pair in it.');
  return new Map([...pairs].sort(([x], [y]) => (x < y ? -1 : 1)));
}

async function readPair(file: Safetensors, { name, a, b }: Pair, [out, input]: readonly [number, number]) {
  if (a === undefined || b === undefined)
    throw tensorsError(file.source, `Of ${name}, one tensor of the pair is missing.`, { tensor: name });
  const [shapeA, shapeB] = [file.entry(a).shape, file.entry(b).shape];
  const rank = shapeA[0] ?? 0;
  if (shapeA.length !== 2 || shapeA[1] !== input)
    throw baseError(file.source, `${a} has another shape than the base demands.`, {
      tensor: a,
      expected: [rank, input],
      actual: shapeA,
    });
  if (shapeB.length !== 2 || shapeB[0] !== out || shapeB[1] !== rank || rank === 0)
    throw baseError(file.source, `${b} has another shape than the base and its partner demand.`, {
      tensor: b,
      expected: [out, rank],
      actual: shapeB,
    });
  return {
    down: transposed(await file.read(a), rank, input),
    up: transposed(await file.read(b), out, rank),
    rank,
    in: input,
    out,
  };
}

/** alpha / rank, or alpha / sqrt(rank); the patterns' keys match the end of the module's name, as in PEFT. */
function scaleOf(config: Record<string, unknown>, file: string, { name }: Pair, rank: number): number {
  const configured = positive(config, 'r', 8, file);
  const expected = patternValue(config['rank_pattern'], name, file) ?? configured;
  if (expected !== rank)
    throw tensorsError(file, `${name} has the rank ${rank}, and the configuration says ${expected}.`, {
      tensor: name,
      expected,
      actual: rank,
    });
  const alpha = patternValue(config['alpha_pattern'], name, file) ?? positive(config, 'lora_alpha', 8, file);
  return config['use_rslora'] === true ? alpha / Math.sqrt(rank) : alpha / rank;
}

function patternValue(patterns: unknown, name: string, file: string): number | undefined {
  for (const [key, value] of Object.entries(patterns ?? {}))
    if (patternOf(key, file).test(name)) {
      if (typeof value === 'number' && value > 0) return value;
      throw configError(file, `The pattern ${key} has no positive number.`);
    }
  return undefined;
}

/**
 * A pattern is a regular expression out of a file, so it must not be able to run for ever: repeated groups and more than
 * three repetitions are refused.
 */
function patternOf(key: string, file: string): RegExp {
  const repetitions = key.replace(/\\./g, '').match(/[*+{?]/g)?.length ?? 0;
  if (key.length > 500 || repetitions > 3 || /\)[*+{?]/.test(key))
    throw configError(file, `The pattern ${key.slice(0, 60)} is too complex.`);
  try {
    return new RegExp(`^(?:.*\\.)?(?:${key})$`);
  } catch {
    throw configError(file, `The pattern ${key} is no regular expression.`);
  }
}

function positive(config: Record<string, unknown>, key: string, absent: number, file: string): number {
  const value = config[key] ?? absent;
  if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
  throw configError(file, `${key} is no positive number.`);
}

function warningsOf({ modules }: Adapter): string[] {
  const untrained = [...modules.values()].filter(({ up }) => up.every((value) => value === 0)).length;
  if (untrained === 0) return [];
  return untrained === modules.size
    ? ['Every B of this adapter is zero: it has not been trained and changes nothing.']
    : [`In ${untrained} of ${modules.size} modules of this adapter B is zero: they change nothing.`];
}

/** Whether the base with this adapter is the base: no pair, or in each of them one side is zero. */
export function changesNothing({ modules }: Adapter): boolean {
  const isZero = (values: Float32Array) => values.every((value) => value === 0);
  return [...modules.values()].every(({ down, up, scale }) => scale === 0 || isZero(up) || isZero(down));
}

/** sha256 over names, shapes, values and scales. */
export function hashAdapter(modules: ReadonlyMap<string, AdapterModule>): string {
  const hash = createHash('sha256');
  for (const [name, module] of [...modules].sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(`${name} ${module.in} ${module.rank} ${module.out} ${module.scale}\n`);
    hash.update(bytesOf(module.down));
    hash.update(bytesOf(module.up));
  }
  return hash.digest('hex');
}

/** LoRA's hyperparameters by PEFT's names. */
export interface LoraSettings {
  r: number;
  lora_alpha: number;
  lora_dropout?: number;
  use_rslora?: boolean;
  /** Last parts of module names; default all of the target. */
  target_modules?: readonly string[];
}

/** A new adapter as PEFT initializes it: A uniform within 1 / sqrt(in) (Kaiming with a = sqrt 5), B zero. */
export function createAdapter(target: AdapterTarget, settings: LoraSettings, random: Random): Adapter {
  const { r, lora_alpha: alpha, use_rslora: stabilized = false } = settings;
  const modules = new Map<string, AdapterModule>();
  const parts = new Set<string>();
  for (const [module, [out, input]] of target.linears) {
    const part = lastPart(module);
    if (settings.target_modules && !settings.target_modules.includes(part)) continue;
    parts.add(part);
    const bound = 1 / Math.sqrt(input);
    modules.set(module, {
      down: Float32Array.from({ length: input * r }, () => random.between(-bound, bound)),
      up: new Float32Array(r * out),
      rank: r,
      in: input,
      out,
      scale: stabilized ? alpha / Math.sqrt(r) : alpha / r,
    });
  }
  if (modules.size === 0)
    throw new WorkbenchError('ADAPTER_CONFIG', 'No linear layer of the model has one of these names.');
  return { hash: hashAdapter(modules), modules, config: peftConfig(target, settings, [...parts]) };
}

function peftConfig(target: AdapterTarget, settings: LoraSettings, parts: readonly string[]): Record<string, unknown> {
  // Keeps the vision tower out, whose layers share these names.
  const stem = target.peftName([...target.linears.keys()][0]!).split('.layers.')[0]!;
  return {
    alpha_pattern: {},
    base_model_name_or_path: null,
    bias: 'none',
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    lora_alpha: settings.lora_alpha,
    lora_dropout: settings.lora_dropout ?? 0,
    modules_to_save: null,
    peft_type: 'LORA',
    r: settings.r,
    rank_pattern: {},
    target_modules: `.*${lastPart(stem)}.*\\.(${parts.join('|')})`,
    task_type: 'CAUSAL_LM',
    use_dora: false,
    use_rslora: settings.use_rslora ?? false,
  };
}

function lastPart(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1);
}

/** Writes what PEFT's `from_pretrained` reads; `base` names the base model, as a path or on a hub. */
export async function writeAdapter(dir: string, adapter: Adapter, target: AdapterTarget, base: string): Promise<void> {
  const tensors = [...adapter.modules].flatMap(([module, { down, up, rank, in: input, out }]) => {
    const name = PREFIX + target.peftName(module);
    return [
      { name: `${name}.lora_A.weight`, shape: [rank, input], data: transposed(down, input, rank) },
      { name: `${name}.lora_B.weight`, shape: [out, rank], data: transposed(up, rank, out) },
    ];
  });
  await writeSafetensors(join(dir, TENSORS), tensors, { format: 'pt', [BASE_HASH]: target.weightsHash });
  await writeJson(join(dir, CONFIG), { ...adapter.config, base_model_name_or_path: base });
}

/** The weight `[out,in]` with the adapter folded in, W + scale B A: for export and as a check, never for comparing. */
export function mergedWeight(weight: Float32Array, module: AdapterModule): Float32Array {
  const { down, up, rank, scale, in: input, out } = module;
  const merged = Float32Array.from(weight);
  for (let o = 0; o < out; o++)
    for (let i = 0; i < input; i++) {
      let sum = 0;
      for (let r = 0; r < rank; r++) sum += up[r * out + o]! * down[i * rank + r]!;
      merged[o * input + i]! += scale * sum;
    }
  return merged;
}

function transposed(values: Float32Array, rows: number, columns: number): Float32Array {
  const result = new Float32Array(values.length);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) result[c * rows + r] = values[r * columns + c]!;
  return result;
}

type Details = ConstructorParameters<typeof WorkbenchError>[2];

function kindError(file: string, what: string, key?: string, tensor?: string): WorkbenchError {
  const details = { file, ...(key ? { key } : {}), ...(tensor ? { tensor } : {}) };
  const remedy = 'Use a plain LoRA adapter, or merge this one into its base with PEFT.';
  return new WorkbenchError('ADAPTER_KIND', `This adapter uses ${what}, which is not supported.`, details, remedy);
}

function configError(file: string, problem: string): WorkbenchError {
  return new WorkbenchError('ADAPTER_CONFIG', `The adapter's configuration cannot be used. ${problem}`, { file });
}

function baseError(file: string, problem: string, details: Details): WorkbenchError {
  const message = `This adapter belongs to another base model. ${problem}`;
  return new WorkbenchError('ADAPTER_BASE', message, { file, ...details }, 'Choose the base that it was trained on.');
}

function tensorsError(file: string, problem: string, details: Details = {}): WorkbenchError {
  return new WorkbenchError('ADAPTER_TENSORS', `The adapter's tensors are not whole. ${problem}`, { file, ...details });
}
