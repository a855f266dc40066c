/**
 * Which labels a sentence of a report affirms, doubts or denies: phrases of each label, and the rules of NegEx (Chapman
 * et al. 2001) for what a denial reaches, within a clause. For showing, never for scoring: findings are read from the
 * solution block alone (core/findings). Leaves out: negation across sentences, and family or past history.
 */
import type { Label } from '../../core/labels/labels.ts';

/** How reports name each finding; matched from the start of a word, case ignored. */
const PHRASES: Record<Label, readonly string[]> = {
  'No Finding': [
    'no finding',
    'no acute',
    'no abnormal',
    'normal chest',
    'normal study',
    'clear lungs',
    'lungs are clear',
  ],
  'Enlarged Cardiomediastinum': ['cardiomediastin', 'mediastin'],
  Cardiomegaly: ['cardiomegal', 'cardiac', 'heart', 'cardiothoracic'],
  'Lung Opacity': ['opaci', 'infiltrat', 'airspace', 'interstitial'],
  'Lung Lesion': ['lesion', 'nodul', 'mass(?:es)?\\b'],
  Edema: ['edema', 'oedema', 'vascular congestion', 'cephalization', 'kerley'],
  Consolidation: ['consolidat', 'air bronchogram'],
  Pneumonia: ['pneumonia', 'infect'],
  Atelectasis: ['atelecta', 'volume loss', 'collaps'],
  Pneumothorax: ['pneumothora'],
  'Pleural Effusion': ['(?<!pericardial )effusion', 'costophrenic', 'pleural fluid', 'blunt'],
  'Pleural Other': ['pleural other', 'pleural thicken', 'fibrothorax', 'pleural plaque', 'pleural abnormal'],
  Fracture: ['fractur'],
  'Support Devices': [
    'device',
    'tube',
    'catheter',
    'pacemaker',
    'pacer',
    'lines?\\b',
    'wires?\\b',
    'picc',
    'port(?:-a-cath|acath)?\\b',
    'icd\\b',
    'hardware',
    'drains?\\b',
  ],
};

const PATTERNS = Object.entries(PHRASES).map(
  ([label, phrases]) => [label as Label, new RegExp(`\\b(?:${phrases.join('|')})`, 'gi')] as const,
);

/** A denial reaches from its word to the end of the clause. */
const DENIES_AFTER =
  /\b(no|not|without|denies|negative for|free of|absence of|absent|nor|never|neither|rules? out|ruled out|cannot see|lack of|lacks)\b/gi;
/** These look like a denial and are none. */
const NO_DENIAL =
  /\b(no (?:significant |interval |definite |appreciable )*(?:change|increase|decrease|progression|improvement)|not only|without (?:significant |interval )*change|not (?:significantly )?changed|no longer normal|cannot be (?:excluded|ruled out)|not (?:be )?(?:excluded|ruled out)|no further)\b/gi;
/** A denial that stands after what it denies reaches back to the beginning of the clause. */
const DENIES_BEFORE =
  /\b(?:is|are|was|were|has|have|been)?\s*(?:absent|not (?:seen|identified|present|evident|visible|visualized|detected|demonstrated|noted|appreciated|enlarged|widened|blunted)|ruled out|excluded|resolved|unlikely|negative)\b/gi;
/** Of the anatomy that stands for a finding: the heart that is normal is no cardiomegaly. */
const NORMAL =
  /\b(?:normal|unremarkable|within normal limits|sharp|preserved|clear|not enlarged|top[- ]normal|intact|stable in size)\b/i;
const ANATOMY = /^(?:heart|cardiac|cardiothoracic|cardiomediastin|mediastin|costophrenic)/i;
const DOUBTS =
  /\b(?:possibl[ey]|probabl[ey]|may|might|could|suspicious|suspected|suggest\w*|questionable|cannot be (?:excluded|ruled out)|not (?:be )?(?:excluded|ruled out)|likely|equivocal|versus|vs)\b/i;
/** Where a denial ends. */
const CLAUSE =
  /;|:|\bbut\b|\bhowever\b|\balthough\b|\bthough\b|\bexcept\b|\bapart from\b|\bother than\b|\bwhile\b|\bwhereas\b|\byet\b|,\s*(?=(?:there|the|a|an|with)\b)|\bbecause\b|\bwhich\b/gi;

export type Polarity = 'affirmed' | 'doubted' | 'denied';

export interface Mention {
  label: Label;
  polarity: Polarity;
}

/** In the order of the labels; a label that a sentence affirms anywhere is affirmed. */
export function mentionsIn(sentence: string): Mention[] {
  const clauses = sentence.split(CLAUSE);
  const strongest = new Map<Label, Polarity>();
  for (const clause of clauses) {
    for (const { label, polarity } of mentionsInClause(clause ?? '')) {
      const before = strongest.get(label);
      if (!before || rank(polarity) > rank(before)) strongest.set(label, polarity);
    }
  }
  // "No finding" denies nothing of itself; a denial of it is not in the language of reports.
  return PATTERNS.flatMap(([label]) => {
    const polarity = strongest.get(label);
    return polarity ? [{ label, polarity: label === 'No Finding' ? 'affirmed' : polarity }] : [];
  });
}

function rank(polarity: Polarity): number {
  return ['denied', 'doubted', 'affirmed'].indexOf(polarity);
}

function mentionsInClause(clause: string): Mention[] {
  // Of equal length, so that places stay.
  const plain = clause.replace(NO_DENIAL, (found) => '~'.repeat(found.length));
  const after = firstIndex(plain, DENIES_AFTER);
  const before = [...plain.matchAll(DENIES_BEFORE)].pop()?.index ?? -1;
  const doubted = DOUBTS.test(clause);
  return PATTERNS.flatMap(([label, pattern]) =>
    [...clause.matchAll(pattern)].map(({ 0: phrase, index }): Mention => {
      const denied = (after >= 0 && index > after) || index < before || (ANATOMY.test(phrase) && NORMAL.test(plain));
      return { label, polarity: denied ? 'denied' : doubted ? 'doubted' : 'affirmed' };
    }),
  );
}

function firstIndex(text: string, pattern: RegExp): number {
  return [...text.matchAll(pattern)][0]?.index ?? -1;
}
