/**
 * API keys of servers, by address. On disk only as the system's key store encrypts them (Electron's safeStorage: Keychain,
 * DPAPI, libsecret or KWallet). Where Linux has no key store, Chromium falls back to a password that is in its source
 * (`basic_text`); that is no secret, so there a key is kept in memory for this session only.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { safeStorage } from 'electron';

/** Not in the types of every Electron, nor in Electron before 24. */
type WithBackend = typeof safeStorage & { getSelectedStorageBackend?(): string };

export class KeyStore {
  /** By address. */
  private readonly keys = new Map<string, string>();
  private readonly kept = new Map<string, string>();
  /** Keys that were forgotten in this session. */
  private readonly forgotten = new Map<string, string>();

  /** @param file JSON: address to encrypted key, in base64 */
  constructor(private readonly file: string) {
    if (!isSafe()) return;
    for (const [address, encrypted] of Object.entries(readFile(file))) {
      try {
        this.keys.set(address, safeStorage.decryptString(Buffer.from(encrypted, 'base64')));
        this.kept.set(address, encrypted);
      } catch {
        // Of another user or another machine; it is asked for again.
      }
    }
  }

  all(): Record<string, string> {
    return Object.fromEntries(this.keys);
  }

  /** An empty key forgets it. Whether it is there in the next session. */
  keep(address: string, key: string): boolean {
    const before = this.keys.get(address);
    if (key === '' && before !== undefined) this.forgotten.set(address, before);
    if (key === '') this.keys.delete(address);
    else this.keys.set(address, key);
    if (!isSafe()) return false;
    if (key === '') this.kept.delete(address);
    else this.kept.set(address, safeStorage.encryptString(key).toString('base64'));
    mkdirSync(dirname(this.file), { recursive: true });
    writeFileSync(`${this.file}.part`, JSON.stringify(Object.fromEntries(this.kept), null, 2), { mode: 0o600 });
    renameSync(`${this.file}.part`, this.file);
    return true;
  }

  /** Takes the last forgetting back. Whether it is there in the next session. */
  restore(address: string): boolean {
    const key = this.forgotten.get(address);
    return key === undefined ? false : this.keep(address, key);
  }
}

/** Whether what the system encrypts is a secret. Where an older Electron cannot tell on Linux, it is taken not to be. */
export function isSafe(storage: WithBackend = safeStorage, system: string = process.platform): boolean {
  if (!storage.isEncryptionAvailable()) return false;
  if (system !== 'linux') return true;
  const backend = storage.getSelectedStorageBackend?.() ?? 'unknown';
  return backend !== 'basic_text' && backend !== 'unknown';
}

function readFile(file: string): Record<string, string> {
  try {
    const stored = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    return Object.fromEntries(
      Object.entries(stored).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
    );
  } catch {
    return {};
  }
}
