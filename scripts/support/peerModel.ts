/**
 * A Gemma 3 of the size that the Python stack is timed on (reference/peers/peer_speed.py: 11.9 million parameters), with
 * random weights, for benchmarks that get no `--model`.
 */
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Random } from '../../core/base/random.ts';
import { parseGemma3Config } from '../../core/models/gemma3/config.ts';
import { gemma3Network } from '../../core/models/gemma3/gemma3.ts';
import { tensorShapes } from '../../core/models/gemma3/names.ts';
import { writeModelWeights } from '../../core/models/modelFolder.ts';
import { readJsonIfThere, writeJson } from '../../core/platform/files.ts';
import { elements } from '../../core/tensor/dtypes.ts';

const VOCABULARY = 2048;
const CONFIG = {
  architectures: ['Gemma3ForConditionalGeneration'],
  model_type: 'gemma3',
  mm_tokens_per_image: 16,
  boi_token_index: VOCABULARY - 3,
  eoi_token_index: VOCABULARY - 2,
  image_token_index: VOCABULARY - 1,
  text_config: {
    model_type: 'gemma3_text',
    vocab_size: VOCABULARY,
    hidden_size: 320,
    intermediate_size: 1280,
    num_hidden_layers: 6,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    head_dim: 80,
    query_pre_attn_scalar: 80,
    sliding_window: 64,
    sliding_window_pattern: 6,
    rope_theta: 1e6,
    rope_local_base_freq: 1e4,
    rope_scaling: { rope_type: 'linear', factor: 8 },
    max_position_embeddings: 8192,
  },
  vision_config: {
    model_type: 'siglip_vision_model',
    hidden_size: 192,
    intermediate_size: 768,
    num_hidden_layers: 4,
    num_attention_heads: 4,
    image_size: 128,
    patch_size: 16,
  },
};

/** The folder, made on first use. */
export async function peerModel(): Promise<string> {
  const dir = join(tmpdir(), 'chexreason-peer-model');
  const file = join(dir, 'config.json');
  if (await readJsonIfThere(file)) return dir;
  await mkdir(dir, { recursive: true });
  const config = parseGemma3Config(CONFIG, file);
  const random = new Random('peer model');
  const weights = new Map<string, Float32Array>();
  for (const [name, shape] of tensorShapes(config))
    weights.set(
      name,
      Float32Array.from({ length: elements(shape) }, () => 0.02 * random.normal()),
    );
  await writeModelWeights(dir, gemma3Network(config), weights);
  await writeJson(file, CONFIG);
  return dir;
}
