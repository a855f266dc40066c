/** The small copies of the sample data (tests/data/dicom, see NOTICE.md there): a file of each codec, and hostile ones. */
import { basename, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { TRANSFER_SYNTAXES } from '../../core/dicom/conformance.ts';
import { readFilmHeader } from '../../core/dicom/headerFile.ts';
import { checkEntry, readManifest } from '../support/dicomManifest.ts';

const entries = readManifest(resolve('tests/data/dicom/manifest.json'));

describe('DICOM: the samples', () => {
  for (const entry of entries) {
    it(`${entry.expect}: ${entry.path.split('/').slice(-2).join('/')}`, () => checkEntry(entry), 10_000);
  }

  /** The retired full progression differs from spectral selection (.53) in its frames' scans only. */
  const WITHOUT_SAMPLE = ['1.2.840.10008.1.2.4.55'];

  it('have every transfer syntax that the conformance table says is read', async () => {
    const variants = readManifest(resolve('tests/data/dicom/variants/manifest.json'));
    const decoded = [...entries, ...variants].filter((entry) => entry.expect === 'decode');
    const headers = await Promise.all(decoded.map((entry) => readFilmHeader(entry.path)));
    const seen = new Set(headers.map((header) => header.transferSyntax));
    const read = TRANSFER_SYNTAXES.flatMap(({ uid, codec }) => (codec ? [uid] : []));
    expect(read.filter((uid) => !seen.has(uid))).toEqual(WITHOUT_SAMPLE);
  });

  it('are recognised by content, whatever their name', async () => {
    const header = await readFilmHeader(join(resolve('tests/data/dicom'), 'dicomdir_derived/IMAGES/IM000000'));
    expect(basename(header.path)).toBe('IM000000');
    expect(header.kind).toBe('dicom');
  });
});
