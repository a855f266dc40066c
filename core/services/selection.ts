/**
 * Which films of a data set are read in an evaluation: those that are what the models were trained on, frontal radiographs
 * of the chest that were processed for reading. The others are counted, by the first reason, and read only where that was
 * asked for. Label tables say little more than the view; what a DICOM header adds is read when it is first wanted.
 */
import { Random } from '../base/random.ts';
import { readFilmHeaders } from '../dicom/headerFile.ts';
import { decodeRecord } from '../dicom/headerRecord.ts';
import type { Caution, CautionCode } from '../dicom/suitability.ts';
import { inThread } from '../dicom/threads.ts';
import type { Collections } from './collections.ts';
import type { Collection, FilmEntry } from './contract.ts';

/** Number of films by the first reason not to read them. */
export type LeftOut = Partial<Record<CautionCode, number>>;
export type Unsuitable = 'exclude' | 'include';

/** Which films a limit takes; fixed, so that the same limit takes the same films. */
const SELECTION_SEED = 'films of an evaluation';
const HEADERS_AT_ONCE = 64;
const VIEW_CODES: readonly CautionCode[] = ['lateral', 'other-view', 'view-unknown'];

export class Selection {
  /** By film; of films of label tables. */
  private readonly headers = new Map<string, readonly Caution[]>();

  constructor(private readonly collections: Collections) {}

  /** A limit takes a seeded sample of what is scored, in the order of the table. */
  async select(datasetId: string, limit: number | null, unsuitable: Unsuitable): Promise<FilmEntry[]> {
    const { unit, aggregation } = this.collections.collection(datasetId);
    const { films: all, reasons } = await this.judged(datasetId);
    const wanted = unsuitable === 'include' ? all : all.filter((film) => !reasons.has(film.id));
    const films = unit === 'study' && aggregation === 'first' ? firstOfStudies(wanted) : wanted;
    const units = unit === 'study' ? firstOfStudies(films) : films;
    if (limit === null || limit >= units.length) return films;
    const order = new Random(SELECTION_SEED).shuffle(units.map((_, i) => i)).slice(0, limit);
    const taken = new Set(order.map((i) => scoredUnit(units[i]!, unit)));
    return films.filter((film) => taken.has(scoredUnit(film, unit)));
  }

  /** The films that a model reads only where that is asked for. */
  async unsuitable(datasetId: string): Promise<LeftOut> {
    const counts: LeftOut = {};
    for (const reason of (await this.judged(datasetId)).reasons.values()) counts[reason] = (counts[reason] ?? 0) + 1;
    return counts;
  }

  /**
   * The films of the views that the data set is to be read in, and why some of them should not be. Who chose other views than
   * frontal ones wants them. A data set that states no view of any film is taken as it is: there would be nothing left.
   */
  private async judged(datasetId: string): Promise<{ films: FilmEntry[]; reasons: Map<string, CautionCode> }> {
    const { views } = this.collections.collection(datasetId);
    const all = await this.withHeaders(await this.collections.films(datasetId));
    const statesViews = all.some(({ cautions }) => !cautions.includes('view-unknown'));
    const films = all.filter(({ viewPosition }) => isAsked(viewPosition, views));
    const counts = (code: CautionCode) => {
      if (views === 'all' && VIEW_CODES.includes(code)) return false;
      return code !== 'view-unknown' || statesViews;
    };
    const reasons = new Map<string, CautionCode>();
    for (const { id, cautions } of films) {
      const reason = cautions.find(counts);
      if (reason) reasons.set(id, reason);
    }
    return { films, reasons };
  }

  /** The same films, with what their headers say. */
  async withHeaders(films: FilmEntry[]): Promise<FilmEntry[]> {
    const unread = films.filter((film) => hasHeader(film) && !this.headers.has(film.id));
    const batches: FilmEntry[][] = [];
    for (let start = 0; start < unread.length; start += HEADERS_AT_ONCE) {
      batches.push(unread.slice(start, start + HEADERS_AT_ONCE));
    }
    await Promise.all(batches.map((batch) => this.read(batch)));
    return films.map((film) => {
      const cautions = this.headers.get(film.id);
      return cautions ? merged(film, cautions) : film;
    });
  }

  /** A file that cannot be read says nothing here; opening it says why. */
  private async read(films: FilmEntry[]): Promise<void> {
    const paths = films.map(({ path }) => path);
    const { records } = await inThread('readHeaders', [paths], () => readFilmHeaders(paths));
    for (const [i, film] of films.entries()) {
      const outcome = decodeRecord(records[i]!);
      this.headers.set(film.id, 'header' in outcome ? outcome.header.cautions : []);
    }
  }
}

/** Of a label table, and perhaps DICOM. What was opened was indexed with its header. */
function hasHeader({ path, truth }: FilmEntry): boolean {
  return truth !== null && !/\.(png|jpe?g)$/i.test(path);
}

/** The table's view goes before the header's; where the table has none, the header's counts. */
function merged(film: FilmEntry, header: readonly Caution[]): FilmEntry {
  if (!film.cautions.includes('view-unknown')) {
    const added = header.filter(({ code }) => !VIEW_CODES.includes(code));
    return withCautions(
      film,
      [...added.map(({ code }) => code), ...film.cautions],
      [...added.map(({ message }) => message), ...film.warnings],
    );
  }
  return withCautions(
    film,
    header.map(({ code }) => code),
    header.map(({ message }) => message),
  );
}

function withCautions(film: FilmEntry, cautions: CautionCode[], warnings: string[]): FilmEntry {
  return { ...film, cautions, warnings };
}

/** `AP` and `PA` are exact; a film that is not frontal is left to its cautions. */
function isAsked(view: string, views: Collection['views']): boolean {
  return views === 'all' || views === 'frontal' || view.toUpperCase() === views;
}

/** A film's own name, or that of its study. */
export function scoredUnit({ id, patientId, studyInstanceUid }: FilmEntry, unit: Collection['unit']): string {
  return unit === 'image' ? id : JSON.stringify([patientId || id, studyInstanceUid || id]);
}

/** The first film of each study, in the order of the table. */
export function firstOfStudies(films: readonly FilmEntry[]): FilmEntry[] {
  const seen = new Set<string>();
  return films.filter((film) => {
    const key = scoredUnit(film, 'study');
    return !seen.has(key) && seen.add(key) !== undefined;
  });
}
