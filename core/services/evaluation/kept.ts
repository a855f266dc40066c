/**
 * Figures that were worked out, kept in the workspace's cache, so that they are there at once after a restart. The key is a
 * hash of all that they depend on: every film's truth and answer, patients, labels, policies, unit, replicates, seed, and the
 * code. A file that is damaged, or is another key's, is worked out anew; the ones that were not wanted for longest are forgotten.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile, stat, unlink, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256 } from '../../base/hash.ts';
import { nextTurn, unattended, type Work } from '../../base/progress.ts';
import { SharedWork } from '../../base/sharedWork.ts';
import { type EvaluationInput, evaluate } from '../../evaluation/evaluate.ts';
import type { EvaluationResult } from '../../evaluation/types.ts';
import { writeFileAtomic } from '../../platform/files.ts';

/** Results of this process that are held in memory. */
const MOST_HELD = 16;
/** Of all files together. */
const MOST_BYTES = 256 * 2 ** 20;
/** Films hashed before other work of the process gets its turn. */
const FILMS_A_TURN = 2048;

export class KeptResults {
  private readonly held = new Map<string, EvaluationResult>();
  /** Those that are being worked out: a screen and a report often want the same one. */
  private readonly computing = new SharedWork<EvaluationResult>();

  constructor(
    private readonly folder: string,
    /** Of the code. */
    private readonly version: () => Promise<string>,
    private readonly mostBytes = MOST_BYTES,
  ) {}

  /** null: `evaluate` will take its time. */
  async known(input: EvaluationInput): Promise<EvaluationResult | null> {
    const result = await this.find(await this.keyOf(input));
    return result && { ...result, id: input.id, createdAt: input.createdAt };
  }

  /** As core's `evaluate`, which is asked only where nothing is kept. Errors: CANCELLED, STATISTICS_CRASHED. */
  async evaluate(input: EvaluationInput, work: Work = unattended()): Promise<EvaluationResult> {
    const key = await this.keyOf(input);
    const there = await this.find(key);
    const result = there ?? (await this.computing.run(key, work, (shared) => this.compute(key, input, shared)));
    return { ...result, id: input.id, createdAt: input.createdAt };
  }

  private async compute(key: string, input: EvaluationInput, work: Work): Promise<EvaluationResult> {
    const body = JSON.stringify(await evaluate(input, work));
    // A comfort: where it cannot be written, the figures are there all the same.
    await this.write(key, body).catch(() => {});
    // As it will be read: -0 is 0 then.
    const result = JSON.parse(body) as EvaluationResult;
    this.hold(key, result);
    return result;
  }

  private async find(key: string): Promise<EvaluationResult | null> {
    const result = this.held.get(key) ?? (await this.read(key));
    if (result) this.hold(key, result);
    return result;
  }

  private hold(key: string, result: EvaluationResult): void {
    this.held.delete(key);
    this.held.set(key, result);
    for (const oldest of [...this.held.keys()].slice(0, -MOST_HELD)) this.held.delete(oldest);
  }

  private async read(key: string): Promise<EvaluationResult | null> {
    const path = this.pathOf(key);
    const text = await readFile(path, 'utf8').catch(() => null);
    if (text === null) return null;
    const end = text.indexOf('\n');
    const body = text.slice(end + 1);
    // The first line is that of `write`: a file that was cut off, edited or renamed is not what it says.
    if (text.slice(0, end) !== `${key} ${sha256(body)}`) return null;
    const now = new Date();
    await utimes(path, now, now).catch(() => {});
    return JSON.parse(body) as EvaluationResult;
  }

  private async write(key: string, body: string): Promise<void> {
    if (body.length > this.mostBytes) return;
    await this.forget(body.length);
    await writeFileAtomic(this.pathOf(key), `${key} ${sha256(body)}\n${body}`);
  }

  /** Makes room. */
  private async forget(bytes: number): Promise<void> {
    const names = await readdir(this.folder).catch(() => []);
    const files = await Promise.all(
      names.map(async (name) => {
        const path = join(this.folder, name);
        const { size = 0, mtimeMs = 0 } = (await stat(path).catch(() => null)) ?? {};
        return { path, size, mtimeMs };
      }),
    );
    let room = this.mostBytes - bytes - files.reduce((sum, { size }) => sum + size, 0);
    for (const { path, size } of files.sort((a, b) => a.mtimeMs - b.mtimeMs)) {
      if (room >= 0) return;
      await unlink(path).catch(() => {});
      room += size;
    }
  }

  private pathOf(key: string): string {
    return join(this.folder, key);
  }

  /** Of everything in the input but whose evaluation it is and when that began: these are told, and change no figure. */
  private async keyOf({ id: _id, createdAt: _at, films, ...input }: EvaluationInput): Promise<string> {
    const hash = createHash('sha256').update(JSON.stringify([await this.version(), input]));
    for (const [i, film] of films.entries()) {
      if (i % FILMS_A_TURN === FILMS_A_TURN - 1) await nextTurn();
      hash.update(JSON.stringify(film));
    }
    return hash.digest('hex');
  }
}
