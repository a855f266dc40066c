/** A bar of a round length on the film, where the film knows its spacing. */
import type { FilmSpacing } from '../../core/dicom/film.ts';

export interface ScaleBar {
  millimetres: number;
  /** Length on the screen, in CSS pixels. */
  pixels: number;
}

const LENGTHS = [500, 200, 100, 50, 20, 10, 5, 2, 1];

/** The longest round length of at most `most` screen pixels; `scale` is screen pixels per film pixel. */
export function scaleBar(spacing: FilmSpacing, scale: number, most: number): ScaleBar | null {
  // Pixels that are not square are stretched along their longer side, so the shorter one sets the scale on both axes.
  const perPixel = Math.min(spacing.row, spacing.column);
  if (!(perPixel > 0) || !(scale > 0)) return null;
  const millimetres = LENGTHS.find((length) => (length / perPixel) * scale <= most);
  return millimetres === undefined ? null : { millimetres, pixels: (millimetres / perPixel) * scale };
}
