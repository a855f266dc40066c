/** Bundled for Node 16 as scripts/build.ts does, with the codecs' .wasm files beside it, the decoder works as from source. */
import { copyFile, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { decodeFile, decodeFileHere } from '../../core/dicom/decodeFile.ts';
import { dicomThreadCount, startDicomThreads, stopDicomThreads } from '../../core/dicom/threads.ts';

const samples = resolve('tests/data/dicom');
const FILMS = [
  'pydicom/MR_small_jpeg_ls_lossless.dcm',
  'pydicom/MR_small_jp2klossless.dcm',
  'pydicom/SC_rgb_dcmtk_+eb+cy+s2.dcm',
  'derived/dx_small_htj2k_lossy.dcm',
  'JPEGLosslessDecoderJS/jpeg_lossless_sel7.dcm',
];
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bundle-'));
  const outfile = join(folder, 'thread.cjs');
  const entry = resolve('core/dicom/thread.ts');
  await build({ entryPoints: [entry], outfile, bundle: true, platform: 'node', target: 'node16', format: 'cjs' });
  const packages = resolve('node_modules/@cornerstonejs');
  for (const name of await readdir(packages)) {
    const dist = join(packages, name, 'dist');
    const wasm = (await readdir(dist)).filter((file) => file.endsWith('.wasm'));
    for (const file of wasm) await copyFile(join(dist, file), join(folder, file));
  }
  startDicomThreads(outfile, 2);
});
afterAll(async () => {
  await stopDicomThreads();
  await rm(folder, { recursive: true });
});

for (const film of FILMS) {
  it(film, async () => {
    const path = join(samples, film);
    expect(await decodeFile(path)).toEqual(await decodeFileHere(path));
    // 1: the bundle could not be started, and everything ran here.
    expect(dicomThreadCount()).toBe(2);
  });
}
