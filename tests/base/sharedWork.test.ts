import { describe, expect, it } from 'vitest';
import type { Progress, Work } from '../../core/base/progress.ts';
import { SharedWork } from '../../core/base/sharedWork.ts';

function waiter(): { work: Work; controller: AbortController; heard: Progress[] } {
  const controller = new AbortController();
  const heard: Progress[] = [];
  return { controller, heard, work: { signal: controller.signal, report: (progress) => heard.push(progress) } };
}

/** A computation whose end the test decides. */
function openComputation() {
  let finish = (_: number) => {};
  let fail = (_: Error) => {};
  const runs: Work[] = [];
  const compute = (work: Work) => {
    runs.push(work);
    return new Promise<number>((resolve, reject) => {
      finish = resolve;
      fail = reject;
    });
  };
  return { compute, runs, finish: (value: number) => finish(value), fail: (error: Error) => fail(error) };
}

describe('work that several ask for at once', () => {
  it('is done once, and all hear of its progress and its result', async () => {
    const shared = new SharedWork<number>();
    const { compute, runs, finish } = openComputation();
    const [one, two] = [waiter(), waiter()];
    const results = [shared.run('a', one.work, compute), shared.run('a', two.work, compute)];
    runs[0]?.report({ stage: 'x', done: 1, total: 2 });
    finish(7);
    expect(await Promise.all(results)).toEqual([7, 7]);
    expect(runs).toHaveLength(1);
    expect([one.heard.length, two.heard.length]).toEqual([1, 1]);
  });

  it('goes on while one is left who waits, and ends with the last one', async () => {
    const shared = new SharedWork<number>();
    const { compute, runs } = openComputation();
    const [one, two] = [waiter(), waiter()];
    const first = shared.run('a', one.work, compute);
    const second = shared.run('a', two.work, compute);
    one.controller.abort();
    await expect(first).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(runs[0]?.signal.aborted).toBe(false);
    two.controller.abort();
    await expect(second).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(runs[0]?.signal.aborted).toBe(true);
  });

  it('is begun anew after its end, a failure or a cancellation', async () => {
    const shared = new SharedWork<number>();
    const { compute, runs, fail, finish } = openComputation();
    const failed = shared.run('a', waiter().work, compute);
    fail(new Error('no'));
    await expect(failed).rejects.toThrow('no');
    const again = shared.run('a', waiter().work, compute);
    finish(1);
    expect(await again).toBe(1);
    expect(runs).toHaveLength(2);
  });

  it('keeps other keys apart', async () => {
    const shared = new SharedWork<number>();
    const results = ['a', 'b'].map((key, at) => shared.run(key, waiter().work, async () => at));
    expect(await Promise.all(results)).toEqual([0, 1]);
  });
});
