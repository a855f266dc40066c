import { describe, expect, it } from 'vitest';
import { isFormFailure, parseCompletion, parseStrict } from '../../core/findings/parse.ts';
import type { ParseFailure } from '../../core/findings/types.ts';
import type { Label } from '../../core/labels/labels.ts';

type Expected = Label[] | ParseFailure;

/** [reason, completion, evaluation parser, strict parser] */
const CASES: [string, string, Expected, Expected][] = [
  [
    'the form that the prompt asks for',
    '<think>Large heart.</think>\n<solution>Cardiomegaly, Edema</solution>',
    ['Cardiomegaly', 'Edema'],
    ['Cardiomegaly', 'Edema'],
  ],
  [
    'rule 1: tags in another case, with white space',
    '< Think >x</THINK><Solution >Edema</ solution>',
    ['Edema'],
    'no-think',
  ],
  [
    'rule 2: a solution quoted in the reasoning is not the answer',
    '<think>I write <solution>Fracture</solution> later</think><solution>Edema</solution>',
    ['Edema'],
    'several-solutions',
  ],
  ['rule 2: no think block', '<solution>Edema</solution>', ['Edema'], 'no-think'],
  ['rule 2: the think block is not closed', '<think>x <solution>Edema</solution>', ['Edema'], 'unclosed-think'],
  ['rule 2: solution before the reasoning', '<solution>Edema</solution><think>x</think>', ['Edema'], 'wrong-order'],
  [
    'strict: two think blocks',
    '<think>a</think><think>b</think><solution>Edema</solution>',
    ['Edema'],
    'several-thinks',
  ],
  ['strict: text outside', 'Sure! <think>a</think><solution>Edema</solution>', ['Edema'], 'text-outside'],
  [
    'rule 3: two solutions that say the same',
    '<think>a</think><solution>Edema</solution><solution>- edema</solution>',
    ['Edema'],
    'several-solutions',
  ],
  [
    'rule 3: two solutions that differ',
    '<think>a</think><solution>Edema</solution><solution>Fracture</solution>',
    'several-solutions',
    'several-solutions',
  ],
  [
    'rule 4: cut off within the solution',
    '<think>a</think><solution>Edema, Card',
    'unclosed-solution',
    'unclosed-solution',
  ],
  ['no block at all', 'The heart is enlarged.', 'no-solution', 'no-think'],
  ['only reasoning', '<think>Large heart.</think>', 'no-solution', 'no-solution'],
  ['nothing', '', 'no-solution', 'no-think'],
  [
    'rule 5: bullets, numbers, Markdown, full stops',
    '<think>a</think><solution>\n1. **Edema**.\n2) Pneumonia\n- `Fracture`\n• Atelectasis\n</solution>',
    ['Edema', 'Pneumonia', 'Fracture', 'Atelectasis'],
    ['Edema', 'Pneumonia', 'Fracture', 'Atelectasis'],
  ],
  [
    'rule 5: a JSON list',
    '<think>a</think><solution>["Lung Opacity", "Pleural Effusion"]</solution>',
    ['Lung Opacity', 'Pleural Effusion'],
    ['Lung Opacity', 'Pleural Effusion'],
  ],
  [
    'rule 5: "and", slash, bar, semicolon, a remark',
    '<think>a</think><solution>Edema and Pneumonia/Consolidation | Fracture; Pleural Effusion (left, small)</solution>',
    ['Edema', 'Pneumonia', 'Consolidation', 'Fracture', 'Pleural Effusion'],
    ['Edema', 'Pneumonia', 'Consolidation', 'Fracture', 'Pleural Effusion'],
  ],
  [
    'rule 6: case, underscore, hyphen, plural',
    '<think>a</think><solution>LUNG_OPACITIES, pleural-effusion, support device, Enlarged cardiomediastinum</solution>',
    ['Lung Opacity', 'Pleural Effusion', 'Support Devices', 'Enlarged Cardiomediastinum'],
    ['Lung Opacity', 'Pleural Effusion', 'Support Devices', 'Enlarged Cardiomediastinum'],
  ],
  [
    'rule 6: "no findings" is a name',
    '<think>a</think><solution>No findings.</solution>',
    ['No Finding'],
    ['No Finding'],
  ],
  [
    'rule 7: values after a colon',
    '<think>a</think><solution>Edema: yes\nPneumonia: no\nFracture: 0.9\nAtelectasis: 0.2\nLung Lesion: 35%\nConsolidation = 1\nCardiomegaly: mild</solution>',
    ['Edema', 'Fracture', 'Consolidation', 'Cardiomegaly'],
    ['Edema', 'Fracture', 'Consolidation', 'Cardiomegaly'],
  ],
  [
    'rule 7: a heading before the names',
    '<think>a</think><solution>Findings: Edema, Fracture</solution>',
    ['Edema', 'Fracture'],
    ['Edema', 'Fracture'],
  ],
  [
    'rule 8: denials name nothing',
    '<think>a</think><solution>Edema, no pneumothorax, without fracture, negative for pneumonia</solution>',
    ['Edema'],
    ['Edema'],
  ],
  [
    'rule 9: synonyms are not mapped',
    '<think>a</think><solution>Mass, Nodule</solution>',
    'no-valid-label',
    'no-valid-label',
  ],
  ['rule 9: "None" is not a name', '<think>a</think><solution>None</solution>', 'no-valid-label', 'no-valid-label'],
  [
    'rule 9: the valid names among others are kept',
    '<think>a</think><solution>Mass, Edema</solution>',
    ['Edema'],
    ['Edema'],
  ],
  [
    'rule 10: No Finding beside others is kept as written',
    '<think>a</think><solution>No Finding, Support Devices</solution>',
    ['No Finding', 'Support Devices'],
    ['No Finding', 'Support Devices'],
  ],
  ['rule 11: an empty block', '<think>a</think><solution> \n </solution>', 'empty-solution', 'empty-solution'],
];

