/**
 * The films of a workspace, by collection: what the user opened, and data sets with their label tables. A data set keeps
 * only where its table lies; its rows are read when they are first wanted, so that the user's table stays the one truth.
 */
import { basename, dirname } from 'node:path';
import { WorkbenchError } from '../base/errors.ts';
import { sha256 } from '../base/hash.ts';
import { unattended, type Work } from '../base/progress.ts';
import type { ColumnMapping } from '../datasets/columnMapping.ts';
import { readLabelTable } from '../datasets/summary.ts';
import type { LabelledImage, LabelTable } from '../datasets/types.ts';
import type { Film } from '../dicom/film.ts';
import { HeaderCache } from '../dicom/headerCache.ts';
import type { FilmHeader } from '../dicom/headerFile.ts';
import { type OnPreview, openFilm } from '../dicom/openFilm.ts';
import type { Room } from '../dicom/preview.ts';
import { type ScanReport, scanPaths } from '../dicom/scan.ts';
import { type Caution, viewCaution, viewOfText } from '../dicom/suitability.ts';
import type { DatasetKind } from '../labels/mapping.ts';
import { fileVersion } from '../platform/files.ts';
import { slug, type Workspace } from '../workspace/workspace.ts';
import type { CheckedParameters, Collection, FilmEntry, ScanProgress, ScanSummary } from './contract.ts';
import { type FilmsWanted, OpenedFilms } from './openedFilms.ts';

const FOLDER = 'collections';
const OPENED = 'opened';
const OPENED_FILMS = `${OPENED}.films.jsonl`;
/** What phantom films carry in (0008,0070). */
const PHANTOM_MANUFACTURER = 'ChexReason phantom';
/** Decoded films kept, in bytes of stored pixels. */
const CACHE_BYTES = 128 * 2 ** 20;
/** What a scan's result names of the files that were rejected; they are all counted. */
const REJECTED_NAMED = 1000;
const HEADERS = ['cache', 'headers.txt'] as const;

interface StoredCollection {
  collection: Collection;
  /** Its films are phantoms. */
  phantom: boolean;
  /** For data sets. */
  table: { csv: string; images: string; mapping?: ColumnMapping } | null;
  /** ISO 8601; collections are listed in this order. */
  addedAt: string;
  /** It was taken out of the list; what was made with it still finds it. */
  removed?: boolean;
}

export class Collections {
  private readonly stored = new Map<string, StoredCollection>();
  private readonly entries = new Map<string, FilmEntry>();
  private readonly opened: OpenedFilms;
  private readonly rows = new Map<string, Promise<FilmEntry[]>>();
  private readonly cache = new FilmCache(CACHE_BYTES);

  constructor(
    private readonly workspace: Workspace,
    private readonly now: () => Date,
  ) {
    this.opened = new OpenedFilms(workspace, [FOLDER, OPENED_FILMS], (film) => this.entries.set(film.id, film));
  }

  async load(): Promise<void> {
    for (const stored of await this.workspace.readAll<StoredCollection>(FOLDER)) {
      stored.collection = { ...SCORED_BY_DEFAULT, ...stored.collection };
      this.stored.set(stored.collection.id, stored);
    }
    await this.opened.load();
  }

  list(): Collection[] {
    // What was opened is counted whole when a scan has ended; its films as they come.
    return this.listed().map(({ table, collection }) =>
      table ? collection : { ...collection, films: this.opened.count },
    );
  }

  /** What was taken out of the list: data sets, and opened films. */
  removed(): { collections: Collection[]; films: FilmEntry[] } {
    const collections = this.inOrder().flatMap(({ removed, collection }) => (removed ? [collection] : []));
    return { collections, films: this.opened.removed() };
  }

  /** The data set of this name, in the list or taken out of it. */
  named(name: string): Collection | undefined {
    return [...this.stored.values()].find(({ collection }) => collection.name === name)?.collection;
  }

  isRemoved(id: string): boolean {
    return this.get(id).removed === true;
  }

  get isEmpty(): boolean {
    return this.stored.size === 0;
  }

  /** Takes a data set, or all that was opened, out of the list. Tables, films and what was made with them stay. */
  async remove(id: string): Promise<Collection> {
    const stored = this.get(id);
    if (!stored.table) await this.removeFilms({ filmIds: this.opened.listed().map((film) => film.id) });
    else {
      stored.removed = true;
      await this.save(stored);
    }
    return stored.collection;
  }

