/**
 * The phantom's base model: a tiny Gemma3ForConditionalGeneration in Hugging Face's layout, pretrained from random weights
 * on films of mixed looks. First the vision tower learns the findings, then all parameters learn to answer the Free
 * Reasoning prompt and its training paraphrases with what is physically there.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Random } from '../../base/random.ts';
import { CHEXPERT_LABELS, type Label } from '../../labels/labels.ts';
import { parseGemma3Config } from '../../models/gemma3/config.ts';
import { gemma3Network } from '../../models/gemma3/gemma3.ts';
import { tensorShapes } from '../../models/gemma3/names.ts';
import { writeModelWeights } from '../../models/modelFolder.ts';
import { physicalTruth } from '../../phantom/conventions.ts';
import { FINDINGS, type Scene, SIDED_FINDINGS } from '../../phantom/scene.ts';
import { caption, trace } from '../../phantom/traces.ts';
import { writeFileAtomic } from '../../platform/files.ts';
import { GEMMA_SPECIAL_TOKENS, gemmaTokenizerFiles } from '../../text/bpeTrainer.ts';
import type { LanguageExample, VisionExample } from '../../training/pretrain.ts';
import { type FilmSet, IMAGE_SIZE } from '../films.ts';
import { trainTokenizer, VOCABULARY } from './tokenizer.ts';

const ids = Object.fromEntries(Object.keys(GEMMA_SPECIAL_TOKENS).map((name, id) => [name, id])) as Record<
  keyof typeof GEMMA_SPECIAL_TOKENS,
  number
>;

const IMAGE_TOKENS = 16;

const CONFIG = {
  architectures: ['Gemma3ForConditionalGeneration'],
  model_type: 'gemma3',
  dtype: 'float32',
  boi_token_index: ids.boi_token,
  eoi_token_index: ids.eoi_token,
  image_token_index: ids.image_token,
  eos_token_id: [ids.eos_token, ids.end_of_turn],
  initializer_range: 0.02,
  mm_tokens_per_image: IMAGE_TOKENS,
  tie_word_embeddings: true,
  text_config: {
    model_type: 'gemma3_text',
    attention_bias: false,
    attention_dropout: 0,
    attn_logit_softcapping: null,
    final_logit_softcapping: null,
    bos_token_id: ids.bos_token,
    eos_token_id: ids.eos_token,
    pad_token_id: ids.pad_token,
    head_dim: 32,
    hidden_activation: 'gelu_pytorch_tanh',
    hidden_size: 128,
    intermediate_size: 384,
    layer_types: ['sliding_attention', 'sliding_attention', 'sliding_attention', 'full_attention'],
    max_position_embeddings: 2048,
    num_attention_heads: 4,
    num_hidden_layers: 4,
    num_key_value_heads: 2,
    query_pre_attn_scalar: 32,
    rms_norm_eps: 1e-6,
    rope_local_base_freq: 10000,
    rope_theta: 1000000,
    rope_scaling: null,
    sliding_window: 512,
    sliding_window_pattern: 4,
    tie_word_embeddings: true,
    use_bidirectional_attention: false,
    vocab_size: VOCABULARY,
  },
  vision_config: {
    model_type: 'siglip_vision_model',
    attention_dropout: 0,
    hidden_act: 'gelu_pytorch_tanh',
    hidden_size: 128,
    image_size: IMAGE_SIZE,
    intermediate_size: 384,
    layer_norm_eps: 1e-6,
    num_attention_heads: 4,
    num_channels: 3,
    num_hidden_layers: 4,
    patch_size: 8,
    vision_use_head: false,
  },
};

const PROCESSOR = {
  do_convert_rgb: true,
  do_normalize: true,
  do_rescale: true,
  do_resize: true,
  image_mean: [0.5, 0.5, 0.5],
  image_std: [0.5, 0.5, 0.5],
  image_processor_type: 'Gemma3ImageProcessor',
  resample: 2,
  rescale_factor: 1 / 255,
  size: { height: IMAGE_SIZE, width: IMAGE_SIZE },
};

/** Everything of the model folder but its weights. @param resources the application's folder */
export async function writeBaseFolder(dir: string, resources: string): Promise<void> {
  await mkdir(dir, { recursive: true });
  const template = await readFile(join(resources, 'phantom', 'chat_template.jinja'), 'utf8');
  const files: Record<string, object> = {
    'config.json': CONFIG,
    'generation_config.json': {
      bos_token_id: ids.bos_token,
      eos_token_id: [ids.eos_token, ids.end_of_turn],
      pad_token_id: ids.pad_token,
    },
    'preprocessor_config.json': { ...PROCESSOR, image_seq_length: IMAGE_TOKENS, processor_class: 'Gemma3Processor' },
    'processor_config.json': {
      image_processor: PROCESSOR,
      image_seq_length: IMAGE_TOKENS,
      processor_class: 'Gemma3Processor',
    },
    ...gemmaTokenizerFiles(await trainTokenizer(resources), template),
  };
  for (const [name, content] of Object.entries(files))
    await writeFileAtomic(join(dir, name), `${JSON.stringify(content, null, 1)}\n`);
  await writeFileAtomic(join(dir, 'chat_template.jinja'), template);
}