describe('findings', () => {
  for (const [reason, completion, evaluation, strict] of CASES) {
    it(reason, () => {
      for (const [parse, expected] of [
        [parseCompletion, evaluation],
        [parseStrict, strict],
      ] as const) {
        const reading = parse(completion);
        expect(reading.parseFailure ?? reading.findings).toEqual(expected);
        if (reading.parseFailure !== null) expect(reading.findings).toEqual([]);
      }
    });
  }

  it('reports invalid names, repetitions and text outside', () => {
    const reading = parseCompletion('Well. <think>a</think><solution>Mass; Edema; edema; Edema</solution>');
    expect(reading).toMatchObject({ invalid: ['Mass'], duplicates: ['Edema'], outside: true, findings: ['Edema'] });
    expect(parseCompletion('<think>a</think> <solution>Edema</solution>\n').outside).toBe(false);
  });

  it('gives the reasoning, whole or cut off', () => {
    expect(parseCompletion('<think> Large heart. </think><solution>x</solution>').reasoning).toBe('Large heart.');
    expect(parseCompletion('Large heart.</think><solution>Edema</solution>').reasoning).toBe('Large heart.');
    expect(parseCompletion('<think>Large heart <solution>Edema</solution>').reasoning).toBe('Large heart');
    expect(parseCompletion('<think>Large').reasoning).toBe('Large');
    expect(parseCompletion('<solution>Edema</solution>').reasoning).toBe('');
  });

  it('tells a wrong form from a form that names nothing', () => {
    expect(isFormFailure('no-think')).toBe(true);
    expect(isFormFailure('empty-solution')).toBe(false);
    expect(isFormFailure(null)).toBe(false);
  });

  it('reads a long hostile text in little time', () => {
    const start = performance.now();
    parseCompletion(`${'<solution>('.repeat(20_000)}${'< '.repeat(100_000)}${'- 1.'.repeat(50_000)}`);
    parseCompletion(`<solution>${'('.repeat(100_000)}${' '.repeat(100_000)}x</solution>`);
    expect(performance.now() - start).toBeLessThan(2000);
  });
});
