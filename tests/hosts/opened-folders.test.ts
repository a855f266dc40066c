/**
 * What a page may read through the engine: films of the workspace and of folders that were opened, by ids that the
 * engine gave. A DICOMDIR that points elsewhere is refused (tests/dicom/scan.test.ts); a link that lies in an opened folder is
 * followed, since data sets are kept so.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writePhantom } from '../../core/phantom/generate.ts';
import { nodePlatform } from '../../core/platform/node.ts';
import type { Engine } from '../../core/services/contract.ts';
import { createEngine } from '../../core/services/engine.ts';
import { root } from '../support/command.ts';

describe('the engine of a page', () => {
  const folder = mkdtempSync(join(tmpdir(), 'opened-'));
  const opened = join(folder, 'opened');
  const secret = join(folder, 'secret');
  let engine: Engine;

  beforeAll(async () => {
    for (const out of [opened, secret])
      await writePhantom({ institution: 'a', count: 1, seed: 3, out, size: 64, format: 'dicom' });
    const platform = nodePlatform({ resourcesDir: join(root, 'resources'), userDir: join(folder, 'home') });
    engine = await createEngine(platform, { workspace: join(folder, 'workspace') });
    await engine.call('films.add', { paths: [opened] });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('opens what was opened', async () => {
    const films = await engine.call('films.list', {});
    expect(films.length).toBeGreaterThan(0);
    for (const { id, path } of films) {
      expect(path.startsWith(opened)).toBe(true);
      expect((await engine.call('films.open', { filmId: id })).entry.path).toBe(path);
    }
  });

  it.each(['/etc/passwd', '../../secret', 'file:///etc/passwd'])(
    'opens no path in the place of an id: %s',
    async (id) => {
      for (const method of ['films.open', 'films.thumbnail'] as const)
        await expect(engine.call(method, { filmId: id }), method).rejects.toMatchObject({ code: expect.any(String) });
    },
  );
});
