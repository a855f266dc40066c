/** What the mouse does on the film: window and level, pan, zoom. As in Weasis, OHIF and Horos. */
import type { Voi } from '../../core/dicom/film.ts';
import { clampScale, type Display, type Tool } from '../state/display.ts';
import { zoomAround } from './fit.ts';

/** A drag over this many pixels changes the window by the film's whole range. */
const WINDOW_TRAVEL = 1000;
const ZOOM_TRAVEL = 240;
const WHEEL_STEP = 1.15;

/** Left: the chosen tool. Middle: pan. Right: zoom. */
function toolOf(button: number, chosen: Tool): Tool | null {
  if (button === 0) return chosen;
  if (button === 1) return 'pan';
  return button === 2 ? 'zoom' : null;
}

/** Listens on the element until the returned function is called. */
export function attachPointer(element: HTMLElement, display: Display): () => void {
  let drag: {
    tool: Tool;
    x: number;
    y: number;
    voi: Voi | null;
    scale: number;
    place: { x: number; y: number };
  } | null = null;

  function down(event: PointerEvent): void {
    const state = display.store.getState();
    const tool = toolOf(event.button, state.tool);
    if (!tool || !state.film) return;
    const scale = state.scale ?? state.shownScale;
    drag = { tool, x: event.clientX, y: event.clientY, voi: state.voi, scale, place: state.translation };
    element.setPointerCapture(event.pointerId);
    event.preventDefault();
    element.focus();
  }

  function move(event: PointerEvent): void {
    if (!drag) return;
    const dx = event.clientX - drag.x;
    const dy = event.clientY - drag.y;
    if (drag.tool === 'window' && drag.voi) display.dragWindow(drag.voi, dx / WINDOW_TRAVEL, dy / WINDOW_TRAVEL);
    if (drag.tool === 'pan')
      display.place(drag.scale, { x: drag.place.x + dx / drag.scale, y: drag.place.y + dy / drag.scale });
    if (drag.tool === 'zoom') zoomTo(drag.scale * 2 ** (-dy / ZOOM_TRAVEL), drag.x, drag.y);
  }

  function up(event: PointerEvent): void {
    if (drag) element.releasePointerCapture(event.pointerId);
    drag = null;
  }

  function wheel(event: WheelEvent): void {
    event.preventDefault();
    const { scale, shownScale } = display.store.getState();
    const factor = WHEEL_STEP ** (-Math.sign(event.deltaY) * Math.min(2, Math.abs(event.deltaY) / 100 || 1));
    zoomTo((scale ?? shownScale) * factor, event.clientX, event.clientY);
  }

  function zoomTo(scale: number, clientX: number, clientY: number): void {
    const state = display.store.getState();
    const box = element.getBoundingClientRect();
    const offset = { x: clientX - box.left - box.width / 2, y: clientY - box.top - box.height / 2 };
    const to = clampScale(scale);
    display.place(to, zoomAround(state.translation, offset, state.scale ?? state.shownScale, to));
  }

  const none = (event: Event) => event.preventDefault();
  const fit = () => display.setScale(null);
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
