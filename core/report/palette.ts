/**
 * One colour and one shape for each reader everywhere: screen, charts, PDF. After Okabe and Ito (2008), darkened to stand on
 * white and lightened to stand on black; the shapes tell readers apart without colour. Pure: the renderer uses it too.
 */
export type ReaderRole = 'base' | 'sft' | 'grpo' | 'reader' | 'truth' | 'other';

export const ON_WHITE: Record<ReaderRole, string> = {
  base: '#6E6E6E',
  sft: '#0072B2',
  grpo: '#BD5006',
  reader: '#7B4FA6',
  truth: '#00805A',
  other: '#1F1F1F',
};

export const ON_BLACK: Record<ReaderRole, string> = {
  base: '#BDBDBD',
  sft: '#5AB4F0',
  grpo: '#F0A03C',
  reader: '#C9A2F2',
  truth: '#4CC38A',
  other: '#D8D8D8',
};

export type SymbolShape = 'circle' | 'square' | 'diamond' | 'triangle' | 'cross';

export const SHAPES: Record<ReaderRole, SymbolShape> = {
  base: 'circle',
  sft: 'square',
  grpo: 'diamond',
  reader: 'triangle',
  truth: 'cross',
  other: 'circle',
};

/** Text, rules and grounds of the printed page. */
export const INK = {
  text: '#161616',
  muted: '#5C5C5C',
  rule: '#B8B8B8',
  grid: '#E4E4E4',
  ground: '#F5F5F3',
  warning: '#9A3412',
} as const;
