/** What the host does for a screen. Part of the contract (../contract.ts). */
import type { Engine, EngineEvent } from './transport.ts';

export interface FileFilter {
  name: string;
  extensions: string[];
}

/** What the screens know of their host: made by renderer/bridge, in Electron from `DesktopHost`, else from the page's address. */
export interface HostBridge {
  host: 'electron' | 'browser';
  dialogs: boolean;
  engine: Engine;
  pickFiles(filters?: FileFilter[]): Promise<string[]>;
  pickFolder(): Promise<string | null>;
  pickSavePath(suggestion: string, filters?: FileFilter[]): Promise<string | null>;
  /**
   * Paths of the files and folders dropped on the window. A browser knows none: the page host receives copies, of a folder all
   * that is in it, and answers with their paths. It reads the drop before it waits for anything.
   */
  pathsOfDrop(drop: unknown, onCopied: (done: number, total: number) => void): Promise<string[]>;
  /** Shows a file in the system's file manager, where there is one. */
  reveal(path: string): Promise<void>;
  /** Size of the whole interface; 1 is the system's. */
  setZoom(factor: number): Promise<void>;
  /**
   * Keeps a server's key in the system's key store for the next sessions; an empty key forgets it. false: there is no safe
   * store, and the key lives in the engine's memory only.
   */
  keepKey(address: string, key: string): Promise<boolean>;
  /** Takes the last forgetting of a key in this session back. */
  restoreKey(address: string): Promise<boolean>;
}

/** What the desktop host says to its window: events, and that the engine has ended (its port will bring nothing more). */
export type DesktopEvent = EngineEvent | { type: 'engine-ended'; reason: string };

/**
 * `window.chexreasonHost`: all that preload exposes in Electron. A MessagePort cannot pass the context bridge, so after
 * `connect()` and after every restart of the engine the window gets a `message` event from itself with the data
 * ENGINE_PORT_MESSAGE and the port to the engine.
 */
export interface DesktopHost {
  connect(): void;
  onEvent(listener: (event: DesktopEvent) => void): void;
  pickFiles(filters?: FileFilter[]): Promise<string[]>;
  pickFolder(): Promise<string | null>;
  pickSavePath(suggestion: string, filters?: FileFilter[]): Promise<string | null>;
  /** Paths of the files of the last drop on the window. */
  pathsOfLastDrop(): string[];
  reveal(path: string): Promise<void>;
  setZoom(factor: number): Promise<void>;
  /** See `HostBridge`. */
  keepKey(address: string, key: string): Promise<boolean>;
  restoreKey(address: string): Promise<boolean>;
}
