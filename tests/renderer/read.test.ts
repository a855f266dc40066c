/** The Read screen in Chromium, on the fixture's engine: what a reader does, and what must then be on the screen. */

import { beforeEach, describe, expect, it } from 'vitest';
import { renderGray } from '../../core/dicom/voi.ts';
import { chromiumPath } from './support/chromium.ts';
import { openedPage } from './support/opened.ts';
import { RAMPS } from './support/studies.ts';

describe.skipIf(!chromiumPath)('Read (in Chromium; skipped where there is none)', () => {
  const { page, faults } = openedPage();
  const current = () => page().locator('.line.current').textContent();
  const activeColumn = () => page().locator('.column-head[aria-pressed="true"]').textContent();

  beforeEach(() => page().locator('.lines').focus());

  it.each(Object.keys(RAMPS))('draws the gray values of core/dicom/voi.ts: %s', async (id) => {
    await page().evaluate((filmId) => {
      window.workbench.library.select(filmId);
    }, id);
    await page().waitForFunction((filmId) => window.workbench.reading.store.getState().filmId === filmId, id);
    await page().keyboard.press('o');
    const drawn = await canvasGray(64);
    const wanted = renderGray(RAMPS[id], RAMPS[id].voi[0], { blackPadding: true });
    let largest = 0;
    for (let i = 0; i < wanted.length; i++) largest = Math.max(largest, Math.abs(wanted[i] - drawn[i]));
    expect(largest).toBeLessThanOrEqual(1);
    // The picture is there, in all its grays.
    expect(new Set(drawn).size).toBe(new Set(wanted).size);
  });

  it('draws a film in small where the film will stand, and says which of them it is', async () => {
    const look = () =>
      page().evaluate(() => {
        const canvas = document.querySelector('.film-canvas canvas') as HTMLCanvasElement;
        const context = canvas.getContext('2d') as CanvasRenderingContext2D;
        const at = (x: number) => context.getImageData(canvas.width / 2 + x, canvas.height / 2, 1, 1).data[0];
        const outer = document.querySelector('.film') as HTMLElement;
        return { shown: outer.dataset['shown'], grays: [at(-100), at(100)] };
      });
    expect((await look()).shown).toBe('film');
    await page().evaluate(() => {
      const pixels = Uint16Array.from({ length: 500 * 500 }, (_, i) => (i % 500 < 250 ? 40 : 220));
      const spacing = null;
      const voi = [{ kind: 'minmax' as const, minimum: 0, maximum: 255 }];
      const tone = { modality: { kind: 'identity' as const }, voi, inverse: false, padding: null };
      const small = { rows: 500, columns: 500, pixels };
      window.workbench.display.showPreview({ rows: 1000, columns: 1000, spacing, ...tone, factor: 2, small });
    });
    await page().waitForTimeout(100);
    expect(await look()).toEqual({ shown: 'preview', grays: [40, 220] });
    await page().evaluate(() => window.workbench.library.select('a1'));
    await page().waitForFunction(() => (document.querySelector('.film') as HTMLElement).dataset['shown'] === 'film');
  });

  it('shows padding black, also where the film is inverted', async () => {
    const id = 'MONOCHROME1 with padding';
    await page().evaluate((filmId) => {
      window.workbench.library.select(filmId);
    }, id);
    await page().waitForFunction((filmId) => window.workbench.reading.store.getState().filmId === filmId, id);
    await page().keyboard.press('o');
    const drawn = await canvasGray(64);
    expect(drawn.slice(0, 64)).toEqual(new Array(64).fill(0));
    expect(drawn[64]).toBe(255);
  });

  /** The gray of the film's pixels, read off the middle of the canvas, where a 1:1 film of even size stands. */
  async function canvasGray(size: number): Promise<number[]> {
    await page().waitForTimeout(150);
    return page().evaluate((edge) => {
      const canvas = document.querySelector('.film-canvas canvas') as HTMLCanvasElement;
      const left = Math.round(canvas.width / 2 - edge / 2);
      const top = Math.round(canvas.height / 2 - edge / 2);
      const { data } = (canvas.getContext('2d') as CanvasRenderingContext2D).getImageData(left, top, edge, edge);
      return Array.from({ length: edge * edge }, (_, i) => data[4 * i]);
    }, size);
  }

  it('inverts, turns and flips, and the sides of the body follow', async () => {
    const side = (at: string) => page().locator(`.side.${at}`).textContent();
    expect([await side('left'), await side('right')]).toEqual(['R', 'L']);
    await page().keyboard.press('h');
    expect([await side('left'), await side('right')]).toEqual(['L', 'R']);
    await page().keyboard.press('h');
    await page().keyboard.press('.');
    expect([await side('left'), await side('right'), await side('top')]).toEqual(['F', 'H', 'R']);
    await page().keyboard.press('0');
    expect(await side('left')).toBe('R');
  });

  it('changes the window by a drag, and the table of windows says so', async () => {
    const box = await page().locator('.film').boundingBox();
    if (!box) throw new Error('There is no film.');
    await page().mouse.move(box.x + 300, box.y + 300);
    await page().mouse.down();
    await page().mouse.move(box.x + 400, box.y + 350, { steps: 4 });
    await page().mouse.up();
    const voi = await page().evaluate(() => window.workbench.display.store.getState().voi);
    // 100 pixels right widen, 50 down raise the centre, in thousandths of the film's range.
    const range = await page().evaluate(() => {
      const film = window.workbench.display.store.getState().film;
      return film ? film.maximum - film.minimum : 0;
    });
    expect(voi).toMatchObject({ kind: 'window', width: 3600 + 0.1 * range, center: 2048 + 0.05 * range });
    expect(await page().locator('select[aria-label="Window"]').inputValue()).toBe('');
    await page().selectOption('select[aria-label="Window"]', { label: 'File: LUNG' });
    expect(await page().locator('.corner.bottom.left').textContent()).toContain('C 1500  W 2000');
  });

  it('zooms at the pointer: the pixel under it stays', async () => {
    const box = await page().locator('.film').boundingBox();
    if (!box) throw new Error('There is no film.');
    const under = () =>
      page().evaluate(() => {
        const { scale, shownScale, translation } = window.workbench.display.store.getState();
        const s = scale ?? shownScale;
        return [120 / s - translation.x, -80 / s - translation.y];
      });
    const before = await under();
    await page().mouse.move(box.x + box.width / 2 + 120, box.y + box.height / 2 - 80);
    await page().mouse.wheel(0, -300);
    await page().waitForFunction(() => window.workbench.display.store.getState().scale !== null);
    const after = await under();
    expect(after[0]).toBeCloseTo(before[0], 6);
    expect(after[1]).toBeCloseTo(before[1], 6);
  });

  it('goes through the films by j and k, filters, and finds nothing gracefully', async () => {
    expect(await current()).toContain('P-1000');
    await page().keyboard.press('j');
    expect(await current()).toContain('P-1001');
    await page().keyboard.press('k');
    await page().keyboard.press('k');
    expect(await current()).toContain('P-1000');
    await page().fill('#study-filter', 'effusion -1001');
    expect(await page().locator('.line-film').count()).toBe(1);
    await page().fill('#study-filter', 'no such film');
    expect(await page().getByText('No film matches the filter.').isVisible()).toBe(true);
  });

  it('shows thumbnails of the films in view only', async () => {
    await page().waitForSelector('.line-film .picture canvas');
    const drawn = await page().evaluate(() => {
      const canvas = document.querySelector('.line-film .picture canvas') as HTMLCanvasElement;
      const { data } = (canvas.getContext('2d') as CanvasRenderingContext2D).getImageData(0, 0, 24, 24);
      return new Set(data).size;
    });
    expect(drawn).toBeGreaterThan(20);
    const asked = await page().evaluate(
      () => window.engine.calls.filter((call) => call.method === 'films.thumbnail').length,
    );
    expect(asked).toBeLessThanOrEqual(await page().locator('.line-film').count());
  });

  it('asks before a film that the checkpoints were not made for', async () => {
    await page().evaluate(() => window.workbench.library.select('linear'));
    await page().waitForFunction(() => window.workbench.reading.store.getState().filmId === 'linear');
    await page().locator('.lines').focus();
    await page().keyboard.press('Enter');
    const dialog = page().getByRole('dialog', { name: 'Read this film all the same?' });
    await dialog.waitFor();
    expect(await dialog.textContent()).toContain('Nothing says that it is a frontal view.');
    await page().getByRole('button', { name: 'Read it', exact: true }).click();
    await page().waitForSelector('.sentence');
  });

  it('exports without patients: folder, choices, and what came of it', async () => {
    await page().getByRole('button', { name: 'Export films without their patients' }).click();
    const dialog = page().getByRole('dialog', { name: 'Export films without their patients' });
    await dialog.waitFor();
    expect(await dialog.getByRole('button', { name: 'Export 1 film' }).isDisabled()).toBe(true);
    await dialog.getByPlaceholder('/data/export').fill('/out');
    await dialog.getByRole('button', { name: 'Export 1 film' }).click();
    await dialog.getByRole('status').waitFor();
    const said = await dialog.getByRole('status').textContent();
    expect(said).toContain('1 film, 1 study, 1 patient written to /out.');
    expect(said).toContain('1 film may show who the patient is');
    await page().keyboard.press('Escape');
    expect(await dialog.isVisible()).toBe(false);
  });

  it('asks with Enter, streams, keeps the answer; Escape stops', async () => {
    expect(await activeColumn()).toBe('GRPO');
    await page().keyboard.press('Enter');
    await page().waitForSelector('.streaming');
    await page().keyboard.press('Escape');
    await page().waitForSelector('.not-asked');
    await page().keyboard.press('Enter');
    await page().waitForSelector('.sentence');
    expect(await page().locator('.answer-body').textContent()).toContain('costophrenic angle is blunted');
    const asked = await page().evaluate(() =>
      window.engine.calls.filter((call) => call.method === 'predictions.generate').map((call) => call.params),
    );
    expect(asked).toEqual([
      { filmId: 'a0', checkpointId: 'grpo' },
      { filmId: 'a0', checkpointId: 'grpo' },
    ]);
  });

  it('blinks between the last two with Tab, and nothing moves', async () => {
    await page().keyboard.press('Enter');
    await page().waitForSelector('.sentence');
    const places = () =>
      page().evaluate(() =>
        ['.matrix', '.answer', '.answer-head', '.film', '.said'].map((selector) => {
          const { x, y, width, height } = (document.querySelector(selector) as Element).getBoundingClientRect();
          return [selector, x, y, width, height];
        }),
      );
    const before = await places();
    await page().keyboard.press('Tab');
    expect(await activeColumn()).toBe('SFT');
    expect(await page().locator('.said').textContent()).toContain('SFT: Cardiomegaly, Edema');
    expect(await places()).toEqual(before);
    await page().keyboard.press('Tab');
    expect(await activeColumn()).toBe('GRPO');
    // A click on a tool does not take Tab away.
    await page().locator('.lines').focus();
    await page().getByRole('button', { name: 'Invert' }).click();
    await page().keyboard.press('1');
    expect(await activeColumn()).toBe('Base');
    await page().keyboard.press('Tab');
    expect(await activeColumn()).toBe('GRPO');
  });

  it('ties a label to the sentence that mentions it, both ways, and shows what changed', async () => {
    await page().keyboard.press('Enter');
    await page().waitForSelector('.sentence');
    await page().hover('tr[data-label="Pleural Effusion"]');
    expect(await page().locator('.sentence.marked').allTextContents()).toEqual([
      expect.stringContaining('The left costophrenic angle is blunted by an effusion.'),
    ]);
    await page().hover('.sentence >> nth=0');
    expect(await page().locator('tr.hovered').allTextContents()).toEqual([expect.stringContaining('Cardiomegaly')]);
    const changes = await page()
      .locator('tr.differs')
      .evaluateAll((rows) => rows.map((row) => row.getAttribute('data-label')));
    expect(changes).toEqual(['Edema', 'Pleural Effusion']);
    expect(await page().locator('.sentence.changed').count()).toBe(1);
  });

  it('stands each changed label at the sentence that changed it, and writes the difference out', async () => {
    await page().keyboard.press('Enter');
    await page().waitForSelector('.sentence');
    const tied = () => page().locator('.sentence:has(.tie)').allTextContents();
    expect(await tied()).toEqual([expect.stringMatching(/^The left costophrenic angle .*\+EFF/)]);
    // Nothing in GRPO's reasoning denies the edema that SFT found.
    expect(await page().locator('.loose').textContent()).toContain('−EDE');
    await page().keyboard.press('s');
    expect(await page().locator('del.removed').textContent()).toContain('Perihilar haze suggests edema.');
    await page().keyboard.press('s');
    expect(await page().locator('del.removed').count()).toBe(0);
  });

  it('opens an answer: prompt, tokens with their probability, and copies them', async () => {
    await page().keyboard.press('Enter');
    await page().waitForSelector('.sentence');
    await page().getByText('Raw text').click();
    await page().waitForSelector('.token');
    expect(await page().locator('.token').first().getAttribute('title')).toBe('p 0.905');
    expect(await page().locator('.details pre').first().textContent()).toContain('<start_of_image>');
    expect(await page().getByRole('button', { name: 'Copy tokens' }).isVisible()).toBe(true);
  });

  it('draws samples and says whether a difference may be noise', async () => {
    await page().keyboard.press('Enter');
    await page().waitForSelector('.sentence');
    await page().getByText('How sure is it?').click();
    await page().getByRole('button', { name: 'Draw 8 answers' }).click();
    const row = (label: string) =>
      page().locator('.sample-table tr', { has: page().getByText(label, { exact: true }) });
    await row('Edema').getByText('more than noise').waitFor();
    expect(await row('Support Devices').textContent()).toBe('Support Devices–5/8–5/8');
    expect(await page().locator('tr[data-label="Cardiomegaly"] .certainty').allTextContents()).toEqual(['8/8', '8/8']);
    if (process.env.CHEXREASON_SCREENSHOTS) await page().screenshot({ path: 'test-results/samples.png' });
  });

  it('asks how probable each label is, and the matrix says so beside the marks', async () => {
    await page().keyboard.press('Enter');
    await page().waitForSelector('.sentence');
    await page().getByText('How sure is it?').click();
    await page().getByRole('button', { name: 'Probability of each label' }).click();
    await page().locator('tr[data-label="Edema"] .certainty').nth(1).waitFor({ state: 'attached' });
    expect(await page().locator('tr[data-label="Edema"] .certainty').allTextContents()).toEqual(['.12', '.93']);
    const asked = await page().evaluate(() =>
      window.engine.calls.filter((call) => call.method === 'predictions.generate'),
    );
    expect(asked.slice(-2).map(({ params }) => params)).toEqual([
      { filmId: 'a0', checkpointId: 'grpo', probabilities: { method: 'answer-tree' } },
      { filmId: 'a0', checkpointId: 'sft', probabilities: { method: 'answer-tree' } },
    ]);
  });

  it('asks a question of one’s own', async () => {
    await page().getByText('Ask something else').click();
    const box = page().locator('.ask-box');
    await box.locator('textarea').fill('Is there a pneumothorax?');
    await box.getByRole('button', { name: 'Ask GRPO' }).click();
    await box.getByText('You asked: Is there a pneumothorax?').waitFor();
    // The film's own answer is not touched.
    expect(await page().locator('.not-asked').count()).toBe(1);
  });

  it('is read blinded: nothing tells before the findings are saved, and then the reader stands beside the others', async () => {
    await page().keyboard.press('r');
    await page().keyboard.press('j');
    await page().waitForFunction(() => window.workbench.reading.store.getState().filmId === 'a1');
    await page().keyboard.press('k');
    await page().keyboard.press('j');
    await page().waitForSelector('.reader-form');
    for (const telling of ['.matrix-box', '.answer', '.said', '.chip', '.sentence', '.agreement'])
      expect([telling, await page().locator(telling).count()]).toEqual([telling, 0]);
    await page().keyboard.press('Enter');
    await page().keyboard.press('Tab');
    expect(await page().locator('.answer').count()).toBe(0);
    await page().getByRole('button', { name: 'Edema: Present' }).click();
    await page().getByRole('button', { name: 'Pneumonia: Uncertain' }).click();
    await page().getByRole('button', { name: 'The rest is absent' }).click();
    await page().getByLabel('Comment').fill('Kerley lines');
    if (process.env.CHEXREASON_SCREENSHOTS) await page().screenshot({ path: 'test-results/blinded.png' });
    await page().keyboard.press('Control+Enter');
    await page().waitForSelector('.reader-head');
    const cut = await page().evaluate(() => {
      const box = document.querySelector('.matrix-box') as HTMLElement;
      return box.scrollWidth - box.clientWidth;
    });
    expect(cut).toBe(0);
    const [saved] = await page().evaluate(() =>
      window.engine.calls.filter((call) => call.method === 'readers.save').map((call) => call.params),
    );
    expect(saved).toMatchObject({ filmId: 'a1', blinded: true, comment: 'Kerley lines' });
    expect(saved).toMatchObject({ findings: { Edema: 1, Pneumonia: -1, Fracture: 0 } });
    const mark = (label: string) =>
      page().locator(`tr[data-label="${label}"] td.role-reader svg`).getAttribute('aria-label');
    expect(await mark('Edema')).toBe('said, the table says no');
    expect(await mark('Pneumonia')).toBe('uncertain');
    expect(await mark('No Finding')).toBe('not said, the table says yes');
    // The first film was on the screen with its answers before.
    await page().keyboard.press('k');
    await page().waitForSelector('.reader-form');
    await page().keyboard.press('Control+Enter');
    await page().waitForSelector('.reader-head');
    const all = await page().evaluate(() =>
      window.engine.calls.filter((call) => call.method === 'readers.save').map((call) => call.params),
    );
    expect(all[1]).toMatchObject({ filmId: 'a0', blinded: false });
  });

  it('keeps the films on which the checkpoints disagree, or one lost what the other had', async () => {
    await page().keyboard.press('Enter');
    await page().waitForSelector('.sentence');
    await page().selectOption('select[aria-label="Agreement"]', { label: 'GRPO lost it (SFT right)' });
    await page().waitForFunction(() => document.querySelectorAll('.line-film').length === 1);
    expect(await current()).toContain('P-1000');
    await page().selectOption('.agreement select[aria-label="Label"]', 'Pneumothorax');
    await page().getByText('No film matches the filter.').waitFor();
    await page().getByRole('button', { name: 'Clear the filter' }).click();
    await page().waitForFunction(() => document.querySelectorAll('.line-film').length > 10);
  });

  it('shows right and wrong by shape, and hides the truth with t', async () => {
    const mark = (label: string, column: number) =>
      page().locator(`tr[data-label="${label}"] td >> nth=${column} >> svg`).getAttribute('aria-label');
    expect(await mark('Cardiomegaly', 0)).toBe('said, as the table says');
    expect(await mark('Fracture', 0)).toBe('said, the table says no');
    expect(await mark('Edema', 0)).toBe('not said, the table says yes');
    await page().keyboard.press('t');
    expect(await mark('Fracture', 0)).toBe('said, the table is silent');
    expect(await mark('Edema', 3)).toBe('hidden');
  });

  it('shows what the model sees, warns of what it does not know', async () => {
    await page().keyboard.press('m');
    await page().waitForSelector('.model-picture');
    expect(await page().locator('.model-caption').textContent()).toContain('64 × 64');
    await page().evaluate(() => window.workbench.library.select('linear'));
    expect(await page().locator('.film-warnings').textContent()).toContain('outside what these checkpoints know');
  });

  it('a key pressed into a text field is text', async () => {
    await page().keyboard.press('/');
    await page().keyboard.type('jkt1');
    expect(await page().inputValue('#study-filter')).toBe('jkt1');
    expect(await page().evaluate(() => window.workbench.library.store.getState().currentId)).toBe('a0');
  });

  it('opens the palette and the sheet of keys, and runs a command from it', async () => {
    await page().keyboard.press('Control+k');
    await page().keyboard.type('invert');
    await page().keyboard.press('Enter');
    expect(await page().evaluate(() => window.workbench.display.store.getState().invert)).toBe(true);
    await page().keyboard.press('F1');
    expect(await page().locator('dialog').textContent()).toContain('Blink between the last two checkpoints');
    await page().keyboard.press('Escape');
    await page().waitForSelector('dialog', { state: 'detached' });
  });

  it('wrote no error to the console, and broke no rule of the content security policy', () => {
    expect(faults()).toEqual([]);
  });
});
