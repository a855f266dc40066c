/**
 * Films of the experiment, drawn once and kept as raw files of 64 x 64 gray bytes, a hundred films each, so that an
 * interruption costs at most one of them. A film is drawn at 128 pixels and reduced as the model's processor reduces a
 * large one (tests/phantom shows that the two agree), so training sees what the application will show it.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nextTurn, throwIfCancelled, type Work } from '../base/progress.ts';
import { renderScene } from '../phantom/render.ts';
import { type Scene, type SceneSource, scenes } from '../phantom/scene.ts';
import { writeFileAtomic } from '../platform/files.ts';
import { type Image8, resize } from '../preprocessing/resize.ts';
import type { Patience } from '../training/patience.ts';

export const IMAGE_SIZE = 64;
const DRAWN = 128;
const BYTES = IMAGE_SIZE * IMAGE_SIZE;
const BLOCK = 100;

export interface FilmSet {
  source: SceneSource;
  scenes: Scene[];
  image(index: number): Image8;
}

export function takeScenes(source: SceneSource, seed: number, count: number): Scene[] {
  const result: Scene[] = [];
  for (const scene of scenes(source, seed)) {
    if (result.length === count) break;
    result.push(scene);
  }
  return result;
}

/** What the model's processor gets of a scene. */
export function filmOf(scene: Scene): Image8 {
  const data = Uint8Array.from(renderScene(scene, DRAWN), (gray) => Math.round(gray * 255));
  return resize({ width: DRAWN, height: DRAWN, channels: 1, data }, IMAGE_SIZE, IMAGE_SIZE, 'bilinear');
}

/** Opens a set of films, drawing what `folder` does not have. @param disk waits where there is no room for them */
export async function filmSet(
  folder: string,
  { source, seed, count }: { source: SceneSource; seed: number; count: number },
  work: Work,
  disk: Patience,
): Promise<FilmSet> {
  const all = takeScenes(source, seed, count);
  const blocks: Uint8Array[] = [];
  for (let start = 0; start < count; start += BLOCK) {
    const file = join(folder, `${source}-${seed}-${start}.gray`);
    const part = all.slice(start, start + BLOCK);
    const known = await readFile(file).catch(() => null);
    if (known && known.length >= part.length * BYTES) {
      blocks.push(known.subarray(0, part.length * BYTES));
      continue;
    }
    const drawn = await draw(
      part,
      (done) => work.report({ stage: 'Drawing films', done: start + done, total: count }),
      work,
    );
    await disk.write(() => writeFileAtomic(file, drawn));
    blocks.push(drawn);
  }
  const pixels = Buffer.concat(blocks);
  const image = (index: number) => ({
    ...{ width: IMAGE_SIZE, height: IMAGE_SIZE, channels: 1 as const },
    data: pixels.subarray(index * BYTES, (index + 1) * BYTES),
  });
  return { source, scenes: all, image };
}

async function draw(part: readonly Scene[], report: (done: number) => void, { signal }: Work): Promise<Uint8Array> {
  const pixels = new Uint8Array(part.length * BYTES);
  for (const [i, scene] of part.entries()) {
    throwIfCancelled(signal);
    pixels.set(filmOf(scene).data, i * BYTES);
    report(i + 1);
    await nextTurn();
  }
  return pixels;
}
