/**
 * The forms that a checkpoint's weights may have in memory. f32 is the reference. The others are made once, on first opening,
 * and are kept on disk by the hash of the weights (models/convertedWeights.ts). Linear layers alone are changed: norms,
 * biases, the table of token embeddings (read row by row from the checkpoint) and the convolution stay what they are.
 *
 * `int8` and `int4` run on ONNX Runtime's MatMulNBits, which brings the activations of a block to 8 bits too while it
 * multiplies (accuracy level 4): without that it is slower than f32. `f16` is for a GPU (tensor/onnx/gpuOps.ts): ONNX Runtime
 * has no f16 kernel for x86 processors, and would widen the weights to f32 while it loads them.
 */
import type { QuantizedFormat } from './quantize.ts';

export const PRECISIONS = ['f32', 'f16', 'int8', 'int4'] as const;
export type Precision = (typeof PRECISIONS)[number];

/** Forms in blocks; the sizes were chosen by speed and distance on two x86 processors (docs/LOG.md). */
export const FORMATS = {
  int8: { bits: 8, block: 128 },
  int4: { bits: 4, block: 64 },
} as const satisfies Partial<Record<Precision, QuantizedFormat>>;

export function formatOf(precision: Precision): QuantizedFormat | null {
  return precision === 'int8' || precision === 'int4' ? FORMATS[precision] : null;
}

/** Bytes that a parameter of a linear layer takes in memory. */
export function bytesPerParameter(precision: Precision): number {
  if (precision === 'f32') return 4;
  if (precision === 'f16') return 2;
  const { bits, block } = FORMATS[precision];
  return bits / 8 + 4 / block;
}
