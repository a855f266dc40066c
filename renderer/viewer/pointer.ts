/**
 * What mouse, pen and touchpad do on the film: the chosen tool with the left button, pan with the middle one, zoom with the
 * right one and the wheel, as in Weasis, OHIF and Horos. Own handlers instead of cornerstone-tools: they drive the stores
 * that also the keys and linked viewports drive, and need neither hammerjs nor a second model of the annotations.
 * On a touchpad two fingers pan (a wheel in both directions, in fine steps) and a pinch (the wheel with Ctrl) zooms.
 */
import type { Voi } from '../../core/dicom/film.ts';
import type { Annotation } from '../../core/services/contract.ts';
import { clampScale, type Display } from '../state/display.ts';
import type { Marks } from '../state/marks.ts';
import { isDrawing, type Tool } from '../state/panes.ts';
import { zoomAround } from './fit.ts';
import type { Point } from './measure.ts';
import { apply, filmToScreen, inverse } from './transform.ts';

/** A drag over this many pixels changes the window by the film's whole range. */
const WINDOW_TRAVEL = 1000;
const ZOOM_TRAVEL = 240;
const WHEEL_STEP = 1.15;
/** A press that moves less is a click. */
const CLICK_TRAVEL = 4;

export interface PointerTarget {
  display: Display;
  marks: Marks;
  tool(): Tool;
  /** The viewport was touched. */
  activate(): void;
  /** Shows the magnifier at this place of the viewport; null: hides it. */
  magnify(at: Point | null): void;
}

/** Left: the chosen tool. Middle: pan. Right: zoom. */
function toolOf(button: number, chosen: Tool): Tool | null {
  if (button === 0) return chosen;
  if (button === 1) return 'pan';
  return button === 2 ? 'zoom' : null;
}

/** What a drag does; made when the button goes down. */
interface Drag {
  move(event: PointerEvent): void;
  end?(event: PointerEvent): void;
}

