/** Long work in one place: every job has a title, progress and a way to cancel it, some can be paused, and the screens hear of each change. */
import { toErrorData } from '../base/errors.ts';
import { Pause } from '../base/pause.ts';
import type { Progress, Work } from '../base/progress.ts';
import type { EngineEvent, JobInfo } from './contract.ts';

/** Finished jobs that are still shown. */
const KEPT = 20;
/** The screens hear of progress at most this often, in milliseconds. */
const EVENT_INTERVAL = 250;

interface Job {
  info: JobInfo;
  controller: AbortController;
  pause: Pause | null;
}

/** Of a job that can be paused. */
export interface Pausable {
  /** It begins paused, with this progress: that of a process that has ended. */
  from?: JobInfo['progress'];
  /** Its work begins to wait at a pause point (true), or goes on. */
  onPause?(paused: boolean, progress: JobInfo['progress']): void;
}

export class Jobs {
  private readonly jobs = new Map<string, Job>();
  private next = 1;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly emit: (event: EngineEvent) => void,
    private readonly now: () => Date,
  ) {}

  list(): JobInfo[] {
    return [...this.jobs.values()].map((job) => job.info).reverse();
  }

  /** Evaluations or runs whose jobs are paused. */
  paused(of: 'evaluationId' | 'runId'): Set<string> {
    const paused = this.list().filter(({ state }) => state === 'paused');
    return new Set(
      paused.flatMap(({ progress }) => {
        const id = (progress as Partial<Record<typeof of, string>> | null)?.[of];
        return id === undefined ? [] : [id];
      }),
    );
  }

  cancel(id: string): void {
    this.jobs.get(id)?.controller.abort();
  }

  /** It pauses at the next pause point of its work. What cannot be paused goes on. */
  pause(id: string): void {
    const job = this.jobs.get(id);
    if (!job?.pause || job.info.state !== 'running') return;
    job.pause.ask();
    job.info = { ...job.info, pause: 'asked' };
    this.changed();
  }

  /** It goes on, or does not pause after all. */
  resume(id: string): void {
    const job = this.jobs.get(id);
    if (!job?.pause || !isUnderWay(job.info)) return;
    job.info = { ...job.info, state: 'running', pause: 'possible' };
    job.pause.goOn();
    this.changed();
  }

  /** Runs work as a job. It ends early when `signal` (the request's) or the job itself is cancelled. */
  async run<T, P extends Progress>(
    kind: JobInfo['kind'],
    title: string,
    caller: { signal?: AbortSignal; onProgress?: (progress: P) => void },
    work: (work: Work<P>) => Promise<T>,
    pausable?: Pausable,
  ): Promise<T> {
    const job = this.begin(kind, title, pausable);
    const abort = () => job.controller.abort();
    if (caller.signal?.aborted) abort();
    caller.signal?.addEventListener('abort', abort);
    const report = (progress: P) => {
      job.info = { ...job.info, progress: 'found' in progress ? { ...progress, found: [] } : progress };
      this.changedSoon();
      caller.onProgress?.(progress);
    };
    try {
      const pause = job.pause ?? undefined;
      const result = await work({ signal: job.controller.signal, report, ...(pause ? { pause } : {}) });
      job.info = { ...job.info, state: 'done' };
      return result;
    } catch (error) {
      const data = toErrorData(error);
      job.info = { ...job.info, state: data.code === 'CANCELLED' ? 'cancelled' : 'failed', error: data };
      throw error;
    } finally {
      caller.signal?.removeEventListener('abort', abort);
      this.forgetOld();
      this.changed();
    }
  }

  /**
   * The same for work that mostly is done at once: it becomes a job with its first report. What it throws is for the caller;
   * the job shows it too.
   */
  async runOnceReported<T>(kind: JobInfo['kind'], title: string, work: (work: Work) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    let shown: ((progress: Progress) => void) | undefined;
    const report = (progress: Progress) => {
      if (!shown) this.run(kind, title, {}, follow).catch(() => {});
      shown?.(progress);
    };
    const follow = (job: Work) => {
      shown = job.report;
      job.signal.addEventListener('abort', () => controller.abort());
      return result;
    };
    // `report` needs the result: the work must not report before its first pause.
    const result = Promise.resolve().then(() => work({ signal: controller.signal, report }));
    return result;
  }

  private begin(kind: JobInfo['kind'], title: string, pausable: Pausable | undefined): Job {
    const id = `job-${this.next++}`;
    const startedAt = this.now().toISOString();
    const { from: progress = null } = pausable ?? {};
    const info: JobInfo = { id, kind, title, state: 'running', progress, error: null, startedAt };
    const job: Job = { info, controller: new AbortController(), pause: null };
    this.jobs.set(id, job);
    if (pausable) {
      job.pause = new Pause((paused) => {
        job.info = { ...job.info, state: paused ? 'paused' : 'running', pause: paused ? 'asked' : 'possible' };
        pausable.onPause?.(paused, job.info.progress);
        this.changed();
      });
      if (pausable.from !== undefined) job.pause.ask();
      job.info.pause = pausable.from === undefined ? 'possible' : 'asked';
    }
    this.changed();
    return job;
  }

  private forgetOld(): void {
    const ended = [...this.jobs.values()].filter((job) => !isUnderWay(job.info));
    for (const job of ended.slice(0, Math.max(0, ended.length - KEPT))) this.jobs.delete(job.info.id);
  }

  private changedSoon(): void {
    this.timer ??= setTimeout(() => this.changed(), EVENT_INTERVAL);
  }

  private changed(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.emit({ type: 'jobs', jobs: this.list() });
  }
}

/** Running, or paused on its way. */
export function isUnderWay({ state }: JobInfo): boolean {
  return state === 'running' || state === 'paused';
}

/** Things per second over the last seconds, and the time that is left. */
export class Rate {
  private readonly marks: { at: number; done: number }[] = [];

  constructor(private readonly windowSeconds = 10) {}

  /** done: how many are done by now; total: of how many. */
  at(done: number, total: number): { rate: number | undefined; secondsLeft: number | null } {
    const at = Date.now() / 1000;
    this.marks.push({ at, done });
    while (this.marks.length > 2 && at - this.marks[0]!.at > this.windowSeconds) this.marks.shift();
    const first = this.marks[0]!;
    if (at - first.at < 0.05 || done === first.done) return { rate: undefined, secondsLeft: null };
    const rate = (done - first.done) / (at - first.at);
    return { rate, secondsLeft: (total - done) / rate };
  }
}
