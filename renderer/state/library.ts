/** The study list: collections, their films, what of them is listed, and which film is chosen. */
import { createStore } from 'zustand/vanilla';
import type { ErrorData } from '../../core/base/errors.ts';
import type { Collection, FilmEntry, HostBridge, ScanProgress, ScanSummary } from '../../core/services/contract.ts';
import { matches } from '../studies/filter.ts';
import { text } from '../text.ts';
import type { Frame } from './frame.ts';

export interface LibraryState {
  collections: Collection[];
  films: FilmEntry[];
  filter: string;
  /** Ids of the collections whose films are folded away. */
  folded: ReadonlySet<string>;
  currentId: string | null;
  /** The films behind a number, when one was followed. */
  followed: { title: string; ids: ReadonlySet<string> } | null;
  scan: ScanProgress | null;
  lastScan: ScanSummary | null;
  loaded: boolean;
}

/** What the list shows, line by line. */
export type StudyRow =
  | { kind: 'collection'; id: string; collection: Collection; shown: number; folded: boolean }
  | { kind: 'film'; id: string; entry: FilmEntry; firstOfPatient: boolean };

export type Library = ReturnType<typeof createLibrary>;

export function createLibrary(bridge: HostBridge, frame: Frame) {
  const store = createStore<LibraryState>(() => ({
    collections: [],
    films: [],
    filter: '',
    folded: new Set<string>(),
    currentId: null,
    followed: null,
    scan: null,
    lastScan: null,
    loaded: false,
  }));

  function listed(): FilmEntry[] {
    const found: FilmEntry[] = [];
    for (const row of studyRows(store.getState())) if (row.kind === 'film') found.push(row.entry);
    return found;
  }

  async function refresh(): Promise<void> {
    const [collections, films] = await Promise.all([
      bridge.engine.call('collections.list', {}),
      bridge.engine.call('films.list', {}),
    ]);
    store.setState({ collections, films, loaded: true });
    const { currentId } = store.getState();
    if (!films.some((film) => film.id === currentId)) store.setState({ currentId: listed()[0]?.id ?? null });
  }

  /** Opens files and folders; the first film found is chosen as soon as it is known. */
  async function open(paths: string[]): Promise<void> {
    let chosen = false;
    const onProgress = (scan: ScanProgress) => {
      const known = new Set(store.getState().films.map((film) => film.id));
      const found = scan.found.filter((film) => !known.has(film.id));
      store.setState({ scan, films: [...store.getState().films, ...found] });
      if (!chosen && scan.found.length > 0) {
        chosen = true;
        store.setState({ currentId: scan.found[0].id, followed: null, filter: '' });
      }
    };
    try {
      const summary = await bridge.engine.call('films.add', { paths }, { onProgress });
      store.setState({ lastScan: summary });
      if (summary.rejected.length > 0) frame.tell(text.studies.rejected(summary.rejected.length), rejection(summary));
    } catch (error) {
      frame.fail(text.studies.openFailed, error);
    } finally {
      store.setState({ scan: null });
      await refresh().catch((error) => frame.fail(text.studies.openFailed, error));
    }
  }

  return {
    store,
    listed,
    refresh,
    open,
    select: (currentId: string) => store.setState({ currentId }),
    /** Chooses the next (1) or previous (-1) film of the list. */
    step(by: number): void {
      const films = listed();
      if (films.length === 0) return;
      const at = films.findIndex((film) => film.id === store.getState().currentId);
      const next = at < 0 ? 0 : Math.min(films.length - 1, Math.max(0, at + by));
      store.setState({ currentId: films[next].id });
    },
    setFilter: (filter: string) => store.setState({ filter }),
    fold(id: string): void {
      const folded = new Set(store.getState().folded);
      if (!folded.delete(id)) folded.add(id);
      store.setState({ folded });
    },
    /** Shows only these films: every number leads here. */
    follow(title: string, entries: FilmEntry[]): void {
      const ids = new Set(entries.map((entry) => entry.id));
      store.setState({ followed: { title, ids }, filter: '', folded: new Set(), currentId: entries[0]?.id ?? null });
      frame.show('read');
    },
    unfollow: () => store.setState({ followed: null }),
  };
}

const REJECTIONS_SHOWN = 5;

/** The first files that could not be opened, each with its reason. */
function rejection({ rejected }: ScanSummary): ErrorData {
  const lines = rejected.slice(0, REJECTIONS_SHOWN).map(({ file, message }) => `${file}: ${message}`);
  const rest = rejected.length - lines.length;
  const codes = [...new Set(rejected.map(({ code }) => code))];
  return { code: codes.join(', '), message: [...lines, ...(rest > 0 ? [`+${rest}`] : [])].join('\n'), details: {} };
}

const cache = new WeakMap<object, StudyRow[]>();

/** The lines of the list, for a state; the same state gives the same array. */
export function studyRows(state: LibraryState): StudyRow[] {
  const known = cache.get(state);
  if (known) return known;
  const rows = state.collections.flatMap((collection) => collectionRows(state, collection));
  cache.set(state, rows);
  return rows;
}

function collectionRows(state: LibraryState, collection: Collection): StudyRow[] {
  const { followed } = state;
  const match = matches(state.filter);
  const films = state.films.filter(
    (film) => film.collectionId === collection.id && (!followed || followed.ids.has(film.id)) && match(film),
  );
  if (films.length === 0 && (followed || state.filter !== '')) return [];
  const folded = state.folded.has(collection.id);
  const head: StudyRow = { kind: 'collection', id: `c:${collection.id}`, collection, shown: films.length, folded };
  return folded ? [head] : [head, ...byPatient(films)];
}

/** A patient's films stand together, patients in the order in which they first appear. */
function byPatient(films: FilmEntry[]): StudyRow[] {
  const patients = new Map<string, FilmEntry[]>();
  for (const film of films) {
    const key = film.patientId || film.id;
    const group = patients.get(key);
    if (group) group.push(film);
    else patients.set(key, [film]);
  }
  return [...patients.values()].flatMap((group) =>
    group.map((entry, index): StudyRow => ({ kind: 'film', id: entry.id, entry, firstOfPatient: index === 0 })),
  );
}
