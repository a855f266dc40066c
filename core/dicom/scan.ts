/**
 * The index: files, folders and DICOMDIRs to film headers, as they are found. Headers only; links that lead in circles,
 * folders that may not be read and files that vanish are survived; whatever is no film is listed with its reason. Files
 * that a cache knows and that have not changed are not opened.
 */
import type { Dirent } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type ErrorData, toErrorData } from '../base/errors.ts';
import { type Progress, throwIfCancelled, type Work } from '../base/progress.ts';
import { readDicomDirectory } from './dicomDir.ts';
import type { HeaderCache } from './headerCache.ts';
import { type FilmHeader, readFilmHeaders } from './headerFile.ts';
import { decodeRecord, type HeaderOutcome } from './headerRecord.ts';
import { dicomThreadCount, inThread } from './threads.ts';

/** A film is counted by its file; patients, studies and series by their identifiers. */
export interface ScanCounts {
  patients: number;
  studies: number;
  series: number;
  /** Films: DICOM images, PNG and JPEG files. */
  instances: number;
}

/** What `chexreason scan` prints. */
export interface ScanSummary extends ScanCounts {
  rejected: { file: string; code: string; message: string }[];
  /** Of all that was rejected. */
  rejectedByCode: Record<string, number>;
  /** Files whose header came from the cache. */
  unchanged: number;
  seconds: number;
}

export interface ScanReport extends Progress {
  counts: ScanCounts;
}

/** Headers read by one job: few at first, so that the first film shows at once. */
const FIRST_BATCH = 8;
const BATCH = 64;
/** Found films are handed over at most this often. */
const HAND_OVER_MS = 100;
/** Names that were read and are let go of together. */
const KEPT = 4096;

/**
 * Scans files, folders (with all that is in them) and DICOMDIRs.
 * @param onFound gets films while the scan goes on.
 * @param loading of a cache, which is asked first and gets what is read; the first films are shown before it is loaded.
 * @throws WorkbenchError CANCELLED; everything else is in `rejected`.
 */
export async function scanPaths(
  paths: readonly string[],
  work: Work<ScanReport>,
  onFound: (films: FilmHeader[]) => void,
  loading?: Promise<HeaderCache>,
): Promise<ScanSummary> {
  const scan = new Scan(work, onFound, loading);
  const batches = inBatches(listAhead(filesOf(paths, scan), scan));
  const readers = Array.from({ length: dicomThreadCount() + 1 }, () => scan.consume(batches));
  await Promise.all(readers);
  await (await loading)?.dropVanished(paths);
  return scan.finish();
}

/** Size and time are those of `stats`. A file that could not be read may be readable the next time. */
function keep(cache: HeaderCache | undefined, path: string, stats: Float64Array, record: string): void {
  const [size, mtimeMs] = stats;
  if (!Number.isNaN(size) && !ACCESS_ERROR.test(record)) cache?.add(path, size!, mtimeMs!, record);
}

