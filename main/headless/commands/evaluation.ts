/** The commands from films to figures: evaluate, metrics. */
import { join } from 'node:path';
import { metricsOfPredictions } from '../../../core/evaluation/predictionsFile.ts';
import { startStatisticsThreads } from '../../../core/evaluation/threads.ts';
import type { EvaluationResult } from '../../../core/evaluation/types.ts';
import { CHEXPERT_LABELS, type UncertaintyPolicy } from '../../../core/labels/labels.ts';
import { writeFileAtomic } from '../../../core/platform/files.ts';
import type { Engine, ProbabilitySettings } from '../../../core/services/contract.ts';
import { statisticsThreadPath } from '../../places.ts';
import { type Call, UsageError } from '../call.ts';
import { userPath } from '../places.ts';
import { type MappingOptions, mappingOf, policiesOf } from '../tableOptions.ts';
import { checkpointId, datasetId, openWorkspace, serverOf } from '../workspace.ts';

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
  threads?: number;
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
  const { dataset, checkpoint, images = [], unit, views, aggregation, limit = null, threads } = options;
  if (dataset.length > 2) throw new UsageError('an evaluation has one data set, or a source and a target.');
  const engine = await openWorkspace(options.workspace, { threads });
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
      promptId: options.prompt,
      probabilities: probabilitiesOf(options),
    },
    { signal, onProgress: (progress) => output.progress(progress) },
  );
  const predictions = options.predictions === undefined ? null : userPath(options.predictions);
  if (predictions !== null) await writePredictions(engine, result, predictions);
  if (options.scores !== undefined) await writeScores(engine, result, userPath(options.scores));
  output.result({ predictions, ...result }, () => summaryOf(result));
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

/** Every answer in the form that `chexreason metrics` reads. */
async function writePredictions(engine: Engine, result: EvaluationResult, file: string): Promise<void> {
  const lines: string[] = [];
  for (const { datasetId, checkpointId } of result.cells) {
    const role = result.checkpoints.find(({ id }) => id === checkpointId)?.role;
    const films = await engine.call('evaluations.films', { evaluationId: result.id, datasetId, checkpointId });
    for (const { entry, truth, prediction } of films) {
      if (!prediction) continue;
      const { text, key } = prediction;
      const probabilities = prediction.probabilities?.values;
      const answer = { film: entry.id, patient: entry.patientId, dataset: datasetId, checkpoint: checkpointId, role };
      lines.push(`${JSON.stringify({ ...answer, path: entry.path, truth, text, probabilities, key })}\n`);
    }
  }
  await writeFileAtomic(file, lines.join(''));
}

function summaryOf(result: EvaluationResult): string {
  const name = (id: string) => [...result.datasets, ...result.checkpoints].find((each) => each.id === id)?.name ?? id;
  const rows = result.cells.map(({ datasetId, checkpointId, own, shared }) => {
    const figures = [own.macro.f1, shared.macro.f1, own.failRate].map((value) => value.toFixed(3)).join('  ');
    return `${figures}  ${name(checkpointId)} on ${name(datasetId)}`;
  });
  return [result.headline, '', 'macro-F1  shared  failed', ...rows, '', `evaluation ${result.id}`].join('\n');
}

export interface MetricsCommandOptions {
  predictions: string;
  source?: string;
  target?: string;
  policy?: UncertaintyPolicy;
  replicates?: number;
  seed?: number;
}

export async function metrics({ output, signal }: Call, options: MetricsCommandOptions): Promise<void> {
  const { predictions, ...settings } = options;
  startStatisticsThreads(statisticsThreadPath());
  await output.attempt(predictions, signal, async () => ({
    ...(await metricsOfPredictions(userPath(predictions), settings, output.work(signal))),
    file: predictions,
  }));
}
