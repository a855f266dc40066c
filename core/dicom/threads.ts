/**
 * Decoding in threads: films decode side by side, and a file that makes a codec run on, or that breaks it, costs its thread
 * and nothing else. Where no thread can be started (or none was set up), the same functions run in the calling thread.
 * Threads that have nothing to do take parts of a large film from the one that decodes it (partners.ts).
 */
import { statSync } from 'node:fs';
import { cpus } from 'node:os';
import type { Worker } from 'node:worker_threads';
import { fromErrorData, toErrorData, WorkbenchError } from '../base/errors.ts';
import { CANNOT_START, startThread } from '../platform/threads.ts';
import type { FromThread, Job, JobName, Jobs, Outcome, PoolState, ToThread } from './thread.ts';

/** A job that takes longer is ended. Films take a twentieth of it, but on a machine that trains they wait for their turn. */
const TIME_LIMIT_MS = 5_000;
const TIME_LIMIT_MS_PER_MIB = 5_000;
/** A batch of headers may lie on a slow drive. */
const HEADERS_LIMIT_MS = 60_000;
/** Starting a thread takes a fraction of a second; in a checkout, on a busy machine, some more. */
const START_LIMIT_MS = 30_000;
const WARM_AFTER_MS = 1_500;
/** JavaScript heap of a thread; pixels and codecs lie outside of it, and have bounds of their own. */
const HEAP_LIMIT_MIB = 512;

interface Task extends Job {
  resolve(result: unknown): void;
  reject(error: unknown): void;
  /** Hears what the job says before it is done. */
  onSaid?(said: never): void;
}

let pool: ThreadPool | undefined;

/**
 * Lets openFilm, decodeFile and scanPaths use threads.
 * @param script core/dicom/thread.ts, or its bundle.
 */
export function startDicomThreads(script: string, count = Math.max(1, Math.min(cpus().length, 8))): void {
  pool = new ThreadPool(script, count);
}

/** Starts the threads and loads what the largest films need, so that the first film need not wait for that. */
export function warmDicomThreads(): void {
  pool?.warm();
}

/** Ends the threads, and runs everything in the calling thread from now on. */
export async function stopDicomThreads(): Promise<void> {
  const stopped = pool;
  pool = undefined;
  await stopped?.stop();
}

/** How many jobs run side by side. */
export function dicomThreadCount(): number {
  return pool?.usable ? pool.count : 1;
}

/**
 * Runs a job in a thread, or `here` where there is none.
 * @param onSaid hears what the job says before it is done; `here` tells it by itself
 * @throws the job's own errors; FILM_TIMEOUT; DECODER_CRASHED
 */
export function inThread<N extends JobName>(
  name: N,
  args: Parameters<Jobs[N]>,
  here: () => ReturnType<Jobs[N]>,
  onSaid?: (said: never) => void,
): ReturnType<Jobs[N]> {
  if (!pool?.usable) return here();
  return pool.run(name, args, here, onSaid) as ReturnType<Jobs[N]>;
}

class ThreadPool {
  usable = true;
  readonly count: number;
  private readonly script: string;
  private threads: Thread[] = [];
  private readonly waiting: Task[] = [];
  /** The threads read in it how many of them have nothing to do. */
  private readonly state: PoolState = new Int32Array(new SharedArrayBuffer(4));

  constructor(script: string, count: number) {
    this.script = script;
    this.count = count;
  }

  run(name: JobName, args: unknown[], here: () => Promise<unknown>, onSaid?: (said: never) => void): Promise<unknown> {
    return new Promise<unknown>((resolve, reject) => {
      const rejectOrStay = (error: unknown) => {
        if (error === CANNOT_START) {
          this.usable = false;
          here().then(resolve, reject);
        } else reject(error);
      };
      this.waiting.push({ name, args, resolve, reject: rejectOrStay, onSaid });
      this.next();
    });
  }

  /** Starts all threads, so that the first film need not wait for them, nor for a codec to be compiled. */
  warm(): void {
    while (this.start());
    // Later: what the application does at its start goes first. Compiled code is shared by all threads.
    const warmUp = () => this.run('warmUp', [], async () => undefined).catch(() => {});
    setTimeout(() => this.usable && void warmUp(), WARM_AFTER_MS).unref();
  }

  async stop(): Promise<void> {
    this.usable = false;
    await Promise.all(this.threads.map((thread) => thread.end()));
  }

  private next(): void {
    const task = this.waiting[0];
    const thread = task && this.idleThread();
    if (!thread) return;
    this.waiting.shift();
    this.give(thread, task);
  }

  private idleThread(): Thread | undefined {
    this.threads = this.threads.filter(({ ended }) => !ended);
    return this.threads.find(({ busy }) => !busy) ?? this.start();
  }

  private give(thread: Thread, task: Task): void {
    const done = thread.run(task, timeLimit(task));
    this.noteIdle();
    void done.then(() => {
      this.noteIdle();
      this.next();
    });
  }

