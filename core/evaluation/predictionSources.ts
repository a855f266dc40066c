/**
 * Predictions in other forms, as objects of the one form (predictionsFile.ts): CSV tables, and the output of vLLM's batch
 * runner (one JSON object a request: `custom_id`, `response.body`, the form of OpenAI's batch API). Where the answers carry
 * no truth it is looked up by film in label tables.
 */
import { open } from 'node:fs/promises';
import { type Columns, Rejections, readTable } from '../datasets/table.ts';
import { CHEXPERT_LABELS, type Label, type LabelValues } from '../labels/labels.ts';

/** What is known of a film without its answer. */
export interface KnownFilm {
  datasetId: string;
  /** As the table or the workspace names it: id, path, file name. The first is its name in the evaluation. */
  names: readonly string[];
  patientId: string;
  studyId: string;
  truth: LabelValues;
  sex: 'F' | 'M' | '';
  age: number | null;
  view: string;
}

/** Films by every name under which answers may call them; a name that two films have is none. */
export class KnownFilms {
  private readonly byName = new Map<string, KnownFilm | null>();

  constructor(films: Iterable<KnownFilm>) {
    for (const film of films) for (const name of namesOf(film.names)) this.add(name, film);
  }

  find(name: string): KnownFilm | null {
    return namesOf([name]).flatMap((each) => this.byName.get(each) ?? [])[0] ?? null;
  }

  private add(name: string, film: KnownFilm): void {
    const other = this.byName.get(name);
    this.byName.set(name, other === undefined || other === film ? film : null);
  }
}

/** Folders that may stand before a film's name: split, patient and study of CheXpert. */
const MOST_FOLDERS = 3;

/**
 * The name itself, then its end with ever fewer folders, without its extension. A file name alone (`view1_frontal`) may be that
 * of many films; the longest end that only one film has decides.
 */
function namesOf(names: readonly string[]): string[] {
  const all = names.flatMap((name) => {
    const path = name.replaceAll('\\', '/').replace(/\.(dcm|dicom|png|jpe?g)$/i, '');
    const parts = path.split('/');
    const ends = Array.from({ length: MOST_FOLDERS + 1 }, (_, i) => parts.slice(-(MOST_FOLDERS + 1 - i)).join('/'));
    return [path, ...ends];
  });
  return [...new Set(all)];
}

/** An object of the one form, or the object itself where it is in no other. `checkpoint`: where the file says none. */
export function ofBatch(value: unknown, checkpoint: string | undefined): unknown {
  if (typeof value !== 'object' || value === null || !('custom_id' in value)) {
    const own = value as Record<string, unknown>;
    return checkpoint !== undefined && own && own['checkpoint'] === undefined ? { ...own, checkpoint } : value;
  }
  const { custom_id: film, response, error } = value as Batch;
  const body = response?.body;
  const content = body?.choices?.[0]?.message?.content ?? body?.choices?.[0]?.text;
  const failed = (error ?? null) !== null || typeof content !== 'string';
  return {
    film,
    checkpoint: checkpoint ?? body?.model ?? 'checkpoint',
    ...(failed ? { findings: null, failed: true } : { text: content }),
  };
}

interface Batch {
  custom_id: string;
  response?: {
    body?: { model?: string; choices?: { message?: { content?: unknown }; text?: unknown }[] };
  } | null;
  error?: unknown;
}

/** A table, and not JSON lines: by its name, or by a first line that is no object. */
export async function isTable(file: string): Promise<boolean> {
  if (/\.csv(\.gz)?$/i.test(file)) return true;
  const handle = await open(file, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(512), 0, 512, 0);
    return !/^\uFEFF?\s*[{[]/.test(buffer.toString('utf8', 0, bytesRead)) && /\.(csv|tsv|txt)/i.test(file);
  } finally {
    await handle.close();
  }
}

const TEXTS = ['film', 'patient', 'dataset', 'checkpoint', 'role', 'text'] as const;

/**
 * CSV: `film, patient, dataset, checkpoint, role`, then `text` or `findings` (names joined by |; `failed` where it could not be
 * read), truth under the labels' own names (1, 0, -1, empty: not mentioned), probabilities under `p:LABEL`.
 */
export async function readPredictionTable(
  file: string,
  take: (value: unknown, row: number) => void,
): Promise<Rejections> {
  const rejected = new Rejections();
  await readTable(
    file,
    (columns) => {
      columns.require(['film', ['text', 'findings']]);
      const truthAt = CHEXPERT_LABELS.filter((label) => columns.has(label));
      const scoredAt = CHEXPERT_LABELS.filter((label) => columns.has(`p:${label}`));
      return (fields, row) => take(objectOf(fields, columns, truthAt, scoredAt), row);
    },
    rejected,
  );
  return rejected;
}

function objectOf(fields: string[], columns: Columns, truthAt: Label[], scoredAt: Label[]): object {
  const cell = (name: string) => fields[columns.find(name)]?.trim() ?? '';
  const texts = TEXTS.flatMap((name) => (columns.has(name) && cell(name) !== '' ? [[name, cell(name)]] : []));
  const findings = cell('findings');
  const said = findings === 'failed' ? null : findings.split('|').flatMap((name) => name.trim() || []);
  const number = (text: string) => (text === '' ? null : Number(text));
  return {
    ...Object.fromEntries(texts),
    ...(columns.has('findings') ? { findings: said } : {}),
    ...(truthAt.length > 0 ? { truth: Object.fromEntries(truthAt.map((label) => [label, number(cell(label))])) } : {}),
    ...(scoredAt.some((label) => cell(`p:${label}`) !== '')
      ? {
          probabilities: Object.fromEntries(
            scoredAt.flatMap((label) => (cell(`p:${label}`) === '' ? [] : [[label, Number(cell(`p:${label}`))]])),
          ),
        }
      : {}),
  };
}

/** One answer with its film, to be written down. */
export interface WrittenPrediction {
  film: string;
  patient: string;
  dataset: string;
  checkpoint: string;
  role: string;
  path?: string;
  truth: LabelValues;
  text?: string;
  findings?: readonly Label[] | null;
  probabilities?: Partial<Record<Label, number>>;
  key?: string;
}

/** As JSON lines, or as the CSV that `readPredictionTable` reads: by the file's name. */
export function predictionsText(file: string, predictions: readonly WrittenPrediction[]): string {
  if (!/\.csv$/i.test(file)) return predictions.map((each) => `${JSON.stringify(each)}\n`).join('');
  const labels = CHEXPERT_LABELS.filter((label) => predictions.some(({ truth }) => truth[label] !== undefined));
  const scored = CHEXPERT_LABELS.filter((label) =>
    predictions.some(({ probabilities }) => probabilities?.[label] !== undefined),
  );
  const header = [...TEXTS, 'findings', ...labels, ...scored.map((label) => `p:${label}`)];
  const rows = predictions.map((each) =>
    [
      ...TEXTS.map((name) => each[name] ?? ''),
      each.findings === null ? 'failed' : (each.findings ?? []).join('|'),
      ...labels.map((label) => each.truth[label] ?? ''),
      ...scored.map((label) => each.probabilities?.[label] ?? ''),
    ]
      .map((value) => csvCell(String(value)))
      .join(','),
  );
  return [header.join(','), ...rows, ''].join('\n');
}

function csvCell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
