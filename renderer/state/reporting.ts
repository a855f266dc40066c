/** The report: which evaluation, which sections, the pages as they will print, and the file. */
import { createStore } from 'zustand/vanilla';
import { toErrorData } from '../../core/base/errors.ts';
import type { HostBridge } from '../../core/services/contract.ts';
import { text } from '../text.ts';
import type { Evaluating } from './evaluating.ts';
import type { Frame } from './frame.ts';
import type { Loading } from './loading.ts';

export interface ReportingState {
  sections: { id: string; title: string }[];
  /** Ids of the sections that are left out. */
  leftOut: ReadonlySet<string>;
  evaluationId: string | null;
  pdf: Loading<{ pdf: Uint8Array; pages: number }>;
  path: string;
  saving: boolean;
  savedPath: string | null;
}

export type Reporting = ReturnType<typeof createReporting>;

export function createReporting(bridge: HostBridge, frame: Frame, evaluating: Evaluating) {
  const store = createStore<ReportingState>(() => ({
    sections: [],
    leftOut: new Set<string>(),
    evaluationId: null,
    pdf: { state: 'none' },
    path: '',
    saving: false,
    savedPath: null,
  }));
  let drawing: AbortController | null = null;

  function chosen(): string[] {
    const { sections, leftOut } = store.getState();
    return sections.map((section) => section.id).filter((id) => !leftOut.has(id));
  }

  async function draw(): Promise<void> {
    drawing?.abort();
    const { evaluationId } = store.getState();
    if (!evaluationId) return;
    const controller = new AbortController();
    drawing = controller;
    store.setState({ pdf: { state: 'loading' } });
    const { signal } = controller;
    try {
      const value = await bridge.engine.call('report.render', { evaluationId, sections: chosen() }, { signal });
      if (!signal.aborted) store.setState({ pdf: { state: 'ready', value } });
    } catch (error) {
      if (!signal.aborted) store.setState({ pdf: { state: 'failed', error: toErrorData(error) } });
    }
  }

  /** Called when the screen is opened: the evaluation that was looked at last is reported. */
  async function open(): Promise<void> {
    const { shownId, list } = evaluating.store.getState();
    const known = list.some((each) => each.id === store.getState().evaluationId);
    const evaluationId = known ? store.getState().evaluationId : (shownId ?? list[0]?.id ?? null);
    if (store.getState().sections.length === 0)
      store.setState({ sections: await bridge.engine.call('report.sections', {}) });
    const drawn = store.getState().pdf.state === 'ready' && evaluationId === store.getState().evaluationId;
    store.setState({ evaluationId });
    if (!drawn) await draw();
  }

  async function save(path: string): Promise<void> {
    const { evaluationId } = store.getState();
    if (!evaluationId || path.trim() === '') return;
    store.setState({ saving: true, savedPath: null });
    try {
      const saved = await bridge.engine.call('report.save', { evaluationId, sections: chosen(), path: path.trim() });
      store.setState({ savedPath: saved.path });
      frame.done(text.report.saved(saved.path, saved.pages));
    } catch (error) {
      frame.fail(text.report.saveFailed, error);
    } finally {
      store.setState({ saving: false });
    }
  }

  return {
    store,
    draw,
    save,
    open: () => open().catch((error) => frame.fail(text.report.drawFailed, error)),
    choose(evaluationId: string): void {
      store.setState({ evaluationId });
      void draw();
    },
    toggle(sectionId: string): void {
      const leftOut = new Set(store.getState().leftOut);
      if (!leftOut.delete(sectionId)) leftOut.add(sectionId);
      store.setState({ leftOut });
      void draw();
    },
    setPath: (path: string) => store.setState({ path }),
    async saveByDialog(): Promise<void> {
      const path = await bridge.pickSavePath(text.report.fileName, [{ name: 'PDF', extensions: ['pdf'] }]);
      if (path) await save(path);
    },
  };
}
