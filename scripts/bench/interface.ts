/**
 * The interface in the packed application's real window (Electron under Xvfb where there is no display), each figure beside
 * its limit:
 *
 * - start: from the start of the program to the first film on the screen, the study list filled and a key answered; of a
 *   workspace that was made before, and with 100,000 films in it
 * - window: frames a second while the window of a film of 2,500 x 3,000 pixels is dragged, whole and at 1:1
 * - list: 100,000 films from files, indexed by the application itself; scrolled by wheel and by keyboard: frames with a gap
 *   in the list among those that the compositor gave out, presses that were lost
 * - toggle: from the key to the paint of the other checkpoint's answer
 * - memory: all processes together after 200 films of 2,048 x 2,500 pixels against after 20, each opened and left
 *
 *   CHEXREASON_ELECTRON_DIST=FOLDER npm run -s bench -- interface [--starts N] [--rows N] [--films N] [--only NAME,…]
 *     [--packed FOLDER] [--gpu] [--screenshot FOLDER] --json
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Page } from 'playwright-core';
import type { FilmEntry } from '../../core/services/contract.ts';
import { type Desktop, missing, openDisplay, packDesktop, startDesktop } from '../../tests/support/desktop.ts';
import { largeFilm, makeAnsweredWorkspace, writeLargeFilms } from '../support/interfaceFilms.ts';
import {
  dragWindow,
  drawnBy,
  FILM_IS_SHOWN,
  isOpen,
  memoryOf,
  round,
  scrollByKeyboard,
  scrollByWheel,
  toggle,
  until,
} from '../support/interfaceMeasures.ts';
import { writeManyFilms } from '../support/manyFilms.ts';
import { machine, median } from '../support/measure.ts';

const LIMITS = { startSeconds: 2.5, framesPerSecond: 60, inSoftware: 30, toggleMs: 50, memoryRatio: 1.2 };
const WINDOWED = { rows: 3000, columns: 2500 };
const OPENED = { rows: 2500, columns: 2048 };
const DRAG_MOVES = 240;
const TOGGLES = 40;
const FEW = 20;
const WHEEL_TURNS = 200;
const WHEEL_PIXELS = 600;
const KEY_PRESSES = 200;
/** In the page: lines of the list, those of collections too. */
const ROWS = "Number(document.querySelector('.lines')?.getAttribute('aria-rowcount'))";
const PARTS = ['start', 'window', 'toggle', 'memory', 'list'] as const;

interface Settings {
  /** The film that every checkpoint has answered. */
  answered: FilmEntry;
  folder: string;
  packed: string;
  display: string;
  starts: number;
  rows: number;
  films: number;
  gpu: boolean;
  screenshots: string | undefined;
}

