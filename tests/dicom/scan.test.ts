import { appendFile, copyFile, mkdir, mkdtemp, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Progress, unattended } from '../../core/base/progress.ts';
import { readDicomDirectory } from '../../core/dicom/dicomDir.ts';
import { HeaderCache } from '../../core/dicom/headerCache.ts';
import type { FilmHeader } from '../../core/dicom/headerFile.ts';
import { scanPaths } from '../../core/dicom/scan.ts';
import { readManifest } from '../support/dicomManifest.ts';
import { dataDir, describeReference } from '../support/reference.ts';

const samples = resolve('tests/data/dicom');
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'scan-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function scan(...paths: string[]) {
  const films: FilmHeader[] = [];
  const summary = await scanPaths(paths, unattended(), (found) => films.push(...found));
  return { summary, films, codes: summary.rejected.map((rejection) => rejection.code).sort() };
}

describe('scanning', () => {
  it('counts patients, studies, series and films of a folder, and finds the same by its DICOMDIR', async () => {
    const counts = { patients: 2, studies: 3, series: 5, instances: 5, rejected: [] };
    expect((await scan(join(samples, 'dicomdir_derived'))).summary).toMatchObject(counts);
    expect((await scan(join(samples, 'dicomdir_derived/DICOMDIR'))).summary).toMatchObject(counts);
  });

  it('reads a file once, whatever ways lead to it', async () => {
    const root = join(samples, 'dicomdir_derived');
    const { summary } = await scan(root, join(root, 'IMAGES'), join(root, 'IMAGES/IM000001'), join(root, 'DICOMDIR'));
    expect(summary.instances).toBe(5);
  });

  it('survives links in circles, broken links and missing paths; says why a file is no film', async () => {
    const root = join(folder, 'links');
    await mkdir(join(root, 'inner'), { recursive: true });
    await copyFile(join(samples, 'pydicom/MR_small.dcm'), join(root, 'inner/film'));
    await symlink(root, join(root, 'inner/up'));
    await symlink(join(root, 'inner/film'), join(root, 'again'));
    await symlink(join(root, 'gone'), join(root, 'broken'));
    await writeFile(join(root, 'notes.txt'), 'not a film');
    await writeFile(join(root, 'empty.dcm'), '');
    const { summary, codes } = await scan(root, join(folder, 'missing'));
    expect(summary).toMatchObject({ patients: 1, studies: 1, series: 1, instances: 1 });
    expect(codes).toEqual(['FILE_EMPTY', 'FILE_NOT_FOUND', 'FILE_NOT_FOUND', 'NOT_A_FILM']);
  });

  it('takes PNG and JPEG as films, by content', async () => {
    const { PNG } = await import('pngjs');
    const path = join(folder, 'film.bin');
    await writeFile(path, PNG.sync.write(new PNG({ width: 3, height: 2, fill: true })));
    const { summary, films } = await scan(path);
    expect(summary).toMatchObject({ patients: 0, instances: 1 });
    expect(films[0]).toMatchObject({ kind: 'png', rows: 2, columns: 3 });
  });

  it('refuses references that leave the DICOMDIR’s folder, and is not caught by looping records', async () => {
    expect((await scan(join(samples, 'corrupt/dicomdir_traversal'))).codes).toContain('DICOMDIR_OUTSIDE');
    const loop = await scan(join(samples, 'corrupt/dicomdir_loop'));
    expect(loop.codes).toEqual(Array(5).fill('FILE_NOT_FOUND'));
  });

  it('hands films over while it goes on, reports progress, and can be cancelled', async () => {
    const reports: Progress[] = [];
    const cancel = new AbortController();
    await scanPaths([samples], { signal: cancel.signal, report: (p) => reports.push(p) }, () => {});
    expect(reports.at(-1)!.done).toBeGreaterThan(70);
    cancel.abort();
    const scanning = scanPaths([samples], { signal: cancel.signal, report: () => {} }, () => {});
    await expect(scanning).rejects.toMatchObject({ code: 'CANCELLED' });
  });

  it('says what a person should know before a model reads the film', async () => {
    const { films } = await scan(join(samples, 'pydicom/MR_small.dcm'), join(samples, 'dicomdir_derived'));
    const byView = (view: string) => films.filter((film) => film.tags.viewPosition === view);
    const messages = (film: FilmHeader | undefined) => film!.cautions.map(({ message }) => message);
    expect(messages(films.find((film) => film.tags.modality === 'MR'))[0]).toContain('not a radiograph');
    expect(messages(byView('PA')[0])).toEqual([]);
    expect(messages(byView('LL')[0])).toEqual(['This is a lateral view, not a frontal one.']);
  });
});

