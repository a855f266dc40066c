/** Training: the form of a new run, the runs that are there, and the log of the one that is looked at. */
import { createStore } from 'zustand/vanilla';
import type {
  ConfigField,
  HostBridge,
  JobInfo,
  ModelView,
  Results,
  TrainingLogLine,
  TrainingProgress,
  TrainingRun,
} from '../../core/services/contract.ts';
import { text } from '../text.ts';
import type { Checkpoints } from './checkpoints.ts';
import { type Frame, isUnderWay } from './frame.ts';

export type TrainingKind = TrainingRun['kind'];
export type FieldValue = string | number | boolean;

export interface TrainingState {
  kind: TrainingKind;
  fields: Record<TrainingKind, ConfigField[]>;
  /** What was changed in the form, by kind and field; everything else has its default. */
  changed: Record<TrainingKind, Record<string, FieldValue>>;
  name: string;
  startFromId: string | null;
  datasetId: string | null;
  runs: TrainingRun[];
  shownId: string | null;
  log: TrainingLogLine[];
  /** Runs whose curves are laid over those of the shown one, with their logs; in the order in which they were chosen. */
  beside: { runId: string; log: TrainingLogLine[] }[];
  /** Of one step of the shown run; null: not read yet, or it has none. */
  completions: Results['training.completions'] | null;
  /** What the run in the form would need of memory; null: not known (yet). */
  plan: Results['training.plan'] | null;
  progress: TrainingProgress | null;
  running: boolean;
}

export type Training = ReturnType<typeof createTraining>;

/** A run of another window writes its log on disk; it is read again at most this often. */
const REREAD_MS = 2_000;
const PLAN_MS = 400;

