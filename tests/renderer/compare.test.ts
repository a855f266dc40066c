/** What a sentence says of a label, how two readings differ, whether a difference is noise, and which films a filter keeps. */
import { describe, expect, it } from 'vitest';
import type { Label, LabelValues } from '../../core/labels/labels.ts';
import type { FilmEntry, ReaderFindings } from '../../core/services/contract.ts';
import { diffReasonings } from '../../renderer/compare/diff.ts';
import { mentionsIn } from '../../renderer/compare/mentions.ts';
import { fisherExact } from '../../renderer/compare/noise.ts';
import { sentenceOf, sentences } from '../../renderer/compare/sentences.ts';
import { type AgreementKind, agrees, type Known } from '../../renderer/studies/agreement.ts';

const said = (text: string) => mentionsIn(text).map(({ label, polarity }) => `${polarity} ${label}`);

describe('A sentence', () => {
  it.each([
    ['No pleural effusion.', ['denied Pleural Effusion']],
    ['There is no pleural effusion or pneumothorax.', ['denied Pneumothorax', 'denied Pleural Effusion']],
    ['Small left pleural effusion, no pneumothorax.', ['denied Pneumothorax', 'affirmed Pleural Effusion']],
    ['No pneumothorax but a small left pleural effusion.', ['denied Pneumothorax', 'affirmed Pleural Effusion']],
    ['Without focal consolidation, there is edema.', ['affirmed Edema', 'denied Consolidation']],
    ['Pneumothorax is not seen.', ['denied Pneumothorax']],
    ['The pneumothorax has resolved.', ['denied Pneumothorax']],
    ['Lungs are free of consolidation.', ['denied Consolidation']],
    ['No significant change in the left pleural effusion.', ['affirmed Pleural Effusion']],
    ['Pneumonia cannot be excluded.', ['doubted Pneumonia']],
    ['Opacity possibly representing atelectasis.', ['doubted Lung Opacity', 'doubted Atelectasis']],
    ['The heart is normal in size.', ['denied Cardiomegaly']],
    ['The heart is not enlarged.', ['denied Cardiomegaly']],
    ['The heart is enlarged.', ['affirmed Cardiomegaly']],
    ['Costophrenic angles are sharp.', ['denied Pleural Effusion']],
    ['The left costophrenic angle is blunted by an effusion.', ['affirmed Pleural Effusion']],
    ['A right PICC line ends in the superior vena cava.', ['affirmed Support Devices']],
    ['No displaced rib fracture; a pacemaker is in place.', ['denied Fracture', 'affirmed Support Devices']],
    ['Lungs are clear.', ['affirmed No Finding']],
    ['No acute abnormality.', ['affirmed No Finding']],
    ['The outline is smooth and massive ribs are shown.', []],
    ['Midline trachea.', []],
  ])('%j says %j', (sentence, mentions) => {
    expect(said(sentence)).toEqual(mentions);
  });
});

describe('The sentence that stands for a label', () => {
  const all = sentences(
    'No pleural effusion. Hazy opacity, possibly an effusion. A small effusion is seen. Clear apices.',
  );
  const of = (label: Label, isSaid: boolean, changed: boolean[]) => sentenceOf(label, isSaid, all, changed);

  it('affirms what was said, and denies what was not', () => {
    expect(of('Pleural Effusion', true, [])).toBe(2);
    expect(of('Pleural Effusion', false, [])).toBe(0);
    expect(of('Fracture', true, [])).toBe(-1);
  });

  it('is rather one that the other reading does not have', () => {
    expect(of('Pleural Effusion', true, [false, true, false, false])).toBe(1);
  });
});

describe('Two readings', () => {
  it('differ in sentences, and in the words of one that was changed', () => {
    const parts = diffReasonings(
      sentences('The heart is enlarged. Small right pleural effusion. A line ends in the cava.'),
      sentences('The heart is enlarged. Small left pleural effusion. Edema is seen. A line ends in the cava.'),
    );
    expect(parts.map(({ kind }) => kind)).toEqual(['same', 'changed', 'added', 'same']);
    const changed = parts[1];
    expect(changed.kind === 'changed' && changed.words.map(({ kind, value }) => `${kind} ${value}`)).toEqual([
      'same Small',
      'removed right',
      'added left',
      'same pleural',
      'same effusion.',
    ]);
    expect(parts.flatMap((part) => ('index' in part ? [part.index] : []))).toEqual([0, 1, 2, 3]);
  });

  it('that share nothing are removed and added whole', () => {
    const parts = diffReasonings(sentences('Edema is seen.'), sentences('Ribs intact throughout.'));
    expect(parts.map(({ kind }) => kind)).toEqual(['added', 'removed']);
    expect(diffReasonings([], [])).toEqual([]);
  });
});

