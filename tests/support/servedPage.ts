/** A page of `chexreason serve` in Chromium, on a workspace: the real host and engine, in processes of their own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { chromiumPath } from '../renderer/support/chromium.ts';
import { buildPageOnce } from './build.ts';
import { root } from './command.ts';
import { PATIENCE_MS } from './patience.ts';

export interface ServedPage {
  /** With the token. */
  url: string;
  host: ChildProcess;
  browser: Browser;
  page: Page;
  /** Errors of the page and of its console. */
  faults: string[];
  /** Addresses that the page asked for. */
  requested: string[];
  close(): Promise<void>;
}

/** @param home the user's folder of the host  @param env more of the host's environment */
export async function servePage(workspace: string, home: string, env: NodeJS.ProcessEnv = {}): Promise<ServedPage> {
  await buildPageOnce();
  const program = [
    '--import',
    join(root, 'node_modules/tsx/dist/loader.mjs'),
    join(root, 'main/headless/chexreason.ts'),
  ];
  const host = spawn(process.execPath, [...program, 'serve', '--port', '0', '--workspace', workspace, '--json'], {
    env: { ...process.env, CHEXREASON_HOME: home, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const url = await new Promise<string>((resolve, reject) => {
    host.stdout!.once('data', (line) => resolve((JSON.parse(String(line)) as { url: string }).url));
    host.once('exit', (code) => reject(new Error(`serve ended with ${code}`)));
  });
  const browser = await chromium.launch({
    executablePath: chromiumPath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
  });
  const page = await browser.newPage({ viewport: { width: 1600, height: 1000 } });
  page.setDefaultTimeout(PATIENCE_MS);
  const faults: string[] = [];
  const requested: string[] = [];
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
  page.on('request', (request) => requested.push(request.url()));
  await page.goto(url);
  const close = async () => {
    await browser.close();
    host.kill('SIGKILL');
  };
  return { url, host, browser, page, faults, requested, close };
}
