/**
 * Weight-only quantization in blocks along the input, in the layout of ONNX Runtime's MatMulNBits
 * (https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md): a weight `[out,in]` becomes unsigned
 * `[out, blocks, block * bits / 8]`, two 4-bit values a byte with the first in the low half, and one f32 scale for each
 * block, `[out * blocks]`. A value is (q - 2^(bits-1)) * scale. A last block that is not full is filled with zeros.
 *
 * 8 bits: scale = largest magnitude / 127. 4 bits: scale = the value of largest magnitude / -8, so that all 16 levels are
 * used and that value is exact but for rounding of the scale (as llama.cpp's Q4_0).
 */

export interface QuantizedFormat {
  bits: 4 | 8;
  /** Inputs that share a scale; a power of two, 16 at least. */
  block: number;
}

export interface QuantizedRows {
  /** `[rows, blocks, block * bits / 8]`. */
  packed: Uint8Array;
  /** `[rows * blocks]`. */
  scales: Float32Array;
}

export function blocksOf(columns: number, { block }: QuantizedFormat): number {
  return Math.ceil(columns / block);
}

/** `values` `[rows, columns]`. */
export function quantizeRows(values: Float32Array, columns: number, format: QuantizedFormat): QuantizedRows {
  const { bits, block } = format;
  const rows = values.length / columns;
  const blocks = blocksOf(columns, format);
  const packed = new Uint8Array((rows * blocks * block * bits) / 8);
  const scales = new Float32Array(rows * blocks);
  const pack = bits === 8 ? pack8 : pack4;
  for (let row = 0; row < rows; row++)
    for (let b = 0; b < blocks; b++) {
      const start = row * columns + b * block;
      const end = Math.min(start + block, (row + 1) * columns);
      const at = row * blocks + b;
      scales[at] = pack(values, start, end, packed, (at * block * bits) / 8, block);
    }
  return { packed, scales };
}

/** The value of largest magnitude, with its sign. */
function extreme(values: Float32Array, start: number, end: number): number {
  let most = 0;
  for (let i = start; i < end; i++) if (Math.abs(values[i]!) > Math.abs(most)) most = values[i]!;
  return most;
}

type Pack = (values: Float32Array, start: number, end: number, packed: Uint8Array, at: number, block: number) => number;

const pack8: Pack = (values, start, end, packed, at, block) => {
  const scale = Math.fround(Math.abs(extreme(values, start, end)) / 127);
  const inverse = scale === 0 ? 0 : 1 / scale;
  for (let i = start; i < end; i++) packed[at + i - start] = Math.floor(values[i]! * inverse + 128.5);
  packed.fill(128, at + end - start, at + block);
  return scale;
};

const pack4: Pack = (values, start, end, packed, at, block) => {
  const scale = Math.fround(extreme(values, start, end) / -8);
  const inverse = scale === 0 ? 0 : 1 / scale;
  for (let i = 0; i < block; i += 2) {
    const low = start + i < end ? Math.min(15, Math.floor(values[start + i]! * inverse + 8.5)) : 8;
    const high = start + i + 1 < end ? Math.min(15, Math.floor(values[start + i + 1]! * inverse + 8.5)) : 8;
    packed[at + i / 2] = low | (high << 4);
  }
  return scale;
};

/** What the quantized rows stand for, `[rows, columns]`: for tests, and to measure the distance. */
export function dequantizeRows({ packed, scales }: QuantizedRows, columns: number, format: QuantizedFormat) {
  const { bits, block } = format;
  const blocks = blocksOf(columns, format);
  const rows = scales.length / blocks;
  const values = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++)
    for (let i = 0; i < columns; i++) {
      const at = row * blocks * block + i;
      const q = bits === 8 ? packed[at]! : (packed[at >> 1]! >> (at & 1 ? 4 : 0)) & 15;
      values[row * columns + i] = (q - 2 ** (bits - 1)) * scales[row * blocks + Math.floor(i / block)]!;
    }
  return values;
}
