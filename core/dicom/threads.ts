/**
 * Decoding in threads: films decode side by side, and a file that makes a codec run on, or that breaks it, costs its thread
 * and nothing else. Where no thread can be started (or none was set up), the same functions run in the calling thread.
 */
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import { Worker } from 'node:worker_threads';
import { type ErrorData, fromErrorData, WorkbenchError } from '../base/errors.ts';
import type { JobName, Jobs } from './thread.ts';

/** A job that takes longer is ended. Large films take a second or two, on a busy machine some more. */
const TIME_LIMIT_MS = 20_000;
/** JavaScript heap of a thread; pixels and codecs lie outside of it, and have bounds of their own. */
const HEAP_LIMIT_MIB = 512;

export interface Reply {
  result?: unknown;
  error?: ErrorData;
}

interface Task {
  name: JobName;
  args: unknown[];
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

let pool: ThreadPool | undefined;

/**
 * Lets openFilm, decodeFile and scanPaths use threads.
 * @param script core/dicom/thread.ts, or its bundle.
 */
export function startDicomThreads(script: string, count = Math.max(1, Math.min(cpus().length, 8))): void {
  pool = new ThreadPool(script, count);
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
 * @throws the job's own errors; FILM_TIMEOUT; DECODER_CRASHED
 */
export function inThread<N extends JobName>(
  name: N,
  args: Parameters<Jobs[N]>,
  here: () => ReturnType<Jobs[N]>,
): ReturnType<Jobs[N]> {
  if (!pool?.usable) return here();
  return pool.run(name, args, here) as ReturnType<Jobs[N]>;
}

class ThreadPool {
  usable = true;
  readonly count: number;
  private readonly script: string;
  private threads: Thread[] = [];
  private readonly waiting: Task[] = [];

  constructor(script: string, count: number) {
    this.script = script;
    this.count = count;
  }

  run(name: JobName, args: unknown[], here: () => Promise<unknown>): Promise<unknown> {
    return new Promise<unknown>((resolve, reject) => {
      const rejectOrStay = (error: unknown) => {
        if (error === CANNOT_START) {
          this.usable = false;
          here().then(resolve, reject);
        } else reject(error);
      };
      this.waiting.push({ name, args, resolve, reject: rejectOrStay });
      this.next();
    });
  }

  async stop(): Promise<void> {
    this.usable = false;
    await Promise.all(this.threads.map((thread) => thread.end()));
  }

  private next(): void {
    const task = this.waiting[0];
    if (!task) return;
    this.threads = this.threads.filter(({ ended }) => !ended);
    const thread = this.threads.find(({ busy }) => !busy) ?? this.start();
    if (!thread) return;
    this.waiting.shift();
    void thread.run(task).then(() => this.next());
  }

  private start(): Thread | undefined {
    if (this.threads.length >= this.count) return undefined;
    const thread = new Thread(this.script);
    this.threads.push(thread);
    return thread;
  }
}

const CANNOT_START = Symbol('no thread can be started');

/** One thread; it takes one job at a time. */
class Thread {
  ended = false;
  private answered = false;
  private readonly worker: Worker;
  /** Settles the job under way. */
  private current: ((settle: (task: Task) => void) => void) | undefined;

  constructor(script: string) {
    const options = { resourceLimits: { maxOldGenerationSizeMb: HEAP_LIMIT_MIB } };
    this.worker = script.endsWith('.ts')
      ? new Worker(sourceLoader(script), { ...options, eval: true })
      : new Worker(script, options);
    this.worker.on('message', ({ result, error }: Reply) => {
      this.answered = true;
      this.current?.((task) => (error ? task.reject(fromErrorData(error)) : task.resolve(result)));
    });
    this.worker.on('error', (error) => this.fail(error.message));
    this.worker.on('exit', (code) => this.fail(`exit ${code}`));
  }

  get busy(): boolean {
    return this.current !== undefined;
  }

  /** Settles the task; the promise itself never fails. */
  run(task: Task): Promise<void> {
    this.worker.ref();
    return new Promise((done) => {
      const timer = setTimeout(() => {
        void this.end();
        this.current?.(({ reject }) => reject(timedOut()));
      }, TIME_LIMIT_MS);
      this.current = (settle) => {
        clearTimeout(timer);
        this.current = undefined;
        this.worker.unref();
        settle(task);
        done();
      };
      this.worker.postMessage({ name: task.name, args: task.args });
    });
  }

  private fail(cause: string): void {
    this.ended = true;
    this.current?.(({ reject }) => reject(this.answered ? crashed(cause) : CANNOT_START));
  }

  async end(): Promise<void> {
    this.ended = true;
    await this.worker.terminate();
  }
}

function timedOut(): WorkbenchError {
  return new WorkbenchError('FILM_TIMEOUT', `Decoding took longer than ${TIME_LIMIT_MS / 1000} s and was ended.`, {
    limitMs: TIME_LIMIT_MS,
  });
}

function crashed(cause: string): WorkbenchError {
  return new WorkbenchError('DECODER_CRASHED', 'The decoder could not go on with this file.', { cause });
}

/** In a checkout a thread has to learn to read TypeScript first. */
function sourceLoader(script: string): string {
  const tsx = createRequire(script).resolve('tsx/cjs/api');
  return `require(${JSON.stringify(tsx)}).register(); require(${JSON.stringify(script)});`;
}
