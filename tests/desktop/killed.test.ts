/**
 * Any process of the packed application may end at any moment (killed here as the system's out-of-memory killer does):
 * study, window and work come back. Skipped, and counted, where there is no Electron or no display
 * (tests/support/desktop.ts).
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Desktop,
  type Display,
  ENGINE_PROCESS,
  hasProgram,
  missing,
  openDisplay,
  packDesktop,
  processesOf,
  startDesktop,
} from '../support/desktop.ts';
import { makeJobWorkspace } from '../support/jobWorkspace.ts';
import { windowsNamed, xdotool } from '../support/xdotool.ts';

/** An evaluation of so many lasts longer than what is tried beside it. */
const MANY_FILMS = 400;
const GPU_PROCESS = '--type=gpu-process';
const PAGE_PROCESS = '--type=renderer';

describe.skipIf(missing)(`the desktop after a crash${missing ? ` (skipped: ${missing})` : ''}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'desktop-killed-'));
  let packed: string;
  let workspace: string;
  let display: Display;
  let desktop: Desktop;
  const page = () => desktop.page;
  const jobs = () => page().locator('.status-jobs .job');
  const open = async () => {
    const args = [`--workspace=${workspace}`];
    desktop = await startDesktop({ packed, display: display.name, home: join(folder, 'home'), args });
    await page().waitForSelector('.line-film, .setup, .run-form');
  };
  const bounds = () => page().evaluate(() => [screenX, screenY, outerWidth, outerHeight]);
  /** Ends one of its processes, and waits for the one that takes its place. */
  const killOne = async (kind: string) => {
    const [first] = processesOf(packed, kind);
    expect(first, kind).toBeDefined();
    process.kill(first!, 'SIGKILL');
    await expect.poll(() => processesOf(packed, kind).filter((pid) => pid !== first).length).toBeGreaterThan(0);
  };

  beforeAll(async () => {
    ({ workspace } = await makeJobWorkspace(folder, MANY_FILMS));
    packed = await packDesktop();
    display = await openDisplay();
    await open();
  });
  afterAll(async () => {
    await desktop?.close();
    display?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('of the whole application comes back with its film, its window and its work', async () => {
    await page().locator('.lines').focus();
    await page().keyboard.press('j');
    await page().keyboard.press('i');
    const film = await page().locator('.line-film[aria-selected="true"]').textContent();
    await startEvaluation(page());
    await jobs().first().waitFor();
    if (hasProgram('xdotool')) {
      const [window] = windowsNamed(display.name, 'ChexReason Workbench');
      xdotool(display.name, 'windowsize', window!, '1210', '730');
      xdotool(display.name, 'windowmove', window!, '33', '44');
      await expect.poll(bounds).toEqual([33, 44, 1210, 730]);
    }
    const before = await bounds();
    // Place and window are written a moment later.
    await page().waitForTimeout(1500);
    await desktop.kill();

    await open();
    await expect.poll(bounds).toEqual(before);
    await jobs().first().waitFor();
    expect(await page().locator('.rail [aria-current="page"]').textContent()).toContain('Evaluate');
    await page().keyboard.press('Alt+1');
    expect(await page().locator('.line-film[aria-selected="true"]').textContent()).toBe(film);
  });

  it.skipIf(!hasProgram('xdotool'))('asks before it quits while work runs, and stays on a no', async () => {
    await jobs().first().waitFor();
    const windows = () => windowsNamed(display.name, 'ChexReason Workbench');
    xdotool(display.name, 'windowfocus', windows()[0]!);
    xdotool(display.name, 'key', 'ctrl+q');
    await expect.poll(() => windows().length).toBe(2);
    xdotool(display.name, 'windowfocus', windows()[1]!);
    xdotool(display.name, 'key', 'Escape');
    await expect.poll(() => windows().length).toBe(1);
    expect(await jobs().count()).toBeGreaterThan(0);
  });

  it('of the process that draws shows its film again', async () => {
    await page().waitForSelector('.film-canvas canvas');
    await killOne(GPU_PROCESS);
    await page().locator('.lines').focus();
    await page().keyboard.press('j');
    await expect.poll(() => brightest(page())).toBeGreaterThan(100);
    expect(await jobs().count()).toBeGreaterThan(0);
  });

  it('of the page’s process shows screen and work as they were', async () => {
    await page().keyboard.press('Alt+2');
    await jobs().first().waitFor();
    await page().waitForTimeout(1500);
    await killOne(PAGE_PROCESS);
    const current = () =>
      desktop.reconnect().then((again) => again.locator('.rail [aria-current="page"]').textContent());
    await expect.poll(current).toContain('Evaluate');
    await jobs().first().waitFor();
    const cancelAll = async () => {
      await page()
        .getByRole('button', { name: /^Cancel: / })
        .evaluateAll((all) => all.map((each) => (each as HTMLElement).click()));
      return jobs().count();
    };
    await expect.poll(cancelAll).toBe(0);
  });

  it('of the engine trains on in the same window', async () => {
    await startTraining(page());
    await expect.poll(() => stepsOf(page())).toBeGreaterThan(1);
    const before = await stepsOf(page());
    await killOne(ENGINE_PROCESS);
    await page().getByText('was started again').waitFor();
    await expect.poll(() => stepsOf(page())).toBeGreaterThan(before);
  });

  it('of the whole application trains on, and what is paused waits', async () => {
    const before = await stepsOf(page());
    await desktop.kill();
    await open();
    expect(await page().locator('.rail [aria-current="page"]').textContent()).toContain('Train');
    await page().locator('option', { hasText: 'Killed run' }).first().waitFor({ state: 'attached' });
    await expect.poll(() => stepsOf(page())).toBeGreaterThan(before);
    await page().locator('.chart figcaption', { hasText: 'Loss' }).waitFor();

    await page().locator('.run-form').getByRole('button', { name: 'Pause', exact: true }).click();
    await page().getByText('SFT · paused').waitFor();
    const at = await stepsOf(page());
    await desktop.kill();
    await open();
    await page().getByText('SFT · paused').waitFor();
    expect(await stepsOf(page())).toBe(at);
    await page().locator('.run-form').getByRole('button', { name: 'Resume', exact: true }).click();
    await expect.poll(() => stepsOf(page())).toBeGreaterThan(at);
    await page().locator('.run-form').getByRole('button', { name: 'Cancel', exact: true }).click();
    await page().getByText('SFT · stopped').waitFor();
    // One run, each of whose steps was taken once, whatever was killed.
    const runs = join(workspace, 'runs');
    expect(readdirSync(runs)).toHaveLength(1);
    const steps = stepsIn(join(runs, readdirSync(runs)[0]!, 'log.jsonl'));
    expect(steps).toEqual(steps.map((_, i) => i + 1));
    expect(steps.length).toBeGreaterThan(at);
  });
});

async function startEvaluation(page: Page): Promise<void> {
  await page.keyboard.press('Alt+2');
  await page.getByLabel('Films of each data set').fill(String(MANY_FILMS));
  // The cost is there when everything that it is reckoned from is.
  await page.getByText('answers to make').waitFor();
  await page.locator('.setup-run button.primary').click();
}

/** As fast as a step can be: one film, its labels for an answer. */
async function startTraining(page: Page): Promise<void> {
  await page.keyboard.press('Alt+3');
  await page.getByLabel('Name', { exact: true }).fill('Killed run');
  await page.getByLabel('Learns from').selectOption('Phantom a');
  for (const [name, value] of [
    ['batchSize', '1'],
    ['checkpointEvery', '1'],
    ['rank', '2'],
  ])
    await page.locator(`#field-${name}`).fill(value!);
  expect(await page.locator('.trainer').textContent()).toMatch(
    /^Trains by ONNX Runtime, on the processor\. (No|The) CUDA/,
  );
  await page.getByRole('button', { name: 'Start training' }).click();
}

