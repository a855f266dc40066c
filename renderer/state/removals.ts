/**
 * What is taken out of the lists: checkpoints, servers, data sets, opened studies and folders. Nothing on the disk is touched;
 * each removal is taken back by its message, by the command for the last one, or later on Settings.
 */
import { createStore } from 'zustand/vanilla';
import type { HostBridge, Removed } from '../../core/services/contract.ts';
import { text } from '../text.ts';
import type { Frame } from './frame.ts';

export interface RemovalsState {
  /** What can be put back; null: not read yet. */
  removed: Removed | null;
}

export type Removals = ReturnType<typeof createRemovals>;

const NOTHING: Removed = { collections: [], films: [], checkpoints: [], servers: [] };

export function createRemovals(bridge: HostBridge, frame: Frame) {
  const store = createStore<RemovalsState>(() => ({ removed: null }));
  /** Of this session, the last one last. */
  const undos: (() => Promise<unknown>)[] = [];

  async function refresh(): Promise<void> {
    store.setState({ removed: await bridge.engine.call('removed.list', {}) });
  }

  async function restore(work: () => Promise<unknown>): Promise<void> {
    const at = undos.indexOf(work);
    if (at >= 0) undos.splice(at, 1);
    await work()
      .then(refresh)
      .catch((error) => frame.fail(text.removals.restoreFailed, error));
  }

  return {
    store,
    refresh,
    /** Takes something out, says so, and offers to put it back. */
    async remove<T>(said: string, failed: string, work: () => Promise<T>, undo: (result: T) => Promise<unknown>) {
      try {
        const result = await work();
        const back = () => undo(result);
        undos.push(back);
        frame.done(said, { title: text.frame.undo, run: () => void restore(back) });
        await refresh();
      } catch (error) {
        frame.fail(failed, error);
      }
    },
    /** The last removal of this session. */
    async undo(): Promise<void> {
      const last = undos[undos.length - 1];
      if (last) await restore(last);
      else frame.done(text.removals.nothing);
    },
    restoreCollection: (collectionId: string) =>
      restore(() => bridge.engine.call('collections.restore', { collectionId })),
    restoreCheckpoint: (checkpointId: string) =>
      restore(() => bridge.engine.call('checkpoints.restore', { checkpointId })),
    restoreServer: (serverId: string) => restore(() => bridge.engine.call('servers.restore', { serverId })),
    /** All opened films that were taken out. */
    restoreFilms: () => {
      const { films } = store.getState().removed ?? NOTHING;
      return restore(() => bridge.engine.call('films.restore', { filmIds: films.map(({ id }) => id) }));
    },
  };
}
