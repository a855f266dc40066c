/**
 * Where the reader was: screen, film, checkpoint and how the film was shown, kept with the user's settings, so that a window
 * that is loaded again (a crash, a restart, another browser) opens there and not at the first film.
 */
import type { HostBridge } from '../../core/services/contract.ts';
import type { DisplayState } from './display.ts';
import { type Frame, SCREENS, type Screen } from './frame.ts';
import type { Library } from './library.ts';
import type { Layout, Panes } from './panes.ts';
import type { Reading } from './reading.ts';

const KEY = 'place';
const WRITE_AFTER_MS = 400;

type Shown = Pick<
  DisplayState,
  'voi' | 'presetId' | 'invert' | 'rotation' | 'hflip' | 'vflip' | 'scale' | 'translation'
>;

interface Place {
  /** The workspace's path: its films have ids that mean nothing in another. */
  workspace: string;
  screen: Screen;
  filmId: string | null;
  checkpointId: string | null;
  layout: Layout;
  /** In the first viewport; what hangs beside it follows from the film. */
  shown: Shown;
}

export function createPlace(bridge: HostBridge, frame: Frame, library: Library, reading: Reading, panes: Panes) {
  const [{ display }] = panes.all;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let written = '';
  /** Nothing is written before it is known where the reader was. */
  let restored = false;
  const screenAtStart = frame.store.getState().screen;

  function now(): Place | null {
    const { app, screen } = frame.store.getState();
    if (!app) return null;
    const { voi, presetId, invert, rotation, hflip, vflip, scale, translation } = display.store.getState();
    // A lookup table comes from the film again, by its preset.
    const window = voi?.kind === 'lut' ? null : voi;
    const shown = { voi: window, presetId, invert, rotation, hflip, vflip, scale, translation };
    const { filmId, activeId } = reading.store.getState();
    const { layout } = panes.store.getState();
    return { workspace: app.workspace.path, screen, filmId, checkpointId: activeId, layout, shown };
  }

  function write(): void {
    const place = JSON.stringify(now());
    if (!restored || place === written) return;
    written = place;
    bridge.engine.call('settings.set', { key: KEY, value: place }).catch(() => {
      // A place that cannot be kept is no reason to disturb the reader.
    });
  }

  function later(): void {
    clearTimeout(timer);
    timer = setTimeout(write, WRITE_AFTER_MS);
  }

  /** Once, after everything was read for the first time. */
  async function restore(): Promise<void> {
    if (restored) return;
    const all = await bridge.engine.call('settings.get', {}).catch(() => ({}) as Record<string, string>);
    const place = parse(all[KEY]);
    const { app } = frame.store.getState();
    // A film that was opened with the program is what the reader wants to see.
    if (place && app && place.workspace === app.workspace.path && !library.hasOpened()) {
      // Whoever has gone to a screen already is not taken from it.
      if (frame.store.getState().screen === screenAtStart) frame.show(place.screen);
      panes.setLayout(place.layout);
      if (library.store.getState().films.some((film) => film.id === place.filmId)) {
        showWhenReady(place);
        library.select(place.filmId!);
      }
      if (place.checkpointId !== null) reading.activate(place.checkpointId);
    }
    restored = true;
  }

  function showWhenReady({ filmId, shown }: Place): void {
    const apply = () => {
      const { film, filmId: current } = reading.store.getState();
      if (current !== filmId) return current !== null;
      // While the next film is opened, the one before is still there.
      if (film.state === 'ready' && film.value.entry.id !== filmId) return false;
      if (film.state === 'ready') {
        const presets = display.store.getState().presets;
        const voi = shown.voi ?? presets.find(({ id }) => id === shown.presetId)?.voi;
        display.store.setState({ ...shown, voi: voi ?? display.store.getState().voi });
      }
      return film.state === 'ready' || film.state === 'failed';
    };
    // The display has taken the film over by the time that its listeners, which come after, hear of it.
    const stop = reading.store.subscribe(() => {
      if (apply()) stop();
    });
  }

  for (const { store } of [frame, library, reading, panes, display]) store.subscribe(later);
  return { restore };
}

function parse(text: string | undefined): Place | null {
  try {
    const place = JSON.parse(text ?? 'null') as Place | null;
    return place && SCREENS.includes(place.screen) && typeof place.shown === 'object' ? place : null;
  } catch {
    return null;
  }
}
