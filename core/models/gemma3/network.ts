/**
 * Gemma3ForConditionalGeneration, written once over `Ops` after transformers' modeling_gemma3.py and modeling_siglip.py.
 * What depends on positions, padding and images (rotary angles, masks, indices) comes as inputs, made by inputs.ts.
 *
 * Left out, as in the published checkpoints: attention biases, softcapping, dropout, SigLIP's pooling head, pan and scan.
 */
import type { Ops } from '../../tensor/ops.ts';
import { type LanguageInputs, type LanguageOutputs, type LayerInputs, layerInputs, type Watch } from '../network.ts';
import { type Gemma3Config, imageSides } from './config.ts';

/** Pixels `[I,3,size,size]` -> features of the image tokens in the language model's width, `[I*tokens,D]`. */
export function encodeImages<T>(ops: Ops<T>, config: Gemma3Config, pixels: T, watch?: Watch<T>): T {
  const { vision } = config;
  let x = ops.patchEmbed(
    pixels,
    'vision.embeddings.patch_embedding.weight',
    'vision.embeddings.patch_embedding.bias',
    vision.patchSize,
  );
  x = ops.addPositions(x, 'vision.embeddings.position_embedding.weight');
  for (let i = 0; i < vision.layers; i++) x = visionLayer(ops, config, x, `vision.layers.${i}`);
  x = layerNorm(ops, config, x, 'vision.post_layernorm');
  watch?.('vision.last_hidden', x);
  const { patches, tokens } = imageSides(config);
  x = ops.rmsNorm(ops.poolTokens(x, patches, tokens), 'projector.norm.weight', vision.normEpsilon, true);
  return ops.flattenRows(ops.project(x, 'projector.weight'));
}

function visionLayer<T>(ops: Ops<T>, config: Gemma3Config, input: T, layer: string): T {
  const { heads, width } = config.vision;
  let x = layerNorm(ops, config, input, `${layer}.layer_norm1`);
  const head = (name: string) => ops.splitHeads(ops.linear(x, `${layer}.self_attn.${name}`, true), heads);
  x = ops.attention(head('q_proj'), head('k_proj'), head('v_proj'), null, (width / heads) ** -0.5);
  x = ops.linear(ops.mergeHeads(x, heads), `${layer}.self_attn.out_proj`, true);
  const middle = ops.add(input, x);
  x = layerNorm(ops, config, middle, `${layer}.layer_norm2`);
  x = ops.geluTanh(ops.linear(x, `${layer}.mlp.fc1`, true));
  return ops.add(middle, ops.linear(x, `${layer}.mlp.fc2`, true));
}

function layerNorm<T>(ops: Ops<T>, config: Gemma3Config, x: T, module: string): T {
  return ops.layerNorm(x, `${module}.weight`, `${module}.bias`, config.vision.normEpsilon);
}

/** Token ids and image features -> logits at the wanted rows, and the cache. */
export function languageModel<T>(
  ops: Ops<T>,
  config: Gemma3Config,
  inputs: LanguageInputs<T>,
  watch?: Watch<T>,
): LanguageOutputs<T> {
  const { text } = config;
  const keys: T[] = [];
  const values: T[] = [];
  const { past } = inputs;
  let x = ops.scale(ops.embedding('language.embed_tokens.weight', inputs.ids), Math.sqrt(text.width));
  if (inputs.imageIndex !== null && inputs.imageFeatures !== null)
    x = ops.placeRows(x, inputs.imageFeatures, inputs.imageIndex);
  for (let i = 0; i < text.layerTypes.length; i++) {
    watch?.(`hidden.${i}`, x);
    x = ops.layer(`language.layers.${i}`, x, layerInputs(inputs, text.layerTypes[i]!), (input, own) =>
      languageLayer(ops, config, { ...own, past }, input, i, keys, values),
    );
  }
  if (watch) watch(`hidden.${text.layerTypes.length}`, finalNorm(ops, config, x));
  const rows = finalNorm(ops, config, ops.takeRows(x, inputs.rows));
  const logits = ops.linear(rows, text.tiedHead ? 'language.embed_tokens' : 'language.lm_head', false);
  return { rows, logits, keys, values };
}

function finalNorm<T>(ops: Ops<T>, config: Gemma3Config, x: T): T {
  return ops.rmsNorm(x, 'language.norm.weight', config.text.normEpsilon, true);
}

type Inputs<T> = LayerInputs<T> & Pick<LanguageInputs<T>, 'past'>;

function languageLayer<T>(
  ops: Ops<T>,
  config: Gemma3Config,
  inputs: Inputs<T>,
  input: T,
  index: number,
  keys: T[],
  values: T[],
): T {
  const layer = `language.layers.${index}`;
  const norm = (x: T, name: string) =>
    ops.rmsNorm(x, `${layer}.${name}_layernorm.weight`, config.text.normEpsilon, true);
  let x = attend(ops, config, inputs, norm(input, 'input'), index, keys, values);
  const middle = ops.add(input, norm(x, 'post_attention'));
  x = feedForward(ops, norm(middle, 'pre_feedforward'), `${layer}.mlp`);
  return ops.add(middle, norm(x, 'post_feedforward'));
}

/** Attention of layer `index`; appends its keys and values to the two lists. */
function attend<T>(
  ops: Ops<T>,
  config: Gemma3Config,
  inputs: Inputs<T>,
  x: T,
  index: number,
  keys: T[],
  values: T[],
): T {
  const { heads, keyValueHeads, normEpsilon, queryScale } = config.text;
  const module = `language.layers.${index}.self_attn`;
  const project = (name: string, count: number) =>
    ops.splitHeads(ops.linear(x, `${module}.${name}_proj`, false), count);
  const turn = (name: string, count: number) =>
    ops.rope(
      ops.rmsNorm(project(name, count), `${module}.${name}_norm.weight`, normEpsilon, true),
      inputs.cos,
      inputs.sin,
    );
  const k = ops.appendCache(inputs.past?.keys[index] ?? null, turn('k', keyValueHeads));
  const v = ops.appendCache(inputs.past?.values[index] ?? null, project('v', keyValueHeads));
  keys.push(k);
  values.push(v);
  const mixed = ops.attention(turn('q', heads), k, v, inputs.bias, queryScale);
  return ops.linear(ops.mergeHeads(mixed, heads), `${module}.o_proj`, false);
}

function feedForward<T>(ops: Ops<T>, x: T, module: string): T {
  const gate = ops.geluTanh(ops.linear(x, `${module}.gate_proj`, false));
  return ops.linear(ops.mul(gate, ops.linear(x, `${module}.up_proj`, false)), `${module}.down_proj`, false);
}
