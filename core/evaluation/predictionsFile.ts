/**
 * Predictions as JSON lines, made here or anywhere: one object for each film and checkpoint.
 *
 *   {"film": "patient1/view1", "patient": "1", "dataset": "chexpert", "checkpoint": "sft",
 *    "truth": {"Edema": 1, "Pneumonia": 0, "Fracture": -1, "Lung Lesion": null},
 *    "text": "<think>...</think><solution>Edema</solution>"}
 *
 * `truth`: 1 positive, 0 negative, -1 uncertain, null not mentioned; a label that is absent from every truth of a data set
 * is not scored on it; where a line has no truth, the film is looked up in the label tables that were given. The answer is `text` (read by the rule-based parser) or `findings`, a list of labels, null where the
 * completion could not be read. Optional: `patient` (else each film counts as a patient of its own), `dataset`, `checkpoint`
 * (else one of each), `probabilities` by label from 0 to 1, `role` of the checkpoint (base, sft, grpo), `failed`. Other keys
 * are ignored. A line that cannot be used is rejected with its row. CSV and vLLM's batch output: predictionSources.ts.
 */
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { CsvError } from 'csv-parse';
import { z } from 'zod';
import { WorkbenchError } from '../base/errors.ts';
import { throwIfCancelled, unattended, type Work } from '../base/progress.ts';
import { linesOf } from '../datasets/jsonTable.ts';
import { parseCompletion } from '../findings/parse.ts';
import { CHEXPERT_LABELS, isLabel, type Label, type LabelValues } from '../labels/labels.ts';
import type { UncertaintyPolicies } from '../labels/uncertainty.ts';
import type { DatasetInput } from './comparison.ts';
import { evaluate } from './evaluate.ts';
import type { EvaluatedFilm } from './figures.ts';
import { labelSetOf } from './labelSets.ts';
import { isTable, type KnownFilm, type KnownFilms, ofBatch, readPredictionTable } from './predictionSources.ts';
import type { EvaluatedCheckpoint, EvaluationResult } from './types.ts';

const labelRecord = <T extends z.ZodType>(value: T) =>
  z.record(z.string().refine(isLabel, 'not one of the 14 labels'), value);

/** An answer with the log-probabilities of its tokens, as a server writes them, is a few MiB. */
const LONGEST_LINE = 16 * 2 ** 20;

const lineSchema = z
  .object({
    film: z.union([z.string().min(1), z.number()]).transform(String),
    patient: z.union([z.string(), z.number()]).transform(String).default(''),
    dataset: z.string().min(1).optional(),
    checkpoint: z.string().min(1).default('checkpoint'),
    role: z.enum(['base', 'sft', 'grpo', 'other']).optional(),
    truth: labelRecord(z.union([z.literal(1), z.literal(0), z.literal(-1), z.null()])).optional(),
    text: z.string().optional(),
    findings: z.array(z.string().refine(isLabel, 'not one of the 14 labels')).nullable().optional(),
    failed: z.boolean().optional(),
    probabilities: labelRecord(z.number().min(0).max(1)).optional(),
  })
  .refine((line) => line.text !== undefined || line.findings !== undefined, 'neither text nor findings');

type Line = z.output<typeof lineSchema>;

export interface RejectedLine {
  /** Where several were read as one. */
  file?: string;
  row: number;
  code: string;
  message: string;
}

export interface PredictionsFile {
  films: EvaluatedFilm[];
  /** In the order in which they first occur. */
  datasets: string[];
  checkpoints: EvaluatedCheckpoint[];
  lines: number;
  /** The first thousand. */
  rejected: RejectedLine[];
  rejectedCount: number;
}

export interface PredictionOptions {
  /** Where lines carry no truth; also gives patient, sex, age and view. */
  known?: KnownFilms;
  /** Name of the checkpoint where a line has none. */
  checkpoint?: string;
}

/** One file or several as one. Errors: FILE_NOT_FOUND, PREDICTIONS_EMPTY, DATASET_COLUMNS_MISSING (CSV), CANCELLED. */
export async function readPredictions(
  file: string | readonly string[],
  work: Work = unattended(),
  options: PredictionOptions = {},
): Promise<PredictionsFile> {
  const files = typeof file === 'string' ? [file] : file;
  const reader = new Reader(options, work);
  for (const each of files) await reader.read(each, files.length > 1);
  return reader.result(files);
}

class Reader {
  private readonly roles = new Map<string, EvaluatedCheckpoint['role']>();
  private readonly seen = new Set<string>();
  /** Of each film of a data set, as the first line has them. */
  private readonly facts = new Map<string, Pick<EvaluatedFilm, 'patientId' | 'truth'>>();
  private readonly datasets = new Set<string>();
  private readonly films: EvaluatedFilm[] = [];
  private readonly rejected: RejectedLine[] = [];
  private rejectedCount = 0;
  private file: string | undefined;
  private lines = 0;

  constructor(
    private readonly options: PredictionOptions,
    private readonly work: Work,
  ) {}

