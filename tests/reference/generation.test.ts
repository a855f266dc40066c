/** Generation and scoring by every executor against transformers and PEFT (shared/reference/gemma3, peft). */
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type GenerationRequest, generate } from '../../core/generation/generate.ts';
import type { Prompt } from '../../core/generation/prompt.ts';
import { GREEDY } from '../../core/generation/sampling.ts';
import { score } from '../../core/generation/score.ts';
import { adapterTarget } from '../../core/models/network.ts';
import { openModelFolder } from '../../core/models/modelFolder.ts';
import { openRunner } from '../../core/models/openRunner.ts';
import type { Runner } from '../../core/models/runner.ts';
import type { Adapter } from '../../core/peft/adapter.ts';
import { openAdapter } from '../../core/peft/adapterFolder.ts';
import { featuresOf, largestDifference, type ReferenceCase } from '../support/gemma3.ts';
import { describeReference, readJsonFile, referenceDir } from '../support/reference.ts';
import { countCaches, describeExecutors } from '../support/runners.ts';

const peft = referenceDir('peft/gemma3');

describeReference('generation', peft && referenceDir('gemma3'), (folder) => {
  const cases: ReferenceCase[] = folder ? readJsonFile(folder, 'cases.json').cases : [];
  const adapted: Record<string, { greedy_tokens: number[] }> = folder ? readJsonFile(peft!, 'cases.json') : {};

  describeExecutors('Gemma 3', (executor) => {
    let runner: Runner;
    let adapter: Adapter;
    const prompts = new Map<string, Prompt>();
    const caches = { made: 0, disposed: 0 };

    beforeAll(async () => {
      const model = await openModelFolder(join(folder, 'model'));
      runner = countCaches(await openRunner({ model, executor, threads: 1 }), caches);
      ({ adapter } = await openAdapter(join(peft!, 'adapter'), adapterTarget(model)));
      for (const { name, input_ids, images } of cases) {
        const features = (await featuresOf(runner, folder, images)) ?? null;
        prompts.set(name, { promptIds: input_ids, images: features, adapter: null });
      }
    });
    afterAll(() => runner.dispose());
    afterEach(() => expect(caches.disposed, 'caches that were made are disposed').toBe(caches.made));

    const request = (name: string, change: Partial<GenerationRequest> = {}): GenerationRequest => ({
      ...prompts.get(name)!,
      sampling: GREEDY,
      maxNewTokens: 32,
      stopIds: runner.info.endTokenIds,
      ...change,
    });
    const tokensOf = async (requests: GenerationRequest[], batchSize = 8) =>
      (await generate(runner, requests, { batchSize })).map(({ tokenIds }) => tokenIds);

    it('is the executor that was asked for', () => {
      expect(runner.executor.name).toBe(executor);
    });

    it('greedy tokens of all prompts in one batch', async () => {
      const tokens = await tokensOf(cases.map(({ name }) => request(name)));
      cases.forEach(({ name, greedy_tokens }, i) => {
        expect(tokens[i], name).toEqual(greedy_tokens);
      });
    });

    it('greedy tokens with the adapter, and of the base beside it in one batch', async () => {
      const names = Object.keys(adapted);
      const tokens = await tokensOf(names.flatMap((name) => [request(name), request(name, { adapter })]));
      names.forEach((name, i) => {
        expect(tokens[2 * i], name).toEqual(cases.find((one) => one.name === name)!.greedy_tokens);
        expect(tokens[2 * i + 1], name).toEqual(adapted[name]!.greedy_tokens);
      });
    });

    it('greedy tokens, begun from the base for the adapter and the other way round', async () => {
      for (const [name, { greedy_tokens }] of Object.entries(adapted)) {
        const base = cases.find((one) => one.name === name)!.greedy_tokens;
        const drafted = [request(name, { adapter, drafts: [base] }), request(name, { drafts: [greedy_tokens] })];
        expect(await tokensOf(drafted, 1), name).toEqual([greedy_tokens, base]);
      }
    });

    it('log-probabilities of given completions, alone and in one batch', async () => {
      const scored = cases.filter(({ completion }) => completion);
      const requests = scored.map(({ name, completion }) => ({
        ...prompts.get(name)!,
        completionIds: completion!.ids,
      }));
      for (const batchSize of [1, 8]) {
        const scores = await score(runner, requests, { batchSize });
        scored.forEach(({ name, completion }, i) => {
          expect(largestDifference(scores[i]!, completion!.logprobs), name).toBeLessThan(1e-3);
        });
      }
    });

    it('scoring gives the log-probabilities that generating gave, with temperature too', async () => {
      const sampling = { temperature: 0.8, topK: 0, topP: 0.95, seed: 5 };
      const requests = ['image_gray', 'text_only', 'image_gray'].map((name, i) =>
        request(name, { sampling: { ...sampling, seed: i }, adapter: i === 1 ? adapter : null, maxNewTokens: 12 + 3 * i }),
      );
      const completions = await generate(runner, requests);
      const given = completions.map(({ tokenIds }, i) => ({ ...requests[i]!, completionIds: tokenIds }));
      const plain = await score(runner, given);
      const tempered = await score(
        runner,
        given.map((one) => ({ ...one, temperature: 0.8 })),
      );
      completions.forEach((completion, i) => {
        expect(largestDifference(plain[i]!, completion.logprobs)).toBeLessThan(1e-3);
        expect(largestDifference(tempered[i]!, completion.temperedLogprobs)).toBeLessThan(1e-3);
      });
    });

    it('results do not depend on the batch that a request is in', async () => {
      const requests = cases.flatMap(({ name }, i) =>
        [0, 1, 2].map((k) =>
          request(name, {
            sampling: { temperature: 1.1, topK: 40, topP: 0.9, seed: 10 * i + k },
            adapter: (i + k) % 2 === 0 ? adapter : null,
            maxNewTokens: 4 + ((5 * i + 3 * k) % 9),
          }),
        ),
      );
      const alone = await tokensOf(requests, 1);
      expect(await tokensOf(requests, 4)).toEqual(alone);
      expect(await tokensOf([...requests].reverse(), 15)).toEqual([...alone].reverse());
    });

    it('the same seed gives the same completion, another seed another one', async () => {
      const sampled = (seed: number) => request('text_only', { sampling: { temperature: 1, topK: 0, topP: 1, seed } });
      const [a, b, c] = await tokensOf([sampled(1), sampled(1), sampled(2)]);
      expect(b).toEqual(a);
      expect(c).not.toEqual(a);
    });

    it('an end token ends the completion and belongs to it', async () => {
      const all = cases.find(({ name }) => name === 'text_only')!.greedy_tokens;
      const [completion] = await generate(runner, [request('text_only', { stopIds: [all[6]!] })]);
      expect(completion!.tokenIds).toEqual(all.slice(0, 7));
      expect(completion!.stop).toBe('end');
      const [cut] = await generate(runner, [request('text_only', { maxNewTokens: 3 })]);
      expect(cut!.stop).toBe('length');
      expect(cut!.logprobs.length).toBe(3);
    });

    it('calls that run at once, and one that is cancelled among them, leave nothing to each other', async () => {
      const sampled = { temperature: 1, topK: 0, topP: 1, seed: 5 };
      const all = cases.slice(0, 3).flatMap(({ name }) => [
        request(name, { maxNewTokens: 12 }),
        request(name, { maxNewTokens: 12, adapter }),
        request(name, { maxNewTokens: 12, sampling: sampled, stopIds: [] }),
      ]);
      const alone: number[][] = [];
      for (const each of all) alone.push(...(await tokensOf([each])));
      const stopping = new AbortController();
      const stopped = generate(runner, [request(cases[0]!.name, { adapter, stopIds: [] })], {
        signal: stopping.signal,
        onToken: () => stopping.abort(),
      });
      const together = await Promise.all([expect(stopped).rejects.toThrow(), ...all.map((each) => tokensOf([each]))]);
      expect(together.slice(1).flat()).toEqual(alone);
      expect((await tokensOf([all[0]!]))[0]).toEqual(alone[0]);
    });

    it('streams tokens, and stops within one token of a cancellation', async () => {
      const controller = new AbortController();
      const seen: number[] = [];
      const running = generate(runner, [request('text_only')], {
        signal: controller.signal,
        onToken: (_, token) => {
          seen.push(token);
          // From outside, as a message comes: in a later turn of the event loop, which generating must let through.
          if (seen.length === 3) setImmediate(() => controller.abort());
        },
      });
      await expect(running).rejects.toMatchObject({ code: 'CANCELLED' });
      expect(seen.length).toBeLessThanOrEqual(5);
      expect(seen).toEqual(cases.find(({ name }) => name === 'text_only')!.greedy_tokens.slice(0, seen.length));
    });
  });

  describe('requests that cannot be met', () => {
    let runner: Runner;
    beforeAll(async () => {
      runner = await openRunner({ model: join(folder, 'model'), threads: 1 });
    });
    afterAll(() => runner.dispose());

    const ask = (change: Partial<GenerationRequest>) =>
      generate(runner, [
        { promptIds: [2, 7], images: null, adapter: null, sampling: GREEDY, maxNewTokens: 2, stopIds: [], ...change },
      ]);

    it('name what is wrong', async () => {
      await expect(ask({ promptIds: [] })).rejects.toMatchObject({ code: 'PROMPT_EMPTY' });
      const image = runner.info.imageTokenId;
      await expect(ask({ promptIds: [2, image] })).rejects.toMatchObject({ code: 'PROMPT_IMAGE_TOKENS' });
      await expect(ask({ promptIds: [2, 1e9] })).rejects.toMatchObject({ code: 'FORWARD_INPUT' });
      await expect(ask({ maxNewTokens: 0 })).rejects.toMatchObject({ code: 'GENERATION_REQUEST' });
      await expect(ask({ sampling: { ...GREEDY, topP: 0 } })).rejects.toMatchObject({ code: 'GENERATION_REQUEST' });
    });
  });
});
