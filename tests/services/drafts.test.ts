/** A checkpoint that is asked after another one begins from the other's answer, and says what it would have said alone. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { OnnxRunner } from '../../core/models/onnxRunner.ts';
import { writePhantom } from '../../core/phantom/generate.ts';
import { nodePlatform } from '../../core/platform/node.ts';
import type { FilmEntry } from '../../core/services/contract.ts';
import { createEngine } from '../../core/services/engine.ts';

const RESOURCES = join(import.meta.dirname, '../../resources');
let root: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'drafts-'));
  await writePhantom({ institution: 'a', count: 3, seed: 5, out: join(root, 'films'), size: 256 });
}, 60_000);
afterAll(() => rm(root, { recursive: true, force: true }));
afterEach(() => vi.restoreAllMocks());

/** What GRPO says of each film after the others have been asked, and how often the network ran for it. */
async function ask(workspace: string, before: string[]) {
  const platform = nodePlatform({ resourcesDir: RESOURCES, userDir: join(root, 'user') });
  const engine = await createEngine(platform, {
    workspace: join(root, workspace),
    threads: 1,
    executor: 'onnxruntime-cpu',
  });
  const ids: Record<string, string> = {};
  for (const name of ['base', 'sft', 'grpo'])
    ids[name] = (await engine.call('checkpoints.add', { path: join(RESOURCES, 'models', name) })).id;
  await engine.call('films.add', { paths: [join(root, 'films')] });
  const films = (await engine.call('films.list', {})) as FilmEntry[];
  const answers = [];
  for (const { id: filmId, path } of films.sort((a, b) => (a.path < b.path ? -1 : 1))) {
    for (const name of before) await engine.call('predictions.generate', { filmId, checkpointId: ids[name]! });
    const forward = vi.spyOn(OnnxRunner.prototype, 'forward');
    const { text, tokenIds } = await engine.call('predictions.generate', { filmId, checkpointId: ids['grpo']! });
    answers.push({ path, text, tokenIds, passes: forward.mock.calls.length });
    forward.mockRestore();
  }
  return answers;
}

it('is generated once more, from nothing, where that is asked for; the stored one stays', async () => {
  const platform = nodePlatform({ resourcesDir: RESOURCES, userDir: join(root, 'user') });
  const workspace = join(root, 'again');
  const engine = await createEngine(platform, { workspace, threads: 1 });
  const { id: checkpointId } = await engine.call('checkpoints.add', { path: join(RESOURCES, 'models/base') });
  await engine.call('films.add', { paths: [join(root, 'films')] });
  const [{ id: filmId }] = (await engine.call('films.list', {})) as [FilmEntry];
  const first = await engine.call('predictions.generate', { filmId, checkpointId });
  const forward = vi.spyOn(OnnxRunner.prototype, 'forward');
  await engine.call('predictions.generate', { filmId, checkpointId });
  expect(forward).not.toHaveBeenCalled();
  const again = await engine.call('predictions.generate', { filmId, checkpointId, again: true });
  expect(forward).toHaveBeenCalledTimes(first.tokenIds.length);
  expect(again).toMatchObject({ key: first.key, tokenIds: first.tokenIds, logprobs: first.logprobs });
  const lines = (await readFile(join(workspace, 'predictions', `${checkpointId}.jsonl`), 'utf8')).trim().split('\n');
  expect(lines).toHaveLength(1);
  expect((await engine.call('predictions.ofFilm', { filmId }))[checkpointId]!.createdAt).toBe(first.createdAt);
});

it('in a fraction of the passes', async () => {
  const alone = await ask('alone', []);
  const after = await ask('after', ['base', 'sft']);
  expect(after.map(({ text }) => text)).toEqual(alone.map(({ text }) => text));
  for (const [i, { passes, tokenIds }] of alone.entries()) {
    expect(passes).toBe(tokenIds.length);
    expect(after[i]!.passes).toBeLessThan(passes / 2);
  }
}, 120_000);
