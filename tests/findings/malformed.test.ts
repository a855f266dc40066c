/** Every way in which an answer can be malformed, with what the evaluation's reader makes of it, and why. */
import { describe, expect, it } from 'vitest';
import { parseAnswer, parseCompletion, readCompletion } from '../../core/findings/parse.ts';
import type { ParseFailure } from '../../core/findings/types.ts';
import type { Label } from '../../core/labels/labels.ts';

type Expected = Label[] | ParseFailure;
const T = '<think>a</think>';

/** [shape, completion, what is read, why] */
const CASES: [string, string, Expected, string][] = [
  ['no tag at all', 'Edema', 'no-solution', 'a name outside a block may be part of the reasoning'],
  ['no closing tag', `${T}<solution>Edema`, 'unclosed-solution', 'the list may have been cut off'],
  ['no opening tag', `${T}Edema</solution>`, 'no-solution', 'where the list begins is not known'],
  [
    'tags the wrong way round',
    `${T}</solution>Edema<solution>`,
    'unclosed-solution',
    'what follows the opening tag is cut off',
  ],
  [
    'the opening tag twice',
    `${T}<solution><solution>Edema</solution>`,
    ['Edema'],
    'the list is what the last opening tag begins',
  ],
  [
    'the closing tag twice',
    `${T}<solution>Edema</solution></solution>`,
    ['Edema'],
    'the first closing tag ends the list',
  ],
  [
    'nested solutions',
    `${T}<solution><solution>Edema</solution></solution>`,
    ['Edema'],
    'the inner block holds the list',
  ],
  [
    'nested thinks',
    '<think>a<think>b</think></think><solution>Edema</solution>',
    ['Edema'],
    'the answer is what counts',
  ],
  [
    'the solution inside the reasoning only',
    '<think>a<solution>Edema</solution></think>',
    ['Edema'],
    'there is no other',
  ],
  ['the solution first', '<solution>Edema</solution><think>a</think>', ['Edema'], 'there is no other'],
  ['two equal solutions', `${T}<solution>Edema</solution><solution>edema</solution>`, ['Edema'], 'both say the same'],
  [
    'two different solutions',
    `${T}<solution>Edema</solution><solution>Fracture</solution>`,
    'several-solutions',
    'which of them counts is not known',
  ],
  [
    'one solution empty, one not',
    `${T}<solution></solution><solution>Edema</solution>`,
    'several-solutions',
    'they differ',
  ],
  [
    'an interleaved pair',
    '<think>a<solution></think>Edema</solution>',
    'no-valid-label',
    'the block holds a tag, which is no name',
  ],
  ['half a closing tag', `${T}<solution>Edema</solu`, 'unclosed-solution', 'stopped at the maximum of tokens'],
  ['half an opening tag', `${T}<sol`, 'no-solution', 'stopped at the maximum of tokens'],
  ['half a closing think', '<think>a</thi', 'no-solution', 'stopped at the maximum of tokens'],
  ['half a label', `${T}<solution>Edema, Pleural Eff`, 'unclosed-solution', 'stopped at the maximum of tokens'],
  [
    'a tag with an attribute',
    `${T}<solution lang="en">Edema</solution>`,
    'no-solution',
    'it is another tag than the one that was asked for',
  ],
  ['escaped tags', `${T}&lt;solution&gt;Edema&lt;/solution&gt;`, 'no-solution', 'text is not unescaped'],
  ['square brackets', `${T}[solution]Edema[/solution]`, 'no-solution', 'it is no tag'],
  ['another name of the tag', `${T}<answer>Edema</answer>`, 'no-solution', 'the paper’s format was asked for'],
  ['tags in capitals and with spaces', '<THINK>a</THINK>< Solution >Edema</ solution >', ['Edema'], 'rule 1'],
  [
    'full-width brackets',
    `${T}＜solution＞Edema＜/solution＞`,
    ['Edema'],
    'they look like the tags that were asked for',
  ],
  ['a zero-width space in the tag', `${T}<\u200bsolution>Edema</solution>`, ['Edema'], 'it cannot be seen'],
  [
    'text before and after',
    `Sure!\n${T}\n<solution>Edema</solution>\nDone.`,
    ['Edema'],
    'it is reported as text outside',
  ],
  [
    'the whole answer in a code fence',
    `\`\`\`xml\n${T}<solution>Edema</solution>\n\`\`\``,
    ['Edema'],
    'it is text outside',
  ],
  [
    'a code fence around the list',
    `${T}<solution>\n\`\`\`json\n["Edema", "Fracture"]\n\`\`\`\n</solution>`,
    ['Edema', 'Fracture'],
    'rule 5',
  ],
  [
    'white space of every kind',
    `${T}<solution>\r\n\t Edema \r\n\r\n  ,Fracture\t</solution>`,
    ['Edema', 'Fracture'],
    'rule 5',
  ],
  ['a no-break space', `${T}<solution>Pleural\u00a0Effusion</solution>`, ['Pleural Effusion'], 'it looks like a space'],
  ['a zero-width space in a name', `${T}<solution>Ede\u200bma</solution>`, ['Edema'], 'it cannot be seen'],
  ['full-width letters', `${T}<solution>Ｅｄｅｍａ</solution>`, ['Edema'], 'they are the same letters'],
  ['a Cyrillic letter', `${T}<solution>\u0415dema</solution>`, 'no-valid-label', 'it is another letter'],
  ['a line break within a name', `${T}<solution>Pleural\nEffusion</solution>`, 'no-valid-label', 'a line is an item'],
  ['names run together', `${T}<solution>EdemaFracture</solution>`, 'no-valid-label', 'it is none of the 14 names'],
  [
    'names parted by spaces only',
    `${T}<solution>Edema Fracture</solution>`,
    'no-valid-label',
    'a space is part of names',
  ],
  ['case', `${T}<solution>EDEMA, pleural effusion</solution>`, ['Edema', 'Pleural Effusion'], 'rule 6'],
  ['a duplicate', `${T}<solution>Edema, edema, Fracture</solution>`, ['Edema', 'Fracture'], 'rule 10'],
  ['a synonym', `${T}<solution>Pulmonary edema</solution>`, 'no-valid-label', 'the 14 names were asked for'],
  ['a synonym beside a name', `${T}<solution>Nodule, Edema</solution>`, ['Edema'], 'the valid names are kept'],
  ['an unknown label', `${T}<solution>Hernia, Edema</solution>`, ['Edema'], 'the valid names are kept'],
  ['a qualified name', `${T}<solution>Mild edema</solution>`, 'no-valid-label', 'it is none of the 14 names'],
  ['a denial before', `${T}<solution>No edema, Fracture</solution>`, ['Fracture'], 'rule 8'],
  ['a denial as a value', `${T}<solution>Edema: absent; Fracture: present</solution>`, ['Fracture'], 'rule 7'],
  [
    'a denial as a remark',
    `${T}<solution>Edema (absent), Fracture (left rib)</solution>`,
    ['Fracture'],
    'a remark that only denies',
  ],
  [
    'a denial after',
    `${T}<solution>Edema absent, Fracture</solution>`,
    ['Fracture'],
    '"Edema absent" is none of the 14 names',
  ],
  [
    'only denials',
    `${T}<solution>No edema. No fracture.</solution>`,
    'no-valid-label',
    'it names nothing, and No Finding was not said',
  ],
  ['a sentence', `${T}<solution>There is edema.</solution>`, 'no-valid-label', 'names were asked for'],
  [
    'No Finding beside another',
    `${T}<solution>No Finding, Edema</solution>`,
    ['No Finding', 'Edema'],
    'a contradiction is kept as written',
  ],
  ['an empty list', `${T}<solution></solution>`, 'empty-solution', 'the form is right and names nothing'],
  ['a list of separators', `${T}<solution>, ; -</solution>`, 'no-valid-label', 'it names nothing'],
  ['nothing', '', 'no-solution', 'there is nothing'],
];

