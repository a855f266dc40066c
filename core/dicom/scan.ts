/**
 * The index: files, folders and DICOMDIRs to film headers, as they are found. Headers only; links that lead in circles,
 * folders that may not be read and files that vanish are survived; whatever is no film is listed with its reason.
 */
import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type ErrorData, toErrorData } from '../base/errors.ts';
import { type Progress, throwIfCancelled, type Work } from '../base/progress.ts';
import { readDicomDirectory } from './dicomDir.ts';
import { type FilmHeader, readFilmHeader } from './headerFile.ts';

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

/** Files that are read at the same time. */
const CONCURRENCY = 32;
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
  const files = filesOf(paths, scan);
  await Promise.all(Array.from({ length: CONCURRENCY }, () => scan.consume(files)));
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
  async consume(files: AsyncGenerator<string>): Promise<void> {
    for (;;) {
      throwIfCancelled(this.work.signal);
      const next = await files.next();
      if (next.done) return;
      await this.read(next.value);
    }
  }

  private async read(file: string): Promise<void> {
    try {
      this.add(await readFilmHeader(file));
    } catch (error) {
      const data = toErrorData(error);
      if (data.code === 'DICOM_IS_DIRECTORY') await this.readDirectory(file);
      else this.reject(file, data);
    }
    this.done++;
    this.handOver();
  }

  /** A DICOMDIR's files; those that the scan has met already are passed over. */
  private async readDirectory(path: string): Promise<void> {
    try {
      const directory = await readDicomDirectory(path);
      for (const message of directory.warnings) this.reject(path, { code: 'DICOMDIR_DAMAGED', message, details: {} });
      for (const { path: file, error } of directory.references) {
        throwIfCancelled(this.work.signal);
        if (error) this.reject(file ?? path, error);
        else if (file && (await this.isNew(file))) await this.read(file);
      }
    } catch (error) {
      throwIfCancelled(this.work.signal);
      this.reject(path, toErrorData(error));
    }
  }

  /** Whether no other way has led to this file or folder yet. */
  async isNew(path: string): Promise<boolean> {
    const real = await realpath(path);
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
  for (const path of paths) yield* walk(path, scan);
}

async function* walk(path: string, scan: Scan): AsyncGenerator<string> {
  try {
    if (!(await scan.isNew(path))) return;
    const entry = await stat(path);
    if (entry.isFile()) yield path;
    else if (entry.isDirectory()) {
      for (const name of (await readdir(path)).sort()) yield* walk(join(path, name), scan);
    }
  } catch (error) {
    scan.reject(path, toErrorData(error));
  }
}
