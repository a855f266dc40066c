/**
 * A model folder in Hugging Face's layout: config.json, weights in safetensors, and beside them the files of tokenizer,
 * chat template and processor, which other rooms read. Opening checks every tensor's name and shape against the
 * configuration and reads no weight; hashing reads them once, as a stream.
 */
import { appendFile, mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { WorkbenchError } from '../base/errors.ts';
import { sha256 } from '../base/hash.ts';
import type { Work } from '../base/progress.ts';
import { readJson, readJsonIfThere, readJsonLines } from '../platform/files.ts';
import { elements } from '../tensor/dtypes.ts';
import type { FileRegion } from '../tensor/onnx/graph.ts';
import type { StoredWeight } from '../tensor/onnx/ops.ts';
import {
  hashTensors,
  type NamedTensors,
  openCheckpoint,
  Safetensors,
  type TensorEntry,
  writeSafetensors,
} from '../tensor/safetensors.ts';
import { architectureOf } from './architectures.ts';
import type { Network } from './network.ts';
import type { ModelInfo } from './runner.ts';

/** Weights by canonical name. */
export interface Weights {
  readonly names: readonly string[];
  entry(name: string): TensorEntry;
  /** Row-major f32. */
  read(name: string): Promise<Float32Array>;
}

export interface ModelFolder {
  dir: string;
  network: Network;
  weights: Weights;
  info: ModelInfo;
  /** Paths of files that are there. */
  files: Partial<Record<keyof typeof FILES, string>>;
  /** Said to the user: tensors in the files that the network does not use. */
  warnings: string[];
}

const FILES = {
  tokenizer: 'tokenizer.json',
  tokenizerConfig: 'tokenizer_config.json',
  specialTokens: 'special_tokens_map.json',
  chatTemplate: 'chat_template.jinja',
  chatTemplateJson: 'chat_template.json',
  preprocessor: 'preprocessor_config.json',
  processor: 'processor_config.json',
  generationConfig: 'generation_config.json',
} as const;

/**
 * Errors: FILE_NOT_FOUND, JSON_UNREADABLE, MODEL_ARCHITECTURE, MODEL_CONFIG, MODEL_WEIGHTS_MISSING, SAFETENSORS_*,
 * TENSOR_MISSING and TENSOR_SHAPE with the tensor's name, expected and actual shape.
 * @param cacheDir where the hash of the weights is remembered
 * @param work hears of the hashing of a large checkpoint
 */
export async function openModelFolder(dir: string, cacheDir?: string, work?: Work): Promise<ModelFolder> {
  const configFile = join(dir, 'config.json');
  const json = await readJson<Record<string, unknown>>(configFile);
  const network = architectureOf(json, configFile).open(json, configFile);
  const { entries, unused } = await findTensors(dir, network);
  const generation = await readJsonIfThere<Record<string, unknown>>(join(dir, FILES.generationConfig));
  return {
    dir,
    network,
    weights: weightsOf(entries),
    info: await describe(network, entries, generation ?? {}, cacheDir, work),
    files: await findFiles(dir),
    warnings: unused.length > 0 ? [unusedWarning(unused)] : [],
  };
}

async function findTensors(dir: string, { names, shapes }: Network) {
  const checkpoint = await openCheckpoint(dir);
  const entries = new Map<string, TensorEntry>();
  const unused: string[] = [];
  for (const entry of checkpoint.entries.values()) {
    const name = names.canonical(entry.name);
    if (name === null || !shapes.has(name)) unused.push(entry.name);
    else if (entries.has(name)) throw tensorError('TENSOR_TWICE', 'is there under two names', entry.name, entry.file);
    else entries.set(name, entry);
  }
  for (const [name, expected] of shapes)
    checkTensor(entries.get(name), names.published(name), expected, checkpoint.source);
  return { entries, unused: unused.filter((name) => names.canonical(name) !== 'language.lm_head.weight') };
}

function checkTensor(entry: TensorEntry | undefined, name: string, expected: number[], source: string): void {
  if (!entry) throw tensorError('TENSOR_MISSING', 'is missing', name, source, { expected });
  if (entry.shape.join() === expected.join()) return;
  const shapes = { expected, actual: entry.shape };
  throw tensorError('TENSOR_SHAPE', 'has another shape than the configuration says', entry.name, entry.file, shapes);
}

function tensorError(
  code: string,
  problem: string,
  tensor: string,
  file: string,
  details: Record<string, number[]> = {},
) {
  const remedy = 'Download the model folder again; config.json and weights must be of the same model.';
  return new WorkbenchError(code, `The tensor ${tensor} ${problem}.`, { file, tensor, ...details }, remedy);
}

/** A weight for ONNX Runtime, in a region of some file. @throws TENSOR_DTYPE where it is no float */
export function storedWeight({ name, file, dtype, shape }: TensorEntry, region: FileRegion): StoredWeight {
  if (dtype === 'F32' || dtype === 'F16' || dtype === 'BF16') return { ...region, dtype, shape };
  throw new WorkbenchError(
    'TENSOR_DTYPE',
    `Weights of the dtype ${dtype} cannot be used.`,
    { file, tensor: name, dtype },
    'Save the checkpoint as F32, F16 or BF16.',
  );
}

function weightsOf(entries: ReadonlyMap<string, TensorEntry>): Weights {
  const files = new Safetensors('', entries, {});
  return { names: files.names, entry: (name) => files.entry(name), read: (name) => files.read(name) };
}

async function describe(
  { config, shapes, fixedImage }: Network,
  entries: ReadonlyMap<string, TensorEntry>,
  generation: Record<string, unknown>,
  cacheDir?: string,
  work?: Work,
): Promise<ModelInfo> {
  const sorted = [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    architecture: config.architecture,
    vocabulary: config.text.vocabulary,
    width: config.text.width,
    layers: config.text.layerTypes.length,
    imageSize: fixedImage.size,
    imageTokens: fixedImage.tokens,
    imageTokenId: config.imageTokenId,
    visionTokenIds: config.visionTokenIds.filter((id) => id < config.text.vocabulary),
    endTokenIds: tokenIds(generation['eos_token_id']) ?? config.endTokenIds,
    padTokenId: tokenIds(generation['pad_token_id'])?.[0] ?? config.padTokenId,
    contextLength: config.text.maxPositions,
    parameters: [...shapes.values()].reduce((sum, shape) => sum + elements(shape), 0),
    weightsHash: await hashOnce(sorted, cacheDir, work),
    dtype: entries.get('language.embed_tokens.weight')!.dtype,
  };
}

const hashes = new Map<string, Promise<string>>();
const HASHES = 'hashes.jsonl';

/**
 * Hashing reads every byte, seconds to minutes for a large checkpoint, so it is done once while the files stay as they are
 * (path, size, time of change, inode): in this process, and in later ones where there is a cache folder.
 */
async function hashOnce(named: NamedTensors, cacheDir?: string, work?: Work) {
  const files = [...new Set(named.map(([, { file }]) => file))];
  const states = await Promise.all(files.map((file) => stat(file)));
  const key = sha256(states.map(({ size, mtimeMs, ino }, i) => `${files[i]} ${size} ${mtimeMs} ${ino}`).join('\n'));
  const hash = hashes.get(key) ?? hashOrRecall(named, key, cacheDir, work);
  hashes.set(key, hash);
  hash.catch(() => hashes.delete(key));
  return hash;
}

async function hashOrRecall(named: NamedTensors, key: string, cacheDir?: string, work?: Work): Promise<string> {
  if (cacheDir === undefined) return hashTensors(named, work);
  const file = join(cacheDir, HASHES);
  const known = (await readJsonLines<{ key: string; hash: string }>(file)).find((line) => line.key === key);
  if (known) return known.hash;
  const hash = await hashTensors(named, work);
  // A folder that cannot be written makes the next start slower, nothing else.
  await mkdir(cacheDir, { recursive: true })
    .then(() => appendFile(file, `${JSON.stringify({ key, hash })}\n`))
    .catch(() => {});
  return hash;
}

/** generation_config.json has the last word on end and pad tokens, as in transformers' generate. */
function tokenIds(value: unknown): number[] | null {
  const ids = Array.isArray(value) ? value : [value];
  return ids.length > 0 && ids.every((id) => Number.isInteger(id) && id >= 0) ? ids : null;
}

async function findFiles(dir: string): Promise<ModelFolder['files']> {
  const found: ModelFolder['files'] = {};
  for (const [key, name] of Object.entries(FILES) as [keyof typeof FILES, string][]) {
    const path = join(dir, name);
    const there = await stat(path).catch(() => null);
    if (there?.isFile()) found[key] = path;
  }
  return found;
}

function unusedWarning(names: readonly string[]): string {
  const some = names.slice(0, 3).join(', ');
  return `${names.length} tensors of the files are not used by this architecture (${some}${names.length > 3 ? ', …' : ''}).`;
}

/** Writes `model.safetensors` with the names of published checkpoints, in f32; `weights` are canonical. */
export async function writeModelWeights(
  dir: string,
  { names, shapes }: Network,
  weights: ReadonlyMap<string, Float32Array>,
): Promise<void> {
  const tensors = [...shapes].map(([canonical, shape]) => {
    const name = names.published(canonical);
    const data = weights.get(canonical);
    if (!data) throw tensorError('TENSOR_MISSING', 'is missing', name, dir, { expected: shape });
    return { name, shape, data };
  });
  await writeSafetensors(join(dir, 'model.safetensors'), tensors);
}
