/**
 * Safetensors files: 8 bytes of header length, a JSON header, then the tensors' bytes without gaps
 * (https://github.com/huggingface/safetensors, whose checks are repeated here: the header's limit, offsets in range, in
 * order, without hole or overlap, and of the size that dtype and shape demand).
 * Headers are read when a file is opened, tensors one at a time by range and widened to f32 as they are read, so that a
 * checkpoint of many gigabytes needs memory for one tensor only.
 */
import { createHash } from 'node:crypto';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { WorkbenchError } from '../base/errors.ts';
import { bytesOf } from '../base/hash.ts';
import { inMillions, throwIfCancelled, type Work } from '../base/progress.ts';
import { readJson } from '../platform/files.ts';
import { DTYPE_BYTES, elements, type TensorDtype, WIDEN } from './dtypes.ts';
import { type TensorSpec, writeTensorFile } from './safetensorsWriter.ts';

/** Where a tensor lies: `offset` counts from the start of the file, so that other engines can read or map it. */
export interface TensorEntry {
  name: string;
  dtype: TensorDtype;
  shape: number[];
  file: string;
  offset: number;
  byteLength: number;
}

/** The header's limit of the reference implementation. */
const MAX_HEADER_BYTES = 100_000_000;
const CHUNK_BYTES = 1 << 24;

/** The tensors of one file, or of all shards of a checkpoint. Files are opened for each read; nothing is held. */
export class Safetensors {
  constructor(
    /** The file, or the index of the shards: what error messages name. */
    readonly source: string,
    readonly entries: ReadonlyMap<string, TensorEntry>,
    readonly metadata: Readonly<Record<string, string>>,
  ) {}

  get names(): string[] {
    return [...this.entries.keys()];
  }

  has(name: string): boolean {
    return this.entries.has(name);
  }

  /** TENSOR_MISSING where the name is unknown. */
  entry(name: string): TensorEntry {
    const entry = this.entries.get(name);
    if (entry) return entry;
    throw new WorkbenchError('TENSOR_MISSING', 'A tensor is missing.', { file: this.source, tensor: name });
  }

  /** F32, F16, BF16, I32 or I64 as f32, in row-major order. Other dtypes: TENSOR_DTYPE. */
  read(name: string): Promise<Float32Array> {
    return readTensor(this.entry(name));
  }
}

/** One file. Errors: SAFETENSORS_HEADER, SAFETENSORS_TRUNCATED, SAFETENSORS_OFFSETS; Node's for unreadable files. */
export async function openSafetensors(file: string): Promise<Safetensors> {
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    const { header, dataStart } = await readHeader(handle, file, size);
    const { __metadata__, ...tensors } = header;
    const entries = Object.entries(tensors).map(([name, value]) => parseEntry(file, name, value, dataStart));
    checkLayout(file, entries, dataStart, size);
    const byName = new Map(entries.map((entry) => [entry.name, entry]));
    return new Safetensors(file, byName, parseMetadata(file, __metadata__));
  } finally {
    await handle.close();
  }
}

/** A checkpoint in a folder: `model.safetensors`, or the shards that `model.safetensors.index.json` names. */
export async function openCheckpoint(folder: string): Promise<Safetensors> {
  const single = join(folder, 'model.safetensors');
  if (await exists(single)) return openSafetensors(single);
  const index = join(folder, 'model.safetensors.index.json');
  if (await exists(index)) return openShards(folder, index);
  throw new WorkbenchError(
    'MODEL_WEIGHTS_MISSING',
    'The folder has neither model.safetensors nor model.safetensors.index.json.',
    { file: folder },
    'Weights in other formats (.bin, .gguf) must be converted to safetensors first.',
  );
}

async function openShards(folder: string, index: string): Promise<Safetensors> {
  const weightMap = (await readJson<{ weight_map?: unknown }>(index))?.weight_map;
  if (!isRecord(weightMap)) throw headerError(index, 'The index has no weight_map.');
  const shards = new Map<string, Safetensors>();
  const entries = new Map<string, TensorEntry>();
  for (const [name, shard] of Object.entries(weightMap)) {
    if (typeof shard !== 'string' || shard !== basename(shard) || shard === '..')
      throw headerError(index, 'A shard is not the name of a file beside the index.', { tensor: name });
    let opened = shards.get(shard);
    if (!opened) {
      opened = await openShard(join(folder, shard), index, name);
      shards.set(shard, opened);
    }
    entries.set(name, opened.entry(name));
  }
  return new Safetensors(index, entries, {});
}

