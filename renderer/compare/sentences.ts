/** An answer's reasoning in sentences, each with the labels that it speaks of; and which sentence stands for which label. */
import { sentencesOf } from '../../core/findings/sentences.ts';
import type { Label } from '../../core/labels/labels.ts';
import { type Mention, mentionsIn } from './mentions.ts';

export interface Sentence {
  text: string;
  mentions: Mention[];
}

export function sentences(reasoning: string): Sentence[] {
  return sentencesOf(reasoning).map((text) => ({ text, mentions: mentionsIn(text) }));
}

/** The labels that a sentence speaks of, in whatever way. */
export function mentioned(text: string): Label[] {
  return mentionsIn(text).map(({ label }) => label);
}

/**
 * The sentence that stands for a label's being said (or not): one that affirms it (or denies it), rather one that the other
 * reading does not have, rather one without a doubt. -1 where none does.
 */
export function sentenceOf(label: Label, said: boolean, all: readonly Sentence[], changed: readonly boolean[]): number {
  let best = -1;
  let most = 0;
  all.forEach(({ mentions }, index) => {
    const polarity = mentions.find((mention) => mention.label === label)?.polarity;
    const fits = said ? polarity === 'affirmed' || polarity === 'doubted' : polarity === 'denied';
    const worth = fits ? 2 + (changed[index] ? 2 : 0) + (polarity === 'doubted' ? 0 : 1) : 0;
    if (worth > most) [best, most] = [index, worth];
  });
  return best;
}
