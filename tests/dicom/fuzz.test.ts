/**
 * Damaged files give a result or an error with a code, in bounded time and memory, and what was cut off is never shown as
 * whole. The long run over all of the sample data: npm run fuzz.
 */
import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { toErrorData } from '../../core/base/errors.ts';
import { Random } from '../../core/base/random.ts';
import { decodeBytes } from '../../core/dicom/decodeFile.ts';
import { MEMORY_LIMIT_BYTES, processorMs, TIME_LIMIT_MS } from '../../scripts/support/limits.ts';
import { mutate } from '../../scripts/support/mutate.ts';
import { readManifest } from '../support/dicomManifest.ts';

const runs = 300;
const files = readManifest(resolve('tests/data/dicom/manifest.json'))
  .map((entry) => entry.path)
  .filter((path) => statSync(path).size > 0);

it(`${runs} damaged files`, async () => {
  const random = new Random('fuzz');
  const before = process.memoryUsage().rss;
  let worst = 0;
  for (let run = 0; run < runs; run++) {
    const path = random.pick(files);
    const original = readFileSync(path);
    const { damage, bytes } = mutate(original, random.fork(`${run}`));
    const started = processorMs();
    const decoded = await decodeBytes(path, bytes).catch((error: unknown) => toErrorData(error));
    const code = 'code' in decoded ? decoded.code : 'decoded';
    const spent = processorMs() - started;
    worst = Math.max(worst, spent);
    expect({ run, path, code }).not.toMatchObject({ code: 'INTERNAL' });
    expect(spent, `run ${run}, ${path}`).toBeLessThan(TIME_LIMIT_MS);
    if (damage === 'cut' && !('code' in decoded) && !decoded.warnings) {
      expect(decoded.sha256, `run ${run}, ${path}`).toBe((await decodeBytes(path, original)).sha256);
    }
    expect(process.memoryUsage().rss - before, `run ${run}, ${path}`).toBeLessThan(MEMORY_LIMIT_BYTES);
  }
  expect(worst).toBeGreaterThan(0);
});
