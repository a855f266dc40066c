/**
 * Makes the pictures of the guide (docs/guide) again: opens the page on the built-in data, uses it as the guide says, and takes
 * a picture of each step in Chromium.
 *
 * `npm run -s guide [-- --workspace DIR] [--out DIR] [--only PATTERN]`. Without a workspace the demo makes one first (some
 * minutes); PATTERN: only pages whose names match. Paths of this machine are written as those of nobody in the pictures.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { PAGES } from './guide/pages.ts';
import { Photographer } from './guide/photographer.ts';

const root = resolve(import.meta.dirname, '..');
const SIZE = { width: 1280, height: 800 };
const CHROMIUM = [process.env['CHEXREASON_CHROMIUM'], '/usr/bin/chromium', '/usr/bin/google-chrome'];

const { values } = parseArgs({
  options: {
    workspace: { type: 'string' },
    out: { type: 'string', default: join(root, 'docs/images/guide') },
    only: { type: 'string', default: '' },
  },
});

const scratch = mkdtempSync(join(tmpdir(), 'guide-'));
const workspace = resolve(values.workspace ?? join(scratch, 'workspace'));
const environment = { ...process.env, CHEXREASON_HOME: join(scratch, 'home') };
let host: ChildProcess | null = null;
try {
  if (!existsSync(workspace)) await command('demo', '--out', workspace, '--films', '150', '--steps', '24');
  mkdirSync(values.out, { recursive: true });
  host = start('serve', '--port', '0', '--workspace', workspace, '--json');
  const browser = await chromium.launch({
    executablePath: CHROMIUM.find((path) => path && existsSync(path)),
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
  });
  const page = await browser.newPage({ viewport: SIZE });
  // Machines may be busy, and models large.
  page.setDefaultTimeout(240_000);
  await page.goto(await addressOf(host));
  await page.waitForSelector('.rail');
  await page.keyboard.press('Alt+1');
  await page.waitForSelector('.line-film');
  const hidden = { [workspace]: '/home/me/chexreason', [root]: '/opt/chexreason', [scratch]: '/home/me' };
  const photographer = new Photographer(page, values.out, hidden);
  const failed: string[] = [];
  for (const [name, take] of Object.entries(PAGES)) {
    if (!new RegExp(values.only).test(name)) continue;
    process.stderr.write(`${name}\n`);
    // The other pages' pictures are taken all the same.
    await take(photographer).catch((error: Error) => {
      failed.push(name);
      process.stderr.write(`${error.message}\n`);
    });
  }
  if (failed.length > 0) process.exitCode = 1;
  process.stdout.write(`${photographer.taken.length} pictures, ${Math.round(photographer.bytes / 1024)} KiB\n`);
  await browser.close();
} finally {
  host?.kill();
  rmSync(scratch, { recursive: true, force: true });
}

function start(...args: string[]): ChildProcess {
  const tsx = join(root, 'node_modules/tsx/dist/loader.mjs');
  const whole = ['--import', tsx, join(root, 'main/headless/chexreason.ts'), ...args];
  return spawn(process.execPath, whole, { env: environment, stdio: ['ignore', 'pipe', 'inherit'] });
}

function command(...args: string[]): Promise<void> {
  return new Promise((done, failed) => {
    const child = start(...args);
    child.stdout?.resume();
    child.on('exit', (code) => (code === 0 ? done() : failed(new Error(`chexreason ${args[0]} ended with ${code}.`))));
  });
}

async function addressOf(child: ChildProcess): Promise<string> {
  for await (const line of createInterface({ input: child.stdout! })) return (JSON.parse(line) as { url: string }).url;
  throw new Error('The page host did not start.');
}
