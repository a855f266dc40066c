/** The report: which evaluation, what of it, in which order; the pages as they will print, and the files. */
import { createStore } from 'zustand/vanilla';
import { toErrorData } from '../../core/base/errors.ts';
import type { Progress } from '../../core/base/progress.ts';
import type { EvaluationResult } from '../../core/evaluation/types.ts';
import { CHEXPERT_LABELS, type Label } from '../../core/labels/labels.ts';
import type { HostBridge, Parameters, ReportFilm } from '../../core/services/contract.ts';
import { text } from '../text.ts';
import type { Evaluating } from './evaluating.ts';
import type { Frame } from './frame.ts';
import type { Loading } from './loading.ts';

export type ReportFormat = 'pdf' | 'csv' | 'json' | 'latex' | 'svg';
/** Formats that are a folder of files. */
export const FOLDER_FORMATS: readonly ReportFormat[] = ['csv', 'latex', 'svg'];

/** What can be left out, by kind. */
export interface LeftOut {
  sections: ReadonlySet<string>;
  checkpointIds: ReadonlySet<string>;
  datasetIds: ReadonlySet<string>;
  labels: ReadonlySet<string>;
}

export interface ReportingState {
  /** In the order in which they are printed. */
  sections: { id: string; title: string }[];
  leftOut: LeftOut;
  evaluationId: string | null;
  /** Names of what can be chosen. */
  result: EvaluationResult | null;
  /** Films that can be shown. */
  offered: ReportFilm[];
  /** null: of each data set as many as `filmsOfEach`, those on which the readings differ most. */
  films: ReadonlySet<string> | null;
  filmsOfEach: number;
  /** The last pages that were drawn; they stay while new ones are made. */
  pdf: Loading<{ pdf: Uint8Array; pages: number }>;
  drawing: Progress | null;
  format: ReportFormat;
  path: string;
  saving: Progress | null;
  savedPath: string | null;
}

export type Reporting = ReturnType<typeof createReporting>;

/** Choices that follow fast upon each other are drawn once, after this many milliseconds. */
const REDRAW_DELAY = 250;
const NOTHING: LeftOut = {
  sections: new Set(),
  checkpointIds: new Set(),
  datasetIds: new Set(),
  labels: new Set(),
};

