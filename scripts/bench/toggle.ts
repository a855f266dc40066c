/**
 * Milliseconds of a toggle between two checkpoints in the packed application's real window (Electron under Xvfb where there is
 * no display), from the key to the frame in which the other checkpoint's answer stands there: of a film that both have
 * answered (Tab), and of one that the second has not (its number, Enter, until its answer is there).
 *
 * The second is set beside generating the same answer once more, in turn with it, in the same window and the same engine
 * (Shift+R, "Ask again": from nothing, the film's features known): once as long as until that is drawn, and once as long as
 * the engine takes for it alone, asked and answered, with nothing drawn. A toggle may begin from the answer that the other
 * checkpoint has given (core/generation/drafts.ts), generating once more does not; `first` is a film that no checkpoint has
 * read, where there is nothing to begin from.
 *
 *   CHEXREASON_ELECTRON_DIST=FOLDER npm run -s bench -- toggle [--films N] [--packed FOLDER] [--screenshot FILE] --json
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Page } from 'playwright-core';
import { writePhantom } from '../../core/phantom/generate.ts';
import { readJsonLines } from '../../core/platform/files.ts';
import { nodePlatform } from '../../core/platform/node.ts';
import { createEngine } from '../../core/services/engine.ts';
import { missing, openDisplay, packDesktop, startDesktop } from '../../tests/support/desktop.ts';
import { machine, median } from '../support/measure.ts';

const RESOURCES = join(import.meta.dirname, '../../resources');
const ANSWERED_LIMIT_MS = 50;
const TOGGLES_OF_A_FILM = 10;
const SIZE = 256;
/** Until what follows from an answer is read again and drawn. */
const AT_REST_MS = 600;

