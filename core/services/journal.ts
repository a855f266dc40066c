/**
 * Work that outlives its process: evaluations, training runs and the asking of a teacher are written down in the workspace's `jobs.json`,
 * while they are under way, and whoever opens the workspace next lets them go on, after a crash as after the window was closed.
 * What they had done is theirs to find again (evaluations by their answers' keys, training by its last checkpoint, a teacher by
 * the traces that are there).
 *
 * Paused work stays paused: it is taken up, and waits as it did.
 *
 * Work that never gets further is not started for ever: after MOST_STARTS starts without progress it is left alone.
 */
import { lives, nameOfProcess, type ProcessName } from '../platform/processes.ts';
import type { CheckedParameters, JobInfo } from './contract.ts';

const FILE = 'jobs.json';
/** Starts in a row without progress; a run that is too large for the memory ends its engine each time. */
const MOST_STARTS = 3;

/** Requests that go on from where they were when they are made again. */
export type LastingWork =
  | { method: 'evaluations.run'; params: CheckedParameters<'evaluations.run'> }
  | { method: 'training.resume'; params: CheckedParameters<'training.resume'> }
  | { method: 'traces.ask'; params: CheckedParameters<'traces.ask'> };

export interface JournalEntry {
  work: LastingWork;
  title: string;
  /** The process that did it. */
  by: ProcessName;
  /** Starts since it last got further. */
  starts: number;
  /** It was paused, and how far it was then. */
  paused?: { progress: JobInfo['progress'] };
}

/** Where entries are kept: the workspace. */
export interface JournalStore {
  read<T>(name: string): Promise<T | undefined>;
  write(value: unknown, name: string): Promise<void>;
}

/** What the journal holds of ended processes, and whether others still work. */
export interface Unfinished {
  unfinished: JournalEntry[];
  /** Given up: it ended its process each time. */
  exhausted: JournalEntry[];
  /** A living process has entries of its own. One whose application was killed ends a moment after it. */
  othersWork: boolean;
}

export class Journal {
  /** What this process does, and what it has taken from ended ones. */
  private own: JournalEntry[] = [];
  /** Entries of ended processes that it has taken: what the file says of them is past. */
  private readonly taken = new Set<string>();
  private writing: Promise<void> = Promise.resolve();

  private constructor(
    private readonly store: JournalStore,
    private readonly name: ProcessName,
  ) {}

  static async open(store: JournalStore, processId = process.pid): Promise<Journal> {
    return new Journal(store, await nameOfProcess(processId));
  }

  /**
   * What ended processes left unfinished. Entries of a living one stay its own. Each is to be begun again with `begin`, or is
   * given up for good with `end`.
   */
  async unfinished(): Promise<Unfinished> {
    const left: JournalEntry[] = [];
    let othersWork = false;
    for (const entry of await this.others()) {
      if (!isSame(entry.by, this.name) && (await lives(entry.by))) othersWork = true;
      else left.push(entry);
    }
    for (const entry of left) this.taken.add(identityOf(entry));
    this.own.push(...left);
    return {
      unfinished: left.filter(({ starts }) => starts < MOST_STARTS),
      exhausted: left.filter(({ starts }) => starts >= MOST_STARTS),
      othersWork,
    };
  }

  /** Notes that this work is under way, until `end`. */
  async begin(work: LastingWork, title: string): Promise<void> {
    const before = this.find(work);
    this.forget(work);
    this.own.push({ work, title, by: this.name, starts: (before?.starts ?? 0) + 1 });
    await this.save();
  }

  /** It got further than where it began: what follows is not the same failure again. */
  advance(work: LastingWork): void {
    const entry = this.find(work);
    if (!entry || entry.starts === 0) return;
    entry.starts = 0;
    void this.save();
  }

  /** It waits where it is (with how far that is), or goes on (null). Whoever pauses it looks after it: no start has failed. */
  async setPaused(work: LastingWork, paused: JournalEntry['paused'] | null): Promise<void> {
    const entry = this.find(work);
    if (!entry) return;
    const { paused: _, ...rest } = entry;
    this.forget(work);
    this.own.push({ ...rest, by: this.name, ...(paused ? { paused, starts: 0 } : {}) });
    await this.save();
  }

  /** It is done, failed with an error of its own, was cancelled, or is given up. */
  async end(work: LastingWork): Promise<void> {
    this.forget(work);
    await this.save();
  }

  private find(work: LastingWork): JournalEntry | undefined {
    return this.own.find((entry) => keyOf(entry.work) === keyOf(work));
  }

  private forget(work: LastingWork): void {
    this.own = this.own.filter((entry) => keyOf(entry.work) !== keyOf(work));
  }

  /** One write after the other. A journal that cannot be written (a full disk) must not end the work that it is about. */
  private save(): Promise<void> {
    const own = this.own.map((entry) => ({ ...entry }));
    const write = async () => {
      const others = (await this.others()).filter(({ by }) => !isSame(by, this.name));
      await this.store.write([...others, ...own], FILE);
    };
    this.writing = this.writing.then(write).catch(() => {});
    return this.writing;
  }

  /** What the file holds beside what this journal has begun or taken. */
  private async others(): Promise<JournalEntry[]> {
    const there = (await this.store.read<JournalEntry[]>(FILE)) ?? [];
    const own = new Set(this.own.map(identityOf));
    // Entries of an earlier release named no process that can be checked; their work is found on its screen.
    return there.filter((entry) => entry.by && !this.taken.has(identityOf(entry)) && !own.has(identityOf(entry)));
  }
}

/** The same for the same work. */
export function keyOf({ method, params }: LastingWork): string {
  return JSON.stringify([method, params]);
}

function isSame(a: ProcessName, b: ProcessName): boolean {
  return a.processId === b.processId && a.began === b.began;
}

function identityOf({ work, by }: JournalEntry): string {
  return JSON.stringify([keyOf(work), by.processId, by.began]);
}
