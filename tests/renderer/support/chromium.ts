/**
 * Builds the page of the page tests with the product's own vite settings, serves it on loopback under the product's
 * content security policy, and opens it in Chromium. CHEXREASON_CHROMIUM names another binary.
 */
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { build } from 'vite';
import { mediaType, PAGE_HEADERS } from '../../../main/page.ts';
import { PATIENCE_MS } from '../../support/patience.ts';

/** The hosts' own headers, with one thing less: the screens need no inline styles. */
const HEADERS = {
  ...PAGE_HEADERS,
  'Content-Security-Policy': PAGE_HEADERS['Content-Security-Policy'].replace(" 'unsafe-inline'", ''),
};

const ROOT = join(import.meta.dirname, '../../..');
const LONGEST_BUILD_MS = 180_000;
const CHROMIUM = [process.env.CHEXREASON_CHROMIUM, '/usr/bin/chromium', '/usr/bin/google-chrome'];
export const chromiumPath = CHROMIUM.find((path) => path && existsSync(path));

export interface OpenPage {
  page: Page;
  /** What the page wrote to its console as an error, content security violations included. */
  faults: string[];
  /** Opens the page anew. */
  reload(): Promise<void>;
  close(): Promise<void>;
}

export async function openPage(size = { width: 1440, height: 900 }): Promise<OpenPage> {
  const server = await serve(await builtPage());
  const profile = mkdtempSync(join(tmpdir(), 'chexreason-page-'));
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/tests/renderer/support/page.html`;
  const context = await launch(profile, size);
  const page = context.pages()[0] ?? (await context.newPage());
  page.setDefaultTimeout(PATIENCE_MS);
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
  const reload = async () => {
    await page.goto(address);
    await page.waitForSelector('.rail');
  };
  await reload();
  return {
    page,
    faults,
    reload,
    async close() {
      await context.close();
      server.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}

/** The folder of the built page. Test files run side by side: the first one builds, the others wait for it. */
async function builtPage(): Promise<string> {
  const folder = join(ROOT, 'out', 'test-page');
  const state = join(folder, 'sources.txt');
  const sources = sourceState();
  const isBuilt = () => existsSync(state) && readFileSync(state, 'utf8') === sources;
  if (isBuilt()) return folder;
  const lock = join(ROOT, 'out', `test-page-${sources}`);
  mkdirSync(join(ROOT, 'out'), { recursive: true });
  try {
    mkdirSync(lock);
  } catch {
    for (const end = Date.now() + LONGEST_BUILD_MS; Date.now() < end; await pause(250)) if (isBuilt()) return folder;
    rmSync(lock, { recursive: true, force: true });
    throw new Error('The page of the page tests was not built in time; run them again.');
  }
  try {
    const input = join(import.meta.dirname, 'page.html');
    const options = { outDir: folder, minify: false, rollupOptions: { input } };
    await build({ configFile: join(ROOT, 'vite.config.ts'), root: ROOT, logLevel: 'error', build: options });
    writeFileSync(state, sources);
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
  return folder;
}

/** Changes whenever a file changes that the page may be made of. */
function sourceState(): string {
  const hash = createHash('sha256');
  for (const folder of ['renderer', 'core', 'tests/renderer/support', 'vite.config.ts', 'package-lock.json'])
    for (const file of filesUnder(join(ROOT, folder))) hash.update(`${file} ${statSync(file).mtimeMs}\n`);
  return hash.digest('hex').slice(0, 16);
}

function filesUnder(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

function serve(folder: string): Promise<Server> {
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    readFile(join(folder, path)).then(
      (body) => response.writeHead(200, { ...HEADERS, 'Content-Type': mediaType(path) }).end(body),
      () => response.writeHead(path.endsWith('favicon.ico') ? 204 : 404).end(),
    );
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

function launch(profile: string, viewport: { width: number; height: number }): Promise<BrowserContext> {
  return chromium.launchPersistentContext(profile, {
    executablePath: chromiumPath,
    headless: true,
    viewport,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
