/**
 * The desktop as a user has it: packed by electron-builder with all its fuses, started under a display (Xvfb where there is
 * none), and driven through Chromium's own debugging port, because the fuses close Node's.
 *
 * CHEXREASON_ELECTRON_DIST names the folder of the Electron that is packed (scripts/get-electron.sh); without it, or
 * without a display and Xvfb, there is nothing to test and `missing` says why.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { packFolder } from '../../scripts/pack.ts';
import { buildAllAnd } from './build.ts';
import { PATIENCE_MS } from './patience.ts';

const PROGRAM = 'chexreason-workbench';

/** On the command line of the engine's process, as Chromium names Electron's utilityProcess. */
export const ENGINE_PROCESS = 'node.mojom.NodeService';

export const electronDist = process.env['CHEXREASON_ELECTRON_DIST'] ?? process.env['ELECTRON_OVERRIDE_DIST_PATH'];

/** Why there is no desktop here; null: there is one. */
export const missing = whyMissing();

function whyMissing(): string | null {
  if (process.platform !== 'linux') return 'packed and driven on Linux only';
  if (!electronDist || !existsSync(join(electronDist, 'electron')))
    return 'no Electron: CHEXREASON_ELECTRON_DIST is not set';
  if (!process.env['DISPLAY'] && !hasProgram('Xvfb')) return 'no display and no Xvfb';
  return null;
}

export function hasProgram(name: string): boolean {
  try {
    execFileSync('which', [name], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

let packed: Promise<string> | undefined;

/** Builds and packs the application, once for a test file; the folder of the result. */
export function packDesktop(): Promise<string> {
  packed ??= buildAllAnd(() => packFolder('test-results/packed', electronDist));
  return packed;
}

export interface Display {
  name: string;
  close(): void;
}

/** The display that is there, or an Xvfb of our own. */
export async function openDisplay(): Promise<Display> {
  const given = process.env['DISPLAY'];
  if (given) return { name: given, close: () => {} };
  const xvfb = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', '1680x1050x24', '-nolisten', 'tcp'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  const number = await new Promise<string>((resolve, reject) => {
    xvfb.stdio[3]!.once('data', (text) => resolve(String(text).trim()));
    xvfb.once('exit', () => reject(new Error('Xvfb did not start')));
  });
  return { name: `:${number}`, close: () => xvfb.kill() };
}

export interface Desktop {
  page: Page;
  /** What the page wrote to its console as an error. */
  faults: string[];
  /** Starts the program a second time, as a double click on a file does; it hands its arguments over and ends. */
  startAgain(args: string[]): Promise<number | null>;
  /** After the page's process has crashed: attaches to the one that took its place. */
  reconnect(): Promise<Page>;
  /** The program has ended, by itself or not. */
  ended: Promise<unknown>;
  /** Ends it as a power cut does. */
  kill(): Promise<void>;
  close(): Promise<void>;
}

/** What Chromium itself wrote down of every request and every name that it looked up. */
export interface NetworkLog {
  urls: string[];
  hosts: string[];
}

/** Reads a file of --log-net-log; the program must have ended. */
export function readNetworkLog(file: string): NetworkLog {
  const text = readFileSync(file, 'utf8').trimEnd();
  // Of a program that was killed the end is missing.
  const { events } = JSON.parse(text.endsWith(']}') || text.endsWith('}}') ? text : `${text.replace(/,$/, '')}]}`) as {
    events: { params?: { url?: string; host?: string } }[];
  };
  const of = (key: 'url' | 'host') => [...new Set(events.flatMap(({ params }) => params?.[key] ?? []))];
  return { urls: of('url'), hosts: of('host') };
}

/** Process ids of this packed application with this among their arguments. */
export function processesOf(packed: string, argument: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      const command = commandLineOf(Number(pid));
      return command.startsWith(packed) && command.includes(argument);
    })
    .map(Number);
}

