/**
 * What a command says. Its answers go to stdout, one JSON object a line with `--json`, else as text for a person; its
 * progress and everything that libraries print go to stderr.
 */
import { type ErrorData, toErrorData } from '../../core/base/errors.ts';
import { type Progress, throwIfCancelled, type Work } from '../../core/base/progress.ts';

/** Exit statuses: done; an input failed; arguments that cannot be used; stopped by the user. */
export const EXIT = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;

const PROGRESS_INTERVAL_MS = 200;

export class Output {
  private failed = false;
  private lastProgressAt = 0;
  private progressShown = false;

  constructor(
    private readonly json: boolean,
    private readonly stdout: NodeJS.WritableStream = process.stdout,
    private readonly stderr: NodeJS.WritableStream & { isTTY?: boolean } = process.stderr,
  ) {}

  get status(): number {
    return this.failed ? EXIT.failed : EXIT.done;
  }

  /** An answer. `text` is how a person reads it; by default every field on a line of its own. */
  result(value: object, text: () => string = () => asText(value)): void {
    this.endProgress();
    this.stdout.write(`${this.json ? JSON.stringify(value) : text()}\n`);
  }

  /** An input that failed; the command goes on with the next, and its exit status will be 1. */
  failure(file: string | null, error: unknown): void {
    this.endProgress();
    this.markFailed();
    const data = toErrorData(error);
    const { code, message, details } = data;
    if (this.json) this.stdout.write(`${JSON.stringify({ file, error: { code, message, details } })}\n`);
    else this.stderr.write(`${file === null ? '' : `${file}: `}${describeError(data)}\n`);
  }

  /** The exit status will be 1. */
  markFailed(): void {
    this.failed = true;
  }

  /** An answer for an input; one that fails costs itself only, a cancelled one ends the command. */
  async attempt(file: string | null, signal: AbortSignal, answer: () => Promise<object>): Promise<void> {
    throwIfCancelled(signal);
    try {
      this.result(await answer());
    } catch (error) {
      throwIfCancelled(signal);
      this.failure(file, error);
    }
  }

  /** Something that a person who waits wants to know. */
  note(text: string): void {
    this.endProgress();
    this.stderr.write(`${text}\n`);
  }

  progress(progress: Progress): void {
    const now = Date.now();
    const last = progress.total !== null && progress.done >= progress.total;
    if (!last && now - this.lastProgressAt < (this.stderr.isTTY ? PROGRESS_INTERVAL_MS : 25 * PROGRESS_INTERVAL_MS))
      return;
    this.lastProgressAt = now;
    this.stderr.write(this.stderr.isTTY ? `\r\x1b[K${progressLine(progress)}` : `${progressLine(progress)}\n`);
    this.progressShown = this.stderr.isTTY === true;
  }

  /** Work for a use case: its progress is shown here. */
  work<P extends Progress>(signal: AbortSignal): Work<P> {
    return { signal, report: (progress) => this.progress(progress) };
  }

  private endProgress(): void {
    if (this.progressShown) this.stderr.write('\n');
    this.progressShown = false;
  }
}

function progressLine({ stage, done, total, rate, secondsLeft, failures }: Progress): string {
  const parts = [total === null ? `${stage} ${done}` : `${stage} ${done}/${total}`];
  if (rate !== undefined) parts.push(`${rate.toPrecision(3)}/s`);
  if (secondsLeft !== undefined && secondsLeft !== null) parts.push(`${Math.ceil(secondsLeft)} s left`);
  if (failures) parts.push(`${failures} failed`);
  return parts.join(', ');
}

export function describeError({ code, message, details, remedy }: ErrorData): string {
  const where = Object.entries(details).map(([key, value]) => `${key} ${plain(value)}`);
  return [`${message} [${code}${where.length > 0 ? `; ${where.join(', ')}` : ''}]`, remedy].filter(Boolean).join(' ');
}

function asText(value: object): string {
  const rows = Object.entries(value).filter(([, field]) => field !== undefined);
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, field]) => `${name.padEnd(width)}  ${plain(field)}`).join('\n');
}

function plain(value: unknown): string {
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);
}
