/**
 * What an annotation measures on a film. Pure: no DOM, no React. Points are in pixels of the film as in
 * core/services/annotations.ts. A length is in millimetres with the origin of the spacing (PS3.3 10.7.1.3) where the film
 * has one, else in pixels; nothing is guessed. Statistics are over the pixels whose centres lie inside, in modality values
 * (after the Modality LUT; before any window), padding left out; SD divides by n. Leaves out: statistics of colour films.
 */
import { type Film, type FilmSpacing, type LengthOrigin, millimetresOf } from '../../core/dicom/film.ts';
import { modalityFunction } from '../../core/dicom/voi.ts';
import type { Annotation } from '../../core/services/contract.ts';

export interface Point {
  /** Columns from the left edge, and rows from the top. */
  x: number;
  y: number;
}

export interface Length {
  value: number;
  unit: 'mm' | 'px';
  /** null for pixels. */
  origin: LengthOrigin | null;
}

export interface Area {
  value: number;
  unit: 'mm²' | 'px²';
  origin: LengthOrigin | null;
}

export interface Statistics {
  pixels: number;
  mean: number;
  sd: number;
  minimum: number;
  maximum: number;
}

export type Measurement =
  | { kind: 'length'; length: Length }
  | { kind: 'angle'; degrees: number }
  | { kind: 'ctr'; heart: Length; chest: Length /** null where the chest has no width. */; ratio: number | null }
  /** `statistics` is null on colour films and where no pixel lies inside. */
  | { kind: 'rectangle' | 'ellipse'; area: Area; statistics: Statistics | null }
  /** `stored` is null outside of the film; three values on a colour film. */
  | { kind: 'probe'; column: number; row: number; stored: number[] | null; value: number | null }
  | { kind: 'arrow' };

type Spacing = Pick<FilmSpacing, 'row' | 'column'>;
const SQUARE: Spacing = { row: 1, column: 1 };

export function measure(annotation: Pick<Annotation, 'kind' | 'points'>, film: Film): Measurement {
  const { kind, points } = annotation;
  const [a, b, c, d] = points;
  const { spacing } = film;
  switch (kind) {
    case 'length':
      return { kind, length: lengthOf(a, b, spacing) };
    case 'angle':
      return { kind, degrees: degreesAt(b, a, c, spacing ?? SQUARE) };
    case 'ctr': {
      const [heart, chest] = [lengthOf(a, b, spacing), lengthOf(c, d, spacing)];
      return { kind, heart, chest, ratio: chest.value > 0 ? heart.value / chest.value : null };
    }
    case 'rectangle':
    case 'ellipse': {
      const box = boxOf(a, b);
      const share = kind === 'ellipse' ? Math.PI / 4 : 1;
      return { kind, area: areaOf(box, share, spacing), statistics: statisticsOf(film, box, kind) };
    }
    case 'probe':
      return { kind, ...probed(film, a) };
    case 'arrow':
      return { kind };
  }
}

/** Millimetres; where the film has proportions only, its shorter pixel side is 1. */
function unitOf(spacing: FilmSpacing | null): Spacing {
  if (!spacing || millimetresOf(spacing)) return spacing ?? SQUARE;
  const shorter = Math.min(spacing.row, spacing.column);
  return { row: spacing.row / shorter, column: spacing.column / shorter };
}

export function lengthOf(a: Point, b: Point, spacing: FilmSpacing | null): Length {
  const { row, column } = unitOf(spacing);
  const value = Math.hypot((b.x - a.x) * column, (b.y - a.y) * row);
  const millimetres = millimetresOf(spacing);
  return millimetres ? { value, unit: 'mm', origin: millimetres.origin } : { value, unit: 'px', origin: null };
}

/** Between the two arms, 0 to 180; 0 where an arm has no length. */
export function degreesAt(vertex: Point, a: Point, b: Point, { row, column }: Spacing): number {
  const [ux, uy] = [(a.x - vertex.x) * column, (a.y - vertex.y) * row];
  const [vx, vy] = [(b.x - vertex.x) * column, (b.y - vertex.y) * row];
  // Exact for small and for straight angles, where the arc cosine is not.
  return (Math.atan2(Math.abs(ux * vy - uy * vx), ux * vx + uy * vy) * 180) / Math.PI;
}

export interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

