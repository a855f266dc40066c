/**
 * The film by keyboard: while it has the focus and a drawing tool or the magnifier is chosen, the arrow keys move a cross
 * (with Shift one film pixel at a time), Enter or the space bar places a point, Escape gives up, Delete removes what is chosen.
 */
import type { Display } from '../state/display.ts';
import type { Marks } from '../state/marks.ts';
import { isDrawing, type Tool } from '../state/panes.ts';
import type { Point } from './measure.ts';
import { apply, filmToScreen, inverse } from './transform.ts';

/** Screen pixels of one press. */
const STEP = 12;
const ARROWS: Record<string, Point> = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
};

export interface KeyTarget {
  display: Display;
  marks: Marks;
  tool(): Tool;
  magnify(at: Point | null): void;
}

export function attachKeys(element: HTMLElement, target: KeyTarget): () => void {
  const { display, marks } = target;
  const cross = document.createElement('div');
  cross.className = 'cross';
  cross.hidden = true;
  element.append(cross);
  /** On the screen, from the viewport's upper left corner. */
  let at: Point | null = null;

  function hide(): void {
    if (!at) return;
    at = null;
    cross.hidden = true;
    target.magnify(null);
  }

  function show(point: Point): void {
    at = point;
    cross.hidden = false;
    cross.style.left = `${point.x}px`;
    cross.style.top = `${point.y}px`;
    if (target.tool() === 'magnify') target.magnify(point);
    else marks.aim(onFilm(point));
  }

  function onFilm(point: Point): Point {
    const state = display.store.getState();
    if (!state.film) return { x: 0, y: 0 };
    const matrix = filmToScreen(state.film, { ...state, scale: state.scale ?? state.shownScale }, state.room);
    return apply(inverse(matrix), point);
  }

  function press(event: KeyboardEvent): boolean {
    const tool = target.tool();
    const { room, film, scale, shownScale } = display.store.getState();
    if (!film || event.ctrlKey || event.metaKey || event.altKey) return false;
    const { selectedId } = marks.store.getState();
    if ((event.key === 'Delete' || event.key === 'Backspace') && selectedId !== null) {
      marks.remove(selectedId);
      return true;
    }
    if (!isDrawing(tool) && tool !== 'magnify') return false;
    const arrow = ARROWS[event.key];
    if (arrow) {
      const from = at ?? { x: room.width / 2, y: room.height / 2 };
      const by = event.shiftKey ? (scale ?? shownScale) : STEP;
      const within = (value: number, end: number) => Math.min(end, Math.max(0, value));
      show({ x: within(from.x + by * arrow.x, room.width), y: within(from.y + by * arrow.y, room.height) });
      return true;
    }
    if ((event.key === 'Enter' || event.key === ' ') && at && isDrawing(tool)) {
      marks.place(tool, onFilm(at));
      return true;
    }
    if (event.key === 'Escape' && (at || marks.store.getState().draft)) {
      marks.drop();
      hide();
      return true;
    }
    return false;
  }

  function listen(event: KeyboardEvent): void {
    if (event.target !== element || !press(event)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  element.addEventListener('keydown', listen);
  element.addEventListener('blur', hide);
  element.addEventListener('pointerdown', hide);
  return () => {
    element.removeEventListener('keydown', listen);
    element.removeEventListener('blur', hide);
    element.removeEventListener('pointerdown', hide);
    cross.remove();
  };
}
