/**
 * Headers that were read before, in one file of lines: size, modification time, path, record. A file whose size and time are
 * the same is not opened again. Lines are appended; a later line of a path replaces an earlier one; files that are gone, and
 * the oldest of too many, are dropped; when too many lines are void the file is written anew. It is a cache: damaged, of another version, or gone, headers are read again.
 */
import { existsSync } from 'node:fs';
import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { dirname, sep } from 'node:path';
import { nextTurn } from '../base/progress.ts';
import { VERSION } from '../base/version.ts';
import { writeFileAtomic } from '../platform/files.ts';
import { RECORD_VERSION } from './headerRecord.ts';

const FIRST_LINE = `chexreason headers ${RECORD_VERSION} ${VERSION}`;
/** Lines read before other work of the process gets its turn. */
const LINES_A_TURN = 4096;
const FLUSH_CHARACTERS = 1 << 20;
/** The file is written anew when so many lines, and half of all, are void. */
const MIN_REPLACED = 1000;
/** Files remembered: some 200 MB. */
const MOST = 500_000;

interface Known {
  size: number;
  mtimeMs: number;
  record: string;
}

export class HeaderCache {
  /** Where a path's line begins in `bytes`; or what this scan has read of it. */
  private readonly entries = new Map<string, number | Known>();
  /** Paths that this scan has asked for. */
  private readonly asked = new Set<string>();
  private replaced = 0;
  private waiting: string[] = [];
  private waitingCharacters = 0;
  private fresh = true;
  private written: Promise<void> = Promise.resolve();

  private constructor(
    private readonly path: string,
    private readonly bytes: Buffer,
    private readonly most: number,
  ) {}

  /** @param most files remembered; the default is for use, others for tests */
  static async open(path: string, most = MOST): Promise<HeaderCache> {
    const bytes = await readFile(path).catch(() => Buffer.alloc(0));
    const cache = new HeaderCache(path, bytes, most);
    await cache.read();
    return cache;
  }

  get size(): number {
    return this.entries.size;
  }

  /** What is known of a file: its size and time when its header was read, and the record. */
  find(path: string): Known | undefined {
    this.asked.add(path);
    const entry = this.entries.get(path);
    return typeof entry === 'number' ? this.known(entry) : entry;
  }

  private known(start: number): Known {
    const line = this.bytes.toString('utf8', start, this.bytes.indexOf(0x0a, start));
    const [size, mtimeMs, path] = line.split('\t', 3) as [string, string, string];
    const record = line.slice(size.length + mtimeMs.length + path.length + 3);
    return { size: Number(size), mtimeMs: Number(mtimeMs), record };
  }

  /**
   * After a scan of these files and folders: what is known below them, was not asked for, and is not on the disk any more is
   * forgotten.
   */
  async dropVanished(scanned: readonly string[]): Promise<void> {
    const folders = scanned.map((path) => (path.endsWith(sep) ? path : path + sep));
    let looked = 0;
    for (const path of [...this.entries.keys()]) {
      if (this.asked.has(path) || !folders.some((folder) => `${path}${sep}`.startsWith(folder))) continue;
      if (!existsSync(path)) this.drop(path);
      if (++looked % LINES_A_TURN === 0) await nextTurn();
    }
  }

  private drop(path: string): void {
    this.entries.delete(path);
    this.replaced++;
  }

  /** The oldest go first, except those that were asked for. */
  private shrink(): void {
    for (const path of this.entries.keys()) {
      if (this.entries.size <= this.most) return;
      if (!this.asked.has(path)) this.drop(path);
    }
  }

  add(path: string, size: number, mtimeMs: number, record: string): void {
    if (this.entries.has(path)) this.replaced++;
    this.asked.add(path);
    this.entries.set(path, { size, mtimeMs, record });
    const line = lineOf(path, { size, mtimeMs, record });
    this.waiting.push(line);
    this.waitingCharacters += line.length;
    if (this.waitingCharacters > FLUSH_CHARACTERS) this.flush();
  }

  /** Writes what is still waiting. Errors: DISK_FULL and the file system's own. */
  async close(): Promise<void> {
    this.shrink();
    if (this.replaced > MIN_REPLACED && this.replaced > this.entries.size / 2) {
      await this.written;
      const lines = [...this.entries.keys()].map((path) => lineOf(path, this.find(path)!));
      await writeFileAtomic(this.path, `${FIRST_LINE}\n${lines.join('')}`);
      return;
    }
    this.flush();
    await this.written;
  }

  private flush(): void {
    if (this.waiting.length === 0) return;
    const text = this.waiting.join('');
    this.waiting = [];
    this.waitingCharacters = 0;
    const begin = this.fresh;
    this.fresh = false;
    this.written = this.written.then(() => (begin ? this.begin(text) : appendFile(this.path, text)));
    // Told by close().
    this.written.catch(() => {});
  }

  private async begin(text: string): Promise<void> {
    await mkdir(dirname(this.path), { recursive: true });
    await writeFileAtomic(this.path, `${FIRST_LINE}\n${text}`);
  }

  private async read(): Promise<void> {
    const { bytes } = this;
    const firstEnd = bytes.indexOf(0x0a);
    if (firstEnd < 0 || bytes.toString('utf8', 0, firstEnd) !== FIRST_LINE) return;
    this.fresh = false;
    let lines = 0;
    let end = firstEnd;
    for (let start = firstEnd + 1; start < bytes.length; start = end + 1) {
      end = bytes.indexOf(0x0a, start);
      // A line that was cut off; the next one appended would be joined to it.
      if (end < 0) {
        this.waiting.push('\n');
        break;
      }
      this.readLine(start, end);
      if (++lines % LINES_A_TURN === 0) await nextTurn();
    }
  }

  private readLine(start: number, end: number): void {
    const { bytes } = this;
    const from = bytes.indexOf(0x09, bytes.indexOf(0x09, start) + 1) + 1;
    const to = bytes.indexOf(0x09, from);
    if (from <= start || to < 0 || to >= end) return;
    const text = bytes.toString('utf8', from, to);
    const path = text.includes('\\') ? unescaped(text) : text;
    if (this.entries.has(path)) this.replaced++;
    this.entries.set(path, start);
  }
}

function lineOf(path: string, { size, mtimeMs, record }: Known): string {
  return `${size}\t${mtimeMs}\t${escaped(path)}\t${record}\n`;
}

/** Paths may hold tabs and line ends, and a damaged one must not end a line. */
function escaped(path: string): string {
  return path.replace(/[\\\t\n]/g, (sign) => ({ '\\': '\\\\', '\t': '\\t', '\n': '\\n' })[sign]!);
}

function unescaped(text: string): string {
  return text.replace(/\\(.)/g, (_, sign: string) => ({ t: '\t', n: '\n' })[sign] ?? sign);
}
