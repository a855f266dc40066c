/** F1 of every label with its interval, one panel for each data set, and its way from one to the other. A mark opens its label. */
import { useMemo } from 'react';
import type { EvaluationResult } from '../../core/evaluation/types.ts';
import { CHEXPERT_LABELS, type Label } from '../../core/labels/labels.ts';
import { Chart } from '../frame/Chart.tsx';
import { distinctNames, grounds, readersOf } from '../frame/chartLook.ts';
import { useWorkbench } from '../frame/context.ts';
import { text } from '../text.ts';
import { type ChangeRow, changeSpec, type ForestRow, forestSpec } from './charts.ts';
import { figuresOf } from './PerLabel.tsx';

export function Forest({ result, labels }: { result: EvaluationResult; labels: readonly Label[] }) {
  const { evaluating } = useWorkbench();
  const readers = useMemo(() => readersOf(result.checkpoints), [result]);
  const forest = useMemo(() => {
    const datasets = distinctNames(result.datasets.map(({ name }) => name));
    return grounds((ground) => forestSpec(labels, datasets, readers, ground));
  }, [result, labels, readers]);
  const change = useMemo(() => grounds((ground) => changeSpec(labels, readers, ground)), [labels, readers]);
  const forestRows = useMemo(() => forestRowsOf(result, labels), [result, labels]);
  const changeRows = useMemo(() => changeRowsOf(result, labels), [result, labels]);
  const pick = ({ label }: Record<string, unknown>) => {
    const found = CHEXPERT_LABELS.find((each) => each === label);
    if (found) evaluating.chooseLabel(found);
  };
  return (
    <>
      <div className="forest">
        <Chart {...forest} rows={forestRows} label={text.evaluate.forestTitle} onPick={pick} />
        <p className="muted small">{text.evaluate.forestHint}</p>
      </div>
      {result.datasets.length > 1 && (
        <div className="changes">
          <Chart {...change} rows={changeRows} label={text.evaluate.changeTitle} onPick={pick} />
          <p className="muted small">{text.evaluate.changeHint}</p>
        </div>
      )}
    </>
  );
}

export function forestRowsOf(result: EvaluationResult, labels: readonly Label[]): ForestRow[] {
  const readers = readersOf(result.checkpoints);
  const datasets = distinctNames(result.datasets.map(({ name }) => name));
  return result.datasets.flatMap(({ id: datasetId }, at) =>
    labels.flatMap((label) =>
      readers.flatMap(({ id, name }) => {
        const found = labelAt(result, datasetId, id, label);
        if (!found) return [];
        const { f1, f1Interval, support } = found;
        const ends = { low: f1Interval?.low ?? null, high: f1Interval?.high ?? null };
        return [{ dataset: datasets[at]!, label, checkpoint: name, f1, ...ends, support }];
      }),
    ),
  );
}

export function changeRowsOf(result: EvaluationResult, labels: readonly Label[]): ChangeRow[] {
  return labels.flatMap((label) =>
    readersOf(result.checkpoints).map(({ id, name }) => ({
      label,
      checkpoint: name,
      source: labelAt(result, result.sourceDatasetId, id, label)?.f1 ?? null,
      target: labelAt(result, result.targetDatasetId, id, label)?.f1 ?? null,
    })),
  );
}

export function labelAt(result: EvaluationResult, datasetId: string, checkpointId: string, label: Label) {
  const cell = result.cells.find((each) => each.datasetId === datasetId && each.checkpointId === checkpointId);
  return cell && figuresOf(cell, label);
}
