/**
 * A model's own tokenizer (tokenizer.json, tokenizer_config.json), run by @huggingface/tokenizers, with the results of the
 * Rust library that transformers uses, and a decoder for text that arrives token by token.
 */
import { join } from 'node:path';
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { toErrorData, WorkbenchError } from '../base/errors.ts';
import { readJsonIfThere } from '../platform/files.ts';

interface AddedTokenEntry {
  id: number;
  content: string;
  special?: boolean;
}
interface TokenizerJson {
  added_tokens?: AddedTokenEntry[];
  model?: { vocab?: unknown };
}
export type TokenizerConfig = Record<string, unknown>;

/** transformers' named special tokens; a file may have more (`boi_token`, `image_token`). */
const SPECIAL_NAME = /_token$/;

export class Tokenizer {
  /** By their names in tokenizer_config.json: `bos_token`, `eos_token`, `pad_token`, `boi_token`, ... */
  readonly specialTokens: Readonly<Record<string, string>>;
  readonly config: TokenizerConfig;
  private readonly inner: HuggingFaceTokenizer;
  private readonly specialIds: ReadonlySet<number>;
  private readonly byteTokens: ReadonlySet<number>;

  /** @param json tokenizer.json  @param config tokenizer_config.json, with special_tokens_map.json's entries where it lacks them */
  constructor(json: object, config: TokenizerConfig) {
    this.config = config;
    this.inner = new HuggingFaceTokenizer(json, config);
    decodeBytesAsRust(this.inner.decoder);
    this.specialTokens = namedSpecialTokens(config);
    const added = (json as TokenizerJson).added_tokens ?? [];
    this.specialIds = new Set(added.filter((token) => token.special).map((token) => token.id));
    this.byteTokens = new Set(byteTokenIds(this.inner));
  }

  /** Reads a model's folder. @throws TOKENIZER_MISSING, TOKENIZER_UNREADABLE */
  static async load(folder: string): Promise<Tokenizer> {
    const file = join(folder, 'tokenizer.json');
    const json = await readJsonIfThere<TokenizerJson>(file);
    if (json === undefined) {
      throw new WorkbenchError(
        'TOKENIZER_MISSING',
        'This model folder has no tokenizer.json.',
        { file },
        'Copy tokenizer.json from the model’s page, or save the tokenizer with transformers (save_pretrained).',
      );
    }
    const config = (await readJsonIfThere<TokenizerConfig>(join(folder, 'tokenizer_config.json'))) ?? {};
    const map = (await readJsonIfThere<TokenizerConfig>(join(folder, 'special_tokens_map.json'))) ?? {};
    try {
      return new Tokenizer(json, { ...map, ...config });
    } catch (error) {
      throw new WorkbenchError('TOKENIZER_UNREADABLE', `The tokenizer cannot be used: ${toErrorData(error).message}`, {
        file,
      });
    }
  }

  /** Token ids. `addSpecial` adds what the tokenizer's post-processor adds (for Gemma `<bos>`); a rendered chat has it already. */
  encode(text: string, { addSpecial = false } = {}): number[] {
    return this.inner.encode(text, { add_special_tokens: addSpecial }).ids;
  }

  /**
   * Ids that the vocabulary lacks are left out, as in Rust: a network's table is often padded beyond its tokenizer, and
   * an untrained row can be drawn.
   */
  decode(ids: ArrayLike<number>, { skipSpecial = true } = {}): string {
    const kept = Array.from(ids).filter((id) => this.has(id) && !(skipSpecial && this.specialIds.has(id)));
    if (kept.length === 0) return '';
    const cleanUp = this.config['clean_up_tokenization_spaces'] === true;
    return this.inner.decode(kept, { clean_up_tokenization_spaces: cleanUp });
  }

  /**
   * The text of each token, special ones by their names; where a character takes several tokens it stands with its last
   * one. Joined, the texts of the ordinary tokens are `decode` of all.
   */
  pieces(ids: ArrayLike<number>): string[] {
    const stream = this.stream();
    const pieces = Array.from(ids, (id) => (this.isSpecial(id) ? (this.inner.id_to_token(id) ?? '') : stream.push(id)));
    const rest = stream.end();
    if (rest !== '' && pieces.length > 0) pieces[pieces.length - 1] += rest;
    return pieces;
  }

  has(id: number): boolean {
    return this.inner.id_to_token(id) !== undefined;
  }