describe('scanning again', () => {
  const opened = async (cachePath: string, ...paths: string[]) => {
    const films: FilmHeader[] = [];
    const loading = HeaderCache.open(cachePath);
    const summary = await scanPaths(paths, unattended(), (found) => films.push(...found), loading);
    await (await loading).close();
    films.sort((a, b) => (a.path < b.path ? -1 : 1));
    return { summary, films, known: (await HeaderCache.open(cachePath)).size };
  };

  /** Copies of real films, so that more than the first batch is read. */
  async function manyFilms(name: string, count: number): Promise<string> {
    const root = join(folder, name);
    await mkdir(root);
    for (let i = 0; i < count; i++) {
      await copyFile(
        join(samples, `dicomdir_derived/IMAGES/IM00000${i % 5}`),
        join(root, `${String(i).padStart(3, '0')}\t.dcm`),
      );
    }
    await writeFile(join(root, 'notes.txt'), 'not a film');
    return root;
  }

  it('takes what has not changed from the cache, and gives the same films', async () => {
    const root = await manyFilms('again', 60);
    const cache = join(folder, 'again.cache');
    const first = await opened(cache, root);
    expect(first.summary).toMatchObject({ instances: 60, unchanged: 0 });
    // The first batch is read before the cache is there.
    expect(first.known).toBeGreaterThan(40);
    const second = await opened(cache, root);
    expect(second.summary.unchanged).toBeGreaterThan(40);
    expect(second.films).toEqual(first.films);
    expect(second.summary).toMatchObject({ patients: first.summary.patients, rejectedByCode: { NOT_A_FILM: 1 } });
  });

  it('reads again what has another size or time, or has vanished', async () => {
    const root = await manyFilms('changed', 60);
    const cache = join(folder, 'changed.cache');
    await opened(cache, root);
    const { summary } = await opened(cache, root);
    await writeFile(join(root, '059\t.dcm'), 'not a film any more');
    await utimes(join(root, '058\t.dcm'), 1, 1);
    await rm(join(root, '057\t.dcm'));
    const again = await opened(cache, root);
    expect(again.summary).toMatchObject({ instances: 58, rejectedByCode: { NOT_A_FILM: 2 } });
    expect(again.summary.unchanged).toBe(summary.unchanged - 3);
  });

  it('lives with a cache that is damaged, cut off, or of another version', async () => {
    const root = await manyFilms('damaged', 40);
    const cache = join(folder, 'damaged.cache');
    const whole = await opened(cache, root);
    const text = await readFile(cache, 'utf8');
    // [0512,… is no JSON.
    await writeFile(cache, text.replaceAll('\t[0,', '\t[0').slice(0, -20));
    await appendFile(cache, 'x\ty\n');
    expect((await opened(cache, root)).films).toEqual(whole.films);
    await writeFile(cache, text.replace(/^chexreason headers \S+/, 'chexreason headers 0'));
    const other = await opened(cache, root);
    expect(other.films).toEqual(whole.films);
    expect(other.summary.unchanged).toBe(0);
  });

  it('writes the cache anew when most of it has been replaced', async () => {
    const path = join(folder, 'compact.cache');
    for (let round = 0; round < 4; round++) {
      const cache = await HeaderCache.open(path);
      for (let i = 0; i < 1100; i++) cache.add(`/films/${i}`, i, round, `["NOT_A_FILM","${round}",{}]`);
      await cache.close();
    }
    const cache = await HeaderCache.open(path);
    expect(cache.size).toBe(1100);
    expect(cache.find('/films/7')).toEqual({ size: 7, mtimeMs: 3, record: '["NOT_A_FILM","3",{}]' });
    expect((await readFile(path, 'utf8')).split('\n').length).toBeLessThan(3000);
  });

  it('forgets files that are gone, and the oldest of too many', async () => {
    const root = await manyFilms('gone', 60);
    const elsewhere = await manyFilms('elsewhere', 30);
    const cache = join(folder, 'gone.cache');
    await opened(cache, elsewhere);
    await opened(cache, root);
    const before = (await opened(cache, root)).known;
    const keepLines = (await readFile(cache, 'utf8')).length;
    for (let i = 20; i < 60; i++) await rm(join(root, `${String(i).padStart(3, '0')}\t.dcm`));
    const loading = HeaderCache.open(cache);
    await scanPaths([root], unattended(), () => {}, loading);
    expect((await loading).size).toBe(before - 40);
    // Too few for the file to be written anew.
    await (await loading).close();
    expect((await readFile(cache, 'utf8')).length).toBe(keepLines);
    const small = await HeaderCache.open(cache, 10);
    small.find(join(elsewhere, '029\t.dcm'));
    await small.close();
    expect(small.size).toBe(10);
    expect(small.find(join(elsewhere, '029\t.dcm'))).toBeDefined();
  });

  it('writes the cache anew when most of its files are gone', async () => {
    const path = join(folder, 'vanished.cache');
    const cache = await HeaderCache.open(path);
    for (let i = 0; i < 2500; i++) cache.add(join(folder, 'no-such', `${i}`), i, 1, '["NOT_A_FILM","",{}]');
    await cache.close();
    const again = await HeaderCache.open(path);
    await again.dropVanished([folder]);
    await again.close();
    expect((await readFile(path, 'utf8')).split('\n').length).toBe(2);
  });

  it('survives files that vanish while it goes on', async () => {
    const root = await manyFilms('vanishing', 120);
    const films: FilmHeader[] = [];
    let gone: Promise<void> | undefined;
    const summary = await scanPaths([root], unattended(), (found) => {
      films.push(...found);
      gone ??= rm(root, { recursive: true });
    });
    await gone;
    const missing = summary.rejectedByCode['FILE_NOT_FOUND'] ?? 0;
    expect(films.length).toBeGreaterThan(0);
    expect(films.length + missing + (summary.rejectedByCode['NOT_A_FILM'] ?? 0)).toBe(121);
  });
});

describeReference('DICOMDIR: the sample data', dataDir('manifest.json'), (manifest) => {
  if (manifest === '') return;
  for (const entry of readManifest(manifest)) {
    if (!entry.dicomdir_record_counts) continue;
    it(entry.path.split('/').slice(-2).join('/'), async () => {
      const directory = await readDicomDirectory(entry.path);
      if (entry.expect === 'dicomdir') {
        const known = { PATIENT: 0, STUDY: 0, SERIES: 0, IMAGE: 0 };
        expect({ ...known, ...directory.records }).toMatchObject(withoutUnknown(entry.dicomdir_record_counts!));
      }
      const ids = directory.references.map((reference) => reference.id);
      if (!entry.path.includes('truncated')) expect(ids.sort()).toEqual([...new Set(entry.dicomdir_files)].sort());
    });
  }
});

function withoutUnknown(counts: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).filter(([type]) => type !== 'UNKNOWN'));
}
