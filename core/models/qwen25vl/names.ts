/**
 * The tensors of a Qwen2.5-VL checkpoint: one canonical name for each, its shape, and the names that files use.
 *
 *   canonical                          in files
 *   language.layers.0.mlp.up_proj…     model.layers…, model.language_model.layers…
 *   language.lm_head.weight            lm_head.weight
 *   vision.blocks.0.attn.qkv…          visual.blocks…, model.visual.blocks…
 */
import type { Qwen25VlConfig } from './config.ts';

/** The canonical name of a tensor or module in a file, or null where the architecture has none of that name. */
export function canonicalName(published: string): string | null {
  const name = published.replace(/^model\./, '').replace(/^language_model\./, '');
  if (name.startsWith('visual.')) return name.replace(/^visual\./, 'vision.');
  return /^(embed_tokens|layers|norm|lm_head)\b/.test(name) ? `language.${name}` : null;
}

/** The name that published checkpoints use: what a checkpoint of ours is saved with. */
export function publishedName(canonical: string): string {
  if (canonical.startsWith('language.lm_head')) return canonical.replace('language.', '');
  return canonical.replace(/^language\./, 'model.').replace(/^vision\./, 'visual.');
}

/** The name of a module as PEFT 0.21 with transformers 5 writes it, without the `base_model.model.` before it. */
export function peftModuleName(module: string): string {
  if (module === 'language.lm_head') return 'lm_head';
  return module.replace(/^language\./, 'model.language_model.').replace(/^vision\./, 'model.visual.');
}

/** The linear layers of the text model, which LoRA adapts, with `[out, in]`, in the order of the network. */
export function languageLinears({ text }: Qwen25VlConfig): Map<string, [out: number, input: number]> {
  const keyValue = text.keyValueHeads * text.headWidth;
  const linears = new Map<string, [number, number]>();
  for (let i = 0; i < text.layerTypes.length; i++) {
    const layer = `language.layers.${i}`;
    linears.set(`${layer}.self_attn.q_proj`, [text.width, text.width]);
    linears.set(`${layer}.self_attn.k_proj`, [keyValue, text.width]);
    linears.set(`${layer}.self_attn.v_proj`, [keyValue, text.width]);
    linears.set(`${layer}.self_attn.o_proj`, [text.width, text.width]);
    linears.set(`${layer}.mlp.gate_proj`, [text.innerWidth, text.width]);
    linears.set(`${layer}.mlp.up_proj`, [text.innerWidth, text.width]);
    linears.set(`${layer}.mlp.down_proj`, [text.width, text.innerWidth]);
  }
  return linears;
}

/** Every tensor of the network, by canonical name, with its shape. */
export function tensorShapes(config: Qwen25VlConfig): Map<string, number[]> {
  const shapes = new Map<string, number[]>();
  addVision(shapes, config);
  addLanguage(shapes, config);
  return shapes;
}

function addLanguage(shapes: Map<string, number[]>, config: Qwen25VlConfig): void {
  const { text } = config;
  shapes.set('language.embed_tokens.weight', [text.vocabulary, text.width]);
  for (const [module, [out, input]] of languageLinears(config)) {
    shapes.set(`${module}.weight`, [out, input]);
    if (/\.[qkv]_proj$/.test(module)) shapes.set(`${module}.bias`, [out]);
  }
  for (let i = 0; i < text.layerTypes.length; i++)
    for (const norm of ['input', 'post_attention'])
      shapes.set(`language.layers.${i}.${norm}_layernorm.weight`, [text.width]);
  shapes.set('language.norm.weight', [text.width]);
  if (!text.tiedHead) shapes.set('language.lm_head.weight', [text.vocabulary, text.width]);
}

function addVision(shapes: Map<string, number[]>, { vision, text }: Qwen25VlConfig): void {
  const { width, innerWidth, layers, channels, patchSize, temporalPatchSize, mergeSize } = vision;
  const affine = (module: string, out: number, input: number) => {
    shapes.set(`${module}.weight`, [out, input]);
    shapes.set(`${module}.bias`, [out]);
  };
  shapes.set('vision.patch_embed.proj.weight', [width, channels, temporalPatchSize, patchSize, patchSize]);
  for (let i = 0; i < layers; i++) {
    const block = `vision.blocks.${i}`;
    shapes.set(`${block}.norm1.weight`, [width]);
    shapes.set(`${block}.norm2.weight`, [width]);
    affine(`${block}.attn.qkv`, 3 * width, width);
    affine(`${block}.attn.proj`, width, width);
    affine(`${block}.mlp.gate_proj`, innerWidth, width);
    affine(`${block}.mlp.up_proj`, innerWidth, width);
    affine(`${block}.mlp.down_proj`, width, innerWidth);
  }
  const merged = width * mergeSize * mergeSize;
  shapes.set('vision.merger.ln_q.weight', [width]);
  affine('vision.merger.mlp.0', merged, merged);
  affine('vision.merger.mlp.2', text.width, merged);
}