  /** Takes that back. */
  async restore(id: string): Promise<Collection> {
    const stored = this.get(id);
    if (!stored.table) await this.restoreFilms({ filmIds: this.opened.removed().map((film) => film.id) });
    else {
      delete stored.removed;
      await this.save(stored);
    }
    return stored.collection;
  }

  /** Takes opened films out of the list; gives their ids. @throws FILMS_NOT_LISTED */
  removeFilms(wanted: FilmsWanted): Promise<string[]> {
    return this.changeOpened(this.opened.remove(wanted));
  }

  /** Takes that back. @throws FILMS_NOT_LISTED */
  restoreFilms(wanted: FilmsWanted): Promise<string[]> {
    return this.changeOpened(this.opened.restore(wanted));
  }

  private async changeOpened(change: Promise<FilmEntry[]>): Promise<string[]> {
    const films = await change;
    await this.recount(this.get(OPENED));
    return films.map(({ id }) => id);
  }

  private async recount(opened: StoredCollection): Promise<void> {
    opened.collection = { ...opened.collection, ...counts(this.opened.listed()) };
    await this.save(opened);
  }

  collection(id: string): Collection {
    return this.get(id).collection;
  }

  /** A data set of phantom films. */
  isPhantomSet(id: string): boolean {
    return this.get(id).phantom;
  }

  async films(collectionId?: string): Promise<FilmEntry[]> {
    if (collectionId !== undefined) return this.filmsOf(this.get(collectionId));
    const all = await Promise.all(this.listed().map((stored) => this.filmsOf(stored)));
    return all.flat();
  }

  /** @throws FILM_UNKNOWN */
  async entry(filmId: string): Promise<FilmEntry> {
    const known = this.entries.get(filmId);
    if (known) return known;
    await this.films();
    const found = this.entries.get(filmId);
    if (!found) throw new WorkbenchError('FILM_UNKNOWN', 'This film is not in the workspace.', { film: filmId });
    return found;
  }

  /** The decoded film; recently opened ones come from memory. */
  async open(filmId: string, frame?: number, room?: Room, onPreview?: OnPreview): Promise<Film> {
    const entry = await this.entry(filmId);
    const wanted = frame ?? entry.frame;
    // A file that has changed is another film.
    const key = `${entry.path}#${wanted} ${await fileVersion(entry.path)}`;
    return this.cache.get(key, () => openFilm(entry.path, { frame: wanted, room }, onPreview));
  }

  /**
   * Indexes files, folders and DICOMDIRs by their headers; those that are known and have not changed are not opened. Films
   * found before a cancellation stay.
   */
  async add(paths: string[], work: Work<ScanProgress>): Promise<ScanSummary> {
    const stored = this.stored.get(OPENED) ?? this.begin(OPENED, openedCollection());
    const cache = HeaderCache.open(this.workspace.pathOf(...HEADERS));
    let last: ScanReport = { stage: 'Reading headers', done: 0, total: null, counts: NO_COUNTS };
    const appended: Promise<void>[] = [];
    let shown = false;
    const report = (found: FilmEntry[]) => work.report({ ...last, found });
    const listen = (progress: ScanReport) => {
      last = progress;
      report([]);
    };
    try {
      const found = (headers: FilmHeader[]) => {
        const fresh = headers.map(entryOfHeader).filter((film) => this.opened.isNew(film));
        const written = this.opened.add(fresh);
        // Told at the end.
        written.catch(() => {});
        appended.push(written);
        // What is known already is shown too: it was opened again.
        report(fresh.length > 0 || shown ? fresh : headers.slice(0, 1).map(entryOfHeader));
        shown = true;
      };
      const summary = await scanPaths(paths, { signal: work.signal, report: listen }, found, cache);
      return { ...summary, rejected: summary.rejected.slice(0, REJECTED_NAMED) };
    } finally {
      // Without the cache the next scan takes longer, no more.
      await (await cache).close().catch(() => {});
      await Promise.all(appended);
      await this.recount(stored);
    }
  }

