/**
 * The index: files, folders and DICOMDIRs to film headers, as they are found. Headers only; links that lead in circles,
 * folders that may not be read and files that vanish are survived; whatever is no film is listed with its reason.
 */
import type { Dirent } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type ErrorData, toErrorData } from '../base/errors.ts';
import { type Progress, throwIfCancelled, type Work } from '../base/progress.ts';
import { readDicomDirectory } from './dicomDir.ts';
import { type FilmHeader, readFilmHeaders } from './headerFile.ts';
import { dicomThreadCount, inThread } from './threads.ts';

/** What `chexreason scan` prints. A film is counted by its file; patients, studies and series by their identifiers. */
export interface ScanSummary {
  patients: number;
  studies: number;
  series: number;
  /** Films: DICOM images, PNG and JPEG files. */
  instances: number;
  rejected: { file: string; code: string; message: string }[];
  seconds: number;
}

/** Headers read by one job: few at first, so that the first film shows at once. */
const FIRST_BATCH = 8;
const BATCH = 64;
/** Found films are handed over at most this often. */
const HAND_OVER_MS = 100;

/**
 * Scans files, folders (with all that is in them) and DICOMDIRs.
 * @param onFound gets films while the scan goes on.
 * @throws WorkbenchError CANCELLED; everything else is in `rejected`.
 */
export async function scanPaths(
  paths: readonly string[],
  work: Work,
  onFound: (films: FilmHeader[]) => void,
): Promise<ScanSummary> {
  const scan = new Scan(work, onFound);
  const batches = inBatches(filesOf(paths, scan));
  const readers = Array.from({ length: dicomThreadCount() + 1 }, () => scan.consume(batches));
  await Promise.all(readers);
  return scan.finish();
}

class Scan {
  readonly rejected: ScanSummary['rejected'] = [];
  readonly started = Date.now();
  private readonly seen = new Set<string>();
  private readonly patients = new Set<string>();
  private readonly studies = new Set<string>();
  private readonly series = new Set<string>();
  private instances = 0;
  private done = 0;
  private waiting: FilmHeader[] = [];
  private handedOver = 0;
  private readonly work: Work;
  private readonly onFound: (films: FilmHeader[]) => void;

  constructor(work: Work, onFound: (films: FilmHeader[]) => void) {
    this.work = work;
    this.onFound = onFound;
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
    for (const result of await inThread('readHeaders', [files], () => readFilmHeaders(files))) {
      if ('header' in result) this.add(result.header);
      else if (result.error.code === 'DICOM_IS_DIRECTORY') await this.readDirectory(result.path);
      else this.reject(result.path, result.error);
      this.done++;
    }
    this.handOver();
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

  private progress(now: number): Progress {
    const seconds = (now - this.started) / 1000;
    return {
      stage: 'Reading films',
      done: this.done,
      total: null,
      rate: seconds > 0 ? this.done / seconds : 0,
      failures: this.rejected.length,
    };
  }

  finish(): ScanSummary {
    this.handOver(true);
    return {
      patients: this.patients.size,
      studies: this.studies.size,
      series: this.series.size,
      instances: this.instances,
      rejected: this.rejected.sort((a, b) => (a.file < b.file ? -1 : 1)),
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
