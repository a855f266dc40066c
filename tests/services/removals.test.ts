/** Taken out of the lists and put back, within a session and after it; no file of the user's is touched. */
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writePhantom } from '../../core/phantom/generate.ts';
import type { Engine } from '../../core/services/contract.ts';
import { createEngine } from '../../core/services/engine.ts';
import { commandPlatform } from '../../main/headless/places.ts';
import { chexreason } from '../support/command.ts';
import { writeTinyModel } from '../support/tinyModel.ts';

const folder = mkdtempSync(join(tmpdir(), 'removals-'));
const films = join(folder, 'films');
const home = join(folder, 'home');
const workspace = join(folder, 'workspace');
const platform = { ...commandPlatform(), userDir: home };
const open = () => createEngine(platform, { workspace });
let dataset: string;
let engine: Engine;

/** Every file below the user's folders, by its content. */
function state(): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.startsWith(workspace) && !entry.parentPath.startsWith(home))
    .map(({ parentPath, name }) => join(parentPath, name))
    .sort()
    .map((path) => `${path} ${createHash('sha256').update(readFileSync(path)).digest('hex')}`);
}

beforeAll(async () => {
  for (const [institution, seed] of [
    ['a', 1],
    ['b', 2],
  ] as const)
    await writePhantom({ institution, count: 3, seed, out: join(films, institution), size: 64, format: 'dicom' });
  const { csv, images } = await writePhantom({
    institution: 'a',
    count: 3,
    seed: 5,
    out: join(folder, 'table'),
    size: 64,
    format: 'png',
  });
  const model = await writeTinyModel();
  cpSync(model, join(folder, 'model'), { recursive: true });
  rmSync(model, { recursive: true });
  engine = await open();
  dataset = (await engine.call('datasets.add', { kind: 'chexpert', csv, images, name: 'A' })).id;
  await engine.call('films.add', { paths: [films] });
  await engine.call('checkpoints.add', { path: join(folder, 'model'), name: 'Tiny' });
  // Nothing answers there; it is configured all the same.
  await engine.call('servers.add', { address: 'http://127.0.0.1:9', name: 'gpu', key: 'sk-secret' });
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const listed = async (from = engine) => (await from.call('films.list', {})).map(({ id }) => id);

describe('Taken out of the lists and put back', () => {
  it('a folder and a study of opened films, in their places, also after a restart', async () => {
    const before = await listed();
    const files = state();
    const all = await engine.call('films.list', { collectionId: 'opened' });
    const ofB = all.filter(({ path }) => path.startsWith(join(films, 'b'))).map(({ id }) => id);
    expect(ofB.length).toBeGreaterThan(0);
    expect(await engine.call('films.remove', { folder: join(films, 'b') })).toEqual(ofB);
    expect(await listed()).toEqual(before.filter((id) => !ofB.includes(id)));
    const opened = async (from: Engine) => (await from.call('collections.list', {})).find(({ id }) => id === 'opened');
    expect((await opened(engine))!.films).toBe(all.length - ofB.length);

    const study = all.find(({ id }) => !ofB.includes(id))!.studyInstanceUid;
    const ofStudy = await engine.call('films.remove', { study });
    await expect(engine.call('films.remove', { study })).rejects.toMatchObject({ code: 'FILMS_NOT_LISTED' });
    const later = await open();
    expect(await listed(later)).toEqual(before.filter((id) => !ofB.includes(id) && !ofStudy.includes(id)));
    expect((await later.call('removed.list', {})).films.map(({ id }) => id).sort()).toEqual(
      [...ofB, ...ofStudy].sort(),
    );
    await later.call('films.restore', { filmIds: [...ofB, ...ofStudy] });
    expect(await listed(later)).toEqual(before);
    expect((await opened(later))!.films).toBe(all.length);
    expect(state()).toEqual(files);
    engine = later;
  });

  it('opening a film again puts it back too', async () => {
    const before = await listed();
    await engine.call('films.remove', { folder: films });
    expect((await engine.call('collections.list', {})).map(({ id }) => id)).toEqual([dataset]);
    await engine.call('films.add', { paths: [films] });
    expect(await listed()).toEqual(before);
  });

  it('a data set, whose films what was made with it still finds', async () => {
    const before = await listed();
    const [film] = await engine.call('films.list', { collectionId: dataset });
    await engine.call('collections.remove', { collectionId: dataset });
    expect((await engine.call('collections.list', {})).map(({ id }) => id)).toEqual(['opened']);
    expect((await engine.call('films.open', { filmId: film!.id })).entry.id).toBe(film!.id);
    const later = await open();
    expect((await later.call('removed.list', {})).collections).toEqual([{ id: dataset, name: 'A' }]);
    await later.call('collections.restore', { collectionId: dataset });
    expect(await listed(later)).toEqual(before);
    engine = later;
  });

  it('a server: nothing may be sent there until it is put back, then with its key of this session', async () => {
    const [server] = await engine.call('servers.list', {});
    await engine.call('servers.setKey', { address: server!.address, key: 'sk-secret' });
    await engine.call('servers.remove', { serverId: server!.id });
    expect((await engine.call('app.state', {})).network).toEqual([]);
    await expect(engine.call('servers.refresh', { serverId: server!.id })).rejects.toMatchObject({
      code: 'SERVER_UNKNOWN',
    });
    expect(readFileSync(join(home, 'servers.json'), 'utf8')).not.toContain('sk-secret');
    expect(await engine.call('servers.restore', { serverId: server!.id })).toMatchObject({
      address: server!.address,
      key: 'session',
    });
    expect((await engine.call('app.state', {})).network).toEqual([server!.address]);
  });

  it('a checkpoint, also after a restart', async () => {
    const [tiny] = await engine.call('checkpoints.list', {});
    await engine.call('checkpoints.remove', { checkpointId: tiny!.id });
    const later = await open();
    expect(await later.call('checkpoints.list', {})).toEqual([]);
    await later.call('checkpoints.restore', { checkpointId: tiny!.id });
    expect(await later.call('checkpoints.list', {})).toMatchObject([{ id: tiny!.id, name: 'Tiny', hash: tiny!.hash }]);
    engine = later;
  });

  it('by command', { timeout: 240_000 }, async () => {
    const run = (...args: string[]) =>
      chexreason(['workspace', ...args, '--workspace', workspace, '--json'], {
        cwd: folder,
        env: { CHEXREASON_HOME: home },
      });
    const removed = await run('remove', '--folder', 'films/a');
    expect(removed.status, removed.stderr).toBe(0);
    expect(removed.lines).toEqual([{ removed: 'folder', films: 3 }]);
    expect((await run('remove', '--dataset', dataset)).lines).toMatchObject([{ removed: 'dataset', id: dataset }]);
    const { lines } = await run('list');
    expect(lines).toContainEqual({ what: 'dataset', id: dataset, name: 'A', removed: true });
    expect(lines.filter(({ what }) => what === 'film')).toHaveLength(3);
    expect((await run('restore', '--folder', 'films/a')).lines).toEqual([{ restored: 'folder', films: 3 }]);
    expect((await run('remove')).status).toBe(2);
  });
});
