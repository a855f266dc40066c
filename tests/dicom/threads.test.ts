/** Decoding in threads gives what decoding here gives; a file that breaks its thread costs nothing else. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { WorkbenchError } from '../../core/base/errors.ts';
import { bytesOf } from '../../core/base/hash.ts';
import { unattended } from '../../core/base/progress.ts';
import { decodeJpeg2000, decodeStripe } from '../../core/dicom/codecs/openJpeg.ts';
import { decodeFile, decodeFileHere } from '../../core/dicom/decodeFile.ts';
import { openFilm, openFilmHere } from '../../core/dicom/openFilm.ts';
import { setPartners } from '../../core/dicom/partners.ts';
import { scanPaths } from '../../core/dicom/scan.ts';
import { dicomThreadCount, startDicomThreads, stopDicomThreads, warmDicomThreads } from '../../core/dicom/threads.ts';
import { encodeFragments } from '../../core/dicom/write.ts';
import { benchFilm, compress } from '../../scripts/support/benchFilms.ts';

const samples = resolve('tests/data/dicom');
const film = join(samples, 'pydicom/MR_small_jp2klossless.dcm');

beforeAll(() => startDicomThreads(resolve('core/dicom/thread.ts'), 2));
afterAll(stopDicomThreads);

it('the same films, results and counts', async () => {
  expect(dicomThreadCount()).toBe(2);
  expect(await openFilm(film)).toEqual(await openFilmHere(film));
  const films = ['MR_small.dcm', 'MR_small_RLE.dcm', 'JPGExtended.dcm', 'image_dfl.dcm'].map((name) =>
    join(samples, 'pydicom', name),
  );
  expect(await Promise.all(films.map(decodeFile))).toEqual(await Promise.all(films.map(decodeFileHere)));
  const summary = await scanPaths([join(samples, 'dicomdir_derived')], unattended(), () => {});
  expect(summary).toMatchObject({ patients: 2, studies: 3, series: 5, instances: 5, rejected: [] });
});

/** 1,100 rows: three stripes would not end on code-blocks. */
it.each([
  ['lossless', 0],
  ['lossy', 8],
])('threads with nothing to do decode stripes of a large JPEG 2000 film, %s', async (_name, ratio) => {
  const size = { rows: 1100, columns: 1024 };
  const values = Uint16Array.from({ length: size.rows * size.columns }, (_, i) => {
    const [x, y] = [i % size.columns, Math.floor(i / size.columns)];
    return 2000 + Math.round(1000 * Math.sin(x / 70) * Math.cos(y / 50)) + ((i * 2654435761) >>> 31);
  });
  const stream = await compress(
    '@cornerstonejs/codec-openjpeg/wasmjs',
    'J2KEncoder',
    new Uint8Array(values.buffer),
    12,
    size,
    ratio,
  );
  const expected = { width: size.columns, height: size.rows, components: 1 };
  const here = await decodeJpeg2000(stream, expected);
  let stripes = 0;
  setPartners({
    idle: () => 2,
    ask: async (_job, args) => {
      stripes++;
      const [codestream, whole, stripe] = args as Parameters<typeof decodeStripe>;
      // The third finds that nobody has time after all.
      return stripes === 1 ? decodeStripe(codestream, whole, stripe) : undefined;
    },
  });
  const shared = await decodeJpeg2000(stream, expected);
  setPartners({ idle: () => 0, ask: async () => undefined });
  expect(stripes).toBe(2);
  expect(here.data).toHaveLength(values.length);
  expect(Buffer.compare(bytesOf(shared.data), bytesOf(here.data))).toBe(0);
  if (ratio === 0) expect(Buffer.compare(bytesOf(here.data), bytesOf(values))).toBe(0);

  const folder = await mkdtemp(join(tmpdir(), 'stripes-'));
  const path = join(folder, 'large.dcm');
  await writeFile(path, benchFilm('large', '1.2.840.10008.1.2.4.91', 12, encodeFragments([stream]), size));
  warmDicomThreads();
  const films = await Promise.all([openFilm(path), openFilmHere(path)]);
  await rm(folder, { recursive: true });
  // The hash stands for the pixels, which would be compared one by one.
  const [threaded, alone] = films.map((film) => ({ ...film, pixels: film.pixels.length }));
  expect(threaded).toEqual(alone);
});

it('errors come back as data, and the thread goes on', async () => {
  const hostile = join(samples, 'corrupt/jpegls_sof_65535.dcm');
  const error = await openFilm(hostile).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(WorkbenchError);
  expect(error).toMatchObject({ code: 'CODEC_SIZE_MISMATCH', details: { file: hostile, frame: 0 } });
  expect((await openFilm(film)).rows).toBe(64);
});

it('without a thread that starts, everything runs here', async () => {
  startDicomThreads(join(samples, 'no-such-script.cjs'));
  expect((await openFilm(film)).sha256).toBe((await openFilmHere(film)).sha256);
  expect(dicomThreadCount()).toBe(1);
  startDicomThreads(resolve('core/dicom/thread.ts'), 2);
});
