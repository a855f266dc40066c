/**
 * One run of a folder at a time. The lock is a file that names its process; one left by a process that was killed does not
 * count. Of another machine (a shared folder) only the time of the last sign is seen.
 */
import { link, readFile, rename, stat, unlink, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { WorkbenchError } from '../base/errors.ts';
import { Random } from '../base/random.ts';
import { lives, nameOfProcess, type ProcessName } from '../platform/processes.ts';

interface Holder extends ProcessName {
  host: string;
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
    const holder = { ...(await nameOfProcess(process.pid)), host: hostname(), token };
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
  if (holder && (await holds(holder, path))) {
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

async function holds(holder: Holder, path: string): Promise<boolean> {
  if (holder.host === hostname()) return lives(holder);
  const { mtimeMs } = await stat(path);
  return Date.now() - mtimeMs < SILENT_MS;
}
