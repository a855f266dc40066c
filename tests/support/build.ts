/** What is built into out/ is built by one test file at a time, and the page only where its sources are newer. */
import { mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { buildRenderer } from '../../main/headless/rendererBuild.ts';
import { buildBundles } from '../../scripts/build.ts';
import { root } from './command.ts';

const LOCK = join(root, 'test-results', 'build.lock');
/** A lock that is older was left by a run that was killed. */
const STALE_MS = 180_000;

export function buildPageOnce(): Promise<void> {
  return alone(() => buildRenderer(() => {}));
}

/** Everything that is packed, and what is then done with it. */
export function buildAllAnd<T>(use: () => Promise<T>): Promise<T> {
  return alone(async () => {
    await buildBundles();
    await buildRenderer(() => {});
    return use();
  });
}

async function alone<T>(work: () => Promise<T>): Promise<T> {
  mkdirSync(join(LOCK, '..'), { recursive: true });
  while (!taken()) await new Promise((resolve) => setTimeout(resolve, 200));
  try {
    return await work();
  } finally {
    rmSync(LOCK, { recursive: true, force: true });
  }
}

function taken(): boolean {
  try {
    mkdirSync(LOCK);
    return true;
  } catch {
    const since = statSync(LOCK, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (since > 0 && Date.now() - since > STALE_MS) rmSync(LOCK, { recursive: true, force: true });
    return false;
  }
}
