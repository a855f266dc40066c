/**
 * A thread that decodes a large film can ask the threads that have nothing to do for help (threads.ts brokers). Outside of a
 * thread, and where all are busy, nobody helps, and the whole is done where it is.
 */
import type { JobName, Jobs } from './thread.ts';

export interface Partners {
  idle(): number;
  /** undefined: nobody had time after all. */
  ask(name: JobName, args: unknown[]): Promise<unknown>;
}

let partners: Partners | undefined;

/** Called once, by a thread at its start. */
export function setPartners(found: Partners): void {
  partners = found;
}

/** Work that nobody waits for asks nobody for help: the film that a person opens meanwhile finds a thread. */
export async function withoutHelp<T>(work: () => Promise<T>): Promise<T> {
  const found = partners;
  partners = undefined;
  try {
    return await work();
  } finally {
    partners = found;
  }
}

/** How many threads have nothing to do; by the time that they are asked it may be otherwise. */
export function idleThreads(): number {
  return partners?.idle() ?? 0;
}

/** @returns undefined where nobody had time. @throws the job's own errors; DECODER_CRASHED */
export async function askThread<N extends JobName>(
  name: N,
  args: Parameters<Jobs[N]>,
): Promise<Awaited<ReturnType<Jobs[N]>> | undefined> {
  return partners?.ask(name, args) as Promise<Awaited<ReturnType<Jobs[N]>> | undefined>;
}