export function boxOf(a: Point, b: Point): Box {
  return {
    left: Math.min(a.x, b.x),
    right: Math.max(a.x, b.x),
    top: Math.min(a.y, b.y),
    bottom: Math.max(a.y, b.y),
  };
}

function areaOf(box: Box, share: number, spacing: FilmSpacing | null): Area {
  const { row, column } = unitOf(spacing);
  const value = share * (box.right - box.left) * column * (box.bottom - box.top) * row;
  const millimetres = millimetresOf(spacing);
  return millimetres ? { value, unit: 'mm²', origin: millimetres.origin } : { value, unit: 'px²', origin: null };
}

/** Mean and SD in two passes, so that large offsets cost no digits. */
export function statisticsOf(film: Film, box: Box, shape: 'rectangle' | 'ellipse'): Statistics | null {
  if (film.samplesPerPixel !== 1) return null;
  const values = valuesIn(film, box, shape);
  if (values.length === 0) return null;
  let sum = 0;
  let minimum = Number.POSITIVE_INFINITY;
  let maximum = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    sum += value;
    if (value < minimum) minimum = value;
    if (value > maximum) maximum = value;
  }
  const mean = sum / values.length;
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  return { pixels: values.length, mean, sd: Math.sqrt(squares / values.length), minimum, maximum };
}

/** Modality values of the pixels whose centres lie in the shape, padding left out. */
function valuesIn(film: Film, box: Box, shape: 'rectangle' | 'ellipse'): number[] {
  const { pixels, columns, rows, padding } = film;
  const modality = modalityFunction(film.modality);
  const values: number[] = [];
  const firstRow = Math.max(0, Math.ceil(box.top - 0.5));
  const lastRow = Math.min(rows - 1, Math.floor(box.bottom - 0.5));
  for (let row = firstRow; row <= lastRow; row++) {
    const [from, to] = shape === 'ellipse' ? chord(box, row + 0.5) : [box.left, box.right];
    const first = Math.max(0, Math.ceil(from - 0.5));
    const last = Math.min(columns - 1, Math.floor(to - 0.5));
    for (let column = first; column <= last; column++) {
      const stored = pixels[row * columns + column];
      if (!padding || stored < padding.low || stored > padding.high) values.push(modality(stored));
    }
  }
  return values;
}

/** Where the ellipse in the box crosses the height `y`; an empty range where it does not. */
function chord(box: Box, y: number): [number, number] {
  const [rx, ry] = [(box.right - box.left) / 2, (box.bottom - box.top) / 2];
  const centre = (box.left + box.right) / 2;
  const share = ry > 0 ? 1 - ((y - (box.top + box.bottom) / 2) / ry) ** 2 : -1;
  if (share < 0) return [1, 0];
  const half = rx * Math.sqrt(share);
  return [centre - half, centre + half];
}

function probed(
  film: Film,
  point: Point,
): { column: number; row: number; stored: number[] | null; value: number | null } {
  const [column, row] = [Math.floor(point.x), Math.floor(point.y)];
  if (column < 0 || row < 0 || column >= film.columns || row >= film.rows) {
    return { column, row, stored: null, value: null };
  }
  const at = (row * film.columns + column) * film.samplesPerPixel;
  const stored = Array.from(film.pixels.slice(at, at + film.samplesPerPixel), Number);
  const value = film.samplesPerPixel === 1 ? modalityFunction(film.modality)(stored[0]) : null;
  return { column, row, stored, value };
}

/** Why a cardiothoracic ratio of this film is not to be held against 0.5; null on a PA film. */
export function ratioCaveat(viewPosition: string): 'ap' | 'unknown' | 'other' | null {
  const view = viewPosition.trim().toUpperCase();
  if (view === 'PA') return null;
  if (view === 'AP') return 'ap';
  return view === '' || view === 'FRONTAL' ? 'unknown' : 'other';
}

/** The end of a line that is held to the axis across the body: the heart's and the chest's widths are horizontal ones. */
export function acrossBody(from: Point, to: Point, patientOrientation: string): Point {
  const [row = ''] = patientOrientation.toUpperCase().split('\\');
  // Only a film that lies on its side has its rows along the body.
  return /^[HF]/.test(row) ? { x: from.x, y: to.y } : { x: to.x, y: from.y };
}
