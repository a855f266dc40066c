/** From the source to the target: macro-F1, each label's F1, and what each label contributes to the change. */
import type { EvaluatedCheckpoint } from '../../evaluation/types.ts';
import type { Label } from '../../labels/labels.ts';
import type { Block } from '../blocks.ts';
import { contributionsChart } from '../charts/changes.ts';
import { slopeChart, slopePanels } from '../charts/slope.ts';
import {
  cellOf,
  checkpointOf,
  hasTwoDatasets,
  intervalNote,
  labelFigures,
  lookOf,
  NO_SECOND_DATASET,
  questionPair,
  reader,
  sourceName,
  supportOf,
  targetName,
} from '../lookup.ts';
import { CONTENT_WIDTH } from '../page.ts';
import { INK, type ReaderRole, SHAPES } from '../palette.ts';
import type { ReportInput } from '../types.ts';
import { change, listed, number, pairOf, signed } from '../words.ts';
import type { Missing } from './section.ts';

export function gap(input: ReportInput): Block[] | Missing {
  if (!hasTwoDatasets(input)) return { missing: NO_SECOND_DATASET };
  const { evaluation } = input;
  if (evaluation.sharedLabels.length === 0) return { missing: 'the two data sets share no label' };
  return [
    {
      kind: 'paragraph',
      words: `A change from one set to another can only be compared on labels that both have: ${listed(evaluation.sharedLabels)}. The last columns give each set on its own labels, as papers often print it; those two numbers do not measure the same thing.`,
    },
    macroSlope(input),
    gapTable(input),
    labelSlopes(input),
  ];
}

function macroSlope(input: ReportInput): Block {
  const { evaluation } = input;
  const shared = evaluation.gaps.filter(({ labelSet }) => labelSet === 'shared');
  const interval = (datasetId: string, checkpointId: string) =>
    pairOf(cellOf(input, datasetId, checkpointId).shared.macroF1Interval);
  return {
    kind: 'figure',
    id: 'macro-f1-slope',
    figure: slopeChart({
      lines: shared.map(({ checkpointId, source, target }) => ({
        name: checkpointOf(input, checkpointId).name,
        role: lookOf(input, checkpointId),
        source,
        target,
        sourceInterval: interval(evaluation.sourceDatasetId, checkpointId),
        targetInterval: interval(evaluation.targetDatasetId, checkpointId),
      })),
      sourceName: sourceName(input),
      targetName: targetName(input),
      width: CONTENT_WIDTH,
      height: 190,
    }),
    caption: `Macro-F1 on the ${evaluation.sharedLabels.length} shared labels. ${intervalNote(input)}`,
  };
}

function gapTable(input: ReportInput): Block {
  const { gaps } = input.evaluation;
  const [source, target] = [sourceName(input), targetName(input)];
  const muted = { color: INK.muted };
  return {
    kind: 'table',
    id: 'change',
    caption:
      'Macro-F1 at the source and at the target: on the shared labels, then on each set\u2019s own. Bold: the interval leaves out zero.',
    columns: [
      { title: 'Checkpoint', width: 0.18 },
      { title: source, width: 0.115, align: 'right' },
      { title: target, width: 0.115, align: 'right' },
      { title: 'Change, 95 % interval', width: 0.26, align: 'right', interval: true },
      { title: `${source}, own labels`, width: 0.115, align: 'right' },
      { title: `${target}, own labels`, width: 0.115, align: 'right' },
      { title: 'Change', width: 0.1, align: 'right' },
    ],
    rows: gaps
      .filter(({ labelSet }) => labelSet === 'shared')
      .map((each) => {
        const own = gaps.find((one) => one.checkpointId === each.checkpointId && one.labelSet === 'own');
        return [
          reader(input, each.checkpointId),
          number(each.source),
          number(each.target),
          change(each.change, each.interval),
          number(own?.source, 3, muted),
          number(own?.target, 3, muted),
          own ? signed(own.change, 3, muted) : number(null),
        ];
      }),
  };
}

