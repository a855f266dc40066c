/**
 * Thumbnails of the films in view: asked for when a line stays in view, no longer wanted when it leaves it, and asked for again
 * when files may have changed. The engine knows which have; until it answers, the one that is there stays.
 */
import { createStore } from 'zustand/vanilla';
import type { HostBridge, Thumbnail } from '../../core/services/contract.ts';

export interface ThumbnailsState {
  /** By film; null: the film cannot be shown. */
  pictures: ReadonlyMap<string, Thumbnail | null>;
  /** Counts the times at which files may have changed. */
  round: number;
}

export type Thumbnails = ReturnType<typeof createThumbnails>;

const KEPT = 600;
/** Lines that are scrolled through are not asked for. */
const WAIT_MS = 120;

export function createThumbnails(bridge: HostBridge) {
  const store = createStore<ThumbnailsState>(() => ({ pictures: new Map(), round: 0 }));
  /** In which round each was asked for. */
  const asked = new Map<string, number>();

  function keep(filmId: string, picture: Thumbnail | null): void {
    const pictures = new Map(store.getState().pictures).set(filmId, picture);
    for (const id of pictures.keys()) {
      if (pictures.size <= KEPT) break;
      pictures.delete(id);
      asked.delete(id);
    }
    store.setState({ pictures });
  }

  async function load(filmId: string, signal: AbortSignal): Promise<void> {
    const { round } = store.getState();
    try {
      const picture = await bridge.engine.call('films.thumbnail', { filmId }, { signal });
      if (signal.aborted) return;
      asked.set(filmId, round);
      keep(filmId, picture);
    } catch {
      // The line says nothing; opening the film says why.
      if (signal.aborted) return;
      asked.set(filmId, round);
      keep(filmId, null);
    }
  }

  return {
    store,
    /** The returned function says that the picture is no longer wanted. */
    want(filmId: string): () => void {
      if (asked.get(filmId) === store.getState().round) return () => {};
      const controller = new AbortController();
      const timer = setTimeout(() => void load(filmId, controller.signal), WAIT_MS);
      return () => {
        clearTimeout(timer);
        controller.abort();
      };
    },
    /** Another workspace. */
    forget(): void {
      asked.clear();
      store.setState({ pictures: new Map() });
    },
    /** Files may have changed: those in view are asked for again. */
    askAgain: () => store.setState({ round: store.getState().round + 1 }),
  };
}