  /** @param named rows are counted in each of several files: what is rejected says which one */
  async read(file: string, named = false): Promise<void> {
    this.file = named ? basename(file) : undefined;
    if (await isTable(file)) {
      const { rows, count } = await readPredictionTable(file, (value, row) => this.take(value, row));
      for (const { row, code, message } of rows) this.reject(row, { code, message });
      this.rejectedCount += count - rows.length;
      return;
    }
    let row = 0;
    for await (const text of wholeLines(file)) {
      row++;
      const line = row === 1 ? text.replace(/^\uFEFF/, '') : text;
      if (line.trim() === '') continue;
      try {
        this.take(JSON.parse(line), row);
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
        this.lines++;
        this.reject(row, { code: 'PREDICTION_NOT_JSON', message: 'The line is no JSON object.' });
      }
    }
  }

  result(files: readonly string[]): PredictionsFile {
    const { lines, rejected, rejectedCount, films } = this;
    if (films.length === 0) {
      throw new WorkbenchError(
        'PREDICTIONS_EMPTY',
        'No line of this file is a prediction.',
        {
          file: files.join(', '),
          lines,
          rejected: rejected.slice(0, 5).map(({ row, message }) => `row ${row}: ${message}`),
        },
        'One JSON object a line: film, truth, and text or findings; see the documentation of the format.',
      );
    }
    const checkpoints = [...this.roles].map(([id, role]) => ({ id, name: id, role, trainingSource: '' }));
    return { films, datasets: [...this.datasets], checkpoints, lines, rejected, rejectedCount };
  }

  private take(value: unknown, row: number): void {
    this.lines++;
    if (this.lines % 1000 === 0) throwIfCancelled(this.work.signal);
    const read = this.filmOfLine(value);
    if ('code' in read) this.reject(row, read);
    else this.films.push(read);
  }

  private filmOfLine(value: unknown): EvaluatedFilm | Omit<RejectedLine, 'row'> {
    const parsed = lineSchema.safeParse(ofBatch(value, this.options.checkpoint));
    if (!parsed.success) return invalid(parsed.error);
    const film = filmOf(parsed.data, this.options.known?.find(parsed.data.film) ?? null);
    if (film === null) {
      const message = `No truth: the line has none, and no table that was given has the film ${parsed.data.film}.`;
      return { code: 'PREDICTION_WITHOUT_TRUTH', message };
    }
    const { datasetId, checkpointId, filmId } = film;
    const key = JSON.stringify([datasetId, checkpointId, filmId]);
    if (this.seen.has(key)) {
      return { code: 'PREDICTION_TWICE', message: `${filmId} by ${checkpointId} stands in the file twice.` };
    }
    const contradiction = this.contradiction(film);
    if (contradiction !== null) {
      return { code: 'PREDICTION_CONTRADICTS', message: `${filmId} by ${checkpointId} has ${contradiction}.` };
    }
    this.seen.add(key);
    this.datasets.add(datasetId);
    this.roles.set(checkpointId, parsed.data.role ?? this.roles.get(checkpointId) ?? roleOfName(checkpointId));
    return film;
  }

  /** What another checkpoint's line says of the same film: a comparison of the two would not be of the checkpoints. */
  private contradiction({ datasetId, filmId, patientId, truth }: EvaluatedFilm): string | null {
    const key = JSON.stringify([datasetId, filmId]);
    const before = this.facts.get(key);
    if (!before) {
      this.facts.set(key, { patientId, truth });
      return null;
    }
    if (before.patientId !== patientId) return 'another patient than in an earlier line';
    const label = CHEXPERT_LABELS.find((each) => before.truth[each] !== truth[each]);
    return label === undefined ? null : `another truth of ${label} than in an earlier line`;
  }

  private reject(row: number, why: Omit<RejectedLine, 'row'>): void {
    this.rejectedCount++;
    const { file } = this;
    if (this.rejected.length < 1000) this.rejected.push({ ...(file ? { file } : {}), row, ...why });
  }
}