  /** @throws TOKEN_UNKNOWN */
  idOf(token: string): number {
    const id = this.inner.token_to_id(token);
    if (id === undefined) {
      throw new WorkbenchError('TOKEN_UNKNOWN', `The tokenizer has no token "${token}".`, { token });
    }
    return id;
  }

  isSpecial(id: number): boolean {
    return this.specialIds.has(id);
  }

  /** A single byte of a character that the vocabulary lacks (`<0xE2>`). */
  isByte(id: number): boolean {
    return this.byteTokens.has(id);
  }

  stream(): TextStream {
    return new TextStream(this);
  }
}

/**
 * Text as its tokens come. What `push` and `end` return, joined, is `decode` of all tokens: a character is given out when
 * its last byte is there, never a part of it. Decodes a short window for each token (as text-generation-inference does),
 * because the decoder of a token may depend on the one before.
 */
export class TextStream {
  private readonly tokenizer: Tokenizer;
  /** Tokens already given out that the window needs as context, then those still held back. */
  private window: number[] = [];
  private given = 0;

  constructor(tokenizer: Tokenizer) {
    this.tokenizer = tokenizer;
  }

  push(id: number): string {
    if (this.tokenizer.isSpecial(id) || !this.tokenizer.has(id)) return '';
    this.window.push(id);
    if (this.tokenizer.isByte(id)) return '';
    const text = this.fresh();
    if (text.endsWith('\uFFFD')) return '';
    this.advance();
    return text;
  }

  /** What was held back, where the tokens end within a character. */
  end(): string {
    const text = this.given < this.window.length ? this.fresh() : '';
    this.advance();
    return text;
  }

  private fresh(): string {
    const known = this.tokenizer.decode(this.window.slice(0, this.given));
    return this.tokenizer.decode(this.window).slice(known.length);
  }

  private advance(): void {
    this.window = this.window.slice(this.given);
    this.given = this.window.length;
  }
}

function namedSpecialTokens(config: TokenizerConfig): Record<string, string> {
  const named: Record<string, string> = {};
  const extra = config['extra_special_tokens'];
  const sources = [config, typeof extra === 'object' && extra !== null && !Array.isArray(extra) ? extra : {}];
  for (const source of sources) {
    for (const [name, value] of Object.entries(source)) {
      const content = typeof value === 'string' ? value : (value as { content?: unknown } | null)?.content;
      if (SPECIAL_NAME.test(name) && typeof content === 'string') named[name] = content;
    }
  }
  return named;
}

function byteTokenIds(inner: HuggingFaceTokenizer): number[] {
  if (byteFallbackOf(inner.decoder) === undefined) return [];
  const ids: number[] = [];
  for (let byte = 0; byte < 256; byte++) {
    const id = inner.token_to_id(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
    if (id !== undefined) ids.push(id);
  }
  return ids;
}

interface DecoderStep {
  config?: { type?: string };
  decoders?: DecoderStep[];
  decode_chain(tokens: string[]): string[];
}

function byteFallbackOf(decoder: unknown): DecoderStep | undefined {
  const step = decoder as DecoderStep | null;
  if (step?.config?.type === 'ByteFallback') return step;
  for (const inner of step?.decoders ?? []) {
    const found = byteFallbackOf(inner);
    if (found) return found;
  }
  return undefined;
}

/**
 * tokenizers' ByteFallback in Rust gives one replacement character for each byte of a run that is not valid UTF-8; the
 * JavaScript package decodes the valid part of such a run and drops a byte order mark.
 */
function decodeBytesAsRust(decoder: unknown): void {
  const step = byteFallbackOf(decoder);
  if (step === undefined) return;
  const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const textOf = (bytes: number[]): string => {
    try {
      return utf8.decode(Uint8Array.from(bytes));
    } catch {
      return '\uFFFD'.repeat(bytes.length);
    }
  };
  step.decode_chain = (tokens) => {
    const result: string[] = [];
    let run: number[] = [];
    const flush = () => {
      if (run.length > 0) result.push(textOf(run));
      run = [];
    };
    for (const token of tokens) {
      const byte = /^<0x([0-9A-Fa-f]{2})>$/.exec(token)?.[1];
      if (byte !== undefined) run.push(Number.parseInt(byte, 16));
      else {
        flush();
        result.push(token);
      }
    }
    flush();
    return result;
  };
}
