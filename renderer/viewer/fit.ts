/** Scale and place of a film in its viewport. */
import type { Film } from '../../core/dicom/film.ts';

type Sized = Pick<Film, 'rows' | 'columns' | 'spacing'>;

/** Width and height of the film as it stands on the screen at scale 1, in screen pixels. */
export function standing(film: Sized, rotation: number): { width: number; height: number } {
  const { row, column } = film.spacing ?? { row: 1, column: 1 };
  const width = film.columns * Math.max(1, column / row);
  const height = film.rows * Math.max(1, row / column);
  return rotation % 180 === 0 ? { width, height } : { width: height, height: width };
}

/** The largest scale at which the whole film is seen. */
export function fitScale(film: Sized, rotation: number, room: { width: number; height: number }): number {
  const size = standing(film, rotation);
  return Math.max(1e-4, Math.min(room.width / size.width, room.height / size.height));
}

/** The translation after zooming from `from` to `to` so that the point at `offset` from the centre stays where it is. */
export function zoomAround(
  translation: { x: number; y: number },
  offset: { x: number; y: number },
  from: number,
  to: number,
): { x: number; y: number } {
  const change = 1 / to - 1 / from;
  return { x: translation.x + offset.x * change, y: translation.y + offset.y * change };
}
