/** A teacher's questions outlive their engine: paused ones are taken up paused, by an engine that knows the server's key. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writePhantom } from '../../core/phantom/generate.ts';
import { nodePlatform } from '../../core/platform/node.ts';
import type { Engine } from '../../core/services/contract.ts';
import { createEngine } from '../../core/services/engine.ts';
import { root } from '../support/command.ts';
import { type ScriptedServer, scriptedServer } from '../support/scriptedServer.ts';

const FILMS = 8;
const KEY = 'sk-of-the-teacher';

describe('the asking of a teacher', () => {
  let folder: string;
  let server: ScriptedServer;
  const open = () =>
    createEngine(nodePlatform({ resourcesDir: join(root, 'resources'), userDir: join(folder, 'home') }), {
      workspace: join(folder, 'workspace'),
      goOn: true,
      keys: { [server.address]: KEY },
    });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'traces-go-on-'));
    server = await scriptedServer();
    server.otherwise = ({ headers }) =>
      headers['authorization'] === `Bearer ${KEY}`
        ? { do: 'answer', text: '<think>The heart is of normal size.</think><solution>No Finding</solution>' }
        : { do: 'status', status: 401 };
  });
  afterAll(async () => {
    await server.close();
    await rm(folder, { recursive: true, force: true });
  });

  const teaching = async (engine: Engine) => (await engine.call('jobs.list', {})).find(({ kind }) => kind === 'teach');
  const journal = async () => JSON.parse(await readFile(join(folder, 'workspace', 'jobs.json'), 'utf8')) as object[];

  it('stays paused over a restart, and then asks about the films that are missing', async () => {
    const out = join(folder, 'm');
    const { csv } = await writePhantom({ institution: 'm', count: FILMS, seed: 5, out, size: 32, format: 'png' });
    await rm(join(out, 'traces.jsonl'), { force: true });
    const before = await open();
    const { id: datasetId } = await before.call('datasets.add', { kind: 'mimic', csv, images: out });
    const { id: serverId } = await before.call('servers.add', { address: server.address, concurrency: 1 });
    const asking = before.call('traces.ask', { datasetId, serverId, model: 'medgemma', films: FILMS });
    asking.catch(() => {});
    await expect.poll(async () => (await teaching(before))?.progress?.done, { interval: 1 }).toBeGreaterThan(0);
    await before.call('jobs.pause', { jobId: (await teaching(before))!.id });
    await expect.poll(async () => (await teaching(before))?.state, { interval: 1 }).toBe('paused');
    const { progress } = (await teaching(before))!;
    expect(progress!.done).toBeLessThan(FILMS);
    await expect.poll(async () => JSON.stringify(await journal())).toContain('"paused"');

    const after = await open();
    await expect.poll(async () => (await teaching(after))?.state).toBe('paused');
    const taken = (await teaching(after))!;
    expect(taken).toMatchObject({ progress, pause: 'asked' });
    const asked = server.asked.length;
    await after.call('jobs.resume', { jobId: taken.id });
    await expect.poll(async () => (await teaching(after))?.state).toBe('done');
    expect(server.asked.length - asked).toBe(FILMS - progress!.done);
    const { counts } = await after.call('traces.list', { datasetId });
    expect(counts).toMatchObject({ unreviewed: FILMS, failed: 0 });
    expect(await journal()).toEqual([]);
  });
});
