/**
 * config.json of a Qwen2_5_VLForConditionalGeneration checkpoint: a vision tower with window attention, a patch merger, and
 * a Qwen2.5 text model with M-RoPE.
 *
 * Both layouts are read: the one that transformers 5 writes (text_config, rope_parameters) and the one that published
 * checkpoints have (text settings at the top level, rope_scaling). Defaults are those of transformers 5.23.
 * Left out: sliding windows of the text model (off in every published checkpoint), videos.
 */
import { layerKinds, MAX_LAYERS, type ModelConfig, Section, type TextConfig } from '../config.ts';

export interface Qwen25VlTextConfig extends TextConfig {
  ropeTheta: number;
  /** How many rotary frequencies turn by time, height and width. */
  ropeSections: [time: number, height: number, width: number];
}

export interface Qwen25VlVisionConfig {
  width: number;
  innerWidth: number;
  layers: number;
  heads: number;
  channels: number;
  patchSize: number;
  temporalPatchSize: number;
  /** Patches on a side of one image token. */
  mergeSize: number;
  /** Side of an attention window in pixels. */
  windowSize: number;
  /** Layers that see the whole image. */
  fullLayers: number[];
  ropeTheta: number;
}

export interface Qwen25VlConfig extends ModelConfig {
  architecture: 'qwen2_5_vl';
  text: Qwen25VlTextConfig;
  vision: Qwen25VlVisionConfig;
}

/** Of every norm in the vision tower; no key of the configuration names it. */
export const VISION_NORM_EPSILON = 1e-6;

/** MODEL_ARCHITECTURE for another architecture; MODEL_CONFIG, with the key, for a value that cannot be used. */
export function parseQwen25VlConfig(json: unknown, file: string): Qwen25VlConfig {
  const root = new Section(json, file, '');
  root.requireOneOf('model_type', ['qwen2_5_vl'], 'qwen2_5_vl', 'MODEL_ARCHITECTURE');
  const text = root.has('text_config') ? root.section('text_config') : root;
  const vision = root.section('vision_config');
  const parsed = parseText(text, (root.has('tie_word_embeddings') ? root : text).boolean('tie_word_embeddings', false));
  if (vision.integer('out_hidden_size', 3584) !== parsed.width)
    throw vision.error('out_hidden_size', 'is not the width of the text model.');
  const imageTokenId = root.tokenId('image_token_id', 151_655);
  return {
    architecture: 'qwen2_5_vl',
    text: parsed,
    vision: parseVision(vision),
    imageTokenId,
    visionTokenIds: [
      imageTokenId,
      root.tokenId('video_token_id', 151_656),
      root.tokenId('vision_start_token_id', 151_652),
      root.tokenId('vision_end_token_id', 151_653),
    ],
    endTokenIds: (root.has('eos_token_id') ? root : text).tokenIds('eos_token_id', [151_645]),
    padTokenId: text.tokenId('pad_token_id', 151_643),
  };
}

function parseText(text: Section, tiedHead: boolean): Qwen25VlTextConfig {
  text.requireOneOf('hidden_act', ['silu'], 'silu');
  if (text.boolean('use_sliding_window', false))
    throw text.error('use_sliding_window', 'is set, which is not supported.');
  const width = text.integer('hidden_size', 8192);
  const heads = text.integer('num_attention_heads', 64);
  const keyValueHeads = text.integer('num_key_value_heads', 8);
  if (heads % keyValueHeads !== 0) throw text.error('num_key_value_heads', 'does not divide num_attention_heads.');
  const headWidth = width / heads;
  if (headWidth % 2 !== 0) throw text.error('num_attention_heads', 'does not divide hidden_size into even heads.');
  const layers = text.integer('num_hidden_layers', 80);
  if (layers > MAX_LAYERS) throw text.error('num_hidden_layers', `is above ${MAX_LAYERS}.`);
  const config: Qwen25VlTextConfig = {
    vocabulary: text.integer('vocab_size', 152_064),
    width,
    innerWidth: text.integer('intermediate_size', 29_568),
    heads,
    keyValueHeads,
    headWidth,
    layerTypes: layerTypes(text, layers),
    normEpsilon: text.positive('rms_norm_eps', 1e-5),
    tiedHead,
    maxPositions: text.integer('max_position_embeddings', 32_768),
    ...parseRope(text, headWidth),
  };
  if (layerKinds(config).join() !== 'full_attention')
    throw text.error('layer_types', 'has sliding layers, which are not supported.');
  return config;
}

function layerTypes(text: Section, layers: number): TextConfig['layerTypes'] {
  const listed = text.value('layer_types') ?? Array.from({ length: layers }, () => 'full_attention');
  if (Array.isArray(listed) && listed.length === layers) return listed;
  throw text.error('layer_types', 'must name the kind of each layer.');
}

function parseRope(text: Section, headWidth: number): Pick<Qwen25VlTextConfig, 'ropeTheta' | 'ropeSections'> {
  const rope = text.section(text.has('rope_parameters') ? 'rope_parameters' : 'rope_scaling');
  rope.requireOneOf(rope.has('rope_type') ? 'rope_type' : 'type', ['default', 'mrope'], 'default');
  const sections = rope.value('mrope_section') ?? [16, 24, 24];
  const whole =
    Array.isArray(sections) && sections.length === 3 && sections.every((n) => Number.isInteger(n) && n >= 0);
  if (!whole || sections.reduce((sum, n) => sum + n, 0) !== headWidth / 2)
    throw rope.error('mrope_section', 'must be three numbers whose sum is half the width of a head.');
  return {
    ropeTheta: rope.positive('rope_theta', text.positive('rope_theta', 1_000_000)),
    ropeSections: sections as [number, number, number],
  };
}

function parseVision(vision: Section): Qwen25VlVisionConfig {
  vision.requireOneOf('hidden_act', ['silu'], 'silu');
  const width = vision.integer('hidden_size', 3584);
  const heads = vision.integer('num_heads', 16);
  // A quarter of a head's channels turns with the row and a quarter with the column.
  if (width % heads !== 0 || (width / heads) % 4 !== 0)
    throw vision.error('num_heads', 'does not divide hidden_size into heads of a multiple of 4.');
  const layers = vision.integer('depth', 32);
  if (layers > MAX_LAYERS) throw vision.error('depth', `is above ${MAX_LAYERS}.`);
  const channelsKey = vision.has('in_chans') ? 'in_chans' : 'in_channels';
  const channels = vision.integer(channelsKey, 3);
  if (channels !== 3) throw vision.error(channelsKey, 'is not 3, which is what the processor makes.');
  const patchSize = vision.integer('patch_size', 14);
  const mergeSize = vision.integer('spatial_merge_size', 2);
  const windowSize = vision.integer('window_size', 112);
  if (windowSize < patchSize * mergeSize) throw vision.error('window_size', 'is smaller than an image token.');
  const fullLayers = vision.value('fullatt_block_indexes') ?? [7, 15, 23, 31];
  if (!Array.isArray(fullLayers) || !fullLayers.every(Number.isInteger))
    throw vision.error('fullatt_block_indexes', 'must be a list of layers.');
  return {
    width,
    innerWidth: vision.integer('intermediate_size', 3420),
    layers,
    heads,
    channels,
    patchSize,
    temporalPatchSize: vision.integer('temporal_patch_size', 2),
    mergeSize,
    windowSize,
    fullLayers,
    ropeTheta: vision.section('rope_parameters').positive('rope_theta', 10_000),
  };
}
