/** Where a key may be kept: only where what the system encrypts is a secret, and then never in clear. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

const storage = vi.hoisted(() => ({
  available: true,
  backend: 'gnome_libsecret' as string | undefined,
  isEncryptionAvailable: () => storage.available,
  getSelectedStorageBackend: () => storage.backend,
  encryptString: (text: string) => Buffer.from([...text].reverse().join('')),
  decryptString: (bytes: Buffer) => [...bytes.toString()].reverse().join(''),
}));
vi.mock('electron', () => ({ safeStorage: storage }));
const { KeyStore, isSafe } = await import('../../main/desktop/keys.ts');

describe('keys of servers', () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'keys-'));
    file = join(folder, 'desktop', 'keys.json');
    Object.assign(storage, { available: true, backend: 'gnome_libsecret' });
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('are kept encrypted, found again, and forgotten', () => {
    expect(new KeyStore(file).keep('http://gpu:8000', 'sk-secret')).toBe(true);
    expect(readFileSync(file, 'utf8')).not.toContain('sk-secret');
    const again = new KeyStore(file);
    expect(again.all()).toEqual({ 'http://gpu:8000': 'sk-secret' });
    again.keep('http://gpu:8000', '');
    expect(new KeyStore(file).all()).toEqual({});
    // Within the session the removal of its server can be taken back.
    expect(again.restore('http://gpu:8000')).toBe(true);
    expect(new KeyStore(file).all()).toEqual({ 'http://gpu:8000': 'sk-secret' });
    expect(again.restore('http://other:8000')).toBe(false);
  });

  it.each([
    ['Linux without a key store', 'linux', 'basic_text', false],
    ['Linux whose Electron cannot tell', 'linux', undefined, false],
    ['Linux with libsecret', 'linux', 'gnome_libsecret', true],
    ['macOS', 'darwin', undefined, true],
    ['Windows', 'win32', undefined, true],
  ])('on %s', (_, system, backend, safe) => {
    storage.backend = backend;
    expect(isSafe(storage as never, system)).toBe(safe);
    storage.available = false;
    expect(isSafe(storage as never, system)).toBe(false);
  });

  it.runIf(process.platform === 'linux')('live for the session only where the store is basic_text', () => {
    storage.backend = 'basic_text';
    const keys = new KeyStore(file);
    expect(keys.keep('http://gpu:8000', 'sk-secret')).toBe(false);
    expect(keys.all()).toEqual({ 'http://gpu:8000': 'sk-secret' });
    expect(() => readFileSync(file)).toThrow('ENOENT');
    expect(new KeyStore(file).all()).toEqual({});
  });
});