function labelSlopes(input: ReportInput): Block {
  const { evaluation } = input;
  const pair = questionPair(input) ?? evaluation.checkpoints;
  const f1 = (datasetId: string, checkpointId: string, label: Label) =>
    labelFigures(cellOf(input, datasetId, checkpointId).shared, label)?.f1 ?? 0;
  return {
    kind: 'figure',
    id: 'label-slopes',
    figure: slopePanels(
      evaluation.sharedLabels.map((label) => ({
        title: label,
        note: `n+ ${supportOf(input, evaluation.sourceDatasetId, label)} / ${supportOf(input, evaluation.targetDatasetId, label)}`,
        lines: pair.map(({ id, name }) => ({
          name,
          role: lookOf(input, id),
          source: f1(evaluation.sourceDatasetId, id, label),
          target: f1(evaluation.targetDatasetId, id, label),
          sourceInterval: null,
          targetInterval: null,
        })),
      })),
      CONTENT_WIDTH,
    ),
    caption: `F1 of each shared label from ${sourceName(input)} (left) to ${targetName(input)} (right): ${listed(pair.map((each) => shapeInWords(input, each)))}. n+: positive films at the source and at the target.`,
  };
}

const COLOUR_WORDS: Record<ReaderRole, string> = {
  base: 'gray',
  sft: 'blue',
  grpo: 'orange',
  reader: 'violet',
  truth: 'green',
  other: 'black',
  extra1: 'magenta',
  extra2: 'teal',
  extra3: 'olive',
  extra4: 'dark red',
};

/** "SFT (blue square)". */
function shapeInWords(input: ReportInput, { id, name }: EvaluatedCheckpoint): string {
  const role = lookOf(input, id);
  return `${name} (${COLOUR_WORDS[role]} ${SHAPES[role]})`;
}

export function contributions(input: ReportInput): Block[] | Missing {
  if (!hasTwoDatasets(input)) return { missing: NO_SECOND_DATASET };
  const { evaluation } = input;
  if (evaluation.sharedLabels.length === 0) return { missing: 'the two data sets share no label' };
  const pair = questionPair(input);
  const shown = evaluation.gaps.filter(
    ({ labelSet, checkpointId }) => labelSet === 'shared' && (!pair || pair.some(({ id }) => id === checkpointId)),
  );
  const panels = [
    {
      title: 'From the source to the target',
      series: shown.map((each) => ({
        name: checkpointOf(input, each.checkpointId).name,
        role: lookOf(input, each.checkpointId),
        values: each.contributions.map(({ contribution }) => contribution),
      })),
    },
    ...(pair ? survivalPanel(input, pair) : []),
  ];
  const right = pair
    ? ` Right: ${pair[1].name} minus ${pair[0].name} at the target, minus the same at the source.`
    : '';
  return [
    {
      kind: 'figure',
      id: 'contributions',
      figure: contributionsChart(evaluation.sharedLabels, panels, CONTENT_WIDTH),
      caption: `Each label\u2019s part of the change of macro-F1: the change of its F1 divided by ${evaluation.sharedLabels.length}. Left: each checkpoint from the source to the target.${right}`,
    },
    {
      kind: 'table',
      id: 'contributions',
      caption: 'The same in numbers. The parts of a column sum to the change in its last row.',
      columns: [
        { title: 'Label', width: 0.28 },
        ...panels.flatMap(({ series, title }) =>
          series.map(({ name }) => ({
            title: title.startsWith('From') ? name : title,
            width: 0.24,
            align: 'right' as const,
          })),
        ),
      ],
      rows: [...evaluation.sharedLabels, 'Sum'].map((label, i) => [
        { text: label, weight: label === 'Sum' ? ('semibold' as const) : ('regular' as const) },
        ...panels.flatMap(({ series }) =>
          series.map(({ values }) =>
            label === 'Sum'
              ? signed(
                  values.reduce((sum, value) => sum + value, 0),
                  4,
                  { weight: 'semibold' },
                )
              : signed(values[i]!, 4),
          ),
        ),
      ]),
    },
  ];
}

function survivalPanel(input: ReportInput, [from, to]: [EvaluatedCheckpoint, EvaluatedCheckpoint]) {
  const { differences, sourceDatasetId, targetDatasetId } = input.evaluation;
  const parts = (datasetId: string) =>
    differences.find(
      (each) =>
        each.datasetId === datasetId &&
        each.labelSet === 'shared' &&
        each.fromCheckpointId === from.id &&
        each.toCheckpointId === to.id,
    )?.contributions;
  const [atSource, atTarget] = [parts(sourceDatasetId), parts(targetDatasetId)];
  if (!atSource || !atTarget) return [];
  const values = atTarget.map((each, i) => each.contribution - atSource[i]!.contribution);
  return [
    {
      title: `${to.name} \u2212 ${from.name}: target minus source`,
      series: [{ name: 'Target minus source', role: 'other' as const, values }],
    },
  ];
}
