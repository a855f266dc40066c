/** Every file of the sample data's manifest: pixels, gray values, colours, tags; broken files end in an error with a code. */
import { relative } from 'node:path';
import { it } from 'vitest';
import { checkEntry, exceptionOf, readManifest } from '../support/dicomManifest.ts';
import { dataDir, describeReference } from '../support/reference.ts';

describeReference('DICOM: the sample data', dataDir('manifest.json'), (manifest) => {
  if (manifest === '') return;
  for (const entry of readManifest(manifest)) {
    const reason = exceptionOf(entry);
    const name = relative(manifest, entry.path).replace(/^(\.\.\/)+/, '');
    it(`${entry.expect}, ${entry.transfer_syntax_name ?? 'no transfer syntax'}: ${name}${reason ? ` (${reason})` : ''}`, () =>
      checkEntry(entry), 10_000);
  }
});
