/**
 * Films of the experiment, rendered once and kept on disk outside the repository as one raw file: `count` films of 64 x 64
 * gray bytes. A film is drawn at 128 pixels and reduced as the model's processor reduces a large one (tests/phantom shows
 * that the two agree), so training sees what the application will show it.
 */
import { fork } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { renderScene } from '../../core/phantom/render.ts';
import { type Scene, type SceneSource, scenes } from '../../core/phantom/scene.ts';
import { type Image8, resize } from '../../core/preprocessing/resize.ts';

export const IMAGE_SIZE = 64;
const DRAWN = 128;
const BYTES = IMAGE_SIZE * IMAGE_SIZE;

export interface FilmSet {
  name: string;
  source: SceneSource;
  seed: number;
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

/** Opens a set, rendering what is missing with `processes` children. */
export async function filmSet(
  cache: string,
  { name, source, seed, count }: { name: string; source: SceneSource; seed: number; count: number },
  processes = 2,
): Promise<FilmSet> {
  mkdirSync(cache, { recursive: true });
  const share = Math.ceil(count / processes);
  const parts = Array.from({ length: processes }, (_, i) => ({
    from: i * share,
    to: Math.min(count, (i + 1) * share),
    file: join(cache, `${source}-${seed}-${i * share}-${Math.min(count, (i + 1) * share)}.gray`),
  }));
  await Promise.all(parts.filter(({ file }) => !existsSync(file)).map((part) => renderPart(source, seed, part)));
  const pixels = Buffer.concat(parts.map(({ file }) => readFileSync(file)));
  return {
    name,
    source,
    seed,
    scenes: takeScenes(source, seed, count),
    image: (index) => ({
      width: IMAGE_SIZE,
      height: IMAGE_SIZE,
      channels: 1,
      data: pixels.subarray(index * BYTES, (index + 1) * BYTES),
    }),
  };
}

interface Part {
  from: number;
  to: number;
  file: string;
}

function renderPart(source: SceneSource, seed: number, { from, to, file }: Part): Promise<void> {
  const child = fork(fileURLToPath(import.meta.url), [source, String(seed), String(from), String(to), file]);
  return new Promise((resolve, reject) => {
    child.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`Rendering ${file} ended with ${code}.`))));
  });
}

function render(source: SceneSource, seed: number, { from, to, file }: Part): void {
  const out = openSync(`${file}.part`, 'w');
  for (const scene of takeScenes(source, seed, to).slice(from)) writeSync(out, filmOf(scene).data);
  closeSync(out);
  renameSync(`${file}.part`, file);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [source, seed, from, to, file] = process.argv.slice(2);
  render(source as SceneSource, Number(seed), { from: Number(from), to: Number(to), file: file! });
}
