/** One computation for all who ask for the same thing while it goes on. */
import { WorkbenchError } from './errors.ts';
import { type Progress, throwIfCancelled, type Work } from './progress.ts';

interface Running<T> {
  result: Promise<T>;
  controller: AbortController;
  /** Who waits for it; all hear of its progress. */
  waiting: Set<Work>;
}

export class SharedWork<T> {
  private readonly running = new Map<string, Running<T>>();

  /**
   * What `compute` gives for this key, or what a computation of the same key that is under way will give. Whoever cancels
   * waits no longer; when the last one has cancelled, the computation is. Errors: CANCELLED, and those of `compute`.
   */
  async run(key: string, work: Work, compute: (work: Work) => Promise<T>): Promise<T> {
    throwIfCancelled(work.signal);
    const running = this.running.get(key) ?? this.begin(key, compute);
    running.waiting.add(work);
    let leave = () => {};
    const cancelled = new Promise<never>((_, reject) => {
      leave = () => reject(new WorkbenchError('CANCELLED', 'The work was cancelled.'));
      work.signal.addEventListener('abort', leave);
    });
    try {
      return await Promise.race([running.result, cancelled]);
    } finally {
      work.signal.removeEventListener('abort', leave);
      running.waiting.delete(work);
      if (running.waiting.size === 0) this.end(key, running);
    }
  }

  private begin(key: string, compute: (work: Work) => Promise<T>): Running<T> {
    const controller = new AbortController();
    const waiting = new Set<Work>();
    const report = (progress: Progress) => {
      for (const each of waiting) each.report(progress);
    };
    const running = { controller, waiting, result: compute({ signal: controller.signal, report }) };
    // Nobody may be waiting any more when it fails.
    running.result.catch(() => {});
    this.running.set(key, running);
    return running;
  }

  private end(key: string, running: Running<T>): void {
    running.controller.abort();
    if (this.running.get(key) === running) this.running.delete(key);
  }
}
