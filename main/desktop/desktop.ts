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
import { installMenu } from './menu.ts';
import { declarePageProtocol, PAGE_URL, servePage } from './pageProtocol.ts';
import { answerRequests } from './requests.ts';

const WORKSPACE_OPTION = '--workspace=';

let window: BrowserWindow | null = null;
/** Asked for before a page was there to hear of it. */
let waitingEvents: EngineEvent[] | null = [];

const userDir = userDirectory();
app.setPath('userData', join(userDir, 'desktop'));
// As root (a container, a test machine) Chromium starts only without its sandbox, and the user has said so.
if (!app.commandLine.hasSwitch('no-sandbox')) app.enableSandbox();
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
    if (window?.isMinimized()) window.restore();
    window?.focus();
  });
  app.on('web-contents-created', (_event, contents) => {
    contents.on('will-navigate', (event, url) => {
      if (url !== PAGE_URL) event.preventDefault();
    });
    contents.on('will-attach-webview', (event) => event.preventDefault());
    contents.setWindowOpenHandler(() => ({ action: 'deny' }));
    contents.on('render-process-gone', () => contents.reload());
  });
  app.on('window-all-closed', () => app.quit());
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
  installMenu(tell, () => window);
  openWindow();
  app.on('activate', () => {
    if (!window) openWindow();
  });
}

function openWindow(): void {
  const opened = new BrowserWindow({
    width: 1600,
    height: 1000,
    minWidth: 1024,
    minHeight: 640,
    backgroundColor: '#000000',
    show: false,
    title: 'ChexReason Workbench',
    icon: join(resourcesDir, 'icons', 'icon.png'),
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
  opened.once('ready-to-show', () => opened.show());
  opened.on('closed', () => {
    window = null;
    waitingEvents ??= [];
  });
  void opened.loadURL(PAGE_URL);
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
