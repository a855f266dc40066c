/** A film in its viewport: cornerstone-core draws it, following the display store without React in between. */
import * as cornerstone from 'cornerstone-core';
import { type ReactNode, useEffect, useRef } from 'react';
import type { DisplayState } from '../state/display.ts';
import type { Pane, Panes } from '../state/panes.ts';
import { text } from '../text.ts';
import { fitScale } from './fit.ts';
import { attachKeys } from './keys.ts';
import { createMagnifier } from './magnifier.ts';
import { type Picture, pictureOf, previewPicture } from './picture.ts';
import { attachPointer } from './pointer.ts';

/** `children` are drawn over the film and get its pointer events. */
export function FilmViewport(props: { pane: Pane; panes: Panes; label: string; children?: ReactNode }) {
  const { pane, panes, label, children } = props;
  const outer = useRef<HTMLDivElement>(null);
  const inner = useRef<HTMLDivElement>(null);

  useEffect(() => {
    if (!outer.current || !inner.current) return;
    return follow(pane, panes, outer.current, inner.current);
  }, [pane, panes]);

  return (
    <div
      ref={outer}
      className="film"
      role="group"
      aria-roledescription={text.viewer.title}
      aria-label={label}
      aria-description={text.viewer.help}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: the film takes the keyboard's focus as a drawing does.
      tabIndex={0}
    >
      <div ref={inner} className="film-canvas" />
      {children}
    </div>
  );
}

/** Shows what the store says until the returned function is called. */
function follow(pane: Pane, panes: Panes, outer: HTMLElement, inner: HTMLElement): () => void {
  const { display, marks } = pane;
  let picture: Picture | null = null;
  let shown: DisplayState['film'] | DisplayState['preview'] = null;
  let gone = false;
  size(outer, inner);
  cornerstone.enable(inner);

  function apply(): void {
    if (gone) return;
    const state = display.store.getState();
    const source = state.film ?? state.preview;
    if (!source || !state.voi) {
      inner.style.visibility = 'hidden';
      delete outer.dataset['shown'];
      shown = null;
      picture = null;
      return;
    }
    inner.style.visibility = 'visible';
    if (source !== shown) {
      shown = source;
      picture = state.film ? pictureOf(state.film, apply) : state.preview && previewPicture(state.preview);
    }
    picture?.setTone(state.voi, state.invert);
    if (picture) draw(inner, picture, state);
  }

  function draw(element: HTMLElement, { image }: Picture, state: DisplayState): void {
    const room = { width: outer.clientWidth, height: outer.clientHeight };
    const source = state.film ?? state.preview;
    if (room.width === 0 || room.height === 0 || !source) return;
    const scale = state.scale ?? fitScale(source, state.rotation, room);
    display.setShown(scale, room);
    const { rotation, hflip, vflip, translation, invert } = state;
    cornerstone.displayImage(element, image, {
      scale: scale * ratio(),
      translation: { ...translation },
      rotation,
      hflip,
      vflip,
      invert,
      // Pixels are shown as they are at 1:1 and where they are looked at one by one; between, they are smoothed.
      pixelReplication: scale === 1 || scale >= 4,
      voi: { windowCenter: image.windowCenter, windowWidth: image.windowWidth },
    });
    outer.dataset['shown'] = state.film ? 'film' : 'preview';
  }

  const watch = new ResizeObserver(() => {
    size(outer, inner);
    display.setShown(display.store.getState().shownScale, { width: outer.clientWidth, height: outer.clientHeight });
    cornerstone.resize(inner);
    apply();
  });
  watch.observe(outer);
  const unsubscribe = display.store.subscribe(apply);
  const magnifier = createMagnifier(outer, () => (picture ? { picture, state: display.store.getState() } : null));
  const activate = () => panes.activate(pane.index);
  const tool = () => panes.store.getState().tool;
  const detach = attachPointer(outer, { display, marks, tool, activate, magnify: magnifier.show });
  const release = attachKeys(outer, { display, marks, tool, magnify: magnifier.show });
  outer.addEventListener('focus', activate);
  apply();
  return () => {
    gone = true;
    outer.removeEventListener('focus', activate);
    release();
    detach();
    magnifier.remove();
    unsubscribe();
    watch.disconnect();
    cornerstone.disable(inner);
  };
}

/** Cornerstone draws one canvas pixel per CSS pixel; on finer screens the canvas is made larger and scaled down. */
function size(outer: HTMLElement, inner: HTMLElement): void {
  inner.style.width = `${Math.round(outer.clientWidth * ratio())}px`;
  inner.style.height = `${Math.round(outer.clientHeight * ratio())}px`;
  inner.style.transform = ratio() === 1 ? '' : `scale(${1 / ratio()})`;
}

function ratio(): number {
  return window.devicePixelRatio || 1;
}
