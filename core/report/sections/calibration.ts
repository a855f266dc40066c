/** Where the checkpoints gave probabilities: reliability curves, ranking and calibration by label. */
import type { LabelFigures } from '../../evaluation/types.ts';
import type { Block } from '../blocks.ts';
import { reliabilityChart } from '../charts/reliability.ts';
import { cellOf, checkpointOf, datasetName, labelFigures, lookOf, reader } from '../lookup.ts';
import { CONTENT_WIDTH } from '../page.ts';
import type { ReportInput } from '../types.ts';
import { count, number, text } from '../words.ts';
import type { Missing } from './section.ts';

export function calibration(input: ReportInput): Block[] | Missing {
  const { cells, datasets } = input.evaluation;
  const given = cells.filter(({ own }) => own.labels.some(hasProbability));
  if (given.length === 0) return { missing: 'no checkpoint gave a probability for any label' };
  return [
    ...datasets.flatMap(({ id }) => curves(input, id)),
    {
      kind: 'table',
      id: 'calibration',
      caption:
        'Ranking and calibration of the stated probabilities. AP: average precision; ECE: expected calibration error over ten bins of equal width. A dash: only one class is there.',
      size: 7.5,
      columns: [
        { title: 'Data set', width: 0.26 },
        { title: 'Checkpoint', width: 0.12 },
        { title: 'Label', width: 0.26 },
        { title: 'Films', width: 0.08, align: 'right' },
        { title: 'AUROC', width: 0.085, align: 'right' },
        { title: 'AP', width: 0.085, align: 'right' },
        { title: 'Brier', width: 0.085, align: 'right' },
        { title: 'ECE', width: 0.085, align: 'right' },
      ],
      rows: given.flatMap(({ datasetId, checkpointId, own }) =>
        own.labels
          .filter(hasProbability)
          .map(({ label, probability }) => [
            text(datasetName(input, datasetId)),
            reader(input, checkpointId),
            text(label),
            count(probability.films),
            number(probability.auroc),
            number(probability.averagePrecision),
            number(probability.brier),
            number(probability.expectedCalibrationError),
          ]),
      ),
    },
    ...thresholds(input),
  ];
}

/** Chosen on the source and frozen: the target has no part in them. */
function thresholds(input: ReportInput): Block[] {
  const all = input.evaluation.thresholds ?? [];
  if (all.length === 0) return [];
  const right = { align: 'right' as const };
  return [
    {
      kind: 'table',
      id: 'thresholds',
      caption:
        'Decision thresholds on the probabilities: chosen on the source (the highest F1 there) and frozen; the target was not used to choose any.',
      size: 7.5,
      columns: [
        { title: 'Checkpoint', width: 0.2 },
        { title: 'Label', width: 0.2 },
        { title: 'Threshold', width: 0.1, ...right },
        { title: 'F1, source', width: 0.1, ...right },
        { title: 'n+', width: 0.08, ...right },
        { title: 'F1, target', width: 0.1, ...right },
        { title: 'n+, target', width: 0.1, ...right },
      ],
      rows: all.map(({ checkpointId, label, threshold, source, target }) => [
        reader(input, checkpointId),
        text(label),
        number(threshold),
        number(source.f1),
        count(source.positives),
        number(target?.f1),
        target ? count(target.positives) : number(null),
      ]),
    },
  ];
}

type WithProbability = LabelFigures & { probability: NonNullable<LabelFigures['probability']> };

function hasProbability(figures: LabelFigures): figures is WithProbability {
  return figures.probability !== null && figures.probability !== undefined && figures.probability.films > 0;
}

function curves(input: ReportInput, datasetId: string): Block[] {
  const { checkpoints } = input.evaluation;
  const dataset = input.evaluation.datasets.find(({ id }) => id === datasetId)!;
  const panels = dataset.labels.flatMap((label) => {
    const found = checkpoints.flatMap(({ id }) => {
      const figures = labelFigures(cellOf(input, datasetId, id).own, label);
      return figures && hasProbability(figures) ? [{ id, figures }] : [];
    });
    if (found.length === 0) return [];
    return [
      {
        title: label,
        note: `n+ ${found[0]!.figures.support}`,
        curves: found.map(({ id, figures: { probability } }) => ({
          name: checkpointOf(input, id).name,
          role: lookOf(input, id),
          error: probability.expectedCalibrationError,
          points: probability.reliability,
        })),
      },
    ];
  });
  if (panels.length === 0) return [];
  return [
    {
      kind: 'figure',
      id: `reliability-${datasetId}`,
      figure: reliabilityChart(
        panels,
        checkpoints.map(({ id, name }) => ({ name, role: lookOf(input, id) })),
        CONTENT_WIDTH,
      ),
      caption: `Reliability on ${dataset.name}: how often the label is true (upwards) among films with that stated probability (to the right). On the dashed line the two are the same; larger marks stand for more films.`,
    },
  ];
}
