/** The application's menu. What the engine or the screens do is sent to the window as an event. */
import { app, type BrowserWindow, dialog, Menu, type MenuItemConstructorOptions } from 'electron';
import type { Engine, EngineEvent, RecentPath } from '../../core/services/contract.ts';

const ALL_FILES = { name: 'All files', extensions: ['*'] };
const FILM_FILTERS = [{ name: 'Films', extensions: ['dcm', 'dicom', 'ima', 'png', 'jpg', 'jpeg'] }, ALL_FILES];

const SCREENS = ['Read', 'Evaluate', 'Train', 'Report', 'Checkpoints', 'Settings'];

/** The menu, made anew when the list of what was opened changes. */
export function keepMenu(engine: Engine, tell: (event: EngineEvent) => void, window: () => BrowserWindow | null): void {
  const clear = () => void engine.call('recent.clear', {}).catch(() => {});
  const show = (recent: RecentPath[]) => {
    installMenu({ recent, clear, tell, window });
    if (process.platform === 'linux') return;
    app.clearRecentDocuments();
    for (const { path } of [...recent].reverse()) app.addRecentDocument(path);
  };
  // The engine may be on its way: the menu is there at once, and its list when it is known.
  show([]);
  const read = () =>
    engine.call('recent.list', {}).then(show, () => {
      // It ended; the next one tells when something changes.
    });
  engine.onEvent((event) => {
    if (event.type === 'engine-restarted' || (event.type === 'changed' && event.what === 'recent')) void read();
  });
  void read();
}

interface MenuOptions {
  recent: RecentPath[];
  clear(): void;
  tell(event: EngineEvent): void;
  window(): BrowserWindow | null;
}

function installMenu({ recent, clear, tell, window }: MenuOptions): void {
  const command = (name: string) => () => tell({ type: 'command', command: name });
  const open = (options: Electron.OpenDialogOptions) => async () => {
    const parent = window();
    if (!parent) return;
    const { canceled, filePaths } = await dialog.showOpenDialog(parent, options);
    if (!canceled && filePaths.length > 0) tell({ type: 'open-paths', paths: filePaths });
  };
  const file: MenuItemConstructorOptions = {
    label: '&File',
    submenu: [
      {
        label: 'Open files…',
        accelerator: 'CmdOrCtrl+O',
        click: open({ title: 'Open files', properties: ['openFile', 'multiSelections'], filters: FILM_FILTERS }),
      },
      {
        label: 'Open folder…',
        accelerator: 'CmdOrCtrl+Shift+O',
        click: open({ title: 'Open a folder', properties: ['openDirectory'] }),
      },
      {
        label: 'Open DICOMDIR…',
        click: open({ title: 'Open a DICOMDIR', properties: ['openFile'], filters: [ALL_FILES] }),
      },
      {
        label: 'Open recent',
        enabled: recent.length > 0,
        submenu: [
          ...recent.map(({ path }) => ({ label: path, click: () => tell({ type: 'open-paths', paths: [path] }) })),
          { type: 'separator' as const },
          { label: 'Forget these', click: clear },
        ],
      },
      { type: 'separator' },
      process.platform === 'darwin'
        ? { role: 'close' }
        : // Through the window, which asks where work is running.
          { label: 'Quit', accelerator: 'Ctrl+Q', click: () => window()?.close() },
    ],
  };
  const view: MenuItemConstructorOptions = {
    label: '&View',
    submenu: [
      ...SCREENS.map((screen) => ({ label: screen, click: command(`screen:${screen.toLowerCase()}`) })),
      { type: 'separator' },
      { label: 'Usual size', accelerator: 'CmdOrCtrl+0', click: command('window:zoomReset') },
      { label: 'Larger', accelerator: 'CmdOrCtrl+=', click: command('window:larger') },
      { label: 'Smaller', accelerator: 'CmdOrCtrl+-', click: command('window:smaller') },
      { role: 'togglefullscreen' },
      { type: 'separator' },
      { role: 'reload' },
      { role: 'toggleDevTools' },
    ],
  };
  const help: MenuItemConstructorOptions = {
    label: '&Help',
    role: 'help',
    submenu: [
      { label: 'Keys', click: command('help:keys') },
      { label: `About ${app.name}`, click: () => void showAbout(window()) },
    ],
  };
  const mac: MenuItemConstructorOptions[] = process.platform === 'darwin' ? [{ role: 'appMenu' }] : [];
  Menu.setApplicationMenu(Menu.buildFromTemplate([...mac, file, { role: 'editMenu' }, view, help]));
}

async function showAbout(parent: BrowserWindow | null): Promise<void> {
  const options = {
    type: 'info' as const,
    title: app.name,
    message: `${app.name} ${app.getVersion()}`,
    detail: `Research use only; not a medical device.\nElectron ${process.versions.electron}, Chromium ${process.versions.chrome}, Node ${process.versions.node}`,
  };
  if (parent) await dialog.showMessageBox(parent, options);
  else await dialog.showMessageBox(options);
}
