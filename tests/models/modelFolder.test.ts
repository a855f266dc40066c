/** Model folders: published and new configurations, and folders that do not hold together. */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseGemma3Config } from '../../core/models/gemma3/config.ts';
import { gemma3Network } from '../../core/models/gemma3/gemma3.ts';
import { canonicalName, peftModuleName, publishedName, tensorShapes } from '../../core/models/gemma3/names.ts';
import { openModelFolder, writeModelWeights } from '../../core/models/modelFolder.ts';
import { writeSafetensors } from '../../core/tensor/safetensors.ts';

const TINY = {
  architectures: ['Gemma3ForConditionalGeneration'],
  model_type: 'gemma3',
  mm_tokens_per_image: 4,
  image_token_index: 30,
  eos_token_id: [1, 8],
  text_config: {
    vocab_size: 32,
    hidden_size: 8,
    intermediate_size: 12,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    head_dim: 4,
    sliding_window: 6,
    sliding_window_pattern: 2,
    rope_scaling: { rope_type: 'linear', factor: 8 },
  },
  vision_config: {
    hidden_size: 6,
    intermediate_size: 10,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    image_size: 16,
    patch_size: 4,
  },
};
type Json = Record<string, unknown>;

const parse = (json: unknown) => parseGemma3Config(json, 'config.json');
const withText = (change: Json) => ({ ...TINY, text_config: { ...TINY.text_config, ...change } });
const withVision = (change: Json) => ({ ...TINY, vision_config: { ...TINY.vision_config, ...change } });

async function folderOf(json: unknown, change: (weights: Map<string, Float32Array>) => void = () => {}) {
  const dir = await mkdtemp(join(tmpdir(), 'model-'));
  await writeFile(join(dir, 'config.json'), JSON.stringify(json));
  const config = parse(TINY);
  const weights = new Map(
    [...tensorShapes(config)].map(([name, shape]) => [name, new Float32Array(shape.reduce((a, b) => a * b)).fill(0.5)]),
  );
  change(weights);
  await writeModelWeights(dir, gemma3Network(config), weights);
  return { dir, config, weights };
}

