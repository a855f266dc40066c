/** The checkpoints of the workspace. */
import { createStore } from 'zustand/vanilla';
import type { Checkpoint, HostBridge, Prompt } from '../../core/services/contract.ts';
import { text } from '../text.ts';
import type { Frame } from './frame.ts';

export interface CheckpointsState {
  list: Checkpoint[];
  prompts: Prompt[];
  adding: boolean;
}

export type Checkpoints = ReturnType<typeof createCheckpoints>;

const ROLES = ['base', 'sft', 'grpo', 'other'];

export function createCheckpoints(bridge: HostBridge, frame: Frame) {
  const store = createStore<CheckpointsState>(() => ({ list: [], prompts: [], adding: false }));

  async function refresh(): Promise<void> {
    const [list, prompts] = await Promise.all([
      bridge.engine.call('checkpoints.list', {}),
      bridge.engine.call('prompts.list', {}),
    ]);
    const rank = (checkpoint: Checkpoint) => ROLES.indexOf(checkpoint.role);
    store.setState({ list: [...list].sort((a, b) => rank(a) - rank(b)), prompts });
  }

  return {
    store,
    refresh,
    usable: () => store.getState().list.filter((each) => !each.error),
    byId: (id: string | null) => store.getState().list.find((each) => each.id === id) ?? null,
    async add(path: string, role?: Checkpoint['role']): Promise<boolean> {
      store.setState({ adding: true });
      try {
        const added = await bridge.engine.call('checkpoints.add', { path, role });
        if (added.error) frame.tell(text.checkpoints.addFailed, added.error);
        else frame.done(text.checkpoints.added(added.name));
        await refresh();
        return true;
      } catch (error) {
        frame.fail(text.checkpoints.addFailed, error);
        return false;
      } finally {
        store.setState({ adding: false });
      }
    },
    async remove(checkpointId: string): Promise<void> {
      await bridge.engine
        .call('checkpoints.remove', { checkpointId })
        .then(refresh)
        .catch((error) => frame.fail(text.checkpoints.removeFailed, error));
    },
  };
}
