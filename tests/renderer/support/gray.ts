/** The gray values that a film must have on the screen, by the formulas of core. */
import type { Film } from '../../../core/dicom/film.ts';
import { modalityValue, voiGray } from '../../../renderer/viewer/gray.ts';

export function displayedGray(film: Film): number[] {
  return Array.from(film.pixels, (stored) => {
    const gray = voiGray(film.voi[0], modalityValue(film, stored));
    return film.inverse ? 255 - gray : gray;
  });
}
