/**
 * Training runs of the workspace: films of a data set, with the reasoning traces of a teacher for SFT, through
 * core/training; the result is added as a checkpoint.
 */
import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type ErrorData, toErrorData, WorkbenchError } from '../base/errors.ts';
import type { Work } from '../base/progress.ts';
import { CHEXPERT_LABELS, type Label } from '../labels/labels.ts';
import { positiveLabels } from '../labels/uncertainty.ts';
import { openModelFolder } from '../models/modelFolder.ts';
import { openRunner } from '../models/openRunner.ts';
import { TfjsModel } from '../models/tfjsModel.ts';
import { readJsonIfThere, readJsonLines } from '../platform/files.ts';
import type { Platform } from '../platform/platform.ts';
import { loadGemma3Processor } from '../preprocessing/gemma3Processor.ts';
import { toModelImage } from '../preprocessing/presets.ts';
import { openTfjs } from '../tensor/tfjs/backend.ts';
import { ChatTemplate } from '../text/chatTemplate.ts';
import { gemma3ImageTokens } from '../text/promptInput.ts';
import { Tokenizer } from '../text/tokenizer.ts';
import type { Prompt } from '../text/types.ts';
import { configFields, parseTrainingConfig } from '../training/config.ts';
import type { RunHeader, RunState } from '../training/run.ts';
import { trainSft } from '../training/sft.ts';
import type { TrainingExample, TrainingLogLine } from '../training/types.ts';
import { writeCard } from '../workspace/card.ts';
import { slug, type Workspace } from '../workspace/workspace.ts';
import type { Checkpoints } from './checkpoints.ts';
import type { Collections } from './collections.ts';
import type { CheckedParameters, Checkpoint, ConfigField, FilmEntry, TrainingProgress, TrainingRun } from './contract.ts';

const FOLDER = 'runs';
/** Where the answers to learn from are looked for, beside the label table: `{"path": image as in the table, "text": ...}`. */
export const TRACES_FILE = 'traces.jsonl';

/** `run.json` of a run's folder: what this room adds to what core/training writes there. */
interface RunFile {
  id: string;
  name: string;
  kind: 'sft' | 'grpo';
  createdAt: string;
  startFromId: string;
  datasetId: string;
  config: TrainingConfigValues;
}

type TrainingConfigValues = CheckedParameters<'training.run'>['config'];

export class Trainings {
  private readonly running = new Set<string>();

  constructor(
    private readonly platform: Platform,
    private readonly workspace: Workspace,
    private readonly collections: Collections,
    private readonly checkpoints: Checkpoints,
    private readonly prompts: ReadonlyMap<string, Prompt>,
  ) {}

  fields(kind: 'sft' | 'grpo'): ConfigField[] {
    return configFields(kind);
  }

  async list(): Promise<TrainingRun[]> {
    const runs: TrainingRun[] = [];
    for (const id of await this.workspace.names(FOLDER)) {
      const file = await this.workspace.read<RunFile>(FOLDER, id, 'run.json');
      if (file) runs.push(await this.describe(file));
    }
    return runs.sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
  }

  async log(runId: string): Promise<TrainingLogLine[]> {
    const { id } = await this.file(runId);
    return this.workspace.lines<TrainingLogLine>(FOLDER, id, 'log.jsonl');
  }

  /** Begins a run and trains until it is complete or cancelled. */
  async run(params: CheckedParameters<'training.run'>, work: Work<TrainingProgress>): Promise<TrainingRun> {
    const { kind, name, startFromId, config } = params;
    const createdAt = this.platform.now().toISOString();
    const datasetId = params.datasetId ?? this.trainingSource();
    this.checkpoints.usable(startFromId);
    parseTrainingConfig(kind as 'sft', config);
    const id = `${slug(name)}-${createdAt.replace(/\D/g, '').slice(0, 14)}`;
    const file: RunFile = { id, name, kind, createdAt, startFromId, datasetId, config };
    await this.workspace.write(file, FOLDER, id, 'run.json');
    return this.train(file, work);
  }

  /** Goes on from the last checkpoint of an interrupted run. */
  async resume(runId: string, work: Work<TrainingProgress>): Promise<TrainingRun> {
    return this.train(await this.file(runId), work);
  }

  private async train(file: RunFile, work: Work<TrainingProgress>): Promise<TrainingRun> {
    if (this.running.has(file.id)) {
      throw new WorkbenchError('TRAINING_RUNNING', 'This run is running already.', { run: file.id });
    }
    this.running.add(file.id);
    try {
      await this.trainAdapter(file, work);
      await this.addCheckpoint(file);
    } finally {
      this.running.delete(file.id);
    }
    return this.describe(file);
  }

  private async trainAdapter(file: RunFile, work: Work<TrainingProgress>): Promise<void> {
    const start = this.checkpoints.usable(file.startFromId);
    const baseFolder = this.checkpoints.baseFolder(start);
    const config = parseTrainingConfig(file.kind as 'sft', file.config);
    const folder = await openModelFolder(baseFolder);
    const tfjs = await openTfjs();
    const model = await TfjsModel.load(folder, tfjs);
    try {
      const tokenizer = await Tokenizer.load(baseFolder);
      const run = {
        model,
        prompt: {
          tokenizer,
          template: await ChatTemplate.load(baseFolder, tokenizer),
          imageTokens: gemma3ImageTokens(tokenizer),
        },
        processor: await loadGemma3Processor(baseFolder),
        examples: await this.examples(file, start, config.promptId),
        start: start.baseId === null ? null : (await readAdapter(this.checkpoints.folder(start), baseFolder)).adapter,
        folder: this.folderOf(file.id),
        baseName: baseFolder,
        now: this.platform.now(),
        work: {
          signal: work.signal,
          report: (progress: RunProgress) => work.report({ ...progress, runId: file.id }),
        },
      };
      if (file.kind === 'sft') await trainSft({ ...run, config });
      else await trainGrpo({ ...run, config: parseTrainingConfig('grpo', file.config), ...});
    } finally {
      await model.dispose();
    }
  }
}
