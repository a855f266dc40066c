/**
 * What comes back from an exported run (trainingExport.ts): its adapter as a checkpoint, with what it was trained on, and its
 * log as a complete run. The folder is only read.
 */
import { cp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { WorkbenchError } from '../base/errors.ts';
import { changesNothing } from '../peft/adapterFolder.ts';
import { readJson, readJsonIfThere, writeFileAtomic } from '../platform/files.ts';
import type { Platform } from '../platform/platform.ts';
import { fieldDepartures, parseTrainingConfig } from '../training/config.ts';
import type { RunHeader, RunState } from '../training/run.ts';
import { trlRows } from '../training/trl.ts';
import type { Departure, TrainingLogLine } from '../training/types.ts';
import { writeCard } from '../workspace/card.ts';
import { slug, type Workspace } from '../workspace/workspace.ts';
import type { Checkpoints } from './checkpoints.ts';
import type { CheckedParameters, Checkpoint } from './contract.ts';
import { writeTrainedOn } from './lineage.ts';
import { readAdapter } from './models.ts';
import {
  EXPORT_FORMAT,
  type ExportedRun,
  exportedRunSchema,
  type TrainerStateFile,
  trainerStateSchema,
} from './trainingExchange.ts';
import { RUNS, type RunFile } from './trainings.ts';

export class TrainingImports {
  constructor(
    private readonly platform: Platform,
    private readonly workspace: Workspace,
    private readonly checkpoints: Checkpoints,
  ) {}

  /**
   * The id of the new run. Errors: TRAINING_IMPORT_FOLDER, TRAINING_IMPORT_FILE with what is wrong where, TRAINING_IMPORT_BASE
   * where the workspace has not the run's base, ADAPTER_*, ADAPTER_CHANGES_NOTHING.
   */
  async read({ path: folder, name }: CheckedParameters<'training.import'>): Promise<string> {
    const run = await readExportedRun(folder);
    const base = this.baseOf(run);
    const state = await readState(join(folder, 'output', 'trainer_state.json'));
    const adapterFolder = join(folder, 'output', 'adapter');
    const { adapter } = await readAdapter(adapterFolder, this.checkpoints.folder(base));
    if (changesNothing(adapter) || adapter.hash === run.start.hash) throw untrained(adapterFolder);
    const versions = await readVersions(join(folder, 'output', 'versions.json'));
    const createdAt = this.platform.now().toISOString();
    const title = name ?? `${run.name} (TRL)`;
    const id = `${slug(title)}-${createdAt.replace(/\D/g, '').slice(0, 14)}`;
    try {
      await this.writeRun(id, title, createdAt, run, base, state, versions);
      const result = this.workspace.pathOf(RUNS, id, 'adapter');
      await cp(adapterFolder, result, { recursive: true, filter: (source) => !/[\\/](ref|optimizer)\b/.test(source) });
      await writeCard(result, { name: title, role: run.kind, ...run.card, chosenOn: chosenOn(run, state) });
      await writeTrainedOn(result, run.trainedOn);
      await this.checkpoints.add({ path: result });
    } catch (error) {
      await rm(this.workspace.pathOf(RUNS, id), { recursive: true, force: true });
      throw error;
    }
    return id;
  }

  private baseOf({ base }: ExportedRun): Checkpoint {
    const found = this.checkpoints.list().find(({ baseId, hash, server }) => {
      return baseId === null && !server && hash === base.weightsHash;
    });
    if (found) return found;
    throw new WorkbenchError(
      'TRAINING_IMPORT_BASE',
      `The base of this run, ${base.name}, is not in the workspace: none has its weights.`,
      { base: base.name, weights: base.weightsHash },
      'Add the base model on the Checkpoints screen first.',
    );
  }

  private async writeRun(
    id: string,
    name: string,
    createdAt: string,
    run: ExportedRun,
    base: Checkpoint,
    { global_step: steps, max_steps: totalSteps, log_history: log, ...state }: TrainerStateFile,
    versions: Record<string, string | number>,
  ): Promise<void> {
    const { kind, config, draw, dataset, trainedOn } = run;
    const start = this.checkpoints.list().find(({ hash }) => hash === run.start.hash) ?? base;
    const imported = { exportedAt: run.exportedAt, versions, dataset, start: run.start };
    const file = {
      id,
      name,
      kind,
      createdAt,
      startFromId: start.id,
      datasetId: '',
      config,
      imported,
    } satisfies RunFile;
    await this.workspace.write(file, RUNS, id, 'run.json');
    const header: RunHeader = {
      ...{ kind, createdAt, config, asRun: {}, baseHash: run.base.weightsHash, startHash: run.start.hash },
      departures: departuresOf(run),
      executor: `TRL ${versions['trl'] ?? 'of an unknown version'}`,
      data: { examples: dataset.examples, hash: dataset.hash },
    };
    await this.workspace.write(header, RUNS, id, 'config.json');
    await this.workspace.write({ draw, patients: trainedOn[kind] }, RUNS, id, 'draw.json');
    const chosen = {
      on: chosenOn(run, { ...state, global_step: steps }),
      step: state.best_global_step ?? steps,
      value: null,
    };
    const done: RunState = { state: 'complete', steps, totalSteps: Math.max(steps, totalSteps), error: null, chosen };
    await this.workspace.write(done, RUNS, id, 'state.json');
    const lines = log.flatMap((line) => (typeof line['step'] === 'number' ? [line as TrainingLogLine] : []));
    await writeFileAtomic(
      this.workspace.pathOf(RUNS, id, 'log.jsonl'),
      lines.map((line) => `${JSON.stringify(line)}\n`).join(''),
    );
  }
}

/** transformers loads the best checkpoint at the end of a run that keeps it. */
function chosenOn({ kind, config }: ExportedRun, state: Pick<TrainerStateFile, 'best_global_step' | 'global_step'>) {
  const keeps = kind === 'sft' && parseTrainingConfig('sft', config).keep === 'validation';
  return keeps && typeof state.best_global_step === 'number' ? ('validation' as const) : ('last' as const);
}

function departuresOf({ kind, config }: ExportedRun): Departure[] {
  const parsed = parseTrainingConfig(kind as 'sft', config);
  const there = trlRows(kind, parsed).flatMap(({ field, value, departure }) => {
    return departure ? [{ field, paper: '', run: value, reason: `In TRL: ${departure}` }] : [];
  });
  return [...fieldDepartures(kind, parsed), ...there];
}

/** @throws TRAINING_IMPORT_FOLDER, TRAINING_IMPORT_FILE */
async function readExportedRun(folder: string): Promise<ExportedRun> {
  const file = join(folder, 'run.json');
  const json = await readJsonIfThere<{ format?: unknown }>(file);
  if (json?.format !== EXPORT_FORMAT) {
    throw new WorkbenchError(
      'TRAINING_IMPORT_FOLDER',
      'This folder is no exported run.',
      { folder },
      'Choose the folder that was exported and trained, with run.json and output in it.',
    );
  }
  const run = checked(exportedRunSchema, json, file);
  parseTrainingConfig(run.kind as 'sft', run.config);
  return run;
}

async function readState(file: string): Promise<TrainerStateFile> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch {
    throw new WorkbenchError(
      'TRAINING_IMPORT_FOLDER',
      'This exported run has not been trained to its end: output/trainer_state.json is missing.',
      { file },
      'Run its script to the end, or go on with --resume.',
    );
  }
  // Python writes NaN and Infinity, which are no JSON.
  const plain = text.replace(/(:\s*)(NaN|-?Infinity)(?=\s*[,}\]])/g, '$1null');
  let json: unknown;
  try {
    json = JSON.parse(plain);
  } catch (error) {
    throw unusable(file, (error as Error).message);
  }
  return checked(trainerStateSchema, json, file);
}

async function readVersions(file: string): Promise<Record<string, string | number>> {
  const json = await readJson(file).catch(() => ({}));
  const parsed = z.record(z.string().max(40), z.union([z.string().max(80), z.number()])).safeParse(json);
  return parsed.success ? parsed.data : {};
}

function checked<T>(schema: z.ZodType<T>, json: unknown, file: string): T {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  throw unusable(file, `${path.join('.') || '(file)'}: ${message}`);
}

function unusable(file: string, problem: string): WorkbenchError {
  return new WorkbenchError('TRAINING_IMPORT_FILE', `This file cannot be used. ${problem}`, { file });
}

function untrained(folder: string): WorkbenchError {
  return new WorkbenchError(
    'ADAPTER_CHANGES_NOTHING',
    'This adapter is the one that training began with: no step has changed it.',
    { folder },
    'Train the exported run first.',
  );
}