async function openShard(file: string, index: string, tensor: string): Promise<Safetensors> {
  if (await exists(file)) return openSafetensors(file);
  throw new WorkbenchError(
    'MODEL_SHARD_MISSING',
    'A file of weights that the index names is not in the folder.',
    { file, index, tensor },
    'Download it, or the whole folder again.',
  );
}

async function readHeader(handle: FileHandle, file: string, size: number) {
  const prefix = await readExactly(handle, file, 0, Math.min(8, size));
  if (prefix.length < 8) throw truncated(file, { bytes: size, needed: 8 });
  const view = new DataView(prefix.buffer, prefix.byteOffset, 8);
  const length = view.getUint32(4, true) * 2 ** 32 + view.getUint32(0, true);
  if (length > MAX_HEADER_BYTES)
    throw headerError(file, 'The header is too large for a safetensors file.', { headerBytes: length });
  if (8 + length > size) throw truncated(file, { bytes: size, needed: 8 + length });
  const text = Buffer.from(await readExactly(handle, file, 8, length)).toString('utf8');
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch {
    throw headerError(file, 'The header of this file is not JSON; it is no safetensors file.');
  }
  if (!isRecord(header)) throw headerError(file, 'The header is not an object.');
  return { header, dataStart: 8 + length };
}

function parseEntry(file: string, name: string, value: unknown, dataStart: number): TensorEntry {
  const where = { tensor: name };
  if (!isRecord(value)) throw headerError(file, 'A tensor has no description.', where);
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== 'string' || !Object.hasOwn(DTYPE_BYTES, dtype))
    throw headerError(file, 'A tensor has an unknown dtype.', { ...where, dtype: String(dtype) });
  if (!Array.isArray(shape) || shape.length > 16 || !shape.every(isSize))
    throw headerError(file, 'A tensor has no valid shape.', where);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize) || offsets[0] > offsets[1])
    throw offsetError(file, 'A tensor has no valid offsets.', where);
  const [begin, end] = offsets as [number, number];
  const expected = elements(shape) * DTYPE_BYTES[dtype as TensorDtype];
  if (end - begin !== expected)
    throw offsetError(file, 'The bytes of a tensor do not fit its shape.', {
      ...where,
      shape,
      dtype,
      expectedBytes: expected,
      actualBytes: end - begin,
    });
  return { name, dtype: dtype as TensorDtype, shape, file, offset: dataStart + begin, byteLength: end - begin };
}

/** Tensors lie one after the other from the header to the end of the file. */
function checkLayout(file: string, entries: readonly TensorEntry[], dataStart: number, size: number): void {
  let position = dataStart;
  for (const entry of [...entries].sort((a, b) => a.offset - b.offset || a.byteLength - b.byteLength)) {
    if (entry.offset !== position)
      throw offsetError(file, 'Tensors overlap, or leave a hole between them.', {
        tensor: entry.name,
        offset: entry.offset,
        expectedOffset: position,
      });
    position += entry.byteLength;
    if (position > size) throw truncated(file, { tensor: entry.name, bytes: size, needed: position });
  }
  if (position !== size)
    throw offsetError(file, 'The file goes on after its last tensor.', { bytes: size, expectedBytes: position });
}

function parseMetadata(file: string, metadata: unknown): Record<string, string> {
  if (metadata === undefined) return {};
  if (isRecord(metadata) && Object.values(metadata).every((value) => typeof value === 'string'))
    return metadata as Record<string, string>;
  throw headerError(file, 'The metadata of the header must be text.');
}

async function readTensor(entry: TensorEntry): Promise<Float32Array> {
  const widen = WIDEN[entry.dtype];
  if (!widen)
    throw new WorkbenchError(
      'TENSOR_DTYPE',
      `Tensors of the dtype ${entry.dtype} cannot be read here.`,
      { file: entry.file, tensor: entry.name, dtype: entry.dtype, supported: Object.keys(WIDEN) },
      'Save the checkpoint as F32, F16 or BF16.',
    );
  const values = allocate(entry);
  let done = 0;
  for await (const bytes of readRange(entry)) {
    widen(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), values, done);
    done += bytes.byteLength / DTYPE_BYTES[entry.dtype];
  }
  return values;
}

