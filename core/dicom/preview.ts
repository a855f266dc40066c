/**
 * A film in small, for the moment until the film itself is there: its stored values averaged over squares, or, where a codec
 * gives a lower resolution for less work (JPEG 2000, ITU-T T.800 annex F: each is half of the one above), that one. It is never
 * smaller than it is shown, and nothing is measured on it. Gray films only.
 */
import type { FilmPreview, PixelArray } from './film.ts';

/** In device pixels. */
export interface Room {
  width: number;
  height: number;
}

/** By how much the film may be reduced and still has every pixel that the room can show; 1: not at all. */
export function previewFactor({ rows, columns }: { rows: number; columns: number }, room: Room | undefined): number {
  if (!room || room.width < 1 || room.height < 1) return 1;
  return Math.max(1, Math.floor(Math.max(rows / room.height, columns / room.width)));
}

export interface Reduced {
  pixels: PixelArray;
  rows: number;
  columns: number;
  factor: number;
}

/** Means over squares of `factor` pixels, cut off to whole numbers; what is left at the right and lower edges is left out. */
export function averaged(pixels: PixelArray, film: { rows: number; columns: number }, factor: number): Reduced {
  const [columns, rows] = [Math.floor(film.columns / factor), Math.floor(film.rows / factor)];
  const small = pixels.slice(0, columns * rows) as PixelArray;
  const sums = new Float64Array(columns);
  for (let row = 0; row < rows; row++) {
    sums.fill(0);
    for (let y = 0; y < factor; y++) addRow(pixels, (row * factor + y) * film.columns, factor, sums);
    for (let column = 0; column < columns; column++) small[row * columns + column] = sums[column]! / (factor * factor);
  }
  return { pixels: small, rows, columns, factor };
}

function addRow(pixels: PixelArray, start: number, factor: number, sums: Float64Array): void {
  for (let column = 0, at = start; column < sums.length; column++) {
    let sum = 0;
    for (let x = 0; x < factor; x++) sum += pixels[at++]!;
    sums[column]! += sum;
  }
}

export function previewOf(film: Omit<FilmPreview, 'factor' | 'small'>, reduced: Reduced): FilmPreview {
  const { rows, columns, spacing, modality, voi, inverse, padding } = film;
  const small = { pixels: reduced.pixels, rows: reduced.rows, columns: reduced.columns };
  return { rows, columns, spacing, modality, voi, inverse, padding, factor: reduced.factor, small };
}
