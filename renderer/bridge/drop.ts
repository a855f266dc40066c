/**
 * What was dropped on a page: a browser tells no paths, so the page host gets copies. A folder comes with all that is in it, as
 * it lies there; what is dropped together lies together, so that a DICOMDIR finds its files.
 */
import { WorkbenchError } from '../../core/base/errors.ts';
import { PAGE_HOST } from '../../core/services/addresses.ts';

/** Copies under way at once. */
const AT_ONCE = 4;

interface Dropped {
  /** With the folders that it was dropped in. */
  name: string;
  file: File;
}

/** Copies everything to the page host; paths there of what was dropped. */
export async function copyDrop(drop: DataTransfer, onCopied: (done: number, total: number) => void): Promise<string[]> {
  // Both are empty once the event is over.
  const entries = [...drop.items].map((item) => item.webkitGetAsEntry?.() ?? null);
  const files = [...drop.files];
  // A transfer that a script made has files and no entries.
  const dropped = entries.some((entry) => entry !== null)
    ? (await Promise.all(entries.map((entry) => (entry ? filesUnder(entry) : [])))).flat()
    : files.map((file) => ({ name: file.name, file }));
  const id = [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  const paths = new Set<string>();
  let next = 0;
  let done = 0;
  const copy = async () => {
    for (let each = dropped[next++]; each; each = dropped[next++]) {
      paths.add(await upload(each, id));
      onCopied(++done, dropped.length);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, copy));
  return [...paths];
}

async function filesUnder(entry: FileSystemEntry): Promise<Dropped[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    return [{ name: entry.fullPath.replace(/^\//, ''), file }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const all: Dropped[] = [];
  // A reader gives a hundred at a time, and none at the end.
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return all;
    for (const each of some) all.push(...(await filesUnder(each)));
  }
}

async function upload({ name, file }: Dropped, drop: string): Promise<string> {
  const answer = await fetch(`${PAGE_HOST.upload}?name=${encodeURIComponent(name)}&drop=${drop}`, {
    method: 'POST',
    body: file,
  });
  if (!answer.ok)
    throw new WorkbenchError('UPLOAD_FAILED', `${name} could not be handed to the page host.`, {
      status: answer.status,
    });
  return ((await answer.json()) as { path: string }).path;
}
