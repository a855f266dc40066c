/**
 * Export of films without their patients (core/dicom/deidentify): paths, or films of the workspace, to a folder. The
 * workspace keeps one secret salt, so that all of its exports give the same patient, study and film the same new names.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, stat } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import { toErrorData, WorkbenchError } from '../base/errors.ts';
import { throwIfCancelled, type Work } from '../base/progress.ts';
import { type ExportedFile, exportFile } from '../dicom/deidentify/exportFile.ts';
import type { ProfileOptions } from '../dicom/deidentify/profile.ts';
import { scanPaths } from '../dicom/scan.ts';
import { dicomThreadCount } from '../dicom/threads.ts';
import { readJsonIfThere, writeFileAtomic } from '../platform/files.ts';
import type { DeidentifySummary } from './contract.ts';

const SALT_FILE = 'deidentification.json';
const SALT_BYTES = 32;

export interface DeidentifyRequest extends ProfileOptions {
  /** Folder that the copies go to; made where it is missing. */
  out: string;
  /** Folder of the workspace, which keeps the salt. */
  workspace: string;
}

/** Every film in files, folders and DICOMDIRs. Files that are no films are listed in `rejected`. */
export async function deidentifyPaths(
  paths: readonly string[],
  request: DeidentifyRequest,
  work: Work,
): Promise<DeidentifySummary> {
  const films: string[] = [];
  const out = resolve(request.out);
  // Copies of an earlier export are no sources.
  const isSource = (path: string) => !resolve(path).startsWith(out + sep);
  const scan = await scanPaths(paths, work, (found) => {
    films.push(...found.map(({ path }) => path).filter(isSource));
  });
  const summary = await deidentifyFiles(films, request, work);
  const rejected = [...scan.rejected.filter(({ file }) => isSource(file)), ...summary.rejected];
  return { ...summary, rejected };
}

/** These files, in parallel; one that fails costs itself only. */
export async function deidentifyFiles(
  files: readonly string[],
  request: DeidentifyRequest,
  work: Work,
): Promise<DeidentifySummary> {
  const started = Date.now();
  const out = resolve(request.out);
  await requireFolder(out);
  const settings = { ...request, out, salt: await secretSalt(request.workspace) };
  const exported: ExportedFile[] = [];
  const rejected: DeidentifySummary['rejected'] = [];
  let next = 0;
  const take = async () => {
    while (next < files.length) {
      throwIfCancelled(work.signal);
      const file = files[next++]!;
      try {
        exported.push(await exportFile(file, settings));
      } catch (error) {
        const { code, message } = toErrorData(error);
        if (code === 'DISK_FULL') throw error;
        rejected.push({ file, code, message });
      }
      const done = exported.length + rejected.length;
      work.report({ stage: 'Writing de-identified films', done, total: files.length, failures: rejected.length });
    }
  };
  await Promise.all(Array.from({ length: dicomThreadCount() + 1 }, take));
  return {
    out,
    patients: new Set(exported.map(({ pseudonym }) => pseudonym)).size,
    studies: new Set(exported.map(({ studyInstanceUid }) => studyInstanceUid)).size,
    films: exported.length,
    files: exported
      .map(({ file, to, pixelsMayIdentify, warnings }) => ({ file, to, pixelsMayIdentify, warnings }))
      .sort((a, b) => (a.file < b.file ? -1 : 1)),
    rejected: rejected.sort((a, b) => (a.file < b.file ? -1 : 1)),
    seconds: (Date.now() - started) / 1000,
  };
}

async function requireFolder(path: string): Promise<void> {
  const there = await stat(path).catch(() => null);
  if (there && !there.isDirectory()) {
    throw new WorkbenchError('FILE_NOT_A_FOLDER', 'A folder was expected, and this is a file.', { file: path });
  }
  await mkdir(path, { recursive: true });
}

/** Of the workspace; made at the first export. Whoever has it can try names, so it lies apart from what is exported. */
export async function secretSalt(workspace: string): Promise<string> {
  const path = join(workspace, SALT_FILE);
  const there = await readJsonIfThere<{ salt: string }>(path);
  if (there && /^[0-9a-f]{32,}$/.test(there.salt)) return there.salt;
  if (there) {
    throw new WorkbenchError(
      'SALT_UNREADABLE',
      'The secret of this workspace’s exports cannot be read.',
      { file: path },
      'Put the file back, or remove it: later exports then give other pseudonyms.',
    );
  }
  const salt = randomBytes(SALT_BYTES).toString('hex');
  const note = 'Secret. Ties pseudonyms and UIDs of exported films to their sources; do not share it with the films.';
  await writeFileAtomic(path, `${JSON.stringify({ note, salt }, null, 2)}\n`);
  return salt;
}
