import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ChatTemplate } from '../../core/text/chatTemplate.ts';
import { gemma3ImageTokens, promptInput, qwen2VlImageTokens } from '../../core/text/promptInput.ts';
import { Tokenizer } from '../../core/text/tokenizer.ts';
import { describeReference, readJsonFile, referenceDir } from '../support/reference.ts';

for (const model of ['gemma3', 'qwen25vl']) {
  describeReference(`${model}: tokenizer and chat template as in transformers`, referenceDir(model), (folder) => {
    it('encodes and decodes every case, whole and token by token', async () => {
      const tokenizer = await Tokenizer.load(join(folder, 'model'));
      for (const entry of readJsonFile(folder, 'tokenizer_cases.json')) {
        expect(tokenizer.encode(entry.text, { addSpecial: true })).toEqual(entry.ids);
        expect(tokenizer.encode(entry.text)).toEqual(entry.ids_without_special);
        const ids: number[] = entry.ids_without_special;
        expect(tokenizer.decode(ids, { skipSpecial: false })).toBe(entry.decoded_without_special);
        expect(tokenizer.decode(ids)).toBe(entry.decoded_skip_special);
        const stream = tokenizer.stream();
        expect(ids.map((id) => stream.push(id)).join('') + stream.end()).toBe(entry.decoded_skip_special);
      }
    });

    it('renders and decodes every conversation', async () => {
      const tokenizer = await Tokenizer.load(join(folder, 'model'));
      const template = await ChatTemplate.load(join(folder, 'model'), tokenizer);
      for (const entry of readJsonFile(folder, 'cases.json').cases) {
        expect(template.render(entry.messages)).toBe(entry.rendered);
        const stream = tokenizer.stream();
        const streamed = entry.greedy_tokens.map((id: number) => stream.push(id)).join('') + stream.end();
        expect(streamed).toBe(tokenizer.decode(entry.greedy_tokens));
        expect([streamed, tokenizer.decode(entry.greedy_tokens, { skipSpecial: false })]).toContain(entry.greedy_text);
      }
    });
  });
}

describeReference('gemma3: prompt input as in Gemma3Processor', referenceDir('gemma3'), (folder) => {
  it('gives the ids and token types of every conversation', async () => {
    const tokenizer = await Tokenizer.load(join(folder, 'model'));
    const template = await ChatTemplate.load(join(folder, 'model'), tokenizer);
    const model = { tokenizer, template, imageTokens: gemma3ImageTokens(tokenizer) };
    const perImage: number = readJsonFile(folder, 'model/config.json').mm_tokens_per_image;
    for (const entry of readJsonFile(folder, 'cases.json').cases) {
      const input = promptInput(entry.messages, entry.images.map(() => perImage), model);
      expect(input.inputIds).toEqual(entry.input_ids);
      expect(input.tokenTypeIds).toEqual(entry.token_type_ids);
      expect(() => promptInput(entry.messages, [...entry.images, 'x'].map(() => perImage), model)).toThrowError(
        expect.objectContaining({ code: 'PROMPT_IMAGES_DIFFER' }),
      );
    }
  });
});

describeReference('qwen25vl: prompt input as in Qwen2_5_VLProcessor', referenceDir('qwen25vl'), (folder) => {
  it('gives the ids and token types of every conversation', async () => {
    const tokenizer = await Tokenizer.load(join(folder, 'model'));
    const template = await ChatTemplate.load(join(folder, 'model'), tokenizer);
    const model = { tokenizer, template, imageTokens: qwen2VlImageTokens(tokenizer) };
    for (const entry of readJsonFile(folder, 'cases.json').cases) {
      const softTokens = entry.image_grid_thw.map(([t, h, w]: number[]) => (t! * h! * w!) / 4);
      const input = promptInput(entry.messages, softTokens, model);
      expect(input.inputIds).toEqual(entry.input_ids);
      expect(input.tokenTypeIds).toEqual(entry.mm_token_type_ids);
    }
  });
});
