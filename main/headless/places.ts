/** Paths as the user means them. */
import { isAbsolute, join, relative, resolve } from 'node:path';
import { nodePlatform, stderrLog, userDirectory } from '../../core/platform/node.ts';
import type { Platform } from '../../core/platform/platform.ts';
import { resourcesDir } from '../places.ts';

/** npm changes to the folder of package.json and leaves the user's own in INIT_CWD. */
const userCwd = process.env['npm_lifecycle_event'] === 'chexreason' ? process.env['INIT_CWD'] : undefined;

export function userPath(path: string): string {
  return resolve(userCwd ?? process.cwd(), path);
}

/** A file under one of the paths that the user gave, written as the user writes them. */
export function pathAsGiven(file: string, given: readonly string[]): string {
  for (const path of given) {
    const inside = relative(userPath(path), file);
    if (inside === '') return path;
    if (!inside.startsWith('..') && !isAbsolute(inside)) return join(path, inside);
  }
  return file;
}

export function commandPlatform(): Platform {
  const log = process.env['CHEXREASON_LOG'] ? stderrLog : undefined;
  return nodePlatform({ resourcesDir, userDir: userDirectory() }, log);
}
