/**
 * The charts of an evaluation as vega-lite specifications. Each draws the rows that its component makes of a result (`rows`);
 * axes are macro-F1 or F1, 0 to 1, or their differences. The same figures stand in a table beside each chart.
 */
import type { TopLevelSpec } from 'vega-lite';
import { spread } from '../../core/report/charts/figure.ts';
import { type Ground, INKS, type Layer, look, type Reader, readerEncoding } from '../frame/chartLook.ts';
import { text } from '../text.ts';

/** A value with its interval; no ends where nothing was resampled. */
export interface Estimate {
  value: number;
  low: number | null;
  high: number | null;
}

export interface ForestRow {
  dataset: string;
  label: string;
  checkpoint: string;
  f1: number;
  low: number | null;
  high: number | null;
  /** Films whose truth has the label. */
  support: number;
}

export interface ChangeRow {
  label: string;
  checkpoint: string;
  source: number | null;
  target: number | null;
}

const LABEL_ROOM = 190;
const LEGEND = { title: null, orient: 'bottom', symbolSize: 70, labelLimit: 240 } as const;
/** Of an axis of differences. */
const DIFFERENCES = { format: '+.2~f', labelExpr: "datum.value === 0 ? '0' : datum.label" } as const;
const PICKED = { cursor: 'pointer' } as const;

/** F1 by label with its interval, one panel for each data set. */
export function forestSpec(
  labels: readonly string[],
  datasets: readonly string[],
  readers: Reader[],
  ground: Ground,
): TopLevelSpec {
  const ink = INKS[ground];
  const height = labels.length * rowHeight(readers.length);
  const width = 250;
  const y = labelAxis(labels);
  const offset = readerOffset(readers);
  const seen = readerEncoding(readers, ground, LEGEND);
  const tip = tooltip(['dataset', 'label', 'checkpoint', 'f1', 'low', 'high', 'support']);
  return {
    ...look(ground),
    description: text.evaluate.forestAlt,
    data: { name: 'rows' },
    spacing: 34,
    hconcat: datasets.map((dataset, at) => ({
      width,
      height,
      title: { text: dataset, limit: width },
      transform: [{ filter: { field: 'dataset', equal: dataset } }],
      layer: [
        {
          mark: { type: 'rule', aria: false, strokeWidth: 1 },
          encoding: {
            x: unit('low'),
            x2: { field: 'high' },
            y: at === 0 ? y : withoutLabels(y),
            yOffset: offset,
            color: seen.color,
          },
        },
        {
          mark: { type: 'point', aria: false, filled: true, size: 46, opacity: 1, ...PICKED },
          encoding: { x: unit('f1', 'F1'), y: at === 0 ? y : withoutLabels(y), yOffset: offset, ...seen, ...tip },
        },
        {
          transform: [{ aggregate: [{ op: 'max', field: 'support', as: 'support' }], groupby: ['label'] }],
          mark: { type: 'text', aria: false, align: 'right', color: ink.muted, fontSize: 10, dx: 28 },
          encoding: {
            x: { value: width },
            y: at === 0 ? y : withoutLabels(y),
            text: { field: 'support', format: ',d' },
          },
        },
      ],
    })),
  } as TopLevelSpec;
}

/** F1 of each label from the source (open) to the other institution (filled). */
export function changeSpec(labels: readonly string[], readers: Reader[], ground: Ground): TopLevelSpec {
  const y = labelAxis(labels);
  const yOffset = readerOffset(readers);
  const seen = readerEncoding(readers, ground, LEGEND);
  const tip = tooltip(['label', 'checkpoint', 'source', 'target']);
  const end = (field: string, filled: boolean): Layer => ({
    transform: [{ filter: { field, valid: true } }],
    mark: {
      type: 'point',
      aria: false,
      size: 46,
      opacity: 1,
      filled,
      strokeWidth: 1.5,
      fill: filled ? undefined : INKS[ground].ground,
      ...PICKED,
    },
    encoding: { x: unit(field, text.evaluate.changeAxis), y, yOffset, ...seen, ...tip },
  });
  return {
    ...look(ground),
    description: text.evaluate.changeAlt,
    data: { name: 'rows' },
    width: 330,
    height: labels.length * rowHeight(readers.length),
    ...(ground === 'paper' ? { title: text.evaluate.changeTitle } : {}),
    layer: [
      {
        transform: [
          {
            filter: {
              and: [
                { field: 'source', valid: true },
                { field: 'target', valid: true },
              ],
            },
          },
        ],
        mark: { type: 'rule', aria: false, strokeWidth: 1.5, opacity: 0.75 },
        encoding: { x: unit('source'), x2: { field: 'target' }, y, yOffset, color: seen.color },
      },
      end('source', false),
      end('target', true),
    ],
  } as TopLevelSpec;
}

export interface SlopeRow extends Estimate {
  checkpoint: string;
  side: 0 | 1;
}

const SLOPE = { width: 420, height: 190, gap: 15 };

