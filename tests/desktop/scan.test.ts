/**
 * A large folder in the packed window: films are listed while it is still read, its progress stands in the status line, and it
 * can be cancelled. CHEXREASON_SCAN_FILES: how many files (100000 is a drive); CHEXREASON_SHOTS: a folder for pictures.
 * Skipped, and counted, where there is no Electron or no display (tests/support/desktop.ts).
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeManyFilms } from '../../scripts/support/manyFilms.ts';
import { type Desktop, type Display, missing, openDisplay, packDesktop, startDesktop } from '../support/desktop.ts';

const FILES = Number(process.env['CHEXREASON_SCAN_FILES'] ?? 20_000);

interface Frame {
  job: string;
  lines: number;
}

describe.skipIf(missing)(`a large folder on the desktop${missing ? ` (skipped: ${missing})` : ''}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'desktop-scan-'));
  const films = join(folder, 'films');
  let display: Display;
  let desktop: Desktop;
  const page = () => desktop.page;
  const jobs = () => page().locator('.status-jobs .job', { hasText: 'Reading films' });
  /** Writes down what each frame of the page shows from now on. */
  const watch = () =>
    page().evaluate(() => {
      const seen: Frame[] = [];
      (window as unknown as { seen: Frame[] }).seen = seen;
      const look = () => {
        const job = document.querySelector('.status-jobs')?.textContent ?? '';
        seen.push({ job, lines: document.querySelectorAll('.line-film').length });
        requestAnimationFrame(look);
      };
      look();
    });
  /** The frames in which films were being read. */
  const during = async () => {
    const seen = await page().evaluate(() => (window as unknown as { seen: Frame[] }).seen);
    return seen.filter(({ job }) => job.includes('Reading films'));
  };
  const shot = async (name: string) => {
    const to = process.env['CHEXREASON_SHOTS'];
    if (to) await page().screenshot({ path: join(to, `${name}.png`) });
  };

  beforeAll(async () => {
    await writeManyFilms(films, FILES);
    const packed = await packDesktop();
    display = await openDisplay();
    const args = [`--workspace=${join(folder, 'workspace')}`];
    desktop = await startDesktop({ packed, display: display.name, home: join(folder, 'home'), args });
    await page().getByText('onnxruntime-cpu').first().waitFor();
  });
  afterAll(async () => {
    await desktop?.close();
    display?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('is cancelled where its progress stands, and what was found until then stays', async () => {
    expect(await page().locator('.line-film').count()).toBe(0);
    await watch();
    expect(await desktop.startAgain([films])).toBe(0);
    await page().locator('.line-film').first().waitFor();
    await shot('scan-under-way');
    // The first film was there while it was still read.
    expect((await during()).some(({ lines }) => lines > 0)).toBe(true);
    // It may have ended between the look and the press.
    await page()
      .getByRole('button', { name: 'Cancel: Reading films' })
      .evaluateAll((all) => all.map((each) => (each as HTMLElement).click()));
    await expect.poll(() => jobs().count()).toBe(0);
    expect(await page().locator('.line-film').count()).toBeGreaterThan(0);
    await shot('scan-cancelled');
  });

  it('says how far it is, and lists the whole', async () => {
    await watch();
    expect(await desktop.startAgain([films])).toBe(0);
    await expect.poll(async () => (await during()).length).toBeGreaterThan(0);
    await expect.poll(() => jobs().count()).toBe(0);
    expect((await during()).some(({ job }) => /[\d,]+ of [\d,]+/.test(job))).toBe(true);
    await expect.poll(() => page().locator('.studies').textContent()).toContain(`${FILES.toLocaleString('en')}`);
    await shot('scan-whole');
  });
});
