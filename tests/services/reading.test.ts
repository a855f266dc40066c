/** Behind an answer: its tokens and prompt, a question of one's own, what every checkpoint said, what readers found. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writePhantom } from '../../core/phantom/generate.ts';
import { nodePlatform } from '../../core/platform/node.ts';
import type { Engine, FilmEntry, Prediction } from '../../core/services/contract.ts';
import { createEngine } from '../../core/services/engine.ts';
import { Tokenizer } from '../../core/text/tokenizer.ts';
import { writeTinyModel } from '../support/tinyModel.ts';

const RESOURCES = join(import.meta.dirname, '../../resources');
let root: string;
let model: string;
let engine: Engine;
let film: FilmEntry;
let checkpointId: string;
let answer: Prediction;

const open = () => {
  const platform = nodePlatform({ resourcesDir: RESOURCES, userDir: join(root, 'user') });
  return createEngine(platform, { workspace: join(root, 'workspace'), threads: 1 });
};

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'reading-'));
  model = await writeTinyModel();
  const out = join(root, 'b');
  const { csv, images } = await writePhantom({ institution: 'b', count: 2, seed: 5, out, size: 64, format: 'png' });
  engine = await open();
  const { id } = await engine.call('datasets.add', { kind: 'nih', csv, images });
  [film] = (await engine.call('films.list', { collectionId: id })) as [FilmEntry, ...FilmEntry[]];
  ({ id: checkpointId } = await engine.call('checkpoints.add', { path: model, name: 'Base' }));
  answer = await engine.call('predictions.generate', { filmId: film.id, checkpointId, maxNewTokens: 24 });
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
  await rm(model, { recursive: true, force: true });
});

describe('An answer', () => {
  it('is opened token by token; the ordinary ones are its text', async () => {
    const { prompt, promptTokens, tokens } = await engine.call('predictions.inspect', {
      filmId: film.id,
      checkpointId,
      key: answer.key,
    });
    const tokenizer = await Tokenizer.load(model);
    expect(tokens).toHaveLength(answer.tokenIds.length);
    expect(answer.logprobs).toHaveLength(tokens.length);
    const ordinary = tokens.filter((_, i) => !tokenizer.isSpecial(answer.tokenIds[i]!));
    expect(ordinary.join('')).toBe(answer.text);
    expect(prompt).toContain('<start_of_image>');
    expect(promptTokens).toBeGreaterThan(16);
    await expect(
      engine.call('predictions.inspect', { filmId: film.id, checkpointId, key: 'nothing' }),
    ).rejects.toMatchObject({ code: 'ANSWER_UNKNOWN' });
  });

  it('to a question of one’s own leaves the film’s own answer as it is, and keeps the question', async () => {
    const asked = { filmId: film.id, checkpointId, maxNewTokens: 8 };
    const own = await engine.call('predictions.generate', { ...asked, promptText: 'Is there an effusion?' });
    expect(own).toMatchObject({ promptText: 'Is there an effusion?', provenance: { promptId: 'own' } });
    const inside = await engine.call('predictions.inspect', { filmId: film.id, checkpointId, key: own.key });
    expect(inside.prompt).toContain('Is there an effusion?');
    const other = await engine.call('predictions.generate', { ...asked, promptId: 'only-label' });
    expect(other.provenance.promptId).toBe('only-label');
    expect(new Set([own.key, other.key, answer.key]).size).toBe(3);
    await expect(engine.call('predictions.generate', { ...asked, promptId: 'no-such' })).rejects.toMatchObject({
      code: 'PROMPT_UNKNOWN',
    });
  });

  it('stands in the index; samples and other questions do not', async () => {
    await engine.call('predictions.sample', { filmId: film.id, checkpointId, samples: 2, maxNewTokens: 8 });
    const index = await engine.call('predictions.index', {});
    const { parseFailure, findings } = answer.reading;
    expect(index).toEqual({ [film.id]: { [checkpointId]: parseFailure ? null : findings } });
  });
});

describe('What readers found', () => {
  it('is kept, the last of each film counts, and another engine finds it', async () => {
    const found = { filmId: film.id, imageHash: answer.provenance.imageHash, comment: '', blinded: true, seconds: 12 };
    await engine.call('readers.save', { ...found, findings: { Edema: 1 } });
    const last = await engine.call('readers.save', { ...found, findings: { Edema: -1, Fracture: 0 }, blinded: false });
    expect(await (await open()).call('readers.list', {})).toEqual([last]);
    expect(last).toMatchObject({ findings: { Edema: -1, Fracture: 0 }, blinded: false });
  });

  it.each([
    ['a label that is none', { findings: { Scoliosis: 1 } }],
    ['a judgement that is none', { findings: { Edema: 2 } }],
  ])('refuses %s', async (_, wrong) => {
    const found = { filmId: film.id, imageHash: '0'.repeat(64), comment: '', blinded: true, seconds: 1 };
    await expect(engine.call('readers.save', { ...found, ...wrong } as never)).rejects.toThrow();
  });
});
