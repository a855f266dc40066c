/** `chexreason train`: SFT or GRPO from a configuration file; what it makes is a run folder in a workspace. */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { WorkbenchError } from '../../../core/base/errors.ts';
import type { Engine, TrainingRun } from '../../../core/services/contract.ts';
import { alarmsOf } from '../../../core/training/alarms.ts';
import type { Call } from '../call.ts';
import { userPath } from '../places.ts';
import { openWorkspace } from '../workspace.ts';

export interface TrainOptions {
  config: string;
  workspace?: string;
  resume?: string;
  threads?: number;
}

const dataset = z
  .object({
    kind: z.enum(['chexpert', 'nih', 'mimic']),
    csv: z.string().min(1),
    images: z.string().min(1).optional(),
    policy: z.enum(['zeros', 'ones', 'ignore']).default('zeros'),
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

/** Trains, or with `resume` goes on from a stopped run's last checkpoint. */
export async function train({ output, signal }: Call, options: TrainOptions, args: string[]): Promise<void> {
  const kind = args[0] as 'sft' | 'grpo';
  const file = userPath(options.config);
  const config = await readTrainConfig(file);
  const engine = await openWorkspace(options.workspace ?? resolve(dirname(file), 'workspace'), options);
  const call = { signal, onProgress: (progress: Parameters<typeof output.progress>[0]) => output.progress(progress) };
  const run =
    options.resume === undefined
      ? await begin(engine, kind, config, dirname(file), call)
      : await engine.call('training.resume', { runId: options.resume }, call);
  const log = await engine.call('training.log', { runId: run.id });
  output.result({ ...run, alarms: alarmsOf(log, run.config), last: log[log.length - 1] ?? null });
}

async function begin(
  engine: Engine,
  kind: 'sft' | 'grpo',
  config: z.output<typeof trainConfig>,
  folder: string,
  call: Parameters<Engine['call']>[2],
): Promise<TrainingRun> {
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
  return engine.call(
    'training.run',
    { kind, name, startFromId: (adapter ?? model).id, datasetId, probe: probes, config: settings },
    call,
  );
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