describe('config.json', () => {
  it('of MedGemma 4B as published, which leaves most keys out', () => {
    const config = parse({
      architectures: ['Gemma3ForConditionalGeneration'],
      boi_token_index: 255999,
      eoi_token_index: 256000,
      eos_token_id: [1, 106],
      image_token_index: 262144,
      initializer_range: 0.02,
      mm_tokens_per_image: 256,
      model_type: 'gemma3',
      text_config: {
        hidden_size: 2560,
        intermediate_size: 10240,
        model_type: 'gemma3_text',
        num_hidden_layers: 34,
        rope_scaling: { factor: 8.0, rope_type: 'linear' },
        sliding_window: 1024,
      },
      torch_dtype: 'bfloat16',
      vision_config: {
        hidden_size: 1152,
        image_size: 896,
        intermediate_size: 4304,
        model_type: 'siglip_vision_model',
        num_attention_heads: 16,
        num_hidden_layers: 27,
        patch_size: 14,
        vision_use_head: false,
      },
    });
    expect(config.text).toMatchObject({
      vocabulary: 262208,
      heads: 8,
      keyValueHeads: 4,
      headWidth: 256,
      queryScale: 1 / 16,
      slidingWindow: 1024,
      normEpsilon: 1e-6,
      tiedHead: true,
      rope: { full_attention: { theta: 1e6, factor: 8 }, sliding_attention: { theta: 1e4, factor: 1 } },
    });
    const full = config.text.layerTypes.flatMap((type, i) => (type === 'full_attention' ? [i] : []));
    expect(full).toEqual([5, 11, 17, 23, 29]);
    expect(config.endTokenIds).toEqual([1, 106]);
    expect([...tensorShapes(config).values()].reduce((sum, shape) => sum + shape.reduce((a, b) => a * b), 0)).toBe(
      4_300_079_472,
    );
  });

  it('reads rotary parameters of both layouts', () => {
    const published = parse(withText({ rope_theta: 5e5, rope_local_base_freq: 2e4 }));
    const layerTypes = ['sliding_attention', 'full_attention'];
    const ropes = {
      full_attention: { rope_theta: 5e5, rope_type: 'linear', factor: 8 },
      sliding_attention: { rope_theta: 2e4, rope_type: 'default' },
    };
    const current = parse(withText({ layer_types: layerTypes, rope_parameters: ropes, rope_scaling: null }));
    expect(current).toEqual(published);
  });

  it.each<[string, string, unknown]>([
    ['no object', 'MODEL_CONFIG', []],
    ['another architecture', 'MODEL_ARCHITECTURE', { ...TINY, model_type: 'qwen2_5_vl' }],
    ['another text model', 'MODEL_ARCHITECTURE', withText({ model_type: 'llama' })],
    ['text_config that is text', 'MODEL_CONFIG', { ...TINY, text_config: 'x' }],
    ['a size of 0', 'MODEL_CONFIG', withText({ hidden_size: 0 })],
    ['a size that is text', 'MODEL_CONFIG', withText({ hidden_size: '8' })],
    ['a million layers', 'MODEL_CONFIG', withText({ num_hidden_layers: 1_000_000 })],
    ['key heads that do not divide', 'MODEL_CONFIG', withText({ num_key_value_heads: 3 })],
    ['odd heads', 'MODEL_CONFIG', withText({ head_dim: 3 })],
    ['unknown layers', 'MODEL_CONFIG', withText({ layer_types: ['full_attention', 'linear_attention'] })],
    ['too few layers', 'MODEL_CONFIG', withText({ layer_types: ['full_attention'] })],
    ['another rotary scaling', 'MODEL_CONFIG', withText({ rope_scaling: { rope_type: 'yarn', factor: 8 } })],
    ['scaling without factor', 'MODEL_CONFIG', withText({ rope_scaling: { rope_type: 'linear' } })],
    ['biases', 'MODEL_CONFIG', withText({ attention_bias: true })],
    ['another activation', 'MODEL_CONFIG', withText({ hidden_activation: 'relu' })],
    ['patches that do not divide', 'MODEL_CONFIG', withVision({ patch_size: 5 })],
    ['tokens that are no square', 'MODEL_CONFIG', { ...TINY, mm_tokens_per_image: 3 }],
    ['one gray channel', 'MODEL_CONFIG', withVision({ num_channels: 1 })],
  ])('refuses %s', (_, code, json) => {
    expect(() => parse(json)).toThrowError(expect.objectContaining({ code }));
  });
});

describe('names', () => {
  it.each([
    ['language_model.model.layers.0.mlp.up_proj.weight', 'language.layers.0.mlp.up_proj.weight'],
    ['model.language_model.layers.0.mlp.up_proj.weight', 'language.layers.0.mlp.up_proj.weight'],
    ['language_model.lm_head.weight', 'language.lm_head.weight'],
    ['lm_head.weight', 'language.lm_head.weight'],
    ['vision_tower.vision_model.encoder.layers.2.mlp.fc1.bias', 'vision.layers.2.mlp.fc1.bias'],
    ['model.vision_tower.encoder.layers.2.mlp.fc1.bias', 'vision.layers.2.mlp.fc1.bias'],
    ['vision_tower.embeddings.patch_embedding.weight', 'vision.embeddings.patch_embedding.weight'],
    ['model.multi_modal_projector.mm_input_projection_weight', 'projector.weight'],
    ['multi_modal_projector.mm_soft_emb_norm.weight', 'projector.norm.weight'],
    ['visual.blocks.0.attn.qkv.weight', null],
  ])('%s', (published, canonical) => {
    expect(canonicalName(published)).toBe(canonical);
  });

  it('go out and come back for every tensor and module', () => {
    for (const name of tensorShapes({ ...parse(TINY), text: { ...parse(TINY).text, tiedHead: false } }).keys()) {
      expect(canonicalName(publishedName(name))).toBe(name);
      if (name.startsWith('language.'))
        expect(canonicalName(peftModuleName(name.replace('.weight', '')))).toBe(name.replace('.weight', ''));
    }
  });
});

