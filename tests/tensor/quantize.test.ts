/** Weights in blocks: how far they are from what they stand for, and that ONNX Runtime reads the layout as we mean it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { bytesOf } from '../../core/base/hash.ts';
import { Random } from '../../core/base/random.ts';
import { OnnxGraph } from '../../core/tensor/onnx/graph.ts';
import { OnnxOps } from '../../core/tensor/onnx/ops.ts';
import { OnnxSession } from '../../core/tensor/onnx/session.ts';
import { bytesPerParameter, FORMATS } from '../../core/tensor/precision.ts';
import { dequantizeRows, type QuantizedFormat, quantizeRows } from '../../core/tensor/quantize.ts';

const folder = mkdtempSync(join(tmpdir(), 'quantize-'));
afterAll(() => rmSync(folder, { recursive: true }));
const random = new Random('quantize');
const normal = (n: number) => Float32Array.from({ length: n }, () => random.normal());

describe.each([
  [{ bits: 8, block: 128 } as const, 1 / 254],
  [{ bits: 8, block: 32 } as const, 1 / 254],
  [{ bits: 4, block: 64 } as const, 1 / 8],
  [{ bits: 4, block: 16 } as const, 1 / 8],
])('%o', (format: QuantizedFormat, bound) => {
  it.each([64, 100, 130])('is within half a step of every value (a step at the open end), %i columns', (columns) => {
    const values = normal(5 * columns);
    const back = dequantizeRows(quantizeRows(values, columns, format), columns, format);
    for (let at = 0; at < values.length; at++) {
      const column = at % columns;
      const start = at - (column % format.block);
      const block = values.subarray(start, Math.min(start + format.block, at - column + columns));
      const largest = Math.max(...block.map(Math.abs));
      expect(Math.abs(back[at]! - values[at]!)).toBeLessThanOrEqual(largest * bound * 1.0001);
    }
  });

  it('keeps zeros, and a block of them', () => {
    const values = normal(256).map((value, i) => (i < 128 || i % 3 === 0 ? 0 : value));
    const back = dequantizeRows(quantizeRows(values, 256, format), 256, format);
    for (const [i, value] of values.entries()) if (value === 0) expect(back[i]! === 0).toBe(true);
  });

  it.each([Number.POSITIVE_INFINITY, 2000])(
    'multiplies as its values say, in parts of %d bytes',
    async (maxTensorBytes) => {
      const [rows, out, columns] = [3, 40, 130];
      const weight = quantizeRows(normal(out * columns), columns, format);
      const file = join(folder, `${random.uint32()}.bin`);
      writeFileSync(file, Buffer.concat([weight.packed, bytesOf(weight.scales)]));
      const packed = { file, offset: 0, length: weight.packed.length };
      const scales = { file, offset: weight.packed.length, length: weight.scales.byteLength };
      const graph = new OnnxGraph('test');
      const quantized = () => ({ format, out, in: columns, packed, scales });
      const none = () => {
        throw new Error('no plain weight is needed');
      };
      const ops = new OnnxOps(graph, none, { quantized, maxTensorBytes });
      graph.output(ops.linear(graph.input('x', 'float', ['N', columns]), 'layer', false), 'y', 'float');
      const session = await OnnxSession.open(graph.encode(), { threads: 1 });
      const x = normal(rows * columns);
      const { y } = await session.run({ x: { data: x, shape: [rows, columns] } }, ['y']);
      await session.release();
      const values = dequantizeRows(weight, columns, format);
      for (let row = 0; row < rows; row++)
        for (let o = 0; o < out; o++) {
          let expected = 0;
          for (let i = 0; i < columns; i++) expected += x[row * columns + i]! * values[o * columns + i]!;
          // Activations are brought to 8 bits while multiplying: a step of 1/127 of the block's largest, in each of 130 products.
          expect(Math.abs(y!.data[row * out + o]! - expected)).toBeLessThan(0.4);
        }
    },
  );
});

it('says what a parameter takes', () => {
  expect(bytesPerParameter('int8')).toBeCloseTo(1.03, 2);
  expect(bytesPerParameter('int4')).toBeCloseTo(0.56, 2);
  expect(FORMATS.int8.bits).toBe(8);
});
