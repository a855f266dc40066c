/**
 * config.json of a Gemma3ForConditionalGeneration checkpoint (MedGemma's architecture: a SigLIP vision tower, an average
 * pool and projection, a Gemma 3 text model).
 *
 * Both layouts are read: the one that transformers 5 writes (rope_parameters, layer_types) and the one that published
 * checkpoints have (rope_theta, rope_local_base_freq, rope_scaling, sliding_window_pattern). Published files leave most
 * keys out, so the defaults are those of transformers 5.23: Gemma3TextConfig, Gemma3Config, SiglipVisionConfig.
 * As there, the two softcapping keys are not read.
 */
import { type LayerType, MAX_LAYERS, type ModelConfig, type Rope, Section, type TextConfig } from '../config.ts';

export interface Gemma3TextConfig extends TextConfig {
  rope: Record<LayerType, Rope>;
  /** Sliding layers see positions closer than this. */
  slidingWindow: number;
  /** Factor on q k^T. */
  queryScale: number;
}

export interface SiglipConfig {
  width: number;
  innerWidth: number;
  layers: number;
  heads: number;
  channels: number;
  imageSize: number;
  patchSize: number;
  normEpsilon: number;
}

export interface Gemma3Config extends ModelConfig {
  architecture: 'gemma3';
  text: Gemma3TextConfig;
  vision: SiglipConfig;
  /** Soft tokens that stand for one image. */
  imageTokens: number;
  startOfImageTokenId: number;
  endOfImageTokenId: number;
  beginTokenId: number;
}

/** MODEL_ARCHITECTURE for another architecture; MODEL_CONFIG, with the key, for a value that cannot be used. */
export function parseGemma3Config(json: unknown, file: string): Gemma3Config {
  const root = new Section(json, file, '');
  root.requireOneOf('model_type', ['gemma3'], 'gemma3', 'MODEL_ARCHITECTURE');
  const text = root.section('text_config');
  const vision = parseVision(root.section('vision_config'));
  const imageTokenId = root.tokenId(root.has('image_token_index') ? 'image_token_index' : 'image_token_id', 262_144);
  const startOfImageTokenId = root.tokenId('boi_token_index', 255_999);
  const endOfImageTokenId = root.tokenId('eoi_token_index', 256_000);
  const config: Gemma3Config = {
    architecture: 'gemma3',
    text: parseText(text, tiedHead(root, text)),
    vision,
    imageTokens: root.integer('mm_tokens_per_image', 256),
    ...{ imageTokenId, startOfImageTokenId, endOfImageTokenId },
    visionTokenIds: [imageTokenId, startOfImageTokenId, endOfImageTokenId],
    endTokenIds: (root.has('eos_token_id') ? root : text).tokenIds('eos_token_id', [1]),
    beginTokenId: text.tokenId('bos_token_id', 2),
    padTokenId: text.tokenId('pad_token_id', 0),
  };
  checkPooling(config, root);
  return config;
}

/** Patches on a side of the image, image tokens on a side after pooling. */
export function imageSides(config: Gemma3Config): { patches: number; tokens: number } {
  return { patches: config.vision.imageSize / config.vision.patchSize, tokens: Math.sqrt(config.imageTokens) };
}

function tiedHead(root: Section, text: Section): boolean {
  return (root.has('tie_word_embeddings') ? root : text).boolean('tie_word_embeddings', true);
}

function parseText(text: Section, tied: boolean): Gemma3TextConfig {
  text.requireOneOf('model_type', ['gemma3_text'], 'gemma3_text', 'MODEL_ARCHITECTURE');
  text.requireOneOf('hidden_activation', ['gelu_pytorch_tanh'], 'gelu_pytorch_tanh');
  for (const key of ['attention_bias', 'use_bidirectional_attention'])
    if (text.boolean(key, false)) throw text.error(key, 'is set, which is not supported.');
  const heads = text.integer('num_attention_heads', 8);
  const keyValueHeads = text.integer('num_key_value_heads', 4);
  if (heads % keyValueHeads !== 0) throw text.error('num_key_value_heads', 'does not divide num_attention_heads.');
  const headWidth = text.integer('head_dim', 256);
  if (headWidth % 2 !== 0) throw text.error('head_dim', 'is odd, so that rotary embeddings have no halves.');
  return {
    vocabulary: text.integer('vocab_size', 262_208),
    width: text.integer('hidden_size', 2304),
    innerWidth: text.integer('intermediate_size', 9216),
    heads,
    keyValueHeads,
    headWidth,
    layerTypes: layerTypes(text),
    rope: parseRope(text),
    slidingWindow: text.integer('sliding_window', 4096),
    queryScale: text.positive('query_pre_attn_scalar', 256) ** -0.5,
    normEpsilon: text.positive('rms_norm_eps', 1e-6),
    tiedHead: tied,
    maxPositions: text.integer('max_position_embeddings', 131_072),
  };
}