export function createReporting(bridge: HostBridge, frame: Frame, evaluating: Evaluating) {
  const store = createStore<ReportingState>(() => ({
    sections: [],
    leftOut: NOTHING,
    evaluationId: null,
    result: null,
    offered: [],
    films: null,
    filmsOfEach: 3,
    pdf: { state: 'none' },
    drawing: null,
    format: 'pdf',
    path: '',
    saving: null,
    savedPath: null,
  }));
  let drawing: AbortController | null = null;
  let saving: AbortController | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;

  /** What is asked of the engine; null before an evaluation is there. */
  function choice(): Parameters<'report.render'> | null {
    const { evaluationId, sections, leftOut, result, films, filmsOfEach } = store.getState();
    if (!evaluationId) return null;
    const kept = <T extends string>(all: readonly T[], without: ReadonlySet<string>): T[] | undefined =>
      without.size === 0 ? undefined : all.filter((each) => !without.has(each));
    return {
      evaluationId,
      sections: sections.map(({ id }) => id).filter((id) => !leftOut.sections.has(id)),
      checkpointIds: kept(result?.checkpoints.map(({ id }) => id) ?? [], leftOut.checkpointIds),
      datasetIds: kept(result?.datasets.map(({ id }) => id) ?? [], leftOut.datasetIds),
      labels: kept(labelsOf(result), leftOut.labels),
      films: films ? [...films] : undefined,
      filmsOfEach: films ? undefined : filmsOfEach,
    };
  }

  async function draw(): Promise<void> {
    clearTimeout(timer);
    drawing?.abort();
    const asked = choice();
    if (!asked) return;
    const controller = new AbortController();
    drawing = controller;
    const { signal } = controller;
    const onProgress = (progress: Progress) => {
      if (!signal.aborted) store.setState({ drawing: progress });
    };
    store.setState({ drawing: { stage: text.report.drawing, done: 0, total: null } });
    if (store.getState().pdf.state !== 'ready') store.setState({ pdf: { state: 'loading' } });
    try {
      const value = await bridge.engine.call('report.render', asked, { signal, onProgress });
      if (!signal.aborted) store.setState({ pdf: { state: 'ready', value } });
    } catch (error) {
      if (!signal.aborted) store.setState({ pdf: { state: 'failed', error: toErrorData(error) } });
    } finally {
      if (!signal.aborted) store.setState({ drawing: null });
    }
  }

  function drawSoon(): void {
    clearTimeout(timer);
    timer = setTimeout(() => void draw(), REDRAW_DELAY);
  }

  /** The names of the evaluation's parts, and its films. */
  async function load(evaluationId: string): Promise<void> {
    const [result, offered] = await Promise.all([
      bridge.engine.call('evaluations.result', { evaluationId }),
      bridge.engine.call('report.films', { evaluationId }),
    ]);
    if (store.getState().evaluationId === evaluationId) store.setState({ result, offered });
  }

  async function choose(evaluationId: string): Promise<void> {
    const { sections } = store.getState().leftOut;
    store.setState({ evaluationId, result: null, offered: [], films: null, leftOut: { ...NOTHING, sections } });
    await Promise.all([draw(), load(evaluationId)]);
  }

  /** Called when the screen is opened: the evaluation that was looked at last is reported. */
  async function open(): Promise<void> {
    const { shownId, list } = evaluating.store.getState();
    const known = list.some((each) => each.id === store.getState().evaluationId);
    const evaluationId = known ? store.getState().evaluationId : (shownId ?? list[0]?.id ?? null);
    if (store.getState().sections.length === 0)
      store.setState({ sections: await bridge.engine.call('report.sections', {}) });
    const drawn = store.getState().pdf.state === 'ready' && evaluationId === store.getState().evaluationId;
    if (evaluationId && !drawn) await choose(evaluationId);
  }

  async function save(path: string): Promise<void> {
    const asked = choice();
    const { format } = store.getState();
    if (!asked || path.trim() === '') return;
    saving = new AbortController();
    const { signal } = saving;
    const onProgress = (progress: Progress) => store.setState({ saving: progress });
    store.setState({ saving: { stage: text.report.saving, done: 0, total: null }, savedPath: null });
    const target = { ...asked, path: path.trim() };
    try {
      if (format === 'pdf') {
        const saved = await bridge.engine.call('report.save', target, { signal, onProgress });
        store.setState({ savedPath: saved.path });
        frame.done(text.report.saved(saved.path, saved.pages));
      } else {
        const saved = await bridge.engine.call('report.export', { ...target, format }, { signal, onProgress });
        store.setState({ savedPath: saved.path });
        frame.done(text.report.exported(saved.path, saved.files));
      }
    } catch (error) {
      if (!signal.aborted) frame.fail(text.report.saveFailed, error);
    } finally {
      store.setState({ saving: null });
    }
  }

  const failed = (error: unknown) => frame.fail(text.report.drawFailed, error);

  return {
    store,
    draw,
    save,
    cancelSaving: () => saving?.abort(),
    open: () => open().catch(failed),
    choose: (evaluationId: string) => void choose(evaluationId).catch(failed),
    /** Leaves out or takes in again; the last of its kind stays. */
    toggle(kind: keyof LeftOut, id: string): void {
      const { leftOut, sections, result } = store.getState();
      const without = new Set(leftOut[kind]);
      if (!without.delete(id)) without.add(id);
      const all = {
        sections: sections.length,
        checkpointIds: result?.checkpoints.length ?? 0,
        datasetIds: result?.datasets.length ?? 0,
        labels: labelsOf(result).length,
      }[kind];
      if (without.size >= all) return;
      store.setState({ leftOut: { ...leftOut, [kind]: without } });
      drawSoon();
    },
    /** Puts a section before the one that stands at `place` now. */
    place(id: string, place: number): void {
      const { sections } = store.getState();
      const from = sections.findIndex((section) => section.id === id);
      const to = Math.max(0, Math.min(sections.length - 1, place));
      if (from < 0 || from === to) return;
      const others = sections.filter((section) => section.id !== id);
      others.splice(to, 0, sections[from]!);
      store.setState({ sections: others });
      drawSoon();
    },
    setFilmsOfEach(filmsOfEach: number): void {
      store.setState({ filmsOfEach, films: null });
      drawSoon();
    },
    /** From the films that are shown now to others of the user's. */
    toggleFilm(filmId: string): void {
      const films = new Set(shownFilms(store.getState()));
      if (!films.delete(filmId)) films.add(filmId);
      store.setState({ films });
      drawSoon();
    },
    setFormat: (format: ReportFormat) => store.setState({ format, path: '', savedPath: null }),
    setPath: (path: string) => store.setState({ path }),
    async saveByDialog(): Promise<void> {
      const { format } = store.getState();
      const name = text.report.fileNames[format];
      const path = FOLDER_FORMATS.includes(format)
        ? await bridge.pickFolder()
        : await bridge.pickSavePath(name, [{ name: format.toUpperCase(), extensions: [format] }]);
      if (path) await save(path);
    },
  };
}

/** The labels of the evaluation's data sets, in CheXpert's order. */
export function labelsOf(result: EvaluationResult | null): Label[] {
  return CHEXPERT_LABELS.filter((label) => result?.datasets.some(({ labels }) => labels.includes(label)));
}

/** Ids of the films that the report shows: chosen ones, or the first of each data set. */
export function shownFilms({
  films,
  offered,
  filmsOfEach,
}: Pick<ReportingState, 'films' | 'offered' | 'filmsOfEach'>): string[] {
  if (films) return [...films];
  const count = new Map<string, number>();
  return offered.flatMap(({ filmId, datasetId }) => {
    const before = count.get(datasetId) ?? 0;
    count.set(datasetId, before + 1);
    return before < filmsOfEach ? [filmId] : [];
  });
}