/** Macro-F1 from the source to the target, a line for each checkpoint, named at its right end. */
export function slopeSpec(
  rows: readonly SlopeRow[],
  sides: readonly [string, string],
  readers: Reader[],
  ground: Ground,
): TopLevelSpec {
  const ink = INKS[ground];
  const seen = readerEncoding(readers, ground, null);
  const values = rows.flatMap(({ value, low, high }) => [value, low ?? value, high ?? value]);
  const domain = roomy(values);
  const y = { type: 'quantitative', scale: { domain, nice: false, zero: false } } as const;
  const x = {
    field: 'at',
    type: 'quantitative',
    title: null,
    scale: { domain: [-0.12, 1.95], nice: false },
    axis: {
      values: [0, 1],
      labelExpr: sideExpression(sides),
      labelLimit: 170,
      labelColor: ink.text,
      grid: true,
      domain: false,
      ticks: false,
    },
  } as const;
  const shifts = readers.map((_, at) => (at - (readers.length - 1) / 2) * 0.025);
  const places = [
    {
      calculate: `datum.side + ${pickExpression(
        'checkpoint',
        readers.map(({ name }) => name),
        shifts,
      )}`,
      as: 'at',
    },
  ];
  const ends = rows.filter(({ side }) => side === 1);
  const apart = ((domain[1] - domain[0]) * SLOPE.gap) / SLOPE.height;
  const named = spread(
    ends.map(({ value }) => value),
    apart,
    domain[0],
    domain[1],
  );
  return {
    ...look(ground),
    description: text.evaluate.slopeAlt(sides[0], sides[1]),
    data: { name: 'rows' },
    width: SLOPE.width,
    height: SLOPE.height,
    transform: places,
    layer: [
      {
        mark: { type: 'line', aria: false, strokeWidth: 2 },
        encoding: { x, y: { ...y, field: 'value', title: text.evaluate.macroF1 }, color: seen.color },
      },
      {
        mark: { type: 'rule', aria: false, strokeWidth: 1 },
        encoding: { x, y: { ...y, field: 'low' }, y2: { field: 'high' }, color: seen.color },
      },
      {
        mark: { type: 'point', aria: false, filled: true, size: 60, opacity: 1 },
        encoding: { x, y: { ...y, field: 'value' }, ...seen, ...tooltip(['checkpoint', 'value', 'low', 'high']) },
      },
      {
        data: {
          values: ends.map(({ checkpoint, value }, at) => ({
            checkpoint,
            words: `${value.toFixed(3)}  ${checkpoint}`,
            place: named[at],
          })),
        },
        mark: { type: 'text', aria: false, align: 'left', dx: 14, fontWeight: 600, limit: 170 },
        encoding: { x: { datum: 1 }, y: { ...y, field: 'place' }, text: { field: 'words' }, color: seen.color },
      },
    ],
  } as TopLevelSpec;
}

export interface GroupRow extends Estimate {
  group: string;
  /** Whether the interval leaves out zero. */
  settled: boolean;
}

/** A difference in each group, filled where it is settled. */
export function groupSpec(groups: readonly string[], colour: string, axis: string, ground: Ground): TopLevelSpec {
  const y = labelAxis(groups, 'group');
  const x = (field: string) =>
    ({ field, type: 'quantitative', title: axis, axis: { ...DIFFERENCES, tickCount: 5 } }) as const;
  const point = (settled: boolean): Layer => ({
    transform: [{ filter: { field: 'settled', equal: settled } }],
    mark: {
      type: 'point',
      aria: false,
      size: 60,
      opacity: 1,
      filled: settled,
      color: colour,
      fill: settled ? colour : INKS[ground].ground,
      strokeWidth: 1.5,
    },
    encoding: { x: x('value'), y, ...tooltip(['group', 'value', 'low', 'high']) },
  });
  return {
    ...look(ground),
    description: axis,
    data: { name: 'rows' },
    width: 320,
    height: groups.length * 22,
    layer: [
      zero(ground),
      { mark: { type: 'rule', aria: false, color: colour }, encoding: { x: x('low'), x2: { field: 'high' }, y } },
      point(false),
      point(true),
    ],
  } as TopLevelSpec;
}

export interface CauseRow extends Estimate {
  /** The checkpoint, or the step between two. */
  change: string;
  cause: string;
  settled: boolean;
}

