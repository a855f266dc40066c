/**
 * The tensors of a Gemma 3 checkpoint: one canonical name for each, its shape, and the names that files use.
 *
 * Published checkpoints and PEFT name the same tensor in several ways, by the version of transformers that saved it:
 *
 *   canonical                        in files
 *   language.layers.0.mlp.up_proj…   language_model.model.layers…, model.language_model.layers…
 *   language.lm_head.weight          lm_head.weight, language_model.lm_head.weight
 *   vision.layers.0.mlp.fc1…         vision_tower.vision_model.encoder.layers…, (model.)vision_tower.encoder.layers…
 *   projector.weight                 (model.)multi_modal_projector.mm_input_projection_weight
 *
 * A module is a tensor's name without `.weight`: `language.layers.0.self_attn.q_proj`. PEFT puts `base_model.model.`
 * before a module's name and `.lora_A.weight` or `.lora_B.weight` behind it.
 */
import { type Gemma3Config, imageSides } from './config.ts';

const PROJECTOR = 'multi_modal_projector.';
const PROJECTOR_TENSORS: Record<string, string> = {
  mm_input_projection_weight: 'projector.weight',
  'mm_soft_emb_norm.weight': 'projector.norm.weight',
};

/** The canonical name of a tensor or module in a file, or null where the architecture has none of that name. */
export function canonicalName(published: string): string | null {
  const name = published.replace(/^model\./, '');
  if (name.startsWith(PROJECTOR)) return PROJECTOR_TENSORS[name.slice(PROJECTOR.length)] ?? null;
  const language = /^language_model\.(?:model\.)?(.+)$/.exec(name)?.[1];
  if (language) return `language.${language}`;
  if (/^lm_head\b/.test(name)) return `language.${name}`;
  const vision = /^vision_tower\.(?:vision_model\.)?(?:encoder\.)?(.+)$/.exec(name)?.[1];
  return vision ? `vision.${vision}` : null;
}

/** The name that published checkpoints use: what a checkpoint of ours is saved with. */
export function publishedName(canonical: string): string {
  for (const [file, ours] of Object.entries(PROJECTOR_TENSORS)) if (ours === canonical) return PROJECTOR + file;
  if (canonical.startsWith('language.lm_head')) return canonical.replace('language.', 'language_model.');
  if (canonical.startsWith('language.')) return canonical.replace('language.', 'language_model.model.');
  return canonical
    .replace(/^vision\.layers\./, 'vision.encoder.layers.')
    .replace(/^vision\./, 'vision_tower.vision_model.');
}

/** The name of a module as PEFT 0.21 with transformers 5 writes it, without the `base_model.model.` before it. */
export function peftModuleName(module: string): string {
  if (module === 'language.lm_head') return 'lm_head';
  return module
    .replace(/^language\./, 'model.language_model.')
    .replace(/^vision\.layers\./, 'model.vision_tower.encoder.layers.');
}

/** Every tensor of the network, by canonical name, with its shape. */
export function tensorShapes(config: Gemma3Config): Map<string, number[]> {
  const shapes = new Map<string, number[]>();
  addVision(shapes, config);
  shapes.set('projector.norm.weight', [config.vision.width]);
  shapes.set('projector.weight', [config.vision.width, config.text.width]);
  addLanguage(shapes, config);
  return shapes;
}

/** The linear layers of the text model, which LoRA adapts, with `[out, in]`, in the order of the network. */
export function languageLinears(config: Gemma3Config): Map<string, [out: number, input: number]> {
  const { text } = config;
  const query = text.heads * text.headWidth;
  const keyValue = text.keyValueHeads * text.headWidth;
  const linears = new Map<string, [number, number]>();
  for (let i = 0; i < text.layerTypes.length; i++) {
    const layer = `language.layers.${i}`;
    linears.set(`${layer}.self_attn.q_proj`, [query, text.width]);
    linears.set(`${layer}.self_attn.k_proj`, [keyValue, text.width]);
    linears.set(`${layer}.self_attn.v_proj`, [keyValue, text.width]);
    linears.set(`${layer}.self_attn.o_proj`, [text.width, query]);
    linears.set(`${layer}.mlp.gate_proj`, [text.innerWidth, text.width]);
    linears.set(`${layer}.mlp.up_proj`, [text.innerWidth, text.width]);
    linears.set(`${layer}.mlp.down_proj`, [text.width, text.innerWidth]);
  }
  return linears;
}

function addLanguage(shapes: Map<string, number[]>, config: Gemma3Config): void {
  const { text } = config;
  shapes.set('language.embed_tokens.weight', [text.vocabulary, text.width]);
  for (const [module, shape] of languageLinears(config)) shapes.set(`${module}.weight`, shape);
  for (let i = 0; i < text.layerTypes.length; i++) {
    const layer = `language.layers.${i}`;
    for (const norm of ['input', 'post_attention', 'pre_feedforward', 'post_feedforward'])
      shapes.set(`${layer}.${norm}_layernorm.weight`, [text.width]);
    for (const norm of ['q_norm', 'k_norm']) shapes.set(`${layer}.self_attn.${norm}.weight`, [text.headWidth]);
  }
  shapes.set('language.norm.weight', [text.width]);
  if (!text.tiedHead) shapes.set('language.lm_head.weight', [text.vocabulary, text.width]);
}

function addVision(shapes: Map<string, number[]>, config: Gemma3Config): void {
  const { width, innerWidth, layers, channels, patchSize } = config.vision;
  shapes.set('vision.embeddings.patch_embedding.weight', [width, channels, patchSize, patchSize]);
  shapes.set('vision.embeddings.patch_embedding.bias', [width]);
  shapes.set('vision.embeddings.position_embedding.weight', [imageSides(config).patches ** 2, width]);
  for (let i = 0; i < layers; i++) {
    const layer = `vision.layers.${i}`;
    addNorm(shapes, `${layer}.layer_norm1`, width);
    addNorm(shapes, `${layer}.layer_norm2`, width);
    for (const name of ['q_proj', 'k_proj', 'v_proj', 'out_proj'])
      addAffine(shapes, `${layer}.self_attn.${name}`, width, width);
    addAffine(shapes, `${layer}.mlp.fc1`, innerWidth, width);
    addAffine(shapes, `${layer}.mlp.fc2`, width, innerWidth);
  }
  addNorm(shapes, 'vision.post_layernorm', width);
}

function addNorm(shapes: Map<string, number[]>, module: string, width: number): void {
  shapes.set(`${module}.weight`, [width]);
  shapes.set(`${module}.bias`, [width]);
}

function addAffine(shapes: Map<string, number[]>, module: string, out: number, input: number): void {
  shapes.set(`${module}.weight`, [out, input]);
  shapes.set(`${module}.bias`, [out]);
}
