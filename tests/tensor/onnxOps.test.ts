/**
 * Each recorded operation, run by ONNX Runtime, against the loops of plainOps.ts: as it is recorded for the processor; as for a
 * GPU, run by the processor; and by a GPU, where one is there.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../core/base/random.ts';
import type { Device } from '../../core/tensor/executor.ts';
import { opsFor } from '../../core/tensor/onnx/gpuOps.ts';
import { OnnxGraph, type Value } from '../../core/tensor/onnx/graph.ts';
import type { LoraPlan, StoredWeight } from '../../core/tensor/onnx/ops.ts';
import { OnnxSession } from '../../core/tensor/onnx/session.ts';
import type { Ops } from '../../core/tensor/ops.ts';
import { type Plain, type PlainLora, PlainOps } from '../support/plainOps.ts';
import { gpuMissing } from '../support/softwareGpu.ts';

const folder = mkdtempSync(join(tmpdir(), 'chexreason-onnx-'));
afterAll(() => rmSync(folder, { recursive: true }));

const random = new Random('onnx operations');
const product = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
const normal = (...shape: number[]): Plain => ({
  shape,
  data: Array.from({ length: product(shape) }, () => Math.fround(random.normal())),
});
const whole = (shape: number[], data: number[]): Plain & { whole: true } => ({ shape, data, whole: true });

type Inputs = Record<string, Plain & { whole?: true }>;
type Network = <T>(ops: Ops<T>, x: Record<string, T>) => T;
interface Case {
  weights?: Record<string, Plain>;
  inputs: Inputs;
  network: Network;
  dtype?: StoredWeight['dtype'];
  lora?: { plan: LoraPlan; feeds: Inputs; plain: Record<string, PlainLora> };
  maxTensorBytes?: number;
}

/** What it is recorded for, and what runs it. */
type Way = [recorded: Device, run: Device];
const WAYS: Way[] = [['cpu', 'cpu'], ['webgpu', 'cpu'], ...(gpuMissing === null ? [['webgpu', 'webgpu'] as Way] : [])];

async function onnx(
  { weights = {}, inputs, network, dtype = 'F32', lora, maxTensorBytes }: Case,
  [device, runs]: Way = ['cpu', 'cpu'],
) {
  const file = writeWeights(weights, dtype);
  const graph = new OnnxGraph('test');
  const ops = opsFor(graph, (name) => file[name]!, {
    lora: lora?.plan,
    ...(maxTensorBytes ? { maxTensorBytes } : {}),
    device,
  });
  const values: Record<string, Value> = {};
  for (const [name, { shape, whole }] of Object.entries(inputs)) {
    const free = shape.map((_, axis) => `${name}.${axis}`);
    values[name] = graph.input(name, whole ? 'int32' : 'float', free);
  }
  const y = network(ops, values);
  graph.output(y, 'y', 'float');
  const session = await OnnxSession.open(graph.encode(), { threads: 1, device: runs });
  const feeds = Object.entries({ ...inputs, ...lora?.feeds }).map(([name, { shape, data, whole }]) => [
    name,
    { data: whole ? Int32Array.from(data) : Float32Array.from(data), shape },
  ]);
  const { y: result } = await session.run(Object.fromEntries(feeds), ['y']);
  await session.release();
  return { shape: [...result!.shape], data: [...result!.data] };
}

/** One file with all weights one after the other, at odd offsets. */
function writeWeights(weights: Record<string, Plain>, dtype: StoredWeight['dtype']): Record<string, StoredWeight> {
  const path = join(folder, `${random.uint32()}.bin`);
  const places: Record<string, StoredWeight> = {};
  const parts: Uint8Array[] = [Uint8Array.of(0xff)];
  let offset = 1;
  for (const [name, { shape, data }] of Object.entries(weights)) {
    const bytes = ENCODE[dtype](data);
    places[name] = { file: path, offset, length: bytes.length, dtype, shape };
    parts.push(bytes);
    offset += bytes.length;
  }
  writeFileSync(path, Buffer.concat(parts));
  return places;
}

