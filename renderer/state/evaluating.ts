/** The evaluation: what is compared on what, what it costs, how far it is, and what came out. */
import { createStore } from 'zustand/vanilla';
import { toErrorData } from '../../core/base/errors.ts';
import type { ColumnMapping, TableLook } from '../../core/datasets/columnMapping.ts';
import type { EvaluationResult } from '../../core/evaluation/types.ts';
import type { Label, UncertaintyPolicy } from '../../core/labels/labels.ts';
import type {
  Collection,
  EvaluationCost,
  EvaluationProgress,
  EvaluationSummary,
  HostBridge,
  JobInfo,
  Parameters,
} from '../../core/services/contract.ts';
import { text } from '../text.ts';
import type { Checkpoints } from './checkpoints.ts';
import { type Frame, isUnderWay } from './frame.ts';
import type { Library } from './library.ts';
import type { Loading } from './loading.ts';

export type Outcome = NonNullable<Parameters<'evaluations.films'>['outcome']>;

export interface TableToAdd {
  csv: string;
  images: string;
  kind: 'chexpert' | 'nih' | 'mimic' | 'custom';
  policy: UncertaintyPolicy;
  /** Labels whose uncertain values count otherwise. */
  exceptions: Partial<Record<Label, UncertaintyPolicy>>;
  /** `auto`: as the table has it. */
  unit: Collection['unit'] | 'auto';
  views: Collection['views'];
  aggregation: Collection['aggregation'];
  /** Of `custom`. */
  look: Loading<TableLook>;
  mapping: ColumnMapping | null;
  role: Collection['role'];
}

/** Completions of a film for label frequencies. */
const SAMPLES = 8;

export const NEW_TABLE: TableToAdd = {
  csv: '',
  images: '',
  kind: 'chexpert',
  policy: 'zeros',
  exceptions: {},
  unit: 'auto',
  views: 'frontal',
  aggregation: 'first',
  look: { state: 'none' },
  mapping: null,
  role: 'none',
};

/** Nothing that is certain of a table without a guess. */
function emptyMapping(look: TableLook): ColumnMapping {
  const [first] = look.columns;
  const values = { positive: ['1'], negative: ['0'], uncertain: ['-1'], blank: [] };
  return { film: first?.name ?? '', key: 'path', labels: {} as ColumnMapping['labels'], values };
}

export interface EvaluatingState {
  list: EvaluationSummary[];
  sourceId: string | null;
  targetId: string | null;
  checkpointIds: string[];
  /** Films of each data set; null: all. */
  limit: number | null;
  /** One prompt for all; null: each checkpoint's own. */
  promptId: string | null;
  probabilities: 'none' | 'answer-tree' | 'frequency';
  /** Films that the checkpoints were not made for are read too. */
  unsuitable: boolean;
  cost: Loading<EvaluationCost>;
  /** Of the evaluation that this window started. */
  progress: EvaluationProgress | null;
  running: boolean;
  shownId: string | null;
  result: Loading<EvaluationResult>;
  labels: 'shared' | 'own';
  label: Label | null;
  /** A label table that is being added; null: the form is closed. */
  table: TableToAdd | null;
  adding: boolean;
}

export type Evaluating = ReturnType<typeof createEvaluating>;

/** Data sets that an evaluation can be made on: those with a label table. */
export function labelled(collections: Collection[]): Collection[] {
  return collections.filter((collection) => collection.labels.length > 0);
}

