/** An answer never holds a token that stands for an image or frames one, however likely the network finds it. */
import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type GenerationRequest, generate } from '../../core/generation/generate.ts';
import { GREEDY } from '../../core/generation/sampling.ts';
import { openRunner } from '../../core/models/openRunner.ts';
import { parseQwen25VlConfig } from '../../core/models/qwen25vl/config.ts';
import type { Runner } from '../../core/models/runner.ts';
import { writeTinyModel } from '../support/tinyModel.ts';

let folder: string;
let runner: Runner;

beforeAll(async () => {
  folder = await writeTinyModel();
  const own = await openRunner({ model: folder, threads: 1 });
  const { vocabulary, visionTokenIds } = own.info;
  // The network would say nothing else.
  const forward: Runner['forward'] = async (input) => {
    const output = await own.forward(input);
    for (let row = 0; row < output.logits.length; row += vocabulary)
      for (const id of visionTokenIds) output.logits[row + id] = output.logits[row + id]! + 20;
    return output;
  };
  runner = new Proxy(own, {
    get(target, name) {
      if (name === 'forward') return forward;
      const value = Reflect.get(target, name, target) as unknown;
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
});
afterAll(async () => {
  await runner.dispose();
  await rm(folder, { recursive: true });
});

it('of Gemma 3 are the image’s token and the two around it, of Qwen2.5-VL the video’s too', () => {
  expect(runner.info.visionTokenIds).toHaveLength(3);
  expect(runner.info.visionTokenIds).toContain(runner.info.imageTokenId);
  const parsed = parseQwen25VlConfig(
    {
      model_type: 'qwen2_5_vl',
      vision_config: { out_hidden_size: 8192 },
      image_token_id: 5,
      video_token_id: 6,
      vision_start_token_id: 7,
      vision_end_token_id: 8,
    },
    'config.json',
  );
  expect(parsed.visionTokenIds).toEqual([5, 6, 7, 8]);
});

it.each([
  ['greedy', { sampling: GREEDY }],
  ['greedy with a draft', { sampling: GREEDY, drafts: [[20, 21, 3, 22]] }],
  ['sampled', { sampling: { temperature: 1, topK: 0, topP: 1, seed: 4 } }],
  ['sampled with top-k and top-p', { sampling: { temperature: 0.8, topK: 2, topP: 0.5, seed: 4 } }],
] as [string, Partial<GenerationRequest>][])('%s', async (_, change) => {
  const { visionTokenIds } = runner.info;
  const request = { promptIds: [20, 21], images: null, adapter: null, sampling: GREEDY, maxNewTokens: 24, stopIds: [] };
  const [completion] = await generate(runner, [{ ...request, ...change }]);
  expect(completion!.tokenIds).toHaveLength(24);
  expect(completion!.tokenIds.filter((id) => visionTokenIds.includes(id))).toEqual([]);
  // Probabilities are those of the network as it is: what trains computes them over all tokens.
  for (const logprob of completion!.logprobs) expect(logprob).toBeLessThan(-10);
});