const ENCODE: Record<StoredWeight['dtype'], (data: number[]) => Uint8Array> = {
  F32: (data) => new Uint8Array(Float32Array.from(data).buffer),
  /** The upper halves of the f32 values: exact for values that were rounded by `roundToBf16` before. */
  BF16: (data) =>
    new Uint8Array(new Uint16Array(Float32Array.from(data).buffer).filter((_, i) => i % 2 === 1).slice().buffer),
  /** Exact for multiples of 1/8 below 128. */
  F16: (data) => new Uint8Array(Uint16Array.from(data, half).buffer),
};

/** IEEE 754 binary16 of a number that it can hold and that is zero or normal. */
function half(value: number): number {
  if (value === 0) return 0;
  const exponent = Math.floor(Math.log2(Math.abs(value)));
  const fraction = (Math.abs(value) / 2 ** exponent - 1) * 1024;
  return (value < 0 ? 0x8000 : 0) + (exponent + 15) * 1024 + fraction;
}

function roundToBf16(x: Plain): Plain {
  const words = new Uint32Array(Float32Array.from(x.data).buffer).map((word) => word & 0xffff0000);
  return { shape: x.shape, data: [...new Float32Array(words.buffer)] };
}

async function expectEqual(test: Case, ways = WAYS): Promise<void> {
  const expected = test.network(
    new PlainOps(test.weights ?? {}, test.lora?.plain),
    test.inputs as Record<string, Plain>,
  );
  for (const way of ways) {
    const actual = await onnx(test, way);
    expect(actual.shape, way.join()).toEqual(expected.shape);
    const worst = Math.max(...actual.data.map((value, i) => Math.abs(value - expected.data[i]!)));
    expect(worst, way.join()).toBeLessThan(2e-5);
  }
}

const angles = (batch: number, length: number, half: number): Inputs => {
  const angle = Array.from({ length: batch * length * half }, () => random.between(-3, 3));
  const shape = [batch, length, half];
  return {
    cos: { shape, data: angle.map((a) => Math.fround(Math.cos(a))) },
    sin: { shape, data: angle.map((a) => Math.fround(Math.sin(a))) },
  };
};

const renamed = (inputs: Inputs, prefix: string): Inputs =>
  Object.fromEntries(Object.entries(inputs).map(([name, value]) => [prefix + name, value]));

