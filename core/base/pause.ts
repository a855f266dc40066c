/** Pausing long work: asked from outside, kept at the work's own pause points, where nothing is half done. */
import { WorkbenchError } from './errors.ts';

export class Pause {
  private wanted = false;
  private readonly waiting = new Set<() => void>();

  /** @param onChange hears when the work begins to wait (true), and when it goes on (false) */
  constructor(private readonly onChange: (waits: boolean) => void = () => {}) {}

  /** Asked for, whether the work has come to a pause point yet or not. */
  get asked(): boolean {
    return this.wanted;
  }

  ask(): void {
    this.wanted = true;
  }

  /** Takes the pause back, or ends it. */
  goOn(): void {
    this.wanted = false;
    for (const go of [...this.waiting]) go();
  }

  /** Returns at once where no pause is asked for, else when the work may go on. True: it waited. Errors: CANCELLED. */
  async point(signal: AbortSignal): Promise<boolean> {
    if (!this.wanted || signal.aborted) return false;
    let go = () => {};
    await new Promise<void>((resolve) => {
      go = resolve;
      signal.addEventListener('abort', go);
      this.waiting.add(go);
      if (this.waiting.size === 1) this.onChange(true);
    });
    signal.removeEventListener('abort', go);
    this.waiting.delete(go);
    if (signal.aborted) throw new WorkbenchError('CANCELLED', 'The work was cancelled.');
    if (this.waiting.size === 0) this.onChange(false);
    return true;
  }
}
