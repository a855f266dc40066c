/**
 * Milliseconds from opening a film to its pixels on the screen, in the packed application's real window (Electron under Xvfb
 * where there is no display): a film of 2,048 x 2,500 pixels, uncompressed and JPEG 2000. Each run opens a file that was not
 * opened before, by a click in the study list.
 *
 * - `shownMs`: to the first frame in which the canvas shows the film in every pixel that the viewport has. That may be the film
 *   in small (core/dicom/preview.ts), never smaller than it is shown; `limitMs` is for this.
 * - `wholeMs`: to the first frame that is drawn from all pixels of the film; from then on it can be measured and windowed.
 * - `room`: the viewport's canvas in device pixels.
 *
 *   CHEXREASON_ELECTRON_DIST=FOLDER npm run -s bench -- window [--runs N] [--packed FOLDER] [--screenshot FILE] [--trace] --json
 *
 * With --trace the milliseconds since the click at which each stage was passed go to stderr, in the engine (core/platform/trace.ts)
 * and in the page (renderer/viewer/trace.ts).
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Page } from 'playwright-core';
import { missing, openDisplay, packDesktop, startDesktop } from '../../tests/support/desktop.ts';
import { benchFilm, encodeBenchFilms } from '../support/benchFilms.ts';
import { machine, median } from '../support/measure.ts';

const LIMITS_MS: Record<string, number> = { native: 150, 'jpeg-2000': 400 };

export async function run(args: string[]): Promise<object> {
  const { values } = parseArgs({
    args,
    options: {
      runs: { type: 'string', default: '7' },
      packed: { type: 'string' },
      screenshot: { type: 'string' },
      trace: { type: 'boolean', default: false },
    },
  });
  if (missing) return { benchmark: 'window', skipped: missing };
  const runs = Number(values.runs);
  const folder = mkdtempSync(join(tmpdir(), 'window-'));
  const packed = values.packed ?? (await packDesktop());
  const display = await openDisplay();
  let said = '';
  if (values.trace) process.env['CHEXREASON_TRACE'] = '1';
  try {
    const names = Object.keys(LIMITS_MS);
    const films = await writeFilms(join(folder, 'films'), names, runs + 1);
    const desktop = await startDesktop({
      packed,
      display: display.name,
      home: join(folder, 'home'),
      onStderr: (text) => {
        said += text;
      },
      args: [`--workspace=${join(folder, 'workspace')}`, films],
    });
    try {
      const { page } = desktop;
      await page.waitForFunction((count) => document.querySelectorAll('.line-film').length >= count, names.length);
      await page.waitForSelector('.film-canvas canvas');
      const codecs: Record<string, object> = {};
      for (const name of names) {
        const runsOf: Opened[] = [];
        for (let i = 0; i <= runs; i++) {
          await page.locator('#study-filter').fill(filmName(name, i));
          // Its thumbnail is made, too.
          await page.waitForTimeout(1500);
          said = '';
          const opened = await page.evaluate<Opened | null>(openFirstFilm(isInverted(name, i)));
          // The first of all may have been opened at the start.
          if (opened && i > 0) runsOf.push(opened);
          await page.waitForTimeout(300);
          if (values.trace && opened) console.error(name, JSON.stringify(await stagesOf(page, said, opened)));
        }
        const shown = runsOf.map(({ clicked, shown }) => Math.round(shown - clicked));
        const whole = runsOf.map(({ clicked, whole }) => Math.round(whole - clicked));
        const medians = { shownMs: median(shown), limitMs: LIMITS_MS[name], wholeMs: median(whole) };
        codecs[name] = { ...medians, room: runsOf[0]?.room, shown, whole };
      }
      if (values.screenshot) await page.screenshot({ path: values.screenshot });
      return { benchmark: 'window', runs, machine: machine(), codecs };
    } finally {
      await desktop.close();
    }
  } finally {
    display.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Opened {
  clicked: number;
  shown: number;
  whole: number;
  room: string;
}

/** Milliseconds since the click at which each stage was passed. */
async function stagesOf(page: Page, said: string, opened: Opened): Promise<Record<string, number>> {
  const here = [...said.matchAll(/^trace (\S+) (\S+)$/gm)].map(([, stage, at]) => [stage!, Number(at)] as const);
  const there = await page.evaluate<[string, number][]>(
    "performance.getEntriesByType('mark').map((mark) => [mark.name, performance.timeOrigin + mark.startTime])",
  );
  const all = [...here, ...there, ['shown', opened.shown] as const, ['whole', opened.whole] as const].filter(
    ([, at]) => at >= opened.clicked,
  );
  const sorted = all.sort(([, a], [, b]) => a - b);
  return Object.fromEntries(sorted.map(([stage, at]) => [stage, Math.round(10 * (at - opened.clicked)) / 10]));
}

const filmName = (name: string, run: number) => `${name}.${run}.`;
/** Every other film is inverted, so that the one before, which stays until the next is there, is not taken for it. */
const isInverted = (name: string, run: number) => (run + Object.keys(LIMITS_MS).indexOf(name)) % 2 === 1;

async function writeFilms(folder: string, names: string[], count: number): Promise<string> {
  mkdirSync(folder, { recursive: true });
  for (const { name, transferSyntax, bits, pixelData } of await encodeBenchFilms(names)) {
    for (let i = 0; i < count; i++) {
      const each = filmName(name, i);
      const photometric = isInverted(name, i) ? 'MONOCHROME1' : 'MONOCHROME2';
      writeFileSync(
        join(folder, `${each}dcm`),
        benchFilm(each, transferSyntax, bits, pixelData, undefined, photometric),
      );
    }
  }
  return folder;
}

/**
 * In the page (text, since what compiles this file would add helpers that the page has not): clicks the first film of the
 * list, and waits for the frame in which the middle of the canvas has changed sides, then for the one drawn from the whole film.
 * Reading a pixel back ends only when the drawing has.
 */
const openFirstFilm = (inverted: boolean) => `new Promise((resolve) => {
  const canvas = document.querySelector('.film-canvas canvas');
  const gray = () => canvas.getContext('2d').getImageData(canvas.width >> 1, canvas.height >> 1, 1, 1).data[0];
  const isThere = (value) => value > 0 && value < 128 === ${inverted};
  if (isThere(gray())) return resolve(null);
  const now = () => performance.timeOrigin + performance.now();
  const clicked = now();
  document.querySelector('.line-film').click();
  let shown = 0;
  requestAnimationFrame(function look() {
    const isDrawn = isThere(gray());
    if (isDrawn && !shown) shown = now();
    if (isDrawn && document.querySelector('.film').dataset.shown === 'film') {
      resolve({ clicked, shown, whole: now(), room: canvas.width + ' x ' + canvas.height });
    } else requestAnimationFrame(look);
  });
})`;
