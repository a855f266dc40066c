/**
 * The viewports: one, two or four, each with its display and its annotations; which one is active, which tool the mouse has,
 * and what is drawn over the films. The first viewport shows the film that is read; the others what belongs beside it.
 */
import { createStore, type StoreApi } from 'zustand/vanilla';
import { toErrorData } from '../../core/base/errors.ts';
import type { Room } from '../../core/dicom/preview.ts';
import type {
  AnnotationKind,
  FilmEntry,
  FilmOpening,
  FilmView,
  HostBridge,
  ModelView,
} from '../../core/services/contract.ts';
import { text } from '../text.ts';
import { type Hung, hang, type Slot } from '../viewer/hanging.ts';
import { createDisplay, type Display } from './display.ts';
import type { Frame } from './frame.ts';
import type { Library } from './library.ts';
import { carriedOver } from './linking.ts';
import type { Loading } from './loading.ts';
import { createMarks, type Marks } from './marks.ts';
import type { Reading } from './reading.ts';

export type Tool = 'window' | 'pan' | 'zoom' | 'magnify' | AnnotationKind;
export type Layout = 1 | 2 | 4;

const NOT_DRAWING: readonly Tool[] = ['window', 'pan', 'zoom', 'magnify'];

export function isDrawing(tool: Tool): tool is AnnotationKind {
  return !NOT_DRAWING.includes(tool);
}

export interface PaneState {
  slot: Slot | null;
  entry: FilmEntry | null;
  film: Loading<FilmView>;
  /** What the checkpoint that is looked at receives of it; none until somebody wants to see it. */
  model: Loading<ModelView>;
}

export interface Pane {
  index: number;
  store: StoreApi<PaneState>;
  display: Display;
  marks: Marks;
}

export interface PanesState {
  layout: Layout;
  linked: boolean;
  activeIndex: number;
  tool: Tool;
  /** The text in the corners, the sides of the body, the scale bar. */
  overlay: boolean;
  /** Annotations. */
  drawn: boolean;
  /** The file's own overlays, and the boxes of its data set. */
  graphics: boolean;
}

export type Panes = ReturnType<typeof createPanes>;

const MOST = 4;
const NONE = { state: 'none' } as const;
const NOTHING: PaneState = { slot: null, entry: null, film: NONE, model: NONE };

