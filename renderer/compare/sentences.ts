/** Ties the labels of an answer to the sentences of its reasoning, and finds the sentences that two answers do not share. */
import type { Label } from '../../core/labels/labels.ts';

/** How reports name each finding; matched from the start of a word, case ignored. */
const PHRASES: Record<Label, readonly string[]> = {
  'No Finding': ['no finding', 'no acute', 'no abnormal', 'normal', 'unremarkable', 'clear lungs', 'lungs are clear'],
  'Enlarged Cardiomediastinum': ['cardiomediastin', 'mediastin'],
  Cardiomegaly: ['cardiomegal', 'cardiac', 'heart', 'cardiothoracic'],
  'Lung Opacity': ['opaci', 'infiltrat', 'airspace', 'interstitial'],
  'Lung Lesion': ['lesion', 'nodul', 'mass'],
  Edema: ['edema', 'oedema', 'vascular congestion', 'cephalization', 'kerley'],
  Consolidation: ['consolidat', 'air bronchogram'],
  Pneumonia: ['pneumonia', 'infect'],
  Atelectasis: ['atelecta', 'volume loss', 'collaps'],
  Pneumothorax: ['pneumothora'],
  'Pleural Effusion': ['effusion', 'costophrenic', 'pleural fluid', 'blunt'],
  'Pleural Other': ['pleural other', 'pleural thicken', 'fibrothorax', 'pleural plaque', 'pleural abnormal'],
  Fracture: ['fractur'],
  'Support Devices': [
    'device',
    'tube',
    'catheter',
    'pacemaker',
    'line',
    'wire',
    'picc',
    'port',
    'icd',
    'hardware',
    'drain',
  ],
};

const PATTERNS = Object.entries(PHRASES).map(
  ([label, phrases]) => [label as Label, new RegExp(`\\b(?:${phrases.join('|')})`, 'i')] as const,
);

export interface Sentence {
  text: string;
  labels: Label[];
}

/** A text in sentences; line breaks end one too. */
export function sentences(reasoning: string): Sentence[] {
  const parts = reasoning
    .split(/\n+/)
    .flatMap((line) => line.split(/(?<=[.!?])\s+(?=[A-Z0-9])/))
    .map((part) => part.trim())
    .filter(Boolean);
  return parts.map((text) => ({ text, labels: mentioned(text) }));
}

export function mentioned(text: string): Label[] {
  return PATTERNS.filter(([, pattern]) => pattern.test(text)).map(([label]) => label);
}

/** Which sentences of `ours` do not stand in `theirs`, small differences of spacing and case aside. */
export function changedSentences(ours: Sentence[], theirs: Sentence[]): boolean[] {
  const known = new Set(theirs.map((sentence) => plain(sentence.text)));
  return ours.map((sentence) => !known.has(plain(sentence.text)));
}

function plain(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, ' ')
    .trim();
}