const CASES: Record<string, Case> = {
  embedding: {
    weights: { table: normal(11, 5) },
    inputs: { ids: whole([2, 3], [10, 0, 4, 4, 1, 9]) },
    network: (ops, x) => ops.embedding('table', x['ids']!),
  },
  'linear by a weight of more axes': {
    weights: { 'w.weight': normal(6, 2, 3, 2) },
    inputs: { x: normal(5, 12) },
    network: (ops, x) => ops.linear(x['x']!, 'w', false),
  },
  'gelu, exact': { inputs: { x: normal(3, 7) }, network: (ops, x) => ops.gelu(x['x']!) },
  'columns, and rows of another width': {
    inputs: { x: normal(4, 9) },
    network: (ops, x) => ops.asRows(ops.columns(x['x']!, 3, 6), 6),
  },
  'attention of rows in windows, and over all of them': {
    inputs: { x: normal(10, 24), bias: normal(2, 1, 5, 5), ...angles(2, 5, 2), ...renamed(angles(1, 10, 2), 'all.') },
    network: (ops, x) => {
      const attend = <T>(o: Ops<T>, rows: T, cos: T, sin: T, bias: T | null) => {
        const [q, k, v] = [0, 8, 16].map((start) => o.splitRows(o.columns(rows, start, start + 8), 2, cos));
        return o.asRows(o.mergeHeads(o.attention(o.rope(q!, cos, sin), o.rope(k!, cos, sin), v!, bias, 0.5), 2), 8);
      };
      const windows = attend(ops, x['x']!, x['cos']!, x['sin']!, x['bias']!);
      return ops.add(windows, attend(ops, x['x']!, x['all.cos']!, x['all.sin']!, null));
    },
  },
  linear: {
    weights: { 'w.weight': normal(6, 4) },
    inputs: { x: normal(2, 3, 4) },
    network: (ops, x) => ops.linear(x['x']!, 'w', false),
  },
  'linear with bias': {
    weights: { 'w.weight': normal(6, 4), 'w.bias': normal(6) },
    inputs: { x: normal(2, 3, 4) },
    network: (ops, x) => ops.linear(x['x']!, 'w', true),
  },
  'linear on rows': {
    weights: { 'w.weight': normal(6, 4) },
    inputs: { x: normal(5, 4) },
    network: (ops, x) => ops.linear(x['x']!, 'w', false),
  },
  'add, mul, scale': {
    inputs: { a: normal(2, 3, 4), b: normal(2, 3, 4) },
    network: (ops, x) => ops.scale(ops.mul(ops.add(x['a']!, x['b']!), x['b']!), 0.37),
  },
  rmsNorm: {
    weights: { w: normal(7) },
    inputs: { x: normal(2, 3, 7) },
    network: (ops, x) => ops.rmsNorm(x['x']!, 'w', 1e-6, false),
  },
  'rmsNorm of heads, weight stored as w - 1': {
    weights: { w: normal(8) },
    inputs: { x: normal(2, 2, 3, 8) },
    network: (ops, x) => ops.rmsNorm(x['x']!, 'w', 1e-2, true),
  },
  'rmsNorm of a sum that goes on': {
    weights: { w: normal(7) },
    inputs: { a: normal(2, 3, 7), b: normal(2, 3, 7) },
    network: (ops, x) => {
      const sum = ops.add(x['a']!, x['b']!);
      return ops.add(sum, ops.rmsNorm(sum, 'w', 1e-6, true));
    },
  },
  'rmsNorm of a sum that was used before': {
    weights: { w: normal(7) },
    inputs: { a: normal(2, 3, 7), b: normal(2, 3, 7) },
    network: (ops, x) => {
      const sum = ops.add(x['a']!, x['b']!);
      return ops.mul(ops.scale(sum, 0.3), ops.rmsNorm(sum, 'w', 1e-6, false));
    },
  },
  layerNorm: {
    weights: { w: normal(7), b: normal(7) },
    inputs: { x: normal(2, 3, 7) },
    network: (ops, x) => ops.layerNorm(x['x']!, 'w', 'b', 1e-6),
  },
  geluTanh: { inputs: { x: normal(2, 3, 50) }, network: (ops, x) => ops.geluTanh(ops.scale(x['x']!, 3)) },
  silu: { inputs: { x: normal(2, 3, 50) }, network: (ops, x) => ops.silu(ops.scale(x['x']!, 3)) },
  splitHeads: { inputs: { x: normal(2, 3, 8) }, network: (ops, x) => ops.splitHeads(x['x']!, 4) },
  mergeHeads: { inputs: { x: normal(2, 4, 3, 2) }, network: (ops, x) => ops.mergeHeads(x['x']!, 4) },
  rope: {
    inputs: { x: normal(2, 3, 4, 10), ...angles(2, 4, 5) },
    network: (ops, x) => ops.rope(x['x']!, x['cos']!, x['sin']!),
  },
  'appendCache without a cache': {
    inputs: { now: normal(2, 3, 4, 5) },
    network: (ops, x) => ops.appendCache(null, x['now']!),
  },
  appendCache: {
    inputs: { past: normal(2, 3, 6, 5), now: normal(2, 3, 1, 5) },
    network: (ops, x) => ops.appendCache(x['past']!, x['now']!),
  },
  'appendCache with an empty cache': {
    inputs: { past: normal(2, 3, 0, 5), now: normal(2, 3, 4, 5) },
    network: (ops, x) => ops.appendCache(x['past']!, x['now']!),
  },
  'attention without bias': {
    inputs: { q: normal(2, 3, 4, 6), k: normal(2, 3, 4, 6), v: normal(2, 3, 4, 6) },
    network: (ops, x) => ops.attention(x['q']!, x['k']!, x['v']!, null, 0.3),
  },
  'attention without bias on heads that were just split': {
    inputs: { q: normal(2, 5, 12), k: normal(2, 5, 12), v: normal(2, 5, 12) },
    network: (ops, x) => {
      const [q, k, v] = [x['q']!, x['k']!, x['v']!].map((value) => ops.splitHeads(value, 3));
      return ops.mergeHeads(ops.attention(q!, k!, v!, null, 0.3), 3);
    },
  },
  'attention with grouped heads, a cache and a bias': {
    inputs: {
      q: normal(2, 6, 3, 8),
      k: normal(2, 2, 7, 8),
      v: normal(2, 2, 7, 8),
      bias: { shape: [2, 1, 3, 7], data: Array.from({ length: 42 }, (_, i) => (i % 3 === 1 ? -1e9 : (i % 5) / 7)) },
    },
    network: (ops, x) => ops.attention(x['q']!, x['k']!, x['v']!, x['bias']!, 0.41),
  },
  'attention of heads that were split, normed and turned, with a cache': {
    weights: { w: normal(6) },
    inputs: {
      q: normal(2, 3, 24),
      k: normal(2, 3, 12),
      v: normal(2, 3, 12),
      pastK: normal(2, 4, 12),
      pastV: normal(2, 4, 12),
      bias: { shape: [2, 1, 3, 7], data: Array.from({ length: 42 }, (_, i) => (i % 3 === 1 ? -1e9 : (i % 5) / 7)) },
      ...angles(2, 3, 3),
    },
    network: (ops, x) => {
      const turned = (name: string, heads: number) =>
        ops.rope(ops.rmsNorm(ops.splitHeads(x[name]!, heads), 'w', 1e-6, true), x['cos']!, x['sin']!);
      const k = ops.appendCache(ops.splitHeads(x['pastK']!, 2), turned('k', 2));
      const v = ops.appendCache(ops.splitHeads(x['pastV']!, 2), ops.splitHeads(x['v']!, 2));
      return ops.mergeHeads(ops.attention(turned('q', 4), k, v, x['bias']!, 0.41), 4);
    },
  },
  'attention of one new position': {
    inputs: {
      q: normal(3, 4, 1, 8),
      k: normal(3, 1, 33, 8),
      v: normal(3, 1, 33, 8),
      bias: { shape: [3, 1, 1, 33], data: Array.from({ length: 99 }, (_, i) => (i % 33 < 9 ? -3.4e38 : 0)) },
    },
    network: (ops, x) => ops.attention(x['q']!, x['k']!, x['v']!, x['bias']!, 0.35),
  },
  patchEmbed: {
    weights: { w: normal(5, 3, 4, 4), b: normal(5) },
    inputs: { x: normal(2, 3, 12, 12) },
    network: (ops, x) => ops.patchEmbed(x['x']!, 'w', 'b', 4),
  },
  poolTokens: { inputs: { x: normal(2, 36, 5) }, network: (ops, x) => ops.poolTokens(x['x']!, 6, 2) },
  addPositions: {
    weights: { w: normal(4, 5) },
    inputs: { x: normal(2, 4, 5) },
    network: (ops, x) => ops.addPositions(x['x']!, 'w'),
  },
  project: {
    weights: { w: normal(4, 6) },
    inputs: { x: normal(2, 3, 4) },
    network: (ops, x) => ops.project(x['x']!, 'w'),
  },
  placeRows: {
    inputs: { x: normal(2, 3, 4), features: normal(5, 4), index: whole([2, 3], [-1, 4, 0, -1, -1, 2]) },
    network: (ops, x) => ops.placeRows(x['x']!, x['features']!, x['index']!),
  },
  takeRows: {
    inputs: { x: normal(2, 3, 4), rows: whole([4], [5, 0, 0, 2]) },
    network: (ops, x) => ops.takeRows(x['x']!, x['rows']!),
  },
  flattenRows: { inputs: { x: normal(1, 3, 4) }, network: (ops, x) => ops.flattenRows(x['x']!) },
};

