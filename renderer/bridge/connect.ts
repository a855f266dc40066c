/** Finds the host of this page: Electron's window, or the page host that served it. */
import type { DesktopHost, HostBridge } from '../../core/services/contract.ts';
import { connectBrowser } from './browser.ts';
import { connectDesktop } from './desktop.ts';

declare global {
  interface Window {
    chexreasonHost?: DesktopHost;
  }
}

export function connect(): HostBridge {
  return window.chexreasonHost ? connectDesktop(window.chexreasonHost) : connectBrowser(window.location);
}
