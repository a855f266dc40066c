/**
 * Which code works figures out: a hash of it, so that figures that are kept are not taken for those of other code. In a
 * checkout that of the rooms which the figures depend on, in a bundle that of the bundle.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOMS = ['base', 'labels', 'evaluation'];

let version: Promise<string> | undefined;

export function codeVersion(): Promise<string> {
  version ??= hashOf(fileURLToPath(import.meta.url));
  return version;
}

async function hashOf(own: string): Promise<string> {
  const hash = createHash('sha256');
  for (const file of own.endsWith('.ts') ? await sources(dirname(own)) : [own]) hash.update(await readFile(file));
  return hash.digest('hex');
}

async function sources(here: string): Promise<string[]> {
  const files: string[] = [];
  for (const room of ROOMS) {
    const folder = join(here, '..', room);
    const names = (await readdir(folder)).filter((name) => name.endsWith('.ts')).sort();
    files.push(...names.map((name) => join(folder, name)));
  }
  return files;
}
