/** The study list: collections, their films, what of them is listed, and which film is chosen. */
import { createStore } from 'zustand/vanilla';
import type { ErrorData } from '../../core/base/errors.ts';
import type {
  Collection,
  FilmEntry,
  HostBridge,
  RecentPath,
  ScanProgress,
  ScanSummary,
} from '../../core/services/contract.ts';
import { type Agreement, agrees, EVERY_FILM, type Known } from '../studies/agreement.ts';
import { matches } from '../studies/filter.ts';
import { fileName, text } from '../text.ts';
import type { Frame } from './frame.ts';
import type { Removals } from './removals.ts';

/** `table`: as the films stand in their table or were found. A patient's films stay together in every order. */
export const STUDY_ORDERS = ['table', 'patient', 'newest', 'oldest'] as const;
export type StudyOrder = (typeof STUDY_ORDERS)[number];

export interface LibraryState {
  collections: Collection[];
  films: FilmEntry[];
  filter: string;
  /** Keeps films by what checkpoints, reader and table say of them; `known` is what that is judged by. */
  agreement: Agreement;
  known: Known;
  order: StudyOrder;
  /** Ids of the collections whose films are folded away. */
  folded: ReadonlySet<string>;
  currentId: string | null;
  /** The films behind a number, when one was followed. */
  followed: { title: string; ids: ReadonlySet<string> } | null;
  /** What was opened before, the last first. */
  recent: RecentPath[];
  scan: ScanProgress | null;
  lastScan: ScanSummary | null;
  loaded: boolean;
}

/** What the list shows, line by line. */
export type StudyRow =
  | { kind: 'collection'; id: string; collection: Collection; shown: number; all: number; folded: boolean }
  | { kind: 'film'; id: string; entry: FilmEntry; firstOfPatient: boolean };

export type Library = ReturnType<typeof createLibrary>;

