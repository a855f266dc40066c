/**
 * The films of a workspace, by collection: what the user opened, and data sets with their label tables. A data set keeps
 * only where its table lies; its rows are read when they are first wanted, so that the user's table stays the one truth.
 */
import { basename, dirname } from 'node:path';
import { WorkbenchError } from '../base/errors.ts';
import { sha256 } from '../base/hash.ts';
import { type Progress, unattended, type Work } from '../base/progress.ts';
import { readLabelTable } from '../datasets/summary.ts';
import type { LabelledImage } from '../datasets/types.ts';
import type { Film } from '../dicom/film.ts';
import type { FilmHeader } from '../dicom/headerFile.ts';
import { openFilm } from '../dicom/openFilm.ts';
import { scanPaths } from '../dicom/scan.ts';
import type { DatasetKind } from '../labels/mapping.ts';
import { slug, type Workspace } from '../workspace/workspace.ts';
import type { CheckedParameters, Collection, FilmEntry, ScanProgress, ScanSummary } from './contract.ts';

const FOLDER = 'collections';
const OPENED = 'opened';
/** What phantom films carry in (0008,0070). */
const PHANTOM_MANUFACTURER = 'ChexReason phantom';
/** Decoded films kept, in bytes of stored pixels. */
const CACHE_BYTES = 256 * 2 ** 20;

interface StoredCollection {
  collection: Collection;
  /** Its films are phantoms. */
  phantom: boolean;
  /** For data sets. */
  table: { csv: string; images: string } | null;
  /** For what was opened. */
  films: FilmEntry[];
  /** ISO 8601; collections are listed in this order. */
  addedAt: string;
}

export class Collections {
  private readonly stored = new Map<string, StoredCollection>();
  private readonly entries = new Map<string, FilmEntry>();
  private readonly rows = new Map<string, Promise<FilmEntry[]>>();
  private readonly cache = new FilmCache(CACHE_BYTES);

  constructor(
    private readonly workspace: Workspace,
    private readonly now: () => Date,
  ) {}

  async load(): Promise<void> {
    for (const stored of await this.workspace.readAll<StoredCollection>(FOLDER)) {
      this.stored.set(stored.collection.id, stored);
      for (const film of stored.films) this.entries.set(film.id, film);
    }
  }

  list(): Collection[] {
    return this.inOrder().map((stored) => stored.collection);
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
    const all = await Promise.all(this.inOrder().map((stored) => this.filmsOf(stored)));
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
  async open(filmId: string, frame?: number): Promise<Film> {
    const entry = await this.entry(filmId);
    const wanted = frame ?? entry.frame;
    return this.cache.get(`${entry.path}#${wanted}`, () => openFilm(entry.path, { frame: wanted }));
  }

  /** Indexes files, folders and DICOMDIRs by their headers. Films found before a cancellation stay. */
  async add(paths: string[], work: Work<ScanProgress>): Promise<ScanSummary> {
    const stored = this.stored.get(OPENED) ?? this.begin(OPENED, openedCollection());
    const known = new Set(stored.films.map((film) => film.id));
    let last: Progress = { stage: 'Reading headers', done: 0, total: null };
    const report = (found: FilmEntry[]) => work.report({ ...last, found });
    const listen = (progress: Progress) => {
      last = progress;
      report([]);
    };
    try {
      return await scanPaths(paths, { signal: work.signal, report: listen }, (headers) => {
        const fresh = headers.map(entryOfHeader).filter((film) => !known.has(film.id));
        for (const film of fresh) {
          known.add(film.id);
          stored.films.push(film);
        }
        report(this.remember(fresh));
      });
    } finally {
      stored.collection = { ...stored.collection, ...counts(stored.films) };
      await this.save(stored);
    }
  }

  /** A data set with its label table; adding the same table again replaces it. */
  async addDataset(
    params: CheckedParameters<'datasets.add'>,
    work: Work = unattended(),
    phantom = false,
  ): Promise<Collection> {
    const { kind, csv, policy, role } = params;
    const images = params.images ?? dirname(csv);
    const name = params.name ?? basename(csv);
    const id = `${slug(name)}-${sha256(`${kind}:${csv}`).slice(0, 6)}`;
    const table = await readLabelTable(kind, csv, { images }, work);
    const films = filmsOfTable(id, table.images, phantom);
    if (films.length === 0) throw noImages(csv, images, table.images.length);
    const { labels } = table;
    const collection: Collection = { id, name, kind, role, path: csv, ...counts(films), policy, labels };
    const addedAt = this.stored.get(id)?.addedAt ?? this.now().toISOString();
    const stored: StoredCollection = { collection, phantom, table: { csv, images }, films: [], addedAt };
    this.stored.set(id, stored);
    this.rows.set(id, Promise.resolve(this.remember(films)));
    await this.save(stored);
    return collection;
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
    if (!stored.table) return Promise.resolve(stored.films);
    const { id } = stored.collection;
    const there = this.rows.get(id) ?? this.readRows(stored);
    this.rows.set(id, there);
    // A table that could not be read may be there the next time.
    there.catch(() => this.rows.delete(id));
    return there;
  }

  private async readRows({ collection, table, phantom }: StoredCollection): Promise<FilmEntry[]> {
    const { csv, images } = table!;
    const { images: rows } = await readLabelTable(collection.kind as DatasetKind, csv, { images });
    return this.remember(filmsOfTable(collection.id, rows, phantom));
  }

  private remember(films: FilmEntry[]): FilmEntry[] {
    for (const film of films) this.entries.set(film.id, film);
    return films;
  }

  private begin(id: string, collection: Collection): StoredCollection {
    const addedAt = this.now().toISOString();
    const stored: StoredCollection = { collection, phantom: false, table: null, films: [], addedAt };
    this.stored.set(id, stored);
    return stored;
  }

  private async save(stored: StoredCollection): Promise<void> {
    await this.workspace.write(stored, FOLDER, `${stored.collection.id}.json`);
  }
}

function openedCollection(): Collection {
  return {
    id: OPENED,
    name: 'Opened films',
    kind: 'opened',
    role: 'none',
    path: '',
    films: 0,
    patients: 0,
    policy: 'zeros',
    labels: [],
  };
}

function counts(films: readonly FilmEntry[]): { films: number; patients: number } {
  return { films: films.length, patients: new Set(films.map((film) => film.patientId)).size };
}

/** An opened film: its id is that of its place, so that opening it again finds it. */
function entryOfHeader(header: FilmHeader): FilmEntry {
  const { path, rows, columns, tags, warnings } = header;
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
    description: tags.studyDescription || tags.seriesDescription || basename(path),
    modality: tags.modality,
    viewPosition: tags.viewPosition,
    rows,
    columns,
    truth: null,
    phantom: tags.manufacturer === PHANTOM_MANUFACTURER,
    warnings,
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
    description: basename(row.image),
    modality: '',
    viewPosition: row.view,
    rows: 0,
    columns: 0,
    truth: row.labels,
    phantom,
    warnings: isLateral(row.view) ? ['A lateral film; the checkpoints read frontal ones.'] : [],
  };
}

export function isLateral(view: string): boolean {
  return /^(LL|RL|LATERAL|LAT)$/i.test(view);
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
