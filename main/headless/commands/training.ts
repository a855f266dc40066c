/**
 * `chexreason train`: SFT or GRPO from a configuration file; what it makes is a run folder in a workspace. `train export` and
 * `train import`: a run as a folder for TRL, and back.
 */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { WorkbenchError } from '../../../core/base/errors.ts';
import { columnMappingSchema } from '../../../core/datasets/columnMapping.ts';
import { type Engine, type Parameters as ParametersOf, parameters } from '../../../core/services/contract.ts';
import { alarmsOf } from '../../../core/training/alarms.ts';
import { type Call, UsageError } from '../call.ts';
import { userPath } from '../places.ts';
import { openWorkspace } from '../workspace.ts';

export interface TrainOptions {
  config?: string;
  workspace?: string;
  resume?: string;
  threads?: number;
  /** `export`: a run of the workspace, or with `config` the kind of one that has not begun. */
  run?: string;
  kind?: 'sft' | 'grpo';
  out?: string;
  model?: 'auto' | 'copy' | 'leave';
  /** `import`. */
  from?: string;
  name?: string;
}

/** A label table of any form; `custom` with a mapping of its columns (core/datasets/columnMapping.ts). */
const dataset = z
  .object({
    kind: z.enum(['chexpert', 'nih', 'mimic', 'custom']),
    csv: z.string().min(1),
    images: z.string().min(1).optional(),
    mapping: columnMappingSchema.optional(),
    policy: parameters['datasets.add'].shape.policy,
  })
  .strict();

/**
 * The configuration file. Paths are relative to it. `settings` are the fields that `training.fields` lists (the paper's
 * values where one is absent); `traces` may lie beside the label table as traces.jsonl.
 */
const trainConfig = z
  .object({
    name: z.string().min(1).max(120),
    /** Folder of the base model. */
    model: z.string().min(1),
    /** Folder of the adapter to start from; GRPO needs one. */
    adapter: z.string().min(1).optional(),
    dataset,
    /** Films of both institutions that are looked at every `probeEvery` steps; of patients that no test set has. */
    probe: z.object({ source: dataset.optional(), target: dataset.optional() }).strict().optional(),
    settings: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).default({}),
  })
  .strict();

/** Trains, or with `resume` goes on from a stopped run's last checkpoint; exports and imports runs for TRL. */
export async function train(call: Call, options: TrainOptions, args: string[]): Promise<void> {
  const [action] = args as ['sft' | 'grpo' | 'export' | 'import'];
  if (action === 'export') return exportRun(call, options);
  if (action === 'import') return importRun(call, options);
  const { output, signal } = call;
  const file = needed(options.config, '--config');
  const config = await readTrainConfig(file);
  const engine = await openWorkspace(workspaceOf(options, file), options);
  const attended = {
    signal,
    onProgress: (progress: Parameters<typeof output.progress>[0]) => output.progress(progress),
  };
  const run =
    options.resume === undefined
      ? await engine.call('training.run', await prepared(engine, action, config, dirname(file)), attended)
      : await engine.call('training.resume', { runId: options.resume }, attended);
  const log = await engine.call('training.log', { runId: run.id });
  output.result({ ...run, alarms: alarmsOf(log, run.config), last: log[log.length - 1] ?? null });
}

async function exportRun({ output, signal }: Call, options: TrainOptions): Promise<void> {
  const path = needed(options.out, '--out');
  const file = options.config === undefined ? undefined : userPath(options.config);
  if ((options.run === undefined) === (file === undefined))
    throw new UsageError('train export needs either --run (of the workspace), or --config and --kind.');
  if (file !== undefined && !options.kind) throw new UsageError('train export --config needs --kind sft or grpo.');
  const engine = await openWorkspace(workspaceOf(options, file), options);
  const run =
    file === undefined
      ? { runId: options.run! }
      : await prepared(engine, options.kind!, await readTrainConfig(file), dirname(file));
  const { probe: _, ...asked } = run as typeof run & { probe?: unknown };
  const work = { signal, onProgress: (progress: Parameters<typeof output.progress>[0]) => output.progress(progress) };
  output.result(await engine.call('training.export', { run: asked, path, model: options.model }, work));
}

async function importRun({ output }: Call, options: TrainOptions): Promise<void> {
  const path = needed(options.from, '--from');
  const engine = await openWorkspace(workspaceOf(options), options);
  const { name } = options;
  output.result(await engine.call('training.import', { path, ...(name ? { name } : {}) }));
}

function needed(path: string | undefined, option: string): string {
  if (path === undefined) throw new UsageError(`${option} is needed.`);
  return userPath(path);
}

/** Absent: the folder beside the configuration file, else the built-in workspace. */
function workspaceOf({ workspace }: TrainOptions, config?: string): string | undefined {
  return workspace ?? (config === undefined ? undefined : resolve(dirname(config), 'workspace'));
}

/** Adds what the configuration names to the workspace. */
async function prepared(
  engine: Engine,
  kind: 'sft' | 'grpo',
  config: z.output<typeof trainConfig>,
  folder: string,
): Promise<ParametersOf<'training.run'>> {
  const { name, settings, probe = {} } = config;
  const inFolder = (path: string) => resolve(folder, path);
  const model = await engine.call('checkpoints.add', { path: inFolder(config.model) });
  const adapter =
    config.adapter === undefined ? null : await engine.call('checkpoints.add', { path: inFolder(config.adapter) });
  const add = async (set: z.output<typeof dataset>, role: 'training-source' | 'probe-source' | 'probe-target') => {
    const images = set.images === undefined ? undefined : inFolder(set.images);
    return (await engine.call('datasets.add', { ...set, csv: inFolder(set.csv), images, role })).id;
  };
  const datasetId = await add(config.dataset, 'training-source');
  const probes = {
    ...(probe.source ? { sourceId: await add(probe.source, 'probe-source') } : {}),
    ...(probe.target ? { targetId: await add(probe.target, 'probe-target') } : {}),
  };
  return { kind, name, startFromId: (adapter ?? model).id, datasetId, probe: probes, config: settings };
}

/** @throws FILE_NOT_FOUND, TRAIN_CONFIG with what is wrong where */
async function readTrainConfig(file: string): Promise<z.output<typeof trainConfig>> {
  const text = await readFile(file, 'utf8');
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new WorkbenchError('JSON_UNREADABLE', `This file is not valid JSON: ${(error as Error).message}`, { file });
  }
  const parsed = trainConfig.safeParse(json);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map(({ path, message }) => `${path.join('.') || '(file)'}: ${message}`);
  throw new WorkbenchError('TRAIN_CONFIG', `The configuration cannot be used: ${issues.join('; ')}`, { file, issues });
}
