/** Two checkpoints on the same films: macro-F1, then label by label with adjusted tests; and how far they say the same. */
import type { Difference } from '../../evaluation/types.ts';
import type { Block, Cell } from '../blocks.ts';
import {
  checkpointOf,
  datasetName,
  hasTwoDatasets,
  LABEL_SETS,
  NO_SECOND_CHECKPOINT,
  questionPair,
  reader,
  supportOf,
} from '../lookup.ts';
import type { ReportInput } from '../types.ts';
import { change, count, number, percent, pValue, text } from '../words.ts';
import type { Missing } from './section.ts';

export function differences(input: ReportInput): Block[] | Missing {
  const { evaluation } = input;
  const pair = questionPair(input);
  if (!pair) return { missing: NO_SECOND_CHECKPOINT };
  const [from, to] = pair;
  const byLabel = evaluation.differences.filter(
    (each) =>
      each.fromCheckpointId === from.id &&
      each.toCheckpointId === to.id &&
      (each.labelSet === 'shared' || !hasTwoDatasets(input)),
  );
  return [
    {
      kind: 'table',
      id: 'differences',
      caption:
        'Every pair of checkpoints. p: two-sided, exchanging the two answers of whole patients at random; not adjusted for the number of rows.',
      columns: [
        { title: 'On', width: 0.18 },
        { title: 'Labels', width: 0.15 },
        { title: 'From', width: 0.16 },
        { title: 'To', width: 0.16 },
        { title: 'Macro-F1 difference', width: 0.26, align: 'right', interval: true },
        { title: 'p', width: 0.09, align: 'right' },
      ],
      rows: evaluation.differences.map((each) => differenceRow(input, each)),
    },
    ...byLabel.flatMap((each) => labelDifferences(input, each)),
    ...agreementTable(input),
  ];
}

function differenceRow(input: ReportInput, each: Difference): Cell[] {
  return [
    text(datasetName(input, each.datasetId)),
    text(LABEL_SETS[each.labelSet]),
    reader(input, each.fromCheckpointId),
    reader(input, each.toCheckpointId),
    change(each.change, each.interval),
    pValue(each.p),
  ];
}

function labelDifferences(input: ReportInput, each: Difference): Block[] {
  const [from, to] = [checkpointOf(input, each.fromCheckpointId), checkpointOf(input, each.toCheckpointId)];
  const how =
    each.contributions[0]?.test === 'mcnemar-exact'
      ? 'p: exact McNemar test of right answers, one film a patient'
      : 'p: of the F1 difference, exchanging whole patients';
  return [
    { kind: 'subheading', text: `${to.name} against ${from.name} on ${datasetName(input, each.datasetId)}` },
    {
      kind: 'table',
      id: `differences-${each.datasetId}`,
      caption: `${how}; adjusted over the ${each.contributions.length} labels by Holm and by Benjamini and Hochberg (BH).`,
      size: 7.5,
      columns: [
        { title: 'Label', width: 0.2 },
        { title: 'n+', width: 0.07, align: 'right' },
        { title: `F1 ${from.name}`, width: 0.12, align: 'right' },
        { title: `F1 ${to.name}`, width: 0.12, align: 'right' },
        { title: 'Difference, 95 % interval', width: 0.26, align: 'right', interval: true },
        { title: 'p', width: 0.075, align: 'right' },
        { title: 'Holm', width: 0.075, align: 'right' },
        { title: 'BH', width: 0.075, align: 'right' },
      ],
      rows: each.contributions.map((label) => [
        text(label.label),
        count(supportOf(input, each.datasetId, label.label)),
        number(label.from),
        number(label.to),
        change(label.to - label.from, label.interval),
        pValue(label.p),
        pValue(label.pHolm),
        pValue(label.pBenjaminiHochberg),
      ]),
    },
  ];
}

function agreementTable(input: ReportInput): Block[] {
  const { agreements } = input.evaluation;
  if (agreements.length === 0) return [];
  return [
    {
      kind: 'table',
      id: 'agreement',
      caption: 'How far the checkpoints say the same, right or wrong.',
      columns: [
        { title: 'Data set', width: 0.26 },
        { title: 'One', width: 0.2 },
        { title: 'Other', width: 0.2 },
        { title: 'Films', width: 0.1, align: 'right' },
        { title: 'Same labels', width: 0.12, align: 'right' },
        { title: 'Mean Jaccard', width: 0.12, align: 'right' },
      ],
      rows: agreements.map(({ datasetId, checkpointIds, films, sameSet, meanJaccard }) => [
        text(datasetName(input, datasetId)),
        ...checkpointIds.map((id) => reader(input, id)),
        count(films),
        percent(sameSet),
        number(meanJaccard),
      ]),
    },
  ];
}
