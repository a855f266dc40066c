/** The curves of a run: which columns of its log belong into which chart, and how they are drawn on the dark screen. */
import type { TopLevelSpec } from 'vega-lite';
import { ON_BLACK } from '../../core/report/palette.ts';
import type { TrainingLogLine, TrainingRun } from '../../core/services/contract.ts';
import type { Alarm } from '../../core/training/alarms.ts';
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
  /** `beside`: of the run that is laid over. */
  run: 'shown' | 'beside';
}

/** Rows that are a line across the chart at their step. */
const ALARM = '!alarm';

export function rowsOf(log: TrainingLogLine[], columns: string[], run: ChartRow['run'] = 'shown'): ChartRow[] {
  return log.flatMap((line) =>
    columns.flatMap((series) => {
      const value = line[series];
      return typeof value === 'number' && Number.isFinite(value) ? [{ step: line.step, series, value, run }] : [];
    }),
  );
}

export function alarmRows(alarms: readonly Alarm[]): ChartRow[] {
  return alarms.map(({ step }) => ({ step, series: ALARM, value: 0, run: 'shown' }));
}

/** What is drawn against the probe: the reward, or without one the loss. */
export function probeColumns(log: TrainingLogLine[]): { training: string; probes: string[] } | null {
  const has = (column: string) => log.some((line) => typeof line[column] === 'number');
  const probes = ['probe/source/macro_f1', 'probe/target/macro_f1'].filter(has);
  return probes.length === 0 ? null : { training: has('reward') ? 'reward' : 'loss', probes };
}

const WHOLE_STEPS = "datum.value % 1 === 0 ? datum.label : ''";
const MUTED = '#a3a3a3';
const WARN = '#e8c34a';
const GRAYS = ['#d6d6d6', '#a8a8a8', '#8c8c8c', '#e8e8e8', '#707070'];
/** Series of one chart differ by dash as well as by gray. */
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
const CONFIG = {
  view: { stroke: null },
  font: 'Inter Variable, sans-serif',
  axis: { labelColor: MUTED, titleColor: MUTED, gridColor: '#222', domainColor: '#444', tickColor: '#444' },
  legend: { labelColor: '#d0d0d0' },
};
const PAGE = { height: 140, background: 'transparent', data: { name: 'rows' }, config: CONFIG } as const;

type Layer = Extract<TopLevelSpec, { layer: unknown }>['layer'][number];

/** The alarms of the time line. */
const ALARM_LAYER: Layer = {
  transform: [{ filter: `datum.series === '${ALARM}'` }],
  mark: { type: 'rule', aria: false, color: WARN, strokeWidth: 1.5, strokeDash: [3, 3] },
  encoding: { x: STEP },
};

const of = (run: ChartRow['run']) => ({ filter: `datum.run === '${run}' && datum.series !== '${ALARM}'` });

export function specOf(chart: RunChart, kind: TrainingRun['kind']): TopLevelSpec {
  const several = chart.columns.length > 1;
  const encoding = {
    x: STEP,
    y: { field: 'value', type: 'quantitative', title: null, scale: { zero: false } },
    color: {
      field: 'series',
      type: 'nominal',
      // The first series has the colour of the checkpoint that the run makes.
      scale: { domain: chart.columns, range: [ON_BLACK[kind], ...GRAYS] },
      legend: several ? { title: null, orient: 'bottom', columns: 2, symbolType: 'stroke', labelLimit: 170 } : null,
    },
    strokeDash: {
      field: 'series',
      type: 'nominal',
      scale: { domain: chart.columns, range: DASHES },
      ...(several ? {} : { legend: null }),
    },
  } as const;
  return {
    ...PAGE,
    width: 360,
    layer: [
      { transform: [of('beside')], mark: { type: 'line', strokeWidth: 1, opacity: 0.45 }, encoding },
      // A point for each value: a validation loss may stand alone.
      { transform: [of('shown')], mark: { type: 'line', strokeWidth: 1.5, point: { size: 12 } }, encoding },
      ALARM_LAYER,
    ],
  };
}

/** Reward (or loss) on the left axis, both institutions' macro-F1 on the right one, over the same steps. */
export function probeSpec(training: string, probes: string[], kind: TrainingRun['kind']): TopLevelSpec {
  const names = [training, ...probes].map((column) => text.train.probeSeries[column] ?? column);
  const styled = {
    color: {
      field: 'name',
      type: 'nominal',
      scale: { domain: names, range: [MUTED, ON_BLACK[kind], '#ffffff'] },
      legend: { title: null, orient: 'bottom', symbolType: 'stroke', labelLimit: 260 },
    },
    strokeDash: {
      field: 'name',
      type: 'nominal',
      scale: {
        domain: names,
        range: [
          [1, 0],
          [1, 0],
          [6, 3],
        ],
      },
    },
  } as const;
  const named = {
    calculate: names
      .slice(0, -1)
      .reduceRight(
        (rest, name, i) => `datum.series === '${[training, ...probes][i]}' ? '${name}' : ${rest}`,
        `'${names[names.length - 1]}'`,
      ),
    as: 'name',
  };
  const side = (series: string[], title: string, orient: 'left' | 'right', point: boolean): Layer => ({
    transform: [of('shown'), { filter: { field: 'series', oneOf: series } }, named],
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
    ...PAGE,
    width: 760,
    height: 190,
    layer: [side([training], left, 'left', false), side(probes, text.train.probeAxis, 'right', true), ALARM_LAYER],
    resolve: { scale: { y: 'independent' } },
  };
}
