/** Paths as the user means them. */
import { resolve } from 'node:path';
import { nodePlatform, stderrLog, userDirectory } from '../../core/platform/node.ts';
import type { Platform } from '../../core/platform/platform.ts';
import { resourcesDir } from '../places.ts';

/** npm changes to the folder of package.json and leaves the user's own in INIT_CWD. */
const userCwd = process.env['npm_lifecycle_event'] === 'chexreason' ? process.env['INIT_CWD'] : undefined;

export function userPath(path: string): string {
  return resolve(userCwd ?? process.cwd(), path);
}

export function commandPlatform(): Platform {
  const log = process.env['CHEXREASON_LOG'] ? stderrLog : undefined;
  return nodePlatform({ resourcesDir, userDir: userDirectory() }, log);
}
