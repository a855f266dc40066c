import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ChatTemplate, strftime } from '../../core/text/chatTemplate.ts';
import { loadPrompts } from '../../core/text/prompts.ts';
import { Tokenizer } from '../../core/text/tokenizer.ts';

/** Bytes and a few letters, with Gemma's decoder: enough to see how bytes are joined. */
function byteTokenizer(): Tokenizer {
  const vocab: Record<string, number> = { '<pad>': 0, '<end>': 1, a: 2, '▁': 3 };
  for (let byte = 0; byte < 256; byte++) {
    vocab[`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`] = 10 + byte;
  }
  return new Tokenizer(
    {
      added_tokens: [{ id: 1, content: '<end>', special: true, normalized: false }],
      normalizer: { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
      pre_tokenizer: null,
      post_processor: null,
      decoder: {
        type: 'Sequence',
        decoders: [
          { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
          { type: 'ByteFallback' },
          { type: 'Fuse' },
        ],
      },
      model: { type: 'BPE', vocab, merges: [], byte_fallback: true, unk_token: '<pad>' },
    },
    {},
  );
}

const bytes = (text: string) => [...new TextEncoder().encode(text)].map((byte) => byte + 10);

describe('tokenizer', () => {
  it('falls back to bytes and joins them again', () => {
    const tokenizer = byteTokenizer();
    expect(tokenizer.encode('a µ')).toEqual([2, 3, ...bytes('µ')]);
    expect(tokenizer.decode([2, 3, ...bytes('µ🫁')])).toBe('a µ🫁');
  });

  it('writes one replacement character for each byte of an invalid run, as the Rust library does', () => {
    const [first, second] = bytes('µ');
    expect(byteTokenizer().decode([2, first!, second!, first!, 2])).toBe('a\uFFFD\uFFFD\uFFFDa');
  });

  it('leaves special tokens out, or in', () => {
    expect(byteTokenizer().decode([2, 1])).toBe('a');
    expect(byteTokenizer().decode([2, 1], { skipSpecial: false })).toBe('a<end>');
  });

  it('leaves out ids that only the network’s padded table has', () => {
    expect(byteTokenizer().decode([2, 9999, 2])).toBe('aa');
    expect(() => byteTokenizer().idOf('nothing')).toThrowError(expect.objectContaining({ code: 'TOKEN_UNKNOWN' }));
  });

  it('streams whole characters only, and the joined stream is the decoded text', () => {
    const tokenizer = byteTokenizer();
    const ids = [2, 3, ...bytes('é🫁'), 2, 1, ...bytes('µ').slice(0, 1)];
    const stream = tokenizer.stream();
    const pieces = ids.map((id) => stream.push(id));
    expect(pieces).toEqual(['a', ' ', '', '', '', '', '', '', 'é🫁a', '', '']);
    expect(pieces.join('') + stream.end()).toBe(tokenizer.decode(ids));
  });

  it('names what is missing in a folder', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tokenizer-'));
    await expect(Tokenizer.load(folder)).rejects.toMatchObject({ code: 'TOKENIZER_MISSING' });
    await writeFile(join(folder, 'tokenizer.json'), '{}');
    await expect(Tokenizer.load(folder)).rejects.toMatchObject({ code: 'TOKENIZER_UNREADABLE' });
    await expect(ChatTemplate.load(folder, byteTokenizer())).rejects.toMatchObject({ code: 'CHAT_TEMPLATE_MISSING' });
  });
});

describe('chat template', () => {
  it('raises with the template’s own words', () => {
    const template = new ChatTemplate('{{ raise_exception("roles must alternate") }}', {});
    expect(() => template.render([{ role: 'user', content: 'x' }])).toThrowError(
      expect.objectContaining({
        code: 'CHAT_TEMPLATE_REFUSED',
        message: expect.stringContaining('roles must alternate'),
      }),
    );
  });

  it('formats dates as Python does, from the clock it is given', () => {
    const now = new Date(2026, 1, 3, 15, 4, 5);
    expect(strftime(now, '%d %b %Y, %A %I:%M %p 100%% %Q')).toBe('03 Feb 2026, Tuesday 03:04 PM 100% %Q');
    expect(new ChatTemplate("{{ strftime_now('%Y-%m-%d') }}", {}).render([], { now })).toBe('2026-02-03');
  });
});

describe('prompts', () => {
  it('reads Markdown with front matter and JSON, and names a file without them', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'prompts-'));
    await writeFile(join(folder, 'b.md'), '---\nname: B: zonal\nformat: Reasoning B\n---\n\nLook: twice.\n');
    await writeFile(join(folder, 'a.json'), JSON.stringify({ name: 'A', format: 'Only Label', text: 'Labels.' }));
    expect(await loadPrompts(folder)).toEqual([
      { id: 'a', name: 'A', format: 'Only Label', text: 'Labels.' },
      { id: 'b', name: 'B: zonal', format: 'Reasoning B', text: 'Look: twice.' },
    ]);
    await writeFile(join(folder, 'c.md'), 'no front matter');
    await expect(loadPrompts(folder)).rejects.toMatchObject({ code: 'PROMPT_UNREADABLE' });
  });
});
