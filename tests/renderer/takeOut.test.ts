/** Every table and chart of the product, copied and saved, in Chromium. Forms that are laid out as a table are no tables. */
import { readFileSync } from 'node:fs';
import type { Locator } from 'playwright-core';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { chromiumPath } from './support/chromium.ts';
import { openedPage } from './support/opened.ts';

describe.skipIf(!chromiumPath)(
  'Tables and charts are copied and saved (in Chromium; skipped where there is none)',
  () => {
    const { page, goTo, evaluate } = openedPage();

    beforeAll(() => page().context().grantPermissions(['clipboard-read', 'clipboard-write']));
    beforeEach(() => page().locator('.lines').focus());

    const clipboard = () => page().evaluate(() => navigator.clipboard.readText());
    const copied = async (place: Locator, name = 'Copy table') => {
      await place.getByRole('button', { name }).click();
      return (await clipboard()).split('\n').map((line) => line.split('\t'));
    };
    const saved = async (button: Locator) => {
      const [download] = await Promise.all([page().waitForEvent('download'), button.click()]);
      return { name: download.suggestedFilename(), text: readFileSync(await download.path(), 'utf8') };
    };
    const savedOf = (place: Locator, name: string | RegExp = 'Save CSV') => saved(place.getByRole('button', { name }));
    /** Tables and charts on the screen that cannot be copied or saved. */
    const without = () =>
      page().evaluate(() => {
        const isForm = (table: Element) => table.classList.contains('reader-table');
        const tables = [...document.querySelectorAll('table')].filter((table) => !isForm(table));
        const charts = [...document.querySelectorAll('.chart')];
        const places = [...tables.map((table) => table.parentElement!), ...charts];
        const named = (place: Element, verb: RegExp) =>
          [...place.querySelectorAll(':scope > .take-out button')].some((button) =>
            verb.test(button.textContent ?? ''),
          );
        const bare = places.filter((place) => !named(place, /^Cop(y|ied)/) || !named(place, /^Save/));
        return { seen: places.length, bare: bare.map((place) => place.outerHTML.slice(0, 120)) };
      });

    it('Read: the matrix of labels by checkpoint, with what each mark means', async () => {
      await page().evaluate(() => window.workbench.library.select('a0'));
      await page().locator('.matrix .mark-hit').first().waitFor();
      const rows = await copied(page().locator('.matrix-box'));
      expect(rows[0]).toEqual(['Label', 'Base', 'SFT', 'GRPO', 'Truth', 'Change']);
      expect(rows).toHaveLength(15);
      const edema = rows.find(([label]) => label === 'Edema')!;
      expect(edema[3]).toBe('not asked yet');
      expect(edema[4]).toBe('yes');
      const { name, text } = await savedOf(page().locator('.matrix-box'));
      expect(name).toBe('findings-by-checkpoint.csv');
      expect(text.split('\r\n')[0]).toBe('Label,Base,SFT,GRPO,Truth,Change');
      expect(text).toContain('"said, as the table says"');
    });

    it('Read: probabilities and samples, each column under its checkpoint', async () => {
      await page().evaluate(() => window.workbench.library.select('a0'));
      await page().keyboard.press('2');
      await page().keyboard.press('3');
      await page().locator('.samples summary').click();
      await page().keyboard.press('Shift+P');
      await page().locator('.sample-table').waitFor();
      await page().keyboard.press('Shift+S');
      await page().locator('.sample-table', { hasText: '/' }).waitFor();
      const rows = await copied(page().locator('.samples'));
      expect(rows[0]).toEqual(['Label', 'GRPO p', 'GRPO said', 'SFT p', 'SFT said', 'Difference']);
      const edema = rows.find(([label]) => label === 'Edema')!;
      expect(edema[1]).toBe('0.93');
      expect(edema[2]).toMatch(/^\d+\/\d+$/);
      expect((await savedOf(page().locator('.samples'))).text.split('\r\n')).toHaveLength(rows.length + 1);
    });

    it('Checkpoints: the precisions, as numbers', async () => {
      await goTo(5, '.precisions');
      const rows = await copied(page().locator('.precisions'));
      expect(rows[0]!.slice(0, 4)).toEqual(['Weights', 'Used', 'Bytes in memory', 'Bytes converted']);
      expect(rows[1]!.slice(0, 5)).toEqual(['f32', 'used', '5995008', '0', '']);
      expect(rows[3]).toEqual(['int4', '', '843048', '870400', '8', '412', '4', '0.991', '0.148', '0.061', '0.86']);
      expect((await savedOf(page().locator('.precisions'))).name).toBe('precision-phantom-base.csv');
    });

    it('Studies: the list as it is filtered, without the table’s labels while somebody reads blinded', async () => {
      await page().fill('#study-filter', 'edema');
      await page().getByRole('button', { name: 'Copy the list' }).click();
      const rows = (await clipboard()).split('\n').map((line) => line.split('\t'));
      expect(rows[0]!.slice(0, 2)).toEqual(['Collection', 'Patient']);
      expect(rows).toHaveLength(1 + (await page().locator('.line-film').count()));
      expect(rows[1]![rows[0]!.indexOf('Edema')]).toBe('1');
      await page().fill('#study-filter', '');
      await page().locator('.lines').focus();
      await page().keyboard.press('r');
      const { text } = await saved(page().getByRole('button', { name: 'Save the list as CSV' }));
      expect(text.split('\r\n')[0]).not.toContain('Edema');
      await page().locator('.reader-form').waitFor();
    });

    it('Train: the completions name their film in each row', async () => {
      await goTo(3, '.run-form');
      await page().getByRole('button', { name: 'GRPO', exact: true }).click();
      await page().getByRole('button', { name: 'Start training' }).click();
      await page().locator('.completions').waitFor({ timeout: 50_000 });
      const table = page().locator('.data-table', { has: page().locator('.completions') });
      const rows = await copied(table);
      expect(rows.slice(1).map(([film]) => film)).toEqual(['a0', 'a0', 'b0', 'b0']);
      expect(new Set(rows.map((row) => row.length))).toEqual(new Set([5]));
      const { name, text } = await savedOf(page().locator('section', { hasText: 'Last values' }).last(), 'Save log');
      expect(name).toBe('grpo-run.jsonl');
      expect(JSON.parse(text.split('\n')[0]!)).toMatchObject({ step: 1 });
      expect((await without()).bare).toEqual([]);
    });

    it('Evaluate: every table and every chart, each number apart', async () => {
      await evaluate();
      await page().getByRole('button', { name: 'Edema' }).click();
      for (const details of await page().locator('details:not([open]) > summary').all()) await details.click();
      const { seen, bare } = await without();
      expect(seen).toBeGreaterThan(10);
      expect(bare).toEqual([]);
      const [, first] = await copied(page().locator('.grid-section'));
      expect(first![1]).toMatch(/^0\.\d+ \[?0\.\d+/);
      const chart = page().locator('.forest .chart');
      await chart.getByRole('button', { name: 'Copy as SVG' }).click();
      await expect.poll(clipboard).toMatch(/^<svg/);
      // The file is on white paper, whatever the ground of the screen.
      const { text } = await savedOf(chart, 'Save SVG');
      expect(text).toMatch(/^<svg/);
      expect(text).toContain('fill="#fff"');
      await chart.getByRole('button', { name: 'Copy values' }).click();
      const values = (await clipboard()).split('\n');
      expect(values[0]!.split('\t')).toEqual(['dataset', 'label', 'checkpoint', 'f1', 'low', 'high', 'support']);
      expect(values).toHaveLength(1 + 2 * 9 * 3);
    });

    it('nothing else on Read and Checkpoints is left out', async () => {
      await page().keyboard.press('Enter');
      await page().waitForSelector('.answer-details');
      for (const summary of await page().locator('.compare summary').all()) await summary.click();
      expect((await without()).bare).toEqual([]);
      await goTo(5, '.precisions');
      expect((await without()).bare).toEqual([]);
    });
  },
);
