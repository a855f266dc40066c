/** The generalization report as PDF: the same bytes for the same input, its date aside, which stands in the metadata only. */
import { nextTurn, throwIfCancelled, unattended, type Work } from '../base/progress.ts';
import { type Assembled, assemble } from './assemble.ts';
import type { Block } from './blocks.ts';
import { NOTICE } from './notice.ts';
import { ReportDocument } from './pdf/document.ts';
import type { ReportInput } from './types.ts';
import { day } from './words.ts';

export { reportSections } from './assemble.ts';
export { NOTICE } from './notice.ts';

export interface RenderedReport {
  pdf: Uint8Array;
  pages: number;
}

/** `sections` in the order wanted; all where left out. Errors: REPORT_SECTION_UNKNOWN, REPORT_EMPTY, CANCELLED. */
export async function renderReport(
  input: ReportInput,
  resourcesDir: string,
  sections?: readonly string[],
  work: Work = unattended(),
): Promise<RenderedReport> {
  const { evaluation, application, createdAt } = input;
  const report = assemble(input, sections);
  const creator = `${application.name} ${application.version}`;
  const document = new ReportDocument(
    resourcesDir,
    {
      title: report.title,
      subject: report.statement,
      creator,
      createdAt: new Date(createdAt),
      footer: `${creator} \u00b7 evaluation ${evaluation.id} of ${day(evaluation.createdAt)}`,
      notice: NOTICE,
    },
    JSON.stringify([report.statement, evaluation.id, report.sections.map(({ id }) => id)]),
  );
  document.title(report.title, report.subtitle);
  document.statement(report.statement);
  document.contents([...report.sections.map(({ title }) => title), ...(report.leftOut.length > 0 ? [LEFT_OUT] : [])]);
  const total = report.sections.length + 1;
  // Before the limits where those are last: at the end a line or two may stand on a page of their own.
  const before = report.sections.findIndex(({ id }, i) => id === 'limits' && i === report.sections.length - 1);
  for (const [done, { title, blocks }] of report.sections.entries()) {
    work.report({ stage: 'Drawing the report', done, total });
    throwIfCancelled(work.signal);
    if (done === before) leftOut(document, report);
    document.section(title);
    for (const [i, block] of blocks.entries()) draw(document, block, blocks.slice(i + 1, i + 3));
    await nextTurn();
  }
  if (before < 0) leftOut(document, report);
  work.report({ stage: 'Closing the file', done: total - 1, total });
  return document.finish();
}

const LEFT_OUT = 'Left out of this report';

function leftOut(document: ReportDocument, { leftOut: sections }: Assembled): void {
  if (sections.length === 0) return;
  document.section(LEFT_OUT);
  document.list(
    sections.map(({ title, reason }) => [{ text: `${title}: `, weight: 'semibold' }, { text: `${reason}.` }]),
  );
}

/** @param next the blocks that follow, for what should stand with them */
function draw(document: ReportDocument, block: Block, next: readonly Block[]): void {
  switch (block.kind) {
    case 'paragraph':
      document.paragraph(block.words, next);
      break;
    case 'subheading':
      document.subheading(block.text);
      break;
    case 'list':
      document.list(block.items);
      break;
    case 'commands':
      document.commands(block.lines);
      break;
    case 'table':
      document.table(block);
      break;
    case 'figure':
      document.figure(block);
      break;
    case 'film':
      document.film(block);
  }
}
