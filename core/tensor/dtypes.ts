/** Element types of safetensors files. */
import { bytesOf } from '../base/hash.ts';

/** Bytes of one element. */
export const DTYPE_BYTES = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  U16: 2,
  I16: 2,
  F16: 2,
  BF16: 2,
  U32: 4,
  I32: 4,
  F32: 4,
  U64: 8,
  I64: 8,
  F64: 8,
} as const;

export type TensorDtype = keyof typeof DTYPE_BYTES;

export function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

type Widen = (from: DataView, to: Float32Array, at: number) => void;

/** A piece of a tensor's bytes as f32, from element `at` of `to` on; dtypes that are missing cannot be read. */
export const WIDEN: { [D in TensorDtype]?: Widen } = {
  F32: (from, to, at) => {
    bytesOf(to).set(new Uint8Array(from.buffer, from.byteOffset, from.byteLength), at * 4);
  },
  BF16: (from, to, at) => {
    const bits = new Uint32Array(to.buffer, to.byteOffset, to.length);
    const count = from.byteLength / 2;
    // A typed array reads twice as fast, where its place allows one.
    if (from.byteOffset % 2 === 0) {
      const halves = new Uint16Array(from.buffer, from.byteOffset, count);
      for (let i = 0; i < count; i++) bits[at + i] = halves[i]! << 16;
    } else for (let i = 0; i < count; i++) bits[at + i] = from.getUint16(i * 2, true) << 16;
  },
  F16: (from, to, at) => {
    for (let i = 0; i < from.byteLength / 2; i++) to[at + i] = widenHalf(from.getUint16(i * 2, true));
  },
  I32: (from, to, at) => {
    for (let i = 0; i < from.byteLength / 4; i++) to[at + i] = from.getInt32(i * 4, true);
  },
  I64: (from, to, at) => {
    for (let i = 0; i < from.byteLength / 8; i++) to[at + i] = Number(from.getBigInt64(i * 8, true));
  },
};

/** IEEE 754 binary16: 1 sign bit, 5 of the exponent, 10 of the fraction. */
function widenHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Values as IEEE 754 binary16, rounded to the nearest, ties to even; what is too large for it becomes infinite. */
export function narrowToHalf(values: Float32Array, to: Uint16Array): void {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < bits.length; i++) to[i] = narrowHalf(bits[i]!);
}

const INFINITE_HALF = 0x7c00;
const SMALLEST_NORMAL_HALF = 0x38800000;
const TOO_LARGE_FOR_HALF = 0x47800000;

function narrowHalf(single: number): number {
  const sign = (single >>> 16) & 0x8000;
  const magnitude = single & 0x7fffffff;
  if (magnitude >= TOO_LARGE_FOR_HALF) return sign | (magnitude > 0x7f800000 ? 0x7e00 : INFINITE_HALF);
  if (magnitude >= SMALLEST_NORMAL_HALF)
    return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
  const shift = 126 - (magnitude >>> 23);
  if (shift > 24) return sign;
  const fraction = (magnitude & 0x7fffff) | 0x800000;
  const rest = fraction & ((1 << shift) - 1);
  const whole = fraction >>> shift;
  const tie = 1 << (shift - 1);
  return sign | (whole + (rest > tie || (rest === tie && whole & 1) ? 1 : 0));
}
