/** Train, Traces in Chromium, on a real engine: a teacher is asked, its traces are accepted, edited, rejected, taken back. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writePhantom } from '../../core/phantom/generate.ts';
import { nodePlatform } from '../../core/platform/node.ts';
import { createEngine } from '../../core/services/engine.ts';
import { chromiumPath } from '../renderer/support/chromium.ts';
import { root } from '../support/command.ts';
import { type ScriptedServer, scriptedServer } from '../support/scriptedServer.ts';
import { type ServedPage, servePage } from '../support/servedPage.ts';

describe.skipIf(!chromiumPath)('Train, Traces (in Chromium; skipped where there is none)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'traces-page-'));
  let served: ServedPage;
  let page: Page;
  let teacher: ScriptedServer;

  beforeAll(async () => {
    const out = join(folder, 'm');
    const { csv } = await writePhantom({ institution: 'm', count: 6, seed: 5, out, size: 256, format: 'png' });
    const platform = nodePlatform({ resourcesDir: join(root, 'resources'), userDir: join(folder, 'home') });
    const engine = await createEngine(platform, { workspace: join(folder, 'workspace') });
    await engine.call('datasets.add', { kind: 'mimic', csv, images: out, role: 'training-source', name: 'Phantom m' });
    teacher = await scriptedServer();
    const sentences =
      'Frontal film, well inspired, not rotated. The trachea is central. The heart is within normal limits. ' +
      'There is a hazy opacity at the left base, and the left costophrenic angle is blunted. The bones are intact.';
    teacher.otherwise = ({ body }) => {
      const asked = JSON.stringify(body.messages);
      const labels = /exactly these labels[^:]*: ([^:]*?)\."/.exec(asked)![1]!;
      return { do: 'answer', text: `<think>${sentences}</think>\n<solution>${labels}</solution>` };
    };
    teacher.script = [
      { do: 'answer', text: '<think>Nothing is seen.</think><solution>Fracture, Kerley lines</solution>' },
    ];
    await engine.call('servers.add', { address: teacher.address, name: 'Teacher', concurrency: 1 });
    served = await servePage(join(folder, 'workspace'), join(folder, 'home'));
    page = served.page;
  });
  afterAll(async () => {
    await served?.close();
    await teacher?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const shot = async (name: string) => {
    const to = process.env['CHEXREASON_SHOTS'];
    if (to) await page.screenshot({ path: join(to, `${name}.png`) });
  };
  const button = (name: string | RegExp) => page.getByRole('button', { name });
  // A key would be lost on a page that has not begun to listen.
  const openTraces = async () => {
    await page.locator('.rail').getByText('Train', { exact: true }).click();
    await button('Traces').click();
  };
  const chosen = (status: string, count: number) => button(`${status} ${count}`).waitFor();

  it('asks the teacher, and shows each trace beside its film', async () => {
    await openTraces();
    await page.getByText('No traces yet.').waitFor();
    await button('Ask Teacher for its models').click();
    await page.getByText('no patient is named').waitFor();
    await button('Ask for missing traces').click();
    await chosen('To review', 6);
    await page.locator('.review-film canvas').waitFor();
    await shot('traces-queue');
  });

  it('accepts, edits and rejects by key, and takes back', async () => {
    // One of the six has labels outside the set; it cannot be accepted.
    const bad = async () => page.getByText('Labels outside the set').isVisible();
    for (let i = 0; i < 6 && !(await bad()); i++) await page.keyboard.press('j');
    await shot('traces-fault');
    expect(await bad()).toBe(true);
    await page.keyboard.press('a');
    await page.getByText('The decision was not taken').waitFor();
    await button('Dismiss').first().click();
    await page.keyboard.press('r');
    await chosen('Rejected', 1);
    await page.keyboard.press('a');
    await chosen('Accepted', 1);
    await page.keyboard.press('e');
    const draft = page.getByLabel('Text of the trace');
    await draft.fill((await draft.inputValue()).replace('within normal limits', 'of normal size'));
    await shot('traces-edit');
    await button('Accept the edited text').click();
    await chosen('Edited', 1);
    await page.keyboard.press('u');
    await chosen('Edited', 0);
    await chosen('To review', 4);
    await page.getByText('within normal limits').waitFor();
  });

  it('writes what is usable, and keeps decisions over a new page', async () => {
    await button('Export usable traces').click();
    const file = join(folder, 'usable.jsonl');
    await page.getByLabel('Save to a path on the machine of the engine').fill(file);
    await button('Save').click();
    await page.getByText('1 trace written to').waitFor();
    expect(JSON.parse(readFileSync(file, 'utf8')).status).toBe('accepted');
    await page.reload();
    await openTraces();
    await chosen('Accepted', 1);
    await shot('traces-after');
    await button('Runs').first().click();
    await button('Import a trained run').click();
    await page.getByLabel('Exported folder').fill(join(folder, 'nowhere'));
    await button('Import').last().click();
    await page.getByText('The trained run could not be imported').waitFor();
    await shot('trl-import');
    expect(served.faults).toEqual([]);
  });
});