describe('a model folder', () => {
  it('is read, counted and hashed by what its weights are', async () => {
    const { dir, config } = await folderOf(TINY);
    const model = await openModelFolder(dir);
    const sizes = [...tensorShapes(config).values()].map((shape) => shape.reduce((a, b) => a * b));
    expect(model.info).toMatchObject({
      architecture: 'gemma3',
      parameters: sizes.reduce((a, b) => a + b),
      dtype: 'F32',
      imageTokens: 4,
      endTokenIds: [1, 8],
    });
    const changed = await folderOf(TINY, (weights) => weights.get('language.norm.weight')!.fill(0.25));
    expect((await openModelFolder((await folderOf(TINY)).dir)).info.weightsHash).toBe(model.info.weightsHash);
    expect((await openModelFolder(changed.dir)).info.weightsHash).not.toBe(model.info.weightsHash);
  });

  it('takes end and pad tokens from generation_config.json', async () => {
    const { dir } = await folderOf(TINY);
    await writeFile(join(dir, 'generation_config.json'), JSON.stringify({ eos_token_id: 5, pad_token_id: 3 }));
    expect((await openModelFolder(dir)).info).toMatchObject({ endTokenIds: [5], padTokenId: 3 });
  });

  it('says which tensor is missing', async () => {
    const { dir, config, weights } = await folderOf(TINY);
    await rewrite(dir, config, weights, 'language.layers.1.mlp.up_proj.weight', null);
    await expect(openModelFolder(dir)).rejects.toMatchObject({
      code: 'TENSOR_MISSING',
      details: { tensor: 'language_model.model.layers.1.mlp.up_proj.weight', expected: [12, 8] },
    });
  });

  it('says which tensor has another shape', async () => {
    const { dir, config, weights } = await folderOf(TINY);
    await rewrite(dir, config, weights, 'vision.layers.0.mlp.fc1.weight', [6, 10]);
    await expect(openModelFolder(dir)).rejects.toMatchObject({
      code: 'TENSOR_SHAPE',
      details: { expected: [10, 6], actual: [6, 10] },
    });
  });

  it.each<[string, string, unknown]>([
    ['MODEL_ARCHITECTURE', 'another architecture', { ...TINY, architectures: ['LlamaForCausalLM'] }],
    ['TENSOR_SHAPE', 'a configuration of another size', withText({ hidden_size: 16 })],
    ['TENSOR_MISSING', 'an untied head that is not there', { ...TINY, tie_word_embeddings: false }],
  ])('%s: %s', async (code, _, json) => {
    const { dir } = await folderOf(json);
    await expect(openModelFolder(dir)).rejects.toMatchObject({ code });
  });

  it('without weights, or without configuration', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'model-'));
    await expect(openModelFolder(dir)).rejects.toMatchObject({ code: 'ENOENT' });
    await writeFile(join(dir, 'config.json'), JSON.stringify(TINY));
    await expect(openModelFolder(dir)).rejects.toMatchObject({ code: 'MODEL_WEIGHTS_MISSING' });
    await writeFile(join(dir, 'config.json'), 'null');
    await expect(openModelFolder(dir)).rejects.toMatchObject({ code: 'MODEL_CONFIG' });
  });
});

/** The weights again, one of them with another shape, or left out. */
async function rewrite(
  dir: string,
  config: ReturnType<typeof parse>,
  weights: ReadonlyMap<string, Float32Array>,
  changed: string,
  shape: number[] | null,
) {
  const tensors = [...tensorShapes(config)].flatMap(([name, own]) => {
    if (name === changed && shape === null) return [];
    return [{ name: publishedName(name), shape: name === changed ? shape! : own, data: weights.get(name)! }];
  });
  await writeSafetensors(join(dir, 'model.safetensors'), tensors);
}
