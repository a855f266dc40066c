/**
 * The packed application keeps to itself: what its page may do, what its host answers, and that nothing leaves the machine.
 * Skipped, and counted, where there is no Electron or no display (tests/support/desktop.ts). The fuses, navigation,
 * permissions and the bridge's names are in desktop.test.ts.
 */
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  commandLineOf,
  type Desktop,
  type Display,
  missing,
  openDisplay,
  packDesktop,
  processesOf,
  readNetworkLog,
  startDesktop,
} from '../support/desktop.ts';
import { makeJobWorkspace } from '../support/jobWorkspace.ts';

type AnyBridge = Record<string, (...args: unknown[]) => Promise<unknown>>;

describe.skipIf(missing)(`the packed desktop keeps to itself${missing ? ` (skipped: ${missing})` : ''}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'desktop-security-'));
  const networkLog = join(folder, 'network.json');
  let packed: string;
  let display: Display;
  let desktop: Desktop;
  const page = () => desktop.page;

  beforeAll(async () => {
    const { workspace } = await makeJobWorkspace(folder);
    packed = await packDesktop();
    display = await openDisplay();
    const home = join(folder, 'home');
    const args = [`--workspace=${workspace}`];
    desktop = await startDesktop({ packed, display: display.name, home, args, networkLog });
    await page().waitForSelector('.film-canvas canvas');
  }, 300_000);
  afterAll(async () => {
    await desktop?.close();
    display?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('runs its page in a sandboxed process of its own world', async () => {
    const renderers = processesOf(packed, '--type=renderer');
    expect(renderers.length).toBeGreaterThan(0);
    for (const pid of renderers) expect(commandLineOf(pid)).toContain('--enable-sandbox');
    // With context isolation the page cannot change what preload gave it.
    const isFrozen = await page().evaluate(() => {
      const bridge = (window as unknown as { chexreasonHost: AnyBridge }).chexreasonHost;
      try {
        bridge['reveal'] = () => Promise.resolve('replaced');
      } catch {
        // Frozen, as wanted.
      }
      return !String(bridge['reveal']).includes('replaced');
    });
    expect(isFrozen).toBe(true);
  });

  it.each(['reveal', 'setZoom', 'pickSavePath', 'keepKey'])('refuses a payload that is none: %s', async (name) => {
    const answer = await page().evaluate(
      (method) =>
        (window as unknown as { chexreasonHost: AnyBridge }).chexreasonHost[method]!({ not: 'a path' }).then(
          () => 'answered',
          () => 'refused',
        ),
      name,
    );
    expect(answer).toBe('refused');
  });

  it('answers no frame but its own page', async () => {
    // A frame would have to be shown first, and the policy lets none be loaded.
    const framed = await page().evaluate(
      () =>
        new Promise<string>((resolve) => {
          document.addEventListener('securitypolicyviolation', (event) => resolve(event.violatedDirective), {
            once: true,
          });
          const frame = document.createElement('iframe');
          frame.src = 'https://example.com/';
          document.body.append(frame);
          setTimeout(() => resolve('loaded'), 3000);
        }),
    );
    expect(framed).toMatch(/frame-src|default-src/);
  });

  it('evaluates no text and runs no script that was put in', async () => {
    const ran = await page().evaluate(async () => {
      const world = window as unknown as { evaluated?: boolean; injected?: boolean };
      // A timer that is a text runs after this call, outside of what the debugger may do.
      setTimeout('window.evaluated = true' as unknown as () => void, 0);
      const script = document.createElement('script');
      script.textContent = 'window.injected = true';
      document.head.append(script);
      script.remove();
      await new Promise((resolve) => setTimeout(resolve, 200));
      return { evaluated: world.evaluated ?? false, injected: world.injected ?? false };
    });
    expect(ran).toEqual({ evaluated: false, injected: false });
  });

  it('gives no file but its own by its protocol', async () => {
    const status = (address: string) =>
      page().evaluate(
        (url) =>
          fetch(url).then(
            (answer) => answer.status,
            () => 0,
          ),
        address,
      );
    expect(await status('app://chexreason/index.html')).toBe(200);
    for (const path of ['../main/desktop.cjs', '..%2f..%2fpackage.json', '%2e%2e/main/desktop.cjs', 'no-such.js'])
      expect([path, await status(`app://chexreason/${path}`)]).not.toEqual([path, 200]);
    expect(await status('app://elsewhere/index.html')).not.toBe(200);
  });

  it('comes up with its film after the page’s process has crashed', { timeout: 90_000 }, async () => {
    await page().locator('.line-film').nth(2).click();
    await page().waitForSelector('.film-canvas canvas');
    const chosen = await page().locator('.line.current').textContent();
    await page().waitForTimeout(800);
    process.kill(processesOf(packed, '--type=renderer')[0]!, 'SIGKILL');
    const current = () => desktop.reconnect().then((again) => again.locator('.line.current').textContent());
    await expect.poll(current, { timeout: 60_000 }).toBe(chosen);
  });

  it('sent nothing anywhere: Chromium’s own log of every request, and the sockets of every process', async () => {
    const sockets = processesOf(packed, '').flatMap(remotePeersOf);
    expect(sockets).toEqual([]);
    await desktop.close();
    const { urls, hosts } = readNetworkLog(networkLog);
    const own = /^(app:\/\/chexreason\/|blob:app:|data:|devtools:|chrome:)/;
    expect(urls.filter((url) => !own.test(url) && !url.startsWith('app://elsewhere/'))).toEqual([]);
    expect(hosts.filter((host) => !/127\.0\.0\.1|localhost|\[::1\]/.test(host))).toEqual([]);
  });
});

/** Where the TCP sockets of a process lead that do not stay on this machine. */
function remotePeersOf(pid: number): string[] {
  const inodes = new Set(readdirSync(`/proc/${pid}/fd`).flatMap((fd) => socketOf(`/proc/${pid}/fd/${fd}`)));
  const isLocal = /^(0100007F|0{8}|0{24}01000000|0{32}|0{16}FFFF00000100007F):/;
  return ['tcp', 'tcp6'].flatMap((kind) =>
    readFileSync(`/proc/${pid}/net/${kind}`, 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => inodes.has(fields[9] ?? ''))
      .map((fields) => fields[2]!)
      .filter((peer) => !isLocal.test(peer)),
  );
}

function socketOf(link: string): string[] {
  try {
    const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(link))?.[1];
    return inode ? [inode] : [];
  } catch {
    return [];
  }
}
