/** What the user opened last, newest first: paths in `recent.json` of the user's folder, for menus and the study list. */
import { join } from 'node:path';
import { readJsonIfThere, writeJson } from '../platform/files.ts';
import type { RecentPath } from './contract.ts';

const MOST = 12;

export class Recent {
  private constructor(
    private readonly file: string,
    private paths: RecentPath[],
  ) {}

  static async open(userDir: string): Promise<Recent> {
    const file = join(userDir, 'recent.json');
    const there = await readJsonIfThere<RecentPath[]>(file).catch(() => undefined);
    return new Recent(file, Array.isArray(there) ? there : []);
  }

  list(): RecentPath[] {
    return [...this.paths];
  }

  /** Several files opened together count as the first of them: a list of single films would push everything else out. */
  async add(kind: RecentPath['kind'], paths: readonly string[]): Promise<void> {
    const [path] = paths;
    if (path === undefined) return;
    this.paths = [{ kind, path }, ...this.paths.filter((each) => each.path !== path)].slice(0, MOST);
    await writeJson(this.file, this.paths);
  }

  async clear(): Promise<void> {
    this.paths = [];
    await writeJson(this.file, this.paths);
  }
}
