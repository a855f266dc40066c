/**
 * Tables of the report as LaTeX, as they are printed: booktabs, and longtable where they are longer than a page. Each file is
 * a table to be read by \input; tables.tex is a document of all of them. Letters beyond Latin need XeLaTeX or LuaLaTeX.
 */
import type { Cell, TableBlock } from '../blocks.ts';

/** Rows that fit on a page. */
const PAGE_ROWS = 35;
/** Letters beyond which a column gets a width, so that its text breaks. */
const LONG_TEXT = 40;

const SPECIAL: Record<string, string> = {
  '\\': '\\textbackslash{}',
  '{': '\\{',
  '}': '\\}',
  '&': '\\&',
  '%': '\\%',
  $: '\\$',
  '#': '\\#',
  _: '\\_',
  '~': '\\textasciitilde{}',
  '^': '\\textasciicircum{}',
  '<': '\\textless{}',
  '>': '\\textgreater{}',
  '|': '\\textbar{}',
  '\u2212': '$-$',
  '\u2013': '--',
  '\u2014': '---',
  '\u00d7': '$\\times$',
  '\u2026': '\\ldots{}',
  '\u2018': '`',
  '\u2019': "'",
  '\u201c': '``',
  '\u201d': "''",
  '\u03ba': '$\\kappa$',
  '\u03bb': '$\\lambda$',
  '\u2264': '$\\leq$',
  '\u2265': '$\\geq$',
  '\u00b7': '$\\cdot$',
  '\u00a0': '~',
};

export function escaped(text: string): string {
  return [...text].map((letter) => SPECIAL[letter] ?? letter).join('');
}

export function tableLatex(table: TableBlock): string {
  const columns = table.columns
    .map(({ align, width }, i) => (align === 'right' ? 'r' : textColumn(table, width, i)))
    .join('');
  const header = `${table.columns.map(({ title }) => escaped(title)).join(' & ')} \\\\`;
  const rows = table.rows.map((row) => `${row.map(cellLatex).join(' & ')} \\\\`);
  const caption = `\\caption{${escaped(table.caption.replace(/^Table \d+\. /, ''))}}\\label{tab:${table.id}}`;
  const head = ['\\toprule', header, '\\midrule'];
  if (table.rows.length > PAGE_ROWS) {
    const begin = [
      `\\begin{longtable}{${columns}}`,
      `${caption}\\\\`,
      ...head,
      '\\endhead',
      '\\bottomrule',
      '\\endfoot',
    ];
    return joined([...begin, ...rows, '\\end{longtable}']);
  }
  const begin = ['\\begin{table}', '\\centering\\small', caption, `\\begin{tabular}{${columns}}`, ...head];
  return joined([...begin, ...rows, '\\bottomrule', '\\end{tabular}', '\\end{table}']);
}

function textColumn({ rows, columns }: TableBlock, width: number, index: number): string {
  const longest = Math.max(0, ...rows.map((row) => row[index]!.text.length));
  const total = columns.reduce((sum, column) => sum + column.width, 0);
  return longest > LONG_TEXT ? `p{${((0.9 * width) / total).toFixed(3)}\\linewidth}` : 'l';
}

function cellLatex({ text, weight }: Cell): string {
  const words = escaped(text);
  if (words === '') return '';
  if (weight === 'semibold') return `\\textbf{${words}}`;
  return weight === 'italic' ? `\\textit{${words}}` : words;
}

/** A document that shows every table. */
export function tablesDocument(names: readonly string[]): string {
  return joined([
    '% Tables of the generalization report, for pdflatex, xelatex or lualatex.',
    '\\documentclass[a4paper,10pt]{article}',
    '\\usepackage{iftex}',
    '\\ifpdftex\\usepackage[utf8]{inputenc}\\usepackage[T1]{fontenc}\\fi',
    '\\usepackage[margin=2cm]{geometry}',
    '\\usepackage{booktabs,longtable}',
    '\\begin{document}',
    ...names.map((name) => `\\input{${name}}`),
    '\\end{document}',
  ]);
}

function joined(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}
