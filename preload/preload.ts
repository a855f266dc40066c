/** The bridge in Electron: the named methods of `DesktopHost`, and nothing else, on `window.chexreasonHost`. */
import { contextBridge, ipcRenderer, webUtils } from 'electron';
import type * as Contract from '../core/services/contract.ts';

/** Said here again, checked by its type, so that the schemas of the contract stay out of this bundle. */
const ENGINE_PORT_MESSAGE: typeof Contract.ENGINE_PORT_MESSAGE = 'chexreason:engine-port';

let lastDrop: string[] = [];

// A File cannot pass the context bridge in every Electron; the drop itself is seen on this side too.
window.addEventListener(
  'drop',
  (event) => {
    lastDrop = Array.from(event.dataTransfer?.files ?? [], pathOf).filter((path) => path !== '');
  },
  true,
);

/** Electron before 32 has the path on the File. */
function pathOf(file: File): string {
  return webUtils?.getPathForFile(file) ?? (file as File & { path?: string }).path ?? '';
}

ipcRenderer.on('engine-port', (event) => {
  window.postMessage(ENGINE_PORT_MESSAGE, window.location.origin, [...event.ports]);
});

contextBridge.exposeInMainWorld('chexreasonHost', {
  connect: () => ipcRenderer.send('connect'),
  onEvent: (listener) => {
    ipcRenderer.on('host-event', (_event, data: Contract.DesktopEvent) => listener(data));
  },
  pickFiles: (filters) => ipcRenderer.invoke('pick-files', filters),
  pickFolder: () => ipcRenderer.invoke('pick-folder'),
  pickSavePath: (suggestion, filters) => ipcRenderer.invoke('pick-save-path', suggestion, filters),
  pathsOfLastDrop: () => lastDrop,
  reveal: (path) => ipcRenderer.invoke('reveal', path),
  setZoom: (factor) => ipcRenderer.invoke('set-zoom', factor),
  keepKey: (address, key) => ipcRenderer.invoke('keep-key', address, key),
  restoreKey: (address) => ipcRenderer.invoke('restore-key', address),
} satisfies Contract.DesktopHost);
