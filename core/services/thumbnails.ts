/**
 * Thumbnails on demand: what came last on the screen is made first, what has left it is not made at all, and one thread
 * stays free for the film that a person opens.
 */
import { WorkbenchError } from '../base/errors.ts';
import { dicomThreadCount } from '../dicom/threads.ts';
import { type Thumbnail, thumbnail } from '../dicom/thumbnail.ts';
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
  private readonly kept = new Map<string, Thumbnail>();
  private waiting: Waiting[] = [];
  private running = 0;

  /** @param folder where they are kept on disk */
  constructor(
    private readonly folder: string,
    private readonly make = thumbnail,
  ) {}

  /** @throws WorkbenchError CANCELLED, and as openFilm does */
  get(film: FilmEntry, signal?: AbortSignal): Promise<Thumbnail> {
    const there = this.kept.get(film.id);
    if (there) return Promise.resolve(there);
    return new Promise((resolve, reject) => {
      const one = { film, signal, resolve, reject };
      this.waiting.push(one);
      signal?.addEventListener('abort', () => this.cancel(one));
      this.next();
    });
  }

  private cancel(one: Waiting): void {
    this.waiting = this.waiting.filter((each) => each !== one);
    one.reject(new WorkbenchError('CANCELLED', 'The work was cancelled.'));
  }

  private next(): void {
    if (this.running >= Math.max(1, dicomThreadCount() - 1)) return;
    const one = this.waiting.pop();
    if (!one) return;
    this.running++;
    this.make(one.film.path, one.film.frame, this.folder)
      .then((picture) => {
        this.keep(one.film.id, picture);
        one.resolve(picture);
      }, one.reject)
      .finally(() => {
        this.running--;
        this.next();
      });
  }

  private keep(id: string, picture: Thumbnail): void {
    this.kept.set(id, picture);
    for (const oldest of this.kept.keys()) {
      if (this.kept.size <= KEPT) return;
      this.kept.delete(oldest);
    }
  }
}
