/** The kernels that replace those of the wasm backend, against the plain ones of tfjs-backend-cpu. */
import type { Tensor } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../core/base/random.ts';
import { openTfjs, type Tf } from '../../core/tensor/tfjs/backend.ts';

let tf: Tf;
beforeAll(async () => {
  ({ tf } = await openTfjs({ prefer: 'wasm' }));
});

const random = new Random(11);
const values = (shape: number[]) =>
  Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal());

/** Runs the same on both backends and compares every result; no tensor stays. */
async function expectSame(compute: (make: (shape: number[]) => Tensor) => Tensor | Tensor[], tolerance = 0) {
  const inputs = new Map<number, { shape: number[]; data: Float32Array }>();
  const runOn = async (backend: string) => {
    await tf.setBackend(backend);
    const before = tf.memory().numTensors;
    let next = 0;
    const make = (shape: number[]) => {
      const stored = inputs.get(next) ?? { shape, data: values(shape) };
      inputs.set(next++, stored);
      return tf.tensor(stored.data, stored.shape);
    };
    const results: { shape: number[]; data: ArrayLike<number> }[] = [];
    tf.tidy(() => {
      for (const tensor of [compute(make)].flat()) results.push({ shape: tensor.shape, data: tensor.dataSync() });
    });
    expect(tf.memory().numTensors).toBe(before);
    return results;
  };
  const expected = await runOn('cpu');
  const actual = await runOn('wasm');
  expect(actual.map(({ shape }) => shape)).toEqual(expected.map(({ shape }) => shape));
  for (const [i, { data }] of expected.entries()) {
    const difference = Math.max(0, ...Array.from(data, (value, j) => Math.abs(value - actual[i]!.data[j]!)));
    expect(difference).toBeLessThanOrEqual(tolerance);
  }
}

describe('Slice', () => {
  it.each<[number[], number[], number[]]>([
    [[10], [3], [4]],
    [[10], [0], [10]],
    [
      [4, 5],
      [1, 2],
      [2, 3],
    ],
    [
      [4, 5],
      [2, 0],
      [2, 5],
    ],
    [
      [3, 4, 5, 6],
      [1, 0, 2, 0],
      [2, 4, 3, 6],
    ],
    [
      [3, 4, 5, 6],
      [0, 1, 0, 5],
      [3, 2, 5, 1],
    ],
    [
      [2, 300, 100],
      [1, 7, 10],
      [1, 200, 80],
    ],
    [
      [3, 4],
      [1, 1],
      [0, 2],
    ],
  ])('%j from %j, %j', (shape, begin, size) => expectSame((make) => tf.slice(make(shape), begin, size)));

  it('takes -1 for the rest, and integers', async () => {
    await expectSame((make) => tf.slice(make([5, 6]), [2], [-1]));
    await expectSame(() => tf.slice(tf.range(0, 12, 1, 'int32').reshape([3, 4]), [1, 1], [2, 2]));
  });
});

it.each<[number[], number | number[], number]>([
  [[4, 6], 3, 1],
  [[4, 6], [1, 2, 1], 0],
  [[2, 3, 4, 64], [32, 32], 3],
  [[2, 8, 3], 4, -2],
])('SplitV of %j into %j along %i', (shape, parts, axis) => expectSame((make) => tf.split(make(shape), parts, axis)));

it.each<[number[], number]>([
  [[4, 3, 2], 0],
  [[4, 3, 2], 1],
  [[4, 3, 2], -1],
])('Unpack of %j along %i', (shape, axis) => expectSame((make) => tf.unstack(make(shape), axis)));

it.each<[number[][], number]>([
  [
    [
      [2, 3],
      [4, 3],
    ],
    0,
  ],
  [
    [
      [2, 3],
      [2, 1],
      [2, 100],
    ],
    1,
  ],
  [
    [
      [2, 3, 4, 32],
      [2, 3, 4, 32],
    ],
    3,
  ],
  [
    [
      [2, 3, 7, 8],
      [2, 3, 1, 8],
    ],
    2,
  ],
  [
    [
      [2, 0],
      [2, 2],
    ],
    -1,
  ],
])('Concat of %j along %i', (shapes, axis) => expectSame((make) => tf.concat(shapes.map(make), axis)));

it.each<[number[], number[]]>([
  [
    [5, 7],
    [1, 0],
  ],
  [
    [70, 33],
    [1, 0],
  ],
  [
    [2, 3, 40, 65],
    [0, 1, 3, 2],
  ],
  [
    [2, 3, 4, 5],
    [0, 2, 1, 3],
  ],
  [
    [2, 3, 4],
    [2, 0, 1],
  ],
])('Transpose of %j by %j', (shape, perm) => expectSame((make) => tf.transpose(make(shape), perm)));

describe('GatherV2', () => {
  it('of rows, in any order and shape of the index', async () => {
    await expectSame((make) => tf.gather(make([6, 3]), tf.tensor1d([5, 0, 0, 2], 'int32')));
    await expectSame((make) => tf.gather(make([6, 2, 100]), tf.tensor2d([[1], [4]], [2, 1], 'int32')));
    await expectSame((make) => tf.gather(make([2, 6]), tf.tensor1d([5, 0], 'int32'), 1));
  });

  it('refuses a row that is not there', async () => {
    await tf.setBackend('wasm');
    expect(() => tf.gather(tf.zeros([3, 2]), tf.tensor1d([3], 'int32'))).toThrow('row 3 of 3');
  });
});

describe('BatchMatMul', () => {
  const sizes: [number[], number, number, number][] = [
    [[], 5, 7, 3],
    [[], 3, 64, 90],
    [[2, 3], 4, 5, 6],
    [[2, 2], 70, 65, 66],
    [[1, 1], 80, 80, 80],
  ];
  for (const [batch, m, k, n] of sizes)
    for (const transposeA of [false, true])
      for (const transposeB of [false, true])
        it(`batch [${batch}], ${m} x ${k} x ${n}${transposeA ? ', a transposed' : ''}${transposeB ? ', b transposed' : ''}`, () =>
          expectSame((make) => {
            const a = make([...batch, ...(transposeA ? [k, m] : [m, k])]);
            const b = make([...batch, ...(transposeB ? [n, k] : [k, n])]);
            return tf.matMul(a, b, transposeA, transposeB);
          }, 1e-4));

  it('repeats a matrix over a batch', () => expectSame((make) => tf.matMul(make([3, 4, 5]), make([1, 5, 2])), 1e-5));
});
