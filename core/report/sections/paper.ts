/** The published figures beside ours: macro-F1 both ways, by label, and the paper's six tables with what follows from them. */
import {
  PAPER_GRPO,
  PAPER_SFT,
  PAPER_SOURCE,
  type PaperSide,
  paperSides,
  paperTable,
  publishedTables,
  recomputePaper,
} from '../../evaluation/paper.ts';
import type { EvaluatedCheckpoint } from '../../evaluation/types.ts';
import type { Label } from '../../labels/labels.ts';
import type { Block, Cell } from '../blocks.ts';
import { decimals, type Figure, sideBySide } from '../charts/figure.ts';
import { slopeChart } from '../charts/slope.ts';
import {
  cellOf,
  datasetName,
  hasTwoDatasets,
  labelFigures,
  lookOf,
  NO_SECOND_DATASET,
  questionPair,
  reader,
} from '../lookup.ts';
import { CONTENT_WIDTH } from '../page.ts';
import type { ReportInput } from '../types.ts';
import { number, signed, text } from '../words.ts';
import type { Missing } from './section.ts';

export function paper(input: ReportInput): Block[] | Missing {
  if (!hasTwoDatasets(input)) return { missing: NO_SECOND_DATASET };
  const sides = paperSides();
  const side = (model: string) => sides.find((each) => each.model === model)!;
  const [sft, grpo] = [side(PAPER_SFT), side(PAPER_GRPO)];
  return [
    {
      kind: 'paragraph',
      words: `The paper (${PAPER_SOURCE}) prints macro-F1 on 14 labels for CheXpert and on nine for NIH ChestX-ray14, and so ${decimals(sft.own.chexpert)} to ${decimals(grpo.own.chexpert)} for the gain of GRPO over SFT on CheXpert. On the nine labels that both of its test sets share, worked out again from its own per-label values, the same gain is ${decimals(sft.shared.chexpert)} to ${decimals(grpo.shared.chexpert)}; on NIH it is ${decimals(sft.shared.nih)} to ${decimals(grpo.shared.nih)}. The paper gives no intervals.`,
    },
    sidesTable(input, sides),
    {
      kind: 'figure',
      id: 'paper-slopes',
      figure: sideBySide([
        { title: 'The paper as printed', figure: paperSlope(sides, 'own') },
        { title: 'The paper on the nine shared labels', figure: paperSlope(sides, 'shared') },
        { title: 'This report, shared labels', figure: oursSlope(input) },
      ]),
      caption:
        'Macro-F1 from the source (CheXpert test for the paper) to the target (NIH test). In each panel the scale is its own.',
    },
    labelTable(input),
  ];
}

/** The six tables as printed, with every figure that follows from others of the paper worked out again. */
export function paperTables(): Block[] {
  const recomputed = recomputePaper();
  const worst = Math.max(...recomputed.map(({ printed, recomputed: again }) => Math.abs(printed - again)));
  return [
    {
      kind: 'paragraph',
      words: `Of the paper\u2019s figures, ${recomputed.length} follow from others that it prints: ${recomputed.filter(({ figure }) => figure === 'macro-F1').length} macro-F1 from F1 by label, the others micro-F1 from micro precision and recall. All agree within ${decimals(worst, 4)}. Macro-F1 of its validation tables cannot be worked out again: their values by label are not printed.`,
    },
    ...publishedTables().map(
      ({ id, title, columns, rows }): Block => ({
        kind: 'table',
        id: `paper-${id}`,
        caption: `${title}; as printed.`,
        size: 7.5,
        columns: [
          { title: 'Row', width: 0.26 },
          ...columns.map((column) => ({ title: column, width: 0.74 / columns.length, align: 'right' as const })),
        ],
        rows: rows.map(({ name, values }) => {
          const weight = name === 'Macro F1' ? ('semibold' as const) : undefined;
          return [text(name, { weight }), ...values.map((value) => number(value, 3, { weight }))];
        }),
      }),
    ),
    {
      kind: 'table',
      id: 'paper-recomputed',
      caption: 'Printed and worked out again.',
      size: 7.5,
      columns: [
        { title: 'Table', width: 0.28 },
        { title: 'Row', width: 0.3 },
        { title: 'Figure', width: 0.12 },
        { title: 'Printed', width: 0.1, align: 'right' },
        { title: 'Again', width: 0.1, align: 'right' },
        { title: 'Difference', width: 0.1, align: 'right' },
      ],
      rows: recomputed.map(({ table, row, figure, printed, recomputed: again }) => [
        text(table),
        text(row),
        text(figure),
        number(printed),
        number(again, 4),
        signed(again - printed, 4),
      ]),
    },
  ];
}