export function createLibrary(bridge: HostBridge, frame: Frame, removals: Removals) {
  const store = createStore<LibraryState>(() => ({
    collections: [],
    films: [],
    filter: '',
    agreement: EVERY_FILM,
    known: { answers: {}, readers: {}, from: null, to: null },
    order: 'table',
    folded: new Set<string>(),
    currentId: null,
    followed: null,
    recent: [],
    scan: null,
    lastScan: null,
    loaded: false,
  }));

  /** Of the films in the list: a scan of 100,000 adds to it many times. */
  let known = new Set<string>();
  let refreshes = 0;
  /** Of the scans that run: a reading of the list that began before them, or between, does not know these films yet. */
  let foundByScans: FilmEntry[] = [];
  let scans = 0;

  function listed(): FilmEntry[] {
    return listedFilms(store.getState());
  }

  async function refresh(): Promise<void> {
    const mine = ++refreshes;
    const [collections, listedByEngine] = await Promise.all([
      bridge.engine.call('collections.list', {}),
      allFilms(bridge, () => mine === refreshes),
    ]);
    if (mine !== refreshes) return;
    known = new Set(listedByEngine.map((film) => film.id));
    const films = listedByEngine.concat(unknown(foundByScans));
    store.setState({ collections, films, loaded: true });
    const { currentId } = store.getState();
    if (currentId === null || !known.has(currentId)) store.setState({ currentId: listed()[0]?.id ?? null });
  }

  /** The films among these that the list does not have; from now on it has them. */
  function unknown(films: FilmEntry[]): FilmEntry[] {
    return films.filter(({ id }) => !known.has(id) && known.add(id));
  }

  /** Adds what a scan has found since the last time. */
  function addFound(scan: ScanProgress, found: FilmEntry[]): void {
    const fresh = unknown(found);
    for (const film of fresh) foundByScans.push(film);
    const { films, collections } = store.getState();
    store.setState(fresh.length > 0 ? { scan, films: films.concat(fresh) } : { scan });
    // The first films that are opened in a workspace: their collection is new too.
    if (fresh.some(({ collectionId }) => !collections.some(({ id }) => id === collectionId))) void readCollections();
  }

  async function readCollections(): Promise<void> {
    const collections = await bridge.engine.call('collections.list', {}).catch(() => null);
    if (collections) store.setState({ collections });
  }

  /** The user asked for films since the start: that goes before the place of the last time. */
  let hasOpened = false;

  /** Opens files and folders; the first film found is chosen as soon as it is known. */
  async function open(paths: string[]): Promise<void> {
    hasOpened = true;
    scans++;
    let chosen = false;
    let waiting: FilmEntry[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    let last: ScanProgress | null = null;
    const take = () => {
      clearTimeout(timer);
      timer = undefined;
      if (last) addFound(last, waiting);
      waiting = [];
    };
    const onProgress = (scan: ScanProgress) => {
      last = scan;
      waiting.push(...scan.found);
      const first = !chosen && scan.found[0];
      if (!first) {
        const many = store.getState().films.length > MANY;
        timer ??= setTimeout(take, many ? TAKE_MANY_MS : TAKE_MS);
        return;
      }
      chosen = true;
      take();
      store.setState({ currentId: first.id, followed: null, filter: '' });
    };
    try {
      const summary = await bridge.engine.call('films.add', { paths }, { onProgress });
      store.setState({ lastScan: summary });
      const rejected = Object.values(summary.rejectedByCode).reduce((sum, count) => sum + count, 0);
      if (rejected > 0) frame.tell(text.studies.rejected(rejected), rejection(summary, rejected));
      frame.done(text.studies.scanned(summary));
    } catch (error) {
      frame.fail(text.studies.openFailed, error);
    } finally {
      take();
      if (--scans === 0) foundByScans = [];
      store.setState({ scan: null });
      await refresh().catch((error) => frame.fail(text.studies.openFailed, error));
    }
  }

  function currentFilm(): FilmEntry | undefined {
    const { films, currentId } = store.getState();
    return films.find(({ id }) => id === currentId);
  }

  /** A film of a data set goes and comes with it. */
  function isOpened({ collectionId }: FilmEntry): boolean {
    return store.getState().collections.some(({ id, kind }) => id === collectionId && kind === 'opened');
  }

  /** The list goes on at the next film that stays. */
  function leave(goes: (film: FilmEntry) => boolean): void {
    const all = listed();
    const at = all.findIndex(({ id }) => id === store.getState().currentId);
    if (at < 0 || !goes(all[at])) return;
    const next =
      all.slice(at).find((film) => !goes(film)) ??
      all
        .slice(0, at)
        .reverse()
        .find((film) => !goes(film));
    store.setState({ currentId: next?.id ?? null });
  }

  async function removeFilms(which: { study: string } | { folder: string }, said: (films: number) => string) {
    const { films } = store.getState();
    const ids = new Set<string>();
    for (const film of films) if (isOpened(film) && belongs(film, which)) ids.add(film.id);
    leave(({ id }) => ids.has(id));
    await removals.remove(
      said(ids.size),
      text.removals.failed,
      () => bridge.engine.call('films.remove', which),
      (filmIds) => bridge.engine.call('films.restore', { filmIds }),
    );
  }

  return {
    store,
    listed,
    refresh,
    open,
    isOpened,
    /** Takes a data set, or all that was opened, out of the list; absent: that of the current film. Its files stay. */
    async removeCollection(id = currentFilm()?.collectionId): Promise<void> {
      const collection = store.getState().collections.find((each) => each.id === id);
      if (!collection) return;
      const collectionId = collection.id;
      leave((film) => film.collectionId === collectionId);
      await removals.remove(
        text.removals.collection(collection.name),
        text.removals.failed,
        () => bridge.engine.call('collections.remove', { collectionId }),
        () => bridge.engine.call('collections.restore', { collectionId }),
      );
    },
    /** Takes the study of an opened film out of the list; absent: of the current one. */
    async removeStudy(film = currentFilm()): Promise<void> {
      if (!film) return;
      if (!isOpened(film)) return frame.done(text.removals.ofDataset);
      const study = film.studyInstanceUid;
      // A picture file is of no study.
      if (study === '') return removeFilms({ folder: film.path }, text.removals.study);
      return removeFilms({ study }, text.removals.study);
    },
    /** Takes all opened films of the folder of the current one out of the list. */
    async removeFolder(film = currentFilm()): Promise<void> {
      if (!film) return;
      if (!isOpened(film)) return frame.done(text.removals.ofDataset);
      const folder = folderOf(film.path);
      return removeFilms({ folder }, () => text.removals.folder(folder));
    },
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
    hasOpened: () => hasOpened,
    refreshRecent: async () => store.setState({ recent: await bridge.engine.call('recent.list', {}) }),
    setOrder: (order: StudyOrder) => store.setState({ order }),
    showAll: () => store.setState({ filter: '', agreement: EVERY_FILM }),
    setAgreement: (agreement: Agreement) => store.setState({ agreement }),
    setKnown: (known: Known) => store.setState({ known }),
    fold(id: string): void {
      const folded = new Set(store.getState().folded);
      if (!folded.delete(id)) folded.add(id);
      store.setState({ folded });
    },
    /** Shows only these films: every number leads here. */
    follow(title: string, entries: FilmEntry[]): void {
      const ids = new Set(entries.map((entry) => entry.id));
      store.setState({
        followed: { title, ids },
        filter: '',
        agreement: EVERY_FILM,
        folded: new Set(),
        currentId: entries[0]?.id ?? null,
      });
      frame.show('read');
    },
    unfollow: () => store.setState({ followed: null }),
  };
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')));
}

function belongs(film: FilmEntry, which: { study: string } | { folder: string }): boolean {
  if ('study' in which) return film.studyInstanceUid === which.study;
  return film.path === which.folder || /^[\\/]/.test(film.path.slice(which.folder.length))
    ? film.path.startsWith(which.folder)
    : false;
}

const REJECTIONS_SHOWN = 5;
/** Films listed, from which on a scan's finds are taken over less often: each time the whole list is grouped anew. */
const MANY = 5_000;
const TAKE_MS = 200;
const TAKE_MANY_MS = 1_500;
/** Films of one answer: 100,000 at once would hold up the engine and the window. */
const PAGE = 5_000;

/** @param isWanted false: a later reading is on its way and knows more */
async function allFilms(bridge: HostBridge, isWanted: () => boolean): Promise<FilmEntry[]> {
  const films: FilmEntry[] = [];
  for (;;) {
    const page = await bridge.engine.call('films.list', { from: films.length, limit: PAGE });
    films.push(...page);
    if (page.length < PAGE || !isWanted()) return films;
  }
}

/** How many of each kind, and the first files that could not be opened, each with its reason. */
function rejection({ rejected, rejectedByCode }: ScanSummary, total: number): ErrorData {
  const lines = rejected.slice(0, REJECTIONS_SHOWN).map(({ file, message }) => `${fileName(file)}: ${message}`);
  const rest = total - lines.length;
  const codes = Object.entries(rejectedByCode).map(([code, files]) => (files > 1 ? `${code} × ${files}` : code));
  return {
    code: codes.join(', '),
    message: [...lines, ...(rest > 0 ? [text.studies.andMore(rest)] : [])].join('\n'),
    details: {},
  };
}

/** What the lines are made from; as long as these are the same, so are the lines. */
type Shown = Pick<
  LibraryState,
  'collections' | 'films' | 'filter' | 'agreement' | 'known' | 'order' | 'folded' | 'followed'
>;
let last: { shown: Shown; rows: StudyRow[]; films: FilmEntry[] } | null = null;

function lines(state: LibraryState): { rows: StudyRow[]; films: FilmEntry[] } {
  const { collections, films, filter, agreement, known, order, folded, followed } = state;
  const shown: Shown = { collections, films, filter, agreement, known, order, folded, followed };
  if (last && (Object.keys(shown) as (keyof Shown)[]).every((key) => shown[key] === last?.shown[key])) return last;
  const groups = byCollection(films);
  const rows = collections.flatMap((collection) => collectionRows(shown, collection, groups.get(collection.id) ?? []));
  last = { shown, rows, films: rows.flatMap((row) => (row.kind === 'film' ? [row.entry] : [])) };
  return last;
}

/** The lines of the list, for a state. */
export function studyRows(state: LibraryState): StudyRow[] {
  return lines(state).rows;
}

/** The films among them, in order. */
export function listedFilms(state: LibraryState): FilmEntry[] {
  return lines(state).films;
}

function byCollection(films: FilmEntry[]): Map<string, FilmEntry[]> {
  const groups = new Map<string, FilmEntry[]>();
  for (const film of films) {
    const group = groups.get(film.collectionId);
    if (group) group.push(film);
    else groups.set(film.collectionId, [film]);
  }
  return groups;
}

function collectionRows(shown: Shown, collection: Collection, all: FilmEntry[]): StudyRow[] {
  const { followed, filter, folded, agreement, known } = shown;
  const isNarrowed = followed !== null || filter !== '' || agreement.kind !== 'all';
  const match = matches(filter);
  const isShown = (film: FilmEntry) =>
    (!followed || followed.ids.has(film.id)) && match(film) && agrees(film, agreement, known);
  const films = isNarrowed ? all.filter(isShown) : all;
  if (films.length === 0 && isNarrowed) return [];
  const isFolded = folded.has(collection.id);
  const head: StudyRow = {
    kind: 'collection',
    id: `c:${collection.id}`,
    collection,
    shown: films.length,
    // Counted here: a scan may be going on.
    all: all.length,
    folded: isFolded,
  };
  return isFolded ? [head] : [head, ...byPatient(ordered(films, shown.order))];
}

/** The same array in the table's order; sorting is stable. */
function ordered(films: FilmEntry[], order: StudyOrder): FilmEntry[] {
  if (order === 'table') return films;
  const keys = new Map(films.map((film) => [film, orderKey(film, order)]));
  const down = order === 'newest' ? -1 : 1;
  return [...films].sort((a, b) => {
    const [x, y] = [keys.get(a) ?? '', keys.get(b) ?? ''];
    return x === y ? 0 : x < y ? -down : down;
  });
}

function orderKey(film: FilmEntry, order: StudyOrder): string {
  if (order !== 'patient') return film.studyDate;
  // Numbers by their value: patient 9 before patient 10.
  return /^\d{1,15}$/.test(film.patientId) ? film.patientId.padStart(16, '0') : film.patientId;
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
