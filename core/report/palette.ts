/**
 * One colour and one shape for each reader everywhere: screen, charts, PDF. After Okabe and Ito (2008), darkened to stand on
 * white and lightened to stand on black; the shapes tell readers apart without colour. Pure: the renderer uses it too.
 */
export type ReaderRole =
  | 'base'
  | 'sft'
  | 'grpo'
  | 'reader'
  | 'truth'
  | 'other'
  /** Further checkpoints of a role that another one has already. */
  | 'extra1'
  | 'extra2'
  | 'extra3'
  | 'extra4';

export const ON_WHITE: Record<ReaderRole, string> = {
  base: '#6E6E6E',
  sft: '#0072B2',
  grpo: '#BD5006',
  reader: '#7B4FA6',
  truth: '#00805A',
  other: '#1F1F1F',
  extra1: '#A0206B',
  extra2: '#00707A',
  extra3: '#6B5900',
  extra4: '#8B1A1A',
};

export const ON_BLACK: Record<ReaderRole, string> = {
  base: '#BDBDBD',
  sft: '#5AB4F0',
  grpo: '#F0A03C',
  reader: '#C9A2F2',
  truth: '#4CC38A',
  other: '#D8D8D8',
  extra1: '#F28CC8',
  extra2: '#4FC7D1',
  extra3: '#D6C34A',
  extra4: '#FF8A80',
};

export type SymbolShape =
  | 'circle'
  | 'square'
  | 'diamond'
  | 'triangle'
  | 'cross'
  | 'wedge'
  | 'hexagon'
  | 'upright'
  | 'flat';

export const SHAPES: Record<ReaderRole, SymbolShape> = {
  base: 'circle',
  sft: 'square',
  grpo: 'diamond',
  reader: 'triangle',
  truth: 'cross',
  other: 'circle',
  extra1: 'wedge',
  extra2: 'hexagon',
  extra3: 'upright',
  extra4: 'flat',
};

const EXTRAS = ['extra1', 'extra2', 'extra3', 'extra4'] as const;

/** One look for each checkpoint: the first of a role has the role's, the others further ones, in their order. */
export function distinctRoles(roles: readonly ReaderRole[]): ReaderRole[] {
  const taken = new Set<ReaderRole>();
  let extra = 0;
  return roles.map((role) => {
    const own = taken.has(role) ? EXTRAS[extra++ % EXTRAS.length]! : role;
    taken.add(own);
    return own;
  });
}

/** Text, rules and grounds of the printed page. */
export const INK = {
  text: '#161616',
  muted: '#5C5C5C',
  rule: '#B8B8B8',
  grid: '#E4E4E4',
  ground: '#F5F5F3',
  warning: '#9A3412',
} as const;
