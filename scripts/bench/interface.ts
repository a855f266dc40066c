/**
 * `npm run -s bench -- interface [--starts N]`: the interface in the real window, packed as a user has it. Needs Electron
 * (CHEXREASON_ELECTRON_DIST) and a display or Xvfb; without a GPU Chromium draws in software, and the result says so.
 *
 * - start: from the start of the program to the first film on the screen, with the workspace made before
 * - window: frames a second while the window of a film of 2,500 x 3,000 pixels and 16 bits is dragged, every frame drawn
 * - list: 100,000 films, scrolled by 400 pixels a frame: the longest time between frames, and frames in which the middle
 *   of the list showed no row
 * - toggle: from the key to the next frame with the other checkpoint's answer
 * - memory: of the page's process after 200 films against after 20, each opened and left
 */
import { linkSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { PNG } from 'pngjs';
import { writePhantom } from '../../core/phantom/generate.ts';
import { nodePlatform } from '../../core/platform/node.ts';
import { createEngine } from '../../core/services/engine.ts';
import { type Desktop, missing, openDisplay, packDesktop, startDesktop } from '../../tests/support/desktop.ts';

const ROOT = join(import.meta.dirname, '../..');
const LIST = 100_000;
const FILM = { width: 2500, height: 3000 };
const OPENED = { few: 20, many: 200 };
const TOGGLES = 20;
const DRAG_SECONDS = 4;
const SCROLL_FRAMES = 240;

export async function run(args: string[]): Promise<object> {
  if (missing) throw new Error(`The interface is measured in Electron: ${missing}.`);
  const starts = Number(args[args.indexOf('--starts') + 1] || 3);
  const folder = mkdtempSync(join(tmpdir(), 'bench-interface-'));
  const packed = await quietly(packDesktop);
  const display = await openDisplay();
  try {
    const made = await makeWorkspace(folder);
    const start = (workspace: string, more: string[] = []) =>
      startDesktop({
        packed,
        display: display.name,
        home: join(folder, 'home'),
        args: [`--workspace=${workspace}`, ...more],
      });
    const startSeconds: number[] = [];
    for (let i = 0; i < starts; i++) startSeconds.push(await measuredStart(() => start(made.small)));
    const small = await start(made.small, [made.film]);
    const results = await closing(small, async (page) => ({
      drawing: await rendererOf(page),
      window: await measureWindow(page),
      toggleMs: await measureToggle(page),
      memory: await measureMemory(small, packed),
    }));
    const list = await closing(await start(made.large), measureList);
    return {
      cores: cpus().length,
      start: { seconds: median(startSeconds), runs: starts, target: 2.5 },
      ...results,
      list,
      targets: { framesPerSecond: 60, framesPerSecondInSoftware: 30, toggleMs: 50, memoryRatio: 1.2 },
    };
  } finally {
    display.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** electron-builder writes to stdout, which belongs to the result. */
async function quietly<T>(work: () => Promise<T>): Promise<T> {
  const { write } = process.stdout;
  process.stdout.write = process.stderr.write.bind(process.stderr) as typeof write;
  try {
    return await work();
  } finally {
    process.stdout.write = write;
  }
}

async function closing<T>(desktop: Desktop, work: (page: Page) => Promise<T>): Promise<T> {
  try {
    return await work(desktop.page);
  } finally {
    await desktop.close();
  }
}

/** `small`: 200 films that are opened one after the other; `large`: a table of 100,000. Files are links to a few. */
async function makeWorkspace(folder: string): Promise<{ small: string; large: string; film: string }> {
  const drawn = join(folder, 'drawn');
  const phantom = { institution: 'b', seed: 7, out: drawn } as const;
  const { images } = await writePhantom({ ...phantom, count: 8, size: 1024, format: 'png' });
  const files = readdirSync(images, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.png'))
    .map((name) => join(images, name));
  const film = join(folder, 'large.png');
  writeFileSync(film, largeFilm());
  const small = await tableOf(folder, 'small', OPENED.many + 1, files);
  const large = await tableOf(folder, 'large', LIST, files);
  return { small, large, film };
}

/** A workspace with an NIH table over so many links, and the shipped checkpoints with their answers to the first film. */
async function tableOf(folder: string, name: string, count: number, files: string[]): Promise<string> {
  const images = join(folder, name, 'images');
  mkdirSync(images, { recursive: true });
  const lines = ['Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position'];
  for (let i = 0; i < count; i++) {
    const image = `${String(i).padStart(8, '0')}_000.png`;
    linkSync(files[i % files.length]!, join(images, image));
    lines.push(
      `${image},${i % 3 ? 'No Finding' : 'Effusion|Mass'},0,${i >> 1},${40 + (i % 50)},${i % 2 ? 'F' : 'M'},PA`,
    );
  }
  const csv = join(folder, name, 'Data_Entry_2017_v2020.csv');
  writeFileSync(csv, `${lines.join('\n')}\n`);
  const workspace = join(folder, name, 'workspace');
  const platform = nodePlatform({ resourcesDir: join(ROOT, 'resources'), userDir: join(folder, 'home') });
  const engine = await createEngine(platform, { workspace });
  const { id } = await engine.call('datasets.add', { kind: 'nih', csv, images, name: `${count} films` });
  const film = (await engine.call('films.list', { collectionId: id }))[0]!;
  for (const model of ['base', 'sft', 'grpo']) {
    const path = join(ROOT, 'resources/models', model);
    const checkpoint = await engine.call('checkpoints.add', { path });
    await engine.call('predictions.generate', { filmId: film.id, checkpointId: checkpoint.id });
  }
  return workspace;
}

/** 16 bits of soft shapes and noise, as a film has them. */
function largeFilm(): Buffer {
  const { width, height } = FILM;
  const png = new PNG({ width, height, colorType: 0, bitDepth: 16, inputColorType: 0 });
  const values = new Uint16Array(width * height);
  let noise = 1;
  for (let i = 0; i < values.length; i++) {
    noise = (Math.imul(noise, 1664525) + 1013904223) >>> 0;
    const [x, y] = [(i % width) / width, Math.floor(i / width) / height];
    values[i] = 20_000 + 15_000 * Math.sin(7 * x) * Math.cos(5 * y) + (noise >>> 22);
  }
  const data = Buffer.from(values.buffer);
  return PNG.sync.write(Object.assign(png, { data }), { colorType: 0, bitDepth: 16, inputColorType: 0 });
}

async function measuredStart(start: () => Promise<Desktop>): Promise<number> {
  const before = Date.now();
  const desktop = await start();
  return closing(desktop, async (page) => {
    await page.waitForFunction(() => performance.getEntriesByName('film-shown').length > 0, undefined, { polling: 50 });
    const shownAt = await page.evaluate(
      () => performance.timeOrigin + performance.getEntriesByName('film-shown')[0]!.startTime,
    );
    return (shownAt - before) / 1000;
  });
}

/** Who draws: a GPU's name, or the software renderer's. */
function rendererOf(page: Page): Promise<string> {
  return page.evaluate(() => {
    const context = document.createElement('canvas').getContext('webgl');
    const info = context?.getExtension('WEBGL_debug_renderer_info');
    return context && info ? String(context.getParameter(info.UNMASKED_RENDERER_WEBGL)) : 'software, without WebGL';
  });
}

async function measureWindow(page: Page): Promise<object> {
  await page.waitForFunction(
    () => (document.querySelector('.overlay')?.textContent ?? '').includes('2500 × 3000'),
    undefined,
    {
      timeout: 180_000,
    },
  );
  const box = (await page.locator('.film').boundingBox())!;
  await page.mouse.move(box.x + 200, box.y + 200);
  await page.mouse.down();
  const times = await page.evaluate(
    ({ x, y, seconds }) =>
      new Promise<number[]>((resolve) => {
        const film = document.querySelector('.film')!;
        const marks: number[] = [];
        const end = performance.now() + seconds * 1000;
        const step = (now: number) => {
          marks.push(now);
          const at = marks.length % 200;
          const move = { clientX: x + at, clientY: y + at / 2, bubbles: true, pointerId: 1 };
          film.dispatchEvent(new PointerEvent('pointermove', move));
          if (performance.now() < end) requestAnimationFrame(step);
          else resolve(marks);
        };
        requestAnimationFrame(step);
      }),
    { x: box.x + 200, y: box.y + 200, seconds: DRAG_SECONDS },
  );
  await page.mouse.up();
  const gaps = times.slice(1).map((time, i) => time - times[i]!);
  return { ...FILM, frames: gaps.length, framesPerSecond: round(1000 / mean(gaps)), medianMs: round(median(gaps)) };
}

async function measureToggle(page: Page): Promise<number> {
  await page.keyboard.press('Alt+1');
  await page.locator('.line-film').first().click();
  await page.waitForSelector('.answer-details');
  await page.locator('.lines').focus();
  await page.evaluate(() => {
    const times: number[] = [];
    Object.assign(window, { toggles: times });
    const begun = (event: KeyboardEvent) => {
      if (event.key !== 'Tab') return;
      const start = event.timeStamp;
      // The second frame after the key: the first one has been painted by then.
      requestAnimationFrame(() => requestAnimationFrame((now) => times.push(now - start)));
    };
    window.addEventListener('keydown', begun, { capture: true });
  });
  for (let i = 0; i < TOGGLES; i++) {
    await page.keyboard.press('Tab');
    await page.waitForTimeout(120);
  }
  return round(median(await page.evaluate(() => (window as unknown as { toggles: number[] }).toggles)));
}

async function measureMemory(desktop: Desktop, packed: string): Promise<object> {
  const { page } = desktop;
  const session = await page.context().newCDPSession(page);
  await page.locator('.lines').focus();
  const bytes: Record<string, number> = {};
  for (let opened = 1; opened <= OPENED.many; opened++) {
    await page.keyboard.press('j');
    await page.waitForFunction(() => !document.querySelector('.pane .empty'));
    await page.waitForTimeout(40);
    if (opened !== OPENED.few && opened !== OPENED.many) continue;
    await session.send('HeapProfiler.collectGarbage');
    await page.waitForTimeout(500);
    bytes[String(opened)] = residentBytes(packed);
  }
  const [few, many] = [bytes[String(OPENED.few)]!, bytes[String(OPENED.many)]!];
  return { after20: few, after200: many, ratio: round(many / few) };
}

/** Of the page's processes. */
function residentBytes(packed: string): number {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      const command = readOr(`/proc/${pid}/cmdline`).replace(/\0/g, ' ');
      return command.startsWith(packed) && command.includes('--type=renderer');
    })
    .reduce((sum, pid) => sum + 1024 * Number(/VmRSS:\s+(\d+)/.exec(readOr(`/proc/${pid}/status`))?.[1] ?? 0), 0);
}

function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

async function measureList(page: Page): Promise<object> {
  await page.waitForSelector('.line-film');
  await page.waitForFunction(
    (rows) => Number(document.querySelector('.lines')?.getAttribute('aria-rowcount')) > rows,
    LIST,
  );
  const { gaps, dropped } = await page.evaluate(
    (frames) =>
      new Promise<{ gaps: number[]; dropped: number }>((resolve) => {
        const list = document.querySelector('.lines')!;
        const box = list.getBoundingClientRect();
        const gaps: number[] = [];
        let [last, dropped] = [0, 0];
        const step = (now: number) => {
          if (last > 0) gaps.push(now - last);
          last = now;
          const seen = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
          if (!seen?.closest('.line')) dropped++;
          list.scrollTop += 400;
          if (gaps.length < frames) requestAnimationFrame(step);
          else resolve({ gaps, dropped });
        };
        requestAnimationFrame(step);
      }),
    SCROLL_FRAMES,
  );
  return { rows: LIST, framesPerSecond: round(1000 / mean(gaps)), longestMs: round(Math.max(...gaps)), dropped };
}

function mean(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
