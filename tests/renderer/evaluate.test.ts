/** The Evaluate screen in Chromium, on the fixture's engine. */
import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { chromiumPath } from './support/chromium.ts';
import { openedPage } from './support/opened.ts';

describe.skipIf(!chromiumPath)('Evaluate (in Chromium; skipped where there is none)', () => {
  const { page, faults, calls, goTo } = openedPage();
  const start = () => page().locator('.setup-run button.primary');

  beforeEach(() => goTo(2, '.setup'));

  it('chooses source and other institution by their roles, and says what it costs before it starts', async () => {
    expect(await page().getByLabel('Source').inputValue()).toBe('a');
    expect(await page().getByLabel('Other institution').inputValue()).toBe('b');
    expect(await page().locator('.setup-run').textContent()).toContain('1,200 answers to make: about 2 min.');
    await page().getByLabel('Films of each data set').fill('50');
    await page().getByText('Phantom base').click();
    await page().waitForFunction(() => document.querySelector('.setup-run')?.textContent?.includes('200 answers'));
    expect((await calls('evaluations.run')).length).toBe(0);
  });

  it('is paused and goes on: by button, key and status line, said on the cells that wait', async () => {
    const cell = (checkpointId: string, done: number) => {
      return { datasetId: 'a', checkpointId, done, total: 200, failures: 0, macroF1: 0.3 };
    };
    const emit = (change: object) =>
      page().evaluate((job) => window.engine.emit({ type: 'jobs', jobs: [job] } as never), {
        ...{ id: 'job-7', kind: 'evaluate', title: 'Evaluation', error: null, startedAt: '2026-11-28T09:00:00.000Z' },
        progress: {
          ...{ stage: 'Reading films', done: 240, total: 400, rate: 6.5, secondsLeft: 40, evaluationId: 'e1' },
          cells: [cell('base', 200), cell('sft', 40)],
        },
        ...change,
      });
    const last = async (method: Parameters<typeof calls>[0]) => (await calls(method)).at(-1)?.params;
    await emit({ state: 'running', pause: 'possible' });
    await page().getByRole('button', { name: 'Pause', exact: true }).click();
    expect(await last('jobs.pause')).toEqual({ jobId: 'job-7' });
    await emit({ state: 'running', pause: 'asked' });
    expect(await page().locator('.overall').textContent()).toContain('Pausing after this batch');
    await emit({ state: 'paused', pause: 'asked' });
    expect(await page().locator('.overall').textContent()).toBe('Paused · 240 of 400');
    expect(await page().locator('.grid-cell').allTextContents()).toEqual([
      expect.not.stringContaining('Paused'),
      expect.stringContaining('Paused'),
    ]);
    expect(await page().locator('.status-jobs').textContent()).toBe('Evaluation240 of 400Paused');
    await page().getByRole('button', { name: 'Resume: Evaluation' }).click();
    expect(await calls('jobs.resume')).toHaveLength(1);
    await page().keyboard.press('Alt+p');
    await page().waitForFunction(
      () => window.engine.calls.filter(({ method }) => method === 'jobs.resume').length === 2,
    );
    await page().getByRole('button', { name: 'Cancel', exact: true }).click();
    expect(await last('jobs.cancel')).toEqual({ jobId: 'job-7' });
  });

  it('fills the grid while it runs, can be cancelled and goes on', async () => {
    await start().click();
    await page().waitForSelector('.grid-cell progress');
    expect(await page().locator('.overall').textContent()).toContain('6.5 films/s');
    await page().getByRole('button', { name: 'Cancel', exact: true }).click();
    await page().waitForSelector('.setup-run button.primary');
    expect(await page().locator('.notices .error-box').count()).toBe(0);
    await start().click();
    await page().waitForSelector('.headline');
    expect((await calls('evaluations.run')).map((call) => call.params)).toEqual([
      { sourceDatasetId: 'a', targetDatasetId: 'b', checkpointIds: ['base', 'sft', 'grpo'], limit: 200 },
      { sourceDatasetId: 'a', targetDatasetId: 'b', checkpointIds: ['base', 'sft', 'grpo'], limit: 200 },
    ]);
  });

  it('draws every label with its interval, on the labels that are chosen; a mark leads to its films', async () => {
    await start().click();
    const forest = page().locator('.forest');
    await forest.locator('svg.marks').waitFor();
    const named = (label: RegExp) => forest.locator('svg text', { hasText: label }).count();
    await expect.poll(() => named(/^Edema$/)).toBe(1);
    const before = await named(/^Pleural Effusion$/);
    await page().getByRole('button', { name: 'All', exact: true }).click();
    await expect.poll(() => named(/^Pleural Effusion$/)).toBeGreaterThan(before);
    // A mark for each label that is scored there, by each checkpoint: 14 and 9, by 3.
    await expect.poll(() => forest.locator('.mark-symbol.role-mark path').count()).toBeGreaterThanOrEqual(69);
    expect(await forest.getByRole('button', { name: 'Save SVG' }).count()).toBe(1);
    await forest.locator('[class*="layer_1_marks"] path').first().click({ force: true });
    await page().locator('.behind').waitFor();
    expect(await page().locator('.behind').textContent()).toContain('Films behind No Finding');
  });

  it('draws on the dark ground of the room, with text that can be read there; the file is on white', async () => {
    await start().click();
    await page().locator('.forest svg.marks').waitFor();
    const contrasts = await page().evaluate(() => {
      const linear = (part: number) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
      const luminance = (colour: string) => {
        const [r, g, b] = (colour.match(/[\d.]+/g) ?? []).map((each) => linear(Number(each) / 255));
        return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
      };
      // The first ground behind it that is not see-through.
      const ground = (element: Element | null): string => {
        const colour = element ? getComputedStyle(element).backgroundColor : 'rgb(0, 0, 0)';
        return /, 0\)$|^transparent$/.test(colour) && element ? ground(element.parentElement) : colour;
      };
      return [...document.querySelectorAll('.evaluate .chart svg.marks')].map((drawing) => {
        const behind = luminance(ground(drawing));
        const texts = [...drawing.querySelectorAll('text')].map((each) => luminance(getComputedStyle(each).fill));
        const worst = Math.min(
          ...texts.map((text) => (Math.max(text, behind) + 0.05) / (Math.min(text, behind) + 0.05)),
        );
        const fill = drawing.querySelector('rect.background')?.getAttribute('fill') ?? 'transparent';
        return { behind, worst, fill };
      });
    });
    expect(contrasts.length).toBeGreaterThanOrEqual(5);
    for (const { behind, worst, fill } of contrasts) {
      expect(behind).toBeLessThan(0.01);
      expect(fill).toBe('transparent');
      expect(worst).toBeGreaterThanOrEqual(4.5);
    }
  });

  it('says that a stopped evaluation is not complete, and goes on with its own settings', async () => {
    await start().click();
    await page().waitForSelector('.headline');
    const asked = {
      sourceDatasetId: 'a',
      targetDatasetId: 'b',
      checkpointIds: ['sft'],
      limit: 7,
      unsuitable: 'include' as const,
    };
    await page().evaluate((settings) => {
      const { store } = window.workbench.evaluating;
      const list = store
        .getState()
        .list.map((each) => ({ ...each, state: 'stopped' as const, done: 3, asked: settings }));
      store.setState({ list });
    }, asked);
    expect(await page().locator('.incomplete').textContent()).toContain('3 of 1,200 answers are there');
    await page().getByRole('button', { name: 'Go on with it' }).click();
    await page().waitForFunction(
      () => window.engine.calls.filter((call) => call.method === 'evaluations.run').length === 2,
    );
    expect((await calls('evaluations.run'))[1].params).toEqual(asked);
  });

  it('says how far the figures are while they are worked out anew', async () => {
    await page().evaluate(() => {
      const result = { state: 'loading' as const, progress: { stage: 'Computing intervals', done: 3, total: 20 } };
      window.workbench.evaluating.store.setState({ result });
    });
    expect(await page().locator('.empty').textContent()).toContain('Computing intervals · 3 of 20');
  });

  it('says the gap on the shared labels first, and that 14 against 9 cannot be compared', async () => {
    await start().click();
    await page().waitForSelector('.headline');
    const titles = await page().locator('.block h2').allTextContents();
    expect(titles[0]).toBe('From source to target, on the 9 shared labels');
    expect(titles).toContain('From source to target, each on its own labels');
    const first = page().locator('.block >> nth=0');
    expect(await first.locator('tbody tr').allTextContents()).toEqual([
      'Phantom base0.4580.4580.000−0.030 to +0.030',
      'SFT0.5780.518−0.060−0.090 to −0.030',
      'GRPO0.6080.468−0.140−0.170 to −0.110',
    ]);
    expect(await first.locator('.settled').allTextContents()).toEqual(['−0.060', '−0.140']);
    expect(await page().locator('.not-comparable').count()).toBe(3);
  });

  it('leads from a number to its films in Read, and back to all', async () => {
    await start().click();
    await page().waitForSelector('.headline');
    await page().getByRole('button', { name: 'Edema' }).click();
    await page().locator('.behind table >> nth=1 >> tbody tr >> nth=2 >> button >> nth=2').click();
    await page().waitForSelector('.followed');
    expect(await page().locator('.followed').textContent()).toContain('Edema, GRPO on Phantom b: missed');
    expect(await page().locator('.line-film').count()).toBe(4);
    expect((await calls('evaluations.films')).at(-1)?.params).toEqual({
      evaluationId: 'e1',
      datasetId: 'b',
      checkpointId: 'grpo',
      label: 'Edema',
      outcome: 'fn',
    });
    await page().getByRole('button', { name: 'Show all films' }).click();
    expect(await page().locator('.line-film').count()).toBeGreaterThan(4);
  });

  it('sorts a table by its heads, hides columns, widens them by key; what is saved is what is shown', async () => {
    await start().click();
    await page().waitForSelector('.headline');
    const place = page().locator('.data-table', { has: page().locator('table.labels') });
    const labels = () => place.locator('tbody th').allTextContents();
    const inOrder = await labels();
    const head = place.getByRole('columnheader', { name: 'Source' }).nth(1);
    const values = async () =>
      (await place.locator('tbody tr td:nth-child(5)').allTextContents()).map((each) => Number(each));
    await head.getByRole('button').click();
    const direction = await head.getAttribute('aria-sort');
    expect(['ascending', 'descending']).toContain(direction);
    const sorted = [...(await values())].sort((a, b) => (direction === 'ascending' ? a - b : b - a));
    expect(await values()).toEqual(sorted);
    expect(await labels()).not.toEqual(inOrder);
    // By keyboard: the other direction, then as it was; Shift with an arrow makes it wider.
    await head.getByRole('button').press('Enter');
    expect(await values()).toEqual(sorted.reverse());
    await head.getByRole('button').press('Enter');
    expect(await labels()).toEqual(inOrder);
    const width = () => head.evaluate((each) => (each as HTMLElement).offsetWidth);
    const before = await width();
    for (let i = 0; i < 3; i++) await head.getByRole('button').press('Shift+ArrowRight');
    expect(await width()).toBeGreaterThanOrEqual(before + 40);
    await place.getByRole('button', { name: 'Columns' }).click();
    const choice = place.locator('.column-choice');
    const columns = await place.locator('thead tr').last().locator('th').count();
    await choice.getByRole('checkbox').first().uncheck();
    expect(await place.locator('thead tr').last().locator('th').count()).toBe(columns - 1);
    expect(await place.getByRole('button', { name: /Columns/ }).textContent()).toBe('Columns (1 hidden)');
    const [download] = await Promise.all([
      page().waitForEvent('download'),
      place.getByRole('button', { name: 'Save CSV' }).click(),
    ]);
    const lines = readFileSync(await download.path(), 'utf8').split('\r\n');
    expect(lines[0]!.split(',')).toHaveLength(columns - 1);
    expect(lines).toHaveLength(1 + inOrder.length + 1);
  });

  it('uses the width: two columns at 1,920 pixels, one at 1,280, and nothing beyond the window', async () => {
    await start().click();
    await page().waitForSelector('.headline');
    const look = async (width: number) => {
      await page().setViewportSize({ width, height: 1000 });
      return page().evaluate(() => {
        const screen = document.querySelector('.evaluate')!;
        const tops = ['causes', 'subgroups'].map(
          (area) => document.querySelector(`[data-area="${area}"]`)!.getBoundingClientRect().top,
        );
        const right = Math.max(
          ...[...screen.querySelectorAll('.block, .grid-and-slope > *')].map(
            (each) => each.getBoundingClientRect().right,
          ),
        );
        return { beside: tops[0] === tops[1], wider: screen.scrollWidth - screen.clientWidth, right };
      });
    };
    const wide = await look(1920);
    expect(wide.beside).toBe(true);
    expect(wide.wider).toBe(0);
    expect(wide.right).toBeGreaterThan(1920 - 100);
    const narrow = await look(1280);
    expect(narrow.beside).toBe(false);
    expect(narrow.wider).toBe(0);
    await page().setViewportSize({ width: 1440, height: 900 });
  });

  it('adds a label table that was dropped on the window', async () => {
    await page().evaluate(() => {
      window.engine.handlers['paths.recognise'] = ({ paths }) =>
        paths.map((path) => ({ path, kind: 'table', table: 'nih' }));
      window.engine.handlers['datasets.add'] = () => {
        throw Object.assign(new Error('The column "Finding Labels" is missing.'), { code: 'TABLE_COLUMN_MISSING' });
      };
      const files = new DataTransfer();
      files.items.add(new File(['Image Index'], 'nih.csv'));
      window.dispatchEvent(new DragEvent('drop', { dataTransfer: files }));
    });
    await page().waitForSelector('.add-table');
    expect(await page().getByLabel('Label table (CSV)').inputValue()).toBe('/dropped/nih.csv');
    expect(await page().getByLabel('Format').inputValue()).toBe('nih');
    await page().getByRole('button', { name: 'Add', exact: true }).click();
    await page().waitForSelector('.notices .error-box');
    expect(await page().locator('.notices').textContent()).toContain('The column "Finding Labels" is missing.');
  });

  it('says why it changed, in whom, and how many films would settle it', async () => {
    await start().click();
    await page().waitForSelector('.headline');
    const causes = page().locator('[data-area="causes"]');
    expect(await causes.locator('tbody tr').first().textContent()).toContain('−0.080−0.010');
    expect(await causes.locator('.assumptions li').count()).toBe(3);
    await causes.locator('summary').click();
    expect(await causes.textContent()).toContain('Pneumonia, also Consolidation');
    expect(await page().locator('[data-area="subgroups"]').textContent()).toContain('Sex: F');
    expect(await page().locator('[data-area="power"]').textContent()).toContain('614 + 614');
    expect(await page().locator('.data-warning').textContent()).toBe('Patients in both data sets: 2.');
  });

  it('leads from a disagreement to its film with both readings', async () => {
    const first = await page().evaluate(async () => (await window.engine.call('films.list', {}))[0]!.id);
    await page().evaluate((id) => {
      const before = window.engine.handlers['evaluations.run']!;
      window.engine.handlers['evaluations.run'] = async (params, call) => {
        const result = await before(params, call);
        result.disagreements![0]!.filmId = id;
        return result;
      };
    }, first);
    await start().click();
    await page().waitForSelector('[data-area="disagreements"]');
    await page().locator('[data-area="disagreements"] tbody button').first().click();
    await page().waitForSelector('.followed');
    expect(await page().locator('.followed').textContent()).toContain('Films on which they disagree');
    expect(await page().locator('.line-film').count()).toBe(1);
  });

  it('maps the columns of a table of another form', async () => {
    await page().evaluate(() => {
      window.engine.handlers['datasets.look'] = ({ csv }) => ({
        file: csv,
        delimiter: ';',
        rows: 2,
        columns: [
          { name: 'Bild', values: ['a.dcm'], more: true },
          { name: 'Erguss', values: ['ja', 'nein'], more: false },
        ],
        guess: null,
      });
    });
    await page().getByRole('button', { name: 'Add data set' }).click();
    await page().getByLabel('Label table (CSV)').fill('/data/klinik.csv');
    await page().getByLabel('Format').selectOption('custom');
    await page().waitForSelector('.map-columns');
    await page().locator('.map-columns').getByLabel('Pleural Effusion').selectOption('Erguss');
    await page().locator('.map-columns').getByLabel('Positive').fill('ja');
    await page().getByRole('button', { name: 'Add', exact: true }).click();
    await page().waitForFunction(() => window.engine.calls.some(({ method }) => method === 'datasets.add'));
    expect((await calls('datasets.add')).at(-1)?.params).toMatchObject({
      kind: 'custom',
      mapping: { film: 'Bild', labels: { 'Pleural Effusion': 'Erguss' }, values: { positive: ['ja'] } },
    });
  });

  it('wrote no error to the console, and broke no rule of the content security policy', () => {
    expect(faults()).toEqual([]);
  });

  it('a fault of this screen leaves the others alive', async () => {
    await page().evaluate(() => {
      window.engine.handlers['evaluations.run'] = () => ({ id: 'broken' }) as never;
    });
    await start().click();
    await page().getByText('This screen cannot be drawn').waitFor();
    await page().keyboard.press('Alt+1');
    await page().waitForSelector('.film-canvas canvas');
  });
});
