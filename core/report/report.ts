/** The generalization report as PDF: the same bytes for the same input. */
import { WorkbenchError } from '../base/errors.ts';
import { ReportDocument } from './document.ts';
import { SECTIONS } from './sections.ts';
import type { ReportInput } from './types.ts';

export const NOTICE = 'Research use only. Not for diagnosis or treatment.';

/** What can be chosen and ordered; the title with the headline always comes first. */
export const reportSections: readonly { id: string; title: string }[] = SECTIONS.map(({ id, title }) => ({
  id,
  title,
}));

export interface RenderedReport {
  pdf: Uint8Array;
  pages: number;
}

/** `sections` in the order wanted; all where left out. Errors: REPORT_SECTION_UNKNOWN, REPORT_EMPTY. */
export async function renderReport(
  input: ReportInput,
  resourcesDir: string,
  sections?: readonly string[],
): Promise<RenderedReport> {
  const { evaluation, application, createdAt } = input;
  if (evaluation.cells.every((cell) => cell.done === 0)) {
    throw new WorkbenchError(
      'REPORT_EMPTY',
      'No film of this evaluation has been read yet.',
      { evaluation: evaluation.id },
      'Run the evaluation first.',
    );
  }
  const creator = `${application.name} ${application.version}`;
  const document = new ReportDocument(resourcesDir, {
    title: 'Generalization report',
    subject: evaluation.headline,
    creator,
    createdAt: new Date(createdAt),
    footer: `${creator} \u00b7 evaluation ${evaluation.id} \u00b7 ${createdAt.slice(0, 10)}`,
    notice: NOTICE,
  });
  const names = evaluation.datasets.map((dataset) => dataset.name);
  document.title(
    'Generalization report',
    `${evaluation.checkpoints.map((each) => each.name).join(', ')} on ${names.join(' and ')}`,
  );
  document.statement(evaluation.headline);
  for (const section of chosen(sections)) {
    if (!section.applies(input)) continue;
    document.heading(section.title);
    section.write(document, input);
  }
  return document.finish();
}

function chosen(ids: readonly string[] | undefined) {
  if (!ids) return SECTIONS;
  return ids.map((id) => {
    const section = SECTIONS.find((each) => each.id === id);
    if (section) return section;
    throw new WorkbenchError('REPORT_SECTION_UNKNOWN', `The report has no section "${id}".`, {
      known: SECTIONS.map((each) => each.id),
    });
  });
}
