/** The commands from films to figures: evaluate, metrics. */
import { join } from 'node:path';
import type { ColumnMapping } from '../../../core/datasets/columnMapping.ts';
import { readLabelTable } from '../../../core/datasets/summary.ts';
import { type KnownFilm, KnownFilms, predictionsText } from '../../../core/evaluation/predictionSources.ts';
import {
  metricsOfPredictions,
  type PredictionOptions,
  readPredictions,
} from '../../../core/evaluation/predictionsFile.ts';
import { startStatisticsThreads } from '../../../core/evaluation/threads.ts';
import type { EvaluationResult } from '../../../core/evaluation/types.ts';
import { CHEXPERT_LABELS, type LabelValues } from '../../../core/labels/labels.ts';
import type { DatasetKind } from '../../../core/labels/mapping.ts';
import { writeFileAtomic } from '../../../core/platform/files.ts';
import type { Engine, EvaluationSummary, ProbabilitySettings } from '../../../core/services/contract.ts';
import type { Device } from '../../../core/tensor/executor.ts';
import { statisticsThreadPath } from '../../places.ts';
import { type Call, UsageError } from '../call.ts';
import { userPath } from '../places.ts';
import { type MappingOptions, mappingOf, policiesOf } from '../tableOptions.ts';
import { checkpointId, datasetId, openWorkspace, serverOf, TABLE_KINDS } from '../workspace.ts';

export interface EvaluateOptions extends MappingOptions {
  workspace?: string;
  /** The first is the source, the last the target. */
  dataset: string[];
  /** Folders of the data sets' images, in their order. */
  images?: string[];
  policy?: string;
  unit?: 'image' | 'study';
  views?: 'frontal' | 'all' | 'AP' | 'PA';
  aggregation?: 'any' | 'majority' | 'first';
  checkpoint: string[];
  /** A base model that the adapters need and that is not evaluated itself. */
  model?: string;
  limit?: number;
  /** Films that the models were not made for. */
  unsuitable?: 'exclude' | 'include';
  threads?: number;
  device?: Device;
  predictions?: string;
  server?: string;
  prompt?: string;
  labelProbabilities?: boolean;
  /** Label probabilities as frequencies over so many samples. */
  samples?: number;
  /** Folder for tables of label probabilities. */
  scores?: string;
}

/** Reads every film by every checkpoint, or goes on where the same evaluation was stopped. */
export async function evaluate({ output, signal }: Call, options: EvaluateOptions): Promise<void> {
  const { dataset, checkpoint, images = [], unit, views, aggregation, limit = null, threads, device } = options;
  if (dataset.length > 2) throw new UsageError('an evaluation has one data set, or a source and a target.');
  const engine = await openWorkspace(options.workspace, { threads, device });
  const mapping = await mappingOf(options);
  const scored = { policy: policiesOf(options.policy), unit, views, aggregation };
  const datasetIds: string[] = [];
  for (const [i, text] of dataset.entries()) {
    const role = dataset.length > 1 && i === dataset.length - 1 ? 'target' : 'source';
    const folder = images[i] === undefined ? undefined : userPath(images[i]);
    const own = text.startsWith('custom:') ? { mapping } : {};
    datasetIds.push(await datasetId(engine, text, { images: folder, role, ...scored, ...own }));
  }
  const server = options.server === undefined ? undefined : await serverOf(engine, options.server);
  if (options.model !== undefined) await checkpointId(engine, options.model);
  const checkpointIds: string[] = [];
  for (const text of checkpoint) checkpointIds.push(await checkpointId(engine, text, server));
  const result = await engine.call(
    'evaluations.run',
    {
      sourceDatasetId: datasetIds[0]!,
      targetDatasetId: datasetIds[datasetIds.length - 1]!,
      checkpointIds,
      limit,
      unsuitable: options.unsuitable,
      promptId: options.prompt,
      probabilities: probabilitiesOf(options),
    },
    { signal, onProgress: (progress) => output.progress(progress) },
  );
  const predictions = options.predictions === undefined ? null : userPath(options.predictions);
  if (predictions !== null) await engine.call('evaluations.export', { evaluationId: result.id, path: predictions });
  if (options.scores !== undefined) await writeScores(engine, result, userPath(options.scores));
  const summaries = await engine.call('evaluations.list', {});
  const leftOut = summaries.find(({ id }) => id === result.id)?.leftOut ?? {};
  output.result({ predictions, ...result, leftOut }, () => [summaryOf(result), ...leftOutLines(leftOut)].join('\n'));
}

/** `2 films of a left out: 1 lateral, 1 for-processing`. */
function leftOutLines(leftOut: EvaluationSummary['leftOut']): string[] {
  return Object.entries(leftOut).flatMap(([datasetId, counts]) => {
    const reasons = Object.entries(counts).map(([code, films]) => `${films} ${code}`);
    return reasons.length === 0 ? [] : [`left out of ${datasetId}: ${reasons.join(', ')} (--unsuitable include)`];
  });
}

