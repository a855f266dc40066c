/**
 * Resizing with antialias on 8-bit images, as the image processors of the published models do it: separable, the
 * horizontal pass first, weights in fixed point, rounded and clipped to 8 bits after each pass (skipping that costs up to
 * 19 gray levels with bicubic). Source: `_upsample_bilinear2d_aa` / `_upsample_bicubic2d_aa` of PyTorch for uint8
 * (UpSampleKernel.cpp, `_compute_indices_int16_weights_aa`), which follows Pillow's Resample.c with shorter weights.
 */
import { WorkbenchError } from '../base/errors.ts';

/** Interleaved 8-bit samples: gray or RGB. */
export interface Image8 {
  width: number;
  height: number;
  channels: 1 | 3;
  /** `[height * width * channels]`. */
  data: Uint8Array;
}

export type Interpolation = 'bilinear' | 'bicubic';

/** The largest result that is made: 2^26 samples, far beyond any model's input. */
const MAX_SAMPLES = 2 ** 26;

/** @throws IMAGE_SIZE_UNUSABLE */
export function resize(image: Image8, width: number, height: number, interpolation: Interpolation): Image8 {
  assertSize(image, width, height);
  const { channels } = image;
  const wide =
    width === image.width
      ? image.data
      : resample(image.data, image.height, image.width, channels, axisWeights(image.width, width, interpolation));
  const data =
    height === image.height
      ? wide
      : resample(wide, 1, image.height, width * channels, axisWeights(image.height, height, interpolation));
  return { width, height, channels, data: data === image.data ? data.slice() : data };
}

function assertSize(image: Image8, width: number, height: number): void {
  const { width: w, height: h, channels, data } = image;
  const whole = [w, h, width, height].every((n) => Number.isInteger(n) && n > 0);
  if (!whole || data.length !== w * h * channels || width * Math.max(h, height) * channels > MAX_SAMPLES) {
    throw new WorkbenchError('IMAGE_SIZE_UNUSABLE', 'This image cannot be resized to that size.', {
      from: [w, h, channels],
      samples: data.length,
      to: [width, height],
    });
  }
}

/** Fixed-point weights of every output position along one axis. */
interface AxisWeights {
  size: number;
  first: Int32Array;
  count: Int32Array;
  /** `[size * stride]`. */
  weights: Int32Array;
  stride: number;
  precision: number;
}

function axisWeights(inSize: number, outSize: number, interpolation: Interpolation): AxisWeights {
  const { filter, radius } = FILTERS[interpolation];
  const scale = inSize / outSize;
  const support = radius * Math.max(scale, 1);
  const stride = Math.ceil(support) * 2 + 1;
  const exact = new Float64Array(outSize * stride);
  const first = new Int32Array(outSize);
  const count = new Int32Array(outSize);
  let largest = 0;
  for (let i = 0; i < outSize; i++) {
    const center = scale * (i + 0.5);
    first[i] = Math.max(Math.trunc(center - support + 0.5), 0);
    count[i] = Math.min(Math.min(Math.trunc(center + support + 0.5), inSize) - first[i]!, stride);
    let total = 0;
    for (let j = 0; j < count[i]!; j++) {
      const weight = filter((j + first[i]! - center + 0.5) / Math.max(scale, 1));
      exact[i * stride + j] = weight;
      total += weight;
    }
    for (let j = 0; j < count[i]!; j++) {
      exact[i * stride + j]! /= total;
      largest = Math.max(largest, exact[i * stride + j]!);
    }
  }
  const precision = int16Precision(largest);
  const weights = Int32Array.from(exact, (w) => Math.trunc(w * 2 ** precision + (w < 0 ? -0.5 : 0.5)));
  return { size: outSize, first, count, weights, stride, precision };
}

/** The most binary places with which the largest weight still fits 16 bits. */
function int16Precision(largest: number): number {
  let precision = 0;
  while (precision < 22 && Math.trunc(0.5 + largest * 2 ** (precision + 1)) < 32768) precision++;
  return precision;
}

const FILTERS: Record<Interpolation, { radius: number; filter: (x: number) => number }> = {
  bilinear: { radius: 1, filter: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: { radius: 2, filter: cubic },
};

/** Keys' cubic with a = -0.5. */
function cubic(signed: number): number {
  const x = Math.abs(signed);
  const a = -0.5;
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

/** Resamples the middle axis of `[outer, size, inner]`; the `inner` samples of a position share its weights. */
function resample(data: Uint8Array, outer: number, size: number, inner: number, axis: AxisWeights): Uint8Array {
  const result = new Uint8ClampedArray(outer * axis.size * inner);
  const half = 2 ** (axis.precision - 1);
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < axis.size; i++) {
      const from = (o * size + axis.first[i]!) * inner;
      const to = (o * axis.size + i) * inner;
      for (let c = 0; c < inner; c++) {
        let sum = half;
        for (let j = 0; j < axis.count[i]!; j++) {
          sum += axis.weights[i * axis.stride + j]! * data[from + j * inner + c]!;
        }
        result[to + c] = sum >> axis.precision;
      }
    }
  }
  return new Uint8Array(result.buffer);
}

/** ITU-R BT.601, of interleaved RGB. */
export function luminance(rgb: ArrayLike<number>): Uint8Array {
  return Uint8Array.from({ length: rgb.length / 3 }, (_, i) =>
    Math.round(0.299 * rgb[3 * i]! + 0.587 * rgb[3 * i + 1]! + 0.114 * rgb[3 * i + 2]!),
  );
}
