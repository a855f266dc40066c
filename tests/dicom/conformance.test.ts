import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { TRANSFER_SYNTAXES } from '../../core/dicom/conformance.ts';
import { conformancePage } from '../../core/dicom/conformancePage.ts';

it('docs/CONFORMANCE.md is what the table says (npx tsx scripts/conformance.ts)', () => {
  expect(readFileSync(resolve('docs/CONFORMANCE.md'), 'utf8')).toBe(conformancePage());
});

it('no UID stands twice', () => {
  const uids = TRANSFER_SYNTAXES.map((syntax) => syntax.uid);
  expect(new Set(uids).size).toBe(uids.length);
});
