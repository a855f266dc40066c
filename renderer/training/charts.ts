/** The curves of a run: which columns of its log belong into which chart, and how they are drawn on the dark screen. */
import type { TopLevelSpec } from 'vega-lite';
import { ON_BLACK } from '../../core/report/palette.ts';
import type { TrainingLogLine, TrainingRun } from '../../core/services/contract.ts';
import { text } from '../text.ts';

export interface RunChart {
  id: keyof typeof text.train.charts;
  columns: string[];
}

/** TRL's metric names. Columns that are not in the log leave no trace. */
const CHARTS: { id: RunChart['id']; matches: RegExp }[] = [
  { id: 'reward', matches: /^reward$|^rewards\/.*(mean|reward)$|^rewards\/[^/]+$/ },
  { id: 'loss', matches: /^(train_)?loss$|^eval_loss$/ },
  { id: 'kl', matches: /^kl$/ },
  { id: 'entropy', matches: /^entropy$/ },
  { id: 'clip', matches: /^clip_ratio/ },
  { id: 'length', matches: /^completions?\/?_?(mean|min|max)_length$/ },
  { id: 'gradient', matches: /^grad_norm$/ },
  { id: 'rate', matches: /^learning_rate$/ },
];

export function chartsOf(log: TrainingLogLine[]): RunChart[] {
  const columns = [...new Set(log.flatMap((line) => Object.keys(line)))];
  return CHARTS.map(({ id, matches }) => ({ id, columns: columns.filter((column) => matches.test(column)) })).filter(
    (chart) => chart.columns.length > 0,
  );
}

export function rowsOf(log: TrainingLogLine[], columns: string[]): { step: number; series: string; value: number }[] {
  return log.flatMap((line) =>
    columns.flatMap((series) => {
      const value = line[series];
      return typeof value === 'number' && Number.isFinite(value) ? [{ step: line.step, series, value }] : [];
    }),
  );
}

const WHOLE_STEPS = "datum.value % 1 === 0 ? datum.label : ''";
const MUTED = '#a3a3a3';
/** Series of one chart differ by dash as well as by gray. */
const DASHES = [
  [1, 0],
  [6, 3],
  [2, 2],
  [8, 2, 2, 2],
];

export function specOf(chart: RunChart, kind: TrainingRun['kind']): TopLevelSpec {
  const several = chart.columns.length > 1;
  return {
    width: 360,
    height: 140,
    background: 'transparent',
    data: { name: 'rows' },
    // A point for each value: a validation loss may stand alone.
    mark: { type: 'line', strokeWidth: 1.5, point: { size: 12 } },
    encoding: {
      x: { field: 'step', type: 'quantitative', title: text.train.step, axis: { labelExpr: WHOLE_STEPS } },
      y: { field: 'value', type: 'quantitative', title: null, scale: { zero: false } },
      color: {
        field: 'series',
        type: 'nominal',
        scale: {
          domain: chart.columns, // The first series has the colour of the checkpoint that the run makes.
          range: [ON_BLACK[kind], '#d6d6d6', '#a8a8a8', '#8c8c8c'],
        },
        legend: several ? { title: null, orient: 'bottom', symbolType: 'stroke', labelLimit: 240 } : null,
      },
      strokeDash: {
        field: 'series',
        type: 'nominal',
        scale: { domain: chart.columns, range: DASHES },
        ...(several ? {} : { legend: null }),
      },
    },
    config: {
      view: { stroke: null },
      font: 'Inter Variable, sans-serif',
      axis: { labelColor: MUTED, titleColor: MUTED, gridColor: '#222', domainColor: '#444', tickColor: '#444' },
      legend: { labelColor: '#d0d0d0' },
    },
  };
}
