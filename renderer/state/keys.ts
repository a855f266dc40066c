/** The user's own keys: by command, kept in the settings. What is not rebound has the key of the table in commands.ts. */
import { createStore } from 'zustand/vanilla';
import type { HostBridge } from '../../core/services/contract.ts';
import type { Command } from './commands.ts';

const SETTING = 'keys';

export interface KeysState {
  /** By command id; an empty list: no key. */
  own: Readonly<Record<string, string[]>>;
}

export type Keys = ReturnType<typeof createKeys>;

export function createKeys(bridge: HostBridge) {
  const store = createStore<KeysState>(() => ({ own: {} }));

  function keep(own: KeysState['own']): Promise<unknown> {
    store.setState({ own });
    return bridge.engine.call('settings.set', { key: SETTING, value: JSON.stringify(own) });
  }

  return {
    store,
    async load(): Promise<void> {
      const { [SETTING]: stored } = await bridge.engine.call('settings.get', {});
      store.setState({ own: parsed(stored) });
    },
    /** Gives the command this key alone. Who had it before loses it. */
    bind(commands: readonly Command[], command: Command, key: string): Promise<unknown> {
      const own: Record<string, string[]> = { ...store.getState().own, [command.id]: [key] };
      for (const other of commands) {
        if (other.id === command.id || !meet(other, command) || !other.keys.includes(key)) continue;
        own[other.id] = other.keys.filter((each) => each !== key);
      }
      return keep(own);
    },
    restore(id: string): Promise<unknown> {
      const { [id]: _, ...rest } = store.getState().own;
      return keep(rest);
    },
    restoreAll: () => keep({}),
  };
}

/** The table with the user's keys in it. */
export function withKeys(commands: readonly Command[], own: KeysState['own']): Command[] {
  return commands.map((command) => ({ ...command, keys: own[command.id] ?? command.keys }));
}

/** Whether both work on the same screen. */
function meet(a: Command, b: Command): boolean {
  return a.on === 'everywhere' || b.on === 'everywhere' || a.on === b.on;
}

/** A setting that was damaged by hand costs the keys, not the start. */
function parsed(stored: string | undefined): KeysState['own'] {
  try {
    const value: unknown = JSON.parse(stored ?? '{}');
    const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
    const isKeys = (keys: unknown): keys is string[] =>
      Array.isArray(keys) && keys.every((key) => typeof key === 'string');
    return Object.fromEntries(entries.filter((entry): entry is [string, string[]] => isKeys(entry[1])));
  } catch {
    return {};
  }
}

const SIGNS: Record<string, string> = { Control: 'Ctrl', Escape: 'Esc', PageDown: 'Page ↓', PageUp: 'Page ↑' };

/** A key as the user reads it: `Control+Shift+Z` as `Ctrl Shift Z`. */
export function keyText(key: string): string {
  return key
    .split(/\+(?=.)/)
    .map((part) => SIGNS[part] ?? (part.length === 1 ? part.toUpperCase() : part))
    .join(' ');
}