/** A typed array has a limit of its own in every runtime (2 GiB in Electron 22). */
function allocate(entry: TensorEntry): Float32Array {
  try {
    return new Float32Array(elements(entry.shape));
  } catch {
    throw new WorkbenchError(
      'TENSOR_TOO_LARGE',
      'A tensor is larger than this runtime can hold in one piece.',
      { file: entry.file, tensor: entry.name, shape: entry.shape },
      'Run the engine on the command line (Node) instead of in the desktop application.',
    );
  }
}

/** The tensor's bytes in pieces of whole elements. */
export async function* readRange(entry: TensorEntry): AsyncGenerator<Uint8Array> {
  const handle = await open(entry.file, 'r');
  try {
    for (let done = 0; done < entry.byteLength; done += CHUNK_BYTES)
      yield await readExactly(
        handle,
        entry.file,
        entry.offset + done,
        Math.min(CHUNK_BYTES, entry.byteLength - done),
        entry.name,
      );
  } finally {
    await handle.close();
  }
}

async function readExactly(handle: FileHandle, file: string, position: number, length: number, tensor?: string) {
  const buffer = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await handle.read(buffer, done, length - done, position + done);
    if (bytesRead === 0) throw truncated(file, { ...(tensor ? { tensor } : {}), needed: position + length });
    done += bytesRead;
  }
  return buffer;
}

export interface TensorToWrite {
  name: string;
  shape: readonly number[];
  data: Float32Array | Int32Array;
}

/** Writes one file of tensors that are in memory (F32 and I32): safetensorsWriter.ts. */
export async function writeSafetensors(
  file: string,
  tensors: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>> = { format: 'pt' },
): Promise<void> {
  for (const { name, shape, data } of tensors)
    if (elements(shape) !== data.length)
      throw new WorkbenchError('TENSOR_SHAPE', 'A tensor to write does not have the size of its shape.', {
        tensor: name,
        expected: [...shape],
        actual: [data.length],
      });
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  // Names in order, as the reference implementation has tensors of one dtype.
  const sorted = [...tensors].sort((a, b) => (a.name < b.name ? -1 : 1));
  const specs = sorted.map(({ name, shape, data }): TensorSpec => {
    return { name, shape, dtype: data instanceof Float32Array ? 'F32' : 'I32' };
  });
  await writeTensorFile(file, specs, metadata, ({ name }) => [bytesOf(byName.get(name)!.data)]);
}

/** Files of more bytes take seconds. */
const WORTH_REPORTING = 2 ** 28;

export type NamedTensors = readonly (readonly [name: string, entry: TensorEntry])[];

/** sha256 over names, dtypes, shapes and bytes, in the order of the given names. */
export async function hashTensors(named: NamedTensors, work?: Work): Promise<string> {
  const hash = createHash('sha256');
  const total = named.reduce((sum, [, { byteLength }]) => sum + byteLength, 0);
  let done = 0;
  for (const [name, entry] of named) {
    hash.update(`${name} ${entry.dtype} ${entry.shape.join('x')}\n`);
    for await (const bytes of readRange(entry)) {
      throwIfCancelled(work?.signal);
      hash.update(bytes);
      done += bytes.length;
      if (total > WORTH_REPORTING) work?.report({ stage: 'Reading the checkpoint (MB)', ...inMillions(done, total) });
    }
  }
  return hash.digest('hex');
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

type Details = ConstructorParameters<typeof WorkbenchError>[2];

function headerError(file: string, message: string, details: Details = {}): WorkbenchError {
  return new WorkbenchError('SAFETENSORS_HEADER', message, { file, ...details });
}

function offsetError(file: string, message: string, details: Details): WorkbenchError {
  return new WorkbenchError('SAFETENSORS_OFFSETS', message, { file, ...details }, 'Download the file again.');
}

function truncated(file: string, details: Details): WorkbenchError {
  return new WorkbenchError(
    'SAFETENSORS_TRUNCATED',
    'The file ends before its tensors do.',
    { file, ...details },
    'Download the file again.',
  );
}