export async function run(args: string[]): Promise<object> {
  const { values } = parseArgs({
    args,
    options: {
      films: { type: 'string', default: '8' },
      packed: { type: 'string' },
      screenshot: { type: 'string' },
    },
  });
  if (missing) return { benchmark: 'toggle', skipped: missing };
  const folder = mkdtempSync(join(tmpdir(), 'toggle-'));
  const packed = values.packed ?? (await packDesktop());
  const display = await openDisplay();
  try {
    const films = await makeWorkspace(folder, Number(values.films) + 1);
    const home = join(folder, 'home');
    const workspace = join(folder, 'workspace');
    const desktop = await startDesktop({ packed, display: display.name, home, args: [`--workspace=${workspace}`] });
    try {
      const all: Measured[] = [];
      desktop.page.setDefaultTimeout(120_000);
      await desktop.page.waitForSelector('.film-canvas canvas', { state: 'attached' });
      for (const words of films) all.push(await inTheWindow(desktop.page, words));
      if (values.screenshot) await desktop.page.screenshot({ path: values.screenshot });
      // The first film loads the model.
      return { benchmark: 'toggle', machine: machine(), films: all.length - 1, ...summary(all.slice(1)) };
    } finally {
      await desktop.close();
    }
  } finally {
    display.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The shipped checkpoints, and phantom films that nobody has read: what the study list is filtered by to have one alone. */
async function makeWorkspace(folder: string, count: number): Promise<string[]> {
  const out = join(folder, 'films');
  await writePhantom({ institution: 'a', count, seed: 77, out, size: SIZE });
  const films = (await readJsonLines<{ path: string }>(join(out, 'phantom.jsonl'))).map(({ path }) => join(out, path));
  const platform = nodePlatform({ resourcesDir: RESOURCES, userDir: join(folder, 'home') });
  const engine = await createEngine(platform, { workspace: join(folder, 'workspace') });
  for (const name of ['base', 'sft', 'grpo'])
    await engine.call('checkpoints.add', { path: join(RESOURCES, 'models', name) });
  await engine.call('films.add', { paths: [out] });
  const listed = (await engine.call('films.list', {})) as { path: string; patientId: string; studyDate: string }[];
  return films.map((path) => {
    const { patientId, studyDate } = listed.find((film) => film.path === path)!;
    return `${patientId} ${studyDate}`;
  });
}

/** Of one action, in milliseconds. */
interface Timed {
  /** From the key to the frame after the one in which the answer stands there. */
  drawn: number;
  /** From the request to the engine's answer. */
  call: number;
  /** What the engine says of it: image features where they were not known, prompt, tokens. */
  engine: { vision: number; prefill: number; decode: number };
}

interface Measured {
  /** SFT, which nobody has asked before, nor any other. */
  first: Timed;
  /** GRPO after SFT. */
  unanswered: Timed;
  /** GRPO once more. */
  again: Timed;
  answered: number[];
}

function summary(all: readonly Measured[]) {
  const answered = all.flatMap((film) => film.answered);
  const of = (ratio: (film: Measured) => number) => {
    const ratios = all.map(ratio);
    return { median: median(ratios), most: Math.max(...ratios) };
  };
  return {
    answered: {
      ms: median(answered),
      longestMs: Math.max(...answered),
      toggles: answered.length,
      limitMs: ANSWERED_LIMIT_MS,
    },
    unanswered: stages(all.map(({ unanswered }) => unanswered)),
    generatedOnceMore: stages(all.map(({ again }) => again)),
    first: stages(all.map(({ first }) => first)),
    ratios: {
      // The sentence: not above 1.
      'toggle drawn / once more drawn': of(({ unanswered, again }) => unanswered.drawn / again.drawn),
      'toggle drawn / once more by the engine, nothing drawn': of(
        ({ unanswered, again }) => unanswered.drawn / again.call,
      ),
      'toggle by the engine / once more by the engine': of(({ unanswered, again }) => unanswered.call / again.call),
      'first answer drawn / once more drawn': of(({ first, again }) => first.drawn / again.drawn),
      'first answer by the engine / once more by the engine': of(({ first, again }) => first.call / again.call),
    },
  };
}

/** Medians in milliseconds. */
function stages(timed: readonly Timed[]) {
  const of = (pick: (one: Timed) => number) => Number(median(timed.map(pick)).toFixed(1));
  return {
    ms: of(({ drawn }) => drawn),
    engineCallMs: of(({ call }) => call),
    visionMs: of(({ engine }) => engine.vision * 1000),
    promptMs: of(({ engine }) => engine.prefill * 1000),
    tokensMs: of(({ engine }) => engine.decode * 1000),
    drawingMs: of(({ drawn, call }) => drawn - call),
  };
}

/**
 * Opens a film, lets the SFT checkpoint answer, goes over to the GRPO checkpoint and back and forth, and lets GRPO answer once
 * more.
 */
async function inTheWindow(page: Page, words: string): Promise<Measured> {
  await page.locator('#study-filter').fill(words);
  await page.waitForFunction(() => document.querySelectorAll('.line-film').length === 1);
  await page.locator('.line-film').click();
  await page.locator('.lines').focus();
  await page.waitForTimeout(AT_REST_MS);
  const first = await page.evaluate<Timed>(pressed(['2', 'Enter'], ANSWERED));
  await page.waitForTimeout(AT_REST_MS);
  const unanswered = await page.evaluate<Timed>(pressed(['3', 'Enter'], CHANGED));
  await page.waitForTimeout(AT_REST_MS);
  const answered: number[] = [];
  for (let i = 0; i < TOGGLES_OF_A_FILM; i++) {
    answered.push((await page.evaluate<Timed>(pressed(['Tab'], CHANGED))).drawn);
    await page.waitForTimeout(100);
  }
  await page.waitForTimeout(AT_REST_MS);
  const again = await page.evaluate<Timed>(pressed(['R'], REPEATED));
  return { first, unanswered, again, answered };
}

/** In the page: an answer stands there, another checkpoint's does, this one's was generated once more. */
const ANSWERED = `document.querySelector('.answer-details')`;
const CHANGED = `head() !== before && ${ANSWERED}`;
const REPEATED = `document.querySelector('.repeat') && ${ANSWERED}`;

/**
 * In the page (text, since what compiles this file would add helpers that the page has not): presses the keys, and waits for
 * the frame after the one in which the answer stands there, whole.
 */
const pressed = (keys: string[], isThere: string) => `new Promise((resolve, reject) => {
  const head = () => document.querySelector('.answer-head h2')?.textContent;
  const mark = (name) => performance.getEntriesByName('film-' + name)[0];
  const before = head();
  const start = performance.now();
  for (const key of ${JSON.stringify(keys)}) {
    const shiftKey = key === 'R';
    document.querySelector('.lines').dispatchEvent(new KeyboardEvent('keydown', { key, shiftKey, bubbles: true, cancelable: true }));
  }
  const done = () => {
    const drawn = performance.now() - start;
    const [asked, answer] = [mark('question'), mark('answer')];
    resolve({ drawn, call: answer ? answer.startTime - asked.startTime : 0, engine: answer?.detail });
  };
  requestAnimationFrame(function look() {
    if (${isThere}) requestAnimationFrame(done);
    else if (performance.now() - start > 60000) reject(new Error('no answer of the other checkpoint'));
    else requestAnimationFrame(look);
  });
})`;
