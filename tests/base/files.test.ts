/** Files that are replaced: whole whatever happens beside. */
import { mkdtemp, readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { writeFileAtomic } from '../../core/platform/files.ts';

it('one file written many times at once is one of them, and leaves nothing beside it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'files-'));
  const file = join(folder, 'state.json');
  const contents = Array.from({ length: 30 }, (_, i) => `${i} `.repeat(1000));
  await Promise.all(contents.map((content) => writeFileAtomic(file, content)));
  expect(contents).toContain(await readFile(file, 'utf8'));
  expect(await readdir(folder)).toEqual(['state.json']);
});
