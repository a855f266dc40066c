/** Thumbnails: what they show, that they are kept and made anew for a changed film, and in which order they are made. */
import { copyFile, mkdtemp, readdir, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openFilmHere } from '../../core/dicom/openFilm.ts';
import { THUMBNAIL_SIDE, type Thumbnail, thumbnailHere } from '../../core/dicom/thumbnail.ts';
import { renderGray } from '../../core/dicom/voi.ts';
import type { FilmEntry } from '../../core/services/contract.ts';
import { Thumbnails } from '../../core/services/thumbnails.ts';

const sample = resolve('tests/data/dicom/dicomdir_derived/IMAGES/IM000000');
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'thumbnails-'));
});
afterAll(() => rm(folder, { recursive: true }));

const mean = (values: ArrayLike<number>) => Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;

describe('a thumbnail', () => {
  it('is the film as the viewer shows it first, averaged down', async () => {
    const film = await openFilmHere(sample);
    const small = await thumbnailHere(sample, 0, null);
    expect(Math.max(small.width, small.height)).toBe(THUMBNAIL_SIDE);
    expect(small.width / small.height).toBeCloseTo(film.columns / film.rows, 1);
    expect(mean(small.gray)).toBeCloseTo(mean(renderGray(film, film.voi[0]!)), 0);
  });

  it('is kept, and made anew for a film that has changed', async () => {
    const film = join(folder, 'film.dcm');
    const kept = join(folder, 'kept');
    await copyFile(sample, film);
    const first = await thumbnailHere(film, 0, kept);
    const files = async () => (await readdir(kept, { recursive: true })).filter((name) => name.endsWith('.png'));
    expect(await files()).toHaveLength(1);
    // Found again, bit for bit, also from the PNG file.
    expect(await thumbnailHere(film, 0, kept)).toEqual(first);
    expect(await files()).toHaveLength(1);
    await utimes(film, 1, 1);
    await thumbnailHere(film, 0, kept);
    expect(await files()).toHaveLength(2);
  });

  it('of what is no film is its error', async () => {
    await expect(thumbnailHere(resolve('package.json'), 0, folder)).rejects.toMatchObject({ code: 'NOT_A_FILM' });
  });
});

describe('thumbnails on demand', () => {
  const film = (id: string) => ({ id, path: id, frame: 0 }) as FilmEntry;
  const picture: Thumbnail = { width: 1, height: 1, gray: Uint8Array.of(7) };

  it('are made last asked first, and not at all where they are no longer wanted', async () => {
    const made: string[] = [];
    const waiting: (() => void)[] = [];
    const thumbnails = new Thumbnails(folder, (path) => {
      made.push(path);
      return new Promise((resolve) => waiting.push(() => resolve(picture)));
    });
    const turn = () => new Promise((resolve) => setTimeout(resolve, 20));
    const gone = new AbortController();
    const first = thumbnails.get(film('a'));
    const second = thumbnails.get(film('b'));
    const third = thumbnails.get(film('c'), gone.signal);
    const fourth = thumbnails.get(film('d'));
    await turn();
    gone.abort();
    await expect(third).rejects.toMatchObject({ code: 'CANCELLED' });
    for (let i = 0; i < 3; i++) {
      waiting[i]!();
      await turn();
    }
    await Promise.all([first, second, fourth]);
    expect(made).toEqual(['a', 'd', 'b']);
    // From memory.
    expect(await thumbnails.get(film('b'))).toBe(picture);
    expect(made).toHaveLength(3);
  });

  it('of a film that has changed are made anew', async () => {
    const path = join(folder, 'changing.dcm');
    await copyFile(sample, path);
    let made = 0;
    const thumbnails = new Thumbnails(folder, async () => ({ ...picture, gray: Uint8Array.of(++made) }));
    const changing = { id: 'changing', path, frame: 0 } as FilmEntry;
    const first = await thumbnails.get(changing);
    expect(await thumbnails.get(changing)).toBe(first);
    await utimes(path, 1, 1);
    expect((await thumbnails.get(changing)).gray).toEqual(Uint8Array.of(2));
    expect(made).toBe(2);
  });

  it('go on after one that failed', async () => {
    const thumbnails = new Thumbnails(folder, (path) =>
      path === 'bad' ? Promise.reject(new Error('no film')) : Promise.resolve(picture),
    );
    await expect(thumbnails.get(film('bad'))).rejects.toThrow('no film');
    expect(await thumbnails.get(film('good'))).toBe(picture);
  });
});
