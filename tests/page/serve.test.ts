/** `chexreason serve` as a person uses it: the printed address in Chromium, the main job, a killed engine, a dropped film. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chromiumPath } from '../renderer/support/chromium.ts';
import { root } from '../support/command.ts';
import { makeJobWorkspace } from '../support/jobWorkspace.ts';
import { evaluateBoth, readAndToggle, seeReport } from '../support/mainJob.ts';
import { type ServedPage, servePage } from '../support/servedPage.ts';

describe.skipIf(!chromiumPath)('chexreason serve (in Chromium; skipped where there is none)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'serve-'));
  let served: ServedPage;
  let page: Page;
  let dicom: string;
  const connections = join(folder, 'connections.jsonl');

  beforeAll(async () => {
    const made = await makeJobWorkspace(folder);
    dicom = made.dicom;
    served = await servePage(made.workspace, join(folder, 'home'), {
      CHEXREASON_CONNECTIONS: connections,
      NODE_OPTIONS: `--require ${join(root, 'tests/support/watchConnections.cjs')}`,
    });
    page = served.page;
  });
  afterAll(async () => {
    await served?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('keeps the token out of the address', () => {
    expect(new URL(page.url()).search).toBe('');
  });

  it('shows a film and toggles between the checkpoints', () => readAndToggle(page));

  it('evaluates on both institutions', () => evaluateBoth(page));

  it('shows the report and saves it, readable as text', async () => {
    await seeReport(page);
    const saved = join(folder, 'report.pdf');
    await page.getByLabel('Save to a path on the machine of the engine').fill(saved);
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByText('saved as').waitFor();
    expect(readFileSync(saved).subarray(0, 5).toString()).toBe('%PDF-');
    const text = pdfText(saved);
    if (text !== null) expect(text).toMatch(/research use only/i);
  });

  it('measures, converts and uses another precision, and tries a GPU', async () => {
    await page.keyboard.press('Alt+5');
    const card = page.locator('.precisions');
    await card.getByRole('button', { name: 'Measure: int8 against f32' }).click();
    await card.getByText(/of 8 films with the same findings/).waitFor();
    expect(await card.textContent()).toMatch(/logits differ by \d/);
    await card.getByRole('radio', { name: 'int8' }).click();
    await page.waitForFunction(() => document.querySelectorAll<HTMLInputElement>('.precisions input')[1]?.checked);
    await card.getByRole('radio', { name: 'f32' }).click();
    await page.waitForFunction(() => document.querySelectorAll<HTMLInputElement>('.precisions input')[0]?.checked);
    await card.getByRole('button', { name: /^Remove converted/ }).click();
    await card.getByRole('button', { name: /^Remove converted/ }).waitFor({ state: 'detached' });

    await page.keyboard.press('Alt+6');
    const device = page.getByLabel('Answers are computed by');
    await device.selectOption('GPU (WebGPU)');
    // The engine has none, or it has one: the machine decides, and the screen says which.
    const refused = page.locator('.notices .error-box', { hasText: 'No GPU can be used' });
    await refused
      .or(page.locator('.settings strong', { hasText: 'onnxruntime-webgpu' }))
      .first()
      .waitFor();
    if (await refused.isVisible()) await dismissAll(page);
    else await device.selectOption('Processor');
    const answers = page.locator('.engines > div', { hasText: 'Answers' });
    await answers.locator('strong', { hasText: 'onnxruntime-cpu' }).waitFor();
  });

  it('exports the predictions, imports them as made elsewhere, and reports those', async () => {
    await page.keyboard.press('Alt+2');
    const predictions = join(folder, 'elsewhere.jsonl');
    await page.getByRole('button', { name: 'Export predictions' }).click();
    await page.getByLabel('Save to a path on the machine of the engine').fill(predictions);
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByText(`24 answers written to ${predictions}`).waitFor();
    const ours = await page.locator('.grid-cell .number.big').allTextContents();

    await page.getByRole('button', { name: 'Import predictions' }).click();
    await page.getByLabel(/Predictions made elsewhere/).fill(join(folder, 'nowhere.jsonl'));
    await page.getByRole('button', { name: 'Import', exact: true }).click();
    await page.getByText('The predictions could not be imported').waitFor();
    await dismissAll(page);
    await page.getByLabel(/Predictions made elsewhere/).fill(predictions);
    await page.getByRole('button', { name: 'Import', exact: true }).click();
    await page.getByText('24 answers imported').waitFor();
    await page.locator('.headline').waitFor();
    expect(await page.locator('.grid-cell .number.big').allTextContents()).toEqual(ours);
    await page.locator('.grid-cell .number.big').first().click();
    await page.waitForSelector('.followed');
    expect(await page.locator('.line-film').count()).toBe(4);

    await page.keyboard.press('Alt+4');
    await dismissAll(page);
    const choice = page.getByLabel('Evaluation');
    await choice.selectOption((await choice.locator('option', { hasText: 'elsewhere' }).getAttribute('value'))!);
    await page.locator('.pdf-page').first().waitFor();
    const saved = join(folder, 'imported.pdf');
    await page.getByLabel('Save to a path on the machine of the engine').fill(saved);
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await expect.poll(() => existsSync(saved)).toBe(true);
    const text = pdfText(saved);
    if (text !== null) expect(text).toMatch(/made elsewhere and imported/i);
  });

  it('takes a dropped film: the host keeps a copy', async () => {
    await page.keyboard.press('Alt+1');
    const name = readdirSync(dicom, { recursive: true, encoding: 'utf8' }).find((path) => path.endsWith('.dcm'))!;
    const bytes = readFileSync(join(dicom, name)).toString('base64');
    await page.evaluate((base64) => {
      const files = new DataTransfer();
      const content = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      files.items.add(new File([content], 'dropped.dcm'));
      const at = document.querySelector('.screen')!;
      for (const type of ['dragenter', 'dragover', 'drop']) {
        at.dispatchEvent(new DragEvent(type, { dataTransfer: files, bubbles: true, cancelable: true }));
      }
    }, bytes);
    await page.getByText('Opened films').waitFor();
    expect(readdirSync(join(folder, 'home/uploads'), { recursive: true }).join()).toContain('dropped.dcm');
  });

  it('goes on after the engine was killed, and nothing that was done is lost', async () => {
    const [engine] = childrenOf(served.host.pid!).filter((pid) => commandOf(pid).includes('engine.ts'));
    expect(engine).toBeDefined();
    process.kill(engine!, 'SIGKILL');
    await page.getByText('was started again').waitFor();
    await page.keyboard.press('Alt+2');
    await page.locator('.headline').waitFor();
    await page.keyboard.press('Alt+1');
    await page.locator('.line-film').first().click();
    await page.waitForSelector('.film-canvas canvas');
  });

  it('sent nothing anywhere: every connection of host and engine, and every request of the page', () => {
    const lines = readFileSync(connections, 'utf8').trim().split('\n');
    const seen = lines.map((line) => JSON.parse(line) as { what: string; where: string; pid: number });
    // Both processes were watched.
    expect(new Set(seen.filter(({ what }) => what === 'start').map(({ pid }) => pid)).size).toBeGreaterThan(1);
    const away = seen.filter(({ what, where }) => what !== 'start' && !isHere(where));
    expect(away).toEqual([]);
    const own = new URL(served.url).origin;
    const elsewhere = served.requested.filter((each) => !each.startsWith(own) && !/^(blob|data):/.test(each));
    expect(elsewhere).toEqual([]);
    expect(served.requested.length).toBeGreaterThan(3);
  });

  it('wrote no error to the page’s console, content security included', () => {
    expect(served.faults).toEqual([]);
  });

  it('shows nothing to a browser without the token', async () => {
    const context = await served.browser.newContext();
    expect((await (await context.newPage()).goto(new URL('/', served.url).href))!.status()).toBe(401);
    await context.close();
  });

  it('ends with Ctrl+C, its engine too', async () => {
    const engines = childrenOf(served.host.pid!);
    expect(engines.length).toBeGreaterThan(0);
    const ended = new Promise((resolve) => served.host.once('exit', resolve));
    served.host.kill('SIGINT');
    expect(await ended).toBe(0);
    expect(engines.map(commandOf).filter((command) => command.includes('engine.ts'))).toEqual([]);
  });
});

/** Loopback, or a socket of the file system. */
function isHere(where: string): boolean {
  return /^(127\.|::1$|localhost$|\/)/.test(where);
}

/** null where there is no pdftotext. */
function pdfText(file: string): string | null {
  try {
    return execFileSync('pdftotext', [file, '-'], { encoding: 'utf8' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Linux; where there is no /proc there is no Chromium of these tests either. */
function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replace(/\0/g, ' ');
  } catch {
    return '';
  }
}

/** Messages stay until they are dismissed, and may lie over what is wanted next. */
async function dismissAll(page: Page): Promise<void> {
  const buttons = page.locator('.notices').getByRole('button', { name: 'Dismiss' });
  while ((await buttons.count()) > 0) await buttons.first().click();
}
