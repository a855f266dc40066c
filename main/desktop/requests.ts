/** What a window may ask of the desktop host: dialogs and the file manager. Every sender and every argument is checked. */
import { BrowserWindow, dialog, type IpcMainEvent, type IpcMainInvokeEvent, ipcMain, shell } from 'electron';
import { z } from 'zod';
import type { KeyStore } from './keys.ts';
import { PAGE_ORIGIN } from './pageProtocol.ts';

const filters = z
  .array(z.object({ name: z.string().max(100), extensions: z.array(z.string().max(20)).max(20) }).strict())
  .max(20)
  .optional();
const path = z.string().min(1).max(4096);

export function answerRequests(onConnect: (event: IpcMainEvent) => void, keys: KeyStore): void {
  ipcMain.on('connect', (event) => {
    if (isOurPage(event)) onConnect(event);
  });
  handle('pick-files', z.tuple([filters]), async (window, [filters]) => {
    const properties: Electron.OpenDialogOptions['properties'] = ['openFile', 'multiSelections'];
    const { canceled, filePaths } = await dialog.showOpenDialog(window, { title: 'Open files', properties, filters });
    return canceled ? [] : filePaths;
  });
  handle('pick-folder', z.tuple([]), async (window) => {
    const options: Electron.OpenDialogOptions = { title: 'Open a folder', properties: ['openDirectory'] };
    const { canceled, filePaths } = await dialog.showOpenDialog(window, options);
    return canceled ? null : (filePaths[0] ?? null);
  });
  handle('pick-save-path', z.tuple([path, filters]), async (window, [defaultPath, filters]) => {
    const { canceled, filePath } = await dialog.showSaveDialog(window, { title: 'Save as', defaultPath, filters });
    return canceled || !filePath ? null : filePath;
  });
  handle('set-zoom', z.tuple([z.number().min(0.5).max(3)]), async (window, [factor]) =>
    window.webContents.setZoomFactor(factor),
  );
  handle('reveal', z.tuple([path]), async (_window, [file]) => shell.showItemInFolder(file));
  handle('keep-key', z.tuple([z.string().min(1).max(500), z.string().max(4096)]), async (_window, [address, key]) =>
    keys.keep(address, key),
  );
  handle('restore-key', z.tuple([z.string().min(1).max(500)]), async (_window, [address]) => keys.restore(address));
}

function handle<A extends z.ZodType>(
  channel: string,
  args: A,
  answer: (window: BrowserWindow, args: z.output<A>) => Promise<unknown>,
): void {
  ipcMain.handle(channel, async (event, ...given) => {
    const window = BrowserWindow.fromWebContents(event.sender);
    if (!isOurPage(event) || !window) throw new Error('Only the application’s own page may ask this.');
    return answer(window, args.parse(given));
  });
}

/** The main frame of a window, showing our page. */
function isOurPage({ senderFrame, sender }: IpcMainEvent | IpcMainInvokeEvent): boolean {
  return senderFrame === sender.mainFrame && senderFrame.url.startsWith(`${PAGE_ORIGIN}/`);
}
