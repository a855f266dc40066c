/** In a checkout the page host builds the page itself when there is none, or when its sources are newer. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { WorkbenchError } from '../../core/base/errors.ts';
import { applicationDir, bundled, rendererDir } from '../places.ts';

/** What the page is made of. */
const SOURCES = ['renderer', 'core', 'vite.config.ts', 'package.json'];

/** Makes sure that out/renderer is there and up to date. @throws RENDERER_MISSING in an installation without it */
export async function buildRenderer(note: (text: string) => void): Promise<void> {
  const built = await modifiedAt(join(rendererDir, 'index.html'));
  if (bundled) {
    if (built === 0) throw new WorkbenchError('RENDERER_MISSING', 'The page is not built.', { folder: rendererDir });
    return;
  }
  const changed = Math.max(...(await Promise.all(SOURCES.map((name) => newestUnder(join(applicationDir, name))))));
  if (built > changed) return;
  note('Building the page (once, some seconds) ...');
  const { build } = await import('vite');
  await build({ configFile: join(applicationDir, 'vite.config.ts'), logLevel: 'error' });
}

async function newestUnder(path: string): Promise<number> {
  const own = await modifiedAt(path);
  if (own === 0 || !(await stat(path)).isDirectory()) return own;
  const names = await readdir(path, { recursive: true });
  return Math.max(own, ...(await Promise.all(names.map((name) => modifiedAt(join(path, name))))));
}

/** Milliseconds; 0 where there is no such file. */
async function modifiedAt(path: string): Promise<number> {
  try {
    return (await stat(path)).mtimeMs;
  } catch {
    return 0;
  }
}
