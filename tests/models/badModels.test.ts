/** Model folders that lie, and questions that do not fit: a clear error each, soon, and the next question is answered. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generate } from '../../core/generation/generate.ts';
import { GREEDY } from '../../core/generation/sampling.ts';
import { loadPromptModel } from '../../core/models/architectures.ts';
import { openRunner } from '../../core/models/openRunner.ts';
import type { Runner } from '../../core/models/runner.ts';
import { ChatTemplate } from '../../core/text/chatTemplate.ts';
import { imageQuestion } from '../../core/text/promptInput.ts';
import { writeTinyModel } from '../support/tinyModel.ts';

let folder: string;
beforeAll(async () => {
  folder = await writeTinyModel();
});
afterAll(() => rm(folder, { recursive: true }));

/** A file of the folder with another content while `body` runs. */
async function changed(name: string, change: (json: Record<string, unknown>) => void, body: () => Promise<void>) {
  const path = join(folder, name);
  const before = await readFile(path, 'utf8');
  const json = JSON.parse(before) as Record<string, unknown>;
  change(json);
  await writeFile(path, JSON.stringify(json));
  await body();
  await writeFile(path, before);
}

describe('a tokenizer of another model', () => {
  const IMAGE = '<image_soft_token>';
  type Json = { added_tokens: { id: number; content: string }[]; model: { vocab: Record<string, number> } };

  it('without the image token', () =>
    changed(
      'tokenizer.json',
      (json) => {
        const tokenizer = json as unknown as Json;
        tokenizer.added_tokens = tokenizer.added_tokens.filter(({ content }) => content !== IMAGE);
        delete tokenizer.model.vocab[IMAGE];
      },
      () =>
        expect(loadPromptModel(folder)).rejects.toMatchObject({
          code: 'TOKENIZER_UNFIT',
          details: { file: join(folder, 'tokenizer.json'), token: IMAGE, expected: 3 },
        }),
    ));

  it('whose image token is another one', () =>
    changed(
      'config.json',
      (json) => {
        json['image_token_index'] = 5;
      },
      () =>
        expect(loadPromptModel(folder)).rejects.toMatchObject({ code: 'TOKENIZER_UNFIT', details: { actual: [3] } }),
    ));

  it('that is none', () =>
    changed(
      'tokenizer.json',
      (json) => {
        json['model'] = 'BPE';
      },
      () => expect(loadPromptModel(folder)).rejects.toMatchObject({ code: 'TOKENIZER_UNREADABLE' }),
    ));
});

describe('a chat template', () => {
  const render = (source: string) => new ChatTemplate(source, {}).render(imageQuestion('x'));

  it.each([
    ['over many numbers', '{% for i in range(10000000000) %}{% endfor %}'],
    ['within loops', `${'{% for i in range(9999) %}'.repeat(6)}${'{% endfor %}'.repeat(6)}`],
  ])('that loops %s is stopped', (_, source) => {
    expect(() => render(source)).toThrowError(expect.objectContaining({ code: 'CHAT_TEMPLATE_ENDLESS' }));
    expect(render('{{ messages | length }}')).toBe('1');
  });

  it.each([
    ['that calls what is not there', '{{ nothing() }}', 'CHAT_TEMPLATE_REFUSED'],
    ['that raises', "{{ raise_exception('no') }}", 'CHAT_TEMPLATE_REFUSED'],
    ['that is cut off', '{% for m in messages %}', 'CHAT_TEMPLATE_UNREADABLE'],
    ['that calls itself', '{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}', 'CHAT_TEMPLATE_REFUSED'],
  ])('%s', (_, source, code) => {
    expect(() => render(source)).toThrowError(expect.objectContaining({ code }));
  });
});

describe('a prompt', () => {
  let runner: Runner;
  const ask = (length: number, maxNewTokens = 4) => {
    const promptIds = Array.from({ length }, (_, i) => 10 + (i % 200));
    return generate(runner, [{ promptIds, images: null, adapter: null, sampling: GREEDY, maxNewTokens, stopIds: [] }]);
  };
  const withContext = (tokens: number, body: () => Promise<void>) =>
    changed(
      'config.json',
      (json) => {
        (json['text_config'] as Record<string, unknown>)['max_position_embeddings'] = tokens;
      },
      async () => {
        runner = await openRunner({ model: folder, threads: 1 });
        await body();
        await runner.dispose();
      },
    );

  it('longer than the context is refused, and the next one is answered up to its end', () =>
    withContext(32, async () => {
      await expect(ask(32)).rejects.toMatchObject({
        code: 'PROMPT_TOO_LONG',
        details: { tokens: 32, contextLength: 32 },
      });
      const [answer] = await ask(29, 100);
      expect(answer).toMatchObject({ stop: 'length' });
      expect(answer!.tokenIds).toHaveLength(3);
    }));

  it('within a context of a million is refused before its mask is made', () =>
    withContext(1_000_000, async () => {
      await expect(ask(40_000)).rejects.toMatchObject({ code: 'PROMPT_TOO_LONG', details: { tokens: 40_000 } });
      expect(await ask(8)).toHaveLength(1);
    }));
});
