/**
 * Jobs that outlive their process: each is written down in the workspace's journal while it is under way, and taken up from
 * there. They can be paused. A paused one is taken up paused: nothing is opened or computed for it until it goes on.
 */
import { WorkbenchError } from '../base/errors.ts';
import { type Progress, pausePoint, type Work } from '../base/progress.ts';
import type { Workspace } from '../workspace/workspace.ts';
import type { JobInfo } from './contract.ts';
import type { Jobs } from './jobs.ts';
import { Journal, type JournalEntry, keyOf, type LastingWork } from './journal.ts';

/** How often it is looked whether another process that works in the workspace has ended. */
const OTHERS_LOOK_MS = 2000;

export class LastingJobs {
  /** null: the command's own work is not taken up by anybody else. */
  private journal: Journal | null = null;
  /** What the journal holds of paused work that is being taken up. */
  private readonly heldBefore = new Map<string, NonNullable<JournalEntry['paused']>>();
  /** Ends a job that is paused now, by its work. */
  private readonly paused = new Map<string, () => Promise<void>>();

  /** @param begin makes the request of such work again */
  constructor(
    private readonly jobs: Jobs,
    private readonly begin: (work: LastingWork) => Promise<unknown>,
  ) {}

  /**
   * Takes up what ended processes left unfinished in this workspace. One whose application was killed still lives for a moment:
   * its work is taken up when it has ended.
   */
  async goOn(workspace: Workspace): Promise<void> {
    this.journal = await Journal.open(workspace);
    await this.takeUp(this.journal);
  }

  private async takeUp(journal: Journal): Promise<void> {
    if (journal !== this.journal) return;
    const { unfinished, exhausted, othersWork } = await journal.unfinished();
    for (const { work, title } of exhausted) {
      await journal.end(work);
      this.jobs.run(KINDS[work.method], title, {}, () => Promise.reject(endsItsEngine(title))).catch(() => {});
    }
    for (const { work, paused } of unfinished) {
      if (paused) this.heldBefore.set(keyOf(work), paused);
      // A job shows its error.
      this.begin(work).catch(() => {});
    }
    if (othersWork) setTimeout(() => this.takeUp(journal).catch(() => {}), OTHERS_LOOK_MS).unref();
  }

  /** Runs work as a job that is written down until it ends. Asked for again while it is paused, it goes on as the new request's. */
  async run<T, P extends Progress>(
    title: string,
    work: LastingWork,
    caller: { signal?: AbortSignal; onProgress?: (progress: P) => void },
    run: (work: Work<P>) => Promise<T>,
  ): Promise<T> {
    const key = keyOf(work);
    await this.paused.get(key)?.();
    const held = this.heldBefore.get(key);
    this.heldBefore.delete(key);
    const { journal } = this;
    const ending = new AbortController();
    const end = () => ending.abort();
    caller.signal?.addEventListener('abort', end);
    if (caller.signal?.aborted) end();
    let ended: Promise<unknown> = Promise.resolve();
    const pausable = {
      ...(held ? { from: held.progress } : {}),
      onPause: (paused: boolean, progress: JobInfo['progress']) => {
        void journal?.setPaused(work, paused ? { progress } : null);
        if (!paused) this.paused.delete(key);
        else
          this.paused.set(key, async () => {
            end();
            await ended;
          });
      },
    };
    const job = this.jobs.run(
      KINDS[work.method],
      title,
      { ...caller, signal: ending.signal },
      (whole: Work<P>) => this.written(title, work, whole, run),
      pausable,
    );
    ended = job.catch(() => {});
    return job.finally(() => {
      this.paused.delete(key);
      caller.signal?.removeEventListener('abort', end);
    });
  }

  /** In the journal until it ends; what has waited since an earlier process is there already. */
  private async written<T, P extends Progress>(
    title: string,
    work: LastingWork,
    whole: Work<P>,
    run: (work: Work<P>) => Promise<T>,
  ): Promise<T> {
    const { journal } = this;
    try {
      await pausePoint(whole);
      await journal?.begin(work, title);
      let first: number | undefined;
      return await run({
        ...whole,
        report: (progress) => {
          first ??= progress.done;
          if (progress.done > first) journal?.advance(work);
          whole.report(progress);
        },
      });
    } finally {
      await journal?.end(work);
    }
  }
}

const KINDS: Record<LastingWork['method'], JobInfo['kind']> = {
  'evaluations.run': 'evaluate',
  'training.resume': 'train',
  'traces.ask': 'teach',
};

function endsItsEngine(title: string): WorkbenchError {
  return new WorkbenchError(
    'WORK_ENDS_ENGINE',
    'This work ended its engine process several times without getting further, and was not started again.',
    { work: title },
    'Start it again with less at once: a smaller batch, fewer threads or a smaller model.',
  );
}
