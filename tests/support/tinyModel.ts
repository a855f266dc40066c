/** A Gemma 3 of some thousand parameters with random weights and a byte tokenizer, in a folder of its own, for training tests. */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadProcessor, loadPromptModel } from '../../core/models/architectures.ts';
import { parseGemma3Config } from '../../core/models/gemma3/config.ts';
import { gemma3Network } from '../../core/models/gemma3/gemma3.ts';
import { tensorShapes } from '../../core/models/gemma3/names.ts';
import { openModelFolder, writeModelWeights } from '../../core/models/modelFolder.ts';
import { TfjsModel } from '../../core/models/tfjsModel.ts';
import type { Image8 } from '../../core/preprocessing/resize.ts';
import { openTfjs, type TfjsBackend } from '../../core/tensor/tfjs/backend.ts';
import { initialWeights } from '../../core/training/pretrain.ts';

const SPECIAL = ['<pad>', '<end_of_turn>', '<start_of_image>', '<image_soft_token>', '<end_of_image>'];
const FIRST_BYTE = 8;

const CONFIG = {
  model_type: 'gemma3',
  mm_tokens_per_image: 4,
  image_token_index: 3,
  boi_token_index: 2,
  eoi_token_index: 4,
  eos_token_id: [1],
  text_config: {
    model_type: 'gemma3_text',
    vocab_size: FIRST_BYTE + 256,
    hidden_size: 16,
    intermediate_size: 24,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    num_key_value_heads: 1,
    head_dim: 8,
    query_pre_attn_scalar: 8,
    sliding_window: 16,
    layer_types: ['sliding_attention', 'full_attention'],
    pad_token_id: 0,
  },
  vision_config: {
    model_type: 'siglip_vision_model',
    hidden_size: 12,
    intermediate_size: 20,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    image_size: 16,
    patch_size: 4,
  },
};

const TEMPLATE =
  "{% for m in messages %}{% for p in m.content %}{% if p.type == 'image' %}<start_of_image>{% else %}{{ p.text }}" +
  '{% endif %}{% endfor %}<end_of_turn>{% endfor %}';

function tokenizerJson(words: readonly string[]) {
  const vocab: Record<string, number> = {};
  SPECIAL.forEach((token, id) => {
    vocab[token] = id;
  });
  for (let byte = 0; byte < 256; byte++) {
    vocab[`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`] = FIRST_BYTE + byte;
  }
  const wordTokens = words.map((content, i) => ({ id: FIRST_BYTE + 256 + i, content, special: false }));
  for (const { id, content } of wordTokens) vocab[content] = id;
  const specialTokens = SPECIAL.map((content, id) => ({ id, content, special: true }));
  return {
    added_tokens: [...specialTokens, ...wordTokens].map((token) => ({ ...token, normalized: false })),
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: { type: 'Sequence', decoders: [{ type: 'ByteFallback' }, { type: 'Fuse' }] },
    model: { type: 'BPE', vocab, merges: [], byte_fallback: true, unk_token: '<pad>' },
  };
}

/** @param words texts that are a token each; all else is bytes */
export async function writeTinyModel(words: readonly string[] = []): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tiny-gemma3-'));
  const textConfig = { ...CONFIG.text_config, vocab_size: CONFIG.text_config.vocab_size + words.length };
  const configJson = { ...CONFIG, text_config: textConfig };
  const files = {
    'config.json': configJson,
    'tokenizer.json': tokenizerJson(words),
    'tokenizer_config.json': { chat_template: TEMPLATE },
    'preprocessor_config.json': { size: { width: 16, height: 16 }, resample: 2 },
  };
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), JSON.stringify(content));
  const config = parseGemma3Config(configJson, 'config.json');
  await writeModelWeights(folder, gemma3Network(config), initialWeights(tensorShapes(config), 7));
  return folder;
}

export async function loadTrainable(folder: string, backend: TfjsBackend) {
  const opened = await openModelFolder(folder);
  const model = await TfjsModel.load(opened, await openTfjs({ prefer: backend }));
  const { shapes } = opened.network;
  const weights = new Map<string, Float32Array>();
  for (const name of shapes.keys()) weights.set(name, await opened.weights.read(name));
  return {
    model,
    prompt: await loadPromptModel(folder),
    processor: await loadProcessor(folder),
    shapes,
    weights,
  };
}

/** A film that is dark on the left or on the right. */
export function sidedFilm(darkLeft: boolean): Image8 {
  const data = new Uint8Array(16 * 16);
  data.forEach((_, i) => {
    data[i] = i % 16 < 8 === darkLeft ? 20 : 230;
  });
  return { width: 16, height: 16, channels: 1, data };
}

/** Backends that are here; wasm always is. */
export async function backendsHere(): Promise<TfjsBackend[]> {
  const there = await openTfjs({ prefer: 'tensorflow' }).then(
    () => true,
    () => false,
  );
  return there ? ['tensorflow', 'wasm'] : ['wasm'];
}
