/** The checkpoints of the workspace. */
import { createStore } from 'zustand/vanilla';
import type { ErrorData } from '../../core/base/errors.ts';
import type { Checkpoint, HostBridge, Prompt } from '../../core/services/contract.ts';
import { text } from '../text.ts';
import type { Frame } from './frame.ts';
import type { Removals } from './removals.ts';

export interface CheckpointsState {
  list: Checkpoint[];
  prompts: Prompt[];
  /** Files of the workspace's folder prompts that cannot be used. */
  promptProblems: ErrorData[];
  adding: boolean;
}

export type Checkpoints = ReturnType<typeof createCheckpoints>;

const ROLES = ['base', 'sft', 'grpo', 'other'];

export function createCheckpoints(bridge: HostBridge, frame: Frame, removals: Removals) {
  const store = createStore<CheckpointsState>(() => ({
    list: [],
    prompts: [],
    promptProblems: [],
    adding: false,
  }));

  async function refresh(): Promise<void> {
    const [list, prompts, promptProblems] = await Promise.all([
      bridge.engine.call('checkpoints.list', {}),
      bridge.engine.call('prompts.list', {}),
      bridge.engine.call('prompts.problems', {}),
    ]);
    const rank = (checkpoint: Checkpoint) => ROLES.indexOf(checkpoint.role);
    store.setState({ list: [...list].sort((a, b) => rank(a) - rank(b)), prompts, promptProblems });
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
    /** What the user dropped into the workspace's folder prompts since. */
    refreshPrompts: async () => {
      const prompts = await bridge.engine.call('prompts.list', {});
      store.setState({ prompts, promptProblems: await bridge.engine.call('prompts.problems', {}) });
    },
    askCanary: (checkpointId: string) =>
      bridge.engine
        .call('checkpoints.canary', { checkpointId })
        .then(refresh)
        .catch((error) => frame.fail(text.canary.failed, error)),
    /** From the list; its files stay. */
    async remove(checkpointId: string): Promise<void> {
      const name = store.getState().list.find(({ id }) => id === checkpointId)?.name ?? checkpointId;
      await removals.remove(
        text.checkpoints.removed(name),
        text.checkpoints.removeFailed,
        () => bridge.engine.call('checkpoints.remove', { checkpointId }).then(refresh),
        () => bridge.engine.call('checkpoints.restore', { checkpointId }).then(refresh),
      );
    },
  };
}
