/** F1 of every label with its interval, one panel for each data set: the report's drawing, of the labels that are chosen. */
import { useMemo } from 'react';
import type { EvaluationResult } from '../../core/evaluation/types.ts';
import type { Label } from '../../core/labels/labels.ts';
import type { Figure } from '../../core/report/charts/figure.ts';
import { forestChart } from '../../core/report/charts/forest.ts';
import { distinctRoles } from '../../core/report/palette.ts';
import { FigureView } from '../frame/FigureView.tsx';
import { text } from '../text.ts';
import { figuresOf } from './PerLabel.tsx';

const WIDTH = 560;

export function Forest({ result, labels }: { result: EvaluationResult; labels: readonly Label[] }) {
  const figure = useMemo(() => forestOf(result, labels), [result, labels]);
  return (
    <div className="forest">
      <FigureView figure={figure} name={text.evaluate.perLabel} />
      <p className="muted small">{text.evaluate.forestHint}</p>
    </div>
  );
}

function forestOf(result: EvaluationResult, labels: readonly Label[]): Figure {
  const roles = distinctRoles(result.checkpoints.map(({ role }) => role));
  const panels = result.datasets.map((dataset) => ({
    title: dataset.name,
    rows: labels.map((label) => {
      const cells = result.checkpoints.map(({ id }) =>
        result.cells.find((cell) => cell.datasetId === dataset.id && cell.checkpointId === id),
      );
      const figures = cells.map((cell) => cell && figuresOf(cell, label));
      const support = figures.find((each) => each)?.support;
      if (support === undefined) return null;
      const marks = figures.flatMap((each, at) => {
        const interval = each?.f1Interval;
        return each ? [{ role: roles[at], f1: each.f1, interval: interval ? pair(interval) : null }] : [];
      });
      return { marks, support };
    }),
  }));
  const readers = result.checkpoints.map(({ name }, at) => ({ role: roles[at], name }));
  return forestChart(labels, panels, readers, WIDTH);
}

function pair({ low, high }: { low: number; high: number }): [number, number] {
  return [low, high];
}
