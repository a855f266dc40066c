/** Films in small: as fine as they are shown, the same gray as the film, before it; what is measured comes from the film alone. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../core/base/random.ts';
import type { FilmPreview, PixelArray } from '../../core/dicom/film.ts';
import { type OpenOptions, openFilm, openFilmHere, openSmallHere } from '../../core/dicom/openFilm.ts';
import { averaged, previewFactor } from '../../core/dicom/preview.ts';
import { averageSamples } from '../../core/dicom/sampleScan.ts';
import { startDicomThreads, stopDicomThreads, warmDicomThreads } from '../../core/dicom/threads.ts';
import { encodeElement, encodeFragments } from '../../core/dicom/write.ts';
import { benchFilm, compress } from '../../scripts/support/benchFilms.ts';

const SIZE = { rows: 331, columns: 290 };
const ROOM = { width: 100, height: 100 };
const NATIVE = '1.2.840.10008.1.2.1';
const JPEG_2000 = '1.2.840.10008.1.2.4.90';
const values = shapes();
let folder: string;
let native: string;
let jpeg2000: string;

/** A chest's shapes, roughly, with some noise. */
function shapes(): Uint16Array {
  const random = new Random('preview');
  return Uint16Array.from({ length: SIZE.rows * SIZE.columns }, (_, i) => {
    const [x, y] = [(i % SIZE.columns) / SIZE.columns, Math.floor(i / SIZE.columns) / SIZE.rows];
    return Math.round(2000 + 1200 * Math.sin(5 * x) * Math.cos(4 * y) + random.below(30));
  });
}

const codestream = () =>
  compress('@cornerstonejs/codec-openjpeg/wasmjs', 'J2KEncoder', new Uint8Array(values.buffer), 12, SIZE);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'preview-'));
  native = join(folder, 'native.dcm');
  jpeg2000 = join(folder, 'jpeg2000.dcm');
  const pixels = encodeElement(0x7fe00010, 'OW', new Uint8Array(values.buffer));
  await writeFile(native, benchFilm('native', NATIVE, 12, pixels, SIZE));
  await writeFile(jpeg2000, benchFilm('jpeg2000', JPEG_2000, 12, encodeFragments([await codestream()]), SIZE));
});
afterAll(() => rm(folder, { recursive: true }));

async function opened(path: string, options: OpenOptions = { room: ROOM }) {
  const previews: FilmPreview[] = [];
  const film = await openFilmHere(path, options, (preview) => previews.push(preview));
  return { film, previews };
}

function meanDifference(a: PixelArray, b: PixelArray): number {
  expect(a.length).toBe(b.length);
  return Array.from(a).reduce((sum, value, i) => sum + Math.abs(value - b[i]!), 0) / a.length;
}

describe('a film in small', () => {
  it.each([
    [{ width: 100, height: 100 }, 3],
    [{ width: 145, height: 400 }, 2],
    [{ width: 146, height: 166 }, 1],
    [{ width: 0, height: 100 }, 1],
    [undefined, 1],
  ])('is as fine as the room %j can show: divided by %i', (room, factor) => {
    expect(previewFactor(SIZE, room)).toBe(factor);
  });

  it('is the average of the stored values, with the film’s own windows, and leaves the film as it is', async () => {
    const { film, previews } = await opened(native);
    const { rows, columns, voi, modality, inverse, padding, spacing } = film;
    const { pixels, ...small } = averaged(film.pixels, film, 3);
    expect(small).toEqual({ rows: 110, columns: 96, factor: 3 });
    expect(previews).toEqual([
      { rows, columns, voi, modality, inverse, padding, spacing, factor: 3, small: { pixels, rows: 110, columns: 96 } },
    ]);
    expect(film).toEqual(await openFilmHere(native));
  });

  it('of JPEG 2000 is a lower resolution of the codestream, and has the same gray', async () => {
    const { film, previews } = await opened(jpeg2000);
    expect(previews).toHaveLength(1);
    const [{ factor, small, voi }] = previews as [FilmPreview];
    expect({ factor, rows: small.rows, columns: small.columns }).toEqual({ factor: 2, rows: 166, columns: 145 });
    expect(voi).toEqual(film.voi);
    const cut = Uint16Array.from({ length: 165 * 145 }, (_, i) => small.pixels[i]!);
    // Of a range of 2,400.
    expect(meanDifference(cut, averaged(film.pixels, film, 2).pixels)).toBeLessThan(12);
    expect(film).toEqual(await openFilmHere(jpeg2000));
    expect(Buffer.from(film.pixels.buffer).equals(Buffer.from(values.buffer))).toBe(true);
  });

  it('is not made where the film is shown whole, nor of colour', async () => {
    expect((await opened(native, { room: { width: 290, height: 331 } })).previews).toEqual([]);
    expect((await opened(native, {})).previews).toEqual([]);
    const color = resolve('tests/data/dicom/pydicom/SC_rgb_small_odd.dcm');
    expect((await opened(color, { room: { width: 1, height: 1 } })).previews).toEqual([]);
  });

  it('of a damaged film is not shown; the film says why', async () => {
    const damaged = join(folder, 'damaged.dcm');
    const stream = (await codestream()).subarray(0, 200);
    await writeFile(damaged, benchFilm('damaged', JPEG_2000, 12, encodeFragments([stream]), SIZE));
    const previews: FilmPreview[] = [];
    const opening = openFilmHere(damaged, { room: ROOM }, (preview) => previews.push(preview));
    await expect(opening).rejects.toMatchObject({ code: 'CODEC_DAMAGED', details: { file: damaged } });
  });

  it('for the study list is taken without the film, where the codec has it', async () => {
    const small = await openSmallHere(jpeg2000, 0, { width: 96, height: 96 });
    expect('small' in small && small.factor).toBe(2);
    expect('small' in (await openSmallHere(native, 0, { width: 96, height: 96 }))).toBe(false);
  });
});

it('arrives from a thread before the film', async () => {
  startDicomThreads(resolve('core/dicom/thread.ts'), 2);
  warmDicomThreads();
  try {
    for (const path of [native, jpeg2000]) {
      const order: string[] = [];
      const previews: FilmPreview[] = [];
      const film = await openFilm(path, { room: ROOM }, (preview) => {
        order.push('preview');
        previews.push(preview);
      }).finally(() => order.push('film'));
      expect(order).toEqual(['preview', 'film']);
      const here = await opened(path);
      expect({ film, previews }).toEqual(here);
    }
  } finally {
    await stopDicomThreads();
  }
});

it.each([2, 3, 4, 5, 7])('averages over %i pixels in WebAssembly as in JavaScript', (factor) => {
  const random = new Random(`average ${factor}`);
  const film = { rows: 41, columns: 67 };
  const unsigned = Uint16Array.from({ length: 41 * 67 }, () => random.below(65536));
  const signed = Int16Array.from(unsigned, (value) => value - 32768);
  for (const pixels of [unsigned, signed, Float32Array.from(signed)])
    expect(averageSamples(pixels, film, factor)).toEqual(averaged(pixels, film, factor));
});
