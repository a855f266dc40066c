/**
 * Film pixels to screen pixels and back, as cornerstone-core 2.6 draws them (its calculateTransform): for what is drawn
 * over the film and for where the pointer is. Screen pixels are CSS pixels from the viewport's upper left corner.
 */
import type { Film } from '../../core/dicom/film.ts';
import type { Point } from './measure.ts';

/** x' = a x + c y + e, y' = b x + d y + f: the order of CSS and SVG matrices. */
export interface Matrix {
  a: number;
  b: number;
  c: number;
  d: number;
  e: number;
  f: number;
}

export interface Placement {
  scale: number;
  /** Along the screen, in film pixels, as cornerstone has it. */
  translation: Point;
  /** Degrees clockwise. */
  rotation: number;
  hflip: boolean;
  vflip: boolean;
}

export interface Room {
  width: number;
  height: number;
}

type Sized = Pick<Film, 'rows' | 'columns' | 'spacing'>;

/** Pixels that are not square are stretched along their longer side. */
export function stretchOf(spacing: Film['spacing']): { x: number; y: number } {
  if (!spacing) return { x: 1, y: 1 };
  return { x: Math.max(1, spacing.column / spacing.row), y: Math.max(1, spacing.row / spacing.column) };
}

export function filmToScreen(film: Sized, place: Placement, room: Room): Matrix {
  const stretch = stretchOf(film.spacing);
  const angle = (place.rotation * Math.PI) / 180;
  const steps = [
    move(room.width / 2, room.height / 2),
    turn(angle),
    stretchBy(place.scale * stretch.x, place.scale * stretch.y),
    turn(-angle),
    move(place.translation.x, place.translation.y),
    turn(angle),
    stretchBy(place.hflip ? -1 : 1, place.vflip ? -1 : 1),
    move(-film.columns / 2, -film.rows / 2),
  ];
  return steps.reduce(times);
}

const move = (e: number, f: number): Matrix => ({ a: 1, b: 0, c: 0, d: 1, e, f });
const stretchBy = (a: number, d: number): Matrix => ({ a, b: 0, c: 0, d, e: 0, f: 0 });

function turn(angle: number): Matrix {
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  return { a: cos, b: sin, c: -sin, d: cos, e: 0, f: 0 };
}

function times(m: Matrix, n: Matrix): Matrix {
  return {
    a: m.a * n.a + m.c * n.b,
    b: m.b * n.a + m.d * n.b,
    c: m.a * n.c + m.c * n.d,
    d: m.b * n.c + m.d * n.d,
    e: m.a * n.e + m.c * n.f + m.e,
    f: m.b * n.e + m.d * n.f + m.f,
  };
}

export function apply(m: Matrix, { x, y }: Point): Point {
  return { x: m.a * x + m.c * y + m.e, y: m.b * x + m.d * y + m.f };
}

export function inverse(m: Matrix): Matrix {
  const det = m.a * m.d - m.b * m.c;
  const [a, b, c, d] = [m.d / det, -m.b / det, -m.c / det, m.a / det];
  return { a, b, c, d, e: -(a * m.e + c * m.f), f: -(b * m.e + d * m.f) };
}