describe('recorded operations equal plain loops', () => {
  for (const [name, test] of Object.entries(CASES)) it(name, () => expectEqual(test));
});

describe('weights', () => {
  it('are read as bf16', async () => {
    const weights = { 'w.weight': roundToBf16(normal(6, 4)) };
    await expectEqual({
      weights,
      inputs: { x: normal(2, 4) },
      network: (ops, x) => ops.linear(x['x']!, 'w', false),
      dtype: 'BF16',
    });
  });

  it('are read as f16', async () => {
    const eighths = Array.from({ length: 24 }, () => (random.below(400) - 200) / 8);
    const weights = { 'w.weight': { shape: [6, 4], data: eighths } };
    await expectEqual({
      weights,
      inputs: { x: { shape: [1, 4], data: [0.5, -1, 0.25, 0.125] } },
      network: (ops, x) => ops.linear(x['x']!, 'w', false),
      dtype: 'F16',
    });
  });

  it('larger than the largest allocation are cut into blocks of rows, in either dtype', async () => {
    const weights = { 'table.weight': roundToBf16(normal(11, 5)) };
    const network: Network = (ops, x) => ops.linear(ops.embedding('table.weight', x['ids']!), 'table', false);
    const inputs = { ids: whole([2, 3], [10, 0, 4, 4, 3, 9]) };
    for (const dtype of ['F32', 'BF16'] as const) {
      await expectEqual({ weights, inputs, network, dtype, maxTensorBytes: 4 * 5 * 4 });
    }
  });
});

