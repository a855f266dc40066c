/**
 * Kernels that replace those of tfjs-backend-wasm 4.22 where these are needlessly slow (measured on 1 MB to 4 MB of f32):
 *
 * - Slice, SplitV, Unpack copy the whole tensor out of the heap for every part: 9 ms for 16 slices of 2 MB, now 0.2.
 * - Concat on an inner axis makes two array views for every row: 2.9 ms, now 0.5.
 * - Transpose of the last two axes runs against the cache: 13 ms for 1,024 x 1,024, now 3.
 * - Identity, which a tape calls for all that a gradient needs, copies; now it counts references, as Reshape does.
 * - GatherV2 of rows: 31 ms for 1,024 rows of 1,024, now 0.5.
 * - BatchMatMul leaves XNNPACK for a plain loop where there is a batch or a transpose flag: 27 ms for 16 products of
 *   256 x 128 x 64, now 4. Transposes are made here instead, the smaller one where there is a choice, and large matrices
 *   of a batch are multiplied one by one.
 *
 * They work on the heap of the module, which may move when memory is allocated: views are taken after it.
 */
import type { KernelConfig, KernelFunc, NamedAttrMap, TensorInfo } from '@tensorflow/tfjs-core';
import type { Tf } from './backend.ts';

type Heap = Float32Array | Int32Array | Uint8Array;

interface WasmBackend {
  makeOutput(shape: readonly number[], dtype: string): TensorInfo;
  typedArrayFromHeap(info: TensorInfo): Heap;
  disposeData(dataId: object): boolean;
  incRef(dataId: object): void;
}

interface Call {
  inputs: Record<string, TensorInfo>;
  attrs: NamedAttrMap;
  backend: WasmBackend;
}

/** Multiplications in one matrix of a batch from which on a call of its own is cheaper. */
const WORTH_A_CALL = 250_000;
/** Runs up to this length are copied by a loop, which is cheaper than making two views. */
const SHORT_RUN = 64;
const BLOCK = 32;

/** Once, after the backend was registered. */
export function replaceSlowKernels(tf: Tf): void {
  const replace = (
    name: string,
    make: (original: (call: Call) => TensorInfo) => (call: Call) => TensorInfo | TensorInfo[],
  ) => {
    const kernel = tf.getKernel(name, 'wasm') as KernelConfig;
    const original = kernel.kernelFunc as unknown as (call: Call) => TensorInfo;
    tf.unregisterKernel(name, 'wasm');
    tf.registerKernel({ ...kernel, kernelFunc: make(original) as unknown as KernelFunc });
  };
  replace('Slice', () => ({ inputs, attrs, backend }) => {
    const { begin, size } = attrs as unknown as { begin: number | number[]; size: number | number[] };
    const [from, sizes] = tf.slice_util.parseSliceParams(inputs['x'] as never, begin, size) as [number[], number[]];
    return slice(backend, inputs['x']!, from, sizes);
  });
  replace(
    'SplitV',
    () =>
      ({ inputs, attrs, backend }) =>
        splitAt(tf, backend, inputs['x']!, attrs),
  );
  replace(
    'Unpack',
    () =>
      ({ inputs, attrs, backend }) =>
        unpack(backend, inputs['value']!, attrs),
  );
  replace(
    'Concat',
    () =>
      ({ inputs, attrs, backend }) =>
        concat(backend, Object.values(inputs), attrs),
  );
  replace('Transpose', (original) => (call) => {
    const { inputs, attrs, backend } = call;
    return swapsLastTwo(attrs['perm'] as number[]) ? flip(backend, inputs['x']!) : original(call);
  });
  replace('GatherV2', (original) => (call) => {
    const { inputs, attrs, backend } = call;
    const ofRows = attrs['axis'] === 0 && (attrs['batchDims'] ?? 0) === 0 && inputs['indices']!.dtype === 'int32';
    return ofRows ? gatherRows(backend, inputs['x']!, inputs['indices']!) : original(call);
  });
  replace('BatchMatMul', (original) => (call) => {
    const multiply: Multiply = (a, b) =>
      original({ inputs: { a, b }, attrs: { transposeA: false, transposeB: false }, backend: call.backend });
    const { a, b } = call.inputs as { a: TensorInfo; b: TensorInfo };
    if (a.shape.slice(0, -2).join() !== b.shape.slice(0, -2).join()) return original(call);
    return product(call.backend, multiply, a, b, Boolean(call.attrs['transposeA']), Boolean(call.attrs['transposeB']));
  });
}

