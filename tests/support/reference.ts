/**
 * Where the reference values and the sample data lie: the folder that CHEXREASON_REFERENCE or CHEXREASON_DATA names, else
 * ../shared beside the checkout (or beside its parent), else the small copies in tests/reference/data. A test that finds
 * none is skipped, with the reason in its name.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, it } from 'vitest';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

function firstThere(candidates: (string | undefined)[]): string | null {
  return candidates.find((path) => path !== undefined && existsSync(path)) ?? null;
}

/** The folder `name` (or file) of the reference values, or null. */
export function referenceDir(name: string): string | null {
  const named = process.env['CHEXREASON_REFERENCE'];
  if (named !== undefined) return firstThere([join(resolve(named), name)]);
  return firstThere([
    resolve(root, '../shared/reference', name),
    resolve(root, '../../shared/reference', name),
    resolve(root, 'tests/reference/data', name),
  ]);
}

/** The folder `name` (or file) of the sample data, or null. */
export function dataDir(name: string): string | null {
  const named = process.env['CHEXREASON_DATA'];
  if (named !== undefined) return firstThere([join(resolve(named), name)]);
  return firstThere([
    resolve(root, '../shared/data', name),
    resolve(root, '../../shared/data', name),
    resolve(root, 'tests/reference/data', name),
  ]);
}

/** A `describe` that runs where the folder is there, and is skipped, saying so, where it is not. */
export function describeReference(title: string, folder: string | null, body: (folder: string) => void): void {
  // The body may read its files while it names its tests, so it is not run without them.
  if (folder === null) it.skip(`${title} (skipped: no reference values here)`, () => {});
  else describe(title, () => body(folder));
}

// biome-ignore lint/suspicious/noExplicitAny: reference files are read as they are
export function readJsonFile(...path: string[]): any {
  return JSON.parse(readFileSync(join(...path), 'utf8'));
}
