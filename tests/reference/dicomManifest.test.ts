/** Every file of the sample data's manifest: pixels, gray values, colours, tags; broken files end in an error with a code. */
import { relative } from 'node:path';
import { afterAll, it } from 'vitest';
import { checkEntry, exceptionOf, readManifest } from '../support/dicomManifest.ts';
import { dataDir, describeReference } from '../support/reference.ts';

/** By expectation and transfer syntax: how many files there are, and how many passed. */
const counts = new Map<string, { files: number; passed: number }>();

describeReference('DICOM: the sample data', dataDir('manifest.json'), (manifest) => {
  if (manifest === '') return;
  for (const entry of readManifest(manifest)) {
    const kind = `${entry.expect}, ${entry.transfer_syntax_name ?? 'no transfer syntax'}`;
    const count = counts.get(kind) ?? { files: 0, passed: 0 };
    counts.set(kind, count);
    const reason = exceptionOf(entry);
    const name = relative(manifest, entry.path).replace(/^(\.\.\/)+/, '');
    const run = async () => {
      count.files++;
      await checkEntry(entry);
      count.passed++;
    };
    it(`${kind}: ${name}${reason ? ` (${reason})` : ''}`, run, 30_000);
  }
  afterAll(() => {
    const lines = [...counts].sort().map(([kind, { files, passed }]) => `${kind}: ${passed} of ${files}`);
    console.log(lines.join('\n'));
  });
});
