/** The scan in WebAssembly against JavaScript's own loops. */
import { expect, it } from 'vitest';
import { Random } from '../../core/base/random.ts';
import { scanSamples } from '../../core/dicom/sampleScan.ts';

function byLoop(samples: Uint16Array | Int16Array) {
  return {
    bits: [...samples].reduce((all, value) => all | value, 0) & 0xffff,
    minimum: Math.min(...samples),
    maximum: Math.max(...samples),
  };
}

it.each([1, 7, 8, 9, 8191, 8192, 8193, 20_005])('says what %i samples hold', (length) => {
  const random = new Random(`scan ${length}`);
  const values = Array.from({ length }, () => random.below(3000) - 1500);
  for (const [place, value] of [
    [0, 1777],
    [length - 1, -1888],
  ] as const) {
    const signed = Int16Array.from(values);
    signed[place] = value;
    expect(scanSamples(signed)).toEqual(byLoop(signed));
    const unsigned = Uint16Array.from(signed, (each) => each + 5000);
    expect(scanSamples(unsigned)).toEqual(byLoop(unsigned));
  }
});

it('reads samples that begin anywhere in their buffer, to both ends of the range', () => {
  const unsigned = new Uint16Array(new Uint16Array(40).fill(300).buffer, 2, 33);
  unsigned.set([0, 65535], 12);
  expect(scanSamples(unsigned)).toEqual({ bits: 65535, minimum: 0, maximum: 65535 });
  const signed = Int16Array.from({ length: 16 }, (_, i) => (i === 3 ? -32768 : i === 11 ? 32767 : 0));
  expect(scanSamples(signed)).toMatchObject({ minimum: -32768, maximum: 32767 });
});

it('finds no range where there is nothing', () => {
  const { minimum, maximum } = scanSamples(new Uint16Array());
  expect(minimum).toBeGreaterThan(maximum);
});
