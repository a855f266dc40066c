/** The engine in this process, on a workspace, for the commands that work on one. */
import { fromErrorData } from '../../core/base/errors.ts';
import { startStatisticsThreads } from '../../core/evaluation/threads.ts';
import type { DatasetKind } from '../../core/labels/mapping.ts';
import type { Checkpoint, Engine, Parameters, ServerInfo } from '../../core/services/contract.ts';
import { createEngine } from '../../core/services/engine.ts';
import type { Device } from '../../core/tensor/executor.ts';
import { statisticsThreadPath } from '../places.ts';
import { UsageError } from './call.ts';
import { commandPlatform, userPath } from './places.ts';

export const TABLE_KINDS: readonly string[] = ['chexpert', 'nih', 'mimic', 'custom'] satisfies (
  | DatasetKind
  | 'custom'
)[];

/** @param workspace folder; absent: the built-in workspace, whose films and checkpoints are there when this returns */
export async function openWorkspace(
  workspace: string | undefined,
  options: { threads?: number; device?: Device } = {},
): Promise<Engine> {
  startStatisticsThreads(statisticsThreadPath());
  const folder = workspace === undefined ? undefined : userPath(workspace);
  const engine = await createEngine(commandPlatform(), { ...options, workspace: folder });
  await loaded(engine);
  return engine;
}

/** The built-in workspace is filled by jobs; a job that failed has said so on its checkpoint or data set. */
async function loaded(engine: Engine): Promise<void> {
  for (;;) {
    const jobs = await engine.call('jobs.list', {});
    if (!jobs.some((job) => job.kind === 'load' && job.state === 'running')) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

type DatasetSettings = Omit<Parameters<'datasets.add'>, 'kind' | 'csv'>;

/** A data set of the workspace by its id, or one that is added: `chexpert:FILE.csv`. */
export async function datasetId(engine: Engine, text: string, settings: DatasetSettings): Promise<string> {
  const known = await engine.call('collections.list', {});
  if (known.some(({ id }) => id === text)) return text;
  const [kind, ...rest] = text.split(':');
  if (!TABLE_KINDS.includes(kind!) || rest.length === 0) {
    const ids = known.map(({ id }) => id).join(', ') || 'none';
    throw new UsageError(
      `no data set "${text}": write KIND:FILE.csv with KIND ${TABLE_KINDS.join(', ')}, or an id (${ids}).`,
    );
  }
  const csv = userPath(rest.join(':'));
  return (await engine.call('datasets.add', { kind: kind as DatasetKind | 'custom', csv, ...settings })).id;
}

/** Adds the server of an address; its key is that of CHEXREASON_API_KEY, for this call only. */
export async function serverOf(engine: Engine, address: string): Promise<ServerInfo> {
  const server = await engine.call('servers.add', { address, key: process.env['CHEXREASON_API_KEY'] });
  if (server.error) throw fromErrorData(server.error);
  return server;
}

/**
 * A checkpoint of the workspace by its id, a model or an adapter of the server by its name there, or the folder of one,
 * which is added.
 */
export async function checkpointId(engine: Engine, text: string, server?: ServerInfo): Promise<string> {
  const known = await engine.call('checkpoints.list', {});
  if (known.some(({ id }) => id === text)) return text;
  if (server?.models.some(({ id }) => id === text))
    return (await engine.call('checkpoints.addRemote', { serverId: server.id, model: text, role: roleOf(text) })).id;
  return (await engine.call('checkpoints.add', { path: userPath(text) })).id;
}

/** From the name, where it says so. */
function roleOf(name: string): Checkpoint['role'] | undefined {
  const found = /(?:^|[^a-z])(base|sft|grpo)(?:[^a-z]|$)/.exec(name.toLowerCase())?.[1];
  return found as Checkpoint['role'] | undefined;
}