/** Of a record: what says nothing about the file's content. */
const ACCESS_ERROR = /^\["(FILE_NOT|INTERNAL|TOO_MANY)/;

class Scan {
  readonly rejected: ScanSummary['rejected'] = [];
  readonly started = Date.now();
  private readonly seen = new Set<string>();
  private readonly patients = new Set<string>();
  private readonly studies = new Set<string>();
  private readonly series = new Set<string>();
  private instances = 0;
  private done = 0;
  /** Files that are known of; all of them once `listed`. */
  private known = 0;
  private listed = false;
  private waiting: FilmHeader[] = [];
  private handedOver = 0;
  private readonly rejectedByCode: Record<string, number> = {};
  private unchanged = 0;

  constructor(
    private readonly work: Work<ScanReport>,
    private readonly onFound: (films: FilmHeader[]) => void,
    private readonly loading: Promise<HeaderCache> | undefined,
  ) {}

  get isCancelled(): boolean {
    return this.work.signal?.aborted ?? false;
  }

  /** Reads headers until the shared list of files ends. */
  async consume(batches: AsyncGenerator<string[]>): Promise<void> {
    for (;;) {
      throwIfCancelled(this.work.signal);
      const next = await batches.next();
      if (next.done) return;
      await this.read(next.value);
    }
  }

  private async read(files: string[]): Promise<void> {
    const cache = this.done === 0 ? undefined : await this.loading;
    const known = files.map((path) => cache?.find(path));
    const stats = Float64Array.from(known.flatMap((each) => [each?.size ?? Number.NaN, each?.mtimeMs ?? Number.NaN]));
    const read = await inThread('readHeaders', [files, stats], () => readFilmHeaders(files, stats));
    for (const [i, path] of files.entries()) {
      const record = read.records[i];
      if (typeof record === 'string') keep(cache, path, read.stats.subarray(2 * i), record);
      else this.unchanged++;
      await this.take(path, record ?? known[i]!.record);
      this.done++;
    }
    this.handOver();
  }

  private async take(path: string, record: string): Promise<void> {
    const outcome = await this.outcome(path, record);
    if ('header' in outcome) this.add({ path, ...outcome.header });
    else if (outcome.error.code === 'DICOM_IS_DIRECTORY') await this.readDirectory(path);
    else this.reject(path, outcome.error);
  }

  /** A damaged line of the cache costs one reading. */
  private async outcome(path: string, record: string): Promise<HeaderOutcome> {
    try {
      return decodeRecord(record);
    } catch {
      const { records } = await readFilmHeaders([path]);
      return decodeRecord(records[0]!);
    }
  }

  /** A DICOMDIR's files; those that the scan has met already are passed over. */
  private async readDirectory(path: string): Promise<void> {
    try {
      const directory = await readDicomDirectory(path);
      for (const message of directory.warnings) this.reject(path, { code: 'DICOMDIR_DAMAGED', message, details: {} });
      const files: string[] = [];
      for (const { path: file, error } of directory.references) {
        if (error) this.reject(file ?? path, error);
        else if (file && this.isNew(await realpath(file))) files.push(file);
      }
      this.expect(files.length);
      await this.read(files);
    } catch (error) {
      this.reject(path, toErrorData(error));
    }
  }

  /** Whether no other way has led to this file or folder yet. */
  isNew(real: string): boolean {
    if (this.seen.has(real)) return false;
    this.seen.add(real);
    return true;
  }

  reject(file: string, { code, message }: ErrorData): void {
    this.rejected.push({ file, code, message });
    this.rejectedByCode[code] = (this.rejectedByCode[code] ?? 0) + 1;
  }

  private add(film: FilmHeader): void {
    this.instances++;
    this.waiting.push(film);
    if (film.kind !== 'dicom') return;
    const { tags } = film;
    const study = tags.studyInstanceUid || film.path;
    const patient = tags.patientId || [tags.patientName, tags.patientBirthDate].join('/');
    this.patients.add(patient === '/' ? study : patient);
    this.studies.add(study);
    this.series.add(tags.seriesInstanceUid || study);
  }

  private handOver(whole = false): void {
    const now = Date.now();
    if (!whole && now - this.handedOver < HAND_OVER_MS) return;
    this.handedOver = now;
    if (this.waiting.length > 0) this.onFound(this.waiting);
    this.waiting = [];
    this.work.report(this.progress(now));
  }

  private counts(): ScanCounts {
    const { patients, studies, series, instances } = this;
    return { patients: patients.size, studies: studies.size, series: series.size, instances };
  }

  private progress(now: number): ScanReport {
    const seconds = (now - this.started) / 1000;
    return {
      stage: 'Reading films',
      done: this.done,
      ...this.rest(seconds),
      rate: seconds > 0 ? this.done / seconds : 0,
      failures: this.rejected.length,
      counts: this.counts(),
    };
  }

  /** How many there are is known when the folders have been listed, which takes a fraction of the reading. */
  private rest(seconds: number): Pick<Progress, 'total' | 'secondsLeft'> {
    if (!this.listed) return { total: null };
    const total = Math.max(this.known, this.done);
    // The first files say little of the others.
    const secondsLeft = this.done < FIRST_BATCH ? undefined : ((total - this.done) * seconds) / this.done;
    return { total, ...(secondsLeft === undefined ? {} : { secondsLeft }) };
  }

  /** Files that are going to be read. */
  expect(files: number): void {
    this.known += files;
  }

  listingEnded(): void {
    this.listed = true;
  }

  finish(): ScanSummary {
    this.handOver(true);
    return {
      ...this.counts(),
      rejected: this.rejected.sort((a, b) => (a.file < b.file ? -1 : 1)),
      rejectedByCode: this.rejectedByCode,
      unchanged: this.unchanged,
      seconds: (Date.now() - this.started) / 1000,
    };
  }
}

// ------------------------------------------------------------------------------------------------------------- the files

/** Every file once, whatever way leads to it. */
async function* filesOf(paths: readonly string[], scan: Scan): AsyncGenerator<string> {
  for (const path of paths) yield* walkLink(path, scan);
}

/** A path that may be, or lead through, a symbolic link. */
async function* walkLink(path: string, scan: Scan): AsyncGenerator<string> {
  try {
    const real = await realpath(path);
    if (!scan.isNew(real)) return;
    const entry = await stat(real);
    if (entry.isFile()) yield path;
    else if (entry.isDirectory()) yield* walkFolder(path, real, scan);
  } catch (error) {
    scan.reject(path, toErrorData(error));
  }
}

async function* walkFolder(path: string, real: string, scan: Scan): AsyncGenerator<string> {
  let entries: Dirent[];
  try {
    entries = await readdir(real, { withFileTypes: true });
  } catch (error) {
    scan.reject(path, toErrorData(error));
    return;
  }
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const inside = join(path, entry.name);
    const realInside = join(real, entry.name);
    if (entry.isSymbolicLink()) yield* walkLink(inside, scan);
    else if (entry.isFile() && scan.isNew(realInside)) yield inside;
    else if (entry.isDirectory() && scan.isNew(realInside)) yield* walkFolder(inside, realInside, scan);
  }
}

/** Lists on while files are read, so that it is known how many there are. Their names are kept in any case (`isNew`). */
async function* listAhead(files: AsyncGenerator<string>, scan: Scan): AsyncGenerator<string> {
  const waiting: string[] = [];
  let ended = false;
  let wake = () => {};
  const listing = (async () => {
    for await (const file of files) {
      scan.expect(1);
      waiting.push(file);
      wake();
      if (scan.isCancelled) return;
    }
    scan.listingEnded();
  })().finally(() => {
    ended = true;
    wake();
  });
  // Told where it is waited for.
  listing.catch(() => {});
  for (let next = 0; ; ) {
    if (next < waiting.length) {
      yield waiting[next++]!;
      if (next < KEPT) continue;
      waiting.splice(0, next);
      next = 0;
    } else if (ended) {
      return await listing;
    } else {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
}

async function* inBatches(files: AsyncGenerator<string>): AsyncGenerator<string[]> {
  let batch: string[] = [];
  let size = FIRST_BATCH;
  for await (const file of files) {
    batch.push(file);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
    size = BATCH;
  }
  if (batch.length > 0) yield batch;
}
