/** The export of films without their patients: which, where to, how far, and what came of it. */
import { createStore } from 'zustand/vanilla';
import { type ErrorData, toErrorData } from '../../core/base/errors.ts';
import type { Progress } from '../../core/base/progress.ts';
import type { DeidentifySummary, FilmEntry, HostBridge } from '../../core/services/contract.ts';
import { type Library, listedFilms } from './library.ts';

export type Scope = 'study' | 'listed';

export interface ExportingState {
  open: boolean;
  scope: Scope;
  out: string;
  dates: 'remove' | 'shift';
  keepPatientCharacteristics: boolean;
  running: boolean;
  progress: Progress | null;
  result: DeidentifySummary | null;
  error: ErrorData | null;
}

export type Exporting = ReturnType<typeof createExporting>;

export function createExporting(bridge: HostBridge, library: Library) {
  const store = createStore<ExportingState>(() => ({
    open: false,
    scope: 'study',
    out: '',
    dates: 'remove',
    keepPatientCharacteristics: false,
    running: false,
    progress: null,
    result: null,
    error: null,
  }));
  let running: AbortController | null = null;

  function films(scope: Scope = store.getState().scope): FilmEntry[] {
    const state = library.store.getState();
    if (scope === 'listed') return listedFilms(state);
    const current = state.films.find((film) => film.id === state.currentId);
    return current ? state.films.filter((film) => isOfStudy(film, current)) : [];
  }

  async function run(): Promise<void> {
    const { out, dates, keepPatientCharacteristics } = store.getState();
    const filmIds = films().map((film) => film.id);
    if (running || filmIds.length === 0 || out.trim() === '') return;
    running = new AbortController();
    store.setState({ running: true, progress: null, result: null, error: null });
    try {
      const result = await bridge.engine.call(
        'films.deidentify',
        { filmIds, out: out.trim(), dates, keepPatientCharacteristics },
        { signal: running.signal, onProgress: (progress) => store.setState({ progress }) },
      );
      store.setState({ result });
    } catch (thrown) {
      const error = toErrorData(thrown);
      if (error.code !== 'CANCELLED') store.setState({ error });
    } finally {
      running = null;
      store.setState({ running: false, progress: null });
    }
  }

  return {
    store,
    films,
    run,
    change: (choice: Partial<Pick<ExportingState, 'scope' | 'out' | 'dates' | 'keepPatientCharacteristics'>>) =>
      store.setState({ ...choice, result: null, error: null }),
    show: () => store.setState({ open: true, result: null, error: null }),
    /** What runs goes on; it is among the jobs. */
    hide: () => store.setState({ open: false }),
    cancel: () => running?.abort(),
  };
}

function isOfStudy(film: FilmEntry, current: FilmEntry): boolean {
  if (film.id === current.id) return true;
  const { collectionId, patientId, studyInstanceUid } = current;
  return (
    studyInstanceUid !== '' &&
    film.studyInstanceUid === studyInstanceUid &&
    film.collectionId === collectionId &&
    film.patientId === patientId
  );
}