describe('Fisher’s exact test', () => {
  // scipy.stats.fisher_exact([[a, n - a], [b, m - b]])
  it.each([
    [4, 8, 6, 8, 0.6083916083916083],
    [0, 8, 8, 8, 0.00015540015540015537],
    [1, 8, 7, 8, 0.010101010101010102],
    [3, 5, 0, 9, 0.027472527472527476],
    [5, 5, 5, 5, 1],
    [0, 8, 0, 8, 1],
  ])('%d of %d against %d of %d: p %d', (a, n, b, m, p) => {
    expect(fisherExact(a, n, b, m)).toBeCloseTo(p, 10);
  });
});

describe('The agreement filter', () => {
  const film = (truth: LabelValues | null) => ({ id: 'f', truth }) as FilmEntry;
  const known = (answers: Record<string, Label[] | null>, judged: ReaderFindings['findings'] = {}): Known => ({
    answers: { f: answers },
    readers: { f: { findings: judged } as ReaderFindings },
    from: 'sft',
    to: 'grpo',
  });
  const kept = (kind: AgreementKind, label: Label | null, truth: LabelValues | null, all: Known) =>
    agrees(film(truth), { kind, label }, all);
  const truth: LabelValues = { Edema: 1, Fracture: 0, Pneumonia: -1 };

  it.each([
    // GRPO no longer says the edema that is there.
    ['lost', null, { sft: ['Edema'], grpo: [] }, true],
    ['won', null, { sft: ['Edema'], grpo: [] }, false],
    ['lost', 'Fracture', { sft: ['Edema'], grpo: [] }, false],
    // It now says a fracture that is not there.
    ['lost', 'Fracture', { sft: ['Edema'], grpo: ['Edema', 'Fracture'] }, true],
    ['won', 'Edema', { sft: [], grpo: ['Edema'] }, true],
    // The table does not know about pneumonia, so nobody is right or wrong.
    ['lost', 'Pneumonia', { sft: [], grpo: ['Pneumonia'] }, false],
    ['disagree', 'Pneumonia', { sft: [], grpo: ['Pneumonia'] }, true],
    ['allWrong', null, { base: [], sft: [], grpo: [] }, true],
    ['allWrong', null, { base: ['Edema'], sft: [], grpo: [] }, false],
    ['allRight', null, { base: ['Edema'], sft: ['Edema', 'Pneumonia'], grpo: ['Edema'] }, true],
    ['allRight', null, { base: ['Edema'], sft: ['Edema', 'Fracture'], grpo: ['Edema'] }, false],
    // An answer that cannot be read names nothing.
    ['lost', 'Edema', { sft: ['Edema'], grpo: null }, true],
    ['unreadable', null, { sft: ['Edema'], grpo: null }, true],
    ['unanswered', null, { sft: ['Edema'] }, true],
    ['lost', null, { sft: ['Edema'] }, false],
    ['all', null, {}, true],
    ['allWrong', null, {}, false],
  ] as [AgreementKind, Label | null, Record<string, Label[] | null>, boolean][])(
    '%s, %s, %j: %s',
    (kind, label, answers, wanted) => {
      expect(kept(kind, label, truth, known(answers))).toBe(wanted);
    },
  );

  it('needs a table for right and wrong, and none for disagreement', () => {
    const all = known({ sft: ['Edema'], grpo: [] });
    expect(kept('lost', null, null, all)).toBe(false);
    expect(kept('disagree', null, null, all)).toBe(true);
  });

  it('holds an answer against the reader, where the reader judged', () => {
    const answers = { sft: [], grpo: ['Edema'] as Label[] };
    expect(kept('readerDiffers', null, null, known(answers, { Edema: 0 }))).toBe(true);
    expect(kept('readerDiffers', null, null, known(answers, { Edema: 1, Fracture: -1 }))).toBe(false);
    expect(kept('readerDiffers', 'Fracture', null, known(answers, { Edema: 0 }))).toBe(false);
  });
});
