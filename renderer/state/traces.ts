/** The queue of reasoning traces: which data set, which trace is looked at, what was decided, and the teacher. */
import { createStore } from 'zustand/vanilla';
import { toErrorData } from '../../core/base/errors.ts';
import type { Progress } from '../../core/base/progress.ts';
import type { Film } from '../../core/dicom/film.ts';
import type { HostBridge, JobInfo, Trace, TraceList, TraceStatus } from '../../core/services/contract.ts';
import { text } from '../text.ts';
import { type Frame, isUnderWay } from './frame.ts';
import type { Library } from './library.ts';

export type Shown = TraceStatus | 'all';

export interface TracesState {
  /** The view is on the screen. */
  open: boolean;
  datasetId: string | null;
  list: TraceList | null;
  /** Which ones are in the queue. */
  shown: Shown;
  currentId: string | null;
  film: Film | null;
  /** The text while it is edited; null: it is not. */
  draft: string | null;
  busy: boolean;
  progress: Progress | null;
}

export interface Question {
  serverId: string;
  model: string;
  promptId: string;
  films: number;
}

export type Traces = ReturnType<typeof createTraces>;

export function createTraces(bridge: HostBridge, frame: Frame, library: Library) {
  const store = createStore<TracesState>(() => ({
    open: false,
    datasetId: null,
    list: null,
    shown: 'unreviewed',
    currentId: null,
    film: null,
    draft: null,
    busy: false,
    progress: null,
  }));
  let asking: AbortController | null = null;

  /** The data sets with labels, the training source first. */
  function datasets() {
    const all = library.store.getState().collections.filter(({ labels }) => labels.length > 0);
    return [...all].sort((a, b) => Number(b.role === 'training-source') - Number(a.role === 'training-source'));
  }

  async function refresh(): Promise<void> {
    const { open, datasetId = null } = store.getState();
    if (!open) return;
    const known = datasets();
    const id = known.some((each) => each.id === datasetId) ? datasetId : (known[0]?.id ?? null);
    const list = id === null ? null : await bridge.engine.call('traces.list', { datasetId: id });
    const { currentId } = store.getState();
    store.setState({ datasetId: id, list });
    if (!queueOf(store.getState()).some(({ filmId }) => filmId === currentId)) await show(null);
  }

  /** null: the first of the queue. */
  async function show(filmId: string | null): Promise<void> {
    const queue = queueOf(store.getState());
    const currentId = filmId ?? queue[0]?.filmId ?? null;
    store.setState({ currentId, film: null, draft: null });
    if (currentId === null) return;
    try {
      const { film } = await bridge.engine.call('films.open', { filmId: currentId });
      if (store.getState().currentId === currentId) store.setState({ film });
    } catch (error) {
      frame.fail(text.traces.filmFailed, error);
    }
  }

  function move(by: number): void {
    const state = store.getState();
    const queue = queueOf(state);
    const at = queue.findIndex(({ filmId }) => filmId === state.currentId);
    const next = queue[Math.max(0, Math.min(queue.length - 1, at + by))];
    if (next) void show(next.filmId);
  }

  async function decide(decision: 'accept' | 'reject', otherLabels = false): Promise<void> {
    const { datasetId, currentId, draft, busy } = store.getState();
    if (datasetId === null || currentId === null || busy) return;
    const queue = queueOf(store.getState());
    const at = queue.findIndex(({ filmId }) => filmId === currentId);
    store.setState({ busy: true });
    try {
      const edited = draft !== null && decision === 'accept' ? { text: draft } : {};
      const params = { datasetId, filmId: currentId, decision, otherLabels, ...edited };
      put(await bridge.engine.call('traces.decide', params));
      const next = queue[at + 1] ?? queue[at - 1];
      // Its film may take a while; the trace can be decided at once.
      void show(next && next.filmId !== currentId ? next.filmId : null);
    } catch (error) {
      frame.fail(text.traces.decideFailed, error);
    } finally {
      store.setState({ busy: false });
    }
  }

  /** Its new state in the list, before the engine's own word comes. */
  function put(trace: Trace): void {
    const { list } = store.getState();
    if (!list) return;
    const traces = list.traces.map((each) => (each.filmId === trace.filmId ? trace : each));
    const counts = { unreviewed: 0, accepted: 0, edited: 0, rejected: 0, failed: 0 };
    for (const { status } of traces) counts[status]++;
    store.setState({ list: { ...list, traces, counts } });
  }

  async function attend(failed: string, work: (datasetId: string) => Promise<unknown>): Promise<boolean> {
    const { datasetId } = store.getState();
    if (datasetId === null) return false;
    try {
      await work(datasetId);
      await refresh();
      return true;
    } catch (error) {
      if (toErrorData(error).code !== 'CANCELLED') frame.fail(failed, error);
      return false;
    }
  }

  // The data sets may be read after the view was opened.
  library.store.subscribe(({ collections }, before) => {
    if (collections === before.collections || !store.getState().open) return;
    refresh().catch((error) => frame.fail(text.traces.failed, error));
  });

  return {
    store,
    datasets,
    refresh,
    setOpen(open: boolean): void {
      store.setState({ open });
      if (open) refresh().catch((error) => frame.fail(text.traces.failed, error));
    },
    setDataset(datasetId: string): void {
      store.setState({ datasetId, list: null, currentId: null });
      refresh().catch((error) => frame.fail(text.traces.failed, error));
    },
    setShown(shown: Shown): void {
      store.setState({ shown });
      void show(null);
    },
    show,
    move,
    accept: (otherLabels = false) => decide('accept', otherLabels),
    reject: () => decide('reject'),
    edit(): void {
      const trace = currentOf(store.getState());
      if (trace) store.setState({ draft: trace.text });
    },
    setDraft: (draft: string | null) => store.setState({ draft }),
    undo: () =>
      attend(text.traces.decideFailed, async (datasetId) => {
        const trace = await bridge.engine.call('traces.undo', { datasetId });
        if (!trace) return frame.done(text.traces.nothingToUndo);
        put(trace);
        await show(trace.filmId);
      }),
    ask(question: Question): Promise<unknown> {
      asking = new AbortController();
      const { signal } = asking;
      store.setState({ progress: { stage: text.traces.asking, done: 0, total: question.films } });
      return attend(text.traces.askFailed, (datasetId) =>
        bridge.engine.call(
          'traces.ask',
          { datasetId, ...question },
          { signal, onProgress: (progress) => store.setState({ progress }) },
        ),
      ).finally(async () => {
        asking = null;
        store.setState({ progress: null });
        await refresh();
      });
    },
    /** Also what another window began, or an engine before this one. */
    stop(): void {
      asking?.abort();
      const job = teacherJob(frame.store.getState().jobs);
      if (!asking && job) void frame.cancelJob(job.id);
    },
    import: (path: string, accepted: boolean) =>
      attend(text.traces.importFailed, async (datasetId) => {
        const { imported, kept, rejected } = await bridge.engine.call('traces.import', { datasetId, path, accepted });
        frame.done(text.traces.imported(imported, kept, rejected.length, rejected[0]));
      }),
    export: (path: string) =>
      attend(text.traces.exportFailed, async (datasetId) => {
        const { lines } = await bridge.engine.call('traces.export', { datasetId, path });
        frame.done(text.traces.exported(lines, path));
      }),
  };
}

export function teacherJob(jobs: JobInfo[]): JobInfo | undefined {
  return jobs.find((job) => job.kind === 'teach' && isUnderWay(job));
}

/** The traces that are gone through. The one that is looked at stays, whatever was decided. */
export function queueOf({ list, shown, currentId }: TracesState): Trace[] {
  return (list?.traces ?? []).filter(
    ({ status, filmId }) => shown === 'all' || status === shown || filmId === currentId,
  );
}

export function currentOf({ list, currentId }: TracesState): Trace | null {
  return list?.traces.find(({ filmId }) => filmId === currentId) ?? null;
}
