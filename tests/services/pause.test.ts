/** Paused work: it stops at its next pause point, keeps its job, is taken up paused by the next process, and goes on or ends. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pausePoint, type Work } from '../../core/base/progress.ts';
import type { JobInfo } from '../../core/services/contract.ts';
import { Jobs } from '../../core/services/jobs.ts';
import type { JournalEntry, LastingWork } from '../../core/services/journal.ts';
import { LastingJobs } from '../../core/services/lastingJobs.ts';
import { Workspace } from '../../core/workspace/workspace.ts';

const work: LastingWork = { method: 'training.resume', params: { runId: 'sft-1' } };
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pause-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const until = (holds: () => boolean) => expect.poll(holds, { timeout: 10_000, interval: 5 }).toBe(true);

/** An engine's jobs with work that counts batches up to ten, each a turn of its own. */
async function start() {
  const jobs = new Jobs(
    () => {},
    () => new Date(0),
  );
  let done = 0;
  let starts = 0;
  const count = async (own: Work) => {
    starts++;
    for (; done < 10; done++) {
      await pausePoint(own);
      own.report({ stage: 'Counting', done, total: 10 });
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    return done;
  };
  const ended: Promise<unknown>[] = [];
  const lasting: LastingJobs = new LastingJobs(jobs, () => ask());
  const ask = (caller: { signal?: AbortSignal } = {}) => {
    const result = lasting.run('Counting', work, caller, count);
    ended.push(result.catch((error) => error));
    return result;
  };
  const workspace = await Workspace.open(folder, { name: 'w', builtIn: false, now: new Date(0) });
  await lasting.goOn(workspace);
  const entries = async () => (await workspace.read<JournalEntry[]>('jobs.json')) ?? [];
  const job = () => jobs.list()[0] as JobInfo;
  return { jobs, job, ask, entries, ended, done: () => done, starts: () => starts };
}

describe('paused work', () => {
  it('stops after what it is at, keeps its job, and goes on', async () => {
    const { jobs, job, ask, done, starts } = await start();
    const result = ask();
    await until(() => done() >= 2);
    expect(job()).toMatchObject({ state: 'running', pause: 'possible' });
    jobs.pause(job().id);
    expect(job()).toMatchObject({ state: 'running', pause: 'asked' });
    await until(() => job().state === 'paused');
    const at = done();
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(done()).toBe(at);
    expect(at).toBeLessThan(10);
    jobs.resume(job().id);
    expect(await result).toBe(10);
    expect(starts()).toBe(1);
    expect(job()).toMatchObject({ state: 'done' });
  });

  it('does not pause where that is taken back in time', async () => {
    const { jobs, job, ask, done } = await start();
    const result = ask();
    await until(() => done() >= 1);
    jobs.pause(job().id);
    jobs.resume(job().id);
    expect(job()).toMatchObject({ state: 'running', pause: 'possible' });
    expect(await result).toBe(10);
  });

  it('is cancelled as running work is', async () => {
    const { jobs, job, ask, ended, entries } = await start();
    ask().catch(() => {});
    await until(() => job()?.state === 'running');
    jobs.pause(job().id);
    await until(() => job().state === 'paused');
    jobs.cancel(job().id);
    expect(await ended[0]).toMatchObject({ code: 'CANCELLED' });
    expect(job().state).toBe('cancelled');
    expect(await entries()).toEqual([]);
  });

  it('is taken up paused after a restart, with how far it was, and begins nothing until it goes on', async () => {
    const before = await start();
    before.ask().catch(() => {});
    await until(() => before.done() >= 3);
    before.jobs.pause(before.job().id);
    await until(() => before.job().state === 'paused');
    const { progress } = before.job();
    await expect.poll(async () => (await before.entries())[0]?.paused).toEqual({ progress });
    // As often as the application is started: a pause is no failed start.
    for (let restart = 0; restart < 4; restart++) {
      const again = await start();
      await until(() => again.job()?.state === 'paused');
      expect(again.job()).toMatchObject({ progress, pause: 'asked', title: 'Counting' });
      expect(again.starts()).toBe(0);
    }
    const last = await start();
    await until(() => last.job()?.state === 'paused');
    last.jobs.resume(last.job().id);
    expect(await last.ended[0]).toBe(10);
    expect(await last.entries()).toEqual([]);
  });

  it('that is asked for again goes on as the new request’s', async () => {
    const before = await start();
    before.ask().catch(() => {});
    await until(() => before.job()?.state === 'running');
    before.jobs.pause(before.job().id);
    await until(() => before.job().state === 'paused');
    const again = await start();
    await until(() => again.job()?.state === 'paused');
    expect(await again.ask()).toBe(10);
    expect(await again.ended[0]).toMatchObject({ code: 'CANCELLED' });
    expect(again.jobs.list().map(({ state }) => state)).toEqual(['done', 'cancelled']);
    expect(await again.entries()).toEqual([]);
  });
});
