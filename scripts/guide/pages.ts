/** What the guide shows, page by page: the steps that its user takes, and the pictures of them. */
import type { Page } from 'playwright-core';
import type { Photographer } from './photographer.ts';

type Take = (photographer: Photographer) => Promise<void>;

/** A workspace of full size films is the first in the list; its second patient has a prior. */
const PATIENT = '10000001';

async function asked(page: Page): Promise<void> {
  await page.locator('.lines').focus();
  await page.keyboard.press('Shift+Enter');
  await page.waitForFunction(() => document.querySelectorAll('.matrix [aria-label="being asked"]').length === 0);
  await page.locator('.sentence').first().waitFor();
}

/** A film with the answers of all checkpoints. */
async function answered(camera: Photographer, text: string, nth = 0): Promise<void> {
  await camera.show(1, '.read');
  await camera.film(text, nth);
  await asked(camera.page);
}

async function drag(page: Page, from: [number, number], to: [number, number]): Promise<void> {
  const box = (await page.locator('.film').first().boundingBox())!;
  const at = ([x, y]: [number, number]) => [box.x + x * box.width, box.y + y * box.height] as const;
  await page.mouse.move(...at(from));
  await page.mouse.down();
  await page.mouse.move(...at(to), { steps: 6 });
  await page.mouse.up();
}

const open: Take = async (camera) => {
  const { page } = camera;
  await camera.show(1, '.read');
  await camera.film(PATIENT);
  await asked(page);
  await camera.take('read');
  await page.keyboard.press('l');
  await drag(page, [0.24, 0.36], [0.45, 0.36]);
  // The heart's width, then the chest's.
  await page.keyboard.press('c');
  await drag(page, [0.4, 0.6], [0.72, 0.6]);
  await drag(page, [0.19, 0.62], [0.85, 0.62]);
  await page.keyboard.press('w');
  await camera.take('measure');
  for (let i = 0; i < 2; i++) await page.keyboard.press('Control+z');
  await camera.film(PATIENT, 1);
  await page.keyboard.press('F3');
  await page.keyboard.press('m');
  await page.locator('.model-picture').nth(1).waitFor();
  await camera.take('prior-and-model');
  await page.keyboard.press('m');
  await page.keyboard.press('F2');
};

const compare: Take = async (camera) => {
  const { page } = camera;
  await answered(camera, 'patient64542');
  await page.keyboard.press('s');
  await camera.take('compare');
  await page.keyboard.press('s');
  await page.getByText('How sure is it?').click();
  await page.getByRole('button', { name: 'Probability of each label' }).click();
  await page.locator('.sample-table').waitFor();
  await page.waitForFunction(() => !document.querySelector('.samples [role="status"]'));
  await page.getByRole('button', { name: /Draw \d+ answers/ }).click();
  await page.waitForFunction(
    () =>
      document.querySelectorAll('.sample-table td').length > 0 && !document.querySelector('.samples [role="status"]'),
  );
  await camera.scrollTo(page.locator('.samples'));
  await camera.take('how-sure', page.locator('.compare'));
  await page.getByText('How sure is it?').click();
  await page.getByText('Raw text').click();
  await page.locator('.token').first().waitFor();
  await camera.scrollTo(page.locator('.answer-details'));
  await camera.take('tokens', page.locator('.compare'));
  await page.getByText('Raw text').click();
};

const blinded: Take = async (camera) => {
  const { page } = camera;
  // One that the reader has not read: nothing is hidden of a film that was.
  for (const nth of [2, 1, 0]) {
    await answered(camera, PATIENT, nth);
    if ((await page.locator('.reader-head').count()) === 0) break;
  }
  await page.keyboard.press('r');
  await page.locator('.reader-form').waitFor();
  await page.locator('.reader-table tbody tr').nth(2).locator('button, input').first().click();
  await camera.take('blinded');
  await page.keyboard.press('Control+Enter');
  await page.locator('.reader-head').waitFor();
  await camera.take('blinded-saved', page.locator('.compare'));
  await page.locator('.lines').focus();
  await page.keyboard.press('r');
  await page.locator('.reader-form').waitFor({ state: 'detached' });
};