function layerTypes(text: Section): LayerType[] {
  const layers = text.integer('num_hidden_layers', 26);
  if (layers > MAX_LAYERS) throw text.error('num_hidden_layers', `is above ${MAX_LAYERS}.`);
  const listed = text.value('layer_types');
  if (listed === undefined) {
    const pattern = text.integer('sliding_window_pattern', 6);
    return Array.from({ length: layers }, (_, i) => ((i + 1) % pattern ? 'sliding_attention' : 'full_attention'));
  }
  if (!Array.isArray(listed) || listed.length !== layers || !listed.every(isLayerType))
    throw text.error('layer_types', 'must name full_attention or sliding_attention for each layer.');
  return listed;
}

function isLayerType(value: unknown): value is LayerType {
  return value === 'full_attention' || value === 'sliding_attention';
}

/** As Gemma3TextConfig.convert_rope_params_to_dict: rope_scaling belongs to the full layers only. */
function parseRope(text: Section): Record<LayerType, Rope> {
  const parameters = text.section('rope_parameters');
  const scaling = text.section('rope_scaling');
  return {
    full_attention: ropeOf(
      parameters.section('full_attention').overriddenBy(scaling),
      text.positive('rope_theta', 1_000_000),
    ),
    sliding_attention: ropeOf(parameters.section('sliding_attention'), text.positive('rope_local_base_freq', 10_000)),
  };
}

function ropeOf(rope: Section, theta: number): Rope {
  const key = rope.has('rope_type') ? 'rope_type' : 'type';
  rope.requireOneOf(key, ['default', 'linear'], 'default');
  if (rope.positive('partial_rotary_factor', 1) !== 1)
    throw rope.error('partial_rotary_factor', 'is not 1, which is not supported.');
  const linear = rope.value(key) === 'linear';
  if (linear && !rope.has('factor')) throw rope.error('factor', 'is missing.');
  return { theta: rope.positive('rope_theta', theta), factor: linear ? rope.positive('factor', 1) : 1 };
}

function parseVision(vision: Section): SiglipConfig {
  vision.requireOneOf('model_type', ['siglip_vision_model'], 'siglip_vision_model', 'MODEL_ARCHITECTURE');
  vision.requireOneOf('hidden_act', ['gelu_pytorch_tanh'], 'gelu_pytorch_tanh');
  const width = vision.integer('hidden_size', 768);
  const heads = vision.integer('num_attention_heads', 12);
  if (width % heads !== 0) throw vision.error('num_attention_heads', 'does not divide hidden_size.');
  const layers = vision.integer('num_hidden_layers', 12);
  if (layers > MAX_LAYERS) throw vision.error('num_hidden_layers', `is above ${MAX_LAYERS}.`);
  const channels = vision.integer('num_channels', 3);
  if (channels !== 3) throw vision.error('num_channels', 'is not 3, which is what the processor makes.');
  return {
    width,
    innerWidth: vision.integer('intermediate_size', 3072),
    layers,
    heads,
    channels,
    imageSize: vision.side('image_size', 224),
    patchSize: vision.side('patch_size', 16),
    normEpsilon: vision.positive('layer_norm_eps', 1e-6),
  };
}

function checkPooling(config: Gemma3Config, root: Section): void {
  const { patches, tokens } = imageSides(config);
  if (!Number.isInteger(patches)) throw root.error('vision_config.patch_size', 'does not divide image_size.');
  if (!Number.isInteger(tokens) || patches % tokens !== 0)
    throw root.error('mm_tokens_per_image', 'is no square that divides the patches of the image.');
}