  /** A data set with its label table; adding the same table again replaces it. */
  async addDataset(params: DatasetToAdd, work: Work = unattended(), phantom = false): Promise<Collection> {
    const { kind, csv, policy, role, mapping, views = 'frontal', aggregation = 'first' } = params;
    const images = params.images ?? dirname(csv);
    const name = params.name ?? basename(csv);
    const id = `${slug(name)}-${sha256(`${kind}:${csv}`).slice(0, 6)}`;
    const allOfStudy = readsAllOfStudy({ views, aggregation });
    const table = await readLabelTable(kind, csv, { images, mapping, allOfStudy }, work);
    const films = filmsOfTable(id, table.images, phantom);
    if (films.length === 0) throw noImages(csv, images, table.images.length);
    const { labels } = table;
    const scored = {
      unit: params.unit ?? table.unit,
      views,
      aggregation,
      policy,
      labels,
      notes: notesOf(table, films),
    };
    const collection: Collection = { id, name, kind, role, path: csv, ...counts(films), ...scored };
    const addedAt = this.stored.get(id)?.addedAt ?? this.now().toISOString();
    const place = { csv, images, ...(mapping ? { mapping } : {}) };
    const stored: StoredCollection = { collection, phantom, table: place, addedAt };
    this.stored.set(id, stored);
    this.rows.set(id, Promise.resolve(this.remember(films)));
    await this.save(stored);
    return collection;
  }

  /** What else a reader of the data set should know. */
  async addNotes(id: string, notes: readonly string[]): Promise<void> {
    const stored = this.get(id);
    stored.collection = { ...stored.collection, notes: [...stored.collection.notes, ...notes] };
    await this.save(stored);
  }

  /** Without what was taken out; opened films only where there are some. */
  private listed(): StoredCollection[] {
    return this.inOrder().filter(({ removed, table }) => !removed && (table || this.opened.count > 0));
  }

  private inOrder(): StoredCollection[] {
    return [...this.stored.values()].sort((a, b) => (a.addedAt < b.addedAt ? -1 : 1));
  }

  private get(id: string): StoredCollection {
    const stored = this.stored.get(id);
    if (!stored) throw new WorkbenchError('COLLECTION_UNKNOWN', 'This collection is not in the workspace.', { id });
    return stored;
  }

  private filmsOf(stored: StoredCollection): Promise<FilmEntry[]> {
    if (!stored.table) return Promise.resolve(this.opened.listed());
    const { id } = stored.collection;
    const there = this.rows.get(id) ?? this.readRows(stored);
    this.rows.set(id, there);
    // A table that could not be read may be there the next time.
    there.catch(() => this.rows.delete(id));
    return there;
  }

  private async readRows({ collection, table, phantom }: StoredCollection): Promise<FilmEntry[]> {
    const { csv, ...where } = table!;
    const allOfStudy = readsAllOfStudy(collection);
    const kind = collection.kind as DatasetKind | 'custom';
    const { images: rows } = await readLabelTable(kind, csv, { ...where, allOfStudy });
    return this.remember(filmsOfTable(collection.id, rows, phantom));
  }

  private remember(films: FilmEntry[]): FilmEntry[] {
    for (const film of films) this.entries.set(film.id, film);
    return films;
  }

  private begin(id: string, collection: Collection): StoredCollection {
    const addedAt = this.now().toISOString();
    const stored: StoredCollection = { collection, phantom: false, table: null, addedAt };
    this.stored.set(id, stored);
    return stored;
  }

  private async save(stored: StoredCollection): Promise<void> {
    await this.workspace.write(stored, FOLDER, `${stored.collection.id}.json`);
  }
}

/** Of collections that were stored before these could be chosen. */
const SCORED_BY_DEFAULT = { unit: 'image', views: 'frontal', aggregation: 'first', notes: [] as string[] } as const;

/** A data set as the engine's own code adds one: choices may be left out. */
export type DatasetToAdd = Omit<CheckedParameters<'datasets.add'>, 'views' | 'aggregation'> &
  Partial<Pick<Collection, 'views' | 'aggregation'>>;

/** Where one film stands for a study, the others need not be looked for. */
function readsAllOfStudy({ views, aggregation }: Pick<Collection, 'views' | 'aggregation'>): boolean {
  return views !== 'frontal' || aggregation !== 'first';
}

/** What was done with rows that could not be used as they stand; the first with row and column. */
function notesOf(table: LabelTable, films: readonly FilmEntry[]): string[] {
  const notes = [...table.warnings];
  const [first] = table.rejected;
  if (first) {
    const where = first.column === null ? `row ${first.row}` : `row ${first.row}, column ${first.column}`;
    notes.push(`Rows left out: ${table.rejectedCount} (first: ${where}: ${first.message})`);
  }
  const missing = table.images.length - films.length;
  if (missing > 0) notes.push(`Rows whose image was not found, left out: ${missing}.`);
  return notes;
}

