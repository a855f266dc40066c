/**
 * Damages copies of DICOM files and decodes them, in a thread that is ended where one takes more than 5 s:
 *
 *   npm run -s fuzz -- [--runs 20000] [--from 0] [--seed fuzz] [--data FOLDER] [--json]
 *
 * FOLDER holds a manifest.json that names the files (default ../shared/data). Prints the outcomes by code, the slowest run, the
 * largest memory (of the whole process, above what it takes at rest), and the runs that must not be: ended threads, errors
 * without a code, and files that were cut off and gave another image than before without a warning. Exit status 1 if there are any.
 * A run is the same for the same seed, number and file: `--from NUMBER --runs 1` repeats one.
 */
import { readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { toErrorData } from '../core/base/errors.ts';
import { Random } from '../core/base/random.ts';
import { decodeBytes } from '../core/dicom/decodeFile.ts';
import { MEMORY_LIMIT_BYTES, processorMs, TIME_LIMIT_MS } from './support/limits.ts';
import { machine, median } from './support/measure.ts';
import { mutate } from './support/mutate.ts';

/** In all, where a run only waits. */
const WALL_LIMIT_MS = 60_000;
const SAMPLING_MS = 20;

interface Plan {
  files: string[];
  seed: string;
  from: number;
  to: number;
}

interface RunResult {
  run: number;
  file: string;
  /** `decoded`, `decoded with a warning`, or the error's code. */
  outcome: string;
  /** Of processor time. */
  milliseconds: number;
  /** Cut off, and yet another image without a warning. */
  silent: boolean;
}

// ------------------------------------------------------------------------------------------------------------ the thread

async function work({ files, seed, from, to }: Plan): Promise<void> {
  const whole = new Map<string, string>();
  for (let run = from; run < to; run++) {
    const file = files[run % files.length]!;
    const original = readFileSync(file);
    const { damage, bytes } = mutate(original, new Random(seed).fork(`${run}`));
    parentPort!.postMessage({ started: run, file });
    const start = processorMs();
    const result = await decodeBytes(file, bytes).catch((error: unknown) => toErrorData(error));
    const milliseconds = processorMs() - start;
    const failed = 'code' in result;
    const outcome = failed ? result.code : result.warnings ? 'decoded with a warning' : 'decoded';
    let silent = false;
    if (damage === 'cut' && !failed && !result.warnings) {
      if (!whole.has(file)) whole.set(file, await hashOf(file, original));
      silent = result.sha256 !== whole.get(file);
    }
    parentPort!.postMessage({ run, file, outcome, milliseconds, silent } satisfies RunResult);
  }
}

function hashOf(file: string, bytes: Buffer): Promise<string> {
  return decodeBytes(file, bytes).then(
    ({ sha256 }) => sha256,
    (error: unknown) => toErrorData(error).code,
  );
}

// ------------------------------------------------------------------------------------------------------------- the watch

class Watch {
  readonly outcomes: Record<string, number> = {};
  readonly bad: (Pick<RunResult, 'run' | 'file'> & { what: string })[] = [];
  readonly times: number[] = [];
  slowest = { milliseconds: 0, run: -1, file: '' };
  largest = { bytes: 0, run: -1, file: '' };
  private current: { run: number; file: string; since: number; processor: number } | undefined;
  private readonly atRest = process.memoryUsage().rss;

  /** Runs the plan's runs; a thread that has to be ended, or that dies, costs the run under way. */
  async all(plan: Plan): Promise<void> {
    for (let from = plan.from; from < plan.to; ) from = await this.thread({ ...plan, from });
  }

  /** @returns the run to go on with. */
  private thread(plan: Plan): Promise<number> {
    return new Promise((done) => {
      const script = resolve(import.meta.dirname, 'fuzz.ts');
      const tsx = createRequire(script).resolve('tsx/cjs/api');
      const code = `require(${JSON.stringify(tsx)}).register(); require(${JSON.stringify(script)});`;
      const worker = new Worker(code, { eval: true, workerData: plan });
      let next = plan.from;
      const timer = setInterval(() => {
        this.sample();
        if (this.isTooLong()) void worker.terminate();
      }, SAMPLING_MS);
      worker.on('message', (message: RunResult | { started: number; file: string }) => {
        if ('started' in message) {
          const [run, file] = [message.started, message.file];
          this.current = { run, file, since: performance.now(), processor: processorMs() };
        } else {
          this.sample();
          this.note(message);
          this.current = undefined;
          next = message.run + 1;
        }
      });
      let death = 'ended after 5 s';
      worker.on('error', (error) => {
        death = `thread died: ${error.message}`;
      });
      worker.on('exit', () => {
        clearInterval(timer);
        if (this.current) {
          this.complain(this.current.run, this.current.file, death);
          next = this.current.run + 1;
          this.current = undefined;
        }
        done(next);
      });
    });
  }

  private complain(run: number, file: string, what: string): void {
    this.bad.push({ run, file, what });
    console.error(`run ${run}, ${file}: ${what}`);
  }

  private isTooLong(): boolean {
    if (!this.current) return false;
    const { since, processor } = this.current;
    return processorMs() - processor > TIME_LIMIT_MS || performance.now() - since > WALL_LIMIT_MS;
  }

  private sample(): void {
    const bytes = process.memoryUsage().rss - this.atRest;
    if (bytes > this.largest.bytes) {
      this.largest = { bytes, run: this.current?.run ?? -1, file: this.current?.file ?? '' };
    }
  }

  private note({ run, file, outcome, milliseconds, silent }: RunResult): void {
    this.outcomes[outcome] = (this.outcomes[outcome] ?? 0) + 1;
    this.times.push(milliseconds);
    if (milliseconds > this.slowest.milliseconds) this.slowest = { milliseconds, run, file };
    if (outcome === 'INTERNAL') this.complain(run, file, 'an error without a code');
    if (silent) this.complain(run, file, 'cut off, and another image without a warning');
    if (this.times.length % 1000 === 0) console.error(`${this.times.length} runs, ${this.bad.length} bad`);
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '20000' },
      seed: { type: 'string', default: 'fuzz' },
      data: { type: 'string', default: process.env['CHEXREASON_DATA'] ?? '../shared/data' },
      from: { type: 'string', default: '0' },
      json: { type: 'boolean', default: false },
    },
  });
  const manifest = JSON.parse(
    readFileSync(join(values.data, 'manifest.json'), 'utf8').replace(/: (-?Infinity|NaN)/g, ': null'),
  ) as { files: { path: string }[] };
  const files = manifest.files.map(({ path }) => resolve(values.data, path)).filter((path) => statSync(path).size > 0);
  const watch = new Watch();
  const from = Number(values.from);
  await watch.all({ files, seed: values.seed, from, to: from + Number(values.runs) });
  const { outcomes, bad, times, slowest, largest } = watch;
  if (largest.bytes > MEMORY_LIMIT_BYTES) bad.push({ run: largest.run, file: largest.file, what: 'more than 512 MiB' });
  const result = {
    runs: times.length,
    seed: values.seed,
    files: files.length,
    machine: machine(),
    outcomes: Object.fromEntries(Object.entries(outcomes).sort(([, a], [, b]) => b - a)),
    medianMs: median(times),
    slowest,
    largestMiB: { ...largest, bytes: Math.round(largest.bytes / 2 ** 20) },
    bad,
  };
  console.log(values.json ? JSON.stringify(result) : JSON.stringify(result, null, 2));
  process.exitCode = bad.length > 0 ? 1 : 0;
}

void (isMainThread ? main() : work(workerData as Plan));
