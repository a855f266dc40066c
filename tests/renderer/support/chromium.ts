/**
 * Builds the page of the page tests with the product's own vite settings, serves it on loopback under the product's
 * content security policy, and opens it in Chromium. CHEXREASON_CHROMIUM names another binary.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { build } from 'vite';
import { mediaType, PAGE_HEADERS } from '../../../main/page.ts';

/** The hosts' own headers, with one thing less: the screens need no inline styles. */
const HEADERS = {
  ...PAGE_HEADERS,
  'Content-Security-Policy': PAGE_HEADERS['Content-Security-Policy'].replace(" 'unsafe-inline'", ''),
};

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
  const folder = mkdtempSync(join(tmpdir(), 'chexreason-page-'));
  const built = join(folder, 'built');
  const root = join(import.meta.dirname, '../../..');
  await build({
    configFile: join(root, 'vite.config.ts'),
    root,
    logLevel: 'error',
    build: { outDir: built, minify: false, rollupOptions: { input: join(import.meta.dirname, 'page.html') } },
  });
  const server = await serve(built);
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/tests/renderer/support/page.html`;
  const context = await launch(join(folder, 'profile'), size);
  const page = context.pages()[0] ?? (await context.newPage());
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
      rmSync(folder, { recursive: true, force: true });
    },
  };
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
