/**
 * Every file of the sample data's manifest through `chexreason decode`: lossless pixels by their sha256, lossy ones by
 * their statistics, gray values by the sha256 of the rendered image, broken files by an error with a code.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { WorkbenchError } from '../../core/base/errors.ts';
import { type DecodeResult, decodeFile } from '../../core/dicom/decodeFile.ts';
import { dataDir, describeReference } from '../support/reference.ts';

interface Stored {
  frames: number;
  rows: number;
  cols: number;
  samples: number;
  dtype: string;
  min: number;
  max: number;
  mean: number;
  sha256: string;
}

interface Entry {
  path: string;
  expect: 'decode' | 'decode_lenient' | 'no_pixels' | 'dicomdir' | 'corrupt';
  transfer_syntax_name?: string;
  lossy?: boolean;
  stored?: Stored;
  tolerance?: { max_abs: number; mean_abs: number };
  voi8?: Record<'window0' | 'lut0' | 'minmax', { sha256: string } | undefined>;
}

/** Where the manifest contradicts its own formula, or a reader may know better; each with its reason. */
const EXCEPTIONS: Record<string, string> = {
  'dicom/derived/highbit13_stored10.dcm':
    'its sha256 is of (word & 1023) >> 4; its formula, its note and PS3.5 8.1.1 say (word >> 4) & 1023',
  'dicom/pydicom-data/emri_small_jpeg_2k_lossless_too_short.dcm':
    'only the sequence delimiter is missing: all ten frames are there, and equal those of emri_small.dcm',
};

async function attempt(path: string): Promise<DecodeResult | WorkbenchError> {
  try {
    return await decodeFile(path);
  } catch (error) {
    if (error instanceof WorkbenchError) return error;
    throw error;
  }
}

function checkDecoded(entry: Entry, result: DecodeResult): void {
  const stored = entry.stored!;
  expect(result).toMatchObject({
    frames: stored.frames,
    rows: stored.rows,
    columns: stored.cols,
    samplesPerPixel: stored.samples,
    dtype: stored.dtype,
  });
  if (entry.lossy) {
    const { max_abs, mean_abs } = entry.tolerance!;
    expect(Math.abs(result.mean - stored.mean)).toBeLessThanOrEqual(mean_abs + 1e-6);
    expect(Math.abs(result.max - stored.max)).toBeLessThanOrEqual(max_abs);
    expect(Math.abs(result.min - stored.min)).toBeLessThanOrEqual(max_abs);
    return;
  }
  expect(result.sha256).toBe(stored.sha256);
  expect(result.mean).toBeCloseTo(stored.mean, 4);
  const voi8 = entry.voi8 && (entry.voi8.window0 ?? entry.voi8.lut0 ?? entry.voi8.minmax);
  // The manifest hashes the gray values of all frames, the command those of the first.
  if (voi8 && stored.frames === 1) expect(result.voi8Sha256).toBe(voi8.sha256);
}

describeReference('chexreason decode on the sample data', dataDir('manifest.json'), (manifest) => {
  if (manifest === '') return;
  const root = join(manifest, '..');
  // The manifest is Python's JSON, with Infinity and NaN.
  const text = readFileSync(manifest, 'utf8').replace(/: (-?Infinity|NaN)/g, ': null');
  const entries = (JSON.parse(text) as { files: Entry[] }).files;
  for (const entry of entries) {
    const reason = EXCEPTIONS[entry.path];
    it(`${entry.expect}: ${entry.path}${reason ? ` (${reason})` : ''}`, async () => {
      const result = await attempt(join(root, entry.path));
      if (result instanceof WorkbenchError) {
        expect(result.code).not.toBe('INTERNAL');
        expect(result.details['file']).toBe(join(root, entry.path));
      }
      if (reason) expect(result).not.toBeInstanceOf(WorkbenchError);
      else if (entry.expect === 'decode') checkDecoded(entry, result as DecodeResult);
      else if (entry.expect !== 'corrupt' && entry.expect !== 'decode_lenient') {
        expect(result).toBeInstanceOf(WorkbenchError);
      }
    }, 5_000);
  }
});
