/** How it was done, from what was actually run: methods, the mapping of labels, provenance, commands, limits. */
import { labelMapping } from '../../labels/mapping.ts';
import { policyText } from '../../labels/uncertainty.ts';
import type { Block } from '../blocks.ts';
import { checkpointOf, datasetName, hasTwoCheckpoints, hasTwoDatasets, intervalNote } from '../lookup.ts';
import type { ReportInput } from '../types.ts';
import { count, day, listed, plural, text } from '../words.ts';
import { settingsInWords, unsuitableInWords } from './overview.ts';

export function mapping(input: ReportInput): Block[] {
  const own = input.datasets.filter(({ mapping: kind }) => kind !== 'nih').map(({ id }) => datasetName(input, id));
  return [
    ...input.datasets.flatMap(({ id, mapping: kind }): Block[] => {
      if (kind !== 'nih') return [];
      const { rows, name, reference, notListed } = labelMapping(kind);
      return [
        {
          kind: 'table',
          id: `mapping-${id}`,
          caption: `How the labels of ${datasetName(input, id)} (${name}; ${reference}) were mapped. Not listed: ${notListed}.`,
          size: 7.5,
          columns: [
            { title: `Name in ${name}`, width: 0.18 },
            { title: 'CheXpert label', width: 0.2 },
            { title: 'Use', width: 0.09 },
            { title: 'Reason', width: 0.53 },
          ],
          rows: rows.map((row) => [
            text(row.from ?? '\u2013'),
            text(row.to ?? '\u2013'),
            text(row.use),
            text(row.reason.replace(/'/g, '\u2019')),
          ]),
        },
      ];
    }),
    ...(own.length > 0
      ? [
          {
            kind: 'paragraph' as const,
            words: `${listed(own)}: the 14 CheXpert labels under their own names; a blank is \u201cnot mentioned\u201d and counts as negative.`,
          },
        ]
      : []),
  ];
}

export function methods(input: ReportInput): Block[] {
  return [
    { kind: 'paragraph', words: dataInWords(input) },
    { kind: 'paragraph', words: readingInWords(input) },
    { kind: 'paragraph', words: statisticsInWords(input) },
  ];
}

function dataInWords(input: ReportInput): string {
  const { evaluation } = input;
  const sets = evaluation.datasets.map(
    ({ name, films, patients, part, policy, unit }) =>
      `${name} (${hasTwoDatasets(input) ? `the ${part}; ` : ''}${plural(films, 'film')} of ${plural(patients, 'patient')}; figures by ${unit}; uncertain labels: ${policyText(policy)})`,
  );
  const checkpoints = evaluation.checkpoints.map(
    ({ name, trainingSource }) =>
      `${name} (${trainingSource === '' ? 'training data unknown' : `trained on ${trainingSource}`})`,
  );
  return `${plural(checkpoints.length, 'checkpoint')}, ${listed(checkpoints)}, read the films of ${listed(sets)}. Uncertain labels under zeros count as negative, under ones as positive, under ignore not at all.`;
}

function readingInWords(input: ReportInput): string {
  const prompts = [...new Set(input.checkpoints.map(({ promptId }) => promptId).filter(Boolean))];
  const views = [...new Set(input.checkpoints.map(({ preprocessing }) => preprocessing).filter(Boolean))];
  const failed = input.evaluation.cells.reduce((sum, { own }) => sum + own.failures, 0);
  return `Each film was shown (${listed(views) || 'preprocessing unknown'}) with the instruction ${listed(prompts) || 'unknown'}: ${settingsInWords(input)}. The labels in the solution block of the completion were read by a rule-based parser and filtered to the 14 CheXpert names. ${plural(failed, 'completion')} could not be read and ${failed === 1 ? 'counts' : 'count'} as no label. The answers were given between ${day(input.answered.from)} and ${day(input.answered.to)}.`;
}

function statisticsInWords(input: ReportInput): string {
  const { evaluation } = input;
  const interval = evaluation.cells.map(({ own }) => own.macroF1Interval).find((each) => each !== null);
  const tests = new Set(evaluation.differences.flatMap(({ contributions }) => contributions.map(({ test }) => test)));
  const parts = [
    'Precision, recall and F1 are those of scikit-learn with zero_division 0; macro averages are unweighted.',
    interval
      ? `Intervals are bootstrap intervals (${interval.method === 'bca' ? 'BCa, percentile where BCa is undefined' : 'percentile'}) that resample whole patients; checkpoints are resampled together, data sets independently. ${intervalNote(input)}`
      : 'No interval was computed.',
    ...(hasTwoCheckpoints(input)
      ? [
          'Differences of macro-F1 between checkpoints are tested by exchanging the two answers of whole patients at random.',
          ...(tests.has('mcnemar-exact')
            ? ['Differences by label are tested by the exact McNemar test where each patient has one film.']
            : []),
          ...(tests.has('patient-permutation')
            ? ['Where patients have several films, differences by label are tested by exchanging whole patients.']
            : []),
          'p values by label are adjusted by Holm and by Benjamini and Hochberg.',
        ]
      : []),
    ...(hasTwoDatasets(input)
      ? [
          `The change from the source to the target is taken on the ${plural(evaluation.sharedLabels.length, 'label')} that both sets share. A label\u2019s contribution to it is the change of its F1 divided by the number of labels; contributions sum to the change.`,
        ]
      : []),
  ];
  return parts.join(' ');
}

export function provenance(input: ReportInput): Block[] {
  return [
    {
      kind: 'table',
      id: 'data-provenance',
      caption:
        'Data. Films: sha256 over the sorted hashes of the films\u2019 pixels; left out: not opened or not asked for.',
      size: 7.5,
      columns: [
        { title: 'Data set', width: 0.18 },
        { title: 'Label table', width: 0.15 },
        { title: 'sha256 of the table', width: 0.25 },
        { title: 'sha256 of the films', width: 0.25 },
        { title: 'Left out', width: 0.07, align: 'right' },
      ],
      rows: input.datasets.map((dataset) => [
        text(datasetName(input, dataset.id), { weight: 'semibold' }),
        text(dataset.table),
        text(dataset.tableHash || 'unknown'),
        text(dataset.filmsHash || 'unknown'),
        count(dataset.filmsLeftOut),
      ]),
    },
    {
      kind: 'list',
      items: input.datasets.map((dataset) => `${dataset.description}${unsuitableInWords(dataset)}`),
    },
    {
      kind: 'table',
      id: 'model-provenance',
      caption: 'Models.',
      size: 7.5,
      columns: [
        { title: 'Checkpoint', width: 0.16 },
        { title: 'sha256 of the base', width: 0.28 },
        { title: 'sha256 of the adapter', width: 0.28 },
        { title: 'sha256 of prompt and template', width: 0.28 },
      ],
      rows: input.checkpoints.map(({ id, baseHash, adapterHash, promptHash, servedAs }) => [
        text(checkpointOf(input, id).name, { weight: 'semibold' }),
        text(servedAs === undefined ? baseHash || 'unknown' : `not seen: a server’s model “${servedAs}”`),
        text(servedAs === undefined ? (adapterHash ?? 'none') : 'not seen'),
        text(promptHash || 'unknown'),
      ]),
    },
  ];
}

export function reproduce(input: ReportInput): Block[] {
  const { application, evaluation } = input;
  return [
    {
      kind: 'paragraph',
      words: `Made with ${application.name} ${application.version}; evaluation ${evaluation.id} of ${day(evaluation.createdAt)}.`,
    },
    { kind: 'commands', lines: input.reproduce },
  ];
}

export function limits(input: ReportInput): Block[] {
  return [
    {
      kind: 'list',
      items: [
        'Research use only. Nothing here supports the diagnosis or treatment of a patient, and no checkpoint is a medical device.',
        'Labels were mined from reports or made by a program; they are not a radiologist\u2019s reading of the film, and each institution\u2019s conventions are part of what is measured.',
        ...(hasTwoDatasets(input)
          ? [
              'Two data sets differ in many things at once (scanner, patients, prevalence, labelling). A change between them is measured; what caused it rests on assumptions.',
            ]
          : []),
        'Labels with few positive films have wide intervals and weigh in macro-F1 as much as common ones.',
        ...input.limits,
      ],
    },
  ];
}
