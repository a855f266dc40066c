/**
 * Long work as the system shows it: progress in the taskbar or dock, no sleep while a model is trained, a notification
 * when work ends that nobody is looking at, and a question before quitting while it runs.
 */
import { app, type BrowserWindow, dialog, Menu, Notification, nativeImage, powerSaveBlocker, Tray } from 'electron';
import type { Engine, JobInfo } from '../../core/services/contract.ts';

/** Work that lasts: an answer or the opening of films is neither announced nor asked about. */
const LASTING: readonly JobInfo['kind'][] = ['evaluate', 'train', 'teach', 'scan'];
/** Shorter work ends before anybody has looked away. */
const WORTH_TELLING_MS = 20_000;

const isLasting = (job: JobInfo) => job.state === 'running' && LASTING.includes(job.kind);

export interface WorkOptions {
  engine: Engine;
  window(): BrowserWindow | null;
  /** Shows the window, and opens one where there is none. */
  show(): void;
  iconPath: string;
}

export class SystemWork {
  private jobs: JobInfo[] = [];
  private blocker: number | null = null;
  private tray: Tray | null = null;

  constructor(private readonly options: WorkOptions) {
    options.engine.onEvent((event) => {
      if (event.type === 'jobs') this.update(event.jobs);
      // Its jobs ended with it; those that go on are told of by the new one.
      if (event.type === 'engine-restarted') this.jobs = [];
    });
  }

  /** Without a window the work goes on behind an icon of the system's tray. */
  get inBackground(): boolean {
    return this.tray !== null;
  }

  /** The window is there (again). */
  shown(): void {
    this.tray?.destroy();
    this.tray = null;
    this.showProgress();
  }

  /** Before the window closes: nothing to lose, or what the user wants done with the work that runs. */
  async whatToDo(parent: BrowserWindow): Promise<'quit' | 'background' | 'stay'> {
    const running = this.jobs.filter(isLasting);
    if (running.length === 0) return 'quit';
    const { response } = await dialog.showMessageBox(parent, {
      type: 'question',
      title: app.name,
      message: 'Work is running.',
      detail: `${running.map(({ title }) => title).join('\n')}\n\nIt can go on without the window. If you quit, what was done is kept, and it goes on at the next start.`,
      buttons: ['Go on in the background', 'Quit', 'Cancel'],
      defaultId: 0,
      cancelId: 2,
    });
    return (['background', 'quit', 'stay'] as const)[response] ?? 'stay';
  }

  /** The window is gone and the work goes on. */
  goToBackground(): void {
    if (this.tray) return;
    const icon = nativeImage.createFromPath(this.options.iconPath).resize({ width: 22, height: 22 });
    this.tray = new Tray(icon);
    this.tray.setToolTip(`${app.name}: work is running`);
    this.tray.setContextMenu(
      Menu.buildFromTemplate([
        { label: `Open ${app.name}`, click: () => this.options.show() },
        { label: 'Quit', click: () => app.quit() },
      ]),
    );
    this.tray.on('click', () => this.options.show());
  }

  private update(jobs: JobInfo[]): void {
    const before = new Map(this.jobs.map((job) => [job.id, job]));
    this.jobs = jobs;
    for (const job of jobs) {
      const was = before.get(job.id);
      if (was && isLasting(was) && job.state !== 'running' && job.state !== 'paused') this.ended(job);
    }
    this.showProgress();
    this.keepAwake(jobs.some((job) => isLasting(job) && job.kind !== 'scan'));
    // Everything is on the disk; a program that nobody sees and that does nothing has no reason to stay.
    const nothingLeft = [...before.values()].some(isLasting) && !jobs.some(isLasting);
    if (this.inBackground && nothingLeft) app.quit();
  }

  private showProgress(): void {
    const paused = this.jobs.filter((job) => job.state === 'paused');
    const running = [...this.jobs.filter(isLasting), ...paused];
    const known = running.flatMap(({ progress }) => (progress?.total ? [progress.done / progress.total] : []));
    const mean = known.reduce((sum, part) => sum + part, 0) / known.length;
    // 2: running, and nobody knows how much is left; -1: nothing runs.
    const shown = running.length === 0 ? -1 : known.length === 0 ? 2 : mean;
    const mode = running.length > 0 && paused.length === running.length ? 'paused' : 'normal';
    this.options.window()?.setProgressBar(shown, { mode });
  }

  private keepAwake(needed: boolean): void {
    if (needed) this.blocker ??= powerSaveBlocker.start('prevent-app-suspension');
    else if (this.blocker !== null) {
      powerSaveBlocker.stop(this.blocker);
      this.blocker = null;
    }
  }

  private ended(job: JobInfo): void {
    const lasted = Date.now() - Date.parse(job.startedAt);
    if (job.state === 'cancelled' || lasted < WORTH_TELLING_MS) return;
    if (this.options.window()?.isFocused() || !Notification.isSupported()) return;
    const body = job.state === 'done' ? 'Done.' : `Failed: ${job.error?.message ?? ''}`;
    const notification = new Notification({ title: job.title, body });
    notification.on('click', () => this.options.show());
    notification.show();
  }
}
