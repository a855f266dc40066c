/**
 * The films of a workspace, by collection: what the user opened, and data sets with their label tables. A data set keeps
 * only where its table lies; its rows are read when they are first wanted, so that the user's table stays the one truth.
 */
import { basename } from 'node:path';
import { WorkbenchError } from '../base/errors.ts';
import { sha256 } from '../base/hash.ts';
import type { Work } from '../base/progress.ts';
import { type DatasetRow, openDataset } from '../datasets/dataset.ts';
import type { Film, PixelArray } from '../dicom/film.ts';
import { openFilm } from '../dicom/openFilm.ts';
import { type FoundFilm, scanPaths } from '../dicom/scan.ts';
import { CHEXPERT_LABELS, type Label, NIH_NINE } from '../labels/labels.ts';
import { slug, type Workspace } from '../workspace/workspace.ts';
import type { CheckedParameters, Collection, FilmEntry, ScanProgress, ScanSummary } from './contract.ts';

const FOLDER = 'collections';
const OPENED = 'opened';
/** Decoded films kept, in bytes of stored pixels. */
const CACHE_BYTES = 256 * 2 ** 20;

interface StoredCollection {
  collection: Collection;
  /** Its films are phantoms. */
  phantom: boolean;
  /** For data sets. */
  table: { csv: string; images: string | null } | null;
  /** For what was opened. */
  films: FilmEntry[];
}

export class Collections {
  private readonly stored = new Map<string, StoredCollection>();
  private readonly entries = new Map<string, FilmEntry>();
  private readonly rows = new Map<string, Promise<FilmEntry[]>>();
  private readonly cache = new FilmCache(CACHE_BYTES);

  constructor(private readonly workspace: Workspace) {}

  async load(): Promise<void> {
    for (const stored of await this.workspace.readAll<StoredCollection>(FOLDER)) {
      this.stored.set(stored.collection.id, stored);
      for (const film of stored.films) this.entries.set(film.id, film);
    }
  }

  list(): Collection[] {
    return [...this.stored.values()].map((stored) => stored.collection);
  }

  collection(id: string): Collection {
    return this.get(id).collection;
  }

  isPhantom(film: FilmEntry): boolean {
    return this.get(film.collectionId).phantom || film.phantom;
  }

  async films(collectionId?: string): Promise<FilmEntry[]> {
    if (collectionId !== undefined) return this.filmsOf(this.get(collectionId));
    const all = await Promise.all([...this.stored.values()].map((stored) => this.filmsOf(stored)));
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
    try {
      return await scanPaths(paths, work.signal, (found, progress) => {
        const fresh = found.map((film) => entryOf(film)).filter((film) => !known.has(film.id));
        for (const film of fresh) {
          known.add(film.id);
          this.entries.set(film.id, film);
          stored.films.push(film);
        }
        work.report({ ...progress, found: fresh });
      });
    } finally {
      stored.collection = { ...stored.collection, ...counts(stored.films) };
      await this.save(stored);
    }
  }

  /** A data set with its label table; adding the same table again replaces it. */
  async addDataset(params: CheckedParameters<'datasets.add'>, phantom = false): Promise<Collection> {
    const { kind, csv, policy, role } = params;
    const images = params.images ?? null;
    const id = `${slug(params.name ?? basename(csv))}-${sha256(`${kind}:${csv}`).slice(0, 6)}`;
    const { rows } = await openDataset({ kind, csv, images: images ?? undefined });
    const films = rows.map((row) => entryOfRow(id, row));
    const stored: StoredCollection = {
      collection: {
        id,
        name: params.name ?? basename(csv),
        kind,
        role,
        path: csv,
        ...counts(films),
        policy,
        labels: labelsOf(kind),
      },
      phantom,
      table: { csv, images },
      films: [],
    };
    this.stored.set(id, stored);
    this.rows.set(id, Promise.resolve(this.remember(films)));
    await this.save(stored);
    return stored.collection;
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

  private async readRows({ collection, table }: StoredCollection): Promise<FilmEntry[]> {
    const kind = collection.kind as DatasetRowKind;
    const { rows } = await openDataset({ kind, csv: table!.csv, images: table!.images ?? undefined });
    return this.remember(rows.map((row) => entryOfRow(collection.id, row)));
  }

  private remember(films: FilmEntry[]): FilmEntry[] {
    for (const film of films) this.entries.set(film.id, film);
    return films;
  }

  private begin(id: string, collection: Collection): StoredCollection {
    const stored: StoredCollection = { collection, phantom: false, table: null, films: [] };
    this.stored.set(id, stored);
    return stored;
  }

  private async save(stored: StoredCollection): Promise<void> {
    await this.workspace.write(stored, FOLDER, `${stored.collection.id}.json`);
  }
}

type DatasetRowKind = CheckedParameters<'datasets.add'>['kind'];

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

function labelsOf(kind: DatasetRowKind): Label[] {
  return kind === 'nih' ? [...NIH_NINE] : [...CHEXPERT_LABELS];
}
