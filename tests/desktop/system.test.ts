/**
 * What the desktop gives to the system, asked of Electron's main process in the real Electron: menu, dialogs, recent files,
 * tray, progress, notification, and that nothing else is opened by it (which work is told of: work.test.ts).
 * The system's own dialogs are answered by the test.
 * Skipped, and counted, where there is no Electron or no display (tests/support/desktop.ts).
 */
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root } from '../support/command.ts';
import { type Display, missing, openDisplay } from '../support/desktop.ts';
import { makeJobWorkspace } from '../support/jobWorkspace.ts';
import { type OwnBuild, startOwnBuild } from '../support/ownBuild.ts';

/** An evaluation of so many lasts longer than what is tried beside it. */
const MANY_FILMS = 60;
const DICOMDIR = 'tests/data/dicom/dicomdir_derived';

interface Seen {
  progress: number[];
  menu: string[];
  asked: { message: string; detail: string; buttons: string[] }[];
  opened: string[];
  notified: { title: string; body: string }[];
}

describe.skipIf(missing)(`the desktop and the system${missing ? ` (skipped: ${missing})` : ''}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'desktop-system-'));
  let display: Display;
  let own: OwnBuild;
  let dicom: string;
  const page = () => own.desktop.page;
  const lines = () => page().locator('.line-film');

  beforeAll(async () => {
    const made = await makeJobWorkspace(folder, MANY_FILMS);
    dicom = made.dicom;
    display = await openDisplay();
    own = await startOwnBuild({
      display: display.name,
      home: join(folder, 'home'),
      args: [`--workspace=${made.workspace}`],
    });
    await page().waitForSelector('.film-canvas canvas');
    await writeDown(own);
  });
  afterAll(async () => {
    own?.letGo();
    await own?.desktop.close();
    display?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const seen = () => own.inMain(() => (globalThis as unknown as { seen: Seen }).seen);
  /** Chooses an item of the application's menu by its labels. */
  const choose = (...labels: string[]) => own.inMain(chooseItem, labels);
  /** The next dialog for files answers with these. */
  const answerFiles = (filePaths: string[]) =>
    own.inMain(({ dialog }, paths) => {
      dialog.showOpenDialog = (async (_window: unknown, options: Electron.OpenDialogOptions) => {
        (globalThis as unknown as { filesAsked: unknown }).filesAsked = options;
        return { canceled: paths.length === 0, filePaths: paths };
      }) as typeof dialog.showOpenDialog;
    }, filePaths);
  const filesAsked = () =>
    own.inMain(() => (globalThis as unknown as { filesAsked: Electron.OpenDialogOptions }).filesAsked);

  it('has its menu', async () => {
    const menu = await own.inMain(({ Menu }) => {
      const lines = (items: Electron.MenuItem[], indent: string): string[] =>
        items
          .filter(({ type }) => type !== 'separator')
          .flatMap((item) => [
            // Of a role the key is Electron's own.
            `${indent}${item.label}${item.accelerator && !item.role ? ` [${item.accelerator}]` : ''}`,
            ...lines(item.submenu?.items ?? [], `${indent}  `),
          ]);
      return lines(Menu.getApplicationMenu()!.items, '');
    });
    const expected = `
&File
  Open files… [CmdOrCtrl+O]
  Open folder… [CmdOrCtrl+Shift+O]
  Open DICOMDIR…
  Open recent
    Forget these
  Quit [Ctrl+Q]
&View
  Read
  Evaluate
  Train
  Report
  Checkpoints
  Settings
  Usual size [CmdOrCtrl+0]
  Larger [CmdOrCtrl+=]
  Smaller [CmdOrCtrl+-]
  Toggle Full Screen
  Reload
  Toggle Developer Tools
&Help
  Keys
  About ChexReason Workbench`;
    // Of the edit menu the items are Electron's own; what was opened before is looked at next.
    const ours = menu.filter((line, at) => !isOfEdit(menu, at) && !line.includes(folder));
    expect(ours).toEqual(expected.trim().split('\n'));
    expect(menu).toEqual(expect.arrayContaining(['  Undo', '  Copy']));
  });

  it('opens a DICOMDIR by its menu, lists it as opened before, and forgets it', async () => {
    const medium = join(folder, 'medium');
    cpSync(join(root, DICOMDIR), medium, { recursive: true });
    const before = await lines().count();
    await answerFiles([]);
    await choose('File', 'Open files…');
    expect(await filesAsked()).toMatchObject({ properties: ['openFile', 'multiSelections'] });
    expect((await filesAsked()).filters![0]!.extensions).toContain('dcm');
    expect(await lines().count()).toBe(before);

    await answerFiles([join(medium, 'DICOMDIR')]);
    await choose('File', 'Open DICOMDIR…');
    await page().getByText('Opened films').first().waitFor();
    const recent = () => own.inMain(recentLabels);
    await expect.poll(async () => (await recent())[0]).toBe(join(medium, 'DICOMDIR'));
    await choose('File', 'Open recent', 'Forget these');
    await expect.poll(recent).toEqual(['Forget these']);
  });

  it('leads to every screen, to the keys, and says what it is', async () => {
    for (const screen of ['Evaluate', 'Train', 'Report', 'Checkpoints', 'Settings', 'Read']) {
      await choose('View', screen);
      await page().locator('.rail [aria-current="page"]', { hasText: screen }).waitFor();
    }
    await choose('View', 'Larger');
    const zoom = () => own.inMain(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]!.webContents.zoomFactor);
    await expect.poll(zoom).toBeGreaterThan(1);
    await choose('View', 'Usual size');
    await expect.poll(zoom).toBe(1);
    await choose('Help', 'Keys');
    await page().locator('dialog.sheet').waitFor();
    await page().keyboard.press('Escape');
    await choose('Help', 'About ChexReason Workbench');
    const { asked } = await seen();
    expect(asked.at(-1)!.message).toMatch(/^ChexReason Workbench \d/);
    expect(asked.at(-1)!.detail).toMatch(/research use only; not a medical device/i);
  });

  it('gives its window no more than a page needs', async () => {
    const preferences = await own.inMain(({ BrowserWindow }) =>
      // Not in the types.
      (
        BrowserWindow.getAllWindows()[0]!.webContents as unknown as { getLastWebPreferences(): Record<string, unknown> }
      ).getLastWebPreferences(),
    );
    expect(preferences).toMatchObject({
      contextIsolation: true,
      sandbox: true,
      nodeIntegration: false,
      nodeIntegrationInSubFrames: false,
      webSecurity: true,
      allowRunningInsecureContent: false,
      experimentalFeatures: false,
      webviewTag: false,
    });
  });

  it('answers no other page, though it had the same preload', async () => {
    const answers = await own.inMain(
      async ({ BrowserWindow }, preload) => {
        const other = new BrowserWindow({
          show: false,
          webPreferences: { preload, contextIsolation: true, sandbox: true },
        });
        await other.loadURL('data:text/html,<title>other</title>');
        const run = (script: string) => other.webContents.executeJavaScript(script) as Promise<string>;
        const invoked = [];
        for (const call of [
          ...["reveal('/')", 'setZoom(1)', "keepKey('http://a', 'b')", "restoreKey('http://a')"],
          ...['pickFiles()', 'pickFolder()', "pickSavePath('a.pdf')"],
        ])
          invoked.push(await run(`chexreasonHost.${call}.then(() => 'answered', String)`));
        const port = await run(`new Promise((resolve) => {
        addEventListener('message', () => resolve('a port'));
        chexreasonHost.connect();
        setTimeout(() => resolve('nothing'), 500);
      })`);
        other.destroy();
        return { invoked, port };
      },
      join(root, 'out/preload/preload.cjs'),
    );
    for (const answer of answers.invoked) expect(answer).toContain('own page');
    expect(answers.port).toBe('nothing');
  });

  it('opens no address outside, in no window and no other program', async () => {
    const windows = () => own.inMain(({ BrowserWindow }) => BrowserWindow.getAllWindows().length);
    await page().evaluate(() => {
      window.open('https://example.com/');
      const link = document.createElement('a');
      document.body.append(link);
      // In this window too: security.test.ts.
      for (const href of ['https://example.com/', 'mailto:a@example.com', 'file:///etc/hostname']) {
        Object.assign(link, { href, target: '_blank' });
        link.click();
      }
      link.remove();
    });
    await page().waitForTimeout(500);
    expect(await windows()).toBe(1);
    expect(page().url()).toBe('app://chexreason/index.html');
    expect((await seen()).opened).toEqual([]);
    // Nothing of ours asks for it either.
    expect(readFileSync(join(root, 'out/main/desktop.cjs'), 'utf8')).not.toContain('openExternal');
  });

  it('denies every permission', async () => {
    const names = ['geolocation', 'notifications', 'camera', 'microphone', 'clipboard-read', 'midi', 'storage-access'];
    const states = await page().evaluate(
      (all) =>
        Promise.all(
          all.map((name) =>
            navigator.permissions.query({ name: name as PermissionName }).then(
              ({ state }) => state,
              () => 'denied',
            ),
          ),
        ),
      names,
    );
    expect(states).toEqual(names.map(() => 'denied'));
    const media = await page().evaluate(() =>
      navigator.mediaDevices.getUserMedia({ audio: true }).then(
        () => 'given',
        () => 'denied',
      ),
    );
    expect(media).toBe('denied');
  });

  it('tells of work that has ended while nobody looked, and shows it in the taskbar', async () => {
    const before = (await seen()).progress.length;
    await own.inMain(({ BrowserWindow }) => {
      for (const window of BrowserWindow.getAllWindows()) window.blur();
      // Work that took a moment only is not told of.
      const now = Date.now;
      Date.now = () => now() + 60_000;
    });
    await answerFiles([dicom]);
    await choose('File', 'Open folder…');
    await expect.poll(async () => (await seen()).notified).toEqual([{ title: 'Reading films', body: 'Done.' }]);
    const { progress } = await seen();
    // Begun with an unknown end, over with none.
    expect([progress[before], progress.at(-1)]).toEqual([2, -1]);
    await page().keyboard.press('Alt+1');
  });

  it('shows long work to the system, goes on in the background, comes back, and ends by itself', async () => {
    await page().keyboard.press('Alt+2');
    await page().getByText('answers to make').waitFor();
    await page().locator('.setup-run button.primary').click();
    await page().locator('.status-jobs .job').first().waitFor();
    await expect.poll(async () => (await seen()).progress.some((part) => part > 0 && part < 1)).toBe(true);
    expect(await own.inMain(({ powerSaveBlocker }) => powerSaveBlocker.isStarted(0))).toBe(true);

    await closeWith(own, 'Cancel');
    expect((await seen()).asked.at(-1)!.buttons).toEqual(['Go on in the background', 'Quit', 'Cancel']);
    expect((await seen()).asked.at(-1)!.detail).toMatch(/^Evaluation\n/);
    expect(await windowCount(own)).toBe(1);
    await closeWith(own, 'Go on in the background');
    await expect.poll(() => windowCount(own)).toBe(0);
    // The menu that was made last is the tray's.
    expect((await seen()).menu).toEqual(['Open ChexReason Workbench', 'Quit']);

    await own.inMain(() => (globalThis as unknown as { tray: Electron.Menu }).tray.items[0]!.click());
    await own.desktop.reconnect();
    await page().locator('.status-jobs .job').first().waitFor();

    // Nobody there, nothing left to do.
    await closeWith(own, 'Go on in the background');
    await expect.poll(() => windowCount(own)).toBe(0);
    own.letGo();
    await own.desktop.ended;
    expect(readFileSync(join(folder, 'workspace/jobs.json'), 'utf8')).not.toContain('evaluat');
  });
});

/** What is shown outside of the window is kept in `globalThis.seen` of the main process; message boxes get `nextAnswer`. */
function writeDown({ inMain }: OwnBuild): Promise<void> {
  return inMain(({ BrowserWindow, Menu, Notification, dialog, shell }) => {
    const seen: Seen = { progress: [], menu: [], asked: [], opened: [], notified: [] };
    Notification.isSupported = () => true;
    // A `show` of the prototype's is not what an instance calls (seen in Electron 22); just before it, its click is listened to.
    const { on } = Notification.prototype;
    Notification.prototype.on = function (this: Electron.Notification, ...given: Parameters<typeof on>) {
      seen.notified.push({ title: this.title, body: this.body });
      return on.apply(this, given);
    } as typeof on;
    const world = globalThis as unknown as { seen: Seen; nextAnswer: string; tray: Electron.Menu };
    world.seen = seen;
    dialog.showMessageBox = (async (...given: unknown[]) => {
      const { message, detail = '', buttons = [] } = given.at(-1) as Electron.MessageBoxOptions;
      seen.asked.push({ message, detail, buttons });
      return { response: buttons.indexOf(world.nextAnswer), checkboxChecked: false };
    }) as typeof dialog.showMessageBox;
    shell.openExternal = async (url) => void seen.opened.push(url);
    shell.openPath = async (path) => String(seen.opened.push(path));
    const { setProgressBar } = BrowserWindow.prototype;
    BrowserWindow.prototype.setProgressBar = function (part, options) {
      seen.progress.push(part);
      setProgressBar.call(this, part, options);
    };
    const { buildFromTemplate } = Menu;
    Menu.buildFromTemplate = (template) => {
      const menu = buildFromTemplate.call(Menu, template);
      seen.menu = menu.items.map(({ label }) => label);
      world.tray = menu;
      return menu;
    };
  });
}

function closeWith({ inMain }: OwnBuild, answer: string): Promise<void> {
  return inMain(({ BrowserWindow }, button) => {
    (globalThis as unknown as { nextAnswer: string }).nextAnswer = button;
    BrowserWindow.getAllWindows()[0]!.close();
  }, answer);
}

function windowCount({ inMain }: OwnBuild): Promise<number> {
  return inMain(({ BrowserWindow }) => BrowserWindow.getAllWindows().length);
}

function chooseItem({ Menu }: typeof Electron.CrossProcessExports, labels: string[]): void {
  let items = Menu.getApplicationMenu()!.items;
  let chosen: Electron.MenuItem | undefined;
  for (const label of labels) {
    chosen = items.find((item) => item.label.replace('&', '') === label);
    if (!chosen?.enabled) throw new Error(`The menu has no ${label} that can be chosen.`);
    items = chosen.submenu?.items ?? [];
  }
  chosen!.click();
}

function recentLabels({ Menu }: typeof Electron.CrossProcessExports): string[] {
  const [file] = Menu.getApplicationMenu()!.items;
  const recent = file!.submenu!.items.find(({ label }) => label === 'Open recent')!;
  return recent.submenu!.items.filter(({ type }) => type !== 'separator').map(({ label }) => label);
}

/** Whether the line at this place stands under "Edit". */
function isOfEdit(menu: string[], at: number): boolean {
  let head = at;
  while (menu[head]!.startsWith(' ')) head--;
  return menu[head] === 'Edit';
}
