/** An Electron that starts what out/ holds, without packing: a copy whose folder resources/app is this checkout. */
import { cpSync, existsSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');

/** @returns the folder of the copy, made where there is none or one of another version */
export function electronWithApp(dist: string): string {
  const copy = join(root, '.cache', 'electron-with-app');
  const app = join(copy, 'resources', 'app');
  const version = (folder: string) => readFileSync(join(folder, 'version'), 'utf8');
  if (!existsSync(app) || version(copy) !== version(dist)) {
    rmSync(copy, { recursive: true, force: true });
    cpSync(dist, copy, { recursive: true });
    symlinkSync(root, app);
  }
  return copy;
}
