/** Safetensors files: every dtype, shards, writing, and files that lie about themselves. */
import { mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { openCheckpoint, openSafetensors, writeSafetensors } from '../../core/tensor/safetensors.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'safetensors-'));
});

/** A file with this header (as an object, or raw) and these bytes of data. */
async function file(name: string, header: unknown, data: Uint8Array = new Uint8Array(), length?: bigint) {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(length ?? BigInt(text.length));
  const path = join(dir, name);
  await writeFile(path, Buffer.concat([prefix, text, data]));
  return path;
}

const f32 = (begin: number, end: number, shape = [(end - begin) / 4]) => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
});

describe('reading', () => {
  it.each([
    ['F32', [0x0000c03f, 0x000020c0], 4, [1.5, -2.5]],
    ['BF16', [0xc03f, 0x20c0], 2, [1.5, -2.5]],
    ['F16', [0x003e, 0x00c1], 2, [1.5, -2.5]],
    ['I32', [0x07000000, 0xfeffffff], 4, [7, -2]],
  ])('widens %s', async (dtype, words, bytes, expected) => {
    const data = Buffer.alloc(words.length * bytes);
    words.forEach((word, i) => void (bytes === 4 ? data.writeUInt32BE(word, i * 4) : data.writeUInt16BE(word, i * 2)));
    const path = await file(`${dtype}`, { x: { dtype, shape: [2], data_offsets: [0, data.length] } }, data);
    expect([...(await (await openSafetensors(path)).read('x'))]).toEqual(expected);
  });

  it('widens I64, and every value of F16 as the format defines it', async () => {
    const long = Buffer.alloc(16);
    long.writeBigInt64LE(-5n, 0);
    long.writeBigInt64LE(1n << 40n, 8);
    const path = await file('I64', { x: { dtype: 'I64', shape: [2], data_offsets: [0, 16] } }, long);
    expect([...(await (await openSafetensors(path)).read('x'))]).toEqual([-5, 2 ** 40]);
    const halves = Buffer.from(Uint16Array.of(0x0001, 0x03ff, 0x0400, 0x7bff, 0xfc00, 0x8000).buffer);
    const half = await file('F16b', { x: { dtype: 'F16', shape: [6], data_offsets: [0, 12] } }, halves);
    const expected = [2 ** -24, 1023 * 2 ** -24, 2 ** -14, 65504, Number.NEGATIVE_INFINITY, -0];
    expect([...(await (await openSafetensors(half)).read('x'))]).toEqual(expected);
  });

  it('reads a tensor longer than one chunk', async () => {
    const values = Float32Array.from({ length: 5_000_001 }, (_, i) => i % 1009);
    const path = join(dir, 'long.safetensors');
    await writeSafetensors(path, [{ name: 'x', shape: [values.length], data: values }]);
    expect(Buffer.from((await (await openSafetensors(path)).read('x')).buffer).equals(Buffer.from(values.buffer))).toBe(
      true,
    );
  });

  it('reads shards by their index', async () => {
    const folder = await mkdtemp(join(dir, 'shards-'));
    const shards = { a: 'model-00001-of-00002.safetensors', b: 'model-00002-of-00002.safetensors' };
    for (const [name, shard] of Object.entries(shards))
      await writeSafetensors(join(folder, shard), [{ name, shape: [2], data: Float32Array.of(1, name.charCodeAt(0)) }]);
    await writeFile(join(folder, 'model.safetensors.index.json'), JSON.stringify({ metadata: {}, weight_map: shards }));
    const checkpoint = await openCheckpoint(folder);
    expect(checkpoint.names).toEqual(['a', 'b']);
    expect([...(await checkpoint.read('b'))]).toEqual([1, 98]);
  });
});

describe('writing', () => {
  it('gives back names, shapes, values and metadata, aligned to 8 bytes, and leaves no other file', async () => {
    const folder = await mkdtemp(join(dir, 'written-'));
    const path = join(folder, 'x.safetensors');
    const tensors = [
      { name: 'b', shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) },
      { name: 'a', shape: [], data: Int32Array.of(9) },
    ];
    for (let i = 0; i < 2; i++) await writeSafetensors(path, tensors, { format: 'pt', note: 'ü' });
    const read = await openSafetensors(path);
    expect(read.metadata).toEqual({ format: 'pt', note: 'ü' });
    expect(read.entry('a')).toMatchObject({ dtype: 'I32', shape: [], byteLength: 4 });
    expect(read.entry('a').offset % 8).toBe(0);
    expect([...(await read.read('b'))]).toEqual([1, 2, 3, 4, 5, 6]);
    expect(await readdir(folder)).toEqual(['x.safetensors']);
  });

  it('refuses a tensor whose shape does not fit', async () => {
    const wrong = [{ name: 'a', shape: [3], data: Float32Array.of(1, 2) }];
    await expect(writeSafetensors(join(dir, 'wrong'), wrong)).rejects.toMatchObject({ code: 'TENSOR_SHAPE' });
  });
});

