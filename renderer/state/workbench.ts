/** All stores of the screens, tied to the engine: what the engine says changed is read again. */
import type { EngineEvent, HostBridge } from '../../core/services/contract.ts';
import { pairOf } from '../studies/agreement.ts';
import { text } from '../text.ts';
import { createCheckpoints } from './checkpoints.ts';
import { createEvaluating, NEW_TABLE } from './evaluating.ts';
import { createExporting } from './exporting.ts';
import { createFrame } from './frame.ts';
import { createInterfaceSize } from './interfaceSize.ts';
import { createKeys } from './keys.ts';
import { createLibrary } from './library.ts';
import { createPanes } from './panes.ts';
import { createPlace } from './place.ts';
import { createPrecisions } from './precisions.ts';
import { createReader } from './reader.ts';
import { createReading } from './reading.ts';
import { createRemovals } from './removals.ts';
import { createReporting } from './reporting.ts';
import { createReportTheme } from './reportTheme.ts';
import { createServers } from './servers.ts';
import { createThumbnails } from './thumbnails.ts';
import { createTraces } from './traces.ts';
import { createTraining } from './training.ts';
import { createTrlExchange } from './trlExchange.ts';

export type Workbench = ReturnType<typeof createWorkbench>;

export function createWorkbench(bridge: HostBridge) {
  const frame = createFrame(bridge);
  const keys = createKeys(bridge);
  const removals = createRemovals(bridge, frame);
  const checkpoints = createCheckpoints(bridge, frame, removals);
  const precisions = createPrecisions(bridge, frame);
  const servers = createServers(bridge, frame, removals);
  const library = createLibrary(bridge, frame, removals);
  const thumbnails = createThumbnails(bridge);
  const exporting = createExporting(bridge, library);
  const reading = createReading(bridge, library, checkpoints, (thrown) =>
    frame.fail(text.compare.sampleFailed, thrown),
  );
  const panes = createPanes(bridge, frame, library, reading);
  const reader = createReader(bridge, frame, reading);
  const interfaceSize = createInterfaceSize(bridge, (thrown) => frame.fail(text.settings.sizeFailed, thrown));
  const reportTheme = createReportTheme(bridge, (thrown) => frame.fail(text.settings.themeFailed, thrown));
  const evaluating = createEvaluating(bridge, frame, library, checkpoints);
  const training = createTraining(bridge, frame, checkpoints);
  const trlExchange = createTrlExchange(bridge, frame, training);
  const traces = createTraces(bridge, frame, library);
  const reporting = createReporting(bridge, frame, evaluating);
  /** What the agreement filter judges by; read only while it is on. */
  async function refreshAgreement(): Promise<void> {
    if (library.store.getState().agreement.kind === 'all') return;
    const answers = await bridge.engine.call('predictions.index', {});
    library.setKnown({ ...judgedBy(), answers });
  }
  function judgedBy() {
    const { activeId, previousId } = reading.store.getState();
    const [from, to] = pairOf(checkpoints.store.getState().list, activeId, previousId);
    const { answers } = library.store.getState().known;
    return { answers, readers: reader.store.getState().stored, from: from?.id ?? null, to: to?.id ?? null };
  }
  library.store.subscribe(({ agreement }, before) => {
    if (agreement.kind !== 'all' && before.agreement.kind === 'all') void refresh(refreshAgreement);
  });
  const rejudge = () => library.store.getState().agreement.kind !== 'all' && library.setKnown(judgedBy());
  reading.store.subscribe(({ activeId, previousId }, before) => {
    if (activeId !== before.activeId || previousId !== before.previousId) rejudge();
  });
  reader.store.subscribe(({ stored }, before) => {
    if (stored !== before.stored) rejudge();
  });

  // After the viewports' own listener: they show a film first, then how it was shown.
  const place = createPlace(bridge, frame, library, reading, panes);

  const refreshers = {
    films: () => {
      thumbnails.askAgain();
      return library.refresh();
    },
    collections: library.refresh,
    checkpoints: checkpoints.refresh,
    // The status bar names every server that anything may be sent to.
    servers: () => Promise.all([servers.refresh(), frame.refresh(), checkpoints.refresh()]),
    // An answer also tells what the next one of its checkpoint will cost.
    predictions: () => Promise.all([reading.refresh(), checkpoints.refresh(), refreshAgreement()]),
    evaluations: () =>
      Promise.all([evaluating.refresh(), reading.refresh(), checkpoints.refresh(), refreshAgreement()]),
    training: training.refresh,
    traces: traces.refresh,
    workspace: refreshAll,
    recent: library.refreshRecent,
  };

  async function refreshAll(): Promise<void> {
    reading.forget();
    thumbnails.forget();
    await Promise.all([frame.refresh(), checkpoints.refresh(), servers.refresh(), library.refresh()]);
    await place.restore();
    await Promise.all([
      evaluating.refresh(),
      training.refresh(),
      reader.refresh(),
      library.refreshRecent(),
      removals.refresh(),
    ]);
  }

  const refresh = (work: () => Promise<unknown>) => work().catch((error) => frame.fail(text.frame.startFailed, error));

  function listen(event: EngineEvent): void {
    if (event.type === 'jobs') frame.setJobs(event.jobs);
    if (event.type === 'changed') void refresh(refreshers[event.what]);
    if (event.type === 'open-paths') void openPaths(event.paths);
    if (event.type === 'engine-restarted') {
      frame.tell(text.frame.restarted, { code: 'ENGINE_CRASHED', message: event.reason, details: {} });
      void refresh(refreshAll);
    }
  }

  /** Whatever was dropped, pasted or handed over by the system goes where it belongs. */
  async function openPaths(paths: string[]): Promise<void> {
    if (paths.length === 0) return;
    try {
      const recognised = await bridge.engine.call('paths.recognise', { paths });
      const of = (...kinds: string[]) => recognised.filter((each) => kinds.includes(each.kind)).map(({ path }) => path);
      for (const path of of('base', 'adapter')) await checkpoints.add(path);
      for (const path of of('workspace')) await openWorkspace(path);
      const tables = recognised.filter((each) => each.kind === 'table');
      // MIMIC-CXR-JPG's other tables are found beside the one with the labels.
      const table = tables.find(({ path }) => /chexpert/i.test(path)) ?? tables[0];
      if (table) {
        evaluating.editTable({ ...NEW_TABLE, csv: table.path, kind: table.table ?? 'custom' });
        if (!table.table) void evaluating.lookAtTable();
        frame.show('evaluate');
        const left = tables.filter((each) => each !== table && each.table !== 'mimic').map(({ path }) => path);
        if (left.length > 0) frame.done(text.frame.oneTable(table.path, left));
      }
      const films = of('films');
      if (films.length > 0) {
        frame.show('read');
        await library.open(films);
      }
      if (of('unknown').length === recognised.length)
        frame.tell(text.frame.dropUnknown, { code: 'NOT_RECOGNISED', message: paths.join(', '), details: {} });
    } catch (error) {
      frame.fail(text.frame.dropFailed, error);
    }
  }

  async function openWorkspace(path: string): Promise<void> {
    try {
      await bridge.engine.call('workspace.open', { path });
      await refreshAll();
    } catch (error) {
      frame.fail(text.settings.openFailed, error);
    }
  }

  return {
    bridge,
    frame,
    keys,
    checkpoints,
    precisions,
    servers,
    library,
    thumbnails,
    exporting,
    removals,
    reading,
    panes,
    reader,
    interfaceSize,
    reportTheme,
    /** Of the film that is read. */
    display: panes.all[0].display,
    evaluating,
    training,
    trlExchange,
    traces,
    reporting,
    openPaths,
    openWorkspace,
    /** The window was away: files may have changed meanwhile. */
    returned(): void {
      reading.forget();
      thumbnails.askAgain();
    },
    /** Reads everything and listens; the returned function stops listening. */
    start(): () => void {
      void refresh(keys.load);
      void refresh(interfaceSize.load);
      void refresh(reportTheme.load);
      void refresh(refreshAll);
      return bridge.engine.onEvent(listen);
    },
  };
}
