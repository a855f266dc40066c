/** Jobs that outlive their process: each is written down in the workspace's journal while it is under way, and taken up from there. */
import { WorkbenchError } from '../base/errors.ts';
import type { Progress, Work } from '../base/progress.ts';
import type { Workspace } from '../workspace/workspace.ts';
import type { JobInfo } from './contract.ts';
import type { Jobs } from './jobs.ts';
import { Journal, type LastingWork } from './journal.ts';

/** How often it is looked whether another process that works in the workspace has ended. */
const OTHERS_LOOK_MS = 2000;

export class LastingJobs {
  /** null: the command's own work is not taken up by anybody else. */
  private journal: Journal | null = null;

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
      this.jobs.run(kindOf(work), title, {}, () => Promise.reject(endsItsEngine(title))).catch(() => {});
    }
    // A job shows its error.
    for (const { work } of unfinished) this.begin(work).catch(() => {});
    if (othersWork) setTimeout(() => this.takeUp(journal).catch(() => {}), OTHERS_LOOK_MS).unref();
  }

  /** Runs work as a job that is written down until it ends. */
  run<T, P extends Progress>(
    title: string,
    work: LastingWork,
    caller: { signal?: AbortSignal; onProgress?: (progress: P) => void },
    run: (work: Work<P>) => Promise<T>,
  ): Promise<T> {
    const { journal } = this;
    return this.jobs.run(kindOf(work), title, caller, async ({ signal, report }: Work<P>) => {
      await journal?.begin(work, title);
      let first: number | undefined;
      try {
        return await run({
          signal,
          report: (progress) => {
            first ??= progress.done;
            if (progress.done > first) journal?.advance(work);
            report(progress);
          },
        });
      } finally {
        await journal?.end(work);
      }
    });
  }
}

function kindOf({ method }: LastingWork): JobInfo['kind'] {
  return method === 'training.resume' ? 'train' : 'evaluate';
}

function endsItsEngine(title: string): WorkbenchError {
  return new WorkbenchError(
    'WORK_ENDS_ENGINE',
    'This work ended its engine process several times without getting further, and was not started again.',
    { work: title },
    'Start it again with less at once: a smaller batch, fewer threads or a smaller model.',
  );
}