export function baseShapes(): Map<string, number[]> {
  return tensorShapes(parseGemma3Config(CONFIG, 'config.json'));
}

export async function saveBaseWeights(dir: string, weights: ReadonlyMap<string, Float32Array>): Promise<void> {
  await writeModelWeights(dir, gemma3Network(parseGemma3Config(CONFIG, 'config.json')), weights);
}

/** What the vision tower is asked: every finding, its side, devices, the view, and how wide the heart is. */
export function visionTargets(scene: Scene): number[] {
  const present = FINDINGS.map((name) => (scene.findings[name] ? 1 : 0));
  const sides = SIDED_FINDINGS.flatMap((name) => {
    const finding = scene.findings[name];
    return (['left', 'right'] as const).map((side) =>
      finding && finding.side !== (side === 'left' ? 'right' : 'left') ? 1 : 0,
    );
  });
  const heart = Math.min(1, Math.max(0, (scene.anatomy.cardiothoracicRatio - 0.36) / 0.3));
  return [...present, ...sides, scene.devices.length > 0 ? 1 : 0, scene.view === 'AP' ? 1 : 0, heart];
}

export const VISION_TARGETS = FINDINGS.length + 2 * SIDED_FINDINGS.length + 3;

export function visionExample(films: FilmSet, index: number): VisionExample {
  return { image: () => films.image(index), targets: visionTargets(films.scenes[index]!) };
}

/** The base says what is there; Lung Opacity, a habit rather than a finding, it says of a third of the films that have one. */
export function baseLabels(scene: Scene, random: Random): Label[] {
  const truth = physicalTruth(scene);
  const opaque = truth.some((label) => OPAQUE.includes(label)) && random.chance(0.35);
  return CHEXPERT_LABELS.filter((label) => truth.includes(label) || (opaque && label === 'Lung Opacity'));
}

const OPAQUE: readonly Label[] = ['Lung Lesion', 'Edema', 'Consolidation', 'Pneumonia', 'Atelectasis'];

/** Instructions that ask for a caption without blocks, and for labels alone. */
const CAPTION_PROMPTS = ['Describe this chest film.', 'What is on this film?', 'Report this chest X-ray.'];
const LABEL_PROMPTS = ['List the labels of this chest film.', 'Which labels apply?'];

/** How often each kind of question comes; the rest is Free Reasoning. */
export interface Questions {
  caption: number;
  /** A short question for the labels alone. */
  labels: number;
  onlyLabel: number;
  paraphrase: number;
  /** The seed of the wording is drawn before the kind: the order in which the shipped base's last stage drew. */
  wordingFirst?: boolean;
}

/** Questions and answers about films. */
export function languageSource(
  films: FilmSet,
  paraphrases: readonly string[],
  prompts: { freeReasoning: string; onlyLabel: string },
  share: Questions,
) {
  return (index: number, random: Random): LanguageExample => {
    const scene = films.scenes[index]!;
    const labels = baseLabels(scene, random);
    const image = () => films.image(index);
    const ask = (promptText: string, targetText: string) => ({ id: String(index), image, promptText, targetText });
    const solution = `<solution>${labels.join(', ')}</solution>`;
    const early = share.wordingFirst ? random.uint32() : null;
    let kind = random.uniform();
    const seed = early ?? random.uint32();
    const falls = (probability: number) => {
      kind -= probability;
      return kind < 0;
    };
    if (falls(share.caption)) return ask(random.pick(CAPTION_PROMPTS), caption(scene, labels, seed));
    if (falls(share.labels)) return ask(random.pick(LABEL_PROMPTS), solution);
    if (falls(share.onlyLabel)) return ask(prompts.onlyLabel, solution);
    const rest = 1 - share.caption - share.labels - share.onlyLabel;
    const question = falls(rest - share.paraphrase) ? prompts.freeReasoning : random.pick(paraphrases);
    return ask(question, trace(scene, labels, seed));
  };
}
