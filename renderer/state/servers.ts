/** The servers that the user configured, and the one that is being added. */
import { createStore } from 'zustand/vanilla';
import { type ErrorData, toErrorData } from '../../core/base/errors.ts';
import type { Checkpoint, HostBridge, ServerFacts, ServerInfo } from '../../core/services/contract.ts';
import { text } from '../text.ts';
import type { Frame } from './frame.ts';
import type { Removals } from './removals.ts';

export interface ServersState {
  list: ServerInfo[];
  /** What is at the address in the dialog: asked when the user says so. */
  probe:
    | { state: 'none' }
    | { state: 'asking' }
    | { state: 'found'; facts: ServerFacts }
    | { state: 'failed'; error: ErrorData };
  busy: boolean;
}

export type Servers = ReturnType<typeof createServers>;

export function createServers(bridge: HostBridge, frame: Frame, removals: Removals) {
  const store = createStore<ServersState>(() => ({ list: [], probe: { state: 'none' }, busy: false }));
  let probing: AbortController | null = null;

  async function refresh(): Promise<void> {
    store.setState({ list: await bridge.engine.call('servers.list', {}) });
  }

  /** Runs one change; what goes wrong is said with `failed`. */
  async function change<T>(failed: string, work: () => Promise<T>): Promise<T | null> {
    store.setState({ busy: true });
    try {
      return await work();
    } catch (error) {
      frame.fail(failed, error);
      return null;
    } finally {
      store.setState({ busy: false });
    }
  }

  /** The engine keeps a key for this session; the desktop's key store keeps it for the next ones where it is safe. */
  async function keepKey(address: string, key: string): Promise<void> {
    await bridge.engine.call('servers.setKey', { address, key });
    const kept = await bridge.keepKey(address, key);
    if (key !== '') frame.done(kept ? text.servers.keyKept : text.servers.keySession);
  }

  return {
    store,
    refresh,
    async probe(address: string, key: string): Promise<void> {
      probing?.abort();
      const controller = new AbortController();
      probing = controller;
      store.setState({ probe: { state: 'asking' } });
      try {
        const params = { address, ...(key ? { key } : {}) };
        const facts = await bridge.engine.call('servers.probe', params, { signal: controller.signal });
        store.setState({ probe: { state: 'found', facts } });
      } catch (thrown) {
        if (!controller.signal.aborted) store.setState({ probe: { state: 'failed', error: toErrorData(thrown) } });
      }
    },
    forgetProbe(): void {
      probing?.abort();
      store.setState({ probe: { state: 'none' } });
    },
    add: (params: { address: string; name?: string; key: string; concurrency?: number; timeoutSeconds?: number }) =>
      change(text.servers.addFailed, async () => {
        const { key, ...rest } = params;
        const server = await bridge.engine.call('servers.add', rest);
        if (key) await keepKey(server.address, key);
        if (key) await bridge.engine.call('servers.refresh', { serverId: server.id });
        await refresh();
        return server;
      }),
    setKey: (server: ServerInfo, key: string) =>
      change(text.servers.keyFailed, async () => {
        await keepKey(server.address, key);
        await bridge.engine.call('servers.refresh', { serverId: server.id });
      }),
    ask: (serverId: string) =>
      change(text.servers.askFailed, () => bridge.engine.call('servers.refresh', { serverId })),
    remove: (server: ServerInfo) =>
      removals.remove(
        text.servers.removed(server.name),
        text.servers.removeFailed,
        async () => {
          await bridge.engine.call('servers.remove', { serverId: server.id });
          await bridge.keepKey(server.address, '');
        },
        async () => {
          await bridge.restoreKey(server.address);
          await bridge.engine.call('servers.restore', { serverId: server.id });
        },
      ),
    loadAdapter: (serverId: string, name: string, path: string) =>
      change(text.servers.loadFailed, () => bridge.engine.call('servers.loadAdapter', { serverId, name, path })),
    addModel: (serverId: string, model: string, settings: { role?: Checkpoint['role']; promptId?: string }) =>
      change(text.servers.addModelFailed, async () => {
        const added = await bridge.engine.call('checkpoints.addRemote', { serverId, model, ...settings });
        frame.done(text.checkpoints.added(added.name));
        return added;
      }),
  };
}
