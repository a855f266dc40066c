/**
 * Qwen2_5_VLForConditionalGeneration, written once over `Ops` after transformers' modeling_qwen2_5_vl.py. What depends on
 * positions, windows, padding and images comes as inputs, made by inputs.ts.
 */
import type { Ops } from '../../tensor/ops.ts';
import { type LanguageInputs, type LanguageOutputs, type LayerInputs, layerInputs, type Watch } from '../network.ts';
import { type Qwen25VlConfig, VISION_NORM_EPSILON } from './config.ts';

/** The inputs of inputs.ts for one image -> features `[tokens,D]`. */
export function encodeImages<T>(
  ops: Ops<T>,
  config: Qwen25VlConfig,
  inputs: Readonly<Record<string, T>>,
  watch?: Watch<T>,
): T {
  const { width, layers, mergeSize } = config.vision;
  let x = ops.linear(inputs['patches']!, 'vision.patch_embed.proj', false);
  for (let i = 0; i < layers; i++) {
    watch?.(`vision.hidden.${i}`, x);
    x = visionBlock(ops, config, inputs, x, i);
  }
  x = ops.rmsNorm(x, 'vision.merger.ln_q.weight', VISION_NORM_EPSILON, false);
  x = ops.asRows(x, width * mergeSize ** 2);
  x = ops.linear(ops.gelu(ops.linear(x, 'vision.merger.mlp.0', true)), 'vision.merger.mlp.2', true);
  return ops.takeRows(x, inputs['order']!);
}

function visionBlock<T>(
  ops: Ops<T>,
  config: Qwen25VlConfig,
  inputs: Readonly<Record<string, T>>,
  input: T,
  index: number,
): T {
  const block = `vision.blocks.${index}`;
  const norm = (x: T, name: string) => ops.rmsNorm(x, `${block}.${name}.weight`, VISION_NORM_EPSILON, false);
  const x = norm(input, 'norm1');
  const { cos, sin, slots, places, windowCos, windowSin, windowBias } = inputs;
  const inWindows = () =>
    attention(ops, config, ops.takeRows(x, slots!), `${block}.attn`, [windowCos!, windowSin!], windowBias!);
  const mixed = config.vision.fullLayers.includes(index)
    ? attention(ops, config, x, `${block}.attn`, [cos!, sin!], null)
    : ops.takeRows(inWindows(), places!);
  const attended = ops.linear(mixed, `${block}.attn.proj`, true);
  const middle = ops.add(input, attended);
  return ops.add(middle, feedForward(ops, norm(middle, 'norm2'), `${block}.mlp`, true));
}

/** Rows in the sequences of the angles -> what their attention gives, as rows. */
function attention<T>(
  ops: Ops<T>,
  { vision }: Qwen25VlConfig,
  rows: T,
  module: string,
  [cos, sin]: readonly [T, T],
  bias: T | null,
): T {
  const { heads, width } = vision;
  const all = ops.linear(rows, `${module}.qkv`, true);
  const part = (index: number) => ops.splitRows(ops.columns(all, index * width, (index + 1) * width), heads, cos);
  const [q, k] = [ops.rope(part(0), cos, sin), ops.rope(part(1), cos, sin)];
  const mixed = ops.attention(q, k, part(2), bias, (width / heads) ** -0.5);
  return ops.asRows(ops.mergeHeads(mixed, heads), width);
}

/** Token ids and image features -> logits at the wanted rows, and the cache. */
export function languageModel<T>(
  ops: Ops<T>,
  config: Qwen25VlConfig,
  inputs: LanguageInputs<T>,
  watch?: Watch<T>,
): LanguageOutputs<T> {
  const { layerTypes, tiedHead, normEpsilon } = config.text;
  const norm = (value: T) => ops.rmsNorm(value, 'language.norm.weight', normEpsilon, false);
  const keys: T[] = [];
  const values: T[] = [];
  const { past } = inputs;
  let x = ops.embedding('language.embed_tokens.weight', inputs.ids);
  if (inputs.imageIndex !== null && inputs.imageFeatures !== null)
    x = ops.placeRows(x, inputs.imageFeatures, inputs.imageIndex);
  for (let i = 0; i < layerTypes.length; i++) {
    watch?.(`hidden.${i}`, x);
    x = ops.layer(`language.layers.${i}`, x, layerInputs(inputs, layerTypes[i]!), (input, own) =>
      languageLayer(ops, config, { ...own, past }, input, i, keys, values),
    );
  }
  if (watch) watch(`hidden.${layerTypes.length}`, norm(x));
  const rows = norm(ops.takeRows(x, inputs.rows));
  const logits = ops.linear(rows, tiedHead ? 'language.embed_tokens' : 'language.lm_head', false);
  return { rows, logits, keys, values };
}

type Inputs<T> = LayerInputs<T> & Pick<LanguageInputs<T>, 'past'>;

function languageLayer<T>(
  ops: Ops<T>,
  config: Qwen25VlConfig,
  inputs: Inputs<T>,
  input: T,
  index: number,
  keys: T[],
  values: T[],
): T {
  const layer = `language.layers.${index}`;
  const norm = (x: T, name: string) =>
    ops.rmsNorm(x, `${layer}.${name}_layernorm.weight`, config.text.normEpsilon, false);
  const middle = ops.add(input, attend(ops, config, inputs, norm(input, 'input'), index, keys, values));
  return ops.add(middle, feedForward(ops, norm(middle, 'post_attention'), `${layer}.mlp`, false));
}

/** Attention of layer `index`; appends its keys and values to the two lists. */
function attend<T>(
  ops: Ops<T>,
  { text }: Qwen25VlConfig,
  inputs: Inputs<T>,
  x: T,
  index: number,
  keys: T[],
  values: T[],
): T {
  const { heads, keyValueHeads, headWidth } = text;
  const module = `language.layers.${index}.self_attn`;
  const project = (name: string, count: number) => ops.splitHeads(ops.linear(x, `${module}.${name}_proj`, true), count);
  const turn = (name: string, count: number) => ops.rope(project(name, count), inputs.cos, inputs.sin);
  const k = ops.appendCache(inputs.past?.keys[index] ?? null, turn('k', keyValueHeads));
  const v = ops.appendCache(inputs.past?.values[index] ?? null, project('v', keyValueHeads));
  keys.push(k);
  values.push(v);
  const mixed = ops.attention(turn('q', heads), k, v, inputs.bias, headWidth ** -0.5);
  return ops.linear(ops.mergeHeads(mixed, heads), `${module}.o_proj`, false);
}

function feedForward<T>(ops: Ops<T>, x: T, module: string, bias: boolean): T {
  const gate = ops.silu(ops.linear(x, `${module}.gate_proj`, bias));
  return ops.linear(ops.mul(gate, ops.linear(x, `${module}.up_proj`, bias)), `${module}.down_proj`, bias);
}
