/**
 * Predictions as JSON lines, made here or anywhere: one object for each film and checkpoint.
 *
 *   {"film": "patient1/view1", "patient": "1", "dataset": "chexpert", "checkpoint": "sft",
 *    "truth": {"Edema": 1, "Pneumonia": 0, "Fracture": -1, "Lung Lesion": null},
 *    "text": "<think>...</think><solution>Edema</solution>"}
 *
 * `truth`: 1 positive, 0 negative, -1 uncertain, null not mentioned; a label that is absent from every truth of a data set
 * is not scored on it. The answer is `text` (read by the rule-based parser) or `findings`, a list of labels, null where the
 * completion could not be read. Optional: `patient` (else each film counts as a patient of its own), `dataset`, `checkpoint`
 * (else one of each), `probabilities` by label from 0 to 1, `role` of the checkpoint (base, sft, grpo), `failed`. Other keys
 * are ignored. A line that cannot be used is rejected with its row.
 */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { WorkbenchError } from '../base/errors.ts';
import { throwIfCancelled, unattended, type Work } from '../base/progress.ts';
import { parseCompletion } from '../findings/parse.ts';
import { CHEXPERT_LABELS, isLabel, type Label, type LabelValues, type UncertaintyPolicy } from '../labels/labels.ts';
import type { DatasetInput } from './comparison.ts';
import { evaluate } from './evaluate.ts';
import type { EvaluatedFilm } from './figures.ts';
import { labelSetOf } from './labelSets.ts';
import type { EvaluatedCheckpoint, EvaluationResult } from './types.ts';

const labelRecord = <T extends z.ZodType>(value: T) =>
  z.record(z.string().refine(isLabel, 'not one of the 14 labels'), value);

const lineSchema = z
  .object({
    film: z.union([z.string().min(1), z.number()]).transform(String),
    patient: z.union([z.string(), z.number()]).transform(String).default(''),
    dataset: z.string().min(1).default('dataset'),
    checkpoint: z.string().min(1).default('checkpoint'),
    role: z.enum(['base', 'sft', 'grpo', 'other']).optional(),
    truth: labelRecord(z.union([z.literal(1), z.literal(0), z.literal(-1), z.null()])),
    text: z.string().optional(),
    findings: z.array(z.string().refine(isLabel, 'not one of the 14 labels')).nullable().optional(),
    failed: z.boolean().optional(),
    probabilities: labelRecord(z.number().min(0).max(1)).optional(),
  })
  .refine((line) => line.text !== undefined || line.findings !== undefined, 'neither text nor findings');

type Line = z.output<typeof lineSchema>;

export interface RejectedLine {
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

/** Errors: FILE_NOT_FOUND, PREDICTIONS_EMPTY, CANCELLED. */
export async function readPredictions(file: string, work: Work = unattended()): Promise<PredictionsFile> {
  const roles = new Map<string, EvaluatedCheckpoint['role']>();
  const result: PredictionsFile = {
    films: [],
    datasets: [],
    checkpoints: [],
    lines: 0,
    rejected: [],
    rejectedCount: 0,
  };
  const seen = new Set<string>();
  let row = 0;
  for await (const text of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })) {
    row++;
    if (text.trim() === '') continue;
    result.lines++;
    if (result.lines % 1000 === 0) throwIfCancelled(work.signal);
    const line = readLine(text, seen);
    if ('code' in line) {
      result.rejectedCount++;
      if (result.rejected.length < 1000) result.rejected.push({ row, ...line });
      continue;
    }
    if (!result.datasets.includes(line.dataset)) result.datasets.push(line.dataset);
    const role = line.role ?? roles.get(line.checkpoint) ?? roleOfName(line.checkpoint);
    roles.set(line.checkpoint, role);
    result.films.push(filmOf(line));
  }
  if (result.films.length === 0) {
    throw new WorkbenchError(
      'PREDICTIONS_EMPTY',
      'No line of this file is a prediction.',
      {
        file,
        lines: result.lines,
        rejected: result.rejected.slice(0, 5).map(({ row, message }) => `row ${row}: ${message}`),
      },
      'One JSON object a line: film, truth, and text or findings; see the documentation of the format.',
    );
  }
  result.checkpoints = [...roles].map(([id, role]) => ({ id, name: id, role, trainingSource: '' }));
  return result;
}

