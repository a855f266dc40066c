/** `chexreason report`: the PDF of an evaluation, and the same figures in other forms. */
import { CHEXPERT_LABELS, isLabel, type Label } from '../../../core/labels/labels.ts';
import type { Engine, Parameters } from '../../../core/services/contract.ts';
import { type Call, UsageError } from '../call.ts';
import { userPath } from '../places.ts';
import { openWorkspace } from '../workspace.ts';

export interface ReportOptions {
  workspace?: string;
  evaluation?: string;
  checkpoints?: string;
  datasets?: string;
  labels?: string;
  sections?: string;
  films?: number;
  date?: string;
  out?: string;
  csv?: string;
  data?: string;
  latex?: string;
  svg?: string;
}

/** The same bytes as the application exports. */
export async function report({ output, signal }: Call, options: ReportOptions): Promise<void> {
  const exports = [
    { format: 'csv', path: options.csv },
    { format: 'json', path: options.data },
    { format: 'latex', path: options.latex },
    { format: 'svg', path: options.svg },
  ] as const;
  const listing = options.sections === 'list';
  const wanted = exports.some(({ path }) => path !== undefined) || options.out !== undefined || listing;
  if (!wanted)
    throw new UsageError('say what to write: --out FILE.pdf, --csv DIR, --data FILE, --latex DIR, --svg DIR.');
  const date = dateOf(options.date);
  const labels = labelsOf(options.labels);
  const engine = await openWorkspace(options.workspace);
  if (listing) {
    for (const section of await engine.call('report.sections', {})) output.result(section, () => textOf(section));
    return;
  }
  const evaluationId = options.evaluation ?? (await latest(engine));
  const choice = {
    evaluationId,
    sections: listOf(options.sections),
    checkpointIds: listOf(options.checkpoints),
    datasetIds: listOf(options.datasets),
    labels,
    filmsOfEach: options.films,
    date,
  } satisfies Parameters<'report.render'>;
  const watched = { signal, onProgress: output.work(signal).report };
  if (options.out !== undefined) {
    const path = userPath(options.out);
    const { pages, bytes } = await engine.call('report.save', { ...choice, path }, watched);
    output.result({ file: options.out, evaluationId, pages, bytes });
  }
  for (const { format, path } of exports) {
    if (path === undefined) continue;
    const { files } = await engine.call('report.export', { ...choice, format, path: userPath(path) }, watched);
    output.result({ file: path, evaluationId, format, files });
  }
}

async function latest(engine: Engine): Promise<string> {
  const [first] = await engine.call('evaluations.list', {});
  if (first) return first.id;
  throw new UsageError('the workspace has no evaluation yet: chexreason evaluate.');
}

function listOf(text: string | undefined): string[] | undefined {
  if (text === undefined) return undefined;
  const parts = text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);
  if (parts.length === 0) throw new UsageError('a list of names, separated by commas, is empty.');
  return parts;
}

function labelsOf(text: string | undefined): Label[] | undefined {
  const names = listOf(text);
  const unknown = names?.find((name) => !isLabel(name));
  if (unknown === undefined) return names as Label[] | undefined;
  throw new UsageError(`no label "${unknown}"; the labels are ${CHEXPERT_LABELS.join(', ')}.`);
}

/** As reproducible builds have it: SOURCE_DATE_EPOCH are seconds since 1970, where no date is given. */
function dateOf(text: string | undefined): string | undefined {
  const epoch = process.env['SOURCE_DATE_EPOCH'];
  const date = text !== undefined ? new Date(text) : epoch ? new Date(Number(epoch) * 1000) : undefined;
  if (date === undefined) return undefined;
  if (!Number.isNaN(date.getTime())) return date.toISOString();
  throw new UsageError(
    text === undefined
      ? `SOURCE_DATE_EPOCH is "${epoch}", no number of seconds.`
      : `--date "${text}" is no date: write 2026-11-28 or 2026-11-28T09:00:00Z.`,
  );
}

function textOf({ id, title }: { id: string; title: string }): string {
  return `${id.padEnd(14)} ${title}`;
}
