/** Train, Report, Checkpoints and Settings in Chromium, and what axe finds on every screen. */
import { readFileSync } from 'node:fs';
import type { Locator } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { chromiumPath } from './support/chromium.ts';
import { openedPage } from './support/opened.ts';

describe.skipIf(!chromiumPath)('The other screens (in Chromium; skipped where there is none)', () => {
  const { page, faults, calls, goTo, evaluate, serious } = openedPage();
  /** The lines of the file that "Save CSV" gives the browser. */
  const csvOf = async (place: Locator) => {
    const [download] = await Promise.all([
      page().waitForEvent('download'),
      place.getByRole('button', { name: 'Save CSV' }).click(),
    ]);
    return readFileSync(await download.path(), 'utf8')
      .trim()
      .split('\r\n');
  };

  it('Checkpoints: a server is looked at, added with its key, and its models become checkpoints', async () => {
    await goTo(5, '[data-area=servers]');
    await page().getByRole('button', { name: 'Add a server' }).click();
    await page().getByLabel('Address').fill('http://nothing');
    await page().getByRole('button', { name: 'Look what is there' }).click();
    expect(await page().locator('.add-server .error-box').textContent()).toContain('SERVER_NOT_JSON');
    await page().getByLabel('Address').fill('http://gpu:8000');
    await page().getByLabel('API key').fill('sk-secret');
    await page().getByRole('button', { name: 'Look what is there' }).click();
    expect(await page().locator('.server-found').textContent()).toContain('vLLM 0.32.0 1 model, 1 adapter');
    expect(await calls('servers.add')).toEqual([]);
    await page().getByRole('button', { name: 'Add server', exact: true }).click();
    await page().waitForSelector('.server-models');
    expect((await calls('servers.setKey'))[0].params).toEqual({ address: 'http://gpu:8000', key: 'sk-secret' });
    expect(await page().getByLabel('Role of grpo').inputValue()).toBe('grpo');
    await page().locator('.server-models li').nth(1).getByRole('button').click();
    await page().waitForFunction(() => window.engine.calls.some(({ method }) => method === 'checkpoints.addRemote'));
    expect((await calls('checkpoints.addRemote'))[0].params).toEqual({
      serverId: 'server',
      model: 'grpo',
      role: 'grpo',
    });
  });

  it('Train: shows the paper beside each field, marks what departs, sends only what was changed', async () => {
    await goTo(3, '.run-form');
    await page().getByRole('button', { name: 'GRPO', exact: true }).click();
    const learningRate = page().locator('.config-field', { hasText: 'Learning rate (peak)' });
    // The field's own words and the paper's value; the configuration's key beside them and in the tooltip.
    expect(await learningRate.textContent()).toContain('Paper: 5e-5');
    expect(await learningRate.locator('code').textContent()).toBe('learningRate');
    expect(await learningRate.locator('label').getAttribute('title')).toBe('learningRate in the configuration');
    expect(await page().locator('.config-field.departs').count()).toBe(0);
    await page().getByLabel('Learning rate (peak)').fill('0.0004');
    await page().getByLabel('Random seed').fill('3');
    expect(await page().locator('.config-field.departs').allTextContents()).toEqual([
      expect.stringContaining('Learning rate (peak)'),
    ]);
    await page().getByRole('button', { name: 'Start training' }).click();
    await page().waitForSelector('.chart .mark-symbol path', { state: 'attached' });
    expect((await calls('training.run'))[0].params).toEqual({
      kind: 'grpo',
      name: 'GRPO run',
      startFromId: 'sft',
      config: { learningRate: 0.0004, seed: 3 },
    });
  });

  it('Train: draws the log live, and a run can be stopped', async () => {
    await goTo(3, '.run-form');
    await page().getByRole('button', { name: 'Start training' }).click();
    await page().waitForSelector('.chart .mark-symbol path', { state: 'attached' });
    const drawn = () =>
      page().evaluate(
        () => document.querySelector('.chart .mark-line path')?.getAttribute('d')?.split(/[LC]/).length ?? 0,
      );
    const before = await drawn();
    await page().waitForFunction(
      (points) =>
        (document.querySelector('.chart .mark-line path')?.getAttribute('d')?.split(/[LC]/).length ?? 0) > points + 2,
      before,
    );
    await page().locator('.run-start').getByRole('button', { name: 'Cancel' }).click();
    await page().getByText('stopped').waitFor();
    expect(await page().getByRole('button', { name: 'Resume' }).isVisible()).toBe(true);
  });

  it('Train: warns where the other institution falls, says what to do, and shows completions with their films', async () => {
    await goTo(3, '.run-form');
    await page().getByRole('button', { name: 'GRPO', exact: true }).click();
    await page().getByRole('button', { name: 'Start training' }).click();
    const alarm = page().locator('.alarm');
    await alarm.waitFor();
    expect(await alarm.textContent()).toMatch(/Other institution falls since step \d+.*limit -0.03/);
    expect(await alarm.locator('.remedy').textContent()).toContain('beta');
    // One line across each chart at the step where it began.
    expect(await page().locator('.probe .layer_2_marks line').count()).toBe(1);
    expect(await page().locator('.chart figcaption').allTextContents()).toEqual([
      'Reward against the probe of both institutions',
      'Reward',
      'Loss',
      'KL to the SFT checkpoint',
      'Length of completions (tokens)',
      'Gradient norm',
      'Learning rate',
    ]);
    const [figure, drawing] = await Promise.all(
      ['.probe .chart', '.probe .chart svg.marks'].map((place) => page().locator(place).boundingBox()),
    );
    expect(drawing!.y, 'a chart is drawn in its place').toBeGreaterThan(figure!.y);
    expect(drawing!.y + drawing!.height).toBeLessThanOrEqual(figure!.y + figure!.height + 1);
    await page().locator('.completions').waitFor();
    const rows = page().locator('.completions tbody tr');
    expect(await rows.count()).toBe(4);
    expect(await page().locator('.completions .thumbnail').count()).toBe(2);
    expect(await rows.first().textContent()).toMatch(/0\.5.*jaccard 0\.5.*0\.25.*<think>/);
  });

  it('Train: several runs lie over each other in every chart, the probe too, each in its colour', async () => {
    await goTo(3, '.run-form');
    await page().getByRole('button', { name: 'GRPO', exact: true }).click();
    const train = async (name: string) => {
      await page().getByLabel('Name', { exact: true }).fill(name);
      await page().getByRole('button', { name: 'Start training' }).click();
      await page().getByText(`${name} is complete`).waitFor({ timeout: 60_000 });
    };
    await train('first');
    await train('second');
    await page().locator('.beside summary').click();
    await page().locator('.beside').getByLabel('first').check();
    expect(await page().locator('.run-key').allTextContents()).toEqual(['second', 'first']);
    const colours = (chart: string) =>
      page().evaluate(
        (at) =>
          new Set(
            [...document.querySelectorAll(`${at} .mark-line path`)]
              .map((path) => path.getAttribute('stroke'))
              .filter((stroke) => stroke !== null),
          ).size,
        chart,
      );
    await expect.poll(() => colours('.probe'), { timeout: 10_000 }).toBe(2);
    expect(await colours('.curves .chart:first-child')).toBe(2);
    // Reward and both institutions of each run.
    expect(await page().locator('.probe .mark-line path').count()).toBe(6);
    if (process.env.CHEXREASON_SCREENSHOTS)
      await page().locator('.probe').screenshot({ path: 'test-results/overlaid.png' });
    const saved = await csvOf(page().locator('.probe .chart'));
    expect(new Set(saved.slice(1).map((line) => line.split(',')[3]))).toEqual(new Set(['first', 'second', '']));
    await page().locator('.beside').getByLabel('first').uncheck();
    await expect.poll(() => page().locator('.probe .mark-line path').count(), { timeout: 10_000 }).toBe(3);
  }, 180_000);

  it('Report: draws the pages, leaves a section out, saves to a path', async () => {
    await goTo(4, '.empty');
    await evaluate();
    await goTo(4, '.pdf-page');
    expect(await page().locator('.pdf-page').count()).toBe(3);
    await page().waitForFunction(() => {
      const canvas = document.querySelector('.pdf-page') as HTMLCanvasElement;
      const { data } = (canvas.getContext('2d') as CanvasRenderingContext2D).getImageData(0, 0, canvas.width, 300);
      // The fixture's page is white with black letters.
      return data.some((value, at) => at % 4 === 0 && value < 40 && data[at + 3] === 255);
    });
    await page().getByRole('checkbox', { name: 'Sample films' }).uncheck();
    await page().waitForFunction(() => document.querySelectorAll('.pdf-page').length === 2);
    await page().getByLabel('Save to a path on the machine of the engine').fill('/tmp/report.pdf');
    await page().getByRole('button', { name: 'Save', exact: true }).click();
    await page().getByText('3 pages saved as /tmp/report.pdf').waitFor();
    expect((await calls('report.save'))[0].params).toEqual({
      evaluationId: 'e1',
      sections: ['summary', 'results'],
      filmsOfEach: 3,
      path: '/tmp/report.pdf',
    });
  });

  it('Report: sections are ordered, parts and films chosen, and the figures exported in another form', async () => {
    await evaluate();
    await goTo(4, '.pdf-page');
    const drawn = async () => (await calls('report.render')).at(-1)!.params as Record<string, unknown>;
    const until = async (field: string, value: unknown) =>
      expect.poll(async () => (await drawn())[field]).toEqual(value);
    await page().getByRole('button', { name: 'Move Sample films up' }).click();
    await until('sections', ['summary', 'films', 'results']);
    const choices = page().locator('[data-area="choices"]');
    await choices.getByRole('group', { name: 'Checkpoints' }).getByRole('checkbox').first().uncheck();
    await until('checkpointIds', ['sft', 'grpo']);
    await choices.getByRole('group', { name: 'Labels' }).getByRole('checkbox').first().uncheck();
    const labels = async () => ((await drawn())['labels'] as string[] | undefined) ?? ['No Finding'];
    await expect.poll(labels).not.toContain('No Finding');
    await choices.getByText('Which (2)').click();
    await choices.getByLabel('Film 1').first().uncheck();
    await until('films', ['b0']);
    await choices.getByLabel('Format').selectOption('csv');
    await page().getByLabel('Write into a folder on the machine of the engine').fill('/tmp/csv');
    await page().getByRole('button', { name: 'Save', exact: true }).click();
    await page().getByText('7 files written to /tmp/csv').waitFor();
    expect((await calls('report.export'))[0].params).toMatchObject({ format: 'csv', path: '/tmp/csv', films: ['b0'] });
  });

  it('Report: hands the file to the browser', async () => {
    await evaluate();
    await goTo(4, '.pdf-page');
    const [download] = await Promise.all([
      page().waitForEvent('download'),
      page().getByRole('button', { name: 'Download PDF' }).click(),
    ]);
    expect(download.suggestedFilename()).toBe('chexreason-report.pdf');
    expect(
      readFileSync(await download.path())
        .subarray(0, 5)
        .toString(),
    ).toBe('%PDF-');
  });

  it('Checkpoints: says what each is, and what helps where one cannot be added', async () => {
    await goTo(5, '.card');
    expect(await page().locator('.card h2').allTextContents()).toEqual(['Phantom base', 'SFT', 'GRPO']);
    expect(await page().locator('.card >> nth=2').textContent()).toContain('adapter on Phantom base');
    await page().getByLabel('Folder of a base model or of an adapter').fill('/models/other');
    await page().getByRole('button', { name: 'Add', exact: true }).click();
    const notice = page().locator('.notices .error-box');
    await notice.waitFor();
    expect(await notice.textContent()).toContain('What helps: Add its base model first.');
    await page().getByRole('button', { name: 'Dismiss' }).click();
    await notice.waitFor({ state: 'detached' });
  });

  it('Checkpoints: the base model’s precision is chosen, measured against f32, and converted weights are removed', async () => {
    await goTo(5, '.precisions');
    const card = page().locator('.precisions');
    expect(await card.count()).toBe(1);
    // Each form has a line of figures, and below it one about its distance from f32.
    const lines = card.locator('tbody tr');
    expect(await lines.nth(0).textContent()).toContain('(suggested)');
    expect(await lines.nth(5).textContent()).toContain('4 of 8 films with the same findings');
    await page().getByRole('button', { name: 'Measure: int8 against f32' }).click();
    await card.getByRole('progressbar').waitFor();
    expect(await card.textContent()).toContain('Reading phantom films in int8');
    await card.getByRole('progressbar').waitFor({ state: 'detached' });
    expect(await lines.nth(3).textContent()).toContain(
      'logits differ by 1.2 %, KL 0.00072 nats, 99 % of tokens the same',
    );
    await card.getByRole('radio', { name: 'int8' }).click();
    await page().waitForFunction(() => window.engine.calls.some(({ method }) => method === 'checkpoints.setPrecision'));
    expect((await calls('checkpoints.setPrecision'))[0].params).toEqual({ checkpointId: 'base', precision: 'int8' });
    expect(await card.getByRole('radio', { name: 'int8' }).isChecked()).toBe(true);
    await card.getByRole('radio', { name: 'f32' }).click();
    await page().waitForFunction(() => window.engine.calls.at(-1)?.method === 'checkpoints.setPrecision');
    expect((await calls('checkpoints.setPrecision'))[1].params).toEqual({ checkpointId: 'base', precision: 'auto' });
    if (process.env.CHEXREASON_SCREENSHOTS) await page().screenshot({ path: 'test-results/precisions.png' });
    await page().getByRole('button', { name: 'Remove converted (870 kB)' }).click();
    await page()
      .getByRole('button', { name: /^Remove converted/ })
      .waitFor({ state: 'detached' });
  });

  it('Checkpoints: a removal can be taken back', async () => {
    await goTo(5, '.card');
    await page().locator('.card .icon-button').last().click();
    await page().locator('.done-box').getByRole('button', { name: 'Undo' }).click();
    await page().waitForFunction(() => window.engine.calls.some((call) => call.method === 'checkpoints.restore'));
    const [removed] = await calls('checkpoints.remove');
    expect((await calls('checkpoints.restore')).map(({ params }) => params)).toEqual([removed.params]);
    expect(await page().locator('.done-box').count()).toBe(0);
  });

  it('a server, a data set, a study and a folder are removed and put back, by message, key and Settings', async () => {
    const rows = () => page().locator('.lines').getAttribute('aria-rowcount').then(Number);
    const all = await rows();
    const undo = () => page().locator('.done-box').last().getByRole('button', { name: 'Undo' }).click();
    // A data set, by the button of its line; taken back by its message.
    await page().locator('.line-collection').first().hover();
    await page().getByRole('button', { name: 'Remove Phantom a from the list' }).click();
    await expect.poll(rows).toBe(all - 7);
    await undo();
    await expect.poll(rows).toBe(all);
    // A study and a folder of what was opened, by key; the last removal comes back by key too.
    await page().evaluate(() => window.workbench.library.select('linear'));
    await page().locator('.lines').focus();
    await page().keyboard.press('Delete');
    await expect.poll(rows).toBe(all - 1);
    expect(await page().evaluate(() => window.workbench.library.store.getState().currentId)).not.toBe('linear');
    expect((await calls('films.remove'))[0]!.params).toEqual({ study: '1.2.linear' });
    await page().keyboard.press('Alt+z');
    await expect.poll(rows).toBe(all);
    await page().evaluate(() => window.workbench.library.select('linear'));
    await page().keyboard.press('Shift+Delete');
    await expect.poll(() => page().locator('.line-film', { hasText: 'no label table' }).count()).toBe(0);
    expect((await calls('films.remove'))[1]!.params).toEqual({ folder: '/workspace/ramps' });
    // A server.
    await goTo(5, '[data-area=servers]');
    await page().getByRole('button', { name: 'Add a server' }).click();
    await page().getByLabel('Address').fill('http://gpu:8000');
    await page().getByRole('button', { name: 'Look what is there' }).click();
    await page().getByRole('button', { name: 'Add server', exact: true }).click();
    await page().getByRole('button', { name: 'Remove the server' }).click();
    await page().locator('.server').waitFor({ state: 'detached' });
    // Later: what is removed stands on Settings.
    await goTo(6, '.settings');
    await page().getByRole('button', { name: 'Put back: gpu:8000 (http://gpu:8000)' }).click();
    await page().getByRole('button', { name: 'Put back: Opened films: 9' }).click();
    await page().getByText('Nothing is removed.').waitFor();
    expect((await calls('servers.restore')).length).toBe(1);
    await goTo(1, '.read');
    await expect.poll(rows).toBe(all);
    await page().evaluate(() => window.workbench.library.select('a0'));
    await page().keyboard.press('Delete');
    await page().getByText('Films of a data set are removed with the data set.').waitFor();
  }, 120_000);

  it('Report: stands on white, or on black where that is wanted, and remembers it', async () => {
    await evaluate();
    await goTo(4, '.report');
    const ground = () =>
      page().evaluate(() => getComputedStyle(document.querySelector('.report') as Element).backgroundColor);
    expect(await ground()).toBe('rgb(244, 244, 242)');
    await goTo(6, '.settings');
    await page().getByLabel('Ground of the Report screen').selectOption('dark');
    expect((await calls('settings.set')).at(-1)?.params).toEqual({ key: 'reportTheme', value: 'dark' });
    await goTo(4, '.report');
    expect(await ground()).toBe('rgba(0, 0, 0, 0)');
  });

  it('Settings: says which engine runs and why', async () => {
    await goTo(6, '.settings');
    const settings = await page().locator('.settings').textContent();
    expect(settings).toContain('tfjs-wasm');
    expect(settings).toContain('libtensorflow is not built; run npm run setup:tensorflow.');
    expect(settings).toContain('Nothing leaves this machine');
  });

  it('work under way stands in the status line and can be cancelled there', async () => {
    await page().evaluate(() =>
      window.engine.emit({
        type: 'jobs',
        jobs: [
          {
            id: 'job-1',
            kind: 'train',
            title: 'GRPO run',
            state: 'running',
            progress: { stage: 'Training', done: 3, total: 30, secondsLeft: 40 },
            error: null,
            startedAt: '2026-11-23T09:00:00.000Z',
          },
        ],
      }),
    );
    expect(await page().locator('.status-jobs').textContent()).toContain('GRPO run3 of 3040 s left');
    await page().getByRole('button', { name: 'Cancel: GRPO run' }).click();
    expect((await calls('jobs.cancel'))[0].params).toEqual({ jobId: 'job-1' });
  });

  it('several errors take a line each, are counted, keep their remedy, and leave the middle of the film free', async () => {
    await page().evaluate(() => {
      for (let i = 1; i <= 5; i++)
        window.workbench.frame.tell(`Film ${i} could not be opened`, {
          ...{ code: 'FILM_DAMAGED', message: `The file ${i} ends early.`, details: { file: `/films/${i}.dcm` } },
          remedy: 'Copy it again.',
        } as never);
    });
    const notices = page().locator('.notices');
    expect(await notices.locator('.error-box').count()).toBe(3);
    for (const line of await notices.locator('.error-box').all()) {
      expect((await line.boundingBox())!.height).toBeLessThan(40);
      expect(await line.textContent()).toContain('What helps: Copy it again.');
    }
    const free = async () => {
      const film = (await page().locator('.film-canvas').first().boundingBox())!;
      const box = (await notices.boundingBox())!;
      expect(box.y).toBeGreaterThan(film.y + film.height / 2);
    };
    await free();
    await notices.getByRole('button', { name: '2 earlier messages' }).click();
    expect(await notices.locator('.error-box').count()).toBe(5);
    await free();
    await notices.getByRole('button', { name: 'Show all of it: Film 5 could not be opened' }).click();
    expect(await notices.locator('.error-body').textContent()).toContain('file: /films/5.dcm');
    await free();
    await notices.getByRole('button', { name: 'Clear all 5' }).click();
    expect(await notices.locator('.error-box').count()).toBe(0);
  });

  it('Settings: a GPU that cannot be used is said, and the processor goes on computing', async () => {
    await goTo(6, '.settings');
    const device = page().getByLabel('Answers are computed by');
    expect(await device.inputValue()).toBe('cpu');
    await device.selectOption('webgpu');
    await page().locator('.notices').getByText('No GPU can be used').waitFor();
    expect(await device.inputValue()).toBe('cpu');
    expect((await calls('engine.setDevice'))[0]!.params).toEqual({ device: 'webgpu' });
  });

  it('after a restart of the engine everything is read again, and it is said', async () => {
    await page().evaluate(() => window.engine.emit({ type: 'engine-restarted', reason: 'signal 9' }));
    await page().getByText('The engine process ended and was started again').waitFor();
    expect(await page().locator('.notices').textContent()).toContain('signal 9');
    expect((await calls('films.list')).length).toBeGreaterThan(1);
  });

  it('axe finds nothing serious on any screen', async () => {
    await evaluate();
    const found: string[] = [];
    const check = async (name: string) => found.push(...(await serious()).map((fault) => `${name}: ${fault}`));
    await page().getByRole('button', { name: 'Edema' }).click();
    await check('Evaluate');
    await goTo(1, '.read');
    await page().locator('.lines').focus();
    await page().keyboard.press('Enter');
    await page().waitForSelector('.sentence');
    await page().keyboard.press('m');
    await page().waitForSelector('.model-picture');
    await check('Read');
    await page().keyboard.press('Control+k');
    await page().waitForSelector('dialog');
    await check('Commands');
    await page().keyboard.press('Escape');
    await page().waitForSelector('dialog', { state: 'detached' });
    await goTo(3, '.run-form');
    await page().getByRole('button', { name: 'Start training' }).click();
    await page().waitForSelector('.chart .mark-symbol path', { state: 'attached' });
    await check('Train');
    await goTo(4, '.pdf-page');
    await check('Report');
    await page().evaluate(() => window.workbench.reportTheme.set('dark'));
    await check('Report, dark');
    await goTo(5, '.card');
    await check('Checkpoints');
    await goTo(6, '.settings');
    await check('Settings');
    expect(found).toEqual([]);
  });

  it('wrote no error to the console, and broke no rule of the content security policy', () => {
    expect(faults()).toEqual([]);
  });
});
