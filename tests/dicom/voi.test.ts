import { describe, expect, it } from 'vitest';
import type { Voi } from '../../core/dicom/film.ts';
import { modalityRange } from '../../core/dicom/modalityRange.ts';
import { grayFunction, grayTable, modalityFunction, renderGray } from '../../core/dicom/voi.ts';

const window = (center: number, width: number, name: 'LINEAR' | 'LINEAR_EXACT' | 'SIGMOID'): Voi => ({
  kind: 'window',
  center,
  width,
  function: name,
  explanation: '',
});

describe('windows (PS3.3 C.11.2)', () => {
  it('LINEAR: the example of C.11.2.1.2, center 2048 and width 4096 of 12 bits', () => {
    const gray = grayFunction(window(2048, 4096, 'LINEAR'));
    expect([0, 1, 2047, 2048, 4094, 4095].map(gray)).toEqual([0, 0, 127, 128, 255, 255]);
  });

  it('LINEAR of width 1 is a threshold at center - 0.5, which width 2 blurs by one value', () => {
    expect([2047, 2047.5, 2048].map(grayFunction(window(2048, 1, 'LINEAR')))).toEqual([0, 0, 255]);
    expect([2046, 2047, 2047.5, 2048].map(grayFunction(window(2048, 2, 'LINEAR')))).toEqual([0, 0, 128, 255]);
  });

  it('LINEAR_EXACT puts the center at half, without the half-value shift of LINEAR', () => {
    const gray = grayFunction(window(100, 200, 'LINEAR_EXACT'));
    expect([0, 50, 100, 150, 200].map(gray)).toEqual([0, 64, 128, 191, 255]);
    expect(grayFunction(window(100, 200, 'LINEAR'))(100)).toBe(128);
    expect(grayFunction(window(2048, 1, 'LINEAR_EXACT'))(2048)).toBe(128);
  });

  it('SIGMOID: 255 / (1 + e^(-4 (x - c) / w))', () => {
    const gray = grayFunction(window(0, 100, 'SIGMOID'));
    expect([-1000, -50, 0, 25, 1000].map(gray)).toEqual([0, 30, 128, 186, 255]);
  });

  it('a VOI LUT is entered from its first value, ends are repeated, values are rounded half up', () => {
    const lut: Voi = { kind: 'lut', first: 10, bits: 8, data: Uint16Array.from([5, 100, 250]), explanation: '' };
    expect([0, 10, 10.5, 11, 12, 99].map(grayFunction(lut))).toEqual([5, 5, 100, 100, 250, 250]);
    const deep: Voi = { kind: 'lut', first: 0, bits: 12, data: Uint16Array.from([0, 2048, 4095]), explanation: '' };
    expect([0, 1, 2].map(grayFunction(deep))).toEqual([0, 128, 255]);
  });

  it('minimum to maximum; a film of one value is black', () => {
    expect([10, 15, 20].map(grayFunction({ kind: 'minmax', minimum: 10, maximum: 20 }))).toEqual([0, 128, 255]);
    expect(grayFunction({ kind: 'minmax', minimum: 7, maximum: 7 })(7)).toBe(0);
  });
});

describe('modality values (C.11.1)', () => {
  it('are rescaled, or looked up with repeated ends', () => {
    expect(modalityFunction({ kind: 'rescale', slope: 2, intercept: -1024 })(100)).toBe(-824);
    const lut = { kind: 'lut' as const, first: -2, bits: 16, data: Uint16Array.from([7, 8, 9]) };
    expect([-5, -2, -1, 0, 5].map(modalityFunction(lut))).toEqual([7, 7, 8, 9, 9]);
  });

  it('have their range swapped by a negative slope', () => {
    const range = modalityRange(Int16Array.from([-5, 10]), { kind: 'rescale', slope: -2, intercept: 1 });
    expect(range).toEqual({ minimum: -19, maximum: 11 });
  });
});

it('the range of an image leaves its padding out', () => {
  const pixels = Int16Array.from([-2000, -1999, 5, 10]);
  expect(modalityRange(pixels, { kind: 'rescale', slope: 2, intercept: 1 }, { low: -2000, high: -1999 })).toEqual({
    minimum: 11,
    maximum: 21,
  });
});

describe('rendering', () => {
  const film = { modality: { kind: 'identity' } as const, inverse: true, padding: { low: 250, high: 255 } };

  it('inverts MONOCHROME1, and shows padding black where asked to', () => {
    const pixels = Uint8Array.from([0, 100, 250]);
    const voi: Voi = { kind: 'minmax', minimum: 0, maximum: 255 };
    expect([...renderGray({ ...film, pixels }, voi)]).toEqual([255, 155, 5]);
    expect([...renderGray({ ...film, pixels }, voi, { blackPadding: true })]).toEqual([255, 155, 0]);
    expect([...renderGray({ ...film, pixels }, voi, { inverse: false })]).toEqual([0, 100, 250]);
  });

  it('gives a table for 8 and 16 bits, signed ones too, and computes deeper pixels one by one', () => {
    const voi: Voi = { kind: 'minmax', minimum: -100, maximum: 100 };
    const signed = { ...film, pixels: Int16Array.from([-100, 0, 100]), inverse: false, padding: null };
    const table = grayTable(signed, voi)!;
    expect(table.first).toBe(-32768);
    expect([-100, 0, 100].map((stored) => table.table[stored - table.first])).toEqual([0, 128, 255]);
    const deep = { ...signed, pixels: Float32Array.from([-100, 0, 100]) };
    expect(grayTable(deep, voi)).toBeNull();
    expect([...renderGray(deep, voi)]).toEqual([0, 128, 255]);
  });
});
