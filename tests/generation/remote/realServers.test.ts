/** Real servers, where one is running (servers/README.md says how): the same tokens and label probabilities as here. */
import { cpSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { labelProbabilities } from '../../../core/generation/labelProbabilities.ts';
import { remoteLabelProbabilities } from '../../../core/generation/remote/labels.ts';
import { type RemoteQuestion, RemoteServer } from '../../../core/generation/remote/server.ts';
import { GREEDY } from '../../../core/generation/sampling.ts';
import type { Label } from '../../../core/labels/labels.ts';
import { Inference } from '../../../core/services/inference.ts';
import { Models } from '../../../core/services/models.ts';
import { promptInput } from '../../../core/text/promptInput.ts';
import { referenceDir } from '../../support/reference.ts';

const { CHEXREASON_VLLM: vllm, CHEXREASON_LLAMA: llama } = process.env;
const TEXT = '<think>Edema is seen.</think><solution>Edema, Fracture</solution>';
const FINDINGS: Label[] = ['Edema', 'Fracture'];
const question = (more: Partial<RemoteQuestion>): RemoteQuestion => ({
  kind: 'vllm',
  model: 'tiny',
  image: null,
  text: 'Findings?',
  sampling: GREEDY,
  maxNewTokens: 24,
  ...more,
});

describe.skipIf(!vllm)('vLLM (skipped: CHEXREASON_VLLM names none)', () => {
  const server = new RemoteServer({ address: vllm ?? 'http://none', timeoutSeconds: 120 });
  const reference = referenceDir('gemma3')!;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'vllm-test-'));
    cpSync(join(reference, 'model'), folder, { recursive: true });
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('is found out with its adapter', async () => {
    const { kind, models } = await server.facts();
    expect(kind).toBe('vllm');
    expect(models.find(({ id }) => id === 'sft')?.parent).toBe('tiny');
  });

  it.each(['tiny', 'sft'])(
    '%s writes the same tokens as here',
    async (model) => {
      const adapter = model === 'sft' ? join(referenceDir('peft/gemma3')!, 'adapter') : undefined;
      const here = await Inference.open({ model: folder, adapter, threads: 1 });
      const messages = [{ role: 'user' as const, content: [{ type: 'text' as const, text: 'Findings?' }] }];
      const own = await here.infer({ messages, images: [] }, { sampling: GREEDY, samples: 1, maxNewTokens: 24 });
      await here.dispose();
      const there = await server.ask(question({ model }));
      expect(there.tokenIds).toEqual(own.tokenIds);
      there.tokens.forEach(({ logprob }, i) => {
        expect(Math.abs(logprob - own.logprobs[i]!)).toBeLessThan(1e-4);
      });
    },
    120_000,
  );

  it('gives the same label probabilities as here', async () => {
    const models = new Models({ threads: 1 });
    const model = await models.base(folder);
    const { inputIds } = promptInput([{ role: 'user', content: [{ type: 'text', text: 'Findings?' }] }], [], model);
    const answered = { text: TEXT, findings: FINDINGS, block: 'solution' as const };
    const completionIds = model.tokenizer.encode(TEXT);
    const prompt = { promptIds: inputIds, images: null, adapter: null, completionIds };
    const here = await labelProbabilities(model.runner, model.tokenizer, { ...prompt, ...answered });
    const there = await remoteLabelProbabilities(server, question({}), answered);
    for (const [label, p] of Object.entries(here.values)) expect(there.values[label as Label]).toBeCloseTo(p, 3);
    await models.dispose();
  });

  it('is sent a film once, and again when it has lost it', async () => {
    const bytes = await readFile(join(reference, 'images/a_gray.png'));
    const image = { uuid: `film-${Date.now()}`, png: () => bytes };
    const first = await server.ask(question({ image }));
    expect((await server.ask(question({ image }))).text).toBe(first.text);
    // Another connection thinks that the server has a film which it has never seen.
    const other = new RemoteServer({ address: vllm! });
    const unknown = { ...image, uuid: `never-${Date.now()}` };
    await other.ask(question({ image: unknown, maxNewTokens: 1 }));
    expect((await server.ask(question({ image: unknown }))).text).toBe(first.text);
  });
});

describe.skipIf(!llama)('llama.cpp (skipped: CHEXREASON_LLAMA names none)', () => {
  const server = new RemoteServer({ address: llama ?? 'http://none', timeoutSeconds: 60 });
  const scaled = (...scales: number[]) =>
    question({ kind: 'llama.cpp', model: '', lora: scales.map((scale, id) => ({ id, scale })), maxNewTokens: 8 });

  it('is found out with its adapters, and that it takes no images', async () => {
    const { kind, models } = await server.facts();
    expect(kind).toBe('llama.cpp');
    expect(models.map(({ loraId, vision }) => [loraId, vision])).toEqual([
      [undefined, false],
      [0, false],
      [1, false],
    ]);
  });

  it('answers by the adapter that a request names, and by the base with none', async () => {
    const texts: string[] = [];
    for (const scales of [
      [0, 0],
      [1, 0],
      [0, 1],
    ])
      texts.push((await server.ask(scaled(...scales))).text);
    expect(new Set(texts).size).toBe(3);
    expect((await server.ask(scaled(0, 0))).text).toBe(texts[0]);
  });

  it('tells label probabilities, which the adapter changes', async () => {
    const answered = { text: TEXT, findings: FINDINGS, block: 'solution' as const };
    const base = await remoteLabelProbabilities(server, scaled(0, 0), answered);
    const adapted = await remoteLabelProbabilities(server, scaled(1, 0), answered);
    expect(base.opened).toBeGreaterThan(2);
    expect(adapted.values.Edema).not.toBeCloseTo(base.values.Edema, 3);
  });
});
