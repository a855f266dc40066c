/** Rows of one stored tensor, read where they lie and widened to f32: a table of embeddings without having it in memory. */
import { type FileHandle, open } from 'node:fs/promises';
import { WorkbenchError } from '../base/errors.ts';
import { DTYPE_BYTES, WIDEN } from './dtypes.ts';
import type { TensorEntry } from './safetensors.ts';

export class RowReader {
  private constructor(
    private readonly handle: FileHandle,
    private readonly entry: TensorEntry,
    readonly rows: number,
    /** Elements of a row: the axes behind the first as one. */
    readonly columns: number,
  ) {}

  /** @throws TENSOR_DTYPE, FILE_NOT_FOUND */
  static async open(entry: TensorEntry): Promise<RowReader> {
    const { file, name, dtype, shape } = entry;
    if (!WIDEN[dtype])
      throw new WorkbenchError('TENSOR_DTYPE', `Tensors of the dtype ${dtype} cannot be read here.`, {
        file,
        tensor: name,
        dtype,
      });
    const columns = shape.slice(1).reduce((product, size) => product * size, 1);
    return new RowReader(await open(file, 'r'), entry, shape[0] ?? 1, columns);
  }

  /** `count` rows from `start` on, `[count, columns]`. */
  async read(start: number, count: number): Promise<Float32Array> {
    const values = new Float32Array(count * this.columns);
    await this.into(values, 0, start, count);
    return values;
  }

  /** The rows `ids`, one after the other, `[ids.length, columns]`; an id of -1 leaves zeros. */
  async gather(ids: Int32Array): Promise<Float32Array> {
    const values = new Float32Array(ids.length * this.columns);
    const first = new Map<number, number>();
    for (const [at, id] of ids.entries()) {
      if (id < 0) continue;
      const known = first.get(id);
      if (known === undefined) {
        await this.into(values, at * this.columns, id, 1);
        first.set(id, at);
      } else values.copyWithin(at * this.columns, known * this.columns, (known + 1) * this.columns);
    }
    return values;
  }

  close(): Promise<void> {
    return this.handle.close();
  }

  private async into(values: Float32Array, at: number, start: number, count: number): Promise<void> {
    const { dtype, offset, file, name } = this.entry;
    const rowBytes = this.columns * DTYPE_BYTES[dtype];
    const bytes = new Uint8Array(count * rowBytes);
    for (let done = 0; done < bytes.length; ) {
      const position = offset + start * rowBytes + done;
      const { bytesRead } = await this.handle.read(bytes, done, bytes.length - done, position);
      if (bytesRead === 0)
        throw new WorkbenchError('SAFETENSORS_TRUNCATED', 'The file ends before its tensors do.', {
          file,
          tensor: name,
        });
      done += bytesRead;
    }
    WIDEN[dtype]!(new DataView(bytes.buffer), values, at);
  }
}
