/**
 * The packed application in a real window. Skipped, and counted, where there is no Electron or no display
 * (tests/support/desktop.ts says what it needs).
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FuseV1Options, getCurrentFuseWire } from '@electron/fuses';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Desktop,
  type Display,
  ENGINE_PROCESS,
  hasProgram,
  missing,
  openDisplay,
  packDesktop,
  processesOf,
  startDesktop,
} from '../support/desktop.ts';
import {
  dropsBroken,
  dropsCheckpoints,
  dropsMedium,
  dropsNothingKnown,
  dropsReal,
  dropsTable,
  REAL,
} from '../support/dropped.ts';
import { FILMS, makeJobWorkspace } from '../support/jobWorkspace.ts';
import { evaluateBoth, readAndToggle, seeReport } from '../support/mainJob.ts';
import { xdotool } from '../support/xdotool.ts';

const ON = '1'.charCodeAt(0);
const OFF = '0'.charCodeAt(0);

describe.skipIf(missing)(`the packed desktop${missing ? ` (skipped: ${missing})` : ''}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'desktop-'));
  let packed: string;
  let display: Display;
  let desktop: Desktop;
  let dicom: string;
  const page = () => desktop.page;
  const filmLines = () => page().locator('.line-film');
  const engines = () => processesOf(packed, ENGINE_PROCESS);

  beforeAll(async () => {
    const made = await makeJobWorkspace(folder);
    dicom = made.dicom;
    packed = await packDesktop();
    display = await openDisplay();
    const args = [`--workspace=${made.workspace}`];
    desktop = await startDesktop({ packed, display: display.name, home: join(folder, 'home'), args });
  });
  afterAll(async () => {
    await desktop?.close();
    display?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const filmsListed = (wanted: number) =>
    page().waitForFunction((count) => document.querySelectorAll('.line-film').length === count, wanted);
  const filmFiles = () =>
    readdirSync(dicom, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.dcm'))
      .map((name) => join(dicom, name));

  it('opens what a second start was given, in the first window', async () => {
    await filmsListed(2 * FILMS);
    expect(await desktop.startAgain([filmFiles()[0]!])).toBe(0);
    await filmsListed(2 * FILMS + 1);
    await page().waitForSelector('.film-canvas canvas');
    expect(await desktop.startAgain([dicom])).toBe(0);
    await filmsListed(2 * FILMS + 2);
  });

  it('generates by ONNX Runtime, which lies beside the archive', async () => {
    expect(await page().getByText('onnxruntime-cpu').count()).toBeGreaterThan(0);
  });

  it('toggles between the checkpoints', () => readAndToggle(page()), 120_000);

  it('evaluates on both institutions', () => evaluateBoth(page()), 120_000);

  it('shows the report', () => seeReport(page()), 120_000);

  it.skipIf(!hasProgram('xdotool'))('exports it by the system’s dialog', async () => {
    const file = join(folder, 'report.pdf');
    await page().getByRole('button', { name: 'Export PDF' }).click();
    answerSaveDialog(display.name, file);
    await page().getByText('saved as').waitFor();
    expect(readFileSync(file).subarray(0, 5).toString()).toBe('%PDF-');
    await page().keyboard.press('Alt+1');
  });

  it('gives the page nothing but its bridge', async () => {
    const world = await page().evaluate(() => ({
      node: [
        typeof globalThis['require' as never],
        typeof globalThis['process' as never],
        typeof globalThis['module' as never],
      ],
      bridge: Object.keys((window as unknown as { chexreasonHost: object }).chexreasonHost).sort(),
      address: location.href,
    }));
    expect(world.node).toEqual(['undefined', 'undefined', 'undefined']);
    expect(world.address).toBe('app://chexreason/index.html');
    expect(world.bridge).toEqual(
      [
        'connect',
        'keepKey',
        'onEvent',
        'pathsOfLastDrop',
        'pickFiles',
        'pickFolder',
        'pickSavePath',
        'restoreKey',
        'reveal',
        'setZoom',
      ].sort(),
    );
  });

  it('keeps no key of a server in clear, and says whether it keeps it at all', async () => {
    type Host = { chexreasonHost: { keepKey(address: string, key: string): Promise<boolean> } };
    const kept = await page().evaluate(() =>
      (window as unknown as Host).chexreasonHost.keepKey('http://gpu:8000', 'sk-very-secret'),
    );
    expect(typeof kept).toBe('boolean');
    for (const file of readdirSync(join(folder, 'home'), { recursive: true, withFileTypes: true })) {
      if (!file.isFile()) continue;
      expect(readFileSync(join(file.parentPath, file.name), 'latin1'), file.name).not.toContain('very-secret');
    }
  });

  it('goes on after the engine process is killed, and nothing that was done is lost', async () => {
    const [first] = engines();
    expect(first).toBeDefined();
    process.kill(first!, 'SIGKILL');
    await page().getByText('was started again').waitFor();
    // The new process takes its name a moment after it was started.
    await expect.poll(() => engines().filter((pid) => pid !== first).length).toBe(1);
    await page().keyboard.press('Alt+2');
    await page().locator('.headline').waitFor();
    await page().keyboard.press('Alt+1');
    await filmLines().nth(1).click();
    await page().waitForSelector('.film-canvas canvas');
  });

  describe('what is dropped on the window is opened as what it is', () => {
    // What earlier tests were told.
    beforeAll(async () => {
      const dismiss = page().getByRole('button', { name: 'Dismiss' });
      for (let left = await dismiss.count(); left > 0; left--) await dismiss.first().click();
    });
    it('a medium with a DICOMDIR', () => dropsMedium(page()));
    it('one of whose films is missing: it is named', () => dropsBroken(page(), folder, true));
    it('its DICOMDIR alone', () => dropsBroken(page(), folder, false));
    it.skipIf(!REAL)('real media (skipped where the sample data is not)', () => dropsReal(page()));
    it('a label table, known or of one’s own', () => dropsTable(page(), folder));
    it('a model and an adapter', () => dropsCheckpoints(page(), folder));
    it('a folder with no film in it: what was there is named', () => dropsNothingKnown(page(), folder));
  });

  it('says what cannot be opened, and keeps the others', async () => {
    await page().keyboard.press('Alt+1');
    const before = await filmLines().count();
    const bad = join(dicom, 'bad.dcm');
    writeFileSync(bad, 'no film');
    await desktop.startAgain([bad]);
    await page().getByText('bad.dcm').first().waitFor();
    expect(await filmLines().count()).toBe(before);
  });

  it('wrote no error to its console', () => {
    expect(desktop.faults).toEqual([]);
  });

  it('has its fuses', async () => {
    const fuses = await getCurrentFuseWire(join(packed, 'chexreason-workbench'));
    expect(fuses[FuseV1Options.RunAsNode]).toBe(OFF);
    expect(fuses[FuseV1Options.EnableNodeOptionsEnvironmentVariable]).toBe(OFF);
    expect(fuses[FuseV1Options.EnableNodeCliInspectArguments]).toBe(OFF);
    expect(fuses[FuseV1Options.EnableCookieEncryption]).toBe(ON);
    expect(fuses[FuseV1Options.EnableEmbeddedAsarIntegrityValidation]).toBe(ON);
    expect(fuses[FuseV1Options.OnlyLoadAppFromAsar]).toBe(ON);
  });

  it('lets nothing out and nothing in', async () => {
    const attempt = (address: string) =>
      page().evaluate(
        (url) =>
          fetch(url).then(
            () => 'answered',
            () => 'refused',
          ),
        address,
      );
    expect(await attempt('https://example.com/')).toBe('refused');
    expect(await attempt('http://127.0.0.1:9/')).toBe('refused');
    expect(await attempt('file:///etc/hostname')).toBe('refused');
    expect(await page().evaluate(() => window.open('https://example.com/'))).toBeNull();
    expect(await page().evaluate(() => Notification.requestPermission())).toBe('denied');
    // Last in this file: Playwright waits for this navigation's end, which never comes.
    await page().evaluate(() => {
      location.href = 'https://example.com/';
    });
    await page().waitForTimeout(300);
    expect(page().url()).toBe('app://chexreason/index.html');
  });
});

/** Types a path into GTK's dialog and confirms it. */
function answerSaveDialog(display: string, file: string): void {
  const [dialog] = xdotool(display, 'search', '--sync', '--onlyvisible', '--name', '^Save as$').trim().split('\n');
  xdotool(display, 'windowfocus', dialog!);
  xdotool(display, 'key', 'ctrl+a');
  xdotool(display, 'type', '--delay', '20', file);
  xdotool(display, 'key', 'Return');
}
