/** The use cases through the contract, on a tiny random model and phantom films: what is kept, resumed and refused. */
import { appendFile, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../core/base/random.ts';
import { openModelFolder } from '../../core/models/modelFolder.ts';
import { adapterTarget } from '../../core/models/network.ts';
import { createAdapter, writeAdapter } from '../../core/peft/adapterFolder.ts';
import { writePhantom } from '../../core/phantom/generate.ts';
import { nodePlatform } from '../../core/platform/node.ts';
import type { Collection, Engine } from '../../core/services/contract.ts';
import { createEngine } from '../../core/services/engine.ts';
import { writeCard } from '../../core/workspace/card.ts';
import { writeTinyModel } from '../support/tinyModel.ts';

const RESOURCES = join(import.meta.dirname, '../../resources');
let root: string;
let model: string;
let adapter: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'engine-test-'));
  model = await writeTinyModel();
  adapter = join(root, 'adapter');
  const target = adapterTarget(await openModelFolder(model));
  const made = createAdapter(target, { r: 2, lora_alpha: 4, target_modules: ['q_proj', 'down_proj'] }, new Random(1));
  for (const { up } of made.modules.values()) up.fill(0.05);
  await writeAdapter(adapter, made, target, model);
  await writePhantom({ institution: 'a', count: 5, seed: 11, out: join(root, 'a'), size: 64, format: 'png' });
  await writePhantom({ institution: 'b', count: 5, seed: 12, out: join(root, 'b'), size: 64, format: 'png' });
});

afterAll(async () => {
  await rm(root, { recursive: true, force: true });
  await rm(model, { recursive: true, force: true });
});

function open(workspace: string): Promise<Engine> {
  const platform = nodePlatform({ resourcesDir: RESOURCES, userDir: join(root, 'user') });
  return createEngine(platform, { workspace: join(root, workspace), threads: 1 });
}

async function withCheckpoints(workspace: string): Promise<Engine> {
  const engine = await open(workspace);
  await engine.call('checkpoints.add', { path: model, name: 'Base' });
  await engine.call('checkpoints.add', { path: adapter, name: 'SFT', role: 'sft' });
  return engine;
}

async function withDatasets(workspace: string): Promise<{ engine: Engine; a: Collection; b: Collection }> {
  const engine = await withCheckpoints(workspace);
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
  return { engine, a, b };
}

const code = (wanted: string) => expect.objectContaining({ code: wanted });