/** Each part of a change as a bar from zero with its interval, a panel for each cause. */
export function causeSpec(changes: readonly string[], causes: readonly string[], ground: Ground): TopLevelSpec {
  const ink = INKS[ground];
  const y = labelAxis(changes, 'change');
  const x = (field: string) =>
    ({
      field,
      type: 'quantitative',
      title: text.analysis.macroF1Change,
      axis: { ...DIFFERENCES, tickCount: 4 },
    }) as const;
  return {
    ...look(ground),
    description: text.analysis.causes,
    data: { name: 'rows' },
    spacing: 24,
    resolve: { scale: { x: 'shared' } },
    hconcat: causes.map((cause, at) => {
      const rows = at === 0 ? y : withoutLabels(y);
      return {
        width: 170,
        height: Math.max(1, changes.length) * 26,
        title: { text: cause, limit: 170 },
        transform: [{ filter: { field: 'cause', equal: cause } }],
        layer: [
          zero(ground),
          {
            mark: { type: 'bar', aria: false, height: 10 },
            encoding: {
              x: x('value'),
              y: rows,
              color: { condition: { test: { field: 'settled', equal: true }, value: ink.muted }, value: ink.rule },
              ...tooltip(['change', 'cause', 'value', 'low', 'high']),
            },
          },
          {
            mark: { type: 'rule', aria: false, color: ink.text },
            encoding: { x: x('low'), x2: { field: 'high' }, y: rows },
          },
        ],
      };
    }),
  } as TopLevelSpec;
}

export interface BinRow {
  label: string;
  probability: number;
  observed: number;
  films: number;
}

/** Observed share over mean probability, a small panel for each label; the diagonal is what can be believed as it stands. */
export function reliabilitySpec(labels: readonly string[], ground: Ground): TopLevelSpec {
  const ink = INKS[ground];
  const axis = (field: string, title: string) =>
    ({
      field,
      type: 'quantitative',
      title,
      scale: { domain: [0, 1] },
      axis: { values: [0, 0.5, 1], grid: false, format: '.1~f' },
    }) as const;
  const both = {
    x: axis('probability', text.analysis.meanProbability),
    y: axis('observed', text.analysis.observed),
  };
  return {
    ...look(ground),
    description: text.analysis.reliability,
    data: { name: 'rows' },
    facet: {
      field: 'label',
      type: 'nominal',
      title: null,
      sort: [...labels],
      header: { labelLimit: 110, labelFontSize: 11 },
    },
    columns: 7,
    spacing: 22,
    spec: {
      width: 96,
      height: 96,
      layer: [
        {
          transform: [{ aggregate: [{ op: 'count', as: 'bins' }], groupby: ['label'] }],
          mark: { type: 'rule', aria: false, color: ink.rule },
          encoding: {
            x: { datum: 0, type: 'quantitative' },
            x2: { datum: 1 },
            y: { datum: 0, type: 'quantitative' },
            y2: { datum: 1 },
          },
        },
        {
          mark: {
            type: 'line',
            aria: false,
            color: ink.text,
            strokeWidth: 1.5,
            point: { color: ink.text, size: 24, filled: true },
          },
          encoding: { ...both, ...tooltip(['label', 'probability', 'observed', 'films']) },
        },
      ],
    },
  } as TopLevelSpec;
}

function unit(field: string, title: string | null = null) {
  const axis = { values: [0, 0.25, 0.5, 0.75, 1], format: '.2~f' };
  return { field, type: 'quantitative' as const, title, scale: { domain: [0, 1] }, axis };
}

function labelAxis(labels: readonly string[], field = 'label') {
  return {
    field,
    type: 'nominal' as const,
    title: null,
    scale: { domain: [...labels], paddingInner: 0.1, paddingOuter: 0.15 },
    // A mark at 0 is half as wide as the padding.
    axis: { grid: false, ticks: false, domain: false, labelLimit: LABEL_ROOM, labelFontSize: 12, labelPadding: 10 },
  };
}

function withoutLabels(y: ReturnType<typeof labelAxis>) {
  return { ...y, axis: null };
}

function readerOffset(readers: readonly Reader[]) {
  return {
    field: 'checkpoint',
    type: 'nominal' as const,
    scale: { domain: readers.map(({ name }) => name), padding: 0.8 },
  };
}

function rowHeight(readers: number): number {
  return Math.max(22, 9 * readers + 5);
}

function zero(ground: Ground): Layer {
  return {
    mark: { type: 'rule', aria: false, color: INKS[ground].muted, strokeWidth: 1 },
    encoding: { x: { datum: 0, type: 'quantitative' } },
  };
}

/** What the pointer shows, in the words of the tables. */
function tooltip(fields: readonly (keyof typeof text.evaluate.chartFields)[]) {
  const number = new Set(['f1', 'low', 'high', 'source', 'target', 'value', 'probability', 'observed']);
  return {
    tooltip: fields.map((field) => ({
      field,
      title: text.evaluate.chartFields[field],
      ...(number.has(field) ? { format: '.3f' } : {}),
    })),
  };
}

/** A domain with some room at both ends. */
function roomy(values: readonly number[]): [number, number] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = Math.max(0.01, (high - low) * 0.08);
  return [low - room, high + room];
}

/** Names come from files: they are quoted as JSON, which an expression of vega reads as the same text. */
function sideExpression([source, target]: readonly [string, string]): string {
  return `datum.value < 0.5 ? ${JSON.stringify(source)} : ${JSON.stringify(target)}`;
}

function pickExpression(field: string, names: readonly string[], values: readonly number[]): string {
  return `(${names.reduceRight((rest, name, at) => `datum.${field} === ${JSON.stringify(name)} ? ${values[at]} : ${rest}`, '0')})`;
}