export async function run(args: string[]): Promise<object> {
  const { values } = parseArgs({
    args,
    options: {
      starts: { type: 'string', default: '5' },
      rows: { type: 'string', default: '100000' },
      films: { type: 'string', default: '200' },
      only: { type: 'string', default: PARTS.join(',') },
      packed: { type: 'string' },
      /** Electron may use the GPU of the display that is there. */
      gpu: { type: 'boolean', default: false },
      screenshot: { type: 'string' },
    },
  });
  if (missing) return { benchmark: 'interface', skipped: missing };
  const folder = mkdtempSync(join(tmpdir(), 'interface-'));
  const packed = values.packed ?? (await quietly(packDesktop));
  const display = await openDisplay();
  try {
    const settings: Settings = {
      answered: await makeAnsweredWorkspace(folder, 12),
      folder,
      packed,
      display: display.name,
      starts: Number(values.starts),
      rows: Number(values.rows),
      films: Number(values.films),
      gpu: values.gpu,
      screenshots: values.screenshot,
    };
    const wanted = values.only.split(',');
    const measures = {
      start: measureStart,
      window: measureWindow,
      toggle: measureToggle,
      memory: measureMemory,
      list: measureList,
    };
    const result: Record<string, object> = { machine: machine() };
    for (const part of PARTS) {
      if (!wanted.includes(part)) continue;
      // Where one fails the others are worth having all the same.
      result[part] = await measures[part](settings).catch((error) => ({ error: String(error) }));
      console.error(`${part}: ${JSON.stringify(result[part])}`);
    }
    return { benchmark: 'interface', ...result };
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

function start({ folder, packed, display, gpu }: Settings, paths: string[] = []): Promise<Desktop> {
  const args = [`--workspace=${join(folder, 'workspace')}`, ...paths];
  return startDesktop({ packed, display, home: join(folder, 'home'), args, gpu });
}

async function closing<T>(desktop: Desktop, work: (page: Page) => Promise<T>): Promise<T> {
  try {
    return await work(desktop.page);
  } finally {
    await desktop.close();
  }
}

async function measureStart(settings: Settings): Promise<object> {
  // The first one of this user makes Chromium's folders.
  await startedAfter(settings);
  const seconds: number[] = [];
  for (let i = 0; i < settings.starts; i++) seconds.push(await startedAfter(settings));
  return { seconds: round(median(seconds)), limit: LIMITS.startSeconds, all: seconds.map(round) };
}

/** Seconds from the start of the program until a film is shown, the list has its lines, and a key was answered. */
async function startedAfter(settings: Settings): Promise<number> {
  const before = Date.now();
  return closing(await start(settings), async (page) => {
    await until(page, `document.querySelector('.line-film') && ${FILM_IS_SHOWN}`);
    await page.keyboard.press('Alt+1');
    return (Date.now() - before) / 1000;
  });
}

async function measureWindow(settings: Settings): Promise<object> {
  const film = join(settings.folder, 'large.dcm');
  writeFileSync(film, largeFilm('large', WINDOWED));
  return closing(await start(settings, [film]), async (page) => {
    await until(page, isOpen('large'));
    const drawing = await drawnBy(page);
    const fitted = await dragWindow(page, DRAG_MOVES);
    await shot(settings, page, 'window');
    await page.keyboard.press('o');
    const atOne = await dragWindow(page, DRAG_MOVES);
    const limit = drawing.software ? LIMITS.inSoftware : LIMITS.framesPerSecond;
    return { ...WINDOWED, ...drawing, limit, fitted, atOne };
  });
}

async function measureToggle(settings: Settings): Promise<object> {
  return closing(await start(settings), async (page) => {
    await until(page, FILM_IS_SHOWN);
    await page.keyboard.press('Alt+1');
    // The list begins at the film of the last time.
    await page.locator('#study-filter').fill(settings.answered.patientId);
    await page.locator(`[id="line-${settings.answered.id}"]`).click();
    await page.locator('#study-filter').fill('');
    await page.waitForSelector('.answer-details');
    const measured = await toggle(page, TOGGLES);
    await shot(settings, page, 'toggle');
    return { ...measured, limit: LIMITS.toggleMs, toggles: TOGGLES };
  });
}

async function measureMemory(settings: Settings): Promise<object> {
  const { folder, packed, films } = settings;
  const opened = writeLargeFilms(join(folder, 'large'), films, OPENED, (i) => `Bench-${1000 + i}`);
  return closing(await start(settings, [opened]), async (page) => {
    await page.locator('#study-filter').fill('Bench-');
    await until(page, `${ROWS} > ${films} && !document.querySelector('.scan')`);
    await page.locator('.line-film').first().click();
    await page.locator('.lines').focus();
    const after: Record<string, Record<string, number>> = {};
    const seen = new Set<string>();
    while (seen.size < films) {
      if (seen.size > 0) await page.keyboard.press('j');
      const patient = (await page.locator('.line.current .patient').textContent())!;
      await until(page, isOpen(patient));
      seen.add(patient);
      if (seen.size === FEW || seen.size === films) after[`after${seen.size}`] = await memoryOf(page, packed);
    }
    await shot(settings, page, 'memory');
    const ratio = round(after[`after${films}`]!['all']! / after[`after${FEW}`]!['all']!);
    return { ratio, limit: LIMITS.memoryRatio, mebibytes: after };
  });
}

async function measureList(settings: Settings): Promise<object> {
  const folder = join(settings.folder, 'many');
  await writeManyFilms(folder, settings.rows);
  const openedAt = Date.now();
  const list = await closing(await start(settings, [folder]), async (page) => {
    await until(page, `${ROWS} > ${settings.rows} && !document.querySelector('.scan')`, 600_000);
    const indexedSeconds = (Date.now() - openedAt) / 1000;
    await page.locator('#study-filter').fill('P');
    await page.waitForTimeout(2000);
    const wheel = await scrollByWheel(page, WHEEL_TURNS, WHEEL_PIXELS);
    await shot(settings, page, 'list');
    await page.locator('.line-film').nth(4).click();
    const keyboard = await scrollByKeyboard(page, KEY_PRESSES);
    return { rows: settings.rows, limit: 0, indexedSeconds: round(indexedSeconds), wheel, keyboard };
  });
  const seconds: number[] = [];
  for (let i = 0; i < 3; i++) seconds.push(await startedAfter(settings));
  return { ...list, startSeconds: round(median(seconds)) };
}

async function shot({ screenshots }: Settings, page: Page, name: string): Promise<void> {
  if (!screenshots) return;
  mkdirSync(screenshots, { recursive: true });
  await page.screenshot({ path: join(screenshots, `${name}.png`) });
}