function copy(to: Heap, at: number, from: Heap, start: number, length: number): void {
  if (length > SHORT_RUN) to.set(from.subarray(start, start + length), at);
  else for (let i = 0; i < length; i++) to[at + i] = from[start + i]!;
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Copies run by run; a run ends at the innermost axis that is not taken whole. */
function slice(backend: WasmBackend, x: TensorInfo, begin: readonly number[], size: readonly number[]): TensorInfo {
  const out = backend.makeOutput(size, x.dtype);
  if (sizeOf(size) === 0) return out;
  const [from, to] = [backend.typedArrayFromHeap(x), backend.typedArrayFromHeap(out)];
  let axis = x.shape.length - 1;
  let inner = 1;
  while (axis > 0 && size[axis] === x.shape[axis]) inner *= x.shape[axis--]!;
  const run = axis < 0 ? 1 : size[axis]! * inner;
  const strides = x.shape.map((_, i) => sizeOf(x.shape.slice(i + 1)));
  const index = begin.map(() => 0);
  for (let at = 0; at < to.length; at += run) {
    const start = begin.reduce((sum, first, i) => sum + (first + index[i]!) * strides[i]!, 0);
    copy(to, at, from, start, run);
    for (let i = axis - 1; i >= 0 && ++index[i]! === size[i]; i--) index[i] = 0;
  }
  return out;
}

function splitAt(tf: Tf, backend: WasmBackend, x: TensorInfo, attrs: NamedAttrMap): TensorInfo[] {
  const { numOrSizeSplits, axis } = attrs as unknown as { numOrSizeSplits: number | number[]; axis: number };
  const along = axis < 0 ? axis + x.shape.length : axis;
  const begin = x.shape.map(() => 0);
  return tf.backend_util.prepareSplitSize(x as never, numOrSizeSplits, along).map((length) => {
    const size = x.shape.map((whole, i) => (i === along ? length : whole));
    const part = slice(backend, x, begin, size);
    begin[along]! += length;
    return part;
  });
}

function unpack(backend: WasmBackend, value: TensorInfo, attrs: NamedAttrMap): TensorInfo[] {
  const axis = (attrs['axis'] as number) + ((attrs['axis'] as number) < 0 ? value.shape.length : 0);
  const [begin, size] = [value.shape.map(() => 0), [...value.shape]];
  const shape = value.shape.filter((_, i) => i !== axis);
  size[axis] = 1;
  return Array.from({ length: value.shape[axis]! }, (_, i) => {
    begin[axis] = i;
    return { ...slice(backend, value, begin, size), shape };
  });
}

function concat(backend: WasmBackend, inputs: readonly TensorInfo[], attrs: NamedAttrMap): TensorInfo {
  const first = inputs[0]!;
  const axis = (attrs['axis'] as number) + ((attrs['axis'] as number) < 0 ? first.shape.length : 0);
  const shape = [...first.shape];
  shape[axis] = inputs.reduce((sum, input) => sum + input.shape[axis]!, 0);
  const out = backend.makeOutput(shape, first.dtype);
  const to = backend.typedArrayFromHeap(out);
  const outer = sizeOf(shape.slice(0, axis));
  const stride = sizeOf(shape.slice(axis));
  let offset = 0;
  for (const input of inputs) {
    const run = sizeOf(input.shape.slice(axis));
    const from = run === 0 ? to : backend.typedArrayFromHeap(input);
    for (let o = 0; o < outer; o++) copy(to, o * stride + offset, from, o * run, run);
    offset += run;
  }
  return out;
}

function swapsLastTwo(perm: readonly number[]): boolean {
  const last = perm.length - 1;
  return perm.length > 1 && perm.every((axis, i) => axis === (i === last ? last - 1 : i === last - 1 ? last : i));
}

/** Transposes the last two axes, block by block. */
function flip(backend: WasmBackend, x: TensorInfo): TensorInfo {
  const [rows, columns] = x.shape.slice(-2) as [number, number];
  const out = backend.makeOutput([...x.shape.slice(0, -2), columns, rows], x.dtype);
  const size = rows * columns;
  const [from, to] = [backend.typedArrayFromHeap(x), backend.typedArrayFromHeap(out)];
  for (let start = 0; start < from.length; start += size)
    for (let r0 = 0; r0 < rows; r0 += BLOCK)
      for (let c0 = 0; c0 < columns; c0 += BLOCK) {
        const [rEnd, cEnd] = [Math.min(r0 + BLOCK, rows), Math.min(c0 + BLOCK, columns)];
        for (let c = c0; c < cEnd; c++)
          for (let r = r0, at = start + c * rows; r < rEnd; r++) to[at + r] = from[start + r * columns + c]!;
      }
  return out;
}

function gatherRows(backend: WasmBackend, x: TensorInfo, indices: TensorInfo): TensorInfo {
  const out = backend.makeOutput([...indices.shape, ...x.shape.slice(1)], x.dtype);
  const run = sizeOf(x.shape.slice(1));
  if (run === 0 || sizeOf(indices.shape) === 0) return out;
  const rows = backend.typedArrayFromHeap(indices);
  const [from, to] = [backend.typedArrayFromHeap(x), backend.typedArrayFromHeap(out)];
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!;
    if (row < 0 || row >= x.shape[0]!) throw new RangeError(`gather: row ${row} of ${x.shape[0]}`);
    copy(to, i * run, from, row * run, run);
  }
  return out;
}

