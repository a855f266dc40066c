/**
 * Trains a byte-pair encoding (Sennrich et al. 2016) and writes it as the tokenizer files of a Gemma 3 model: spaces become
 * U+2581, characters that the text never showed fall back to bytes, special tokens come first. Deterministic: among equally
 * frequent pairs the one that sorts first is merged. A merge never crosses words, so the encoder needs no pre-tokenizer.
 */
import { WorkbenchError } from '../base/errors.ts';

export interface WeightedText {
  text: string;
  /** How often it counts. */
  weight: number;
}

export interface BpeModel {
  /** Pieces in the order of their ids. */
  pieces: string[];
  merges: [string, string][];
}

/** Names in tokenizer_config.json, and the tokens, in the order of their ids. */
export const GEMMA_SPECIAL_TOKENS = {
  pad_token: '<pad>',
  eos_token: '<eos>',
  bos_token: '<bos>',
  unk_token: '<unk>',
  start_of_turn: '<start_of_turn>',
  end_of_turn: '<end_of_turn>',
  boi_token: '<start_of_image>',
  eoi_token: '<end_of_image>',
  image_token: '<image_soft_token>',
} as const;

const SPACE = '\u2581';
const SPECIAL = Object.values(GEMMA_SPECIAL_TOKENS);
const BYTES = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
/** Words with the space before them, tags, numbers, line breaks, and every other character by itself. */
const WORD = /\u2581?<\/?[a-z]+>|\u2581?[A-Za-z]+|\u2581?[0-9]+|\n|\u2581?[^A-Za-z0-9\u2581\n]|\u2581/gu;

/** @throws TOKENIZER_TOO_SMALL where the vocabulary cannot hold specials, bytes and the characters of the texts */
export function trainBpe(texts: readonly WeightedText[], vocabularySize: number): BpeModel {
  const words = countWords(texts);
  const characters = [...new Set(words.flatMap(({ symbols }) => symbols))].sort();
  const pieces: string[] = [...SPECIAL, ...BYTES, ...characters];
  if (pieces.length > vocabularySize) {
    throw new WorkbenchError('TOKENIZER_TOO_SMALL', 'The vocabulary is too small for the characters of these texts.', {
      needed: pieces.length,
      asked: vocabularySize,
    });
  }
  const merges: [string, string][] = [];
  while (pieces.length < vocabularySize) {
    const pair = mostFrequentPair(words);
    if (pair === null) break;
    for (const word of words) word.symbols = joined(word.symbols, pair);
    merges.push(pair);
    const piece = pair.join('');
    if (!pieces.includes(piece)) pieces.push(piece);
  }
  return { pieces, merges };
}

interface Word {
  symbols: string[];
  weight: number;
}

function countWords(texts: readonly WeightedText[]): Word[] {
  const counts = new Map<string, number>();
  for (const { text, weight } of texts) {
    for (const [word] of text.replaceAll(' ', SPACE).matchAll(WORD)) counts.set(word, (counts.get(word) ?? 0) + weight);
  }
  return [...counts].map(([word, weight]) => ({ symbols: [...word], weight }));
}

function mostFrequentPair(words: readonly Word[]): [string, string] | null {
  const counts = new Map<string, number>();
  for (const { symbols, weight } of words) {
    for (let i = 1; i < symbols.length; i++) {
      const pair = `${symbols[i - 1]} ${symbols[i]}`;
      counts.set(pair, (counts.get(pair) ?? 0) + weight);
    }
  }
  let best: [pair: string, count: number] | null = null;
  for (const entry of counts) {
    if (best === null || entry[1] > best[1] || (entry[1] === best[1] && entry[0] < best[0])) best = entry;
  }
  return best === null ? null : (best[0].split(' ') as [string, string]);
}

function joined(symbols: string[], [left, right]: [string, string]): string[] {
  const result: string[] = [];
  for (let i = 0; i < symbols.length; i++) {
    const here = symbols[i] === left && symbols[i + 1] === right;
    result.push(here ? left + right : symbols[i]!);
    if (here) i++;
  }
  return result;
}

/** tokenizer.json, tokenizer_config.json and special_tokens_map.json as transformers writes them for Gemma 3. */
export function gemmaTokenizerFiles(model: BpeModel, chatTemplate: string): Record<string, object> {
  const added = SPECIAL.map((content, id) => ({ id, ...addedToken(content), special: true }));
  const bos = GEMMA_SPECIAL_TOKENS.bos_token;
  const begin = { SpecialToken: { id: bos, type_id: 0 } };
  const { start_of_turn, end_of_turn, ...named } = GEMMA_SPECIAL_TOKENS;
  return {
    'tokenizer.json': {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: added,
      normalizer: { type: 'Replace', pattern: { String: ' ' }, content: SPACE },
      pre_tokenizer: { type: 'Split', pattern: { String: ' ' }, behavior: 'MergedWithPrevious', invert: false },
      post_processor: {
        type: 'TemplateProcessing',
        single: [begin, { Sequence: { id: 'A', type_id: 0 } }],
        pair: [
          begin,
          { Sequence: { id: 'A', type_id: 0 } },
          { SpecialToken: { id: bos, type_id: 1 } },
          { Sequence: { id: 'B', type_id: 1 } },
        ],
        special_tokens: { [bos]: { id: bos, ids: [SPECIAL.indexOf(bos)], tokens: [bos] } },
      },
      decoder: {
        type: 'Sequence',
        decoders: [
          { type: 'Replace', pattern: { String: SPACE }, content: ' ' },
          { type: 'ByteFallback' },
          { type: 'Fuse' },
        ],
      },
      model: {
        type: 'BPE',
        dropout: null,
        unk_token: GEMMA_SPECIAL_TOKENS.unk_token,
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
        fuse_unk: true,
        byte_fallback: true,
        ignore_merges: false,
        vocab: Object.fromEntries(model.pieces.map((piece, id) => [piece, id])),
        merges: model.merges,
      },
    },
    'tokenizer_config.json': {
      tokenizer_class: 'GemmaTokenizer',
      processor_class: 'Gemma3Processor',
      add_bos_token: true,
      add_eos_token: false,
      clean_up_tokenization_spaces: false,
      model_max_length: 2048,
      padding_side: 'left',
      added_tokens_decoder: Object.fromEntries(
        SPECIAL.map((content, id) => [String(id), { ...addedToken(content), special: true }]),
      ),
      chat_template: chatTemplate,
      ...named,
    },
    'special_tokens_map.json': { ...named },
  };
}

function addedToken(content: string): object {
  return { content, single_word: false, lstrip: false, rstrip: false, normalized: false };
}