describe('a malformed answer', () => {
  it.each(CASES)('%s', (_shape, completion, expected, _why) => {
    const reading = parseCompletion(completion);
    expect(reading.parseFailure ?? reading.findings).toEqual(expected);
  });

  it('keeps its reasoning as it was written', () => {
    expect(parseCompletion('<think>Heart ½ of thorax\u00a0wide.</think><solution>Edema</solution>').reasoning).toBe(
      'Heart ½ of thorax\u00a0wide.',
    );
  });
});

/** NV-Reason-CXR-3B's own format. [shape, completion, what is read] */
const NV: [string, string, Expected][] = [
  [
    'as its card shows',
    '<think>Large heart.</think><answer>Cardiomegaly, Pleural Effusion</answer>',
    ['Cardiomegaly', 'Pleural Effusion'],
  ],
  ['the other name of the think tag', '<thinking>x</thinking>\n<answer>Edema</answer>', ['Edema']],
  [
    'its own words',
    `${T}<answer>Enlarged cardiac silhouette, small bilateral pleural effusions, pulmonary edema</answer>`,
    ['Cardiomegaly', 'Pleural Effusion', 'Edema'],
  ],
  ['sentences', `${T}<answer>Right lower lobe consolidation. No pneumothorax.</answer>`, ['Consolidation']],
  ['a normal film', `${T}<answer>Normal chest X-ray.</answer>`, ['No Finding']],
  ['devices', `${T}<answer>Endotracheal tube and pacemaker</answer>`, ['Support Devices']],
  ['cut off', `${T}<answer>Edema`, 'unclosed-solution'],
  ['the paper’s format, which it was not asked for', `${T}<solution>Edema</solution>`, 'no-solution'],
  ['words that it has not', `${T}<answer>Something odd</answer>`, 'no-valid-label'],
];

describe('an answer of NV-Reason-CXR-3B', () => {
  it.each(NV)('%s', (_, completion, expected) => {
    const reading = parseAnswer(completion);
    expect(reading.parseFailure ?? reading.findings).toEqual(expected);
    expect(readCompletion(completion, 'answer')).toEqual(reading);
  });
});
