import { expect, it } from 'vitest';
import { bytesOf } from '../../core/base/hash.ts';
import { Random } from '../../core/base/random.ts';
import { narrowToHalf, WIDEN } from '../../core/tensor/dtypes.ts';

function narrow(values: number[]): number[] {
  const halves = new Uint16Array(values.length);
  narrowToHalf(Float32Array.from(values), halves);
  return [...halves];
}

function widen(halves: Uint16Array): Float32Array {
  const values = new Float32Array(halves.length);
  const bytes = bytesOf(halves);
  WIDEN.F16!(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), values, 0);
  return values;
}

const all = Uint16Array.from({ length: 0x7c00 }, (_, i) => i);

it('every float16 stays what it is, with either sign', () => {
  const values = [...widen(all)];
  expect(narrow(values)).toEqual([...all]);
  expect(narrow(values.map((value) => -value))).toEqual([...all].map((half) => half | 0x8000));
});

it('what lies between two goes to the nearer one, and a tie to the even one', () => {
  const values = widen(all);
  const random = new Random('halves');
  for (let i = 1; i < all.length; i += 1 + random.below(40)) {
    const [low, high] = [values[i - 1]!, values[i]!];
    const nearest = narrow([low + (high - low) * 0.49, (low + high) / 2, low + (high - low) * 0.51]);
    expect(nearest, `between ${low} and ${high}`).toEqual([i - 1, i % 2 === 0 ? i : i - 1, i]);
  }
});

it('what is too large becomes infinite, what is no number stays none', () => {
  expect(narrow([65519, 65520, 1e30, Number.POSITIVE_INFINITY])).toEqual([0x7bff, 0x7c00, 0x7c00, 0x7c00]);
  expect(narrow([Number.NaN])[0]! & 0x7fff).toBeGreaterThan(0x7c00);
  expect(narrow([2 ** -25, 2 ** -26, -(2 ** -30)])).toEqual([0, 0, 0x8000]);
});
