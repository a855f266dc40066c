/**
 * The packed application in a real window. Skipped, and counted, where there is no Electron or no display
 * (tests/support/desktop.ts says what it needs).
 */
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FuseV1Options, getCurrentFuseWire } from '@electron/fuses';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writePhantom } from '../../core/phantom/generate.ts';
import { type Desktop, type Display, missing, openDisplay, packDesktop, startDesktop } from '../support/desktop.ts';

const ON = '1'.charCodeAt(0);
const OFF = '0'.charCodeAt(0);

describe.skipIf(missing)(`the packed desktop${missing ? ` (skipped: ${missing})` : ''}`, () => {
  const home = mkdtempSync(join(tmpdir(), 'desktop-home-'));
  const films = mkdtempSync(join(tmpdir(), 'desktop-films-'));
  const workspace = mkdtempSync(join(tmpdir(), 'desktop-workspace-'));
  let packed: string;
  let display: Display;
  let desktop: Desktop;
  const page = () => desktop.page;
  const filmLines = () => page().locator('.line-film');

  beforeAll(async () => {
    await writePhantom({ institution: 'a', count: 3, seed: 11, out: films, size: 128 });
    packed = await packDesktop();
    display = await openDisplay();
    desktop = await startDesktop({ packed, display: display.name, home, args: [`--workspace=${workspace}`] });
  }, 300_000);
  afterAll(async () => {
    await desktop?.close();
    display?.close();
  });

  const filmFiles = () =>
    readdirSync(films, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.dcm'))
      .map((name) => join(films, name));

  it('opens what a second start was given, in the first window', async () => {
    await page().waitForSelector('.rail');
    expect(await desktop.startAgain([filmFiles()[0]!])).toBe(0);
    await page().waitForSelector('.film-canvas canvas');
    expect(await filmLines().count()).toBe(1);
    expect(await desktop.startAgain([films])).toBe(0);
    await page().waitForFunction(() => document.querySelectorAll('.line-film').length === 3);
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
      ['connect', 'onEvent', 'pathsOfLastDrop', 'pickFiles', 'pickFolder', 'pickSavePath', 'reveal'].sort(),
    );
  });

  it('goes on after the engine process is killed', async () => {
    const engines = () => enginesOf(packed);
    const [first] = engines();
    expect(first).toBeDefined();
    process.kill(first!, 'SIGKILL');
    await page().getByText('was started again').waitFor();
    const [second] = engines();
    expect(second).toBeDefined();
    expect(second).not.toBe(first);
    await filmLines().nth(1).click();
    await page().waitForFunction(() => document.querySelectorAll('.line-film').length === 3);
    await page().waitForSelector('.film-canvas canvas');
  });

  it('says what is wrong with a file, and keeps the others', async () => {
    const bad = join(films, 'bad.dcm');
    writeFileSync(bad, 'no film');
    await desktop.startAgain([bad]);
    await page().getByText('bad.dcm').first().waitFor();
    expect(await filmLines().count()).toBe(3);
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

/** Process ids of the engine processes of this packed application. */
function enginesOf(packed: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      const command = commandLineOf(pid);
      return (
        command.startsWith(packed) && command.includes('--type=utility') && command.includes('node.mojom.NodeService')
      );
    })
    .map(Number);
}

function commandLineOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replace(/\0/g, ' ');
  } catch {
    return '';
  }
}
