/** Checkpoints on a server, through the contract: what is sent, what a fault costs, and that nothing goes anywhere else. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { writePhantom } from '../../core/phantom/generate.ts';
import { nodePlatform } from '../../core/platform/node.ts';
import type { Engine } from '../../core/services/contract.ts';
import { createEngine } from '../../core/services/engine.ts';
import { Servers } from '../../core/services/servers.ts';
import { readPdf } from '../support/pdf.ts';
import { LLAMA, type ScriptedServer, scriptedServer, VLLM } from '../support/scriptedServer.ts';

const RESOURCES = join(import.meta.dirname, '../../resources');
let root: string;
let scripted: ScriptedServer;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'servers-test-'));
  await writePhantom({ institution: 'a', count: 4, seed: 21, out: join(root, 'a'), size: 64, format: 'png' });
  await writePhantom({ institution: 'b', count: 4, seed: 22, out: join(root, 'b'), size: 64, format: 'png' });
  scripted = await scriptedServer();
});
afterAll(async () => {
  await scripted.close();
  await rm(root, { recursive: true, force: true });
});
beforeEach(() => {
  scripted.asked.length = 0;
  scripted.script = [];
  scripted.paths = VLLM;
  scripted.otherwise = ({ body }) => ({ do: 'answer', text: answerOf(body.model) });
});

const answerOf = (model: string) =>
  `<think>Read by ${model}.</think><solution>${model === 'grpo' ? 'Edema' : 'No Finding'}</solution>`;
const open = (workspace: string, user = 'user'): Promise<Engine> =>
  createEngine(nodePlatform({ resourcesDir: RESOURCES, userDir: join(root, user) }), {
    workspace: join(root, workspace),
    threads: 1,
  });

async function withServer(workspace: string, user?: string) {
  const engine = await open(workspace, user);
  const server = await engine.call('servers.add', { address: scripted.address, concurrency: 4, timeoutSeconds: 1 });
  for (const [model, role] of [
    ['medgemma', 'base'],
    ['sft', 'sft'],
    ['grpo', 'grpo'],
  ] as const) {
    await engine.call('checkpoints.addRemote', { serverId: server.id, model, role });
  }
  return { engine, server };
}

async function withFilms(engine: Engine) {
  const a = await engine.call('datasets.add', {
    kind: 'chexpert',
    csv: join(root, 'a/CheXpert-v1.0/valid.csv'),
    images: join(root, 'a'),
    role: 'source',
  });
  const b = await engine.call('datasets.add', {
    kind: 'nih',
    csv: join(root, 'b/Data_Entry_2017_v2020.csv'),
    images: join(root, 'b'),
    role: 'target',
  });
  return { a, b };
}

const code = (wanted: string) => expect.objectContaining({ code: wanted });

describe('a server', () => {
  it('is found out, added, named in the network list, and its models become checkpoints that are kept', async () => {
    const { engine, server } = await withServer('kept');
    expect(server).toMatchObject({ kind: 'vllm', version: '0.32.0', key: 'none', error: null });
    expect(server.models.map(({ id }) => id)).toEqual(['medgemma', 'sft', 'grpo']);
    expect((await engine.call('app.state', {})).network).toEqual([scripted.address]);
    const again = await (await open('kept')).call('checkpoints.list', {});
    expect(again.map(({ id, baseId, error }) => [id, baseId, error])).toEqual([
      ['medgemma', null, null],
      ['sft', 'medgemma', null],
      ['grpo', 'medgemma', null],
    ]);
    expect(again[1]!.server).toMatchObject({ kind: 'vllm', version: '0.32.0', model: 'sft', parent: 'medgemma' });
  });

  it('of somebody else’s workspace is not asked', async () => {
    await withServer('foreign', 'owner');
    const before = scripted.asked.length;
    const other = await open('foreign', 'visitor');
    const list = await other.call('checkpoints.list', {});
    expect(list.map(({ error }) => error?.code)).toEqual(Array(3).fill('SERVER_NOT_CONFIGURED'));
    const { a } = await withFilms(other);
    const [film] = await other.call('films.list', { collectionId: a.id });
    await expect(other.call('predictions.generate', { filmId: film!.id, checkpointId: 'sft' })).rejects.toEqual(
      code('SERVER_NOT_CONFIGURED'),
    );
    expect(scripted.asked).toHaveLength(before);
    await other.call('servers.add', { address: scripted.address });
    expect((await other.call('checkpoints.list', {})).map(({ error }) => error)).toEqual([null, null, null]);
  });

  it('has its key in memory, or in the environment, and nowhere on disk', async () => {
    const engine = await open('secret', 'secret-user');
    const { id } = await engine.call('servers.add', { address: scripted.address, key: 'sk-very-secret' });
    await engine.call('checkpoints.addRemote', { serverId: id, model: 'sft' });
    const { a } = await withFilms(engine);
    const [film] = await engine.call('films.list', { collectionId: a.id });
    await engine.call('predictions.generate', { filmId: film!.id, checkpointId: 'sft' });
    expect(scripted.asked[0]!.headers['authorization']).toBe('Bearer sk-very-secret');
    const [shown] = await engine.call('servers.list', {});
    expect(shown).toMatchObject({
      key: 'session',
      keyVariable: expect.stringMatching(/^CHEXREASON_API_KEY_127_0_0_1/),
    });
    expect(JSON.stringify(shown)).not.toContain('very-secret');
    for (const folder of ['secret', 'secret-user']) {
      for (const file of await readdir(join(root, folder), { recursive: true, withFileTypes: true })) {
        if (!file.isFile()) continue;
        expect(await readFile(join(file.parentPath, file.name), 'utf8')).not.toContain('very-secret');
      }
    }
    const later = await Servers.open(join(root, 'secret-user'), { [shown!.keyVariable]: 'sk-from-environment' });
    expect(later.list()[0]!.key).toBe('environment');
  });

  it('that is gone, or has lost the model, is an error of the question', async () => {
    const { engine } = await withServer('gone');
    const { a } = await withFilms(engine);
    const [film] = await engine.call('films.list', { collectionId: a.id });
    const reopened = await open('gone');
    scripted.paths = { ...VLLM, '/v1/models': { data: [{ id: 'other', owned_by: 'vllm' }] } };
    await expect(reopened.call('predictions.generate', { filmId: film!.id, checkpointId: 'sft' })).rejects.toEqual(
      code('SERVER_MODEL_GONE'),
    );
  });
});

describe('answers of a server', () => {
  it('stream, are stored under a key with server, version and model, and are not asked for again', async () => {
    const { engine } = await withServer('answers');
    const { a } = await withFilms(engine);
    const [film] = await engine.call('films.list', { collectionId: a.id });
    const asked = { filmId: film!.id, checkpointId: 'grpo' };
    const texts: string[] = [];
    const first = await engine.call('predictions.generate', asked, { onProgress: ({ text }) => texts.push(text) });
    expect(texts.length).toBeGreaterThan(1);
    expect(first).toMatchObject({ text: answerOf('grpo'), reading: { findings: ['Edema'] }, stop: 'end' });
    expect(first.provenance).toMatchObject({
      executor: 'vllm',
      executorVersion: '0.32.0',
      server: scripted.address,
      serverModel: 'grpo',
    });
    const again = await (await open('answers')).call('predictions.generate', asked);
    expect(again).toEqual(first);
    expect(scripted.asked).toHaveLength(1);
    scripted.paths = { ...VLLM, '/version': { version: '0.33.0' } };
    const newer = await (await open('answers')).call('predictions.generate', asked);
    expect(newer.key).not.toBe(first.key);
  });

  it('carry the film’s pixels and the prompt, and nothing that names the patient or the file', async () => {
    const { engine } = await withServer('sent');
    const { a } = await withFilms(engine);
    const [film] = await engine.call('films.list', { collectionId: a.id });
    await engine.call('predictions.generate', { filmId: film!.id, checkpointId: 'sft', promptId: 'only-label' });
    const { messages } = scripted.asked[0]!.body;
    const [image, instruction] = messages[0]!.content as [{ image_url: { url: string } }, { text: string }];
    const png = Buffer.from(image.image_url.url.split(',')[1]!, 'base64');
    expect(png.subarray(1, 4).toString()).toBe('PNG');
    expect(png.includes('tEXt')).toBe(false);
    expect(instruction.text).toContain('without any reasoning');
    const { messages: _, ...rest } = scripted.asked[0]!.body;
    expect(JSON.stringify(rest)).not.toContain(film!.patientId);
    const { width } = await engine.call('films.modelView', { filmId: film!.id, checkpointId: 'sft' });
    expect(width).toBe(64);
  });

  it('of llama.cpp are asked for with one adapter on and the others off', async () => {
    scripted.paths = LLAMA;
    const engine = await open('llama', 'llama-user');
    const server = await engine.call('servers.add', { address: scripted.address });
    expect(server.kind).toBe('llama.cpp');
    for (const model of ['medgemma.gguf', 'grpo'])
      await engine.call('checkpoints.addRemote', { serverId: server.id, model });
    const { a } = await withFilms(engine);
    const [film] = await engine.call('films.list', { collectionId: a.id });
    for (const { id } of await engine.call('checkpoints.list', {}))
      await engine.call('predictions.generate', { filmId: film!.id, checkpointId: id });
    expect(scripted.asked.map(({ body }) => [body.model, body['lora']])).toEqual([
      [
        'medgemma.gguf',
        [
          { id: 0, scale: 0 },
          { id: 1, scale: 0 },
        ],
      ],
      [
        'medgemma.gguf',
        [
          { id: 0, scale: 0 },
          { id: 1, scale: 1 },
        ],
      ],
    ]);
  });
});

describe('an evaluation on a server', () => {
  it('loses one row to a fault, keeps the rest, and asks only for what is missing when it is resumed', {
    timeout: 180_000,
  }, async () => {
    const { engine } = await withServer('evaluated');
    const { a, b } = await withFilms(engine);
    const params = { sourceDatasetId: a.id, targetDatasetId: b.id, checkpointIds: ['sft', 'grpo'], limit: null };
    scripted.script = [{ do: 'html' }, { do: 'status', status: 400 }, { do: 'wrong-json' }];
    const failures: number[] = [];
    const first = await engine.call('evaluations.run', params, {
      onProgress: ({ cells }) => failures.push(cells.length),
    });
    const done = (result: typeof first) => result.cells.map((cell) => cell.done);
    expect(done(first).reduce((sum, films) => sum + films, 0)).toBe(2 * 8 - 3);
    const [summary] = await engine.call('evaluations.list', {});
    expect(summary).toMatchObject({ state: 'stopped', done: 13, total: 16 });
    scripted.asked.length = 0;
    const second = await engine.call('evaluations.run', params);
    expect(scripted.asked).toHaveLength(3);
    expect(done(second)).toEqual([4, 4, 4, 4]);
    expect((await engine.call('evaluations.list', {}))[0]).toMatchObject({ state: 'complete', done: 16 });
    const { pdf } = await engine.call('report.render', { evaluationId: second.id });
    const { text } = await readPdf(pdf);
    const words = text.join(' ').replace(/\s+/g, ' ');
    expect(words).toContain('vllm 0.32.0 on a server, precision of the server');
    expect(words).toContain('not seen: a server’s model “grpo”');
    expect(words).toContain('which weights answered was not seen');
    // The address may name an institution.
    expect(words).not.toContain('127.0.0.1');
  });

  it('has label frequencies, and refuses a method that its kind of server has not', async () => {
    const { engine } = await withServer('frequencies');
    const { a, b } = await withFilms(engine);
    let count = 0;
    scripted.otherwise = ({ body }) => ({
      do: 'answer',
      text: `<think>x</think><solution>${body['temperature'] !== 0 && count++ % 2 === 0 ? 'Edema' : 'No Finding'}</solution>`,
    });
    const params = { sourceDatasetId: a.id, targetDatasetId: b.id, checkpointIds: ['sft'], limit: 1 };
    const result = await engine.call('evaluations.run', {
      ...params,
      probabilities: { method: 'frequency', samples: 4 },
    });
    const [film] = await engine.call('evaluations.films', {
      evaluationId: result.id,
      datasetId: a.id,
      checkpointId: 'sft',
    });
    const prediction = film!.prediction!;
    expect(prediction.probabilities).toMatchObject({
      method: 'frequency k=4 T=0.8 p=0.95',
      samples: 4,
      values: { Edema: 0.5, 'No Finding': 0.5, Fracture: 0 },
    });
    expect(prediction.provenance).toMatchObject({ probabilityMethod: 'frequency k=4 T=0.8 p=0.95', temperature: 0 });
  });

  it('is refused between a server and this machine, with what differs', async () => {
    const { engine } = await withServer('mixed');
    const { a, b } = await withFilms(engine);
    await engine.call('checkpoints.addRemote', {
      serverId: (await engine.call('servers.list', {}))[0]!.id,
      model: 'sft',
      maxNewTokens: 99,
    });
    const params = { sourceDatasetId: a.id, targetDatasetId: b.id, checkpointIds: ['sft', 'grpo'], limit: 1 };
    await expect(engine.call('evaluations.run', params)).rejects.toMatchObject({
      code: 'CHECKPOINTS_NOT_COMPARABLE',
      details: { differences: 'maximum of tokens (99 and 512)' },
    });
    expect(scripted.asked).toHaveLength(0);
  });
});

describe('the canary', () => {
  it('shows an adapter that the server ignores', async () => {
    const { engine } = await withServer('canary');
    const grpo = await engine.call('checkpoints.canary', { checkpointId: 'grpo' });
    expect(grpo.canary).toMatchObject({ findings: ['Edema'], base: { findings: ['No Finding'], same: false } });
    expect(grpo.warnings).toEqual([]);
    scripted.otherwise = () => ({ do: 'answer', text: answerOf('medgemma') });
    const sft = await engine.call('checkpoints.canary', { checkpointId: 'sft' });
    expect(sft.canary!.base).toMatchObject({ same: true, largestDifference: 0 });
    expect(sft.warnings.join()).toContain('the server seems to ignore the adapter');
    const again = await (await open('canary')).call('checkpoints.list', {});
    expect(again.find(({ id }) => id === 'sft')!.canary!.base!.same).toBe(true);
  });
});
