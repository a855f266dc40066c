/**
 * What a user drops, as it lies on the disk: a medium with a DICOMDIR (written here, and real ones), a folder of films, label
 * tables, a model and an adapter folder. The same checks for a page and for the desktop.
 */
import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { root } from './command.ts';
import { dropPaths, messages } from './dropping.ts';
import { dataDir } from './reference.ts';

/** A medium in the repository: a DICOMDIR and the five films that it refers to. */
export const MEDIUM = join(root, 'tests/data/dicom/dicomdir_derived');
/** Real ones of pydicom's tests; null where the data is not there. */
export const REAL = dataDir('dicom/dicomdir_pydicom');

const filmLines = (page: Page) => page.locator('.line-film');
const opened = (page: Page) => page.locator('.line-collection', { hasText: 'Opened films' });
const scanned = async (page: Page, said: RegExp) => {
  await page.locator('.notices', { hasText: said }).waitFor({ timeout: 60_000 });
  return messages(page);
};

export async function dropsMedium(page: Page): Promise<void> {
  await page.keyboard.press('Alt+1');
  const before = await filmLines(page).count();
  await dropPaths(page, [MEDIUM]);
  expect(await scanned(page, /5 films in/)).not.toContain('could not be opened');
  await opened(page).waitFor();
  await page.waitForFunction((count) => document.querySelectorAll('.line-film').length >= count, before);
  await page.waitForSelector('.film-canvas canvas');
}

/** A DICOMDIR some of whose films are missing: the others open, and each missing one is named. */
export async function dropsBroken(page: Page, folder: string, whole: boolean): Promise<void> {
  const broken = join(folder, `broken-${whole}`);
  cpSync(MEDIUM, broken, { recursive: true });
  const [first] = readdirSync(join(broken, 'IMAGES')).sort();
  rmSync(join(broken, 'IMAGES', first!));
  await dropPaths(page, [whole ? broken : join(broken, 'DICOMDIR')]);
  const said = await scanned(page, /films? in/);
  expect(said).toMatch(/could not be opened/);
  expect(said).toContain(`${first}: A file that the DICOMDIR refers to is missing.`);
}

export async function dropsReal(page: Page): Promise<void> {
  await dropPaths(page, [REAL!]);
  const said = await scanned(page, /films? in/);
  // pydicom's media name files of their own that are there, and some that are not.
  expect(said).toMatch(/\d+ patients?, \d+ stud/);
}

export async function dropsTable(page: Page, folder: string): Promise<void> {
  await dropPaths(page, [join(folder, 'a/CheXpert-v1.0/valid.csv')]);
  const form = page.locator('.add-table').first();
  await form.waitFor();
  expect(await form.locator('select').first().inputValue()).toBe('chexpert');
  const own = join(folder, 'own.csv');
  writeFileSync(own, 'file,patient,oedema\na.png,1,yes\n');
  await dropPaths(page, [own]);
  await expect.poll(() => form.locator('select').first().inputValue(), { timeout: 20_000 }).toBe('custom');
  await page.getByText('oedema').first().waitFor({ state: 'attached', timeout: 20_000 });
}

/** A model and an adapter that the workspace does not have. */
export async function dropsCheckpoints(page: Page, folder: string): Promise<void> {
  const [model, adapter] = ['Dropped model', 'Dropped adapter'].map((name) => join(folder, name));
  for (const [from, to] of [
    ['base', model],
    ['sft', adapter],
  ] as const) {
    cpSync(join(folder, from), to!, { recursive: true });
    rmSync(join(to!, 'chexreason.json'), { force: true });
  }
  await dropPaths(page, [model!]);
  await page.getByText('Dropped model was added').waitFor({ timeout: 60_000 });
  await dropPaths(page, [adapter!]);
  await page.getByText('Dropped adapter was added').waitFor({ timeout: 60_000 });
  await messages(page);
}

export async function dropsNothingKnown(page: Page, folder: string): Promise<void> {
  const empty = join(folder, 'empty');
  mkdirSync(empty, { recursive: true });
  writeFileSync(join(empty, 'note.txt'), 'no film');
  await dropPaths(page, [empty]);
  const said = await scanned(page, /0 films in/);
  expect(said).toContain('note.txt');
}
