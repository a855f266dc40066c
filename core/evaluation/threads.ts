/**
 * Resampling in threads, so that the engine answers meanwhile and every processor takes part. Where no thread was set up, the
 * same tasks run one after another in the calling thread, with pauses.
 */
import { cpus } from 'node:os';
import { WorkbenchError } from '../base/errors.ts';
import { throwIfCancelled, type Work } from '../base/progress.ts';
import { ThreadPool } from '../platform/threads.ts';
import { STATISTICS_JOBS, type StatisticsJobs } from './jobs.ts';

const HEAP_LIMIT_MIB = 2048;

let pool: ThreadPool | undefined;

/** @param script core/evaluation/thread.ts, or its bundle. */
export function startStatisticsThreads(script: string, count = Math.max(1, Math.min(cpus().length, 16))): void {
  pool = new ThreadPool({
    script,
    count,
    heapLimitMiB: HEAP_LIMIT_MIB,
    timedOut: () => crashed('time limit'),
    crashed,
  });
}

export async function stopStatisticsThreads(): Promise<void> {
  const stopped = pool;
  pool = undefined;
  await stopped?.stop();
}

/** How many tasks run side by side. */
export function statisticsThreadCount(): number {
  return pool?.usable ? pool.count : 1;
}

/** Runs every task of a job; results in the order of the tasks. Errors: CANCELLED, STATISTICS_CRASHED. */
export async function spread<N extends keyof StatisticsJobs>(
  name: N,
  tasks: readonly Parameters<StatisticsJobs[N]>[],
  work: Work,
): Promise<ReturnType<StatisticsJobs[N]>[]> {
  const job = STATISTICS_JOBS[name] as (...args: unknown[]) => ReturnType<StatisticsJobs[N]>;
  const results: ReturnType<StatisticsJobs[N]>[] = new Array(tasks.length);
  let next = 0;
  const lane = async () => {
    for (let at = next++; at < tasks.length; at = next++) {
      throwIfCancelled(work.signal);
      const task = tasks[at]!;
      const here = () => job(...task);
      if (pool?.usable) results[at] = (await pool.run(name, task, here)) as ReturnType<StatisticsJobs[N]>;
      else {
        await new Promise<void>((resolve) => setImmediate(resolve));
        results[at] = here();
      }
    }
  };
  await Promise.all(Array.from({ length: statisticsThreadCount() }, lane));
  return results;
}

/** Lets other work of the process go on, and stops when cancelled. Called between pieces of some ten milliseconds. */
export async function breathe(work: Work): Promise<void> {
  throwIfCancelled(work.signal);
  await new Promise<void>((resolve) => setImmediate(resolve));
}

function crashed(cause: string): WorkbenchError {
  return new WorkbenchError('STATISTICS_CRASHED', 'A thread that resamples ended unexpectedly.', { cause });
}
