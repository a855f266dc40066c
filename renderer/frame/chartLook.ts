/**
 * How every chart of the screens looks: grounds (the dark screen, white paper for the file), type, axes, symbols. Text on a
 * ground has WCAG AA contrast; lines of axes and grids are quieter. The shapes are the report's (core/report/palette.ts).
 */
import type { TopLevelSpec } from 'vega-lite';
import {
  distinctRoles,
  INK,
  ON_BLACK,
  ON_WHITE,
  type ReaderRole,
  SHAPES,
  type SymbolShape,
} from '../../core/report/palette.ts';

export type Ground = 'screen' | 'paper';

export type Layer = Extract<TopLevelSpec, { layer: unknown }>['layer'][number];

/** Ink on each ground. `ground`: of the panels, of the paper. */
export const INKS: Record<
  Ground,
  { ground: string; text: string; muted: string; rule: string; grid: string; warn: string }
> = {
  screen: { ground: '#0e0e0e', text: '#e6e6e6', muted: '#a3a3a3', rule: '#4a4a4a', grid: '#222222', warn: '#e8c34a' },
  paper: { ground: '#ffffff', text: INK.text, muted: INK.muted, rule: INK.rule, grid: INK.grid, warn: INK.warning },
};

export const COLOURS: Record<Ground, Record<ReaderRole, string>> = { screen: ON_BLACK, paper: ON_WHITE };

/** What a chart is on each of the two grounds. */
export function grounds(specOn: (ground: Ground) => TopLevelSpec): { spec: TopLevelSpec; paper: TopLevelSpec } {
  return { spec: specOn('screen'), paper: specOn('paper') };
}

export function look(ground: Ground) {
  const { text, muted, rule, grid } = INKS[ground];
  return {
    background: ground === 'screen' ? 'transparent' : '#fff',
    config: {
      view: { stroke: null },
      font: 'Inter Variable, sans-serif',
      axis: {
        labelColor: muted,
        titleColor: muted,
        titleFontWeight: 400,
        gridColor: grid,
        domainColor: rule,
        tickColor: rule,
      },
      legend: { labelColor: text, titleColor: muted },
      title: { color: text, fontWeight: 600, anchor: 'start' },
      header: { labelColor: text, titleColor: muted },
    },
  } as const;
}

/** Vega's names of the report's shapes; where it has none, the outline in a square from -1 to 1. */
const VEGA_SHAPES: Record<SymbolShape, string> = {
  circle: 'circle',
  square: 'square',
  diamond: 'diamond',
  triangle: 'triangle-up',
  cross: 'cross',
  wedge: 'triangle-down',
  hexagon: 'M1,0L0.5,0.87L-0.5,0.87L-1,0L-0.5,-0.87L0.5,-0.87Z',
  upright: 'M-0.5,-1.1L0.5,-1.1L0.5,1.1L-0.5,1.1Z',
  flat: 'M-1.1,-0.5L1.1,-0.5L1.1,0.5L-1.1,0.5Z',
};

/** A checkpoint as it stands in every chart of an evaluation. */
export interface Reader {
  id: string;
  /** Unique: two checkpoints may have one name. */
  name: string;
  role: ReaderRole;
}

export function readersOf(checkpoints: readonly { id: string; name: string; role: ReaderRole }[]): Reader[] {
  const roles = distinctRoles(checkpoints.map(({ role }) => role));
  const names = distinctNames(checkpoints.map(({ name }) => name));
  return checkpoints.map(({ id }, at) => ({ id, name: names[at]!, role: roles[at]! }));
}

/** The second of a name is called "name (2)". */
export function distinctNames(names: readonly string[]): string[] {
  const taken = new Map<string, number>();
  return names.map((name) => {
    const before = taken.get(name) ?? 0;
    taken.set(name, before + 1);
    return before === 0 ? name : `${name} (${before + 1})`;
  });
}

/** Colour and shape by the field `checkpoint`. */
export function readerEncoding(readers: readonly Reader[], ground: Ground, legend: object | null) {
  const domain = readers.map(({ name }) => name);
  const colours = readers.map(({ role }) => COLOURS[ground][role]);
  const field = { field: 'checkpoint', type: 'nominal' } as const;
  return {
    color: { ...field, scale: { domain, range: colours }, legend },
    shape: { ...field, scale: { domain, range: readers.map(({ role }) => VEGA_SHAPES[SHAPES[role]]) }, legend },
  };
}
