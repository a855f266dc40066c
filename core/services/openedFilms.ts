/**
 * The films that the user opened, in the order in which they were found: a log of films, and of what was taken out of the list
 * and put back. A film that is taken out keeps its place, so that putting it back is putting it back. No file of a film is touched.
 */
import { sep } from 'node:path';
import { WorkbenchError } from '../base/errors.ts';
import type { Workspace } from '../workspace/workspace.ts';
import type { CheckedParameters, FilmEntry } from './contract.ts';

/** Which films: by id, of a study, in a folder (or of a file). */
export type FilmsWanted = CheckedParameters<'films.remove'>;

type Line = FilmEntry | { removed: string[] } | { restored: string[] };

export class OpenedFilms {
  private readonly films = new Map<string, FilmEntry>();
  private readonly out = new Set<string>();

  /** @param place of the log in the workspace */
  constructor(
    private readonly workspace: Workspace,
    private readonly place: readonly string[],
    private readonly onFilm: (film: FilmEntry) => void,
  ) {}

  async load(): Promise<void> {
    for (const line of await this.workspace.lines<Line>(...this.place)) {
      if ('removed' in line) for (const id of line.removed) this.films.has(id) && this.out.add(id);
      else if ('restored' in line) for (const id of line.restored) this.out.delete(id);
      else this.keep(line);
    }
  }

  /** Of those in the list. */
  get count(): number {
    return this.films.size - this.out.size;
  }

  /** Those in the list. */
  listed(): FilmEntry[] {
    return this.out.size === 0 ? [...this.films.values()] : this.ofState(false);
  }

  /** Those that were taken out of it. */
  removed(): FilmEntry[] {
    return this.ofState(true);
  }

  /** Not in the list, or not as it is now. */
  isNew(film: FilmEntry): boolean {
    const known = this.out.has(film.id) ? undefined : this.films.get(film.id);
    return !known || JSON.stringify(known) !== JSON.stringify(film);
  }

  /** Opening a film again puts it back. */
  async add(films: FilmEntry[]): Promise<void> {
    for (const film of films) this.keep(film);
    await this.workspace.appendAll(films, ...this.place);
  }

  /** Takes films out of the list. @throws FILMS_NOT_LISTED */
  async remove(wanted: FilmsWanted): Promise<FilmEntry[]> {
    const found = matching(this.listed(), wanted);
    if (found.length === 0) throw notThere(wanted, 'No opened film of the list is meant by this.');
    const removed = found.map(({ id }) => id);
    await this.workspace.append({ removed }, ...this.place);
    for (const id of removed) this.out.add(id);
    return found;
  }

  /** Puts films back that were taken out. @throws FILMS_NOT_LISTED */
  async restore(wanted: FilmsWanted): Promise<FilmEntry[]> {
    const found = matching(this.removed(), wanted);
    if (found.length === 0) throw notThere(wanted, 'No film that was taken out of the list is meant by this.');
    const restored = found.map(({ id }) => id);
    await this.workspace.append({ restored }, ...this.place);
    for (const id of restored) this.out.delete(id);
    return found;
  }

  private ofState(out: boolean): FilmEntry[] {
    return [...this.films.values()].filter(({ id }) => this.out.has(id) === out);
  }

  private keep(film: FilmEntry): void {
    this.films.set(film.id, film);
    this.out.delete(film.id);
    this.onFilm(film);
  }
}

function matching(films: FilmEntry[], wanted: FilmsWanted): FilmEntry[] {
  if ('filmIds' in wanted) {
    const ids = new Set(wanted.filmIds);
    return films.filter(({ id }) => ids.has(id));
  }
  if ('study' in wanted) return films.filter(({ studyInstanceUid }) => studyInstanceUid === wanted.study);
  const inside = wanted.folder.endsWith(sep) ? wanted.folder : wanted.folder + sep;
  return films.filter(({ path }) => path === wanted.folder || path.startsWith(inside));
}

function notThere(wanted: FilmsWanted, message: string): WorkbenchError {
  const details = 'filmIds' in wanted ? { films: wanted.filmIds.length } : wanted;
  return new WorkbenchError('FILMS_NOT_LISTED', message, details);
}
