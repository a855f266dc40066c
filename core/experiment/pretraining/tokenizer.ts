/** The tokenizer of the phantom's base model: trained on the paper's prompts, the traces' sentences and the label names. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CHEXPERT_LABELS } from '../../labels/labels.ts';
import { allPhrases } from '../../phantom/traces.ts';
import { type BpeModel, trainBpe, type WeightedText } from '../../text/bpeTrainer.ts';
import { loadPrompts } from '../../text/prompts.ts';
import { FORMAT, PROMPTS, SFT_FORMATS } from '../plan.ts';

export const VOCABULARY = 1000;

export interface Paraphrases {
  training: string[];
  heldOut: string[];
}

export function readParaphrases(resources: string): Paraphrases {
  return JSON.parse(
    readFileSync(join(resources, 'prompts', 'paraphrases', 'free-reasoning.json'), 'utf8'),
  ) as Paraphrases;
}

/** What is written most (the Free Reasoning prompt, the answers) counts most, so that it takes few tokens. */
export async function trainTokenizer(resources: string): Promise<BpeModel> {
  // By name: a prompt that comes later must not give the base another vocabulary.
  const known = [FORMAT, ...SFT_FORMATS, ...PROMPTS];
  const prompts = (await loadPrompts(join(resources, 'prompts'))).filter(({ id }) => known.some((each) => each === id));
  const { training, heldOut } = readParaphrases(resources);
  const texts: WeightedText[] = [
    ...prompts.map(({ id, text }) => ({ text, weight: id === FORMAT ? 40 : 3 })),
    ...training.map((text) => ({ text, weight: 10 })),
    ...heldOut.map((text) => ({ text, weight: 3 })),
    ...allPhrases().map((text) => ({ text: ` ${text}`, weight: 8 })),
    ...CHEXPERT_LABELS.flatMap((label) => [label, ` ${label}`].map((text) => ({ text, weight: 60 }))),
    { text: '<think></think>\n<solution></solution>', weight: 200 },
    { text: 'user\nmodel\nassistant\nsystem\n', weight: 50 },
    { text: CAPTION_LEADS.join(' '), weight: 40 },
  ];
  return trainBpe(texts, VOCABULARY);
}

/** Words that open the pretraining captions, and the instructions that ask for them. */
export const CAPTION_LEADS = ['Impression:', 'Findings:', 'Labels:'];
