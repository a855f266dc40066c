/**
 * A BPE tokenizer of any number of tokens that works: single characters (or bytes), then pairs of letters, then what pairs
 * and letters make, each with its merge. Every text can be written in it; its words mean nothing.
 */
import type { SyntheticTokenizer } from './syntheticModels.ts';

const LETTERS = [...'abcdefghijklmnopqrstuvwxyz'];

export function syntheticTokenizer({ kind, vocabulary, special }: SyntheticTokenizer) {
  const taken = new Map(special.map(({ id, content }) => [id, content]));
  const vocab = new Map<string, number>();
  const merges: [string, string][] = [];
  let id = 0;
  const add = (token: string): boolean => {
    while (taken.has(id)) vocab.set(taken.get(id)!, id++);
    if (vocab.has(token) || id >= vocabulary) return id < vocabulary;
    vocab.set(token, id++);
    return true;
  };
  for (const token of kind === 'gemma' ? gemmaAlphabet() : byteAlphabet()) add(token);
  const space = kind === 'gemma' ? '▁' : 'Ġ';
  for (const [first, second] of pairs(space)) {
    if (!add(first + second)) break;
    if (id < vocabulary) merges.push([first, second]);
  }
  for (const { id: own, content } of special) if (own < vocabulary) vocab.set(content, own);
  const added = special.map(({ id: own, content }) => {
    return { id: own, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  });
  const model = { type: 'BPE', vocab: Object.fromEntries(vocab), merges };
  return { json: { version: '1.0', added_tokens: added, ...pipeline(kind, model) }, config: configOf(kind, special) };
}

/** Two letters; two letters and a third; two pairs: always of parts that are there already. */
function* pairs(space: string): Generator<[string, string]> {
  const two = [space, ...LETTERS].flatMap((a) => LETTERS.map((b): [string, string] => [a, b]));
  yield* two;
  for (const [a, b] of two) for (const c of LETTERS) yield [a + b, c];
  for (const [a, b] of two) for (const [c, d] of two) if (c !== space) yield [a + b, c + d];
}

function gemmaAlphabet(): string[] {
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
  const ascii = Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i));
  return [...bytes, '\n', '▁', ...ascii];
}

/** GPT-2's letters for bytes. */
function byteAlphabet(): string[] {
  const plain = (byte: number) =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255);
  let other = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(plain(byte) ? byte : other++));
}

function pipeline(kind: 'gemma' | 'qwen', model: object) {
  if (kind === 'gemma')
    return {
      normalizer: { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
      pre_tokenizer: { type: 'Split', pattern: { String: ' ' }, behavior: 'MergedWithPrevious', invert: false },
      post_processor: null,
      decoder: {
        type: 'Sequence',
        decoders: [
          { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
          { type: 'ByteFallback' },
          { type: 'Fuse' },
        ],
      },
      model: { ...model, unk_token: '<unk>', fuse_unk: true, byte_fallback: true },
    };
  return {
    normalizer: { type: 'NFC' },
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    model: { ...model, unk_token: null, byte_fallback: false },
  };
}

function configOf(kind: 'gemma' | 'qwen', special: SyntheticTokenizer['special']) {
  const named = special.flatMap(({ content, name }) => (name ? [[name, content] as const] : []));
  const tokenizerClass = kind === 'gemma' ? 'GemmaTokenizer' : 'Qwen2Tokenizer';
  return { tokenizer_class: tokenizerClass, clean_up_tokenization_spaces: false, ...Object.fromEntries(named) };
}
