/**
 * Whether the process that wrote a name down still lives. A process is known by its id and, where the system tells, by when
 * it began: after a restart, or in another container, the same id is another process.
 */
import { readFile } from 'node:fs/promises';

export interface ProcessName {
  processId: number;
  /** When the process began, as the system names it; null: not known here. */
  began: string | null;
}

export async function nameOfProcess(processId: number): Promise<ProcessName> {
  const stat = await statOf(processId);
  return { processId, began: stat?.began ?? null };
}

/** One that has ended and was not yet collected by its parent (a zombie) does not live. */
export async function lives({ processId, began }: ProcessName): Promise<boolean> {
  try {
    process.kill(processId, 0);
  } catch (error) {
    // EPERM: it is there, and somebody else's.
    if ((error as { code?: string }).code !== 'EPERM') return false;
  }
  const stat = await statOf(processId);
  if (stat === null) return true;
  return !stat.ended && (began === null || stat.began === began);
}

/** Linux: boot, and clock ticks since then (field 22 of /proc/PID/stat). Elsewhere null. */
async function statOf(processId: number): Promise<{ began: string; ended: boolean } | null> {
  try {
    const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
    const line = await readFile(`/proc/${processId}/stat`, 'utf8');
    // The name in parentheses may hold spaces; the state follows it, and 19 fields later the start.
    const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
    return { began: `${boot.trim()} ${fields[19]}`, ended: fields[0] === 'Z' || fields[0] === 'X' };
  } catch {
    return null;
  }
}
