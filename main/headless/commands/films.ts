/** The commands about films alone: decode, scan, deidentify, phantom. */
import { join } from 'node:path';
import { type DecodeResult, decodeFile } from '../../../core/dicom/decodeFile.ts';
import { scanPaths } from '../../../core/dicom/scan.ts';
import { dicomThreadCount, startDicomThreads } from '../../../core/dicom/threads.ts';
import { writePhantom } from '../../../core/phantom/generate.ts';
import type { Institution } from '../../../core/phantom/scene.ts';
import { deidentifyPaths } from '../../../core/services/deidentification.ts';
import { dicomThreadPath } from '../../places.ts';
import type { Call } from '../call.ts';
import { commandPlatform, pathAsGiven, userPath } from '../places.ts';

/** Files are decoded in threads, where one that does not end can be ended; side by side, and answered in their order. */
export async function decode({ output, signal }: Call, _options: object, files: string[]): Promise<void> {
  startDicomThreads(dicomThreadPath());
  const ahead = dicomThreadCount();
  const results: Promise<DecodeResult>[] = [];
  for (const [index, file] of files.entries()) {
    while (results.length < files.length && results.length <= index + ahead) {
      const result = decodeFile(userPath(files[results.length]!));
      result.catch(() => {});
      results.push(result);
    }
    await output.attempt(file, signal, async () => ({ ...(await results[index]!), file }));
  }
}

/** Files in a folder that are no films are part of the answer; a path that was asked for and cannot be read is a failure. */
export async function scan({ output, signal }: Call, _options: object, paths: string[]): Promise<void> {
  const asked = paths.map(userPath);
  startDicomThreads(dicomThreadPath());
  const summary = await scanPaths(asked, output.work(signal), () => {});
  const { patients, studies, series, instances, rejected, seconds } = summary;
  const files = rejected.map(({ file, code }) => ({ file: pathAsGiven(file, paths), code }));
  output.result({ patients, studies, series, instances, rejected: files, seconds });
  if (rejected.some(({ file }) => asked.includes(file))) output.markFailed();
}

export interface DeidentifyOptions {
  out: string;
  workspace?: string;
  dates: 'remove' | 'shift';
  keepPatientCharacteristics?: boolean;
}

/** Copies without patients. As with `scan`, files of a folder that are no films are part of the answer. */
export async function deidentify({ output, signal }: Call, options: DeidentifyOptions, paths: string[]): Promise<void> {
  const { dates, keepPatientCharacteristics = false } = options;
  const asked = paths.map(userPath);
  const workspace =
    options.workspace === undefined ? join(commandPlatform().userDir, 'workspace') : userPath(options.workspace);
  startDicomThreads(dicomThreadPath());
  const request = { dates, keepPatientCharacteristics, workspace, out: userPath(options.out) };
  const { files, rejected, out: _, ...counts } = await deidentifyPaths(asked, request, output.work(signal));
  const exported = files.map(({ file, ...rest }) => ({ file: pathAsGiven(file, paths), ...rest }));
  const not = rejected.map(({ file, code }) => ({ file: pathAsGiven(file, paths), code }));
  output.result({ out: options.out, ...counts, files: exported, rejected: not });
  if (rejected.some(({ file }) => asked.includes(file)) || files.length === 0) output.markFailed();
}

export interface PhantomCommandOptions {
  institution: Institution;
  count: number;
  seed: number;
  out: string;
  size?: number;
  format?: 'dicom' | 'png';
}

export async function phantom({ output, signal }: Call, options: PhantomCommandOptions): Promise<void> {
  const { institution, count, seed, size, format } = options;
  const work = output.work(signal);
  output.result(await writePhantom({ institution, count, seed, size, format, out: userPath(options.out) }, work));
}
