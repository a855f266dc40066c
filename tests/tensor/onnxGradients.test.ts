/** The gradient of each recorded operation, run by ONNX Runtime, against differences of the loops of plainOps.ts. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Random } from '../../core/base/random.ts';
import { GradientOps, type GradientOpsOptions } from '../../core/tensor/onnx/gradient/ops.ts';
import { OnnxGraph, type Value } from '../../core/tensor/onnx/graph.ts';
import type { StoredWeight } from '../../core/tensor/onnx/ops.ts';
import { OnnxSession } from '../../core/tensor/onnx/session.ts';
import type { Ops } from '../../core/tensor/ops.ts';
import { type Plain, PlainOps } from '../support/plainOps.ts';

const folder = mkdtempSync(join(tmpdir(), 'chexreason-gradients-'));
afterAll(() => rmSync(folder, { recursive: true }));

const random = new Random('onnx gradients');
const product = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
const normal = (...shape: number[]): Plain => ({
  shape,
  data: Array.from({ length: product(shape) }, () => Math.fround(random.normal())),
});

type Network = <T>(ops: Ops<T>, x: Record<string, T>) => T;
interface Case {
  weights?: Record<string, Plain>;
  /** `[B,T,D]` are rows there; differentiated are those that `of` names. */
  inputs: Record<string, Plain & { whole?: true }>;
  of: string[];
  network: Network;
  options?: Partial<GradientOpsOptions>;
}

const NO_OPTIONS: GradientOpsOptions = { scales: new Map(), dropout: false, checkpointing: false };
const NOT_ROWS = /^(cos|sin)$/;

/** y, and the gradients of sum(y * dy). */
async function onnx({ weights = {}, inputs, of, network, options = {} }: Case, dy: number[]) {
  const graph = new OnnxGraph('test');
  const ops = new GradientOps(graph, writeWeights(weights), { ...NO_OPTIONS, ...options });
  const values: Record<string, Value> = {};
  const feeds: Record<string, { data: Float32Array | Int32Array; shape: number[] }> = {};
  for (const [name, { shape: whole, data, whole: isWhole }] of Object.entries(inputs)) {
    const asRows = whole.length === 3 && !NOT_ROWS.test(name);
    const shape = asRows ? [whole[0]! * whole[1]!, whole[2]!] : whole;
    const free = shape.map((_, axis) => `${name}.${axis}`);
    values[name] = graph.input(name, isWhole ? 'int32' : 'float', free);
    feeds[name] = { data: isWhole ? Int32Array.from(data) : Float32Array.from(data), shape };
    if (of.includes(name)) ops.tape.leaf(values[name]!);
    if (name === 'cos') ops.shapedBy(values[name]!);
  }
  if (!inputs['cos']) ops.shapedBy(graph.input('positions', 'float', ['B', 'T']));
  const y = network(ops, values);
  const seed = graph.input('dy', 'float', ['N']);
  const shaped = graph.node('Reshape', [seed, graph.node('Shape', [y])]);
  ops.tape.backward(y, shaped);
  graph.output(y, 'y', 'float');
  for (const name of of) graph.output(ops.tape.gradientOf(values[name]!)!, `${name}.grad`, 'float');
  const session = await OnnxSession.open(graph.encode(), { threads: 1 });
  if (!inputs['cos']) feeds['positions'] = { data: new Float32Array(6), shape: [2, 3] };
  feeds['dy'] = { data: Float32Array.from(dy), shape: [dy.length] };
  const results = await session.run(feeds, ['y', ...of.map((name) => `${name}.grad`)]);
  await session.release();
  return results;
}

function writeWeights(weights: Record<string, Plain>): (name: string) => StoredWeight {
  const path = join(folder, `${random.uint32()}.bin`);
  const places: Record<string, StoredWeight> = {};
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const [name, { shape, data }] of Object.entries(weights)) {
    const bytes = new Uint8Array(Float32Array.from(data).buffer);
    places[name] = { file: path, offset, length: bytes.length, dtype: 'F32', shape };
    parts.push(bytes);
    offset += bytes.length;
  }
  writeFileSync(path, Buffer.concat(parts));
  return (name) => places[name]!;
}

async function expectGradients(test: Case): Promise<void> {
  const { weights = {}, inputs, of, network } = test;
  const plain = (changed: Record<string, Plain>) =>
    network(new PlainOps(weights), { ...inputs, ...changed } as Record<string, Plain>).data;
  const value = plain({});
  const dy = value.map(() => Math.fround(random.normal()));
  const results = await onnx(test, dy);
  value.forEach((expected, i) => {
    expect(Math.abs(results['y']!.data[i]! - expected)).toBeLessThan(2e-5 * (1 + Math.abs(expected)));
  });
  const step = 1e-5;
  for (const name of of) {
    const { shape, data } = inputs[name]!;
    const moved = (i: number, by: number) =>
      plain({ [name]: { shape, data: data.map((v, j) => (j === i ? v + by : v)) } });
    const expected = data.map((_, i) => {
      const [up, down] = [moved(i, step), moved(i, -step)];
      return up.reduce((sum, v, j) => sum + (v - down[j]!) * dy[j]!, 0) / (2 * step);
    });
    const actual = results[`${name}.grad`]!.data;
    expect(actual.length).toBe(expected.length);
    const largest = Math.max(...expected.map(Math.abs));
    expected.forEach((value_, i) => {
      expect(Math.abs(actual[i]! - value_), `${name}[${i}]`).toBeLessThan(3e-5 * (1 + largest));
    });
  }
}

