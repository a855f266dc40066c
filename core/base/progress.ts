/** Progress and cancellation of long work. A use case gets one `Work` and passes it down. */
import { WorkbenchError } from './errors.ts';
import type { Pause } from './pause.ts';

export interface Progress {
  /** What is being done, as a short phrase: "Reading films". */
  stage: string;
  done: number;
  /** null where the total is not known yet. */
  total: number | null;
  /** Things per second over the last seconds, where it makes sense. */
  rate?: number;
  secondsLeft?: number | null;
  failures?: number;
}

export interface Work<P = Progress> {
  signal: AbortSignal;
  report(progress: P): void;
  /** Absent: it cannot be paused. */
  pause?: Pause;
}

/** Of bytes or parameters: such numbers are read in millions. */
export function inMillions(done: number, total: number): { done: number; total: number } {
  return { done: Math.floor(done / 1e6), total: Math.ceil(total / 1e6) };
}

/** Work that nobody watches or cancels. */
export function unattended<P = Progress>(): Work<P> {
  return { signal: new AbortController().signal, report: () => {} };
}

/** Throws CANCELLED when the work's owner has cancelled it. (AbortSignal.throwIfAborted is not in Node 16.) */
export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new WorkbenchError('CANCELLED', 'The work was cancelled.');
}

/** Where long work may be paused or cancelled: nothing is half done here. True: it waited. Errors: CANCELLED. */
export async function pausePoint({ signal, pause }: Pick<Work, 'signal' | 'pause'>): Promise<boolean> {
  throwIfCancelled(signal);
  return (await pause?.point(signal)) ?? false;
}

/** Lets messages in, a cancellation among them, between two pieces of work that never give way by themselves. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
