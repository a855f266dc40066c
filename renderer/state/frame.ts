/** What is around every screen: which one is shown, what the engine says of itself, its jobs, and what went wrong. */
import { createStore } from 'zustand/vanilla';
import { type ErrorData, toErrorData } from '../../core/base/errors.ts';
import type { AppState, HostBridge, JobInfo } from '../../core/services/contract.ts';
import type { Device } from '../../core/tensor/executor.ts';
import { text } from '../text.ts';

export const SCREENS = ['read', 'evaluate', 'train', 'report', 'checkpoints', 'settings'] as const;
export type Screen = (typeof SCREENS)[number];

/** Running, or paused on its way. */
export function isUnderWay({ state }: JobInfo): boolean {
  return state === 'running' || state === 'paused';
}

/** A line at the edge of the window, never in the way. An error stays until it is dismissed. */
export interface Notice {
  id: number;
  kind: 'error' | 'done';
  title: string;
  error: ErrorData | null;
  /** What can be done about it, once. */
  action?: NoticeAction;
}

export interface NoticeAction {
  title: string;
  run(): void;
}

export interface FrameState {
  screen: Screen;
  app: AppState | null;
  jobs: JobInfo[];
  notices: Notice[];
  open: 'nothing' | 'palette' | 'keys';
  /** The three lines for who is here for the first time. */
  hint: boolean;
}

const HINT_SEEN = 'hintSeen';
const DONE_SHOWN_MS = 8_000;
/** What can be taken back stays long enough to be read and thought about. */
const ACTION_SHOWN_MS = 30_000;

export type Frame = ReturnType<typeof createFrame>;

export function createFrame(bridge: HostBridge) {
  const store = createStore<FrameState>(() => ({
    screen: 'read',
    app: null,
    jobs: [],
    notices: [],
    open: 'nothing',
    hint: false,
  }));
  let nextNotice = 1;

  function notice(kind: Notice['kind'], title: string, error: ErrorData | null, action?: NoticeAction): number {
    const { notices } = store.getState();
    const same = (other: Notice) => other.title === title && other.error?.message === error?.message;
    const id = nextNotice++;
    store.setState({ notices: [...notices.filter((other) => !same(other)), { id, kind, title, error, action }] });
    return id;
  }

  function dismiss(id: number): void {
    store.setState({ notices: store.getState().notices.filter((each) => each.id !== id) });
  }

  return {
    store,
    show: (screen: Screen) => store.setState({ screen, open: 'nothing' }),
    open: (open: FrameState['open']) => store.setState({ open }),
    /** Says what was thrown and what helps. What the user cancelled is no error. */
    fail(title: string, thrown: unknown): void {
      const error = toErrorData(thrown);
      if (error.code !== 'CANCELLED') notice('error', title, error);
    },
    /** The same for an error that came as data. */
    tell: (title: string, error: ErrorData) => void notice('error', title, error),
    done(title: string, action?: NoticeAction): void {
      const id = notice('done', title, null, action);
      setTimeout(() => dismiss(id), action ? ACTION_SHOWN_MS : DONE_SHOWN_MS);
    },
    dismiss,
    dismissAll: () => store.setState({ notices: [] }),
    setJobs: (jobs: JobInfo[]) => store.setState({ jobs }),
    /** Each answer is taken over as it comes: a later event about the jobs must not be overwritten by an earlier list. */
    async refresh(): Promise<void> {
      await Promise.all([
        bridge.engine.call('app.state', {}).then((app) => store.setState({ app })),
        bridge.engine.call('jobs.list', {}).then((jobs) => store.setState({ jobs })),
        bridge.engine.call('settings.get', {}).then((all) => store.setState({ hint: all[HINT_SEEN] !== 'yes' })),
      ]);
    },
    async hintSeen(): Promise<void> {
      store.setState({ hint: false });
      await bridge.engine.call('settings.set', { key: HINT_SEEN, value: 'yes' });
    },
    /** Where answers are computed from now on. */
    async setDevice(device: Device): Promise<void> {
      try {
        store.setState({ app: await bridge.engine.call('engine.setDevice', { device }) });
      } catch (error) {
        this.fail(text.settings.deviceFailed, error);
      }
    },
    cancelJob: (jobId: string) => bridge.engine.call('jobs.cancel', { jobId }),
    /** Pauses what runs, lets go on what is paused or about to be. */
    togglePause: ({ id: jobId, pause }: Pick<JobInfo, 'id' | 'pause'>) =>
      bridge.engine.call(pause === 'asked' ? 'jobs.resume' : 'jobs.pause', { jobId }),
  };
}
