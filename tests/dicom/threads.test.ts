/** Decoding in threads gives what decoding here gives; a file that breaks its thread costs nothing else. */
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { WorkbenchError } from '../../core/base/errors.ts';
import { unattended } from '../../core/base/progress.ts';
import { decodeFile, decodeFileHere } from '../../core/dicom/decodeFile.ts';
import { openFilm, openFilmHere } from '../../core/dicom/openFilm.ts';
import { scanPaths } from '../../core/dicom/scan.ts';
import { dicomThreadCount, startDicomThreads, stopDicomThreads } from '../../core/dicom/threads.ts';

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
