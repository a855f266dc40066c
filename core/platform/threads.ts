/**
 * Threads that run named jobs: a job that runs on, or that breaks its thread, costs that thread and nothing else. Where no
 * thread can be started (or none was set up), the same functions run in the calling thread.
 */
import { createRequire } from 'node:module';
import { parentPort, Worker } from 'node:worker_threads';
import { type ErrorData, fromErrorData, toErrorData } from '../base/errors.ts';

export interface PoolOptions {
  /** A program that calls `serveJobs`: its source in a checkout, or its bundle. */
  script: string;
  count: number;
  /** A job that takes longer is ended with its thread; absent: as long as it takes. */
  timeLimitMs?: number;
  /** JavaScript heap of a thread; what lies outside of it has bounds of its own. */
  heapLimitMiB: number;
  timedOut(): Error;
  crashed(cause: string): Error;
}

interface Reply {
  result?: unknown;
  error?: ErrorData;
}

interface Request {
  name: string;
  args: unknown[];
}

interface Task extends Request {
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

type AnyJobs = Record<string, (...args: never[]) => unknown>;

/** The inside of a thread: answers every request of its pool. `transfer` names what changes hands without a copy. */
export function serveJobs(jobs: AnyJobs, transfer: (result: unknown) => ArrayBuffer[] = () => []): void {
  parentPort?.on('message', async ({ name, args }: Request) => {
    try {
      const result = await jobs[name]!(...(args as never[]));
      parentPort?.postMessage({ result } satisfies Reply, transfer(result));
    } catch (error) {
      parentPort?.postMessage({ error: toErrorData(error) } satisfies Reply);
    }
  });
}

export class ThreadPool {
  usable = true;
  private threads: Thread[] = [];
  private readonly waiting: Task[] = [];

  constructor(private readonly options: PoolOptions) {}

  get count(): number {
    return this.options.count;
  }

  run(name: string, args: unknown[], here: () => unknown): Promise<unknown> {
    return new Promise<unknown>((resolve, reject) => {
      const rejectOrStay = (error: unknown) => {
        if (error === CANNOT_START) {
          this.usable = false;
          Promise.resolve().then(here).then(resolve, reject);
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
    if (this.threads.length >= this.options.count) return undefined;
    const thread = new Thread(this.options);
    this.threads.push(thread);
    return thread;
  }
}

/** In the place of an error: the pool then works in the calling thread. */
export const CANNOT_START = Symbol('no thread can be started');

/** One thread; it takes one job at a time. */
class Thread {
  ended = false;
  private answered = false;
  private readonly worker: Worker;
  /** Settles the job under way. */
  private current: ((settle: (task: Task) => void) => void) | undefined;

  constructor(private readonly options: PoolOptions) {
    this.worker = startThread(options.script, options.heapLimitMiB);
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
      const { timeLimitMs, timedOut } = this.options;
      const expire = () => {
        void this.end();
        this.current?.(({ reject }) => reject(timedOut()));
      };
      const timer = timeLimitMs === undefined ? undefined : setTimeout(expire, timeLimitMs);
      this.current = (settle) => {
        clearTimeout(timer);
        this.current = undefined;
        this.worker.unref();
        settle(task);
        done();
      };
      this.worker.postMessage({ name: task.name, args: task.args } satisfies Request);
    });
  }

  private fail(cause: string): void {
    this.ended = true;
    this.current?.(({ reject }) => reject(this.answered ? this.options.crashed(cause) : CANNOT_START));
  }

  async end(): Promise<void> {
    this.ended = true;
    await this.worker.terminate();
  }
}

/** A thread that runs this program: its source in a checkout, where it has to learn to read TypeScript first, or its bundle. */
export function startThread(script: string, heapLimitMiB: number, workerData?: unknown): Worker {
  const options = { workerData, resourceLimits: { maxOldGenerationSizeMb: heapLimitMiB } };
  if (!script.endsWith('.ts')) return new Worker(script, options);
  const tsx = createRequire(script).resolve('tsx/cjs/api');
  const load = `require(${JSON.stringify(tsx)}).register(); require(${JSON.stringify(script)});`;
  return new Worker(load, { ...options, eval: true });
}
