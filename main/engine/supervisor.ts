/** Keeps a process alive: starts it again after it ended, at growing intervals while it keeps ending at once. */

const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 30_000;
/** A process that lived this long had started well; the next start is immediate again. */
const HEALTHY_MS = 30_000;

export interface Supervised {
  /** Called once, when the process has ended by itself. */
  onEnd(listener: (reason: string) => void): void;
  stop(): void;
}

export class Supervisor<P extends Supervised> {
  private current: P | null = null;
  private failures = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private stopped = false;

  /**
   * @param start starts the process
   * @param onStart after every start; `reason` is why the one before ended, null for the first
   * @param onEnd at once when it has ended
   */
  constructor(
    private readonly start: () => P,
    private readonly onStart: (process: P, reason: string | null) => void,
    private readonly onEnd: (reason: string) => void = () => {},
  ) {
    this.launch(null);
  }

  /** The living process, or null between an end and the next start. */
  get process(): P | null {
    return this.current;
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    this.current?.stop();
    this.current = null;
  }

  private launch(reason: string | null): void {
    const startedAt = Date.now();
    const child = this.start();
    this.current = child;
    child.onEnd((why) => {
      this.current = null;
      if (this.stopped) return;
      this.failures = Date.now() - startedAt > HEALTHY_MS ? 0 : this.failures + 1;
      this.onEnd(why);
      this.timer = setTimeout(() => this.launch(why), restartDelay(this.failures));
    });
    this.onStart(child, reason);
  }
}

/** Milliseconds before the next start, after so many ends in quick succession. */
export function restartDelay(failures: number): number {
  return failures === 0 ? 0 : Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (failures - 1));
}