const add: Take = async (camera) => {
  const { page } = camera;
  await camera.show(5, '.card');
  await camera.take('checkpoints');
  await page.getByRole('button', { name: 'Add a server' }).click();
  await page.getByLabel('Address').fill('http://gpu-workstation:8000');
  await camera.scrollTo(page.locator('.add-server'));
  await camera.take('server', page.locator('[data-area="servers"]'));
  await page.locator('.add-server').getByRole('button', { name: 'Cancel' }).click();
  await camera.show(2, '.setup');
  await page.getByRole('button', { name: 'Add data set' }).click();
  await camera.take('data-set');
  await page.getByRole('button', { name: 'Add data set' }).click();
};

const evaluate: Take = async (camera) => {
  const { page } = camera;
  await camera.show(2, '.headline');
  await camera.scrollTo(page.locator('.setup'));
  await camera.take('evaluate');
  await camera.scrollTo(page.locator('.grid-section'));
  await camera.take('grid');
};

const statistics: Take = async (camera) => {
  const { page } = camera;
  await camera.show(2, '.headline');
  await camera.scrollTo(page.locator('.block', { has: page.locator('.forest') }));
  await camera.take('labels');
  for (const area of ['causes', 'subgroups', 'power', 'disagreements']) {
    await camera.scrollTo(page.locator(`[data-area="${area}"]`));
    await camera.take(area);
  }
};

const report: Take = async (camera) => {
  const { page } = camera;
  await camera.show(4, '.pdf-page');
  await page.waitForTimeout(2500);
  await camera.take('report');
};

const sft: Take = async (camera) => {
  const { page } = camera;
  await camera.show(3, '.run-form');
  await page.locator('.run-side select').first().selectOption({ label: 'Demo SFT' });
  await page.locator('.chart .mark-line path').first().waitFor({ state: 'attached' });
  await page.getByRole('button', { name: 'SFT', exact: true }).click();
  await page.getByLabel('Epochs', { exact: true }).fill('3');
  await page.locator('.plan summary').click();
  await camera.take('train-sft');
  await page.locator('.plan summary').click();
};

const grpo: Take = async (camera) => {
  const { page } = camera;
  await camera.show(3, '.run-form');
  await page.getByRole('button', { name: 'GRPO', exact: true }).click();
  await page.locator('.run-side select').first().selectOption({ label: 'Demo GRPO' });
  await page.locator('.chart .mark-line path').first().waitFor({ state: 'attached' });
  await camera.take('train-grpo');
  await camera.scrollTo(page.locator('.curves'));
  await camera.take('train-curves');
  await camera.scrollTo(page.locator('.completions'));
  await page.waitForTimeout(1500);
  await camera.take('completions');
};

const deidentify: Take = async (camera) => {
  const { page } = camera;
  await camera.show(1, '.read');
  await camera.film(PATIENT);
  await page.getByRole('button', { name: 'Export films without their patients' }).click();
  await page.locator('.export-sheet').getByPlaceholder('/data/export').fill('/data/export');
  await camera.take('deidentify');
  await page.keyboard.press('Escape');
};

const everywhere: Take = async (camera) => {
  const { page } = camera;
  await camera.show(1, '.read');
  await page.locator('.lines').focus();
  await page.keyboard.press('F1');
  await page.locator('dialog').waitFor();
  await camera.take('keys');
  await page.keyboard.press('Escape');
};

/** By the page of docs/guide that shows them. */
export const PAGES: Record<string, Take> = {
  'add-checkpoints': add,
  'train-sft': sft,
  'train-grpo': grpo,
  deidentify,
  keyboard: everywhere,
  'open-studies': open,
  'read-blinded': blinded,
  'compare-checkpoints': compare,
  evaluate,
  'read-the-statistics': statistics,
  'export-the-report': report,
};
