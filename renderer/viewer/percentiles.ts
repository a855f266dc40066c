/** Windows made from the film's own gray values, for CR and DX films, whose files often have none that fits. */
import type { Film, Voi } from '../../core/dicom/film.ts';
import { modalityFunction } from '../../core/dicom/voi.ts';

const SAMPLES = 50_000;

export interface PercentileWindow {
  id: 'standard' | 'lung' | 'bone' | 'soft';
  low: number;
  high: number;
}

/** Percentiles of the modality values between which each window lies. Lungs are the dark half of a chest film. */
export const PERCENTILE_WINDOWS: readonly PercentileWindow[] = [
  { id: 'standard', low: 0.5, high: 99.5 },
  { id: 'lung', low: 1, high: 65 },
  { id: 'bone', low: 40, high: 99.9 },
  { id: 'soft', low: 20, high: 95 },
];

/** Sorted modality values of up to 50,000 pixels at even distances: sorting them is on the way to the first picture; padding is left out. */
export function sampledValues(film: Film): Float64Array {
  const { pixels, padding } = film;
  const value = modalityFunction(film.modality);
  const step = Math.max(1, Math.floor(pixels.length / SAMPLES));
  const values: number[] = [];
  for (let at = 0; at < pixels.length; at += step) {
    const stored = pixels[at];
    if (!padding || stored < padding.low || stored > padding.high) values.push(value(stored));
  }
  return Float64Array.from(values).sort();
}

/** On an inverse film (MONOCHROME1) dark is at the high end, so the percentiles are mirrored. */
export function percentileVoi(film: Film, sorted: Float64Array, window: PercentileWindow): Voi {
  const [from, to] = film.inverse ? [100 - window.high, 100 - window.low] : [window.low, window.high];
  const minimum = percentile(sorted, from);
  const maximum = percentile(sorted, to);
  return { kind: 'minmax', minimum, maximum: maximum > minimum ? maximum : minimum + 1 };
}

function percentile(sorted: Float64Array, percent: number): number {
  if (sorted.length === 0) return 0;
  return sorted[Math.round((percent / 100) * (sorted.length - 1))];
}
