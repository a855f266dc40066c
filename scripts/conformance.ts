/** Writes docs/CONFORMANCE.md; tests/dicom/conformance.test.ts sees to it that it is current. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { conformancePage } from '../core/dicom/conformancePage.ts';

const docs = join(import.meta.dirname, '..', 'docs');
mkdirSync(docs, { recursive: true });
writeFileSync(join(docs, 'CONFORMANCE.md'), conformancePage());
