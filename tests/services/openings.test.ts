/** Openings that take long are seen, and can be stopped; those that are done at once show nothing. */
import { expect, it } from 'vitest';
import { WorkbenchError } from '../../core/base/errors.ts';
import { throwIfCancelled } from '../../core/base/progress.ts';
import { Jobs } from '../../core/services/jobs.ts';

const jobs = () =>
  new Jobs(
    () => {},
    () => new Date('2026-11-28'),
  );
const pause = () => new Promise((resolve) => setTimeout(resolve, 5));

it('an opening without a report is no job', async () => {
  const all = jobs();
  expect(await all.runOnceReported('load', 'Opening base', async () => 7)).toBe(7);
  expect(all.list()).toEqual([]);
});

it('one that reports is a job with this progress, until it is open', async () => {
  const all = jobs();
  const opened = all.runOnceReported('load', 'Opening base', async ({ report }) => {
    report({ stage: 'Converting the weights', done: 1, total: 4 });
    await pause();
    report({ stage: 'Converting the weights', done: 2, total: 4 });
    await pause();
    expect(all.list()).toMatchObject([{ title: 'Opening base', state: 'running', progress: { done: 2, total: 4 } }]);
    return 7;
  });
  expect(await opened).toBe(7);
  await pause();
  expect(all.list()).toMatchObject([{ title: 'Opening base', state: 'done' }]);
});

it('its job can be cancelled, and then the opening ends', async () => {
  const all = jobs();
  const opened = all.runOnceReported('load', 'Opening base', async ({ report, signal }) => {
    for (let done = 0; ; done++) {
      throwIfCancelled(signal);
      report({ stage: 'Converting the weights', done, total: null });
      if (done === 2) all.cancel(all.list()[0]!.id);
      await pause();
    }
  });
  await expect(opened).rejects.toMatchObject({ code: 'CANCELLED' });
  await pause();
  expect(all.list()).toMatchObject([{ state: 'cancelled' }]);
});

it('what goes wrong is told to the caller, and shown', async () => {
  const all = jobs();
  const opened = all.runOnceReported('load', 'Opening base', async ({ report }) => {
    report({ stage: 'Reading', done: 0, total: null });
    await pause();
    throw new WorkbenchError('DISK_FULL', 'The disk is full.', {});
  });
  await expect(opened).rejects.toMatchObject({ code: 'DISK_FULL' });
  await pause();
  expect(all.list()).toMatchObject([{ state: 'failed', error: { code: 'DISK_FULL' } }]);
});