/** Listens on the element until the returned function is called. */
export function attachPointer(element: HTMLElement, target: PointerTarget): () => void {
  const { display, marks } = target;
  let drag: Drag | null = null;

  function down(event: PointerEvent): void {
    target.activate();
    const tool = toolOf(event.button, target.tool());
    if (!tool || !display.store.getState().film) return;
    element.setPointerCapture(event.pointerId);
    event.preventDefault();
    element.focus();
    drag = (event.button === 0 ? grabbed(event) : null) ?? dragOf(tool, event);
  }

  function dragOf(tool: Tool, event: PointerEvent): Drag {
    if (isDrawing(tool)) return drawing(tool, event);
    marks.select(null);
    const start = display.store.getState();
    const scale = start.scale ?? start.shownScale;
    const travel = (next: PointerEvent) => ({ x: next.clientX - event.clientX, y: next.clientY - event.clientY });
    if (tool === 'magnify') {
      target.magnify(screenPoint(event));
      return { move: (next) => target.magnify(screenPoint(next)), end: () => target.magnify(null) };
    }
    return {
      move(next) {
        const { x, y } = travel(next);
        if (tool === 'window' && start.voi) windowBy(start.voi, x, y);
        if (tool === 'zoom') zoomTo(scale * 2 ** (-y / ZOOM_TRAVEL), event.clientX, event.clientY);
        if (tool === 'pan')
          display.place(scale, { x: start.translation.x + x / scale, y: start.translation.y + y / scale });
      },
    };
  }

  function windowBy(start: Voi, x: number, y: number): void {
    display.dragWindow(start, x / WINDOW_TRAVEL, y / WINDOW_TRAVEL);
  }

  /** A press places a point; let go elsewhere, it places the next one too. */
  function drawing(tool: Parameters<Marks['place']>[0], event: PointerEvent): Drag {
    marks.place(tool, filmPoint(event));
    return {
      move: (next) => marks.aim(filmPoint(next)),
      end(next) {
        const moved = Math.hypot(next.clientX - event.clientX, next.clientY - event.clientY) > CLICK_TRAVEL;
        if (moved && marks.store.getState().draft) marks.place(tool, filmPoint(next));
      },
    };
  }

  /** A drag of an annotation, or of one of its points. */
  function grabbed(event: PointerEvent): Drag | null {
    const hit = event.target instanceof Element ? event.target.closest<SVGElement>('[data-mark]') : null;
    const before = marks.store.getState().annotations;
    const annotation = before.find((each) => each.id === hit?.dataset.mark);
    // A line is only grabbed once it is chosen, so that it is not in the way of drawing the next one across it.
    if (!hit || !annotation || marks.store.getState().draft) return null;
    const point = hit.dataset.point === undefined ? null : Number(hit.dataset.point);
    const from = filmPoint(event);
    marks.select(annotation.id);
    return {
      move(next) {
        const to = filmPoint(next);
        marks.drag(annotation.id, movedPoints(annotation, point, { x: to.x - from.x, y: to.y - from.y }));
      },
      end: () => marks.store.getState().annotations !== before && marks.settle(before),
    };
  }

  function move(event: PointerEvent): void {
    if (drag) drag.move(event);
    else if (marks.store.getState().draft) marks.aim(filmPoint(event));
  }

  function up(event: PointerEvent): void {
    if (!drag) return;
    if (element.hasPointerCapture(event.pointerId)) element.releasePointerCapture(event.pointerId);
    drag.end?.(event);
    drag = null;
  }

  function wheel(event: WheelEvent): void {
    event.preventDefault();
    target.activate();
    const { scale, shownScale, translation } = display.store.getState();
    const now = scale ?? shownScale;
    if (isTouchpad(event)) {
      display.place(now, { x: translation.x - event.deltaX / now, y: translation.y - event.deltaY / now });
      return;
    }
    const factor = event.ctrlKey
      ? Math.exp(-event.deltaY / 100)
      : WHEEL_STEP ** (-Math.sign(event.deltaY) * Math.min(2, Math.abs(event.deltaY) / 100 || 1));
    zoomTo(now * factor, event.clientX, event.clientY);
  }

  function zoomTo(scale: number, clientX: number, clientY: number): void {
    const state = display.store.getState();
    const box = element.getBoundingClientRect();
    const offset = { x: clientX - box.left - box.width / 2, y: clientY - box.top - box.height / 2 };
    const to = clampScale(scale);
    display.place(to, zoomAround(state.translation, offset, state.scale ?? state.shownScale, to));
  }

  function screenPoint(event: PointerEvent): Point {
    const box = element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  function filmPoint(event: PointerEvent): Point {
    const state = display.store.getState();
    if (!state.film) return { x: 0, y: 0 };
    const place = { ...state, scale: state.scale ?? state.shownScale };
    return apply(inverse(filmToScreen(state.film, place, state.room)), screenPoint(event));
  }

  const none = (event: Event) => event.preventDefault();
  const fit = () => !isDrawing(target.tool()) && display.setScale(null);
  element.addEventListener('pointerdown', down);
  element.addEventListener('pointermove', move);
  element.addEventListener('pointerup', up);
  element.addEventListener('pointercancel', up);
  element.addEventListener('wheel', wheel, { passive: false });
  element.addEventListener('contextmenu', none);
  element.addEventListener('dblclick', fit);
  return () => {
    element.removeEventListener('pointerdown', down);
    element.removeEventListener('pointermove', move);
    element.removeEventListener('pointerup', up);
    element.removeEventListener('pointercancel', up);
    element.removeEventListener('wheel', wheel);
    element.removeEventListener('contextmenu', none);
    element.removeEventListener('dblclick', fit);
  };
}

/** Two fingers: both directions, or steps finer than any wheel's. A pinch comes with Ctrl. */
function isTouchpad(event: WheelEvent): boolean {
  if (event.ctrlKey || event.deltaMode !== 0) return false;
  return event.deltaX !== 0 || !Number.isInteger(event.deltaY) || Math.abs(event.deltaY) < 40;
}

/** The points after moving one of them, or all. The widths of a ratio stay across the body: both ends of one move along. */
function movedPoints({ kind, points }: Annotation, index: number | null, by: Point): Point[] {
  return points.map((point, at) => {
    if (index === null || at === index) return { x: point.x + by.x, y: point.y + by.y };
    if (kind !== 'ctr' || at >> 1 !== index >> 1) return point;
    return points[index].y === point.y ? { x: point.x, y: point.y + by.y } : { x: point.x + by.x, y: point.y };
  });
}
