/** Corners of the standard that the samples leave out: tests/data/dicom/variants, made by make.py there, with their values. */
import { resolve } from 'node:path';
import { describe, it } from 'vitest';
import { checkEntry, readManifest } from '../support/dicomManifest.ts';

describe('DICOM: variants', () => {
  for (const entry of readManifest(resolve('tests/data/dicom/variants/manifest.json'))) {
    it(`${entry.path.split('/').at(-1)}: ${entry.note}`, () => checkEntry(entry), 10_000);
  }
});
