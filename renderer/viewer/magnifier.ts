/** A round glass over the film: what is under the pointer, larger, in the film's present window and turn. */
import type { DisplayState } from '../state/display.ts';
import type { Point } from './measure.ts';
import type { Picture } from './picture.ts';
import { filmToScreen } from './transform.ts';

const RADIUS = 120;
/** Times the viewport's own scale; at least pixel for pixel. */
const POWER = 2.5;

export interface Magnifier {
  show(at: Point | null): void;
  remove(): void;
}

export function createMagnifier(
  place: HTMLElement,
  now: () => { picture: Picture; state: DisplayState } | null,
): Magnifier {
  const canvas = document.createElement('canvas');
  canvas.className = 'magnifier';
  canvas.width = 2 * RADIUS;
  canvas.height = 2 * RADIUS;
  canvas.hidden = true;
  canvas.setAttribute('aria-hidden', 'true');
  place.append(canvas);

  function show(at: Point | null): void {
    const shown = now();
    canvas.hidden = at === null || !shown?.state.film;
    const context = canvas.getContext('2d');
    if (!at || !shown || !context) return;
    const { picture, state } = shown;
    if (!state.film) return;
    const scale = state.scale ?? state.shownScale;
    const { a, b, c, d, e, f } = filmToScreen(state.film, { ...state, scale }, state.room);
    const power = Math.max(POWER, 1 / scale);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = '#000';
    context.fillRect(0, 0, canvas.width, canvas.height);
    const move = (value: number, centre: number) => (value - centre) * power + RADIUS;
    context.setTransform(a * power, b * power, c * power, d * power, move(e, at.x), move(f, at.y));
    context.imageSmoothingEnabled = scale * power < 4;
    context.drawImage(picture.canvas, 0, 0);
    canvas.style.left = `${at.x - RADIUS}px`;
    canvas.style.top = `${at.y - RADIUS}px`;
  }

  return { show, remove: () => canvas.remove() };
}
