/**
 * A full disk pauses a run instead of ending it: what was to be written is written again every few seconds until there is
 * room, or until the run is stopped. Nothing is lost meanwhile, because everything is still in memory.
 */
import { appendFile, stat, truncate } from 'node:fs/promises';
import { type ErrorData, toErrorData } from '../base/errors.ts';
import { throwIfCancelled } from '../base/progress.ts';

/** The stage of work that waits for room on the disk. */
export const PAUSED = 'Paused: the disk is full';

const WAIT_MS = 5_000;

export interface PatienceOptions {
  signal: AbortSignal;
  /** Called when the pause begins, with why, and with null when it is over; waited for, so that what it writes comes in order. */
  onPause(error: ErrorData | null): Promise<void>;
  waitMs?: number;
}

export class Patience {
  constructor(private readonly options: PatienceOptions) {}

  /** `write` must be able to begin again. @throws CANCELLED; and at once whatever is not a full disk */
  async write<T>(write: () => Promise<T>): Promise<T> {
    const { signal, onPause } = this.options;
    for (let paused = false; ; ) {
      try {
        const result = await write();
        if (paused) await onPause(null);
        return result;
      } catch (error) {
        const data = toErrorData(error);
        if (data.code !== 'DISK_FULL') throw error;
        throwIfCancelled(signal);
        if (!paused) await onPause(data);
        paused = true;
        await this.wait();
        throwIfCancelled(signal);
      }
    }
  }

  /** Adds to a file; what a full disk cut off is taken back before it is written again. */
  async append(file: string, text: string): Promise<void> {
    const size = await stat(file).then(
      (found) => found.size,
      () => 0,
    );
    await this.write(async () => {
      try {
        await appendFile(file, text);
      } catch (error) {
        await truncate(file, size).catch(() => {});
        throw error;
      }
    });
  }

  private wait(): Promise<void> {
    const { signal, waitMs = WAIT_MS } = this.options;
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, waitMs);
      signal.addEventListener('abort', done);
    });
  }
}
