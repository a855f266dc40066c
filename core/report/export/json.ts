/** The report as one JSON object: the evaluation's figures whole, provenance, and every table with unrounded values. */
import { type Assembled, figuresOf, tablesOf } from '../assemble.ts';
import { plainText } from '../blocks.ts';
import { NOTICE } from '../notice.ts';
import type { ReportInput } from '../types.ts';
import { headerOf, valuesOf } from './csv.ts';

/** Of the file; raised when a field changes its meaning. */
const JSON_FORMAT = 1;

export function reportJson(report: Assembled, { samples: _pictures, ...input }: ReportInput): object {
  return {
    format: JSON_FORMAT,
    notice: NOTICE,
    title: report.title,
    statement: report.statement,
    ...input,
    tables: tablesOf(report).map((table) => ({
      id: table.id,
      caption: table.caption,
      columns: headerOf(table),
      rows: table.rows.map((row) => valuesOf(table.columns, row)),
    })),
    figures: figuresOf(report).map(({ id, caption, figure }) => ({ id, caption, words: figure.alt })),
    films: filmsOf(report),
    leftOut: report.leftOut,
  };
}

function filmsOf({ sections }: Assembled): object[] {
  return sections.flatMap(({ blocks }) =>
    blocks.flatMap((block) => {
      if (block.kind !== 'film') return [];
      const readings = block.readings.map(({ heading, words }) => ({ heading: heading.text, words: plainText(words) }));
      return [{ title: block.title, labels: block.matrix.alt, readings }];
    }),
  );
}