function probabilitiesOf({ labelProbabilities, samples, scores }: EvaluateOptions): ProbabilitySettings | undefined {
  if (samples !== undefined && labelProbabilities)
    throw new UsageError('give --label-probabilities or --samples: they are two methods.');
  if (samples !== undefined) return { method: 'frequency', samples, temperature: 0.8, topP: 0.95 };
  if (labelProbabilities) return { method: 'answer-tree' };
  if (scores !== undefined) throw new UsageError('--scores needs --label-probabilities or --samples.');
  return undefined;
}

/** Tables of scores by film and label, as core/datasets/scores.ts reads them: <data set>-<checkpoint>.csv. */
async function writeScores(engine: Engine, result: EvaluationResult, folder: string): Promise<void> {
  for (const { datasetId, checkpointId } of result.cells) {
    const films = await engine.call('evaluations.films', { evaluationId: result.id, datasetId, checkpointId });
    const rows = films.flatMap(({ entry, prediction }) => {
      const values = prediction?.probabilities?.values;
      return values ? [[quoted(entry.path), ...CHEXPERT_LABELS.map((label) => values[label] ?? '')].join(',')] : [];
    });
    const table = [['Path', ...CHEXPERT_LABELS].join(','), ...rows, ''].join('\n');
    await writeFileAtomic(join(folder, `${datasetId}-${checkpointId}.csv`), table);
  }
}

function quoted(path: string): string {
  return /[",\n]/.test(path) ? `"${path.replace(/"/g, '""')}"` : path;
}

export function summaryOf(result: EvaluationResult): string {
  const name = (id: string) => [...result.datasets, ...result.checkpoints].find((each) => each.id === id)?.name ?? id;
  const rows = result.cells.map(({ datasetId, checkpointId, own, shared }) => {
    const figures = [own.macro.f1, shared.macro.f1, own.failRate].map((value) => value.toFixed(3)).join('  ');
    return `${figures}  ${name(checkpointId)} on ${name(datasetId)}`;
  });
  return [result.headline, '', 'macro-F1  shared  failed', ...rows, '', `evaluation ${result.id}`].join('\n');
}

export interface MetricsCommandOptions extends MappingOptions {
  /** Several files are read as one. */
  predictions: string[];
  /** KIND:FILE.csv: where the answers carry no truth. */
  truth?: string[];
  checkpoint?: string;
  source?: string;
  target?: string;
  policy?: string;
  replicates?: number;
  seed?: number;
  /** Writes the answers as they were read, JSON lines or CSV. */
  out?: string;
}

export async function metrics({ output, signal }: Call, options: MetricsCommandOptions): Promise<void> {
  const { predictions, truth = [], out, checkpoint, source, target, replicates, seed } = options;
  startStatisticsThreads(statisticsThreadPath());
  const mapping = await mappingOf(options);
  await output.attempt(predictions.join(', '), signal, async () => {
    const known: KnownFilm[] = [];
    for (const text of truth) known.push(...(await knownFilms(text, mapping)));
    const settings = { checkpoint, source, target, replicates, seed, policy: policiesOf(options.policy) };
    const files = predictions.map(userPath);
    const read = { ...settings, ...(known.length > 0 ? { known: new KnownFilms(known) } : {}) };
    if (out !== undefined) await copyPredictions(files, read, userPath(out));
    return { ...(await metricsOfPredictions(files, read, output.work(signal))), file: predictions.join(', ') };
  });
}

/** The films of a label table, under the name by which `--source` and `--target` call the data set: its file's. */
async function knownFilms(text: string, mapping: ColumnMapping | undefined): Promise<KnownFilm[]> {
  const [kind, ...rest] = text.split(':');
  if (!TABLE_KINDS.includes(kind!) || rest.length === 0)
    throw new UsageError(`"${text}": KIND:FILE.csv was expected, with KIND ${TABLE_KINDS.join(', ')}.`);
  const csv = userPath(rest.join(':'));
  const { images, labels } = await readLabelTable(kind as DatasetKind | 'custom', csv, { mapping });
  const scored = (values: LabelValues) =>
    Object.fromEntries(labels.flatMap((label) => (values[label] === undefined ? [] : [[label, values[label]]])));
  return images.map(({ image, patientId, studyId, labels: values, sex, age, view }) => {
    return { datasetId: kind!, names: [image], patientId, studyId, truth: scored(values), sex, age, view };
  });
}

async function copyPredictions(files: string[], options: PredictionOptions, out: string): Promise<void> {
  const { films, checkpoints } = await readPredictions(files, undefined, options);
  const written = films.map((film) => ({
    film: film.filmId,
    patient: film.patientId,
    dataset: film.datasetId,
    checkpoint: film.checkpointId,
    role: checkpoints.find(({ id }) => id === film.checkpointId)!.role,
    truth: film.truth,
    findings: film.failed ? null : film.findings,
    ...(film.probabilities ? { probabilities: film.probabilities } : {}),
  }));
  await writeFileAtomic(out, predictionsText(out, written));
}