export function createPanes(bridge: HostBridge, frame: Frame, library: Library, reading: Reading) {
  const onError = (thrown: unknown) => frame.fail(text.viewer.annotationsFailed, thrown);
  const store = createStore<PanesState>(() => ({
    layout: 1,
    linked: true,
    activeIndex: 0,
    tool: 'window',
    overlay: true,
    drawn: true,
    graphics: true,
  }));
  const all = Array.from({ length: MOST }, (_, index): Pane => {
    return { index, store: createStore(() => NOTHING), display: createDisplay(), marks: createMarks(bridge, onError) };
  });
  let following = false;

  /** What a viewport shows from now on. Pixels of one film never stand under the name of another, not for an instant. */
  function put(pane: Pane, slot: Slot | null, entry: FilmEntry | null, film: Loading<FilmView>): void {
    const isSame = entry !== null && entry.id === pane.store.getState().entry?.id;
    pane.store.setState({ slot, entry, film, ...(isSame ? {} : { model: NONE }) });
    // Another frame of the film that is shown: the last one stays until it is there.
    if (film.state === 'loading' && isSame) return;
    const shown = film.state === 'ready' ? film.value.film : null;
    pane.display.show(shown);
    pane.marks.show(entry?.id ?? null, shown);
    void loadModel(pane);
  }

  /** Made only after the film has been decoded, which it takes as long as. */
  async function loadModel(pane: Pane): Promise<void> {
    const { showModel, activeId } = reading.store.getState();
    const { entry, film, model } = pane.store.getState();
    if (!showModel || activeId === null || !entry || film.state !== 'ready') return;
    if (pane.index >= store.getState().layout) return;
    const isWanted = () =>
      pane.store.getState().entry?.id === entry.id && reading.store.getState().activeId === activeId;
    // Blinking between checkpoints changes the picture in place.
    if (model.state !== 'ready') pane.store.setState({ model: { state: 'loading' } });
    try {
      const value = await bridge.engine.call('films.modelView', { filmId: entry.id, checkpointId: activeId });
      if (isWanted()) pane.store.setState({ model: { state: 'ready', value } });
    } catch (error) {
      if (isWanted()) pane.store.setState({ model: { state: 'failed', error: toErrorData(error) } });
    }
  }

  /** Fills the viewports beside the first. A film that stays where it is keeps its view. */
  function fill(): void {
    const { layout } = store.getState();
    const current = all[0].store.getState().entry;
    const found = current && layout > 1 ? hang(current, library.store.getState().films, layout) : [];
    for (const pane of all.slice(1)) void load(pane, found[pane.index]);
  }

  async function load(pane: Pane, hung: Hung | undefined): Promise<void> {
    const now = pane.store.getState();
    if (!hung) {
      if (now.film.state !== 'none' || now.entry) put(pane, null, null, { state: 'none' });
      return;
    }
    if (now.entry?.id === hung.entry.id) return pane.store.setState({ slot: hung.slot });
    put(pane, hung.slot, hung.entry, { state: 'loading' });
    const isWanted = () => pane.store.getState().entry?.id === hung.entry.id;
    try {
      const onProgress = ({ preview }: FilmOpening) => isWanted() && pane.display.showPreview(preview);
      const params = { filmId: hung.entry.id, room: roomOf(pane.display) };
      const value = await bridge.engine.call('films.open', params, { onProgress });
      if (isWanted()) put(pane, hung.slot, hung.entry, { state: 'ready', value });
    } catch (error) {
      if (isWanted()) put(pane, hung.slot, hung.entry, { state: 'failed', error: toErrorData(error) });
    }
  }

  /** While the next film is decoded, only what belongs beside it stays. */
  function clear(next: FilmEntry | null): void {
    const { layout } = store.getState();
    const found = next && layout > 1 ? hang(next, library.store.getState().films, layout) : [];
    for (const pane of all.slice(1)) {
      const { entry } = pane.store.getState();
      if (entry && entry.id !== found[pane.index]?.entry.id) put(pane, null, null, { state: 'loading' });
    }
  }

  reading.setRoom(() => roomOf(all[0].display));
  reading.store.subscribe(({ film, preview, filmId, showModel, activeId }, before) => {
    if (preview && preview !== before.preview) all[0].display.showPreview(preview);
    if (film !== before.film) {
      const listed = library.store.getState().films.find((each) => each.id === filmId) ?? null;
      const entry = film.state === 'ready' ? film.value.entry : listed;
      put(all[0], entry ? 'current' : null, entry, film);
      if (film.state === 'loading') clear(entry);
      else fill();
    } else if (showModel !== before.showModel || activeId !== before.activeId) {
      for (const pane of all) void loadModel(pane);
    }
  });
  library.store.subscribe(({ films }, before) => {
    if (films !== before.films) fill();
  });
  for (const pane of all) {
    pane.display.store.subscribe((state, before) => {
      const { linked, layout } = store.getState();
      if (following || !linked || layout === 1) return;
      following = true;
      for (const other of all.slice(0, layout)) {
        const shown = other !== pane && carriedOver(before, state, other.display.store.getState());
        if (shown) other.display.follow(shown);
      }
      following = false;
    });
  }

  const active = () => all[store.getState().activeIndex];
  return {
    store,
    all,
    active,
    setLayout(layout: Layout): void {
      store.setState({ layout, activeIndex: Math.min(store.getState().activeIndex, layout - 1) });
      fill();
      for (const pane of all) void loadModel(pane);
    },
    toggleLinked: () => store.setState({ linked: !store.getState().linked }),
    activate: (activeIndex: number) => store.setState({ activeIndex }),
    activateNext: () => store.setState(({ activeIndex, layout }) => ({ activeIndex: (activeIndex + 1) % layout })),
    setTool(tool: Tool): void {
      for (const pane of all) pane.marks.drop();
      store.setState({ tool, ...(isDrawing(tool) ? { drawn: true } : {}) });
    },
    toggleOverlay: () => store.setState({ overlay: !store.getState().overlay }),
    toggleDrawn: () => store.setState({ drawn: !store.getState().drawn }),
    toggleGraphics: () => store.setState({ graphics: !store.getState().graphics }),
  };
}

/** In device pixels; undefined: not laid out yet. */
function roomOf({ store }: Display): Room | undefined {
  const { width, height } = store.getState().room;
  const ratio = globalThis.devicePixelRatio || 1;
  return width > 0 && height > 0 ? { width: width * ratio, height: height * ratio } : undefined;
}