type Multiply = (a: TensorInfo, b: TensorInfo) => TensorInfo;

function product(
  backend: WasmBackend,
  multiply: Multiply,
  a: TensorInfo,
  b: TensorInfo,
  transposeA: boolean,
  transposeB: boolean,
): TensorInfo {
  const temporary: TensorInfo[] = [];
  const flipped = (x: TensorInfo) => {
    const y = flip(backend, x);
    temporary.push(y);
    return y;
  };
  const right = transposeB ? flipped(b) : b;
  let out: TensorInfo;
  if (transposeA && right.shape.at(-1)! < a.shape.at(-1)!) {
    const reversed = plainProduct(backend, multiply, flipped(right), a);
    temporary.push(reversed);
    out = flip(backend, reversed);
  } else out = plainProduct(backend, multiply, transposeA ? flipped(a) : a, right);
  for (const { dataId } of temporary) backend.disposeData(dataId);
  return out;
}

function plainProduct(backend: WasmBackend, multiply: Multiply, a: TensorInfo, b: TensorInfo): TensorInfo {
  const [rows, inner] = a.shape.slice(-2) as [number, number];
  const columns = b.shape.at(-1)!;
  const batch = sizeOf(a.shape.slice(0, -2));
  if (batch === 1 || rows * inner * columns < WORTH_A_CALL) return multiply(a, b);
  const out = backend.makeOutput([...a.shape.slice(0, -1), columns], a.dtype);
  for (let i = 0; i < batch; i++) {
    const left = matrixOf(backend, a, i);
    const right = matrixOf(backend, b, i);
    const one = multiply(left, right);
    copy(backend.typedArrayFromHeap(out), i * rows * columns, backend.typedArrayFromHeap(one), 0, rows * columns);
    for (const { dataId } of [left, right, one]) backend.disposeData(dataId);
  }
  return out;
}

function matrixOf(backend: WasmBackend, x: TensorInfo, index: number): TensorInfo {
  const shape = x.shape.slice(-2);
  const size = sizeOf(shape);
  const matrix = backend.makeOutput(shape, x.dtype);
  copy(backend.typedArrayFromHeap(matrix), 0, backend.typedArrayFromHeap(x), index * size, size);
  return matrix;
}