describe('checkpoints', () => {
  it('recognises base and adapter, finds the base that fits, and keeps both', async () => {
    await withCheckpoints('kept');
    const again = await open('kept');
    const [base, sft] = await again.call('checkpoints.list', {});
    expect(base).toMatchObject({ id: 'base', role: 'base', baseId: null, error: null });
    expect(sft).toMatchObject({ id: 'sft', role: 'sft', baseId: 'base', error: null });
    expect(sft!.hash).toMatch(/^[0-9a-f]{64}$/);
    expect(sft!.hash).not.toBe(base!.hash);
  });

  it('refuses a folder that is neither, an adapter without its base, and to orphan an adapter', async () => {
    const engine = await open('refused');
    await expect(engine.call('checkpoints.add', { path: root })).rejects.toEqual(code('CHECKPOINT_NOT_RECOGNISED'));
    await expect(engine.call('checkpoints.add', { path: adapter })).rejects.toEqual(code('ADAPTER_WITHOUT_BASE'));
    const both = await withCheckpoints('refused');
    await expect(both.call('checkpoints.remove', { checkpointId: 'base' })).rejects.toEqual(
      code('CHECKPOINT_HAS_ADAPTERS'),
    );
  });

  it('gives no two checkpoints one name, and says that a folder is not there', async () => {
    const engine = await withCheckpoints('names');
    const copies = await Promise.all([1, 2].map(() => mkdtemp(join(root, 'copy-'))));
    for (const copy of copies) await cp(adapter, copy, { recursive: true });
    const names: string[] = [];
    for (const path of copies) names.push((await engine.call('checkpoints.add', { path, name: 'SFT' })).name);
    expect(names).toEqual(copies.map((path) => basename(path)));
    // Adding a folder again leaves its name.
    expect((await engine.call('checkpoints.add', { path: adapter, name: 'SFT' })).name).toBe('SFT');
    await expect(engine.call('checkpoints.add', { path: join(root, 'nowhere') })).rejects.toMatchObject({
      code: 'CHECKPOINT_NOT_RECOGNISED',
      message: 'There is no such folder.',
    });
  });

  it('takes a removal back, with what was set', async () => {
    const engine = await withCheckpoints('restored');
    const before = await engine.call('checkpoints.list', {});
    await engine.call('checkpoints.remove', { checkpointId: 'sft' });
    expect((await engine.call('checkpoints.list', {})).map(({ id }) => id)).toEqual(['base']);
    await engine.call('checkpoints.restore', { checkpointId: 'sft' });
    expect(await engine.call('checkpoints.list', {})).toEqual(before);
    expect((await (await open('restored')).call('checkpoints.list', {})).map(({ id }) => id)).toEqual(['base', 'sft']);
    await expect(engine.call('checkpoints.restore', { checkpointId: 'sft' })).rejects.toEqual(
      code('CHECKPOINT_UNKNOWN'),
    );
  });

  it('shows what is wrong with a folder that changed, and refuses to ask it', async () => {
    const copy = await writeTinyModel();
    const engine = await open('changed');
    await engine.call('checkpoints.add', { path: copy, name: 'Gone' });
    await writeFile(join(copy, 'model.safetensors'), 'cut off');
    const again = await open('changed');
    const [card] = await again.call('checkpoints.list', {});
    expect(card!.error?.code).toMatch(/^SAFETENSORS_/);
    await rm(copy, { recursive: true });
  });
});

