/** What is drawn on a film: kept in the workspace, never in the film, and found again; the boxes of NIH's own list. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writePhantom } from '../../core/phantom/generate.ts';
import { nodePlatform } from '../../core/platform/node.ts';
import type { Annotation, Engine, FilmEntry } from '../../core/services/contract.ts';
import { createEngine } from '../../core/services/engine.ts';

const RESOURCES = join(import.meta.dirname, '../../resources');
const LENGTH: Annotation = {
  id: 'one',
  kind: 'length',
  points: [
    { x: 1.5, y: 2 },
    { x: 30, y: 40.25 },
  ],
  text: 'cavity',
  createdAt: '2026-11-28T08:00:00.000Z',
};

let root: string;
let engine: Engine;
let film: FilmEntry;
let hash: string;

function open(): Promise<Engine> {
  const platform = nodePlatform({ resourcesDir: RESOURCES, userDir: join(root, 'user') });
  return createEngine(platform, { workspace: join(root, 'workspace'), threads: 1 });
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'annotations-'));
  const written = await writePhantom({
    institution: 'b',
    count: 2,
    seed: 5,
    out: join(root, 'b'),
    size: 64,
    format: 'png',
  });
  engine = await open();
  const { id } = await engine.call('datasets.add', { kind: 'nih', csv: written.csv, images: written.images });
  [film] = (await engine.call('films.list', { collectionId: id })) as [FilmEntry, ...FilmEntry[]];
  hash = (await engine.call('films.open', { filmId: film.id })).film.sha256;
  const list = 'Image Index,Finding Label,Bbox [x,y,w,h],,,\n';
  const row = `${basename(film.path)},Nodule,512,256,128,64,,,\n`;
  await writeFile(join(root, 'b', 'BBox_List_2017.csv'), list + row);
});
afterAll(() => rm(root, { recursive: true, force: true }));

describe('Annotations', () => {
  it('are found again by another engine, and by another film with the same pixels', async () => {
    const before = await readFile(film.path);
    await engine.call('annotations.set', { imageHash: hash, annotations: [LENGTH] });
    expect((await engine.call('annotations.ofFilm', { filmId: film.id, imageHash: hash })).annotations).toEqual([
      LENGTH,
    ]);
    const again = await open();
    expect((await again.call('annotations.ofFilm', { filmId: film.id, imageHash: hash })).annotations).toEqual([
      LENGTH,
    ]);
    expect(await readFile(film.path)).toEqual(before);
    expect(await readdir(join(root, 'workspace/annotations'))).toEqual([`${hash}.json`]);
  });

  it('leave no file once all are removed', async () => {
    await engine.call('annotations.set', { imageHash: hash, annotations: [] });
    expect(await readdir(join(root, 'workspace/annotations'))).toEqual([]);
  });

  it.each([
    ['a path for a hash', { imageHash: '../../x', annotations: [] }],
    ['too few points', { imageHash: '0'.repeat(64), annotations: [{ ...LENGTH, points: [{ x: 0, y: 0 }] }] }],
    [
      'a point nowhere',
      {
        imageHash: '0'.repeat(64),
        annotations: [
          {
            ...LENGTH,
            points: [
              { x: 0, y: 1e9 },
              { x: 0, y: 0 },
            ],
          },
        ],
      },
    ],
    ['an unknown kind', { imageHash: '0'.repeat(64), annotations: [{ ...LENGTH, kind: 'spiral' }] }],
  ])('refuse %s', async (_, params) => {
    await expect(engine.call('annotations.set', params as never)).rejects.toThrow();
  });
});

describe('The boxes of NIH’s list', () => {
  it('come with the film, in its own pixels', async () => {
    const { boxes } = await engine.call('annotations.ofFilm', { filmId: film.id, imageHash: hash });
    // 1,024 in the list, 64 here.
    expect(boxes).toEqual([{ finding: 'Nodule', x: 32, y: 16, width: 8, height: 4 }]);
  });
});
