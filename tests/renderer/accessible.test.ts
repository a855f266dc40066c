/**
 * What axe finds in the states that a screen is in beside its usual one: sheets, questions, errors, messages, empty lists,
 * forms. (Every screen as it usually is: screens.test.ts.) Contrast (WCAG AA) is among axe's rules.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { SHEETS, type SheetName } from '../../renderer/frame/Sheet.tsx';
import { SCREENS } from '../../renderer/state/frame.ts';
import { root } from '../support/command.ts';
import { chromiumPath } from './support/chromium.ts';
import { openedPage } from './support/opened.ts';

describe.skipIf(!chromiumPath)('axe finds nothing serious (in Chromium; skipped where there is none)', () => {
  const { page, serious } = openedPage();

  beforeEach(() => page().locator('.lines').focus());

  const clean = async () => expect(await serious()).toEqual([]);
  /** From now on the engine answers this method with an error. */
  const fail = (method: string) =>
    page().evaluate((name) => {
      (window.engine.handlers as Record<string, unknown>)[name] = () => {
        const details = { file: '/films/a.dcm' };
        throw Object.assign(new Error('The file is damaged.'), {
          code: 'FILM_DAMAGED',
          details,
          remedy: 'Copy it again.',
        });
      };
    }, method);

  it('in the palette, with what it finds and with nothing', async () => {
    await page().keyboard.press('Control+k');
    await page().getByRole('combobox', { name: 'Commands' }).fill('report');
    await clean();
    await page().getByRole('combobox', { name: 'Commands' }).fill('no such command');
    await clean();
  });

  /** How each sheet is opened by keyboard from the study list. A new one has to be added here to compile. */
  const openers: Record<SheetName, () => Promise<unknown>> = {
    palette: () => page().keyboard.press('Control+k'),
    keys: () => page().keyboard.press('F1'),
    doubt: async () => {
      await page().evaluate(() => window.workbench.library.select('linear'));
      await page().waitForFunction(() => window.workbench.reading.store.getState().film.state === 'ready');
      await page().keyboard.press('Enter');
    },
    export: async () => {
      await page().locator('.studies .panel-head button').first().focus();
      await page().keyboard.press('Enter');
    },
  };
  const focused = () => page().evaluate(() => document.activeElement?.outerHTML.slice(0, 80));

  it.each(SHEETS)('in the sheet %s, which takes the focus, keeps it, and gives it back', async (name) => {
    const before = name === 'export' ? '.studies .panel-head button' : '.lines';
    await openers[name]();
    await page().locator(`dialog.${name}-sheet`).waitFor();
    await clean();
    const inside = () =>
      page().evaluate(() => {
        const { activeElement } = document;
        // Chromium's own controls come between the last and the first of the dialog.
        return activeElement === document.body || activeElement?.closest('dialog') !== null;
      });
    for (let i = 0; i < 12; i++) {
      expect(await inside(), await focused()).toBe(true);
      await page().keyboard.press('Tab');
    }
    await page().keyboard.press('Escape');
    await page().locator('dialog').waitFor({ state: 'detached' });
    const isBack = (selector: string) => document.querySelector(selector) === document.activeElement;
    expect(await page().evaluate(isBack, before), await focused()).toBe(true);
  });

  it('every dialog is one of these sheets', () => {
    const sources = readdirSync(join(root, 'renderer'), { recursive: true, encoding: 'utf8' });
    const own = sources.filter(
      (name) =>
        name.endsWith('.tsx') && /<dialog|showModal|popover/.test(readFileSync(join(root, 'renderer', name), 'utf8')),
    );
    expect(own).toEqual([join('frame', 'Sheet.tsx')]);
  });

  it.each(SCREENS)('on the screen %s with everything unfolded', async (screen) => {
    await page().evaluate((name) => window.workbench.frame.show(name), screen);
    await page().locator(`.rail [aria-current="page"]`).waitFor();
    // What opens may hold more; what is pressed once stays open.
    for (let round = 0; round < 3; round++) {
      for (const kind of ['details:not([open]) > summary:visible', 'main button[aria-expanded="false"]:visible']) {
        const closed = page().locator(kind);
        for (let left = await closed.count(); left > 0 && (await closed.count()) > 0; left--)
          await closed.first().click();
      }
    }
    await clean();
  });

  it('where a film cannot be opened', async () => {
    await fail('films.open');
    await page().keyboard.press('j');
    await page().locator('.error-box').waitFor();
    await clean();
  });

  it('where an answer fails, and in the message of it', async () => {
    await fail('predictions.generate');
    await page().keyboard.press('Enter');
    await page().locator('.compare .error-box').waitFor();
    await page().evaluate(() => window.engine.emit({ type: 'engine-restarted', reason: 'signal 9' }));
    await page().locator('.notices').getByText('signal 9').waitFor();
    await clean();
  });

  it('while work runs, is done and has failed', async () => {
    await page().evaluate(() => {
      const job = {
        id: 'j',
        kind: 'evaluate',
        title: 'Evaluation',
        error: null,
        startedAt: '2026-11-23T09:00:00.000Z',
      };
      const progress = { stage: 'films', done: 3, total: 9 };
      window.engine.emit({ type: 'jobs', jobs: [{ ...job, state: 'running', progress }] } as never);
    });
    await page().locator('.status-jobs .job').waitFor();
    await clean();
  });

  it('while a reader reads blinded', async () => {
    await page().keyboard.press('r');
    await page().waitForFunction(() => window.workbench.reader.store.getState().entering !== null);
    await clean();
  });

  it('with nothing found, and with four viewports', async () => {
    await page().fill('#study-filter', 'no such film');
    await clean();
    await page().fill('#study-filter', '');
    await page().locator('.lines').focus();
    await page().keyboard.press('F4');
    await clean();
  });

  it('in samples, tokens and an own question', async () => {
    await page().keyboard.press('Enter');
    await page().waitForSelector('.answer-details');
    for (const summary of await page().locator('.compare summary').all()) await summary.click();
    await clean();
  });

  it('in the forms of Evaluate, Train and Checkpoints', async () => {
    await page().keyboard.press('Alt+2');
    await page().locator('.setup').waitFor();
    for (const name of ['Import predictions', 'Add a label table'])
      for (const button of await page().getByRole('button', { name }).all()) await button.click();
    await clean();
    await page().keyboard.press('Alt+3');
    await page().locator('.run-form').waitFor();
    await page().getByRole('button', { name: 'GRPO', exact: true }).click();
    await page().getByLabel('Learning rate (peak)').fill('0.0004');
    await clean();
    await page().keyboard.press('Alt+5');
    await page().getByRole('button', { name: 'Add a server' }).click();
    await page().getByLabel('Address').fill('http://nothing');
    await page().getByRole('button', { name: 'Look what is there' }).click();
    await page().locator('.add-server .error-box').waitFor();
    await clean();
  });

  it('in what is removed, in the forms of a run’s export, and while something is dropped', async () => {
    await page().evaluate(() => window.workbench.library.removeCollection('a'));
    await page().locator('.done-box').waitFor();
    await clean();
    await page().keyboard.press('Alt+6');
    await page().locator('.removed-list').waitFor();
    await clean();
    await page().keyboard.press('Alt+3');
    await page().locator('.run-form').waitFor();
    await page().evaluate(() => window.workbench.trlExchange.show('import'));
    await page().locator('.trl-form').waitFor();
    await clean();
    await page().evaluate(() => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File(['x'], 'x.dcm'));
      window.dispatchEvent(new DragEvent('dragover', { dataTransfer, cancelable: true }));
    });
    await page().locator('.drop-here').waitFor();
    await clean();
  });

  it('on Report in both grounds, with every choice open', async () => {
    await page().keyboard.press('Alt+2');
    await page().locator('.setup-run button.primary').click();
    await page().locator('.headline').waitFor({ timeout: 60_000 });
    await page().keyboard.press('Alt+4');
    await page().locator('.pdf-page').first().waitFor({ timeout: 60_000 });
    for (const theme of ['light', 'dark'] as const) {
      await page().evaluate((name) => window.workbench.reportTheme.set(name), theme);
      for (const summary of await page().locator('details:not([open]) > summary').all()) await summary.click();
      await clean();
      await page().keyboard.press('Control+k');
      await page().locator('dialog[open]').waitFor();
      await clean();
      await page().keyboard.press('Escape');
    }
  }, 180_000);

  it('where an evaluation and a report fail', async () => {
    await page().keyboard.press('Alt+4');
    await page().locator('.empty').waitFor();
    await clean();
    await fail('evaluations.run');
    await page().keyboard.press('Alt+2');
    await page().locator('.setup-run button.primary').click();
    await page().locator('.notices').getByText('The file is damaged.').waitFor();
    await clean();
  });
});
