/**
 * Writing a safetensors file whose tensors need not be in memory: every tensor's bytes come in pieces, in the order of the
 * file. It is written beside its place and then renamed, so that a file of that name is always whole.
 */
import { type FileHandle, mkdir, open, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { locate, WorkbenchError } from '../base/errors.ts';
import { DTYPE_BYTES, elements, type TensorDtype } from './dtypes.ts';

export interface TensorSpec {
  name: string;
  dtype: TensorDtype;
  shape: readonly number[];
}

/** A tensor's bytes, row-major, little endian, in pieces. */
export type TensorBytes = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

const CHUNK_BYTES = 1 << 24;

/**
 * Tensors lie in the order given.
 * @param bytesOf asked for each tensor once, one after the other
 * @throws TENSOR_SHAPE where a tensor comes twice or its bytes are not those of its shape; DISK_FULL
 */
export async function writeTensorFile(
  file: string,
  tensors: readonly TensorSpec[],
  metadata: Readonly<Record<string, string>>,
  bytesOf: (tensor: TensorSpec) => TensorBytes,
): Promise<void> {
  const header = Buffer.from(headerOf(tensors, metadata));
  const padding = (8 - (header.length % 8)) % 8;
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(header.length + padding));
  await mkdir(dirname(file), { recursive: true });
  const beside = `${file}.${process.pid}.${Date.now().toString(36)}.part`;
  try {
    const handle = await open(beside, 'w');
    try {
      for (const part of [prefix, header, Buffer.alloc(padding, ' ')]) await writeAll(handle, part);
      for (const tensor of tensors) await writeTensor(handle, tensor, bytesOf(tensor));
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(beside, file);
  } catch (error) {
    await unlink(beside).catch(() => {});
    throw locate(error, { file });
  }
}

function headerOf(tensors: readonly TensorSpec[], metadata: Readonly<Record<string, string>>): string {
  let offset = 0;
  const header: Record<string, unknown> = { __metadata__: metadata };
  for (const { name, dtype, shape } of tensors) {
    if (Object.hasOwn(header, name)) throw sizeError(name, 'comes twice', shape);
    const end = offset + elements(shape) * DTYPE_BYTES[dtype];
    header[name] = { dtype, shape, data_offsets: [offset, end] };
    offset = end;
  }
  return JSON.stringify(header);
}

async function writeTensor(handle: FileHandle, { name, dtype, shape }: TensorSpec, pieces: TensorBytes) {
  let bytes = 0;
  for await (const piece of pieces) {
    await writeAll(handle, piece);
    bytes += piece.byteLength;
  }
  if (bytes !== elements(shape) * DTYPE_BYTES[dtype]) throw sizeError(name, 'has not the size of its shape', shape);
}

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, Math.min(CHUNK_BYTES, bytes.length - done));
    done += bytesWritten;
  }
}

function sizeError(tensor: string, problem: string, shape: readonly number[]): WorkbenchError {
  return new WorkbenchError('TENSOR_SHAPE', `The tensor ${tensor} to write ${problem}.`, { tensor, shape: [...shape] });
}
