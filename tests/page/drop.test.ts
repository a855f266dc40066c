/** What is dropped on the page of `chexreason serve`, in Chromium: the host gets copies of files and of whole folders. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chromiumPath } from '../renderer/support/chromium.ts';
import {
  dropsBroken,
  dropsCheckpoints,
  dropsMedium,
  dropsNothingKnown,
  dropsReal,
  dropsTable,
  REAL,
} from '../support/dropped.ts';
import { makeJobWorkspace } from '../support/jobWorkspace.ts';
import { type ServedPage, servePage } from '../support/servedPage.ts';

describe.skipIf(!chromiumPath)('Dropped on the page (in Chromium; skipped where there is none)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'drop-'));
  let served: ServedPage;
  const page = () => served.page;

  beforeAll(async () => {
    const { workspace } = await makeJobWorkspace(folder);
    served = await servePage(workspace, join(folder, 'home'));
    await page().waitForSelector('.line-film');
  });
  afterAll(async () => {
    await served?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('a medium with a DICOMDIR: the folder is copied as it lies', async () => {
    await dropsMedium(page());
    const copied = readdirSync(join(folder, 'home/uploads'), { recursive: true, encoding: 'utf8' });
    expect(copied.filter((name) => /dicomdir_derived\/IMAGES\/IM/.test(name))).toHaveLength(5);
  });
  it('one of whose films is missing: it is named', () => dropsBroken(page(), folder, true));
  it('its DICOMDIR alone: every film is named', () => dropsBroken(page(), folder, false));
  it.skipIf(!REAL)('real media (skipped where the sample data is not)', () => dropsReal(page()));
  it('a label table, known or of one’s own', () => dropsTable(page(), folder));
  it('a model and an adapter', () => dropsCheckpoints(page(), folder));
  it('a folder with no film in it: what was there is named', () => dropsNothingKnown(page(), folder));
});
