/** Where the parts of the application lie: in a checkout (run by tsx), built (out/), or packed (app.asar beside resources/). */
import { existsSync } from 'node:fs';
import { dirname, join, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** scripts/build.ts gives `import.meta.url` a meaning in the CommonJS bundles. */
const here = dirname(fileURLToPath(import.meta.url));

/** One of the bundles in out/main, and not a source file. */
export const bundled = here.endsWith(join('out', 'main'));
/** The folder of package.json. */
export const applicationDir = bundled ? resolve(here, '..', '..') : resolve(here, '..');
const packed = applicationDir.endsWith(`${sep}app.asar`);

/** Prompts, labels, models, fonts. Files outside the archive, as native code and memory maps need them. */
export const resourcesDir = packed ? resolve(applicationDir, '..', 'resources') : join(applicationDir, 'resources');
export const rendererDir = join(applicationDir, 'out', 'renderer');
export const preloadPath = join(applicationDir, 'out', 'preload', 'preload.cjs');

/** The program of the engine process: built in a bundle, else the source. */
export function enginePath(): string {
  return bundled ? join(here, 'engine.cjs') : join(here, 'engine', 'engine.ts');
}

/** What decodes films beside the engine (core/dicom/threads.ts). */
export function dicomThreadPath(): string {
  return bundled ? join(here, 'dicomThread.cjs') : join(applicationDir, 'core', 'dicom', 'thread.ts');
}

/** What resamples beside the engine (core/evaluation/threads.ts). */
export function statisticsThreadPath(): string {
  return bundled ? join(here, 'statisticsThread.cjs') : join(applicationDir, 'core', 'evaluation', 'thread.ts');
}

/** The page is built, so that a host can show it. */
export function rendererIsBuilt(): boolean {
  return existsSync(join(rendererDir, 'index.html'));
}
