/** Finding things in a report's input by id, and how a checkpoint looks in it. */
import type {
  EvaluatedCheckpoint,
  EvaluatedDataset,
  EvaluationCell,
  Figures,
  LabelFigures,
  LabelSetName,
} from '../evaluation/types.ts';
import type { Label } from '../labels/labels.ts';
import type { Cell, SymbolMark } from './blocks.ts';
import { symbol } from './charts/figure.ts';
import { distinctRoles, ON_WHITE, type ReaderRole } from './palette.ts';
import type { ReportInput } from './types.ts';

export const LABEL_SETS: Record<LabelSetName, string> = {
  shared: 'shared labels',
  'chexpert-14': 'the 14 CheXpert labels',
  'nih-9': 'the paper\u2019s nine NIH labels',
  own: 'its own labels',
};

export const hasTwoDatasets = ({ evaluation }: ReportInput) => evaluation.datasets.length > 1;
export const hasTwoCheckpoints = ({ evaluation }: ReportInput) => evaluation.checkpoints.length > 1;

export const NO_SECOND_DATASET = 'only one data set was chosen';
export const NO_SECOND_CHECKPOINT = 'only one checkpoint was chosen';

export function checkpointOf({ evaluation }: ReportInput, id: string): EvaluatedCheckpoint {
  return evaluation.checkpoints.find((checkpoint) => checkpoint.id === id)!;
}

export function datasetOf({ evaluation }: ReportInput, id: string): EvaluatedDataset {
  return evaluation.datasets.find((dataset) => dataset.id === id)!;
}

export function datasetName(input: ReportInput, id: string): string {
  return datasetOf(input, id)?.name ?? id;
}

export function sourceName(input: ReportInput): string {
  return datasetName(input, input.evaluation.sourceDatasetId);
}

export function targetName(input: ReportInput): string {
  return datasetName(input, input.evaluation.targetDatasetId);
}

export function cellOf({ evaluation }: ReportInput, datasetId: string, checkpointId: string): EvaluationCell {
  return evaluation.cells.find((cell) => cell.datasetId === datasetId && cell.checkpointId === checkpointId)!;
}

/** Colour and shape of a checkpoint: its role's, or another where two have one role. */
export function lookOf({ evaluation }: ReportInput, checkpointId: string): ReaderRole {
  const roles = distinctRoles(evaluation.checkpoints.map(({ role }) => role));
  return roles[evaluation.checkpoints.findIndex(({ id }) => id === checkpointId)] ?? 'other';
}

export function markOf(input: ReportInput, checkpointId: string): SymbolMark {
  const role = lookOf(input, checkpointId);
  return symbol(role, 0, 0, ON_WHITE[role]) as SymbolMark;
}

/** A checkpoint as a cell: its mark and its name. */
export function reader(input: ReportInput, checkpointId: string): Cell {
  const { name } = checkpointOf(input, checkpointId);
  return { text: name, mark: markOf(input, checkpointId), weight: 'semibold' };
}

/** SFT and GRPO where both are there: the pair that the question is about. */
export function questionPair(input: ReportInput): [from: EvaluatedCheckpoint, to: EvaluatedCheckpoint] | null {
  const [first] = input.evaluation.differences;
  if (!first) return null;
  return [checkpointOf(input, first.fromCheckpointId), checkpointOf(input, first.toCheckpointId)];
}

export function labelFigures({ labels }: Figures, label: Label): LabelFigures | undefined {
  return labels.find((each) => each.label === label);
}

export function supportOf(input: ReportInput, datasetId: string, label: Label): number {
  const cell = input.evaluation.cells.find((each) => each.datasetId === datasetId);
  return cell ? (labelFigures(cell.own, label)?.support ?? 0) : 0;
}

/** How the intervals were made, in a sentence. */
export function intervalNote({ evaluation }: ReportInput): string {
  const interval = evaluation.cells.map((cell) => cell.own.macroF1Interval).find((each) => each !== null);
  if (!interval) return 'Intervals were not computed.';
  return `95 % intervals: bootstrap over patients, ${interval.replicates.toLocaleString('en')} replicates, seed ${interval.seed}.`;
}
