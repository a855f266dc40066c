/**
 * The sample data's manifest (shared/data/manifest.json, and its small copy tests/data/dicom/manifest.json): what a correct
 * reader gives for each file, and the checks of it. The manifest's own `formulas` say how its numbers were computed.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { WorkbenchError } from '../../core/base/errors.ts';
import { bytesOf } from '../../core/base/hash.ts';
import { type DecodeResult, decodeFile } from '../../core/dicom/decodeFile.ts';
import type { Film } from '../../core/dicom/film.ts';
import { openFilm } from '../../core/dicom/openFilm.ts';
import { modalityFunction, renderGray } from '../../core/dicom/voi.ts';

export interface ManifestEntry {
  path: string;
  expect: 'decode' | 'decode_lenient' | 'no_pixels' | 'dicomdir' | 'corrupt';
  expected_behaviour?: string;
  note?: string;
  transfer_syntax_name?: string;
  photometric?: string;
  header: Record<string, unknown>;
  lossy?: boolean;
  stored?: Statistics & { frames: number; rows: number; cols: number; samples: number; dtype: string; sha256: string };
  modality?: Statistics & { source: 'none' | 'rescale' | 'lut' };
  tolerance?: { max_abs: number; mean_abs: number };
  voi8?: Partial<Record<'window0' | 'lut0' | 'minmax', Statistics & { sha256: string }>>;
  rgb?: Statistics & { dtype: string; sha256: string };
  dicomdir_record_counts?: Record<string, number>;
  dicomdir_files?: string[];
}

interface Statistics {
  min: number;
  max: number;
  mean: number;
}

/** Paths come back absolute. The manifest is Python's JSON, with Infinity and NaN. */
export function readManifest(path: string): ManifestEntry[] {
  const text = readFileSync(path, 'utf8').replace(/: (-?Infinity|NaN)/g, ': null');
  const { files } = JSON.parse(text) as { files: ManifestEntry[] };
  return files.map((entry) => ({ ...entry, path: join(dirname(path), entry.path) }));
}

/** Where the manifest contradicts its own formula, or a reader may know better; each with its reason. */
const EXCEPTIONS: Record<string, string> = {
  'derived/highbit13_stored10.dcm':
    'its sha256 is of (word & 1023) >> 4; its formula, its note and PS3.5 8.1.1 say (word >> 4) & 1023',
  'pydicom-data/emri_small_jpeg_2k_lossless_too_short.dcm':
    'only the sequence delimiter is missing: all ten frames are there, and equal those of emri_small.dcm',
};

export function exceptionOf(entry: ManifestEntry): string | undefined {
  return Object.entries(EXCEPTIONS).find(([path]) => entry.path.endsWith(path))?.[1];
}

/** Runs a file through `chexreason decode` and through `openFilm`, and compares all that the manifest knows. */
export async function checkEntry(entry: ManifestEntry): Promise<void> {
  const result = await attempt(() => decodeFile(entry.path));
  if (result instanceof WorkbenchError) {
    expect(result.code).not.toBe('INTERNAL');
    expect(result.details['file']).toBe(entry.path);
  }
  if (exceptionOf(entry)) expect(result).not.toBeInstanceOf(WorkbenchError);
  else if (entry.expect === 'decode') {
    if (result instanceof WorkbenchError) throw result;
    checkStored(entry, result);
    await checkFilm(entry);
  } else if (entry.expect === 'no_pixels' || entry.expect === 'dicomdir') {
    expect(result).toBeInstanceOf(WorkbenchError);
  }
}

async function attempt<T>(run: () => Promise<T>): Promise<T | WorkbenchError> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof WorkbenchError) return error;
    throw error;
  }
}

function checkStored(entry: ManifestEntry, result: DecodeResult): void {
  const { frames, rows, cols, samples, dtype, sha256, ...statistics } = entry.stored!;
  expect(result).toMatchObject({ frames, rows, columns: cols, samplesPerPixel: samples, dtype });
  if (entry.lossy) {
    const { max_abs, mean_abs } = entry.tolerance!;
    expect(Math.abs(result.mean - statistics.mean)).toBeLessThanOrEqual(mean_abs + 1e-6);
    expect(Math.abs(result.max - statistics.max)).toBeLessThanOrEqual(max_abs);
    expect(Math.abs(result.min - statistics.min)).toBeLessThanOrEqual(max_abs);
    return;
  }
  expect(result.sha256).toBe(sha256);
  expect(result.mean).toBeCloseTo(statistics.mean, 4);
  const voi8 = entry.voi8?.window0 ?? entry.voi8?.lut0 ?? entry.voi8?.minmax;
  // The manifest hashes the gray values of all frames, the command those of the first.
  if (voi8 && frames === 1) expect(result.voi8Sha256).toBe(voi8.sha256);
}