function sidesTable(input: ReportInput, sides: readonly PaperSide[]): Block {
  const { gaps } = input.evaluation;
  const theirs = sides.map(({ model, own, shared }): Cell[] => [
    text(model, { weight: model === PAPER_SFT || model === PAPER_GRPO ? 'semibold' : 'regular' }),
    number(own.chexpert),
    number(own.nih),
    signed(own.nih - own.chexpert),
    number(shared.chexpert),
    number(shared.nih),
    signed(shared.nih - shared.chexpert),
  ]);
  const ours = gaps
    .filter(({ labelSet }) => labelSet === 'shared')
    .map((gap): Cell[] => {
      const own = gaps.find((each) => each.checkpointId === gap.checkpointId && each.labelSet === 'own');
      const name = reader(input, gap.checkpointId);
      return [
        { ...name, text: `This report: ${name.text}` },
        number(own?.source),
        number(own?.target),
        own ? signed(own.change) : number(null),
        number(gap.source),
        number(gap.target),
        signed(gap.change),
      ];
    });
  const right = { width: 0.115, align: 'right' as const };
  return {
    kind: 'table',
    id: 'paper-beside-ours',
    caption:
      'Published figures (source: CheXpert test, target: NIH test) and ours. They were taken on other films and, for ours, other models: the way from left to right can be compared, the numbers themselves cannot.',
    columns: [
      { title: 'Checkpoint', width: 0.31 },
      { title: 'Source, own labels', ...right },
      { title: 'Target, own labels', ...right },
      { title: 'Change', ...right },
      { title: 'Source, shared labels', ...right },
      { title: 'Target, shared labels', ...right },
      { title: 'Change, shared labels', ...right },
    ],
    rows: [...theirs, ...ours],
  };
}

/** F1 of every label: the paper's SFT and GRPO, and the two checkpoints of the question here. */
function labelTable(input: ReportInput): Block {
  const { sourceDatasetId, targetDatasetId, datasets } = input.evaluation;
  const [chexpert, nih] = [paperTable('chexpert'), paperTable('nih')];
  const pair = questionPair(input) ?? input.evaluation.checkpoints.slice(0, 1);
  const theirs = (table: typeof chexpert, model: string, label: Label): Cell => {
    const at = table.labels.indexOf(label);
    return number(at < 0 ? null : table.f1[model]![at]!);
  };
  const ours = (datasetId: string, checkpointId: string, label: Label): Cell =>
    number(labelFigures(cellOf(input, datasetId, checkpointId).own, label)?.f1);
  const labels = chexpert.labels.filter((label) => datasets.some((dataset) => dataset.labels.includes(label)));
  const right = { width: 0.095, align: 'right' as const };
  return {
    kind: 'table',
    id: 'paper-labels-beside-ours',
    caption: `F1 by label: the paper\u2019s SFT and GRPO (ChexReason) on its two test sets, and ours on ${datasetName(input, sourceDatasetId)} and ${datasetName(input, targetDatasetId)}. A dash: not scored there.`,
    size: 7.5,
    columns: [
      { title: 'Label', width: 0.24 },
      { title: 'Paper SFT, CheXpert', ...right },
      { title: 'Paper GRPO, CheXpert', ...right },
      ...pair.map(({ name }) => ({ title: `${name}, source`, ...right })),
      { title: 'Paper SFT, NIH', ...right },
      { title: 'Paper GRPO, NIH', ...right },
      ...pair.map(({ name }) => ({ title: `${name}, target`, ...right })),
    ],
    rows: labels.map((label) => [
      text(label),
      theirs(chexpert, PAPER_SFT, label),
      theirs(chexpert, PAPER_GRPO, label),
      ...pair.map(({ id }) => ours(sourceDatasetId, id, label)),
      theirs(nih, PAPER_SFT, label),
      theirs(nih, PAPER_GRPO, label),
      ...pair.map(({ id }) => ours(targetDatasetId, id, label)),
    ]),
  };
}

const PANEL = { width: (CONTENT_WIDTH - 24) / 3, height: 120 };

function paperSlope(sides: readonly PaperSide[], set: 'own' | 'shared'): Figure {
  const asked = [PAPER_SFT, PAPER_GRPO].map((model) => sides.find((each) => each.model === model)!);
  const roles = ['sft', 'grpo'] as const;
  const lines = asked.map((each, i) => ({
    name: ['SFT', 'GRPO'][i]!,
    role: roles[i]!,
    source: each[set].chexpert,
    target: each[set].nih,
    sourceInterval: null,
    targetInterval: null,
  }));
  const [source, target] = set === 'own' ? ['CheXpert, 14', 'NIH, 9'] : ['CheXpert, 9', 'NIH, 9'];
  return slopeChart({ lines, sourceName: source!, targetName: target!, ...PANEL });
}

function oursSlope(input: ReportInput): Figure {
  const { evaluation } = input;
  const pair: readonly EvaluatedCheckpoint[] = questionPair(input) ?? evaluation.checkpoints;
  const lines = pair.flatMap(({ id, name }) => {
    const gap = evaluation.gaps.find((each) => each.checkpointId === id && each.labelSet === 'shared');
    if (!gap) return [];
    const { source, target } = gap;
    return [{ name, role: lookOf(input, id), source, target, sourceInterval: null, targetInterval: null }];
  });
  return slopeChart({ lines, sourceName: 'Source', targetName: 'Target', ...PANEL });
}
