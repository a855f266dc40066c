/**
 * The desktop application: windows, menu, dialogs, what the system asks to open, and the life of the engine. Thin: what it
 * shows and computes is behind the contract. Security follows Electron's own list (docs/tutorial/security.md).
 */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { app, BrowserWindow, session } from 'electron';
import { userDirectory } from '../../core/platform/node.ts';
import type { EngineEvent } from '../../core/services/contract.ts';
import { enginePath, preloadPath, resourcesDir } from '../places.ts';
import { EngineHost } from './engineHost.ts';
import { KeyStore } from './keys.ts';
import { keepMenu } from './menu.ts';
import { declarePageProtocol, keepToThisMachine, PAGE_URL, servePage } from './pageProtocol.ts';
import { answerRequests } from './requests.ts';
import { rememberState, restoredBounds } from './windowState.ts';
import { SystemWork } from './work.ts';

const WORKSPACE_OPTION = '--workspace=';

const iconPath = join(resourcesDir, 'icons', 'icon.png');

let window: BrowserWindow | null = null;
let work: SystemWork;
/** The user has said that the application ends. */
let quitting = false;
/** Asked for before a page was there to hear of it. */
let waitingEvents: EngineEvent[] | null = [];

const userDir = userDirectory();
app.setPath('userData', join(userDir, 'desktop'));
// As root (a container, a test machine) Chromium starts only without its sandbox, and the user has said so.
if (!app.commandLine.hasSwitch('no-sandbox')) app.enableSandbox();
keepToThisMachine(app.commandLine);
declarePageProtocol();

if (app.requestSingleInstanceLock()) run();
else app.quit();

function run(): void {
  // macOS opens files by this event, possibly before the application is ready.
  app.on('open-file', (event, path) => {
    event.preventDefault();
    openPaths([path]);
  });
  app.on('second-instance', (_event, argv, cwd) => {
    openPaths(pathsIn(argv, cwd));
    show();
  });
  app.on('web-contents-created', (_event, contents) => {
    contents.on('will-navigate', (event, url) => {
      if (url !== PAGE_URL) event.preventDefault();
    });
    contents.on('will-attach-webview', (event) => event.preventDefault());
    contents.setWindowOpenHandler(() => ({ action: 'deny' }));
    contents.on('render-process-gone', () => contents.reload());
  });
  // Here the system ends the session, or SIGTERM the program: there is nobody to ask, and what runs goes on at the next
  // start. The user quits by closing the window (menu.ts), or on macOS by its own menu, which asks.
  if (process.platform !== 'darwin') {
    app.on('before-quit', () => {
      quitting = true;
      // A dialog that is open would keep the window.
      window?.destroy();
    });
  }
  app.on('window-all-closed', () => {
    if (!work.inBackground) app.quit();
  });
  openPaths(pathsIn(process.argv, process.cwd()));
  app.whenReady().then(start, (error) => app.exit(error ? 1 : 0));
}

function start(): void {
  servePage(session.defaultSession);
  const keys = new KeyStore(join(userDir, 'desktop', 'keys.json'));
  const engineArguments = { resourcesDir, userDir, workspace: workspaceIn(process.argv) };
  const engine = new EngineHost(enginePath(), engineArguments, () => keys.all());
  app.on('will-quit', () => engine.stop());
  answerRequests((event) => {
    engine.connect(event.sender);
    const events = waitingEvents ?? [];
    waitingEvents = null;
    for (const waiting of events) event.sender.send('host-event', waiting);
  }, keys);
  work = new SystemWork({ engine: engine.client, window: () => window, show, iconPath });
  keepMenu(engine.client, tell, () => window);
  openWindow();
  app.on('activate', show);
}

/** Brings the window to the front, and opens it again where the work went on without one. */
function show(): void {
  if (!app.isReady()) return;
  if (!window) {
    openWindow();
    return;
  }
  if (window.isMinimized()) window.restore();
  window.show();
  window.focus();
}

function openWindow(): void {
  const opened = new BrowserWindow({
    ...restoredBounds(),
    minWidth: 1024,
    minHeight: 640,
    backgroundColor: '#000000',
    show: false,
    title: 'ChexReason Workbench',
    icon: iconPath,
    webPreferences: {
      preload: preloadPath,
      contextIsolation: true,
      sandbox: true,
      nodeIntegration: false,
      webviewTag: false,
      spellcheck: false,
    },
  });
  window = opened;
  work.shown();
  opened.once('ready-to-show', () => opened.show());
  rememberState(opened);
  opened.on('close', (event) => {
    if (quitting || work.inBackground) return;
    event.preventDefault();
    void closeOrStay(opened);
  });
  opened.on('closed', () => {
    window = null;
    waitingEvents ??= [];
  });
  void opened.loadURL(PAGE_URL);
}

/** Asks where work is running. */
async function closeOrStay(opened: BrowserWindow): Promise<void> {
  const answer = await work.whatToDo(opened);
  if (answer === 'stay') return;
  if (answer === 'background') work.goToBackground();
  // macOS keeps an application without windows; its work goes on there as it is.
  quitting = answer === 'quit';
  opened.destroy();
}

function openPaths(paths: string[]): void {
  if (paths.length > 0) tell({ type: 'open-paths', paths });
}

function tell(event: EngineEvent): void {
  if (waitingEvents) waitingEvents.push(event);
  else window?.webContents.send('host-event', event);
}

/** Files and folders among the arguments; everything that begins with a dash is for Electron or for us. */
function pathsIn(argv: string[], cwd: string): string[] {
  return argv
    .slice(process.defaultApp ? 2 : 1)
    .filter((argument) => !argument.startsWith('-'))
    .map((argument) => resolve(cwd, argument))
    .filter((path) => existsSync(path));
}

function workspaceIn(argv: string[]): string | undefined {
  const option = argv.find((argument) => argument.startsWith(WORKSPACE_OPTION));
  return option === undefined ? undefined : resolve(option.slice(WORKSPACE_OPTION.length));
}
