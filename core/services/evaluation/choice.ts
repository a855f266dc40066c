/** Part of an evaluation: a report may be of some of its checkpoints, data sets and labels only. */
import { WorkbenchError } from '../../base/errors.ts';
import type { DatasetInput } from '../../evaluation/evaluate.ts';
import type { Label } from '../../labels/labels.ts';
import { datasetsOf, type EvaluationFile } from './store.ts';

/** What is absent is all of it. */
export interface EvaluationChoice {
  checkpointIds?: readonly string[];
  datasetIds?: readonly string[];
  labels?: readonly Label[];
}

/** The evaluation of some of its checkpoints and data sets, in its own order. Errors: EVALUATION_CHOICE. */
export function narrowed(file: EvaluationFile, { checkpointIds, datasetIds }: EvaluationChoice): EvaluationFile {
  const kept = <T extends string>(all: readonly T[], wanted: readonly string[] | undefined, what: string): T[] => {
    const unknown = wanted?.find((id) => !all.some((each) => each === id));
    if (unknown === undefined) return all.filter((id) => !wanted || wanted.includes(id));
    throw new WorkbenchError('EVALUATION_CHOICE', `This evaluation has no ${what} "${unknown}".`, {
      evaluation: file.id,
      known: [...all],
    });
  };
  const datasets = kept(datasetsOf(file), datasetIds, 'data set');
  return {
    ...file,
    checkpointIds: kept(file.checkpointIds, checkpointIds, 'checkpoint'),
    sourceDatasetId: datasets[0]!,
    targetDatasetId: datasets[datasets.length - 1]!,
  };
}

/** A data set on some of its labels. Errors: EVALUATION_CHOICE where it has none of them. */
export function onLabels(dataset: DatasetInput, labels: readonly Label[] | undefined): DatasetInput {
  if (!labels) return dataset;
  const kept = dataset.labels.filter((label) => labels.includes(label));
  if (kept.length > 0) return { ...dataset, labels: kept };
  throw new WorkbenchError('EVALUATION_CHOICE', `${dataset.name} has none of the chosen labels.`, {
    dataset: dataset.id,
    known: dataset.labels,
  });
}
