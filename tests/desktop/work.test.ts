/** When long work is told to the system: progress, no sleep, notification, tray, question. Electron is a stand-in here; system.test.ts has the real one. */
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Engine, EngineEvent, JobInfo } from '../../core/services/contract.ts';

const shown = vi.hoisted(() => ({
  notifications: [] as { title: string; body: string; click(): void }[],
  trays: [] as { tip: string; items: { label: string; click(): void }[]; gone: boolean }[],
  awake: new Set<number>(),
  asked: [] as { message: string; detail: string; buttons: string[] }[],
  answer: 0,
  quits: 0,
}));

vi.mock('electron', () => {
  class Notification {
    static isSupported = () => true;
    click = () => {};
    constructor(readonly options: { title: string; body: string }) {}
    on(_event: string, listener: () => void) {
      this.click = listener;
    }
    show() {
      shown.notifications.push({ ...this.options, click: this.click });
    }
  }
  class Tray {
    private readonly own = { tip: '', items: [] as { label: string; click(): void }[], gone: false };
    constructor() {
      shown.trays.push(this.own);
    }
    setToolTip(tip: string) {
      this.own.tip = tip;
    }
    setContextMenu(items: { label: string; click(): void }[]) {
      this.own.items = items;
    }
    on() {}
    destroy() {
      this.own.gone = true;
    }
  }
  return {
    Notification,
    Tray,
    Menu: { buildFromTemplate: (template: unknown) => template },
    app: { name: 'ChexReason Workbench', quit: () => shown.quits++ },
    nativeImage: { createFromPath: () => ({ resize: () => ({}) }) },
    dialog: {
      showMessageBox: async (_parent: unknown, options: (typeof shown.asked)[number]) => {
        shown.asked.push(options);
        return { response: shown.answer };
      },
    },
    powerSaveBlocker: {
      start: () => {
        shown.awake.add(1);
        return 1;
      },
      stop: (id: number) => shown.awake.delete(id),
    },
  };
});
const { SystemWork } = await import('../../main/desktop/work.ts');

const MINUTE = 60_000;

function job(change: Partial<JobInfo> = {}): JobInfo {
  return {
    id: 'job-1',
    kind: 'evaluate',
    title: 'Evaluation',
    state: 'running',
    progress: null,
    error: null,
    startedAt: new Date(Date.now() - MINUTE).toISOString(),
    ...change,
  };
}

describe('Long work, as the system is told of it', () => {
  let work: InstanceType<typeof SystemWork>;
  let tell: (event: EngineEvent) => void;
  let window: { setProgressBar(part: number): void; isFocused(): boolean } | null;
  let bar: number[];
  let focused: boolean;
  let showings: number;
  const jobs = (...all: JobInfo[]) => tell({ type: 'jobs', jobs: all });

  beforeEach(() => {
    Object.assign(shown, { notifications: [], trays: [], asked: [], answer: 0, quits: 0 });
    shown.awake.clear();
    bar = [];
    focused = false;
    showings = 0;
    window = { setProgressBar: (part) => bar.push(part), isFocused: () => focused };
    const onEvent = (listener: typeof tell) => {
      tell = listener;
    };
    const engine = { onEvent } as unknown as Engine;
    work = new SystemWork({ engine, window: () => window as never, show: () => showings++, iconPath: 'icon.png' });
  });

  it('is announced when it has ended and nobody looks; a click shows the window', () => {
    jobs(job());
    jobs(job({ state: 'done' }));
    expect(shown.notifications).toMatchObject([{ title: 'Evaluation', body: 'Done.' }]);
    shown.notifications[0]!.click();
    expect(showings).toBe(1);
  });

  it('is announced with what went wrong', () => {
    jobs(job({ kind: 'train', title: 'GRPO run' }));
    const error = { code: 'DISK_FULL', message: 'The disk is full.', details: {} };
    jobs(job({ kind: 'train', title: 'GRPO run', state: 'failed', error }));
    expect(shown.notifications).toMatchObject([{ title: 'GRPO run', body: 'Failed: The disk is full.' }]);
  });

  it.each([
    ['somebody looks at the window', true, {}],
    ['it was cancelled', false, { state: 'cancelled' }],
    ['it took a moment only', false, { startedAt: new Date().toISOString() }],
    ['it is a single answer', false, { kind: 'generate' }],
  ] as [string, boolean, Partial<JobInfo>][])('is not announced where %s', (_, looking, change) => {
    focused = looking;
    jobs(job({ ...change, state: 'running' }));
    jobs(job({ state: 'done', ...change }));
    expect(shown.notifications).toEqual([]);
  });

  it('is announced once, though the list of jobs comes again', () => {
    jobs(job());
    for (let i = 0; i < 3; i++) jobs(job({ state: 'done' }));
    expect(shown.notifications).toHaveLength(1);
  });

  it('shows its progress, the mean of what is known, and keeps the machine awake', () => {
    const at = (done: number, total: number | null) => ({ stage: '', done, total });
    jobs(job());
    jobs(
      job({ progress: at(1, 4) }),
      job({ id: 'job-2', progress: at(3, 4) }),
      job({ id: 'job-3', progress: at(5, null) }),
    );
    expect([...shown.awake]).toEqual([1]);
    jobs(job({ state: 'done' }));
    expect(bar).toEqual([2, 0.5, -1]);
    expect([...shown.awake]).toEqual([]);
  });

  it('lets the machine sleep while a folder is read', () => {
    jobs(job({ kind: 'scan' }));
    expect([...shown.awake]).toEqual([]);
  });

  it('is asked about before the window closes, and only where it runs', async () => {
    expect(await work.whatToDo({} as never)).toBe('quit');
    expect(shown.asked).toEqual([]);
    jobs(job());
    for (const [response, wanted] of ['background', 'quit', 'stay'].entries()) {
      shown.answer = response;
      expect(await work.whatToDo({} as never)).toBe(wanted);
    }
    expect(shown.asked[0]!.detail).toMatch(/^Evaluation\n/);
  });

  it('goes on behind an icon of the tray, which opens the window again or quits', () => {
    jobs(job());
    work.goToBackground();
    expect(work.inBackground).toBe(true);
    const [tray] = shown.trays;
    expect(tray!.tip).toBe('ChexReason Workbench: work is running');
    expect(tray!.items.map(({ label }) => label)).toEqual(['Open ChexReason Workbench', 'Quit']);
    tray!.items[0]!.click();
    expect(showings).toBe(1);
    work.shown();
    expect(tray!.gone).toBe(true);
    expect(work.inBackground).toBe(false);
    tray!.items[1]!.click();
    expect(shown.quits).toBe(1);
  });

  it('ends the program when it ends in the background', () => {
    jobs(job());
    work.goToBackground();
    window = null;
    jobs(job({ state: 'done' }));
    expect(shown.notifications).toHaveLength(1);
    expect(shown.quits).toBe(1);
  });
});