async function checkFilm(entry: ManifestEntry): Promise<void> {
  const first = await openFilm(entry.path);
  checkTags(entry, first);
  const films = [first];
  for (let frame = 1; frame < first.frames; frame++) films.push(await openFilm(entry.path, { frame }));
  if (entry.rgb?.dtype === 'uint8') checkColor(entry, films);
  // A film takes its rescaling and windows from functional groups (C.7.6.16); the manifest's reader does not look there.
  const isEnhanced = /emri_|eCT_|CT0012/.test(entry.path);
  if (!isEnhanced && entry.modality && entry.modality.max !== null) checkGray(entry, films);
}

function checkTags(entry: ManifestEntry, film: Film): void {
  const { header } = entry;
  const name = header['PatientName'] as Record<'alphabetic' | 'ideographic' | 'phonetic', string> | undefined;
  // pydicom leaves ISO 2022 IR 58's escape sequences in the text.
  if (name && !name.ideographic.includes('\u001b')) {
    const groups = [name.alphabetic, name.ideographic, name.phonetic].join('=').replace(/=+$/, '');
    expect(film.tags.patientName).toBe(groups);
  }
  const same = (keyword: string, value: string) => {
    if (typeof header[keyword] === 'string') expect(value).toBe(header[keyword]);
  };
  same('PatientID', film.tags.patientId);
  same('StudyInstanceUID', film.tags.studyInstanceUid);
  same('SeriesInstanceUID', film.tags.seriesInstanceUid);
  same('SOPInstanceUID', film.tags.sopInstanceUid);
  same('Modality', film.tags.modality);
  same('ViewPosition', film.tags.viewPosition);
  same('BodyPartExamined', film.tags.bodyPart);
}

function checkColor(entry: ManifestEntry, films: Film[]): void {
  const rgb = entry.rgb!;
  let sum = 0;
  let count = 0;
  for (const { pixels } of films) {
    for (const value of pixels) sum += value;
    count += pixels.length;
  }
  const tolerance = entry.lossy ? entry.tolerance!.mean_abs * 2 + 0.01 : 0.01;
  expect(Math.abs(sum / count - rgb.mean)).toBeLessThanOrEqual(tolerance);
  if (entry.lossy) return;
  expect(hashOf(films.map((film) => film.pixels))).toBe(rgb.sha256);
}

function checkGray(entry: ManifestEntry, films: Film[]): void {
  const { mean_abs, max_abs } = entry.lossy ? entry.tolerance! : { mean_abs: 1e-4, max_abs: 1e-9 };
  const { modality } = films[0]!;
  const scale = modality.kind === 'rescale' ? Math.abs(modality.slope) : 1;
  const source = { identity: 'none', rescale: 'rescale', lut: 'lut' }[modality.kind];
  expect(source).toBe(entry.modality!.source);
  const minimum = Math.min(...films.map((film) => film.minimum));
  const maximum = Math.max(...films.map((film) => film.maximum));
  expect(Math.abs(minimum - entry.modality!.min)).toBeLessThanOrEqual(max_abs * scale);
  expect(Math.abs(maximum - entry.modality!.max)).toBeLessThanOrEqual(max_abs * scale);
  expect(Math.abs(modalityMean(films) - entry.modality!.mean)).toBeLessThanOrEqual((mean_abs + 1e-5) * scale);
  if (entry.lossy) return;
  for (const kind of ['window0', 'lut0', 'minmax'] as const) {
    const expected = entry.voi8?.[kind];
    // The manifest's reader counts in 8 bits there, so that index 256 of the table becomes 0.
    const isWrapped = kind === 'lut0' && entry.path.endsWith('voilut_offset_and_window.dcm');
    if (!expected || isWrapped) continue;
    const grays = films.map((film) => {
      const voi =
        kind === 'minmax'
          ? ({ kind, minimum, maximum } as const)
          : film.voi.find((offered) => offered.kind === (kind === 'lut0' ? 'lut' : 'window'))!;
      return renderGray(film, voi, { inverse: false });
    });
    expect(hashOf(grays), kind).toBe(expected.sha256);
  }
}

function modalityMean(films: Film[]): number {
  let sum = 0;
  let count = 0;
  for (const { pixels, modality } of films) {
    const value = modalityFunction(modality);
    for (let i = 0; i < pixels.length; i++) sum += value(pixels[i]!);
    count += pixels.length;
  }
  return sum / count;
}

function hashOf(arrays: ArrayBufferView[]): string {
  const hash = createHash('sha256');
  for (const array of arrays) hash.update(bytesOf(array));
  return hash.digest('hex');
}
