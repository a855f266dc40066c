/**
 * Damaged files give a result or an error with a code, in bounded time and memory. CHEXREASON_FUZZ=20000 makes it the long
 * run, over the whole sample data where it is there.
 */
import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { toErrorData } from '../../core/base/errors.ts';
import { Random } from '../../core/base/random.ts';
import { decodeBytes } from '../../core/dicom/decodeFile.ts';
import { readManifest } from '../support/dicomManifest.ts';
import { mutate } from '../support/mutate.ts';
import { dataDir } from '../support/reference.ts';

const asked = Number(process.env['CHEXREASON_FUZZ'] ?? 0);
const runs = asked || 300;
const manifest = asked ? dataDir('manifest.json') : null;
const files = readManifest(manifest ?? resolve('tests/data/dicom/manifest.json'))
  .map((entry) => entry.path)
  .filter((path) => statSync(path).size > 0);
/** Wall time on a busy machine; alone, the slowest takes a tenth of it. */
const TIME_LIMIT_MS = 5_000;
const MEMORY_LIMIT_BYTES = 512 * 2 ** 20;

it(`${runs} damaged files`, { timeout: 60_000 + runs * 500 }, async () => {
  const random = new Random('fuzz');
  const before = process.memoryUsage().rss;
  let worst = 0;
  for (let run = 0; run < runs; run++) {
    const path = random.pick(files);
    const damaged = mutate(readFileSync(path), random.fork(`${run}`));
    const started = performance.now();
    const code = await decodeBytes(path, damaged).then(
      () => 'decoded',
      (error: unknown) => toErrorData(error).code,
    );
    const spent = performance.now() - started;
    worst = Math.max(worst, spent);
    expect({ run, path, code }).not.toMatchObject({ code: 'INTERNAL' });
    expect(spent, `run ${run}, ${path}`).toBeLessThan(TIME_LIMIT_MS);
    expect(process.memoryUsage().rss - before, `run ${run}, ${path}`).toBeLessThan(MEMORY_LIMIT_BYTES);
  }
  expect(worst).toBeGreaterThan(0);
});