function readLine(text: string, seen: Set<string>): Line | Omit<RejectedLine, 'row'> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { code: 'PREDICTION_NOT_JSON', message: 'The line is no JSON object.' };
  }
  const parsed = lineSchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const where = issue?.path.join('.') ?? '';
    return { code: 'PREDICTION_INVALID', message: `${where === '' ? '' : `${where}: `}${issue?.message ?? 'invalid'}` };
  }
  const { dataset, checkpoint, film } = parsed.data;
  const key = JSON.stringify([dataset, checkpoint, film]);
  if (seen.has(key)) return { code: 'PREDICTION_TWICE', message: `${film} by ${checkpoint} stands in the file twice.` };
  seen.add(key);
  return parsed.data;
}

function filmOf(line: Line): EvaluatedFilm {
  const reading = line.findings === undefined ? parseCompletion(line.text!) : null;
  const findings = (reading ? reading.findings : (line.findings ?? [])) as Label[];
  const failed = line.failed ?? (reading ? reading.parseFailure !== null : line.findings === null);
  return {
    filmId: line.film,
    patientId: line.patient,
    datasetId: line.dataset,
    checkpointId: line.checkpoint,
    truth: line.truth as LabelValues,
    findings,
    failed,
    ...(line.probabilities ? { probabilities: line.probabilities as Partial<Record<Label, number>> } : {}),
  };
}

function roleOfName(name: string): EvaluatedCheckpoint['role'] {
  const found = /(?:^|[^a-z])(base|sft|grpo)(?:[^a-z]|$)/.exec(name.toLowerCase());
  return (found?.[1] ?? 'other') as EvaluatedCheckpoint['role'];
}

export interface MetricsOptions {
  /** Data set names; else the first and the last of the file. */
  source?: string;
  target?: string;
  policy?: UncertaintyPolicy;
  replicates?: number;
  seed?: number;
}

export interface PredictionMetrics extends Omit<EvaluationResult, 'id' | 'createdAt'> {
  file: string;
  lines: number;
  rejected: RejectedLine[];
  rejectedCount: number;
}

/** Every figure of an evaluation from a predictions file. Errors: those of `readPredictions`, PREDICTIONS_DATASET. */
export async function metricsOfPredictions(
  file: string,
  options: MetricsOptions = {},
  work: Work = unattended(),
): Promise<PredictionMetrics> {
  const predictions = await readPredictions(file, work);
  const { datasets, checkpoints, films, lines, rejected, rejectedCount } = predictions;
  const source = options.source ?? datasets[0]!;
  const target = options.target ?? datasets[datasets.length - 1]!;
  for (const name of [source, target]) if (!datasets.includes(name)) throw unknownDataset(name, file, datasets);
  const describe = (id: string) => datasetInput(id, films, options.policy ?? 'zeros');
  const common = { id: '', createdAt: '', checkpoints, films, replicates: options.replicates, seed: options.seed };
  const {
    id: _id,
    createdAt: _at,
    ...result
  } = await evaluate({ ...common, source: describe(source), target: describe(target) }, work);
  for (const other of datasets.filter((name) => name !== source && name !== target)) {
    const alone = await evaluate({ ...common, source: describe(other), target: describe(other) }, work);
    result.datasets.push(...alone.datasets);
    result.cells.push(...alone.cells);
    result.differences.push(...alone.differences);
    result.agreements.push(...alone.agreements);
  }
  return { file, lines, rejected, rejectedCount, ...result };
}

function datasetInput(id: string, films: readonly EvaluatedFilm[], policy: UncertaintyPolicy): DatasetInput {
  const own = films.filter((film) => film.datasetId === id);
  const labels = CHEXPERT_LABELS.filter((label) => own.some((film) => film.truth[label] !== undefined));
  const kind = { 'chexpert-14': 'chexpert', 'nih-9': 'nih', shared: 'other', own: 'other' } as const;
  const total = new Set(own.map((film) => film.filmId)).size;
  return { id, name: id, kind: kind[labelSetOf(labels)], labels, policy, unit: 'film', total };
}

function unknownDataset(name: string, file: string, datasets: string[]): WorkbenchError {
  return new WorkbenchError('PREDICTIONS_DATASET', `The file has no data set "${name}".`, { file, datasets });
}
