/**
 * Stored values to the 8-bit gray of the screen and of the model: Modality LUT, then VOI LUT or window, then inversion
 * (PS3.3 C.11.1, C.11.2, C.7.6.3.1.2). Pure: no Node, no DOM; viewer and model use the same functions.
 */
import type { Film, ModalityTransform, PixelArray, Voi } from './film.ts';

/** What of a film decides its gray values. */
export type GraySource = Pick<Film, 'pixels' | 'modality' | 'inverse' | 'padding'>;

export interface GrayOptions {
  /** Default: as the film says. */
  inverse?: boolean;
  /** Padding pixels are shown black, whatever the inversion; default false: like image pixels. */
  blackPadding?: boolean;
}

/** Gray by stored value: `table[stored - first]`. */
export interface GrayTable {
  first: number;
  table: Uint8Array;
}

/** C.11.1: the modality value (rescaled, or looked up) of a stored value. */
export function modalityFunction(modality: ModalityTransform): (stored: number) => number {
  if (modality.kind === 'identity') return (stored) => stored;
  if (modality.kind === 'rescale') {
    const { slope, intercept } = modality;
    return (stored) => stored * slope + intercept;
  }
  return (stored) => lookUp(modality, stored);
}

function lookUp(lut: { first: number; data: Uint16Array }, value: number): number {
  const index = value - lut.first;
  return lut.data[index < 0 ? 0 : index >= lut.data.length ? lut.data.length - 1 : index]!;
}

/** C.11.2: modality value to gray, 0 to 255, rounded half up; before any inversion. */
export function grayFunction(voi: Voi): (value: number) => number {
  if (voi.kind === 'minmax') {
    const range = voi.maximum - voi.minimum;
    return (value) => (range > 0 ? clampGray(((value - voi.minimum) / range) * 255) : 0);
  }
  if (voi.kind === 'lut') {
    const scale = 255 / (2 ** voi.bits - 1);
    return (value) => clampGray(lookUp(voi, Math.floor(value + 0.5)) * scale);
  }
  const { center: c, width: w } = voi;
  if (voi.function === 'SIGMOID') return (value) => clampGray(255 / (1 + Math.exp((-4 * (value - c)) / w)));
  if (voi.function === 'LINEAR_EXACT') return (value) => clampGray(((value - c) / w + 0.5) * 255);
  const low = c - 0.5 - (w - 1) / 2;
  const high = c - 0.5 + (w - 1) / 2;
  return (value) => (value <= low ? 0 : value > high ? 255 : clampGray(((value - (c - 0.5)) / (w - 1) + 0.5) * 255));
}

function clampGray(gray: number): number {
  return gray <= 0 ? 0 : gray >= 255 ? 255 : Math.floor(gray + 0.5);
}

/** The whole way from stored value to gray. */
export function displayFunction(film: GraySource, voi: Voi, options: GrayOptions = {}): (stored: number) => number {
  const modality = modalityFunction(film.modality);
  const gray = grayFunction(voi);
  const inverse = options.inverse ?? film.inverse;
  const padding = options.blackPadding ? film.padding : null;
  return (stored) => {
    if (padding && stored >= padding.low && stored <= padding.high) return 0;
    const value = gray(modality(stored));
    return inverse ? 255 - value : value;
  };
}

/** Every stored value that 8 or 16 bits can hold, as a table; null for deeper and for floating point pixels. */
export function grayTable(film: GraySource, voi: Voi, options: GrayOptions = {}): GrayTable | null {
  const range = storedRange(film.pixels);
  if (!range) return null;
  const display = displayFunction(film, voi, options);
  const table = new Uint8Array(range.last - range.first + 1);
  for (let i = 0; i < table.length; i++) table[i] = display(range.first + i);
  return { first: range.first, table };
}

function storedRange(pixels: PixelArray): { first: number; last: number } | null {
  if (pixels instanceof Uint8Array) return { first: 0, last: 255 };
  if (pixels instanceof Int8Array) return { first: -128, last: 127 };
  if (pixels instanceof Uint16Array) return { first: 0, last: 65535 };
  if (pixels instanceof Int16Array) return { first: -32768, last: 32767 };
  return null;
}

/** The film in gray: one byte a pixel, row by row. For films of one sample a pixel. */
export function renderGray(film: GraySource, voi: Voi, options: GrayOptions = {}): Uint8Array {
  const { pixels } = film;
  const output = new Uint8Array(pixels.length);
  const lut = grayTable(film, voi, options);
  if (lut) {
    const { first, table } = lut;
    for (let i = 0; i < pixels.length; i++) output[i] = table[pixels[i]! - first]!;
    return output;
  }
  const display = displayFunction(film, voi, options);
  for (let i = 0; i < pixels.length; i++) output[i] = display(pixels[i]!);
  return output;
}