describe('files that lie', () => {
  const data = new Uint8Array(16);
  it.each<[string, string, unknown, Uint8Array?, bigint?]>([
    ['a huge header', 'SAFETENSORS_HEADER', '{}', data, 2n ** 62n],
    ['a header beyond the file', 'SAFETENSORS_TRUNCATED', '{}', data, 5000n],
    ['no JSON', 'SAFETENSORS_HEADER', '{"a":', data],
    ['an array', 'SAFETENSORS_HEADER', '[]', data],
    ['a tensor that is text', 'SAFETENSORS_HEADER', { x: 'y' }, data],
    ['an unknown dtype', 'SAFETENSORS_HEADER', { x: { ...f32(0, 16), dtype: 'F33' } }, data],
    ['a dtype of the prototype', 'SAFETENSORS_HEADER', { x: { ...f32(0, 16), dtype: 'constructor' } }, data],
    ['a negative size', 'SAFETENSORS_HEADER', { x: f32(0, 16, [-4]) }, data],
    ['a fractional size', 'SAFETENSORS_HEADER', { x: f32(0, 16, [0.5]) }, data],
    ['offsets in reverse', 'SAFETENSORS_OFFSETS', { x: { ...f32(0, 16), data_offsets: [16, 0] } }, data],
    ['a shape that overflows', 'SAFETENSORS_OFFSETS', { x: f32(0, 16, [2 ** 50, 2 ** 50]) }, data],
    ['a shape of another size', 'SAFETENSORS_OFFSETS', { x: f32(0, 16, [5]) }, data],
    ['overlapping tensors', 'SAFETENSORS_OFFSETS', { x: f32(0, 8), y: f32(4, 12), z: f32(12, 16) }, data],
    ['a hole', 'SAFETENSORS_OFFSETS', { x: f32(0, 4), y: f32(8, 16) }, data],
    ['bytes behind the last tensor', 'SAFETENSORS_OFFSETS', { x: f32(0, 12) }, data],
    ['a tensor beyond the file', 'SAFETENSORS_TRUNCATED', { x: f32(0, 64) }, data],
    ['metadata that is no text', 'SAFETENSORS_HEADER', { __metadata__: { a: 1 }, x: f32(0, 16) }, data],
  ])('%s', async (name, code, header, bytes, length) => {
    const path = await file(name, header, bytes, length);
    await expect(openSafetensors(path)).rejects.toMatchObject({ code, details: { file: path } });
  });

  it('empty and tiny files', async () => {
    const path = join(dir, 'tiny');
    for (const bytes of [0, 1, 7]) {
      await writeFile(path, new Uint8Array(bytes));
      await expect(openSafetensors(path)).rejects.toMatchObject({ code: 'SAFETENSORS_TRUNCATED' });
    }
  });

  it('a dtype that cannot be widened is named when it is read', async () => {
    const path = await file('F64', { x: { dtype: 'F64', shape: [2], data_offsets: [0, 16] } }, data);
    const opened = await openSafetensors(path);
    await expect(opened.read('x')).rejects.toMatchObject({
      code: 'TENSOR_DTYPE',
      details: { tensor: 'x', dtype: 'F64' },
    });
    expect(() => opened.entry('y')).toThrowError(expect.objectContaining({ code: 'TENSOR_MISSING' }));
  });

  it('shards outside the folder, and shards without their tensor', async () => {
    const folder = await mkdtemp(join(dir, 'index-'));
    const index = join(folder, 'model.safetensors.index.json');
    for (const shard of ['../a.safetensors', '..', 3, '/etc/passwd']) {
      await writeFile(index, JSON.stringify({ weight_map: { a: shard } }));
      await expect(openCheckpoint(folder)).rejects.toMatchObject({ code: 'SAFETENSORS_HEADER' });
    }
    await writeSafetensors(join(folder, 's.safetensors'), [{ name: 'a', shape: [1], data: Float32Array.of(1) }]);
    await writeFile(index, JSON.stringify({ weight_map: { a: 's.safetensors', b: 'gone.safetensors' } }));
    await expect(openCheckpoint(folder)).rejects.toMatchObject({
      code: 'MODEL_SHARD_MISSING',
      details: { file: join(folder, 'gone.safetensors'), tensor: 'b' },
    });
    await writeFile(index, JSON.stringify({ weight_map: { b: 's.safetensors' } }));
    await expect(openCheckpoint(folder)).rejects.toMatchObject({ code: 'TENSOR_MISSING', details: { tensor: 'b' } });
  });
});