describe('answers', () => {
  it('streams, is stored, and is not computed again', async () => {
    const { engine, a } = await withDatasets('answers');
    const [film] = await engine.call('films.list', { collectionId: a.id });
    const asked = { filmId: film!.id, checkpointId: 'sft', maxNewTokens: 12 };
    const texts: string[] = [];
    const first = await engine.call('predictions.generate', asked, { onProgress: ({ text }) => texts.push(text) });
    expect(texts.length).toBe(first.tokenIds.length);
    expect(first.logprobs.every((logprob) => logprob <= 0)).toBe(true);
    const again = await (await open('answers')).call('predictions.generate', asked);
    expect(again).toEqual(first);
  });

  it('draws samples of one film: stored, counted by label, and the same again', async () => {
    const { engine, a } = await withDatasets('samples');
    const [film] = await engine.call('films.list', { collectionId: a.id });
    const asked = { filmId: film!.id, checkpointId: 'sft', maxNewTokens: 6 };
    const sampled = await engine.call('predictions.sample', { ...asked, samples: 3, temperature: 1, topP: 1, seed: 4 });
    expect(sampled.predictions.map(({ provenance }) => provenance.seed)).toEqual([4, 5, 6]);
    expect(new Set(sampled.predictions.map(({ tokenIds }) => tokenIds.join())).size).toBe(3);
    expect(sampled.frequency).toHaveLength(14);
    expect(sampled.failures).toBe(3);
    const one = await engine.call('predictions.generate', { ...asked, temperature: 1, seed: 5 });
    expect(one).toEqual(sampled.predictions[1]);
  });

  it('has another key for another checkpoint, temperature or maximum', async () => {
    const { engine, a } = await withDatasets('keys');
    const [film] = await engine.call('films.list', { collectionId: a.id });
    const ask = (more: object) =>
      engine.call('predictions.generate', { filmId: film!.id, checkpointId: 'sft', maxNewTokens: 4, ...more });
    const answers = [await ask({}), await ask({ checkpointId: 'base' }), await ask({ temperature: 0.8, seed: 1 })];
    expect(new Set(answers.map(({ key }) => key)).size).toBe(3);
  });

  it('ends with CANCELLED within a token, and keeps nothing of it', async () => {
    const { engine, a } = await withDatasets('cancelled');
    const [film] = await engine.call('films.list', { collectionId: a.id });
    const controller = new AbortController();
    // Hot sampling: the random model would end at once otherwise.
    const asked = { filmId: film!.id, checkpointId: 'sft', maxNewTokens: 400, temperature: 10, seed: 3 };
    const answer = engine.call('predictions.generate', asked, {
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    await expect(answer).rejects.toEqual(code('CANCELLED'));
    await expect(readFile(join(root, 'cancelled/predictions/sft.jsonl'))).rejects.toThrow('ENOENT');
  });

  it('gives the very pixels that the network gets', async () => {
    const { engine, a } = await withDatasets('view');
    const [film] = await engine.call('films.list', { collectionId: a.id });
    const view = await engine.call('films.modelView', { filmId: film!.id, checkpointId: 'base' });
    expect([view.width, view.height, view.gray.length]).toEqual([16, 16, 256]);
  });
});

describe('evaluations', () => {
  const run = (engine: Engine, a: Collection, b: Collection, options = {}) =>
    engine.call(
      'evaluations.run',
      { sourceDatasetId: a.id, targetDatasetId: b.id, checkpointIds: ['base', 'sft'], limit: 3 },
      options,
    );

  it('goes on where it was interrupted, to the same result, asking nothing twice', async () => {
    const whole = await withDatasets('whole');
    const expected = await run(whole.engine, whole.a, whole.b);
    const { engine, a, b } = await withDatasets('stopped');
    const controller = new AbortController();
    const stopped = run(engine, a, b, {
      signal: controller.signal,
      onProgress: ({ done }: { done: number }) => done >= 2 && controller.abort(),
    });
    await expect(stopped).rejects.toEqual(code('CANCELLED'));
    const items = join(root, 'stopped/evaluations', `${expected.id}.jsonl`);
    await appendFile(items, '{"datasetId":"cut o');
    const again = await open('stopped');
    const resumed = await run(again, a, b);
    expect({ ...resumed, createdAt: '' }).toEqual({ ...expected, createdAt: '' });
    const lines = (await readFile(join(root, 'stopped/predictions/sft.jsonl'), 'utf8')).trim().split('\n');
    const keys = lines.map((line) => JSON.parse(line).key as string);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('says what each data set is to each checkpoint, and whom it was trained on', async () => {
    const trained = join(root, 'trained-adapter');
    await cp(adapter, trained, { recursive: true });
    const { engine, a, b } = await withDatasets('trained');
    const csv = join(root, 'a/CheXpert-v1.0/train.csv');
    await cp(join(root, 'a/CheXpert-v1.0/valid.csv'), csv);
    const training = {
      kind: 'chexpert',
      csv,
      images: join(root, 'a'),
      role: 'training-source',
      name: 'Films A',
    } as const;
    await engine.call('datasets.add', training);
    await writeCard(trained, {
      ...{ name: 'Trained', role: 'sft', trainingSource: 'films a', preprocessing: 'as-stored' },
      ...{ promptId: 'only-label', maxNewTokens: 8, phantomOnly: true },
    });
    const { id } = await engine.call('checkpoints.add', { path: trained });
    const asked = { sourceDatasetId: a.id, targetDatasetId: b.id, limit: 2 };
    const result = await engine.call('evaluations.run', { ...asked, checkpointIds: [id] });
    expect(
      result.cells.map(({ datasetId, checkpointId, distribution }) => [datasetId, checkpointId, distribution]),
    ).toEqual([
      [a.id, id, 'in-distribution'],
      [b.id, id, 'other institution'],
    ]);
    expect(result.warnings).toEqual([
      expect.stringContaining('who are in Films A too, which a checkpoint was trained on'),
    ]);
  });

  it('says what it will cost: with another prompt, or with label probabilities, answers are to be made again', async () => {
    const { engine, a, b } = await withDatasets('whole');
    await run(engine, a, b);
    const asked = { datasetIds: [a.id, b.id], checkpointIds: ['base', 'sft'], limit: 3 };
    const cost = (more: object) => engine.call('evaluations.cost', { ...asked, ...more });
    expect(await cost({})).toMatchObject({ films: 12, alreadyDone: 12, estimatedSeconds: 0 });
    expect(await cost({ promptId: 'reasoning-a' })).toMatchObject({ films: 12, alreadyDone: 0 });
    const probabilities = { method: 'answer-tree' } as const;
    expect(await cost({ probabilities })).toMatchObject({ films: 12, alreadyDone: 0, estimatedSeconds: null });
    const one = { sourceDatasetId: a.id, targetDatasetId: b.id, checkpointIds: ['sft'], limit: 3 };
    await engine.call('evaluations.run', { ...one, probabilities });
    expect(await cost({ probabilities })).toMatchObject({ films: 12, alreadyDone: 6 });
  });

  it('counts an unreadable completion as no label and never drops it', async () => {
    const { engine, a, b } = await withDatasets('whole');
    const result = await run(engine, a, b);
    for (const cell of result.cells) {
      expect(cell.own).toMatchObject({ films: 3, failures: 3, failRate: 1 });
      expect(cell.own.labels.every(({ predicted }) => predicted === 0)).toBe(true);
    }
    const failed = { evaluationId: result.id, datasetId: a.id, checkpointId: 'sft', outcome: 'failed' } as const;
    expect(await engine.call('evaluations.films', failed)).toHaveLength(3);
  });

  it('leaves out a film that cannot be opened, and reads the others', async () => {
    const { engine, a, b } = await withDatasets('broken');
    const films = await engine.call('films.list', { collectionId: a.id });
    const bytes = await readFile(films[0]!.path);
    await writeFile(films[0]!.path, bytes.subarray(0, 60));
    try {
      const all = { sourceDatasetId: a.id, targetDatasetId: b.id, checkpointIds: ['base'], limit: null };
      const result = await engine.call('evaluations.run', all);
      expect(result.cells.map(({ own, total }) => [own.films, total])).toEqual([
        [4, 5],
        [5, 5],
      ]);
    } finally {
      await writeFile(films[0]!.path, bytes);
    }
  });
});

describe('requests', () => {
  it('refuses what it does not know, by code', async () => {
    const engine = await open('unknown');
    await expect(engine.call('films.open', { filmId: 'nothing' })).rejects.toEqual(code('FILM_UNKNOWN'));
    await expect(engine.call('evaluations.result', { evaluationId: '../x' })).rejects.toEqual(
      code('EVALUATION_UNKNOWN'),
    );
    await expect(engine.call('training.log', { runId: '../x' })).rejects.toEqual(code('TRAINING_UNKNOWN'));
    const csv = join(root, 'a/CheXpert-v1.0/valid.csv');
    await expect(engine.call('datasets.add', { kind: 'nih', csv })).rejects.toEqual(code('DATASET_COLUMNS_MISSING'));
    await expect(engine.call('datasets.add', { kind: 'chexpert', csv, images: join(root, 'nowhere') })).rejects.toEqual(
      code('FILE_NOT_FOUND'),
    );
  });

  it('recognises what a path is', async () => {
    const engine = await open('recognised');
    const paths = [model, adapter, join(root, 'a/CheXpert-v1.0/valid.csv'), join(root, 'a'), join(root, 'none')];
    const kinds = await engine.call('paths.recognise', { paths });
    expect(kinds.map(({ kind, table }) => [kind, table])).toEqual([
      ['base', null],
      ['adapter', null],
      ['table', 'chexpert'],
      ['films', null],
      ['unknown', null],
    ]);
  });
});
