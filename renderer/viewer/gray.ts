/** From a film's stored values to gray on the screen: one table per display setting, as core/dicom/voi.ts states it. */
import type { Film, Voi } from '../../core/dicom/film.ts';

export function modalityValue(film: Film, stored: number): number {
  const { modality } = film;
  if (modality.kind === 'identity') return stored;
  if (modality.kind === 'rescale') return stored * modality.slope + modality.intercept;
  const { data, first } = modality;
  return data[Math.min(data.length - 1, Math.max(0, stored - first))];
}

/** 0 to 255, before inversion. Formulas: PS3.3 C.11.2.1.2 and C.11.2.1.3. */
export function voiGray(voi: Voi, value: number): number {
  if (voi.kind === 'lut') {
    const at = Math.min(voi.data.length - 1, Math.max(0, Math.floor(value + 0.5) - voi.first));
    return Math.floor((voi.data[at] * 255) / (2 ** voi.bits - 1) + 0.5);
  }
  if (voi.kind === 'minmax') {
    const range = voi.maximum - voi.minimum;
    return range > 0 ? clamp(Math.floor(((value - voi.minimum) / range) * 255 + 0.5)) : 0;
  }
  const { center: c, width: w } = voi;
  if (voi.function === 'SIGMOID') return Math.floor(255 / (1 + Math.exp((-4 * (value - c)) / w)) + 0.5);
  if (voi.function === 'LINEAR_EXACT') return clamp(Math.floor(((value - c) / w + 0.5) * 255 + 0.5));
  if (value <= c - 0.5 - (w - 1) / 2) return 0;
  if (value > c - 0.5 + (w - 1) / 2) return 255;
  return clamp(Math.floor(((value - (c - 0.5)) / (w - 1) + 0.5) * 255 + 0.5));
}

function clamp(gray: number): number {
  return Math.min(255, Math.max(0, gray));
}
