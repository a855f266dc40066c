/** The small copies of the sample data (tests/data/dicom, see NOTICE.md there): a file of each codec, and hostile ones. */
import { basename, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Codec, TRANSFER_SYNTAXES, transferSyntaxOf } from '../../core/dicom/conformance.ts';
import { readFilmHeader } from '../../core/dicom/headerFile.ts';
import { checkEntry, readManifest } from '../support/dicomManifest.ts';

const entries = readManifest(resolve('tests/data/dicom/manifest.json'));

describe('DICOM: the samples', () => {
  for (const entry of entries) {
    it(`${entry.expect}: ${entry.path.split('/').slice(-2).join('/')}`, () => checkEntry(entry), 10_000);
  }

  it('have every codec of the conformance table', async () => {
    const decoded = entries.filter((entry) => entry.expect === 'decode');
    const headers = await Promise.all(decoded.map((entry) => readFilmHeader(entry.path)));
    const codecs = new Set(headers.map((header) => transferSyntaxOf(header.transferSyntax)?.codec));
    const all = new Set(TRANSFER_SYNTAXES.flatMap((syntax): Codec[] => (syntax.codec ? [syntax.codec] : [])));
    expect([...all].filter((codec) => !codecs.has(codec))).toEqual([]);
  });

  it('are recognised by content, whatever their name', async () => {
    const header = await readFilmHeader(join(resolve('tests/data/dicom'), 'dicomdir_derived/IMAGES/IM000000'));
    expect(basename(header.path)).toBe('IM000000');
    expect(header.kind).toBe('dicom');
  });
});
