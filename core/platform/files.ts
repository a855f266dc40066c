/** Files that are replaced are written beside and renamed; and read back whole. */
import { mkdir, readFile, rename, stat, unlink, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { locate, WorkbenchError } from '../base/errors.ts';
import { nextTurn } from '../base/progress.ts';

/** Two writes of one file may begin in the same millisecond. */
let written = 0;

export async function writeFileAtomic(path: string, data: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const beside = `${path}.${process.pid}.${Date.now().toString(36)}.${(written++).toString(36)}.part`;
  try {
    await writeFile(beside, data);
    await rename(beside, path);
  } catch (error) {
    await unlink(beside).catch(() => {});
    // A full disk does not say which file it was.
    throw locate(error, { file: path });
  }
}

export async function writeJson(path: string, value: unknown): Promise<void> {
  await writeFileAtomic(path, `${JSON.stringify(value, null, 2)}\n`);
}

export async function readJson<T>(path: string): Promise<T> {
  const text = await readFile(path, 'utf8');
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    throw new WorkbenchError('JSON_UNREADABLE', `This file is not valid JSON: ${(error as Error).message}`, {
      file: path,
    });
  }
}

export async function readJsonIfThere<T>(path: string): Promise<T | undefined> {
  try {
    return await readJson<T>(path);
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Lines read before other work of the process gets its turn. */
const LINES_A_TURN = 4096;

/** Every whole line; a last line cut off by an interruption is left out. */
export async function readJsonLines<T>(path: string): Promise<T[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return [];
    throw error;
  }
  const rows: T[] = [];
  for (const [i, line] of text.split('\n').entries()) {
    if (i % LINES_A_TURN === LINES_A_TURN - 1) await nextTurn();
    if (line === '') continue;
    try {
      rows.push(JSON.parse(line) as T);
    } catch {
      // An interrupted append; the item is done again.
    }
  }
  return rows;
}

/** Size and modification time: another version of a file has another one. Empty where there is no file. */
export async function fileVersion(path: string): Promise<string> {
  const found = await stat(path).catch(() => null);
  return found ? `${found.size} ${found.mtimeMs}` : '';
}
