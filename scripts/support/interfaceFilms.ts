/** What the benchmark of the interface opens: a workspace with answered films, one large film, many small ones, 200 large ones. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { encodeElement } from '../../core/dicom/write.ts';
import { writePhantom } from '../../core/phantom/generate.ts';
import { nodePlatform } from '../../core/platform/node.ts';
import type { FilmEntry } from '../../core/services/contract.ts';
import { createEngine } from '../../core/services/engine.ts';
import { benchFilm, type Size, storedValues } from './benchFilms.ts';

const EXPLICIT_LITTLE_ENDIAN = '1.2.840.10008.1.2.1';
const CHECKPOINTS = ['base', 'sft', 'grpo'];

/**
 * Two institutions' phantom films, the shipped checkpoints, and every checkpoint's answer to one film.
 * @returns that film
 */
export async function makeAnsweredWorkspace(folder: string, films: number): Promise<FilmEntry> {
  const resourcesDir = resolve('resources');
  const workspace = join(folder, 'workspace');
  const platform = nodePlatform({ resourcesDir, userDir: join(folder, 'home') });
  const engine = await createEngine(platform, { workspace });
  for (const [institution, kind, csv] of [
    ['a', 'chexpert', 'CheXpert-v1.0/valid.csv'],
    ['b', 'nih', 'Data_Entry_2017_v2020.csv'],
  ] as const) {
    const out = join(folder, institution);
    await writePhantom({ institution, count: films, seed: 7, out, size: 1024, format: 'png' });
    await engine.call('datasets.add', { kind, csv: join(out, csv), images: out, name: `Phantom ${institution}` });
  }
  const [first] = await engine.call('films.list', { from: 0, limit: 1 });
  for (const name of CHECKPOINTS) {
    const { id } = await engine.call('checkpoints.add', { path: join(resourcesDir, 'models', name) });
    await engine.call('predictions.generate', { filmId: first!.id, checkpointId: id });
  }
  return first!;
}

/** An uncompressed film of 12 bits; every number gives other pixels. */
export function largeFilm(name: string, size: Size, number = 0): Buffer {
  const stored = valuesOf(size);
  // So that no cache by content takes one film for another.
  stored[0] = number & 4095;
  const pixels = encodeElement(0x7fe00010, 'OW', new Uint8Array(stored.buffer));
  return benchFilm(name, EXPLICIT_LITTLE_ENDIAN, 12, pixels, size);
}

let last: { size: Size; values: Uint16Array } | null = null;

function valuesOf(size: Size): Uint16Array {
  if (last?.size !== size) last = { size, values: storedValues(size) };
  return last.values;
}

/** @returns the folder; the films' names, which are their patients' too, are `nameOf` of 0 to count - 1 */
export function writeLargeFilms(folder: string, count: number, size: Size, nameOf: (number: number) => string): string {
  mkdirSync(folder, { recursive: true });
  for (let i = 0; i < count; i++) writeFileSync(join(folder, `${nameOf(i)}.dcm`), largeFilm(nameOf(i), size, i + 1));
  return folder;
}
