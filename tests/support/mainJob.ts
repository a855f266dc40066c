/**
 * The main job as a person does it on the screens, the same in the desktop's window and in a browser: look at a film, ask
 * two checkpoints and toggle between them, evaluate on two institutions, see the report. The workspace is jobWorkspace.ts'.
 */
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { FILMS } from './jobWorkspace.ts';

const CHECKPOINTS = ['Tiny base', 'Tiny SFT', 'Tiny GRPO'];

/** Every checkpoint is asked about the film that is open; Tab then blinks between the last two. */
export async function readAndToggle(page: Page): Promise<void> {
  await page.waitForSelector('.film-canvas canvas');
  const active = page.locator('.column-head[aria-pressed="true"]');
  const answers = new Map<string, string>();
  for (const [i, name] of CHECKPOINTS.entries()) {
    await page.locator('.lines').focus();
    await page.keyboard.press(`${i + 1}`);
    await page
      .getByRole('heading', { name: `${name}: reasoning` })
      .or(page.locator('.answer-head', { hasText: name }))
      .first()
      .waitFor();
    await page.keyboard.press('Enter');
    await page.locator('.answer-details').waitFor();
    await page.getByText('Raw text').click();
    answers.set(name, (await page.locator('.answer-details pre.tokens').textContent()) ?? '');
  }
  expect(new Set(answers.values()).size, 'each checkpoint answers in its own way').toBe(CHECKPOINTS.length);

  const last = await active.textContent();
  await page.locator('.lines').focus();
  await page.keyboard.press('Tab');
  expect(await active.textContent()).not.toBe(last);
  await page.keyboard.press('Tab');
  expect(await active.textContent()).toBe(last);
}

/** Evaluates all checkpoints on both institutions and waits for the figures. */
export async function evaluateBoth(page: Page): Promise<void> {
  await page.keyboard.press('Alt+2');
  await page.locator('.setup').waitFor();
  expect(await page.getByLabel('Source').locator('option:checked').textContent()).toContain('Phantom a');
  expect(await page.getByLabel('Other institution').locator('option:checked').textContent()).toContain('Phantom b');
  await page.locator('.setup-run button.primary').click();
  await page.locator('.headline').waitFor();
  expect(await page.locator('.headline').textContent()).toMatch(/shared labels|labels that both sets share/);
  const cells = await page.locator('.grid-cell').allTextContents();
  expect(cells).toHaveLength(2 * CHECKPOINTS.length);
  for (const cell of cells) expect(cell).toContain(`${FILMS}`);
}

/** The pages of the report, drawn. */
export async function seeReport(page: Page): Promise<void> {
  await page.keyboard.press('Alt+4');
  await page.locator('.pdf-page').first().waitFor();
  await page.waitForFunction(() => {
    const canvas = document.querySelector('.pdf-page') as HTMLCanvasElement;
    const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
    return data.some((value, at) => at % 4 === 0 && value < 60 && data[at + 3] === 255);
  });
  expect(await page.locator('.pdf-page').count()).toBeGreaterThanOrEqual(4);
}
