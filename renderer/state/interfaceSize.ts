/** The size of the whole interface, kept in the settings. */
import { createStore } from 'zustand/vanilla';
import type { HostBridge } from '../../core/services/contract.ts';

/** 1 is the system's size. */
export const ZOOMS = [0.8, 0.9, 1, 1.1, 1.25, 1.5, 1.75, 2] as const;
const KEY = 'zoom';

export type InterfaceSize = ReturnType<typeof createInterfaceSize>;

export function createInterfaceSize(bridge: HostBridge, onError: (thrown: unknown) => void) {
  const store = createStore<{ zoom: number }>(() => ({ zoom: 1 }));

  function set(zoom: number): void {
    store.setState({ zoom });
    const kept = bridge.engine.call('settings.set', { key: KEY, value: String(zoom) });
    Promise.all([bridge.setZoom(zoom), kept]).catch(onError);
  }

  return {
    store,
    set,
    /** One step larger (1) or smaller (-1); 0: the system's size. */
    by(step: -1 | 0 | 1): void {
      const at = ZOOMS.findIndex((zoom) => zoom >= store.getState().zoom);
      set(step === 0 ? 1 : ZOOMS[Math.min(ZOOMS.length - 1, Math.max(0, at + step))]);
    },
    async load(): Promise<void> {
      const zoom = Number((await bridge.engine.call('settings.get', {}))[KEY] ?? 1);
      if (!(zoom >= ZOOMS[0] && zoom <= ZOOMS[ZOOMS.length - 1])) return;
      store.setState({ zoom });
      if (zoom !== 1) await bridge.setZoom(zoom);
    },
  };
}
