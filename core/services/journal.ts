/**
 * Work that outlives its process: evaluations and training runs under way are written down in the workspace's `jobs.json`,
 * and whoever opens the workspace next lets them go on, after a crash as after the window was closed. What they had done is
 * theirs to find again (evaluations by their answers' keys, training by its last checkpoint).
 *
 * Work that never gets further is not started for ever: after MOST_STARTS starts without progress it is left alone.
 */
import type { CheckedParameters } from './contract.ts';

const FILE = 'jobs.json';
/** Starts in a row without progress; a run that is too large for the memory ends its engine each time. */
const MOST_STARTS = 3;

/** Requests that go on from where they were when they are made again. */
export type LastingWork =
  | { method: 'evaluations.run'; params: CheckedParameters<'evaluations.run'> }
  | { method: 'training.resume'; params: CheckedParameters<'training.resume'> };

export interface JournalEntry {
  work: LastingWork;
  title: string;
  /** The process that did it. */
  pid: number;
  /** Starts since it last got further. */
  starts: number;
}

/** Where entries are kept: the workspace. */
export interface JournalStore {
  read<T>(name: string): Promise<T | undefined>;
  write(value: unknown, name: string): Promise<void>;
}

export class Journal {
  private entries: JournalEntry[] = [];
  private writing: Promise<void> = Promise.resolve();

  constructor(
    private readonly store: JournalStore,
    private readonly pid = process.pid,
  ) {}

  /**
   * What an ended process left unfinished. Entries of a living one stay its own. Each is to be begun again with `begin`, or
   * is given up for good (`exhausted`).
   */
  async unfinished(): Promise<{ unfinished: JournalEntry[]; exhausted: JournalEntry[] }> {
    const there = (await this.store.read<JournalEntry[]>(FILE)) ?? [];
    this.entries = there.filter(({ pid }) => pid !== this.pid && isAlive(pid));
    const left = there.filter((entry) => !this.entries.includes(entry));
    this.entries.push(...left);
    return {
      unfinished: left.filter(({ starts }) => starts < MOST_STARTS),
      exhausted: left.filter(({ starts }) => starts >= MOST_STARTS),
    };
  }

  /** Notes that this work is under way, until `end`. */
  async begin(work: LastingWork, title: string): Promise<void> {
    const before = this.find(work);
    if (before) this.entries = this.entries.filter((entry) => entry !== before);
    this.entries.push({ work, title, pid: this.pid, starts: (before?.starts ?? 0) + 1 });
    await this.save();
  }

  /** It got further than where it began: what follows is not the same failure again. */
  advance(work: LastingWork): void {
    const entry = this.find(work);
    if (!entry || entry.starts === 0) return;
    entry.starts = 0;
    void this.save();
  }

  /** It is done, failed with an error of its own, was cancelled, or is given up. */
  async end(work: LastingWork): Promise<void> {
    this.entries = this.entries.filter((entry) => keyOf(entry.work) !== keyOf(work));
    await this.save();
  }

  private find(work: LastingWork): JournalEntry | undefined {
    return this.entries.find((entry) => keyOf(entry.work) === keyOf(work));
  }

  /** One write after the other. A journal that cannot be written (a full disk) must not end the work that it is about. */
  private save(): Promise<void> {
    const entries = this.entries.map((entry) => ({ ...entry }));
    this.writing = this.writing.then(() => this.store.write(entries, FILE)).catch(() => {});
    return this.writing;
  }
}

function keyOf({ method, params }: LastingWork): string {
  return JSON.stringify([method, params]);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { code?: string }).code === 'EPERM';
  }
}