/** Of the run in the status line; 0: none, or it does not train yet. */
async function stepsOf(page: Page): Promise<number> {
  const run = page.locator('.status-jobs .job', { hasText: 'SFT: Killed run' });
  if ((await run.count()) === 0) return 0;
  const counts = await run.locator('> span').allTextContents();
  const [, done, total] = counts.flatMap((each) => [/^([\d,]+) of ([\d,]+)$/.exec(each)].filter(Boolean))[0] ?? [];
  // The features of the films are counted before the steps.
  return total && number(total) > MANY_FILMS ? number(done!) : 0;
}

function number(shown: string): number {
  return Number(shown.replaceAll(',', ''));
}

function stepsIn(log: string): number[] {
  return readFileSync(log, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { step?: number; loss?: number })
    .flatMap(({ step, loss }) => (step !== undefined && loss !== undefined ? [step] : []));
}

/** Of the film on the screen: 0 where nothing was drawn. */
function brightest(page: Page): Promise<number> {
  return page.locator('.film-canvas canvas').evaluate((canvas) => {
    const { width, height } = canvas as HTMLCanvasElement;
    const { data } = (canvas as HTMLCanvasElement).getContext('2d')!.getImageData(0, 0, width, height);
    let most = 0;
    for (let i = 0; i < data.length; i += 4) most = Math.max(most, data[i]!);
    return most;
  });
}
