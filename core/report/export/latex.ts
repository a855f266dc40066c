/**
 * Tables of the report as LaTeX, as they are printed: booktabs, and longtable where they are longer than a page. One that is
 * too wide for a page of A4 is set smaller, and where that is not enough its columns get the widths that they have in the PDF,
 * so that their text breaks. Each file is a table to be read by \input; tables.tex is a document of all of them. They need
 * booktabs, longtable and array. Letters beyond Latin need XeLaTeX or LuaLaTeX.
 */
import type { Cell, TableBlock } from '../blocks.ts';

/** Rows that fit on a page. */
const PAGE_ROWS = 35;
/** Text width of A4 with margins of 2 cm, in points. */
const PAGE_POINTS = 482;
/** Letters beyond which a word may be broken anywhere: a hash. */
const LONG_WORD = 24;
const BREAK_EVERY = 8;

/** Points of a letter (a digit of Computer Modern is half an em) and beside a column. */
const SIZES = {
  small: { letter: 5.1, beside: 6, begin: '\\small' },
  smaller: { letter: 4.6, beside: 3, begin: '\\footnotesize\\setlength{\\tabcolsep}{3pt}' },
} as const;

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
  const { columns, begin: size } = layoutOf(table);
  const header = `${table.columns.map(({ title }) => escaped(title)).join(' & ')} \\\\`;
  const rows = table.rows.map((row) => `${row.map(cellLatex).join(' & ')} \\\\`);
  const caption = `\\caption{${escaped(table.caption.replace(/^Table \d+\. /, ''))}}\\label{tab:${table.id}}`;
  const head = ['\\toprule', header, '\\midrule'];
  if (table.rows.length > PAGE_ROWS) {
    const begin = [
      `{${size}`,
      `\\begin{longtable}{${columns}}`,
      `${caption}\\\\`,
      ...head,
      '\\endhead',
      '\\bottomrule',
      '\\endfoot',
    ];
    return joined([...begin, ...rows, '\\end{longtable}}']);
  }
  const begin = ['\\begin{table}', `\\centering${size}`, caption, `\\begin{tabular}{${columns}}`, ...head];
  return joined([...begin, ...rows, '\\bottomrule', '\\end{tabular}', '\\end{table}']);
}

/** Columns as they are where they fit on the page, else as wide as in the PDF. */
function layoutOf({ rows, columns }: TableBlock): { columns: string; begin: string } {
  const longest = columns.map(({ title }, i) => Math.max(title.length, ...rows.map((row) => row[i]!.text.length)));
  const letters = longest.reduce((sum, each) => sum + each, 0);
  const fits = ({ letter, beside }: { letter: number; beside: number }) =>
    letters * letter + columns.length * 2 * beside <= PAGE_POINTS;
  const size = fits(SIZES.small) ? SIZES.small : SIZES.smaller;
  if (fits(size)) {
    return { columns: columns.map(({ align }) => (align === 'right' ? 'r' : 'l')).join(''), begin: size.begin };
  }
  const total = columns.reduce((sum, { width }) => sum + width, 0);
  const wrapped = columns.map(({ align, width }) => {
    const side = align === 'right' ? '\\raggedleft' : '\\raggedright';
    const share = (width / total).toFixed(3);
    return `>{${side}\\arraybackslash\\hspace{0pt}}p{\\dimexpr${share}\\linewidth-2\\tabcolsep\\relax}`;
  });
  return { columns: wrapped.join(''), begin: size.begin };
}

function cellLatex({ text, weight }: Cell): string {
  const words = text.split(' ').map(breakable).join(' ');
  if (words === '') return '';
  if (weight === 'semibold') return `\\textbf{${words}}`;
  return weight === 'italic' ? `\\textit{${words}}` : words;
}

/** A long word may be broken after every few letters. */
function breakable(word: string): string {
  if (word.length <= LONG_WORD) return escaped(word);
  const parts = word.match(new RegExp(`.{1,${BREAK_EVERY}}`, 'gsu')) ?? [];
  return parts.map(escaped).join('\\allowbreak{}');
}

/** A document that shows every table. */
export function tablesDocument(names: readonly string[]): string {
  return joined([
    '% Tables of the generalization report, for pdflatex, xelatex or lualatex.',
    '\\documentclass[a4paper,10pt]{article}',
    '\\usepackage{iftex}',
    '\\ifpdftex\\usepackage[utf8]{inputenc}\\usepackage[T1]{fontenc}\\fi',
    '\\usepackage[margin=2cm]{geometry}',
    '\\IfFileExists{lmodern.sty}{\\usepackage{lmodern}}{}',
    '\\usepackage{array,booktabs,longtable}',
    '\\begin{document}',
    ...names.map((name) => `\\input{${name}}`),
    '\\end{document}',
  ]);
}

function joined(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}