export function createEvaluating(bridge: HostBridge, frame: Frame, library: Library, checkpoints: Checkpoints) {
  const store = createStore<EvaluatingState>(() => ({
    list: [],
    sourceId: null,
    targetId: null,
    checkpointIds: [],
    limit: 200,
    promptId: null,
    probabilities: 'none',
    unsuitable: false,
    cost: { state: 'none' },
    progress: null,
    running: false,
    shownId: null,
    result: { state: 'none' },
    labels: 'shared',
    label: null,
    table: null,
    adding: false,
  }));
  let running: AbortController | null = null;
  let showing: AbortController | null = null;
  let chosenByUser = false;

  library.store.subscribe(({ collections }, before) => {
    if (collections !== before.collections) chooseDatasets(collections);
  });
  checkpoints.store.subscribe(({ list }, before) => {
    if (list === before.list) return;
    const known = store.getState().checkpointIds.filter((id) => list.some((each) => each.id === id && !each.error));
    const all = list.filter((each) => !each.error).map((each) => each.id);
    change({ checkpointIds: known.length > 0 ? known : all });
  });

  /** By their part in the question, until the user chooses; data sets may still be coming in. */
  function chooseDatasets(collections: Collection[]): void {
    const sets = labelled(collections);
    const { sourceId, targetId } = store.getState();
    const keep = (id: string | null) => (chosenByUser ? sets.find((each) => each.id === id) : undefined);
    const source = keep(sourceId) ?? sets.find((each) => each.role === 'source') ?? sets[0];
    const others = sets.filter((each) => each !== source);
    const target = keep(targetId) ?? others.find((each) => each.role === 'target') ?? others[0];
    change({ sourceId: source?.id ?? null, targetId: target?.id ?? null });
  }

  type Choice = Partial<
    Pick<
      EvaluatingState,
      'sourceId' | 'targetId' | 'checkpointIds' | 'limit' | 'promptId' | 'probabilities' | 'unsuitable'
    >
  >;

  function change(choice: Choice): void {
    store.setState(choice);
    void price();
  }

  /** null where something is still to be chosen. */
  function parameters(): Parameters<'evaluations.run'> | null {
    const { sourceId, targetId, checkpointIds, limit, promptId, probabilities, unsuitable } = store.getState();
    if (!sourceId || !targetId || sourceId === targetId || checkpointIds.length === 0) return null;
    return {
      sourceDatasetId: sourceId,
      targetDatasetId: targetId,
      checkpointIds,
      limit,
      ...(unsuitable ? { unsuitable: 'include' as const } : {}),
      ...(promptId === null ? {} : { promptId }),
      ...(probabilities === 'answer-tree' ? { probabilities: { method: probabilities } } : {}),
      ...(probabilities === 'frequency' ? { probabilities: { method: probabilities, samples: SAMPLES } } : {}),
    };
  }

  async function price(): Promise<void> {
    const chosen = parameters();
    if (!chosen) return store.setState({ cost: { state: 'none' } });
    const { sourceDatasetId, targetDatasetId, ...rest } = chosen;
    const asked = { datasetIds: [sourceDatasetId, targetDatasetId], ...rest };
    const current = () => JSON.stringify(parameters()) === JSON.stringify(chosen);
    try {
      const value = await bridge.engine.call('evaluations.cost', asked);
      if (current()) store.setState({ cost: { state: 'ready', value } });
    } catch (error) {
      if (current()) store.setState({ cost: { state: 'failed', error: toErrorData(error) } });
    }
  }

  async function run(chosen = parameters()): Promise<void> {
    if (!chosen || running) return;
    running = new AbortController();
    // What is being worked out gives way, and is no failure.
    showing?.abort();
    showing = null;
    if (store.getState().result.state === 'loading') store.setState({ result: { state: 'none' }, shownId: null });
    store.setState({ running: true, progress: null });
    try {
      const result = await bridge.engine.call('evaluations.run', chosen, {
        signal: running.signal,
        onProgress: (progress) => store.setState({ progress }),
      });
      store.setState({ result: { state: 'ready', value: result }, shownId: result.id });
      frame.done(text.evaluate.finished);
    } catch (error) {
      frame.fail(text.evaluate.failed, error);
    } finally {
      running = null;
      store.setState({ running: false, progress: null });
      await refresh().catch((error) => frame.fail(text.evaluate.failed, error));
    }
  }

  async function refresh(): Promise<void> {
    const list = await bridge.engine.call('evaluations.list', {});
    const { shownId, list: before } = store.getState();
    store.setState({ list: [...list].sort((a, b) => b.createdAt.localeCompare(a.createdAt)) });
    void price();
    if (running) return;
    const shown = list.find((each) => each.id === shownId);
    const known = before.find((each) => each.id === shownId);
    // Another window, or the command, may have gone on with it.
    if (shown && known && shown.done !== known.done) await show(shown.id);
    const latest = store.getState().list.find((each) => each.done > 0);
    if (!shown && latest) await show(latest.id);
  }

  async function show(evaluationId: string): Promise<void> {
    // A result that nobody waits for any more is not computed to its end.
    showing?.abort();
    const controller = new AbortController();
    showing = controller;
    const wanted = () => showing === controller;
    store.setState({ shownId: evaluationId, result: { state: 'loading' }, label: null });
    try {
      const value = await bridge.engine.call(
        'evaluations.result',
        { evaluationId },
        {
          signal: controller.signal,
          onProgress: (progress) => wanted() && store.setState({ result: { state: 'loading', progress } }),
        },
      );
      if (wanted()) store.setState({ result: { state: 'ready', value } });
    } catch (error) {
      if (wanted()) store.setState({ result: { state: 'failed', error: toErrorData(error) } });
    }
  }

  return {
    store,
    change(choice: Choice): void {
      if ('sourceId' in choice || 'targetId' in choice) chosenByUser = true;
      change(choice);
    },
    run: () => run(),
    /** Goes on with the one that is shown, whatever is chosen for a new one. */
    async resume(): Promise<void> {
      const { list, shownId } = store.getState();
      const asked = list.find((each) => each.id === shownId)?.asked;
      if (asked) await run(asked);
    },
    show,
    refresh,
    cancel(): void {
      running?.abort();
      const job = evaluationJob(frame.store.getState().jobs);
      if (!running && job) void frame.cancelJob(job.id);
    },
    toggleCheckpoint(id: string): void {
      const { checkpointIds } = store.getState();
      const order = checkpoints.usable().map((each) => each.id);
      const wanted = checkpointIds.includes(id) ? checkpointIds.filter((each) => each !== id) : [...checkpointIds, id];
      change({ checkpointIds: order.filter((each) => wanted.includes(each)) });
    },
    chooseLabels: (labels: 'shared' | 'own') => store.setState({ labels, label: null }),
    chooseLabel: (label: Label | null) => store.setState({ label }),
    /** These films of the evaluation in Read, one of them open. */
    async follow(title: string, filmIds: readonly string[], open: string): Promise<void> {
      const entries = await bridge.engine.call('films.list', {}).catch((error) => {
        frame.fail(text.evaluate.filmsFailed, error);
        return [];
      });
      const byId = new Map(entries.map((entry) => [entry.id, entry]));
      const found = filmIds.flatMap((id) => byId.get(id) ?? []);
      if (!byId.has(open)) return frame.done(text.evaluate.noFilms);
      library.follow(title, found);
      library.select(open);
    },
    /** The films behind a number, in Read. */
    async films(title: string, asked: Omit<Parameters<'evaluations.films'>, 'evaluationId'>): Promise<void> {
      const { shownId } = store.getState();
      if (!shownId) return;
      try {
        const found = await bridge.engine.call('evaluations.films', { evaluationId: shownId, ...asked });
        if (found.length === 0) frame.done(text.evaluate.noFilms);
        else
          library.follow(
            title,
            found.map(({ entry }) => entry),
          );
      } catch (error) {
        frame.fail(text.evaluate.filmsFailed, error);
      }
    },
    /** Answers that were made elsewhere, evaluated and shown. True where it worked. */
    async importPredictions(path: string, checkpoint: string): Promise<boolean> {
      const { sourceId, targetId } = store.getState();
      const chosen = [sourceId, targetId].filter((id) => id !== null);
      try {
        const imported = await bridge.engine.call('evaluations.import', {
          path,
          ...(checkpoint === '' ? {} : { checkpoint }),
          ...(chosen.length === 0 ? {} : { datasetIds: [...new Set(chosen)] }),
        });
        frame.done(text.analysis.imported(imported.name, imported.done, imported.rejectedCount));
        await refresh();
        await show(imported.id);
        return true;
      } catch (error) {
        frame.fail(text.analysis.importFailed, error);
        return false;
      }
    },
    async exportPredictions(path: string): Promise<void> {
      const { shownId } = store.getState();
      if (!shownId) return;
      try {
        const { lines } = await bridge.engine.call('evaluations.export', { evaluationId: shownId, path });
        frame.done(text.analysis.exported(path, lines));
      } catch (error) {
        frame.fail(text.analysis.exportFailed, error);
      }
    },
    editTable: (table: TableToAdd | null) => store.setState({ table }),
    /** Reads the columns of a table of another form, and proposes what they are. */
    async lookAtTable(): Promise<void> {
      const { table } = store.getState();
      if (!table?.csv.trim()) return;
      const { csv } = table;
      const change = (to: Partial<TableToAdd>) => {
        const now = store.getState().table;
        if (now?.csv === csv) store.setState({ table: { ...now, ...to } });
      };
      change({ look: { state: 'loading' }, mapping: null });
      try {
        const look = await bridge.engine.call('datasets.look', { csv });
        change({ look: { state: 'ready', value: look }, mapping: look.guess ?? emptyMapping(look) });
      } catch (error) {
        change({ look: { state: 'failed', error: toErrorData(error) } });
      }
    },
    async addTable(): Promise<void> {
      const { table } = store.getState();
      if (!table) return;
      store.setState({ adding: true });
      try {
        const added = await bridge.engine.call('datasets.add', datasetOf(table));
        frame.done(text.evaluate.added(added.name, added.films));
        store.setState({ table: null });
        await library.refresh();
      } catch (error) {
        frame.fail(text.evaluate.addFailed, error);
      } finally {
        store.setState({ adding: false });
      }
    },
  };
}

/** What the form says, as the engine takes it. */
export function datasetOf(table: TableToAdd): Parameters<'datasets.add'> {
  const { kind, csv, role, images, policy, exceptions, unit, views, aggregation, mapping } = table;
  return {
    kind,
    csv,
    role,
    views,
    aggregation,
    policy: Object.keys(exceptions).length === 0 ? policy : { otherwise: policy, labels: exceptions },
    ...(images ? { images } : {}),
    ...(unit === 'auto' ? {} : { unit }),
    ...(kind === 'custom' && mapping ? { mapping } : {}),
  };
}

/** An evaluation that runs or is paused in the engine, whoever started it; else other work of that kind. */
export function evaluationJob(jobs: JobInfo[]): JobInfo | undefined {
  const under = jobs.filter((job) => job.kind === 'evaluate' && isUnderWay(job));
  return under.find(({ pause }) => pause) ?? under[0];
}

/** The grid of the running evaluation: this window's own, or the job's. */
export function runningProgress(state: EvaluatingState, jobs: JobInfo[]): EvaluationProgress | null {
  if (state.progress) return state.progress;
  const progress = evaluationJob(jobs)?.progress;
  return progress && 'cells' in progress ? progress : null;
}