  private noteIdle(): void {
    Atomics.store(this.state, 0, this.threads.filter((thread) => thread.isFree).length);
  }

  /** A part of another thread's job. undefined: nobody has time; films that wait for a thread go first. */
  private async part({ name, args }: Job): Promise<Outcome | undefined> {
    const thread = this.waiting.length === 0 ? this.threads.find(({ isFree }) => isFree) : undefined;
    if (!thread) return undefined;
    return new Promise((resolve) => {
      this.give(thread, {
        name,
        args,
        resolve: (result) => resolve({ result }),
        reject: (error) => resolve(error === CANNOT_START ? undefined : { error: toErrorData(error) }),
      });
    });
  }

  private start(): Thread | undefined {
    if (this.threads.length >= this.count) return undefined;
    const thread = new Thread(this.script, this.state, (job) => this.part(job));
    void thread.ready.then(() => this.noteIdle());
    this.threads.push(thread);
    return thread;
  }
}

function timeLimit({ name, args: [first] }: Job): number {
  if (name === 'readHeaders' || name === 'warmUp') return HEADERS_LIMIT_MS;
  const bytes =
    typeof first === 'string' ? statSync(first, { throwIfNoEntry: false })?.size : (first as Uint8Array).length;
  return TIME_LIMIT_MS + TIME_LIMIT_MS_PER_MIB * ((bytes ?? 0) / 2 ** 20);
}

/** One thread; it takes one job at a time. */
class Thread {
  ended = false;
  private readonly worker: Worker;
  readonly ready: Promise<void>;
  private isReady = false;
  /** Settles the job under way. */
  private current: ((settle: (task: Task) => void) => void) | undefined;
  private onSaid: Task['onSaid'];

  /** @param ask finds another thread for a part of this one's job. */
  constructor(script: string, state: PoolState, ask: (job: Job) => Promise<Outcome | undefined>) {
    this.worker = startThread(script, HEAP_LIMIT_MIB, state);
    this.worker.unref();
    let setReady: () => void = () => undefined;
    this.ready = new Promise((resolve) => {
      setReady = resolve;
    });
    this.worker.on('message', (message: FromThread) => {
      if ('ready' in message) {
        this.isReady = true;
        setReady();
      } else if ('said' in message) {
        this.onSaid?.(message.said as never);
      } else if ('part' in message) {
        void ask(message.job).then((outcome) => this.answer(message.part, outcome));
      } else {
        const { result, error } = message.done;
        this.current?.((task) => (error ? task.reject(fromErrorData(error)) : task.resolve(result)));
      }
    });
    this.worker.on('error', (error) => this.fail(error.message));
    this.worker.on('exit', (code) => this.fail(`exit ${code}`));
  }

  get busy(): boolean {
    return this.current !== undefined;
  }

  /** It would begin at once. */
  get isFree(): boolean {
    return this.isReady && !this.busy && !this.ended;
  }

  /** Settles the task within `limitMs` of the thread's being ready; the promise itself never fails. */
  run(task: Task, limitMs: number): Promise<void> {
    this.worker.ref();
    return new Promise((done) => {
      this.onSaid = task.onSaid;
      let timer = setTimeout(() => this.fail('it did not start'), START_LIMIT_MS);
      this.current = (settle) => {
        clearTimeout(timer);
        this.current = undefined;
        this.onSaid = undefined;
        this.worker.unref();
        settle(task);
        done();
      };
      void this.ready.then(() => {
        clearTimeout(timer);
        if (!this.busy) return;
        timer = setTimeout(() => {
          void this.end();
          this.current?.(({ reject }) => reject(timedOut(limitMs)));
        }, limitMs);
        this.post({ job: { name: task.name, args: task.args } });
      });
    });
  }

  private answer(part: number, outcome: Outcome | undefined): void {
    const { data } = (outcome?.result ?? {}) as { data?: ArrayBufferView };
    this.post(outcome ? { part, outcome } : { part }, data ? [data.buffer as ArrayBuffer] : []);
  }

  private post(message: ToThread, transfer: ArrayBuffer[] = []): void {
    this.worker.postMessage(message, transfer);
  }

  private fail(cause: string): void {
    this.ended = true;
    this.current?.(({ reject }) => reject(this.isReady ? crashed(cause) : CANNOT_START));
  }

  async end(): Promise<void> {
    this.ended = true;
    await this.worker.terminate();
  }
}

function timedOut(limitMs: number): WorkbenchError {
  return new WorkbenchError(
    'FILM_TIMEOUT',
    `Decoding took longer than ${Math.round(limitMs / 1000)} s and was ended.`,
    {
      limitMs,
    },
  );
}

function crashed(cause: string): WorkbenchError {
  return new WorkbenchError('DECODER_CRASHED', 'The decoder could not go on with this file.', { cause });
}
