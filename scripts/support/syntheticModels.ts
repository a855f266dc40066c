/** Shapes and settings of published models: config.json, processor and special tokens as they are published. */

export interface SyntheticModel {
  config: Record<string, unknown>;
  preprocessor: Record<string, unknown>;
  generation: Record<string, unknown>;
  tokenizer: SyntheticTokenizer;
}

export interface SyntheticTokenizer {
  kind: 'gemma' | 'qwen';
  /** Ordinary tokens. */
  vocabulary: number;
  /** Special tokens by name in tokenizer_config.json, and others. */
  special: { id: number; content: string; name?: string }[];
  chatTemplate?: string;
}

/** google/medgemma-4b-it: 34 layers of text, 27 of SigLIP at 896 x 896. */
function medgemma4b(layers?: number): SyntheticModel {
  return {
    config: {
      architectures: ['Gemma3ForConditionalGeneration'],
      model_type: 'gemma3',
      boi_token_index: 255_999,
      eoi_token_index: 256_000,
      eos_token_id: [1, 106],
      image_token_index: 262_144,
      mm_tokens_per_image: 256,
      torch_dtype: 'bfloat16',
      text_config: {
        model_type: 'gemma3_text',
        hidden_size: 2560,
        intermediate_size: 10_240,
        num_hidden_layers: layers ?? 34,
        num_attention_heads: 8,
        num_key_value_heads: 4,
        head_dim: 256,
        query_pre_attn_scalar: 256,
        vocab_size: 262_208,
        sliding_window: 1024,
        rope_scaling: { factor: 8, rope_type: 'linear' },
      },
      vision_config: {
        model_type: 'siglip_vision_model',
        hidden_size: 1152,
        intermediate_size: 4304,
        num_hidden_layers: layers ?? 27,
        num_attention_heads: 16,
        image_size: 896,
        patch_size: 14,
        vision_use_head: false,
      },
    },
    preprocessor: {
      image_processor_type: 'Gemma3ImageProcessor',
      image_mean: [0.5, 0.5, 0.5],
      image_std: [0.5, 0.5, 0.5],
      resample: 2,
      rescale_factor: 1 / 255,
      size: { height: 896, width: 896 },
    },
    generation: { eos_token_id: [1, 106], pad_token_id: 0 },
    tokenizer: {
      kind: 'gemma',
      vocabulary: 262_144,
      special: [
        { id: 0, content: '<pad>', name: 'pad_token' },
        { id: 1, content: '<eos>', name: 'eos_token' },
        { id: 2, content: '<bos>', name: 'bos_token' },
        { id: 3, content: '<unk>', name: 'unk_token' },
        { id: 105, content: '<start_of_turn>' },
        { id: 106, content: '<end_of_turn>' },
        { id: 255_999, content: '<start_of_image>', name: 'boi_token' },
        { id: 256_000, content: '<end_of_image>', name: 'eoi_token' },
        { id: 262_144, content: '<image_soft_token>', name: 'image_token' },
      ],
    },
  };
}

/** The answer's opening is left to the model, as in Qwen/Qwen2.5-VL-3B-Instruct's template. */
const QWEN_TEMPLATE =
  "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{% if message['content'] is string %}" +
  "{{ message['content'] }}{% else %}{% for content in message['content'] %}{% if content['type'] == 'image' %}" +
  "<|vision_start|><|image_pad|><|vision_end|>{% elif 'text' in content %}{{ content['text'] }}{% endif %}{% endfor %}" +
  '{% endif %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}';

/** Qwen/Qwen2.5-VL-3B-Instruct, on which NV-Reason-CXR-3B is built: 36 layers of text, 32 of vision. */
function qwen25vl3b(layers?: number): SyntheticModel {
  const special = ['<|endoftext|>', '<|im_start|>', '<|im_end|>', '<|object_ref_start|>', '<|object_ref_end|>'];
  special.push('<|box_start|>', '<|box_end|>', '<|quad_start|>', '<|quad_end|>', '<|vision_start|>', '<|vision_end|>');
  special.push('<|vision_pad|>', '<|image_pad|>', '<|video_pad|>');
  return {
    config: {
      architectures: ['Qwen2_5_VLForConditionalGeneration'],
      model_type: 'qwen2_5_vl',
      hidden_size: 2048,
      intermediate_size: 11_008,
      num_hidden_layers: layers ?? 36,
      num_attention_heads: 16,
      num_key_value_heads: 2,
      max_position_embeddings: 128_000,
      rms_norm_eps: 1e-6,
      rope_theta: 1_000_000,
      rope_scaling: { type: 'mrope', mrope_section: [16, 24, 24] },
      tie_word_embeddings: true,
      torch_dtype: 'bfloat16',
      vocab_size: 151_936,
      bos_token_id: 151_643,
      eos_token_id: 151_645,
      image_token_id: 151_655,
      vision_config: {
        depth: layers ?? 32,
        hidden_act: 'silu',
        hidden_size: 1280,
        intermediate_size: 3420,
        num_heads: 16,
        in_chans: 3,
        out_hidden_size: 2048,
        patch_size: 14,
        spatial_merge_size: 2,
        spatial_patch_size: 14,
        window_size: 112,
        fullatt_block_indexes: [7, 15, 23, 31],
        temporal_patch_size: 2,
      },
    },
    preprocessor: {
      image_processor_type: 'Qwen2VLImageProcessor',
      min_pixels: 3136,
      // The published maximum is 12,845,056: 16,384 image tokens. This is the model card's advice to save memory.
      max_pixels: 1_003_520,
      patch_size: 14,
      temporal_patch_size: 2,
      merge_size: 2,
      image_mean: [0.48145466, 0.4578275, 0.40821073],
      image_std: [0.26862954, 0.26130258, 0.27577711],
    },
    generation: { eos_token_id: [151_645, 151_643], pad_token_id: 151_643 },
    tokenizer: {
      kind: 'qwen',
      vocabulary: 151_643,
      special: special.map((content, i) => {
        const name = { '<|im_end|>': 'eos_token', '<|endoftext|>': 'pad_token' }[content];
        return { id: 151_643 + i, content, ...(name ? { name } : {}) };
      }),
      chatTemplate: QWEN_TEMPLATE,
    },
  };
}

export const SYNTHETIC: Record<string, (layers?: number) => SyntheticModel> = {
  'medgemma-4b': medgemma4b,
  'qwen2.5-vl-3b': qwen25vl3b,
};
