/**
 * One run of a folder at a time. The lock is a file that names its process; one left by a process that was killed does not
 * count. A process is known by its id and, where the system tells, by when it began: after a restart, or in another
 * container, the same id is another process. Of another machine (a shared folder) only the time of the last sign is seen.
 */
import { link, readFile, rename, stat, unlink, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { WorkbenchError } from '../base/errors.ts';
import { Random } from '../base/random.ts';

interface Holder {
  processId: number;
  host: string;
  /** When the process began, as the system names it; null: not known here. */
  began: string | null;
  /** Tells two locks of one process apart. */
  token: string;
}

/** A sign of life is given this often, … */
const SIGN_MS = 30_000;
/** … and a lock of another machine without one for so long is taken as left behind. */
const SILENT_MS = 15 * 60_000;

export class RunLock {
  private readonly timer: NodeJS.Timeout;

  private constructor(
    private readonly path: string,
    private readonly holder: Holder,
  ) {
    this.timer = setInterval(() => {
      const now = new Date();
      utimes(path, now, now).catch(() => {});
    }, SIGN_MS);
    this.timer.unref();
  }

  /** @throws TRAINING_LOCKED where a run is going on in this folder */
  static async take(path: string): Promise<RunLock> {
    const random = new Random(`${process.pid} ${process.hrtime.bigint()}`);
    const token = random.uint32().toString(16);
    const holder = { processId: process.pid, host: hostname(), began: await beginOf(process.pid), token };
    const beside = `${path}.${token}`;
    await writeFile(beside, JSON.stringify(holder));
    try {
      for (;;) {
        if (await place(beside, path)) return new RunLock(path, holder);
        await removeLeftBehind(path, token);
      }
    } finally {
      await unlink(beside).catch(() => {});
    }
  }

  async release(): Promise<void> {
    clearInterval(this.timer);
    const there = await read(this.path);
    if (there?.token === this.holder.token) await unlink(this.path).catch(() => {});
  }
}

/** Puts the file there whole, or not at all where one is already. */
async function place(beside: string, path: string): Promise<boolean> {
  try {
    await link(beside, path);
    return true;
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === 'EEXIST') return false;
    // A file system without links: not whole at once, but still only where none is.
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'ENOSYS' && code !== 'EMLINK') throw error;
  }
  try {
    await writeFile(path, await readFile(beside), { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === 'EEXIST') return false;
    throw error;
  }
}

/** @throws TRAINING_LOCKED where the holder lives */
async function removeLeftBehind(path: string, token: string): Promise<void> {
  const holder = await read(path);
  if (holder && (await lives(holder, path))) {
    throw new WorkbenchError(
      'TRAINING_LOCKED',
      'A run is going on in this folder already.',
      { file: path, processId: holder.processId, host: holder.host },
      'Wait until it is done, or stop it; two runs would overwrite each other.',
    );
  }
  // Another starter may have put its own lock there since: what is moved away must be what was read.
  const away = `${path}.${token}.old`;
  await rename(path, away).catch(() => {});
  const moved = await read(away);
  if (moved && moved.token !== holder?.token) await link(away, path).catch(() => {});
  await unlink(away).catch(() => {});
}

async function read(path: string): Promise<Holder | null> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Holder;
  } catch {
    return null;
  }
}

async function lives(holder: Holder, path: string): Promise<boolean> {
  if (holder.host !== hostname()) {
    const { mtimeMs } = await stat(path);
    return Date.now() - mtimeMs < SILENT_MS;
  }
  try {
    process.kill(holder.processId, 0);
  } catch (error) {
    // EPERM: it is there, and somebody else's.
    if ((error as { code?: string }).code !== 'EPERM') return false;
  }
  const began = await beginOf(holder.processId);
  return began === null || holder.began === null || began === holder.began;
}

/** Linux: boot, and clock ticks since then (field 22 of /proc/PID/stat). Elsewhere null. */
async function beginOf(processId: number): Promise<string | null> {
  try {
    const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
    const line = await readFile(`/proc/${processId}/stat`, 'utf8');
    // The name in parentheses may hold spaces; 20 fields follow it up to the start.
    return `${boot.trim()} ${line.slice(line.lastIndexOf(')') + 2).split(' ')[19]}`;
  } catch {
    return null;
  }
}