export function commandLineOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replace(/\0/g, ' ');
  } catch {
    return '';
  }
}

export interface DesktopOptions {
  /** The folder of the application. */
  packed: string;
  /** Its program, where it is not the packed one. */
  program?: string;
  display: string;
  /** The user's folder; by default a new one. */
  home?: string;
  args?: string[];
  /** Chromium writes its network log there. */
  networkLog?: string;
  /** Hears what the program writes to stderr. */
  onStderr?: (text: string) => void;
  /** Leaves the display's GPU to it; Xvfb has none. */
  gpu?: boolean;
  env?: Record<string, string>;
  /** Runs it as this user, with Chromium's sandbox; only root can. */
  user?: number;
}

export async function startDesktop(options: DesktopOptions): Promise<Desktop> {
  const { packed, program = PROGRAM, display, home, args = [], networkLog, onStderr, gpu = false, user } = options;
  const userDir = home ?? mkdtempSync(join(tmpdir(), 'desktop-home-'));
  const env = { ...process.env, DISPLAY: display, CHEXREASON_HOME: userDir, ...options.env };
  // As root Chromium starts only without its sandbox.
  const asRoot = process.getuid?.() === 0 && user === undefined;
  const switches = [...(asRoot ? ['--no-sandbox'] : []), ...(gpu ? [] : ['--disable-gpu'])];
  const as = user === undefined ? [] : ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups'];
  const [first, ...rest] = [...as, join(packed, program), ...switches];
  const start = (more: string[]) => spawn(first!, [...rest, ...more], { env, stdio: 'pipe' });
  const log = networkLog ? [`--log-net-log=${networkLog}`] : [];
  const app = start(['--remote-debugging-port=0', ...log, ...args]);
  if (onStderr) app.stderr!.on('data', (bytes) => onStderr(String(bytes)));
  const address = await debuggerAddress(app);
  const faults: string[] = [];
  const attach = async () => {
    const attached = await connect(address);
    attached.page.on('pageerror', (error) => faults.push(String(error)));
    attached.page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
    return attached;
  };
  let { browser, page } = await attach();
  const ended = new Promise((resolve) => app.once('exit', resolve));
  const end = async (signal: NodeJS.Signals) => {
    if (app.exitCode === null && app.signalCode === null) {
      app.kill(signal);
      await ended;
    }
    await browser.close().catch(() => {});
  };
  return {
    get page() {
      return page;
    },
    faults,
    ended,
    reconnect: async () => {
      await browser.close().catch(() => {});
      ({ browser, page } = await attach());
      return page;
    },
    startAgain: (more) => new Promise((resolve) => start(more).once('exit', resolve)),
    kill: () => end('SIGKILL'),
    close: () => end('SIGTERM'),
  };
}

async function connect(address: string): Promise<{ browser: Browser; page: Page }> {
  const { host } = new URL(address);
  // Attached while the first page is still being loaded, Chromium 108 sometimes never tells of its end.
  await until(async () => {
    const targets = (await (await fetch(`http://${host}/json/list`)).json()) as { type: string; title: string }[];
    return targets.some(({ type, title }) => type === 'page' && title !== '');
  });
  const browser = await chromium.connectOverCDP(address, { noDefaults: true });
  const page = browser.contexts()[0]!.pages()[0]!;
  page.setDefaultTimeout(PATIENCE_MS);
  return { browser, page };
}

function debuggerAddress(app: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = '';
    const timer = setTimeout(() => reject(new Error(`the desktop did not start:\n${said}`)), PATIENCE_MS);
    app.stderr!.on('data', (text) => {
      said += text;
      const found = /DevTools listening on (ws:\S+)/.exec(said);
      if (!found) return;
      clearTimeout(timer);
      resolve(found[1]!);
    });
    app.stdout!.resume();
    app.once('exit', (code) => reject(new Error(`the desktop ended with ${code}:\n${said}`)));
  });
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error('the desktop showed no page');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
