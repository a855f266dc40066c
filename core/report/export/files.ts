/** The report's figures in other forms, as files: CSV, LaTeX and SVG are many in a folder, JSON is one. */
import { assemble, figuresOf, tablesOf } from '../assemble.ts';
import { figureSvg } from '../charts/svg.ts';
import type { ReportInput } from '../types.ts';
import { csv, tableCsv } from './csv.ts';
import { reportJson } from './json.ts';
import { tableLatex, tablesDocument } from './latex.ts';

export type ExportFormat = 'csv' | 'json' | 'latex' | 'svg';

export interface ExportedFile {
  /** Lower case letters, digits and dashes, with the format's ending. */
  name: string;
  content: string;
}

/** The same sections, tables and figures as the PDF of this input. JSON: one file. Errors: as `assemble`. */
export function exportFiles(input: ReportInput, format: ExportFormat, sections?: readonly string[]): ExportedFile[] {
  const report = assemble(input, sections);
  const [tables, figures] = [tablesOf(report), figuresOf(report)];
  switch (format) {
    case 'csv': {
      const files = tables.map((table) => ({ name: `table-${table.id}.csv`, content: tableCsv(table) }));
      const index = tables.map(({ caption }, i) => [files[i]!.name, caption]);
      return [...files, { name: 'index.csv', content: csv([['file', 'caption'], ...index]) }];
    }
    case 'latex': {
      const files = tables.map((table) => ({ name: `table-${table.id}.tex`, content: tableLatex(table) }));
      return [...files, { name: 'tables.tex', content: tablesDocument(files.map(({ name }) => name)) }];
    }
    case 'svg':
      return figures.map(({ id, figure }) => ({ name: `figure-${id}.svg`, content: figureSvg(figure) }));
    case 'json':
      return [{ name: 'report.json', content: `${JSON.stringify(reportJson(report, input), null, 1)}\n` }];
  }
}
