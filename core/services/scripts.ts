/**
 * The use cases as a script calls them: data sets and checkpoints by folder or by their id in a workspace, which they are
 * added to, so that a second call finds everything that the first one did.
 */
import { dirname, resolve } from 'node:path';
import { WorkbenchError } from '../base/errors.ts';
import type { Progress, Work } from '../base/progress.ts';
import type { EvaluationResult } from '../evaluation/types.ts';
import type { UncertaintyPolicy } from '../labels/labels.ts';
import { readJson } from '../platform/files.ts';
import type { Platform } from '../platform/platform.ts';
import { Workspace } from '../workspace/workspace.ts';
import type { CheckedParameters, Collection, EvaluationProgress, TrainingProgress, TrainingRun } from './contract.ts';
import type { AnsweredFilm } from './evaluations.ts';
import type { ModelOptions } from './models.ts';
import { Session } from './session.ts';

/** A label table with its images, or the id of a data set of the workspace. */
export type DatasetArgument = { kind: DatasetKind; csv: string; images?: string } | { id: string };
type DatasetKind = CheckedParameters<'datasets.add'>['kind'];

/** `KIND:FILE`, else an id. */
export function datasetArgument(text: string, images?: string): DatasetArgument {
  const match = /^(chexpert|nih|mimic):(.+)$/s.exec(text);
  if (!match) return { id: text };
  return { kind: match[1] as DatasetKind, csv: match[2]!, ...(images ? { images } : {}) };
}

/** @param folder of the workspace; begun where there is none */
export async function openSession(platform: Platform, folder: string, options: ModelOptions = {}): Promise<Session> {
  const workspace = await Workspace.open(folder, { name: folder, builtIn: false, now: platform.now() });
  return Session.open(platform, workspace, options);
}

export interface EvaluationArguments {
  /** The source, then the other institution; one alone is evaluated by itself. */
  datasets: DatasetArgument[];
  /** Ids of the workspace, or folders; a base before its adapters. */
  checkpoints: string[];
  limit: number | null;
  policy?: UncertaintyPolicy;
}

/** Reads every film by every checkpoint. What was answered before in this workspace is not asked again. */
export async function evaluateArguments(
  session: Session,
  { datasets, checkpoints, limit, policy }: EvaluationArguments,
  work: Work<EvaluationProgress>,
): Promise<{ result: EvaluationResult; answered: AnsweredFilm[] }> {
  const plain = quiet(work);
  const [source, target] = [
    await datasetOf(session, datasets[0]!, 'source', policy, plain),
    await datasetOf(session, datasets[1] ?? datasets[0]!, datasets[1] ? 'target' : 'source', policy, plain),
  ];
  const checkpointIds: string[] = [];
  for (const argument of checkpoints) checkpointIds.push(await checkpointOf(session, argument));
  const params = { sourceDatasetId: source.id, targetDatasetId: target.id, checkpointIds, limit };
  const result = await session.evaluations.run(params, work);
  return { result, answered: await session.evaluations.answered(result.id) };
}

/** What `chexreason train … --config FILE` reads: paths are relative to the file. */
export interface TrainingFile {
  name: string;
  /** Checkpoint that training starts from: an id of the workspace, or a folder. */
  startFrom: string;
  /** The base of `startFrom`, where that is an adapter's folder and the workspace does not have its base. */
  base?: string;
  dataset: string;
  images?: string;
  workspace?: string;
  /** Fields of core/training/config.ts; what is left out is the paper's. */
  settings?: CheckedParameters<'training.run'>['config'];
}

/** Trains as a file says. @throws TRAINING_FILE, and what adding checkpoint and data set throws */
export async function trainFromFile(
  platform: Platform,
  kind: 'sft' | 'grpo',
  file: string,
  workspaceFolder: string,
  work: Work<TrainingProgress>,
): Promise<TrainingRun> {
  const config = await readJson<Partial<TrainingFile>>(file);
  const missing = (['name', 'startFrom', 'dataset'] as const).filter((field) => typeof config[field] !== 'string');
  if (missing.length > 0) {
    throw new WorkbenchError(
      'TRAINING_FILE',
      `This file does not say ${missing.join(', ')}.`,
      { file, missing },
      'Write {"name": …, "startFrom": FOLDER or id, "dataset": "KIND:FILE" or id, "settings": {…}}.',
    );
  }
  const { name, startFrom, base, dataset, images, workspace, settings } = config as TrainingFile;
  const here = (path: string) => resolve(dirname(file), path);
  const session = await openSession(platform, workspace ? here(workspace) : workspaceFolder);
  try {
    const argument = datasetArgument(dataset, images && here(images));
    const placed = 'csv' in argument ? { ...argument, csv: here(argument.csv) } : argument;
    const { id: datasetId } = await datasetOf(session, placed, 'training-source', undefined, quiet(work));
    if (base) await checkpointOf(session, base, here);
    const startFromId = await checkpointOf(session, startFrom, here);
    return await session.trainings.run({ kind, name, startFromId, datasetId, config: settings ?? {} }, work);
  } finally {
    await session.close();
  }
}

async function datasetOf(
  session: Session,
  argument: DatasetArgument,
  role: Collection['role'],
  policy: UncertaintyPolicy | undefined,
  work: Work,
): Promise<Collection> {
  if ('id' in argument) return session.collections.collection(argument.id);
  const csv = resolve(argument.csv);
  const images = argument.images && resolve(argument.images);
  return session.collections.addDataset({ ...argument, csv, images, role, policy: policy ?? 'zeros' }, work);
}

/** An id that the workspace knows is that; anything else is a folder. */
async function checkpointOf(
  session: Session,
  argument: string,
  here = (path: string) => resolve(path),
): Promise<string> {
  if (session.checkpoints.list().some(({ id }) => id === argument)) return argument;
  return (await session.checkpoints.add({ path: here(argument) })).id;
}

/** For parts whose progress has another form. */
function quiet<P extends Progress>(work: Work<P>): Work {
  return { signal: work.signal, report: () => {} };
}
