/** The range of a frame's values (PS3.3 C.11.1), which the first window is made of where the file has none. */
import type { ModalityTransform, PixelArray } from './film.ts';
import { scanSamples } from './sampleScan.ts';
import { type GraySource, modalityFunction } from './voi.ts';

/** Smallest and largest modality value; NaN, and `padding`, are left out. */
export function modalityRange(
  pixels: PixelArray,
  modality: ModalityTransform,
  padding: GraySource['padding'] = null,
): { minimum: number; maximum: number } {
  if (modality.kind === 'lut') return lookedUpRange(pixels, modality, padding);
  const { minimum, maximum } = padding ? rangeWithout(pixels, padding) : storedRangeOf(pixels);
  if (minimum > maximum) return { minimum: 0, maximum: 0 };
  const ends = [minimum, maximum].map(modalityFunction(modality));
  return { minimum: Math.min(...ends), maximum: Math.max(...ends) };
}

/** A table need not rise or fall: every stored value that occurs is looked up. */
function lookedUpRange(pixels: PixelArray, modality: ModalityTransform, padding: GraySource['padding']) {
  const value = modalityFunction(modality);
  const values = Float64Array.from(new Set(pixels), (stored) =>
    padding && stored >= padding.low && stored <= padding.high ? Number.NaN : value(stored),
  );
  const { minimum, maximum } = storedRangeOf(values);
  return minimum > maximum ? { minimum: 0, maximum: 0 } : { minimum, maximum };
}

type Range = { minimum: number; maximum: number };

function storedRangeOf(pixels: PixelArray): Range {
  if (pixels instanceof Uint16Array || pixels instanceof Int16Array) return scanSamples(pixels);
  let minimum = Number.POSITIVE_INFINITY;
  let maximum = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < pixels.length; i++) {
    const value = pixels[i]!;
    if (value < minimum) minimum = value;
    if (value > maximum) maximum = value;
  }
  return { minimum, maximum };
}

function rangeWithout(pixels: PixelArray, { low, high }: { low: number; high: number }): Range {
  let minimum = Number.POSITIVE_INFINITY;
  let maximum = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < pixels.length; i++) {
    const value = pixels[i]!;
    if (value >= low && value <= high) continue;
    if (value < minimum) minimum = value;
    if (value > maximum) maximum = value;
  }
  return { minimum, maximum };
}
