/** The curves of a run: which columns of its log belong into which chart, and how they are drawn on the dark screen. */
import type { TopLevelSpec } from 'vega-lite';
import { ON_BLACK, ON_WHITE } from '../../core/report/palette.ts';
import type { TrainingLogLine, TrainingRun } from '../../core/services/contract.ts';
import type { Alarm } from '../../core/training/alarms.ts';
import { distinctNames, type Ground, INKS, type Layer, look } from '../frame/chartLook.ts';
import { text } from '../text.ts';

export interface RunChart {
  id: keyof typeof text.train.charts;
  columns: string[];
}

/** TRL's metric names. Columns that are not in the log leave no trace. */
const CHARTS: { id: RunChart['id']; matches: RegExp }[] = [
  { id: 'reward', matches: /^reward$|^rewards\/[^/]+$/ },
  { id: 'parts', matches: /^rewards\/[^/]+\/[^/]+\/mean$/ },
  { id: 'loss', matches: /^(train_)?loss$|^eval_loss$/ },
  { id: 'kl', matches: /^kl$/ },
  { id: 'entropy', matches: /^entropy$/ },
  { id: 'clip', matches: /^clip_ratio/ },
  { id: 'length', matches: /^completions?\/?_?(mean|min|max)_length$/ },
  { id: 'shares', matches: /^frac_reward_zero_std$|^completions\/(clipped_ratio|dominant_share)$/ },
  { id: 'mismatch', matches: /^sampling\/sampling_logp_difference\// },
  { id: 'gradient', matches: /^grad_norm$/ },
  { id: 'rate', matches: /^learning_rate$/ },
  { id: 'time', matches: /^(step|sampling)_time$/ },
];

export function chartsOf(log: TrainingLogLine[]): RunChart[] {
  const columns = [...new Set(log.flatMap((line) => Object.keys(line)))];
  return CHARTS.map(({ id, matches }) => ({ id, columns: columns.filter((column) => matches.test(column)) })).filter(
    (chart) => chart.columns.length > 0,
  );
}

export interface ChartRow {
  step: number;
  /** A column of the log, or ALARM. */
  series: string;
  value: number;
  /** Its run's name. */
  run: string;
}

/** A run and the colour that it has in every chart. */
export interface DrawnRun {
  name: string;
  screen: string;
  paper: string;
}

/** The one that is looked at has the colour of the checkpoint that it makes; those laid over it have further ones. */
export function drawnRuns(kind: TrainingRun['kind'], name: string, others: readonly string[]): DrawnRun[] {
  const looks = [kind, 'extra2', 'extra1', 'extra3', 'extra4'] as const;
  return distinctNames([name, ...others]).map((each, at) => {
    const look = looks[Math.min(at, looks.length - 1)];
    return { name: each, screen: ON_BLACK[look], paper: ON_WHITE[look] };
  });
}

/** Rows that are a line across the chart at their step. */
const ALARM = '!alarm';

export function rowsOf(log: TrainingLogLine[], columns: string[], run = ''): ChartRow[] {
  return log.flatMap((line) =>
    columns.flatMap((series) => {
      const value = line[series];
      return typeof value === 'number' && Number.isFinite(value) ? [{ step: line.step, series, value, run }] : [];
    }),
  );
}

export function alarmRows(alarms: readonly Alarm[]): ChartRow[] {
  return alarms.map(({ step }) => ({ step, series: ALARM, value: 0, run: '' }));
}

/** What is drawn against the probe: the reward, or where the first of the runs has none the loss. */
export function probeColumns(logs: readonly TrainingLogLine[][]): { training: string; probes: string[] } | null {
  const has = (column: string, among = logs) =>
    among.some((log) => log.some((line) => typeof line[column] === 'number'));
  const probes = ['probe/source/macro_f1', 'probe/target/macro_f1'].filter((column) => has(column));
  return probes.length === 0 ? null : { training: has('reward', logs.slice(0, 1)) ? 'reward' : 'loss', probes };
}

const WHOLE_STEPS = "datum.value % 1 === 0 ? datum.label : ''";
const DASHES = [
  [1, 0],
  [6, 3],
  [2, 2],
  [8, 2, 2, 2],
  [4, 1],
  [1, 3],
];
const STEP = {
  field: 'step',
  type: 'quantitative',
  title: text.train.step,
  axis: { labelExpr: WHOLE_STEPS, format: 'd' },
} as const;
/** Of the training series, the source's probe and the other institution's. */
const PROBE_DASHES = [
  [1, 0],
  [1, 0],
  [6, 3],
];
const PROBE_DASHES_OF_SEVERAL = [
  [1, 3],
  [1, 0],
  [6, 3],
];
function runScale(runs: readonly DrawnRun[], ground: Ground) {
  return { domain: runs.map(({ name }) => name), range: runs.map((run) => run[ground]) };
}

/** `contains: padding`: the axis' numbers lie within the width, so that charts under each other line up. */
function pageOf(ground: Ground, width: number, height: number) {
  return {
    width,
    height,
    autosize: { type: 'fit-x', contains: 'padding' },
    data: { name: 'rows' },
    ...look(ground),
  } as const;
}

/** The alarms of the time line. */
const alarmLayer = (ground: Ground): Layer => ({
  transform: [{ filter: `datum.series === '${ALARM}'` }],
  mark: { type: 'rule', aria: false, color: INKS[ground].warn, strokeWidth: 1.5, strokeDash: [3, 3] },
  encoding: { x: STEP },
});

const CURVES = { filter: `datum.series !== '${ALARM}'` };

/** Colour is the run, dash the series. */
export function specOf(chart: RunChart, runs: readonly DrawnRun[], ground: Ground): TopLevelSpec {
  const several = chart.columns.length > 1;
  const stroke = INKS[ground].text;
  const encoding = {
    x: STEP,
    y: { field: 'value', type: 'quantitative', title: null, scale: { zero: false } },
    color: {
      field: 'run',
      type: 'nominal',
      scale: runScale(runs, ground),
      legend: null,
    },
    strokeDash: {
      field: 'series',
      type: 'nominal',
      scale: { domain: chart.columns, range: DASHES },
      legend: several
        ? {
            title: null,
            orient: 'bottom',
            columns: 2,
            symbolType: 'stroke',
            labelLimit: 170,
            // The legend would take over the curves' points, which have no stroke.
            encoding: { symbols: { stroke: { value: stroke } } },
          }
        : null,
    },
  } as const;
  return {
    ...pageOf(ground, 392, 140),
    layer: [
      // A point for each value: a validation loss may stand alone.
      { transform: [CURVES], mark: { type: 'line', strokeWidth: 1.5, point: { size: 12 } }, encoding },
      alarmLayer(ground),
    ],
  };
}

/**
 * Reward (or loss) on the left axis, both institutions' macro-F1 on the right one, over the same steps. One run: each series has
 * its own colour. Several: each run has its colour, as in the other charts, and the dashes tell the series apart.
 */
export function probeSpec(training: string, probes: string[], runs: readonly DrawnRun[], ground: Ground): TopLevelSpec {
  const columns = [training, ...probes];
  const names = columns.map((column) => text.train.probeSeries[column] ?? column);
  const { text: strong, muted } = INKS[ground];
  const legend = { title: null, orient: 'bottom', symbolType: 'stroke', labelLimit: 260 } as const;
  const field = { field: 'name', type: 'nominal' } as const;
  const styled =
    runs.length > 1
      ? ({
          color: { field: 'run', type: 'nominal', scale: runScale(runs, ground), legend: null },
          strokeDash: {
            ...field,
            scale: { domain: names, range: PROBE_DASHES_OF_SEVERAL },
            legend: { ...legend, encoding: { symbols: { stroke: { value: muted } } } },
          },
        } as const)
      : ({
          color: { ...field, scale: { domain: names, range: [muted, runs[0][ground], strong] }, legend },
          strokeDash: { ...field, scale: { domain: names, range: PROBE_DASHES } },
        } as const);
  const named = {
    calculate: names
      .slice(0, -1)
      .reduceRight(
        (rest, name, i) => `datum.series === '${columns[i]}' ? '${name}' : ${rest}`,
        `'${names[names.length - 1]}'`,
      ),
    as: 'name',
  };
  const side = (series: string[], title: string, orient: 'left' | 'right', point: boolean): Layer => ({
    transform: [{ filter: { field: 'series', oneOf: series } }, named],
    mark: { type: 'line', strokeWidth: point ? 2 : 1, ...(point ? { point: { size: 30 } } : {}) },
    encoding: {
      x: STEP,
      y: {
        field: 'value',
        type: 'quantitative',
        title,
        scale: { zero: false },
        axis: { orient, grid: orient === 'left' },
      },
      ...styled,
    },
  });
  const left = text.train.charts[training === 'reward' ? 'reward' : 'loss'];
  return {
    ...pageOf(ground, 808, 190),
    layer: [
      side([training], left, 'left', false),
      side(probes, text.train.probeAxis, 'right', true),
      alarmLayer(ground),
    ],
    resolve: { scale: { y: 'independent' } },
  };
}
