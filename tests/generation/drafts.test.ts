/** Drafts make an answer sooner and change nothing in it, whatever they are. */
import { rm } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Drafts } from '../../core/generation/drafts.ts';
import { type GenerationRequest, generate } from '../../core/generation/generate.ts';
import { loadPromptModel } from '../../core/models/architectures.ts';
import { openRunner } from '../../core/models/openRunner.ts';
import type { Runner } from '../../core/models/runner.ts';
import { countCaches } from '../support/runners.ts';
import { writeTinyModel } from '../support/tinyModel.ts';

const any = () => true;

describe('what is copied', () => {
  const text = [5, 6, 7, 8, 9, 6, 7, 4];

  it('is the beginning of the first text, then what follows the last place that ends alike', () => {
    const drafts = new Drafts([text, [1, 2]], any);
    expect(drafts.next([], 100)).toEqual(text);
    drafts.kept(1, 8);
    expect(drafts.next([5, 0, 6, 7], 100)).toEqual([4]);
    expect(drafts.next([5, 0, 5, 6], 100)).toEqual([7, 8, 9, 6]);
    expect(drafts.next([3, 8], 100)).toEqual([9, 6, 7, 4]);
    expect(drafts.next([3], 100)).toEqual([]);
    expect(drafts.next([3, 1], 100)).toEqual([2]);
  });

  it('goes on where the last copy ended, however often its end comes', () => {
    const drafts = new Drafts([[1, 1, 1, 1, 2, 3]], any);
    expect(drafts.next([], 2)).toEqual([1, 1]);
    drafts.kept(2, 2);
    expect(drafts.next([1, 1, 1], 100)).toEqual([1, 2, 3]);
    drafts.kept(2, 3);
    // Another token than the text's: found again behind what it ends with.
    expect(drafts.next([1, 1, 1, 1, 2, 1, 2], 100)).toEqual([3]);
  });

  it('is never longer than there is room, and ends before an image token', () => {
    expect(new Drafts([text], (id) => id !== 8).next([], 100)).toEqual([5, 6, 7]);
    expect(new Drafts([text], any).next([], 2)).toEqual([5, 6]);
    expect(new Drafts([text], any).next([], 0)).toEqual([]);
    expect(new Drafts([text], any).next([], -1)).toEqual([]);
  });

  it('gets shorter where little was kept, and longer again', () => {
    const long = Array.from({ length: 100 }, (_, i) => i);
    const drafts = new Drafts([long], any);
    const lengths = [drafts.next([0, 1], 100).length];
    for (const kept of [0, 4, 8, 16, 5]) {
      drafts.kept(kept, lengths[lengths.length - 1]!);
      lengths.push(drafts.next([0, 1], 100).length);
    }
    expect(lengths).toEqual([16, 4, 8, 16, 16, 6]);
  });
});

describe('an answer with drafts', () => {
  let folder: string;
  let runner: Runner;
  let forwards = 0;
  let prompt: Pick<GenerationRequest, 'promptIds' | 'images' | 'adapter' | 'stopIds'>;
  const caches = { made: 0, disposed: 0 };

  beforeAll(async () => {
    folder = await writeTinyModel();
    const counted = countCaches(await openRunner({ model: folder, threads: 1 }), caches);
    runner = {
      ...counted,
      forward: (input) => {
        forwards++;
        return counted.forward(input);
      },
    };
    const { tokenizer } = await loadPromptModel(folder);
    prompt = { promptIds: tokenizer.encode('Read this film.'), images: null, adapter: null, stopIds: [1] };
  });
  afterAll(async () => {
    await runner.dispose();
    await rm(folder, { recursive: true });
  });
  afterEach(() => expect(caches.disposed, 'caches that were made are disposed').toBe(caches.made));

  const ask = async (change: Partial<GenerationRequest>) => {
    forwards = 0;
    const sampling = { temperature: 0, topK: 0, topP: 1, seed: 3 };
    const [completion] = await generate(runner, [{ ...prompt, sampling, maxNewTokens: 40, ...change }]);
    return { ...completion!, forwards };
  };

  it.each([
    ['greedy', 0],
    ['drawn', 1],
    ['drawn from few', 0.3],
  ])('%s: the same tokens and probabilities in fewer passes', async (_, temperature) => {
    const sampling = { temperature, topK: temperature === 0.3 ? 20 : 0, topP: temperature === 1 ? 0.95 : 1, seed: 11 };
    const plain = await ask({ sampling });
    const right = plain.tokenIds;
    const partly = right.map((id, i) => (i % 7 === 6 ? (id + 1) % 200 : id));
    const drafts: [string, number[][], number][] = [
      ['itself', [right], 5],
      ['itself with mistakes', [partly], 20],
      ['nothing of it', [Array.from({ length: 30 }, (_, i) => 100 + i)], 40],
      ['the second is right', [[9, 9, 9], right], 12],
      ['much longer', [[...right, ...right]], 5],
      ['empty', [[]], 40],
      [
        'no tokens of this model',
        [
          [-1, 1.5, 1e9, 3, ...right],
          [right[0]!, Number.NaN, 3],
        ],
        40,
      ],
    ];
    for (const [name, texts, most] of drafts) {
      const drafted = await ask({ sampling, drafts: texts });
      expect(drafted.tokenIds, name).toEqual(right);
      expect(drafted.stop, name).toBe(plain.stop);
      // A random network says the same few tokens again and again when it is greedy: what follows them is not to be found.
      expect(drafted.forwards, name).toBeLessThanOrEqual(temperature === 0 && most > 5 ? 40 : most);
      for (const [i, logprob] of plain.logprobs.entries()) {
        expect(drafted.logprobs[i], name).toBeCloseTo(logprob, 4);
        expect(drafted.temperedLogprobs[i], name).toBeCloseTo(plain.temperedLogprobs[i]!, 4);
      }
    }
  });

  it('ends with the end token, also in the middle of a copy, and with the longest that is allowed', async () => {
    const { tokenIds } = await ask({});
    const stopIds = [tokenIds[9]!];
    const first = tokenIds.indexOf(tokenIds[9]!);
    const ended = await ask({ stopIds, drafts: [tokenIds] });
    expect(ended).toMatchObject({ stop: 'end', tokenIds: tokenIds.slice(0, first + 1) });
    for (const maxNewTokens of [1, 2, 17, 18])
      expect(await ask({ maxNewTokens, drafts: [tokenIds] })).toMatchObject({
        stop: 'length',
        tokenIds: tokenIds.slice(0, maxNewTokens),
      });
  });

  it('can be cancelled', async () => {
    const controller = new AbortController();
    const sampling = { temperature: 0, topK: 0, topP: 1, seed: 3 };
    const request = { ...prompt, sampling, maxNewTokens: 40, drafts: [[200, 201]] };
    const onToken = () => controller.abort();
    await expect(generate(runner, [request], { signal: controller.signal, onToken })).rejects.toMatchObject({
      code: 'CANCELLED',
    });
  });
});
