/**
 * Thumbnails on demand: what came last on the screen is made first, what has left it is not made at all, and none is begun while
 * a film is opened that a person looks at.
 */
import { WorkbenchError } from '../base/errors.ts';
import { dicomThreadCount } from '../dicom/threads.ts';
import { type Thumbnail, thumbnail } from '../dicom/thumbnail.ts';
import { fileVersion } from '../platform/files.ts';
import type { FilmEntry } from './contract.ts';

/** Kept in memory; each is some 9 kB. */
const KEPT = 1000;

interface Waiting {
  film: FilmEntry;
  signal: AbortSignal | undefined;
  resolve(picture: Thumbnail): void;
  reject(error: unknown): void;
}

export class Thumbnails {
  /** By film; `version` is that of the file that it was made of. */
  private readonly kept = new Map<string, { picture: Thumbnail; version: string }>();
  private waiting: Waiting[] = [];
  private running = 0;
  private opening = 0;

  /** @param folder where they are kept on disk */
  constructor(
    private readonly folder: string,
    private readonly make = thumbnail,
  ) {}

  /** @throws WorkbenchError CANCELLED, and as openFilm does */
  async get(film: FilmEntry, signal?: AbortSignal): Promise<Thumbnail> {
    const there = this.kept.get(film.id);
    if (there && there.version === (await fileVersion(film.path))) return there.picture;
    return new Promise((resolve, reject) => {
      const one = { film, signal, resolve, reject };
      this.waiting.push(one);
      signal?.addEventListener('abort', () => this.cancel(one));
      this.next();
    });
  }

  /** Opens a film; until it is open no thumbnail is begun. */
  async after<T>(open: () => Promise<T>): Promise<T> {
    this.opening++;
    try {
      return await open();
    } finally {
      this.opening--;
      this.next();
    }
  }

  private cancel(one: Waiting): void {
    this.waiting = this.waiting.filter((each) => each !== one);
    one.reject(new WorkbenchError('CANCELLED', 'The work was cancelled.'));
  }

  private next(): void {
    if (this.opening > 0 || this.running >= Math.max(1, dicomThreadCount() - 1)) return;
    const one = this.waiting.pop();
    if (!one) return;
    this.running++;
    this.made(one)
      .then(one.resolve, one.reject)
      .finally(() => {
        this.running--;
        this.next();
      });
  }

  private async made({ film }: Waiting): Promise<Thumbnail> {
    const version = await fileVersion(film.path);
    const picture = await this.make(film.path, film.frame, this.folder);
    this.keep(film.id, { picture, version });
    return picture;
  }

  private keep(id: string, one: { picture: Thumbnail; version: string }): void {
    this.kept.delete(id);
    this.kept.set(id, one);
    for (const oldest of this.kept.keys()) {
      if (this.kept.size <= KEPT) return;
      this.kept.delete(oldest);
    }
  }
}