/** @throws PREDICTION_TOO_LONG */
async function* wholeLines(file: string): AsyncGenerator<string> {
  let row = 1;
  try {
    for await (const line of linesOf(createReadStream(file), LONGEST_LINE)) {
      yield line;
      row++;
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const message = `A line of this file is longer than ${LONGEST_LINE / 2 ** 20} MiB.`;
    throw new WorkbenchError('PREDICTION_TOO_LONG', message, { file, row }, 'Give one JSON object a line.');
  }
}

function invalid({ issues: [issue] }: z.ZodError): Omit<RejectedLine, 'row'> {
  const where = issue?.path.join('.') ?? '';
  return { code: 'PREDICTION_INVALID', message: `${where === '' ? '' : `${where}: `}${issue?.message ?? 'invalid'}` };
}

/** null where neither the line nor a table has the film's truth. */
function filmOf(line: Line, known: KnownFilm | null): EvaluatedFilm | null {
  const truth = (line.truth as LabelValues | undefined) ?? known?.truth;
  if (truth === undefined) return null;
  const reading = line.findings === undefined ? parseCompletion(line.text!) : null;
  const findings = (reading ? reading.findings : (line.findings ?? [])) as Label[];
  const failed = line.failed ?? (reading ? reading.parseFailure !== null : line.findings === null);
  const person = known && { studyId: known.studyId, sex: known.sex, age: known.age, view: known.view };
  return {
    filmId: known?.names[0] ?? line.film,
    patientId: line.patient || (known?.patientId ?? ''),
    datasetId: line.dataset ?? known?.datasetId ?? 'dataset',
    checkpointId: line.checkpoint,
    truth,
    findings,
    failed,
    ...(line.text === undefined ? {} : { words: line.text.split(/\s+/).filter(Boolean).length }),
    ...person,
    ...(line.probabilities ? { probabilities: line.probabilities as Partial<Record<Label, number>> } : {}),
  };
}

function roleOfName(name: string): EvaluatedCheckpoint['role'] {
  const found = /(?:^|[^a-z])(base|sft|grpo)(?:[^a-z]|$)/.exec(name.toLowerCase());
  return (found?.[1] ?? 'other') as EvaluatedCheckpoint['role'];
}

export interface MetricsOptions extends PredictionOptions {
  /** Data set names; else the first and the last of the file. */
  source?: string;
  target?: string;
  policy?: UncertaintyPolicies;
  replicates?: number;
  seed?: number;
  /** How a data set is scored, where that is known better than the file says. */
  scoring?(datasetId: string): Partial<DatasetInput>;
  /** Instead of `evaluate`: one that keeps what it has worked out. */
  evaluate?: typeof evaluate;
}

export interface PredictionMetrics extends Omit<EvaluationResult, 'id' | 'createdAt'> {
  file: string;
  lines: number;
  rejected: RejectedLine[];
  rejectedCount: number;
}

/** Every figure of an evaluation from a predictions file. Errors: those of `readPredictions`, PREDICTIONS_DATASET. */
export async function metricsOfPredictions(
  file: string | readonly string[],
  options: MetricsOptions = {},
  work: Work = unattended(),
): Promise<PredictionMetrics> {
  const predictions = await readPredictions(file, work, options);
  const { lines, rejected, rejectedCount } = predictions;
  const named = typeof file === 'string' ? file : file.join(', ');
  return {
    file: named,
    lines,
    rejected,
    rejectedCount,
    ...(await evaluatePredictions(named, predictions, options, work)),
  };
}

/** Every figure from predictions that were read. Errors: PREDICTIONS_DATASET, CANCELLED. */
export async function evaluatePredictions(
  file: string,
  { datasets, checkpoints, films }: Pick<PredictionsFile, 'datasets' | 'checkpoints' | 'films'>,
  options: MetricsOptions = {},
  work: Work = unattended(),
): Promise<Omit<EvaluationResult, 'id' | 'createdAt'>> {
  const source = options.source ?? datasets[0]!;
  const target = options.target ?? datasets[datasets.length - 1]!;
  for (const name of [source, target]) if (!datasets.includes(name)) throw unknownDataset(name, file, datasets);
  const workOut = options.evaluate ?? evaluate;
  const describe = (id: string) => ({
    ...datasetInput(id, films, options.policy ?? 'zeros'),
    ...options.scoring?.(id),
  });
  const common = { id: '', createdAt: '', checkpoints, films, replicates: options.replicates, seed: options.seed };
  const {
    id: _id,
    createdAt: _at,
    ...first
  } = await workOut({ ...common, source: describe(source), target: describe(target) }, work);
  // Copies: what was worked out may be somebody else's too.
  const result = {
    ...first,
    datasets: [...first.datasets],
    cells: [...first.cells],
    differences: [...first.differences],
    agreements: [...first.agreements],
  };
  for (const other of datasets.filter((name) => name !== source && name !== target)) {
    const alone = await workOut({ ...common, source: describe(other), target: describe(other) }, work);
    result.datasets.push(...alone.datasets);
    result.cells.push(...alone.cells);
    result.differences.push(...alone.differences);
    result.agreements.push(...alone.agreements);
  }
  return result;
}

function datasetInput(id: string, films: readonly EvaluatedFilm[], policy: UncertaintyPolicies): DatasetInput {
  const own = films.filter((film) => film.datasetId === id);
  const labels = CHEXPERT_LABELS.filter((label) => own.some((film) => film.truth[label] !== undefined));
  const kind = { 'chexpert-14': 'chexpert', 'nih-9': 'nih', shared: 'other', own: 'other' } as const;
  const total = new Set(own.map((film) => film.filmId)).size;
  return { id, name: id, kind: kind[labelSetOf(labels)], labels, policy, unit: 'film', total };
}

function unknownDataset(name: string, file: string, datasets: string[]): WorkbenchError {
  return new WorkbenchError('PREDICTIONS_DATASET', `The file has no data set "${name}".`, { file, datasets });
}
