/**
 * Trying again: what passes by itself (429, 5xx, a broken connection, no answer) is asked again with growing pauses and
 * some chance in them, so that many rows do not come back at once; Retry-After is honoured. What will not pass is not.
 */
import { toErrorData } from '../../base/errors.ts';
import { throwIfCancelled } from '../../base/progress.ts';

export interface RetryPolicy {
  /** Tries of a request, the first one included. */
  attempts: number;
  firstDelaySeconds: number;
  longestDelaySeconds: number;
}

export const RETRY: RetryPolicy = { attempts: 5, firstDelaySeconds: 0.5, longestDelaySeconds: 30 };

/** Tries that each code is worth beyond the first; others are final. A server that never answers costs its timeout each time. */
const WORTH: Record<string, number> = {
  SERVER_BUSY: Number.POSITIVE_INFINITY,
  SERVER_FAILED: Number.POSITIVE_INFINITY,
  SERVER_BROKE_OFF: Number.POSITIVE_INFINITY,
  SERVER_UNREACHABLE: 2,
  SERVER_TIMEOUT: 1,
};

/** Whether the same request may succeed later: such a row is asked again when its job is resumed. */
export function mayPass(code: string): boolean {
  return code in WORTH;
}

/** An error that carries how long the server wants to be left alone. */
export class RetryAfter extends Error {
  constructor(
    readonly error: Error,
    readonly seconds: number | null,
  ) {
    super(error.message);
  }
}

/** Runs `attempt` until it succeeds or its error is final; throws the last error, with the number of tries. */
export async function withRetries<T>(
  attempt: () => Promise<T>,
  policy: RetryPolicy,
  signal?: AbortSignal,
  random: () => number = Math.random,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt();
    } catch (thrown) {
      const error = thrown instanceof RetryAfter ? thrown.error : thrown;
      throwIfCancelled(signal);
      const { code } = toErrorData(error);
      if (tries >= policy.attempts || tries > (WORTH[code] ?? 0)) throw withTries(error, tries);
      const asked = thrown instanceof RetryAfter ? thrown.seconds : null;
      const growing = policy.firstDelaySeconds * 2 ** (tries - 1) * (0.5 + random());
      await pause(Math.min(policy.longestDelaySeconds, Math.max(growing, asked ?? 0)), signal);
    }
  }
}

function withTries(error: unknown, tries: number): unknown {
  const details = (error as { details?: Record<string, unknown> }).details;
  if (tries > 1 && details) details['tries'] = tries;
  return error;
}

async function pause(seconds: number, signal?: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(done, seconds * 1000);
    function done() {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    }
    signal?.addEventListener('abort', done);
  });
  throwIfCancelled(signal);
}

/** Lets so many through at once; the others wait in their order. */
export class Gate {
  private free: number;
  private readonly waiting: (() => void)[] = [];

  constructor(places: number) {
    this.free = places;
  }

  async through<T>(work: () => Promise<T>): Promise<T> {
    if (this.free > 0) this.free--;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      if (next) next();
      else this.free++;
    }
  }
}
