/** What is dropped on the page of `chexreason serve`, in Chromium: the host gets copies of files and of whole folders. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chromiumPath } from '../renderer/support/chromium.ts';
import { buildPageOnce } from '../support/build.ts';
import { root } from '../support/command.ts';
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

describe.skipIf(!chromiumPath)(
  'Dropped on the page (in Chromium; skipped where there is none)',
  { timeout: 120_000 },
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'drop-'));
    let host: ChildProcess;
    let browser: Browser;
    let page: Page;

    beforeAll(async () => {
      const { workspace } = await makeJobWorkspace(folder);
      await buildPageOnce();
      const program = [
        '--import',
        join(root, 'node_modules/tsx/dist/loader.mjs'),
        join(root, 'main/headless/chexreason.ts'),
      ];
      host = spawn(process.execPath, [...program, 'serve', '--port', '0', '--workspace', workspace, '--json'], {
        env: { ...process.env, CHEXREASON_HOME: join(folder, 'home') },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const url = await new Promise<string>((resolve, reject) => {
        host.stdout!.once('data', (line) => resolve((JSON.parse(String(line)) as { url: string }).url));
        host.once('exit', (code) => reject(new Error(`serve ended with ${code}`)));
      });
      browser = await chromium.launch({ executablePath: chromiumPath, args: ['--no-sandbox', '--disable-gpu'] });
      page = await browser.newPage({ viewport: { width: 1600, height: 1000 } });
      await page.goto(url);
      await page.waitForSelector('.line-film');
    }, 240_000);
    afterAll(async () => {
      await browser?.close();
      host?.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    });

    it('a medium with a DICOMDIR: the folder is copied as it lies', async () => {
      await dropsMedium(page);
      const copied = readdirSync(join(folder, 'home/uploads'), { recursive: true, encoding: 'utf8' });
      expect(copied.filter((name) => /dicomdir_derived\/IMAGES\/IM/.test(name))).toHaveLength(5);
    });
    it('one of whose films is missing: it is named', () => dropsBroken(page, folder, true));
    it('its DICOMDIR alone: every film is named', () => dropsBroken(page, folder, false));
    it.skipIf(!REAL)('real media (skipped where the sample data is not)', () => dropsReal(page));
    it('a label table, known or of one’s own', () => dropsTable(page, folder));
    it('a model and an adapter', () => dropsCheckpoints(page, folder));
    it('a folder with no film in it: what was there is named', () => dropsNothingKnown(page, folder));
  },
);