describe('LoRA inputs', () => {
  const weights = { 'w.weight': normal(6, 4) };
  const network: Network = (ops, x) => ops.linear(x['x']!, 'w', false);
  const [down1, up1, down2, up2] = [normal(4, 2), normal(2, 6), normal(4, 3), normal(3, 6)];
  const first = { down: down1, up: up1 };
  const second = { down: down2, up: up2 };

  it('one adapter for all rows', async () => {
    const plan = { modules: new Set(['w']), mixed: false };
    const feeds = { 'w.down': down1, 'w.up': up1 };
    await expectEqual({
      weights,
      inputs: { x: normal(2, 3, 4) },
      network,
      lora: { plan, feeds, plain: { w: { rows: [first, first] } } },
    });
  });

  it('an adapter of its own, or none, for each row', async () => {
    const plan = { modules: new Set(['w']), mixed: true };
    const sideBySide = {
      shape: [4, 5],
      data: [0, 1, 2, 3].flatMap((i) => [...down1.data.slice(i * 2, i * 2 + 2), ...down2.data.slice(i * 3, i * 3 + 3)]),
    };
    const feeds = {
      'w.down': sideBySide,
      'w.up': { shape: [5, 6], data: [...up1.data, ...up2.data] },
      'lora.rows': { shape: [3, 1, 5], data: [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1] },
    };
    const plain = { w: { rows: [first, null, second] } };
    await expectEqual({ weights, inputs: { x: normal(3, 2, 4) }, network, lora: { plan, feeds, plain } });
  });

  // On a GPU ONNX Runtime's process ends with a rank of 0 (models/onnxAdapters.ts).
  it('no adapter at all, as rank 0, on the processor', async () => {
    const plan = { modules: new Set(['w']), mixed: false };
    const feeds = { 'w.down': { shape: [4, 0], data: [] }, 'w.up': { shape: [0, 6], data: [] } };
    const test: Case = { weights, inputs: { x: normal(2, 3, 4) }, network, lora: { plan, feeds, plain: {} } };
    await expectEqual(test, [['cpu', 'cpu']]);
  });
});
