/** Runs out to TRL and back: of the run that is shown, or of the one that the form describes. */
import { createStore } from 'zustand/vanilla';
import type { Progress } from '../../core/base/progress.ts';
import type { HostBridge, TrainingExport } from '../../core/services/contract.ts';
import { text } from '../text.ts';
import type { Frame } from './frame.ts';
import type { Training } from './training.ts';

export type ExchangeForm = 'export-run' | 'export-form' | 'import';

export interface TrlExchangeState {
  open: ExchangeForm | null;
  path: string;
  model: 'auto' | 'copy' | 'leave';
  name: string;
  progress: Progress | null;
  busy: boolean;
  /** Of the last export. */
  exported: TrainingExport | null;
}

export type TrlExchange = ReturnType<typeof createTrlExchange>;

export function createTrlExchange(bridge: HostBridge, frame: Frame, training: Training) {
  const store = createStore<TrlExchangeState>(() => ({
    open: null,
    path: '',
    model: 'auto',
    name: '',
    progress: null,
    busy: false,
    exported: null,
  }));
  let running: AbortController | null = null;

  async function attend(failed: string, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    if (running || store.getState().path.trim() === '') return;
    running = new AbortController();
    store.setState({ busy: true, progress: null, exported: null });
    try {
      await work(running.signal);
    } catch (error) {
      frame.fail(failed, error);
    } finally {
      running = null;
      store.setState({ busy: false, progress: null });
    }
  }

  /** null: nothing can be exported. */
  function asked(open: ExchangeForm | null) {
    const { shownId } = training.store.getState();
    if (open === 'export-run') return shownId ? { runId: shownId } : null;
    return training.request();
  }

  return {
    store,
    /** Opens a form, or closes it where it is open. */
    show(open: ExchangeForm): void {
      store.setState({ open: store.getState().open === open ? null : open, exported: null });
    },
    close: () => store.setState({ open: null, exported: null }),
    set: (values: Partial<Pick<TrlExchangeState, 'path' | 'model' | 'name'>>) => store.setState(values),
    cancel: () => running?.abort(),
    export(): Promise<void> {
      const { open, path, model } = store.getState();
      const run = asked(open);
      if (!run) return Promise.resolve();
      return attend(text.trl.exportFailed, async (signal) => {
        const onProgress = (progress: Progress) => store.setState({ progress });
        const params = { run, path: path.trim(), model };
        const exported = await bridge.engine.call('training.export', params, { signal, onProgress });
        store.setState({ exported });
      });
    },
    import(): Promise<void> {
      const { path, name } = store.getState();
      return attend(text.trl.importFailed, async (signal) => {
        const named = name.trim() === '' ? {} : { name: name.trim() };
        const run = await bridge.engine.call('training.import', { path: path.trim(), ...named }, { signal });
        store.setState({ open: null, name: '' });
        frame.done(text.trl.imported(run.name));
        await training.refresh();
        await training.show(run.id);
      });
    },
  };
}
