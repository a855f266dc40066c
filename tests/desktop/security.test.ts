/**
 * The packed application keeps to itself: what its page may do, what its host answers, and that nothing leaves the machine.
 * Skipped, and counted, where there is no Electron or no display (tests/support/desktop.ts). What the fuses are and the
 * bridge's names are in desktop.test.ts; the window's preferences, foreign pages and permissions in system.test.ts.
 */
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PAGE_HEADERS } from '../../main/page.ts';
import {
  commandLineOf,
  type Desktop,
  type Display,
  hasProgram,
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

  /** Programs that would open an address for Chromium write it there instead. */
  const openedOutside = join(folder, 'opened.txt');
  /** Where a socket of any of its processes led, looked at again and again. */
  const peers = new Set<string>();
  let looking: ReturnType<typeof setInterval>;

  beforeAll(async () => {
    const { workspace } = await makeJobWorkspace(folder);
    packed = await packDesktop();
    display = await openDisplay();
    const home = join(folder, 'home');
    const args = [`--workspace=${workspace}`];
    const programs = writeOpeners(join(folder, 'programs'), openedOutside);
    const env = { PATH: `${programs}:${process.env['PATH']}` };
    looking = setInterval(() => {
      for (const peer of processesOf(packed, '').flatMap(remotePeersOf)) peers.add(peer);
    }, 250);
    desktop = await startDesktop({ packed, display: display.name, home, args, networkLog, env });
    await page().waitForSelector('.film-canvas canvas');
  });
  afterAll(async () => {
    clearInterval(looking);
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

  it.each(['reveal', 'setZoom', 'pickFiles', 'pickSavePath', 'keepKey', 'restoreKey'])(
    'refuses a payload that is none: %s',
    async (name) => {
      const answer = await page().evaluate(
        (method) =>
          (window as unknown as { chexreasonHost: AnyBridge }).chexreasonHost[method]!({ not: 'a path' }).then(
            () => 'answered',
            () => 'refused',
          ),
        name,
      );
      expect(answer).toBe('refused');
    },
  );

  it('answers what is no request of the engine’s contract with an error, and goes on', async () => {
    const answers = await page().evaluate(
      () =>
        new Promise<Record<number, unknown>>((resolve) => {
          const heard: Record<number, unknown> = {};
          addEventListener('message', ({ ports: [port] }) => {
            port!.addEventListener('message', ({ data }) => {
              if (!(data.id >= 9000)) return;
              heard[data.id] = data.kind === 'error' ? data.error.code : data.kind;
              if (data.id === 9003) resolve(heard);
            });
            port!.start();
            const request = (id: unknown, method: unknown, params: unknown) =>
              port!.postMessage({ kind: 'request', id, method, params });
            for (const nothing of [null, 7, 'text', [], {}, { kind: 'request' }]) port!.postMessage(nothing);
            request('9000', 'app.state', {});
            request(9000, '__proto__', {});
            request(9001, 'films.open', { filmId: ['a'] });
            request(9002, 'app.state', { more: 1 });
            request(9003, 'app.state', {});
          });
          (window as unknown as { chexreasonHost: { connect(): void } }).chexreasonHost.connect();
        }),
    );
    const refused = 'INVALID_REQUEST';
    expect(answers).toEqual({ 9000: refused, 9001: refused, 9002: refused, 9003: 'result' });
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

  it('gives its page under the strict policy, as the page host does', async () => {
    const given = await page().evaluate(() =>
      fetch('app://chexreason/index.html').then(({ headers }) => Object.fromEntries(headers)),
    );
    for (const [name, value] of Object.entries(PAGE_HEADERS)) expect(given[name.toLowerCase()], name).toBe(value);
    const policy = given['content-security-policy']!;
    expect(policy).toMatch(/^default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self';/);
    expect(policy).not.toMatch(/unsafe-inline|'unsafe-eval'|\*|https?:/);
  });

  it('comes up with its film after the page’s process has crashed', async () => {
    await page().locator('.line-film').nth(2).click();
    await page().waitForSelector('.film-canvas canvas');
    const chosen = await page().locator('.line.current').textContent();
    await page().waitForTimeout(800);
    process.kill(processesOf(packed, '--type=renderer')[0]!, 'SIGKILL');
    const current = () => desktop.reconnect().then((again) => again.locator('.line.current').textContent());
    await expect.poll(current).toBe(chosen);
  });

  it('leads to no other page, and hands no address to another program', async () => {
    const pages = () => desktop.page.context().pages().length;
    const before = pages();
    for (const href of [
      'mailto:a@example.com',
      'tel:112',
      'https://example.com/',
      'file:///etc/hostname',
      'vscode://x',
    ]) {
      await page().evaluate((address) => {
        window.open(address);
        for (const target of ['_blank', '_self']) {
          const link = Object.assign(document.createElement('a'), { href: address, target });
          document.body.append(link);
          link.click();
          link.remove();
        }
      }, href);
      await page().waitForTimeout(200);
      expect(await page().evaluate(() => location.href)).toBe('app://chexreason/index.html');
    }
    expect(pages()).toBe(before);
    expect(existsSync(openedOutside)).toBe(false);
  });

  it('sent nothing anywhere: Chromium’s own log of every request, and the sockets of every process', async () => {
    clearInterval(looking);
    expect([...peers]).toEqual([]);
    await desktop.close();
    const { urls, hosts } = readNetworkLog(networkLog);
    const own = /^(app:\/\/chexreason\/|blob:app:|data:|devtools:|chrome:)/;
    expect(urls.filter((url) => !own.test(url) && !url.startsWith('app://elsewhere/'))).toEqual([]);
    expect(hosts.filter((host) => !/127\.0\.0\.1|localhost|\[::1\]/.test(host))).toEqual([]);
  });
});

describe.skipIf(missing)(`the fuses of the packed desktop${missing ? ` (skipped: ${missing})` : ''}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'desktop-fuses-'));
  const mark = join(folder, 'ran');
  const script = join(folder, 'script.js');
  let program: string;
  let display: Display;

  beforeAll(async () => {
    program = join(await packDesktop(), 'chexreason-workbench');
    display = await openDisplay();
    writeFileSync(script, `require('node:fs').writeFileSync(${JSON.stringify(mark)}, '');`);
  });
  afterAll(() => {
    display?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** What the program writes until it listens to the debugger of its page, with which it is told to end. */
  const run = async (args: string[], env: Record<string, string> = {}) => {
    let said = '';
    const home = join(folder, 'home');
    const options = { packed: dirname(program), display: display.name, home, env };
    const more = [`--workspace=${join(folder, 'workspace')}`, ...args];
    const desktop = await startDesktop({
      ...options,
      args: more,
      onStderr: (text) => {
        said += text;
      },
    });
    await desktop.close();
    return said;
  };

  it('Node’s inspector stays closed', async () => {
    expect(await run(['--inspect=0'])).not.toContain('Debugger listening');
  });

  it('NODE_OPTIONS and ELECTRON_RUN_AS_NODE mean nothing to it', async () => {
    await run([], { NODE_OPTIONS: `--require ${script}`, ELECTRON_RUN_AS_NODE: '1' });
    expect(existsSync(mark)).toBe(false);
  });
});

/** As root Chromium has no sandbox, so that this runs as nobody where the tests are run as root. */
const NOBODY = process.getuid?.() === 0 ? 65534 : undefined;
const noUser = missing ?? (NOBODY !== undefined && !hasProgram('setpriv') ? 'run as root, and no setpriv' : null);

describe.skipIf(noUser)(`the sandbox of the packed desktop${noUser ? ` (skipped: ${noUser})` : ''}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'desktop-sandbox-'));
  let packed: string;
  let display: Display;
  let desktop: Desktop;

  beforeAll(async () => {
    packed = readableCopy(await packDesktop(), join(folder, 'packed'));
    const home = join(folder, 'home');
    mkdirSync(home);
    if (NOBODY !== undefined) for (const each of [folder, home]) chownSync(each, NOBODY, NOBODY);
    display = await openDisplay();
    const args = [`--workspace=${join(home, 'workspace')}`];
    desktop = await startDesktop({ packed, display: display.name, home, args, env: { HOME: home }, user: NOBODY });
    await desktop.page.getByText('onnxruntime-cpu').first().waitFor();
  });
  afterAll(async () => {
    await desktop?.close();
    display?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('holds its page: filtered system calls, no new rights, and namespaces of its own', () => {
    const renderers = processesOf(packed, '--type=renderer');
    expect(renderers.length).toBeGreaterThan(0);
    for (const pid of renderers) {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      // seccomp(2): 2 is a filter.
      expect(/^Seccomp:\s+(\d)/m.exec(status)?.[1]).toBe('2');
      expect(/^NoNewPrivs:\s+(\d)/m.exec(status)?.[1]).toBe('1');
      for (const kind of ['pid', 'net'])
        expect(readlinkSync(`/proc/${pid}/ns/${kind}`), kind).not.toBe(readlinkSync(`/proc/self/ns/${kind}`));
    }
  });

  it('is switched off by nothing on its command line', () => {
    const all = processesOf(packed, '').map(commandLineOf);
    expect(all.length).toBeGreaterThan(3);
    expect(all.filter((line) => /--no-sandbox|--disable-seccomp|--disable-web-security/.test(line))).toEqual([]);
  });
});

/** The folder itself, or a copy where this user cannot reach it; its sandbox helper is set up as the deb package does. */
function readableCopy(packed: string, copy: string): string {
  if (NOBODY === undefined) return packed;
  cpSync(packed, copy, { recursive: true });
  // Where the kernel gives ordinary users no namespaces, Chromium's helper makes them.
  chmodSync(join(copy, 'chrome-sandbox'), 0o4755);
  return copy;
}

/** Stand-ins for what Chromium starts to open an address of another program. */
function writeOpeners(folder: string, log: string): string {
  mkdirSync(folder);
  for (const name of ['xdg-open', 'gio', 'gvfs-open', 'x-www-browser', 'xdg-email'])
    writeFileSync(join(folder, name), `#!/bin/sh\necho "$0 $@" >> ${log}\n`, { mode: 0o755 });
  return folder;
}

/** Where the TCP sockets of a process lead that do not stay on this machine; none of a process that has ended. */
function remotePeersOf(pid: number): string[] {
  try {
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
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  }
}

function socketOf(link: string): string[] {
  try {
    const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(link))?.[1];
    return inode ? [inode] : [];
  } catch {
    return [];
  }
}