function openedCollection(): Collection {
  return {
    id: OPENED,
    name: 'Opened films',
    kind: 'opened',
    role: 'none',
    path: '',
    ...counts([]),
    ...SCORED_BY_DEFAULT,
    policy: 'zeros',
    labels: [],
  };
}

const NO_COUNTS = { patients: 0, studies: 0, series: 0, instances: 0 };

function counts(films: readonly FilmEntry[]): Pick<Collection, 'patients' | 'studies' | 'series' | 'films'> {
  const different = (key: (film: FilmEntry) => string) => new Set(films.map(key)).size;
  return {
    patients: different((film) => film.patientId || film.id),
    studies: different((film) => film.studyInstanceUid || film.id),
    series: different((film) => film.seriesInstanceUid || film.studyInstanceUid || film.id),
    films: films.length,
  };
}

/** An opened film: its id is that of its place, so that opening it again finds it. */
function entryOfHeader(header: FilmHeader): FilmEntry {
  const { path, rows, columns, tags, cautions } = header;
  return {
    id: sha256(path).slice(0, 16),
    collectionId: OPENED,
    path,
    frame: 0,
    patientId: tags.patientId,
    patientName: tags.patientName,
    patientSex: tags.patientSex,
    patientAge: tags.patientAge,
    studyDate: tags.studyDate,
    studyInstanceUid: tags.studyInstanceUid,
    seriesInstanceUid: tags.seriesInstanceUid,
    description: tags.studyDescription || tags.seriesDescription || basename(path),
    modality: tags.modality,
    viewPosition: tags.viewPosition,
    rows,
    columns,
    truth: null,
    phantom: tags.manufacturer === PHANTOM_MANUFACTURER,
    ...inWords(cautions),
  };
}

/** Rows whose image is there. */
function filmsOfTable(collectionId: string, images: readonly LabelledImage[], phantom: boolean): FilmEntry[] {
  return images.flatMap((image) => (image.imagePath === null ? [] : [entryOfRow(collectionId, image, phantom)]));
}

function entryOfRow(collectionId: string, row: LabelledImage, phantom: boolean): FilmEntry {
  return {
    id: `${collectionId}.${sha256(row.image).slice(0, 16)}`,
    collectionId,
    path: row.imagePath!,
    frame: 0,
    patientId: row.patientId,
    patientName: '',
    patientSex: row.sex,
    patientAge: row.age === null ? '' : String(row.age),
    studyDate: '',
    studyInstanceUid: row.studyId,
    seriesInstanceUid: '',
    description: basename(row.image),
    modality: '',
    viewPosition: row.view,
    rows: 0,
    columns: 0,
    truth: row.labels,
    phantom,
    ...inWords(cautionsOfRow(row)),
  };
}

/** By the table's own view; a study's image says it by its name (`view1_frontal`). */
function cautionsOfRow({ view, imagePath }: LabelledImage): Caution[] {
  const stated = view || (/frontal|lateral/i.exec(basename(imagePath ?? ''))?.[0] ?? '');
  const caution = viewCaution(viewOfText(stated), stated);
  return caution ? [caution] : [];
}

function inWords(cautions: readonly Caution[]): Pick<FilmEntry, 'cautions' | 'warnings'> {
  return { cautions: cautions.map(({ code }) => code), warnings: cautions.map(({ message }) => message) };
}

function noImages(csv: string, images: string, rows: number): WorkbenchError {
  return new WorkbenchError(
    'DATASET_WITHOUT_IMAGES',
    'None of the images that this table names was found.',
    { file: csv, images, rows },
    'Choose the folder that holds the images, with the folders that the table names in it.',
  );
}

/** Decoded films by use; the least recently used ones go first. */
class FilmCache {
  private readonly films = new Map<string, { film: Promise<Film>; bytes: number }>();

  constructor(private readonly limit: number) {}

  get(key: string, open: () => Promise<Film>): Promise<Film> {
    const there = this.films.get(key) ?? { film: open(), bytes: 0 };
    this.films.delete(key);
    this.films.set(key, there);
    there.film.then(
      (film) => {
        there.bytes = film.pixels.byteLength;
        this.shrink();
      },
      () => this.films.delete(key),
    );
    return there.film;
  }

  private shrink(): void {
    let bytes = [...this.films.values()].reduce((sum, film) => sum + film.bytes, 0);
    for (const [key, film] of this.films) {
      if (bytes <= this.limit || this.films.size === 1) return;
      this.films.delete(key);
      bytes -= film.bytes;
    }
  }
}
