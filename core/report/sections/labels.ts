/** Results by label: the forest plot, totals, a table for each checkpoint and data set, and confusion as counts. */
import type { EvaluationCell } from '../../evaluation/types.ts';
import type { Label } from '../../labels/labels.ts';
import type { Block, Column } from '../blocks.ts';
import { confusionChart } from '../charts/confusion.ts';
import { forestChart } from '../charts/forest.ts';
import { cellOf, checkpointOf, datasetName, intervalNote, labelFigures, lookOf, reader, supportOf } from '../lookup.ts';
import { CONTENT_WIDTH } from '../page.ts';
import type { ReportInput } from '../types.ts';
import { count, estimate, number, pairOf, percent, plural, text } from '../words.ts';

/** Below this many positive films a label's figures are flagged. */
const RARE = 10;

export function byLabel(input: ReportInput): Block[] {
  return [forest(input), totals(input), ...input.evaluation.cells.flatMap((cell) => labelTable(input, cell))];
}

function forest(input: ReportInput): Block {
  const { datasets, checkpoints } = input.evaluation;
  const labels = longest(datasets.map((dataset) => dataset.labels));
  return {
    kind: 'figure',
    id: 'f1-by-label',
    figure: forestChart(
      labels,
      datasets.map((dataset) => ({
        title: dataset.name,
        rows: labels.map((label) => {
          if (!dataset.labels.includes(label)) return null;
          const marks = checkpoints.map(({ id }) => {
            const figures = labelFigures(cellOf(input, dataset.id, id).own, label);
            return { role: lookOf(input, id), f1: figures?.f1 ?? 0, interval: pairOf(figures?.f1Interval ?? null) };
          });
          return { marks, support: supportOf(input, dataset.id, label) };
        }),
      })),
      checkpoints.map(({ id, name }) => ({ role: lookOf(input, id), name })),
      CONTENT_WIDTH,
    ),
    caption: `F1 by label. n+: films whose truth has the label; where they are few, the interval is wide and should be read with care. ${intervalNote(input)}`,
  };
}

function longest(lists: readonly Label[][]): Label[] {
  return lists.reduce((most, list) => (list.length > most.length ? list : most), []);
}

function totals(input: ReportInput): Block {
  return {
    kind: 'table',
    id: 'totals',
    caption:
      'In total, on each data set\u2019s own labels. Macro-F1 is the unweighted mean of the labels\u2019 F1, weighted by n+; a division by zero counts as 0. All right: films on which every label is.',
    columns: [
      { title: 'Data set', width: 0.2 },
      { title: 'Checkpoint', width: 0.17 },
      { title: 'Macro-F1, 95 % interval', width: 0.2, align: 'right', interval: true },
      { title: 'Weighted', width: 0.09, align: 'right' },
      { title: 'Micro-F1', width: 0.085, align: 'right' },
      { title: 'Micro P', width: 0.085, align: 'right' },
      { title: 'Micro R', width: 0.085, align: 'right' },
      { title: 'All right', width: 0.085, align: 'right' },
    ],
    rows: input.evaluation.cells.map(({ datasetId, checkpointId, own }) => [
      text(datasetName(input, datasetId)),
      reader(input, checkpointId),
      estimate(own.macro.f1, own.macroF1Interval),
      number(own.weighted.f1),
      number(own.micro.f1),
      number(own.micro.precision),
      number(own.micro.recall),
      percent(own.subsetAccuracy),
    ]),
  };
}

const FIGURE_COLUMNS: readonly Column[] = [
  { title: 'Label', width: 0.2 },
  { title: 'n+', width: 0.06, align: 'right' },
  { title: 'Said', width: 0.06, align: 'right' },
  { title: 'TP', width: 0.055, align: 'right' },
  { title: 'FP', width: 0.055, align: 'right' },
  { title: 'FN', width: 0.055, align: 'right' },
  { title: 'TN', width: 0.06, align: 'right' },
  { title: 'Prec.', width: 0.06, align: 'right' },
  { title: 'Recall', width: 0.06, align: 'right' },
  { title: 'Spec.', width: 0.06, align: 'right' },
  { title: 'F1, 95 % interval', width: 0.165, align: 'right', interval: true },
  { title: '\u03ba', width: 0.06, align: 'right' },
  { title: 'MCC', width: 0.06, align: 'right' },
];

function labelTable(input: ReportInput, { datasetId, checkpointId, own }: EvaluationCell): Block[] {
  const rare = own.labels.filter(({ support }) => support < RARE).map(({ label }) => label);
  const flagged = rare.length > 0 ? ` Fewer than ${RARE} positive films: ${rare.join(', ')}.` : '';
  return [
    { kind: 'subheading', text: `${checkpointOf(input, checkpointId).name} on ${datasetName(input, datasetId)}` },
    {
      kind: 'table',
      id: `labels-${datasetId}-${checkpointId}`,
      caption: `${plural(own.films, 'film')} of ${plural(own.patients, 'patient')}; macro precision ${number(own.macro.precision).text}, recall ${number(own.macro.recall).text}, F1 ${number(own.macro.f1).text}. Said: films on which the checkpoint wrote the label; \u03ba: Cohen\u2019s kappa; MCC: Matthews correlation.${flagged}`,
      size: 7.5,
      columns: FIGURE_COLUMNS,
      rows: own.labels.map((each) => [
        text(each.label),
        count(each.support),
        count(each.predicted),
        count(each.tp),
        count(each.fp),
        count(each.fn),
        count(each.tn),
        number(each.precision, 2),
        number(each.recall, 2),
        number(each.specificity, 2),
        estimate(each.f1, each.f1Interval, 2),
        number(each.kappa, 2),
        number(each.mcc, 2),
      ]),
    },
  ];
}

export function confusion(input: ReportInput): Block[] {
  const { datasets, checkpoints } = input.evaluation;
  return datasets.map((dataset) => ({
    kind: 'figure',
    id: `confusion-${dataset.id}`,
    figure: confusionChart(
      dataset.labels,
      checkpoints.map(({ id, name }) => ({
        name,
        role: lookOf(input, id),
        rows: dataset.labels.map(
          (label) => labelFigures(cellOf(input, dataset.id, id).own, label) ?? { tp: 0, fp: 0, fn: 0 },
        ),
      })),
      CONTENT_WIDTH,
    ),
    caption: `Confusion by label on ${dataset.name}, in films. Left of the axis the films that have the label: found (coloured) and missed (gray), with found/all; right of it false alarms (striped). One scale for all checkpoints.`,
  }));
}
