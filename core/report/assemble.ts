/** The report as data: the chosen sections in order, tables and figures numbered, and what is left out with the reason. */
import { WorkbenchError } from '../base/errors.ts';
import type { Block, FigureBlock, TableBlock } from './blocks.ts';
import { SECTIONS } from './sections/index.ts';
import { isMissing } from './sections/section.ts';
import type { ReportInput } from './types.ts';

export interface Assembled {
  title: string;
  subtitle: string;
  /** The answer, in a sentence. */
  statement: string;
  sections: { id: string; title: string; blocks: Block[] }[];
  leftOut: { id: string; title: string; reason: string }[];
}

/** What can be chosen and ordered; the title with the headline always comes first. */
export const reportSections: readonly { id: string; title: string }[] = SECTIONS.map(({ id, title }) => ({
  id,
  title,
}));

/** `sections` in the order wanted; all where left out. Errors: REPORT_SECTION_UNKNOWN, REPORT_EMPTY. */
export function assemble(all: ReportInput, sections?: readonly string[]): Assembled {
  const input = ofEvaluation(all);
  const { evaluation } = input;
  if (evaluation.cells.every((cell) => cell.done === 0)) {
    throw new WorkbenchError(
      'REPORT_EMPTY',
      'No film of this evaluation has been read yet.',
      { evaluation: evaluation.id },
      'Run the evaluation first.',
    );
  }
  const number = numberer();
  const report: Assembled = {
    title: 'Generalization report',
    subtitle: `${evaluation.checkpoints.map(({ name }) => name).join(', ')} on ${evaluation.datasets.map(({ name }) => name).join(' and ')}`,
    statement: evaluation.headline,
    sections: [],
    leftOut: [],
  };
  const wanted = chosen(sections);
  for (const { id, title, build } of wanted) {
    const built = build(input);
    if (isMissing(built)) report.leftOut.push({ id, title, reason: built.missing });
    else report.sections.push({ id, title, blocks: built.map(number) });
  }
  for (const { id, title } of SECTIONS) {
    if (!wanted.some((section) => section.id === id)) report.leftOut.push({ id, title, reason: 'by choice' });
  }
  return report;
}

/** Without what belongs to data sets and checkpoints that are not in the evaluation. */
function ofEvaluation(input: ReportInput): ReportInput {
  const datasets = new Set(input.evaluation.datasets.map(({ id }) => id));
  const checkpoints = new Set(input.evaluation.checkpoints.map(({ id }) => id));
  const inBoth = ({ datasetId, checkpointId }: { datasetId: string; checkpointId: string }) =>
    datasets.has(datasetId) && checkpoints.has(checkpointId);
  return {
    ...input,
    datasets: input.datasets.filter(({ id }) => datasets.has(id)),
    checkpoints: input.checkpoints.filter(({ id }) => checkpoints.has(id)),
    samples: input.samples
      .filter(({ datasetId }) => datasets.has(datasetId))
      .map((sample) => ({
        ...sample,
        readings: sample.readings.filter(({ checkpointId }) => checkpoints.has(checkpointId)),
      })),
    failures: input.failures.filter(inBoth),
    runs: input.runs.filter(({ checkpointId }) => checkpoints.has(checkpointId)),
    cost: { ...input.cost, readings: input.cost.readings.filter(inBoth) },
  };
}

function chosen(ids: readonly string[] | undefined) {
  if (!ids) return SECTIONS;
  return [...new Set(ids)].map((id) => {
    const section = SECTIONS.find((each) => each.id === id);
    if (section) return section;
    throw new WorkbenchError('REPORT_SECTION_UNKNOWN', `The report has no section "${id}".`, {
      known: SECTIONS.map((each) => each.id),
    });
  });
}

/** Writes "Table 3." and "Figure 2." before the captions, in the order of the report. */
function numberer(): (block: Block) => Block {
  const last = { table: 0, figure: 0 };
  return (block) => {
    if (block.kind !== 'table' && block.kind !== 'figure') return block;
    const number = ++last[block.kind];
    const word = block.kind === 'table' ? 'Table' : 'Figure';
    return {
      ...block,
      id: `${String(number).padStart(2, '0')}-${fileName(block.id)}`,
      caption: `${word} ${number}. ${block.caption}`,
    };
  };
}

/** Ids of data sets and checkpoints stand in them; a file name has no room for anything else. */
function fileName(id: string): string {
  return (
    id
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-+|-+$/g, '')
      .slice(0, 80) || 'unnamed'
  );
}

export function tablesOf({ sections }: Assembled): TableBlock[] {
  return sections.flatMap(({ blocks }) => blocks.filter((block): block is TableBlock => block.kind === 'table'));
}

export function figuresOf({ sections }: Assembled): FigureBlock[] {
  return sections.flatMap(({ blocks }) => blocks.filter((block): block is FigureBlock => block.kind === 'figure'));
}