export function createTraining(bridge: HostBridge, frame: Frame, checkpoints: Checkpoints) {
  const store = createStore<TrainingState>(() => ({
    kind: 'sft',
    fields: { sft: [], grpo: [] },
    changed: { sft: {}, grpo: {} },
    name: '',
    startFromId: null,
    datasetId: null,
    runs: [],
    shownId: null,
    log: [],
    beside: [],
    completions: null,
    plan: null,
    progress: null,
    running: false,
  }));
  let running: AbortController | null = null;
  const thumbnails = new Map<string, Promise<ModelView | null>>();
  let readAt = 0;

  frame.store.subscribe(({ jobs }, before) => {
    if (jobs === before.jobs || running || !trainingJob(jobs) || Date.now() - readAt < REREAD_MS) return;
    const progress = trainingJob(jobs)?.progress;
    if (progress && 'runId' in progress) void readLog(progress.runId);
  });
  checkpoints.store.subscribe(({ list }, before) => {
    if (list !== before.list) chooseStart(store.getState().kind);
  });

  /** SFT starts from the base, GRPO from SFT, as in the paper. */
  function chooseStart(kind: TrainingKind): void {
    const usable = checkpoints.usable();
    const start = usable.find((each) => each.role === (kind === 'sft' ? 'base' : 'sft')) ?? usable[0];
    store.setState({ startFromId: start?.id ?? null });
  }

  /** Where the run is on the screen: shown, or laid over the one that is. */
  async function readLog(runId: string): Promise<void> {
    const wanted = () => {
      const { shownId, beside } = store.getState();
      return shownId === runId || beside.some((each) => each.runId === runId);
    };
    if (!wanted()) return;
    readAt = Date.now();
    const log = await bridge.engine.call('training.log', { runId }).catch(() => null);
    if (!log) return;
    const { shownId, beside } = store.getState();
    if (shownId === runId) store.setState({ log });
    if (beside.some((each) => each.runId === runId))
      store.setState({ beside: beside.map((each) => (each.runId === runId ? { runId, log } : each)) });
  }

  async function show(runId: string): Promise<void> {
    const beside = store.getState().beside.filter((each) => each.runId !== runId);
    store.setState({ shownId: runId, log: [], completions: null, beside });
    await readLog(runId);
    await showCompletions();
  }

  /** Of one step; absent: of the last one. */
  async function showCompletions(step?: number): Promise<void> {
    const { shownId: runId, runs } = store.getState();
    if (!runId || runs.find(({ id }) => id === runId)?.kind !== 'grpo') return store.setState({ completions: null });
    const asked = step === undefined ? { runId } : { runId, step };
    const completions = await bridge.engine.call('training.completions', asked).catch(() => null);
    if (completions && store.getState().shownId === runId) store.setState({ completions });
  }

  let planning = 0;
  /** A moment after the last change of the form: a setting is typed digit by digit. */
  function planSoon(): void {
    const asked = ++planning;
    setTimeout(() => asked === planning && void readPlan(asked), PLAN_MS);
  }

  async function readPlan(asked: number): Promise<void> {
    const { kind, startFromId, datasetId, changed } = store.getState();
    if (!startFromId) return;
    const params = { kind, startFromId, ...(datasetId ? { datasetId } : {}), config: changed[kind] };
    // What cannot be used is said when the run is started.
    const plan = await bridge.engine.call('training.plan', params).catch(() => null);
    if (asked === planning) store.setState({ plan });
  }
  store.subscribe((now, before) => {
    const same =
      now.kind === before.kind &&
      now.startFromId === before.startFromId &&
      now.datasetId === before.datasetId &&
      now.changed === before.changed;
    if (!same) planSoon();
  });

  /** Lays a run's curves over the shown one's, or takes them away. */
  async function toggleBeside(runId: string): Promise<void> {
    const { beside } = store.getState();
    if (beside.some((each) => each.runId === runId)) {
      store.setState({ beside: beside.filter((each) => each.runId !== runId) });
      return;
    }
    store.setState({ beside: [...beside, { runId, log: [] }] });
    await readLog(runId);
  }

  async function refresh(): Promise<void> {
    const [sft, grpo, runs] = await Promise.all([
      bridge.engine.call('training.fields', { kind: 'sft' }),
      bridge.engine.call('training.fields', { kind: 'grpo' }),
      bridge.engine.call('training.list', {}),
    ]);
    const newest = [...runs].sort((a, b) => b.createdAt.localeCompare(a.createdAt));
    store.setState({ fields: { sft, grpo }, runs: newest });
    const { shownId } = store.getState();
    if (!running && (shownId === null || !runs.some((run) => run.id === shownId)) && newest[0])
      await show(newest[0].id);
  }

  async function readRuns(): Promise<TrainingRun[]> {
    const runs = await bridge.engine.call('training.list', {});
    const newest = [...runs].sort((a, b) => b.createdAt.localeCompare(a.createdAt));
    store.setState({ runs: newest });
    return newest;
  }

  /** A new run is shown at once; then the user may look at another one while it goes on. */
  function onProgress(progress: TrainingProgress): void {
    const { log, shownId, runs, progress: before } = store.getState();
    const isNew = before?.runId !== progress.runId;
    if (isNew && !runs.some((run) => run.id === progress.runId)) readRuns().catch(() => {});
    if (!isNew && shownId !== progress.runId) {
      store.setState({ progress });
      return;
    }
    const known = shownId === progress.runId ? log : [];
    store.setState({ progress, shownId: progress.runId, log: progress.line ? [...known, progress.line] : known });
  }

  async function attend(work: (signal: AbortSignal) => Promise<TrainingRun>): Promise<void> {
    if (running) return;
    running = new AbortController();
    store.setState({ running: true, progress: null });
    try {
      const run = await work(running.signal);
      if (run.error) frame.tell(text.train.failed, run.error);
      else frame.done(text.train.finished(run.name));
      store.setState({ shownId: run.id });
    } catch (error) {
      frame.fail(text.train.failed, error);
    } finally {
      running = null;
      store.setState({ running: false, progress: null });
      const { shownId } = store.getState();
      await refresh().catch((error) => frame.fail(text.train.failed, error));
      if (shownId) await readLog(shownId);
      await showCompletions();
    }
  }

  /** The run that the form describes; null: nothing to start from. */
  function request() {
    const { kind, name, startFromId, datasetId, changed } = store.getState();
    if (!startFromId) return null;
    return {
      kind,
      name: name.trim() || text.train.newName(kind),
      startFromId,
      ...(datasetId ? { datasetId } : {}),
      config: changed[kind],
    };
  }

  return {
    store,
    refresh,
    show,
    toggleBeside,
    showCompletions,
    /** Small: as the model gets it. null where the film cannot be shown. */
    thumbnail(filmId: string, checkpointId: string): Promise<ModelView | null> {
      const key = `${filmId} ${checkpointId}`;
      const there =
        thumbnails.get(key) ?? bridge.engine.call('films.modelView', { filmId, checkpointId }).catch(() => null);
      thumbnails.set(key, there);
      return there;
    },
    setKind(kind: TrainingKind): void {
      store.setState({ kind });
      chooseStart(kind);
    },
    setName: (name: string) => store.setState({ name }),
    setStart: (startFromId: string) => store.setState({ startFromId }),
    setDataset: (datasetId: string | null) => store.setState({ datasetId }),
    /** null: back to the default. */
    setField(name: string, value: FieldValue | null): void {
      const { kind, changed } = store.getState();
      const { [name]: _, ...rest } = changed[kind];
      store.setState({ changed: { ...changed, [kind]: value === null ? rest : { ...rest, [name]: value } } });
    },
    request,
    run(): Promise<void> {
      const asked = request();
      if (!asked) return Promise.resolve();
      return attend((signal) => bridge.engine.call('training.run', asked, { signal, onProgress }));
    },
    resume: (runId: string) =>
      attend((signal) => bridge.engine.call('training.resume', { runId }, { signal, onProgress })),
    /** The run stops after its step and keeps what it has. */
    stop(): void {
      running?.abort();
      const job = trainingJob(frame.store.getState().jobs);
      if (!running && job) void frame.cancelJob(job.id);
    },
  };
}

export function trainingJob(jobs: JobInfo[]): JobInfo | undefined {
  return jobs.find((job) => job.kind === 'train' && isUnderWay(job));
}
