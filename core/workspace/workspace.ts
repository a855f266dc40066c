/**
 * A workspace: a folder of plain files, so that everything in it can be read, copied and put under version control.
 *
 *   workspace.json                  name and format
 *   checkpoints.json                which model and adapter folders are known
 *   collections/<id>.json           a data set, or what the user opened
 *   collections/<id>.films.jsonl    the films that the user opened
 *   cache/                          headers, thumbnails and figures; may be deleted
 *   predictions/<checkpoint>.jsonl  one line an answer, appended as they come
 *   evaluations/<id>.json           what was asked of which data set and checkpoint
 *   runs/<id>/                      training runs (core/training writes them)
 *   reports/                        PDFs
 *
 * JSON files are written beside and renamed. A line cut off by an interruption is left out when read, and the next
 * append begins on a line of its own.
 */
import { mkdir, open, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { WorkbenchError } from '../base/errors.ts';
import { readJsonIfThere, readJsonLines, writeJson } from '../platform/files.ts';

const FORMAT = 1;

export interface WorkspaceFile {
  format: number;
  name: string;
  createdAt: string;
  /** Made by the application with its phantom films; may be made again. */
  builtIn: boolean;
}

export class Workspace {
  private readonly appends = new Map<string, Promise<void>>();

  private constructor(
    readonly path: string,
    readonly file: WorkspaceFile,
  ) {}

  /** Opens the workspace in this folder, or begins one there. */
  static async open(path: string, begin: { name: string; builtIn: boolean; now: Date }): Promise<Workspace> {
    const place = join(path, 'workspace.json');
    const there = await readJsonIfThere<WorkspaceFile>(place);
    if (there && there.format !== FORMAT) {
      throw new WorkbenchError(
        'WORKSPACE_FORMAT',
        `This workspace has format ${there.format}; this version reads format ${FORMAT}.`,
        { file: place },
        'Open it with the version of the application that wrote it.',
      );
    }
    const file = there ?? {
      format: FORMAT,
      name: begin.name,
      createdAt: begin.now.toISOString(),
      builtIn: begin.builtIn,
    };
    if (!there) await writeJson(place, file);
    return new Workspace(path, file);
  }

  pathOf(...parts: string[]): string {
    return join(this.path, ...parts);
  }

  async read<T>(...parts: string[]): Promise<T | undefined> {
    return readJsonIfThere<T>(this.pathOf(...parts));
  }

  async write(value: unknown, ...parts: string[]): Promise<void> {
    await writeJson(this.pathOf(...parts), value);
  }

  async remove(...parts: string[]): Promise<void> {
    await rm(this.pathOf(...parts), { recursive: true, force: true });
  }

  /** Names in a folder of the workspace, sorted; none where there is no such folder. */
  async names(...parts: string[]): Promise<string[]> {
    try {
      return (await readdir(this.pathOf(...parts))).sort();
    } catch (error) {
      if ((error as { code?: string }).code === 'ENOENT') return [];
      throw error;
    }
  }

  /** Every JSON file of a folder. */
  async readAll<T>(folder: string): Promise<T[]> {
    const values: T[] = [];
    for (const name of await this.names(folder)) {
      if (!name.endsWith('.json')) continue;
      const value = await this.read<T>(folder, name);
      if (value !== undefined) values.push(value);
    }
    return values;
  }

  async lines<T>(...parts: string[]): Promise<T[]> {
    return readJsonLines<T>(this.pathOf(...parts));
  }

  async append(value: unknown, ...parts: string[]): Promise<void> {
    await this.appendAll([value], ...parts);
  }

  /** Appends a line for each. Appends to the same file keep their order; a failed one (a full disk) is its caller's to hear of. */
  async appendAll(values: readonly unknown[], ...parts: string[]): Promise<void> {
    const path = this.pathOf(...parts);
    const before = this.appends.get(path) ?? Promise.resolve();
    const text = values.map((value) => `${JSON.stringify(value)}\n`).join('');
    const written = before.then(() => appendText(path, text));
    this.appends.set(
      path,
      written.catch(() => {}),
    );
    await written;
  }
}

/** Begins on a line of its own, also after an append that was cut off. */
async function appendText(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const file = await open(path, 'a+');
  try {
    const { size } = await file.stat();
    const last = Buffer.alloc(1);
    if (size > 0) await file.read(last, 0, 1, size - 1);
    await file.write(`${size > 0 && last[0] !== 0x0a ? '\n' : ''}${text}`);
  } finally {
    await file.close();
  }
}

/** A name that is safe as a file name and as an id: lower case letters, digits and dashes. */
export function slug(name: string): string {
  const plain = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '');
  return plain.slice(0, 60) || 'unnamed';
}
