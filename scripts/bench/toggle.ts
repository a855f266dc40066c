/**
 * Milliseconds of a toggle between two checkpoints in the packed application's real window (Electron under Xvfb where there is
 * no display), from the key to the frame in which the other checkpoint's answer stands there: of a film that both have
 * answered (Tab), and of one that the second has not (its number, Enter, until its answer is there). Beside the second, in
 * turn with it, the same answer generated once more without a window: same checkpoint, film and prompt, the film's features
 * known as they are in the window, with as many threads.
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
import { Inference } from '../../core/services/inference.ts';
import { imageQuestion } from '../../core/text/promptInput.ts';
import { loadPrompts } from '../../core/text/prompts.ts';
import { readCard } from '../../core/workspace/card.ts';
import { missing, openDisplay, packDesktop, startDesktop } from '../../tests/support/desktop.ts';
import { machine, median } from '../support/measure.ts';

const RESOURCES = join(import.meta.dirname, '../../resources');
const ANSWERED_LIMIT_MS = 50;
const TOGGLES_OF_A_FILM = 10;
const SIZE = 256;

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
    const plain = await PlainGeneration.open();
    try {
      const answered: number[] = [];
      const unanswered: number[] = [];
      const once: number[] = [];
      desktop.page.setDefaultTimeout(120_000);
      await desktop.page.waitForSelector('.film-canvas canvas', { state: 'attached' });
      for (const [i, film] of films.entries()) {
        const seconds = await inTheWindow(desktop.page, film.words);
        const again = await plain.seconds(film.path);
        // The first film loads the model, on either side.
        if (i === 0) continue;
        unanswered.push(seconds.unanswered);
        answered.push(...seconds.answered);
        once.push(again);
      }
      if (values.screenshot) await desktop.page.screenshot({ path: values.screenshot });
      const ratios = unanswered.map((time, i) => time / once[i]!);
      return {
        benchmark: 'toggle',
        machine: machine(),
        films: unanswered.length,
        answered: {
          ms: median(answered),
          longestMs: Math.max(...answered),
          toggles: answered.length,
          limitMs: ANSWERED_LIMIT_MS,
        },
        unanswered: { ms: median(unanswered), generatedOnceMoreMs: median(once), ratio: median(ratios), ratios },
      };
    } finally {
      await plain.close();
      await desktop.close();
    }
  } finally {
    display.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface BenchFilm {
  /** What the study list is filtered by, to have it alone. */
  words: string;
  path: string;
}

/** The shipped checkpoints, and phantom films that nobody has read. */
async function makeWorkspace(folder: string, count: number): Promise<BenchFilm[]> {
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
    return { path, words: `${patientId} ${studyDate}` };
  });
}

/** Answers of the GRPO checkpoint to the same question, one after the other. */
class PlainGeneration {
  private constructor(
    private readonly inference: Inference,
    private readonly prompt: string,
  ) {}

  static async open(): Promise<PlainGeneration> {
    const [model, adapter] = ['base', 'grpo'].map((name) => join(RESOURCES, 'models', name));
    const inference = await Inference.open({ model: model!, adapter });
    const card = await readCard(adapter!);
    const prompt = (await loadPrompts(join(RESOURCES, 'prompts'))).find(({ id }) => id === card?.promptId)!;
    return new PlainGeneration(inference, prompt.text);
  }

  /** Milliseconds of prompt and answer; the film's features are known by then. */
  async seconds(film: string): Promise<number> {
    const question = { messages: imageQuestion(this.prompt), images: [film] };
    const settings = { sampling: { temperature: 0, topP: 1, topK: 0, seed: 0 }, samples: 1 };
    await this.inference.infer(question, { ...settings, maxNewTokens: 1 });
    const start = performance.now();
    await this.inference.infer(question, settings);
    return performance.now() - start;
  }

  close(): Promise<void> {
    return this.inference.dispose();
  }
}

/** Opens a film, lets the SFT checkpoint answer, then goes over to the GRPO checkpoint and back and forth. */
async function inTheWindow(page: Page, words: string): Promise<{ unanswered: number; answered: number[] }> {
  await page.locator('#study-filter').fill(words);
  await page.waitForFunction(() => document.querySelectorAll('.line-film').length === 1);
  await page.locator('.line-film').click();
  await page.locator('.lines').focus();
  await page.keyboard.press('2');
  await page.keyboard.press('Enter');
  await page.locator('.answer-details').waitFor();
  await page.waitForTimeout(500);
  const unanswered = await page.evaluate<number>(pressed(['3', 'Enter']));
  await page.waitForTimeout(300);
  const answered: number[] = [];
  for (let i = 0; i < TOGGLES_OF_A_FILM; i++) {
    answered.push(await page.evaluate<number>(pressed(['Tab'])));
    await page.waitForTimeout(100);
  }
  return { unanswered, answered };
}

/**
 * In the page (text, since what compiles this file would add helpers that the page has not): presses the keys, and waits for
 * the frame after the one in which another checkpoint's answer stands there, whole.
 */
const pressed = (keys: string[]) => `new Promise((resolve, reject) => {
  const head = () => document.querySelector('.answer-head h2')?.textContent;
  const before = head();
  const start = performance.now();
  for (const key of ${JSON.stringify(keys)})
    document.querySelector('.lines').dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
  requestAnimationFrame(function look() {
    if (head() !== before && document.querySelector('.answer-details'))
      requestAnimationFrame(() => resolve(performance.now() - start));
    else if (performance.now() - start > 60000) reject(new Error('no answer of the other checkpoint'));
    else requestAnimationFrame(look);
  });
})`;
