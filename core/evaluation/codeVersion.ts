/**
 * Which code works figures out: a hash of it, so that figures that are kept are not taken for those of other code. In a
 * checkout that of the rooms which the figures depend on and of built bundles, in a package that of its bundles.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

const FOLDERS = ['core/base', 'core/labels', 'core/evaluation', 'out/main', 'app.asar/out/main'];

const known = new Map<string, Promise<string>>();

/** @param resourcesDir the application's folder `resources`: its code lies beside it */
export function codeVersion(resourcesDir: string): Promise<string> {
  const version = known.get(resourcesDir) ?? hashOf(join(resourcesDir, '..'));
  known.set(resourcesDir, version);
  return version;
}

async function hashOf(beside: string): Promise<string> {
  const hash = createHash('sha256');
  for (const folder of FOLDERS) {
    const names = await readdir(join(beside, folder)).catch(() => []);
    for (const name of names.filter((each) => /\.(ts|cjs)$/.test(each)).sort()) {
      hash.update(await readFile(join(beside, folder, name)));
    }
  }
  return hash.digest('hex');
}