const angles = (batch: number, length: number, half: number) => {
  const angle = Array.from({ length: batch * length * half }, () => random.between(-3, 3));
  const shape = [batch, length, half];
  return {
    cos: { shape, data: angle.map((a) => Math.fround(Math.cos(a))) },
    sin: { shape, data: angle.map((a) => Math.fround(Math.sin(a))) },
  };
};

const CASES: Record<string, Case> = {
  'a frozen product': {
    weights: { 'w.weight': normal(6, 4) },
    inputs: { x: normal(2, 3, 4) },
    of: ['x'],
    network: (ops, x) => ops.linear(x['x']!, 'w', false),
  },
  'a frozen product with bias, in blocks of rows': {
    weights: { 'w.weight': normal(7, 4), 'w.bias': normal(7) },
    inputs: { x: normal(2, 3, 4) },
    of: ['x'],
    network: (ops, x) => ops.linear(x['x']!, 'w', true),
    options: { maxTensorBytes: 3 * 4 * 4 },
  },
  'sum, product and scale, where a value is used twice': {
    inputs: { a: normal(2, 3, 4), b: normal(2, 3, 4) },
    of: ['a', 'b'],
    network: (ops, x) => {
      const sum = ops.add(x['a']!, x['b']!);
      return ops.add(ops.mul(sum, x['b']!), ops.scale(sum, 0.37));
    },
  },
  rmsNorm: {
    weights: { w: normal(7) },
    inputs: { x: normal(2, 3, 7) },
    of: ['x'],
    network: (ops, x) => ops.rmsNorm(x['x']!, 'w', 1e-2, false),
  },
  'rmsNorm of heads, weight stored as w - 1': {
    weights: { w: normal(8) },
    inputs: { x: normal(2, 3, 16) },
    of: ['x'],
    network: (ops, x) => ops.mergeHeads(ops.rmsNorm(ops.splitHeads(x['x']!, 2), 'w', 1e-6, true), 2),
  },
  geluTanh: { inputs: { x: normal(2, 3, 50) }, of: ['x'], network: (ops, x) => ops.geluTanh(ops.scale(x['x']!, 3)) },
  silu: { inputs: { x: normal(2, 3, 50) }, of: ['x'], network: (ops, x) => ops.silu(ops.scale(x['x']!, 3)) },
  rope: {
    inputs: { x: normal(2, 4, 30), ...angles(2, 4, 5) },
    of: ['x'],
    network: (ops, x) => ops.mergeHeads(ops.rope(ops.splitHeads(x['x']!, 3), x['cos']!, x['sin']!), 3),
  },
  'attention of grouped heads, masked': {
    inputs: {
      q: normal(2, 3, 24),
      k: normal(2, 3, 12),
      v: normal(2, 3, 12),
      bias: { shape: [2, 1, 3, 3], data: Array.from({ length: 18 }, (_, i) => (i % 4 === 1 ? -1e9 : (i % 5) / 7)) },
    },
    of: ['q', 'k', 'v'],
    network: (ops, x) => {
      const [q, k, v] = [ops.splitHeads(x['q']!, 4), ops.splitHeads(x['k']!, 2), ops.splitHeads(x['v']!, 2)];
      return ops.mergeHeads(ops.attention(q, k, v, x['bias']!, 0.41), 4);
    },
  },
  'attention without mask': {
    inputs: { q: normal(2, 3, 8), k: normal(2, 3, 8), v: normal(2, 3, 8) },
    of: ['q', 'k', 'v'],
    network: (ops, x) => {
      const [q, k, v] = ['q', 'k', 'v'].map((name) => ops.splitHeads(x[name]!, 2));
      return ops.mergeHeads(ops.attention(q!, k!, v!, null, 0.7), 2);
    },
  },
  'rows, one of them three times': {
    inputs: { x: normal(2, 3, 4), rows: { shape: [5], data: [5, 0, 0, 2, 0], whole: true } },
    of: ['x'],
    network: (ops, x) => ops.takeRows(x['x']!, x['rows']!),
  },
  ...Object.fromEntries(
    [false, true].map((checkpointing): [string, Case] => [
      checkpointing ? 'two layers, computed again' : 'two layers, kept',
      {
        weights: { 'a.weight': normal(4, 4), 'b.weight': normal(4, 4), w: normal(4) },
        inputs: { x: normal(2, 3, 4), c: normal(2, 3, 4) },
        of: ['x'],
        options: { checkpointing },
        network: (ops, x) => {
          const layer = (input: (typeof x)[string], module: string) =>
            ops.layer(module, input, { c: x['c']! }, (y, { c }) =>
              ops.add(y, ops.mul(ops.silu(ops.linear(ops.rmsNorm(y, 'w', 1e-3, true), module, false)), c)),
            );
          return layer(layer(x['x']!, 'a'), 'b');
        },
      },
    ]),
  ),
};

describe('the gradient of', () => {
  for (const [name, test] of Object.entries(CASES)) it(name, () => expectGradients(test));
});
