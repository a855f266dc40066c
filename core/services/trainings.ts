/**
 * Training runs of the workspace: films of a data set, with the reasoning traces of a teacher for SFT, through
 * core/training; the result is added as a checkpoint.
 */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { WorkbenchError } from '../base/errors.ts';
import type { Progress, Work } from '../base/progress.ts';
import type { Label } from '../labels/labels.ts';
import { loadProcessor, loadPromptModel } from '../models/architectures.ts';
import { openModelFolder } from '../models/modelFolder.ts';
import { openRunner } from '../models/openRunner.ts';
import type { Runner } from '../models/runner.ts';
import type { Platform } from '../platform/platform.ts';
import { openReward } from '../rewards/rewards.ts';
import type { UserRewardFile } from '../rewards/userReward.ts';
import { configFields, type GrpoConfig, parseTrainingConfig, rewardSettings } from '../training/config.ts';
import { trainGrpo } from '../training/grpo.ts';
import { chooseExecutor, openTrainingEngine } from '../training/openEngine.ts';
import { demandFit, type RunPlan } from '../training/plan.ts';
import type { Probe } from '../training/probe.ts';
import type { RunHeader, RunProgress, RunState } from '../training/run.ts';
import { trainSft } from '../training/sft.ts';
import { drawExamples } from '../training/split.ts';
import type { TrainingExample } from '../training/types.ts';
import { writeCard } from '../workspace/card.ts';
import { slug, type Workspace } from '../workspace/workspace.ts';
import type { Checkpoints } from './checkpoints.ts';
import type { Collections } from './collections.ts';
import type {
  CheckedParameters,
  Checkpoint,
  CompletionRow,
  ConfigField,
  FilmEntry,
  GateResult,
  LeftOut,
  Results,
  TrainingDraw,
  TrainingLogLine,
  TrainingProgress,
  TrainingRun,
} from './contract.ts';
import { patientKey, readTrainedOn, trainedFurther, writeTrainedOn } from './lineage.ts';
import { planRun } from './plans.ts';
import { type ChosenProbe, chooseProbe, openProbe } from './probes.ts';
import type { TrainingInput } from './trainingInput.ts';

export const RUNS = 'runs';

/** `run.json` of a run's folder: what this room adds to what core/training writes there. */
export interface RunFile {
  id: string;
  name: string;
  kind: 'sft' | 'grpo';
  createdAt: string;
  startFromId: string;
  datasetId: string;
  config: TrainingConfigValues;
  /** Absent in runs of earlier versions. */
  probe?: ChosenProbe[];
  /** It was trained elsewhere; the data set is not of this workspace then. */
  imported?: {
    exportedAt: string;
    versions: Record<string, string | number>;
    dataset: { name: string; examples: number };
    start: { name: string };
  };
}

/** `draw.json` of a run's folder: the patients whose films it may draw, by key. */
interface DrawnFile {
  draw: TrainingDraw;
  patients: string[];
}

type TrainingConfigValues = CheckedParameters<'training.run'>['config'];

export class Trainings {
  private readonly running = new Set<string>();

  constructor(
    private readonly platform: Platform,
    private readonly workspace: Workspace,
    private readonly collections: Collections,
    private readonly checkpoints: Checkpoints,
    private readonly input: TrainingInput,
  ) {}

  fields(kind: 'sft' | 'grpo'): ConfigField[] {
    return configFields(kind);
  }

  async list(): Promise<TrainingRun[]> {
    const runs: TrainingRun[] = [];
    for (const id of await this.workspace.names(RUNS)) {
      const file = await this.workspace.read<RunFile>(RUNS, id, 'run.json');
      if (file) runs.push(await this.describe(file));
    }
    return runs.sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
  }

  async log(runId: string): Promise<TrainingLogLine[]> {
    const { id } = await this.file(runId);
    return this.workspace.lines<TrainingLogLine>(RUNS, id, 'log.jsonl');
  }

  /** What such a run would need of memory; nothing is started. */
  async plan(params: CheckedParameters<'training.plan'>): Promise<RunPlan> {
    const datasetId = params.datasetId ?? this.input.trainingSource();
    const { kind, startFromId, config } = params;
    const start = this.checkpoints.usable(startFromId);
    const file = { id: '', name: '', createdAt: '', kind, startFromId, datasetId, config };
    const probes = this.collections.list().some(({ role }) => role.startsWith('probe-')) && config['probeEvery'] !== 0;
    return this.planOf(file, start, (await this.input.examples(file)).examples, probes);
  }

  private async planOf(file: RunFile, start: Checkpoint, examples: readonly TrainingExample[], probes: boolean) {
    const baseFolder = this.checkpoints.baseFolder(start);
    return planRun({
      ...{ kind: file.kind, baseFolder, examples, sampler: file.kind === 'grpo' || probes },
      config: parseTrainingConfig(file.kind as 'sft', file.config),
      start: await this.input.adapterOf(start),
    });
  }

  /** Of one step; absent: of the last that drew completions. */
  async completions(runId: string, step?: number): Promise<Results['training.completions']> {
    const { id } = await this.file(runId);
    const all = await this.workspace.lines<CompletionRow>(RUNS, id, 'completions.jsonl');
    const steps = [...new Set(all.map((row) => row.step))];
    const wanted = step ?? steps[steps.length - 1] ?? null;
    return { step: wanted, steps, rows: all.filter((row) => row.step === wanted) };
  }

  /** Writes down a new run; `resume` trains it. */
  async begin(params: CheckedParameters<'training.run'>): Promise<string> {
    const { kind, name, startFromId, config } = params;
    const createdAt = this.platform.now().toISOString();
    const datasetId = params.datasetId ?? this.input.trainingSource();
    this.checkpoints.usable(startFromId);
    const { probeEvery, probeFilms: films, seed } = parseTrainingConfig(kind as 'sft', config);
    const probe = probeEvery === 0 ? [] : await chooseProbe(this.collections, params.probe ?? {}, { films, seed });
    if (kind === 'grpo') await this.rewardFile(parseTrainingConfig('grpo', config));
    const id = `${slug(name)}-${createdAt.replace(/\D/g, '').slice(0, 14)}`;
    const file: RunFile = { id, name, kind, createdAt, startFromId, datasetId, config, probe };
    await this.workspace.write(file, RUNS, id, 'run.json');
    return id;
  }

  /** Trains until the run is complete or cancelled, from its last checkpoint where it was interrupted. */
  async resume(runId: string, work: Work<TrainingProgress>): Promise<TrainingRun> {
    return this.train(await this.file(runId), work);
  }

  /** Says of a data set that was just added which runs look at patients of it in their probe: it is no unseen test set to them. */
  async noteProbed(datasetId: string): Promise<void> {
    const collection = this.collections.collection(datasetId);
    const films = await this.collections.films(datasetId);
    const patients = new Set(films.map((film) => patientKey(collection, film)));
    const notes: string[] = [];
    for (const id of await this.workspace.names(RUNS)) {
      const file = await this.workspace.read<RunFile>(RUNS, id, 'run.json');
      if (!file || file.probe?.some((part) => part.datasetId === datasetId)) continue;
      const both = probedBy(file).filter((patient) => patients.has(patient)).length;
      if (both > 0)
        notes.push(
          `Patients whom the probe of the run ${file.name} looks at: ${both}. It is no unseen test set for its checkpoint.`,
        );
    }
    if (notes.length > 0) await this.collections.addNotes(datasetId, notes);
  }

  /** One run. @throws TRAINING_UNKNOWN */
  async run(runId: string): Promise<TrainingRun> {
    return this.describe(await this.file(runId));
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
    const folder = await openModelFolder(baseFolder);
    const probe = await this.probe(file, start);
    const check = { signal: work.signal, report: (p: Progress) => work.report({ ...p, runId: file.id, line: null }) };
    const examples = await this.checkedExamples(file, check);
    demandFit(await this.planOf(file, start, examples, probe !== null));
    const { executor } = parseTrainingConfig(file.kind as 'sft', file.config);
    const model = await openTrainingEngine(folder, await chooseExecutor(executor));
    let runner: Runner | null = null;
    try {
      if (file.kind === 'grpo' || probe) runner = await openRunner({ model: folder });
      const run = {
        model,
        prompt: await loadPromptModel(baseFolder),
        processor: await loadProcessor(baseFolder),
        examples,
        folder: this.workspace.pathOf(RUNS, file.id),
        baseName: baseFolder,
        now: new Date(file.createdAt),
        work: {
          ...work,
          report: (progress: RunProgress) => work.report({ ...progress, runId: file.id }),
        },
      };
      const adapter = await this.input.adapterOf(start);
      if (file.kind === 'grpo') {
        if (!adapter) throw grpoNeedsAdapter(start);
        const config = parseTrainingConfig('grpo', file.config);
        const rewardFile = await this.rewardFile(config);
        await trainGrpo({
          ...run,
          ...(rewardFile ? { rewardFile } : {}),
          runner: runner!,
          start: adapter,
          config,
          ...(probe ? { probe } : {}),
        });
      } else {
        const config = parseTrainingConfig('sft', file.config);
        await trainSft({
          ...run,
          start: adapter,
          config,
          ...(probe ? { probe: { films: probe, runner: runner! } } : {}),
        });
      }
    } finally {
      await runner?.dispose();
      await model.dispose();
    }
  }

  private async probe(file: RunFile, start: Checkpoint): Promise<Probe | null> {
    const prompt = await this.input.prompt(file);
    const example = (film: FilmEntry, labels: Label[]) => ({
      ...this.input.example(film, start, prompt),
      targetText: '',
      labels,
    });
    return openProbe(this.collections, file.probe ?? [], example, start.maxNewTokens);
  }

  /** The user's own reward. @throws REWARD_FILE, REWARD_SOURCE */
  private async rewardFile({ reward, rewardFile: name }: GrpoConfig): Promise<UserRewardFile | null> {
    if (reward !== 'file') return null;
    const path = this.workspace.pathOf('rewards', basename(name));
    try {
      if (name === '' || basename(name) !== name) throw new Error('it is not the name of a file');
      const file = { name, source: await readFile(path, 'utf8') };
      openReward('file', rewardSettings(parseTrainingConfig('grpo', {})), file);
      return file;
    } catch (error) {
      if (error instanceof WorkbenchError) throw error;
      const message = `The reward “${name}” cannot be read: ${(error as Error).message}.`;
      const remedy = 'Put a JavaScript file that defines reward(state, samples) there.';
      throw new WorkbenchError('REWARD_FILE', message, { file: path }, remedy);
    }
  }

  /** What the run learns from; what is left out and which patients were drawn is written into it. @throws TRAINING_INPUT */
  private async checkedExamples(file: RunFile, work: Work): Promise<TrainingExample[]> {
    const { examples, draw, leftOut } = await this.input.checked(file, work);
    await this.workspace.write(leftOut.all, RUNS, file.id, 'left-out.json');
    const { badInput, samples, seed } = parseTrainingConfig(file.kind as 'sft', file.config);
    if (badInput === 'stop') leftOut.demandNone();
    const drawn = drawExamples(examples, samples, seed);
    const patients = [...new Set(drawn.map(({ patientId }) => patientId))];
    const written = { draw: { ...draw, films: drawn.length, patients: patients.length }, patients };
    await this.workspace.write(written satisfies DrawnFile, RUNS, file.id, 'draw.json');
    return examples;
  }

  private async addCheckpoint(file: RunFile): Promise<void> {
    const start = this.checkpoints.usable(file.startFromId);
    const folder = this.workspace.pathOf(RUNS, file.id, 'adapter');
    const state = await this.workspace.read<RunState>(RUNS, file.id, 'state.json');
    await writeCard(folder, {
      name: file.name,
      role: file.kind,
      trainingSource: this.collections.collection(file.datasetId).name,
      preprocessing: start.preprocessing,
      promptId: parseTrainingConfig(file.kind as 'sft', file.config).promptId,
      maxNewTokens: start.maxNewTokens,
      phantomOnly: start.phantomOnly,
      chosenOn: state?.chosen?.on ?? 'last',
    });
    const drawn = await this.workspace.read<DrawnFile>(RUNS, file.id, 'draw.json');
    const before = start.baseId === null ? null : await readTrainedOn(this.checkpoints.folder(start));
    const { name: dataset } = this.collections.collection(file.datasetId);
    await writeTrainedOn(folder, trainedFurther(before, file.kind, dataset, drawn?.patients ?? [], probedBy(file)));
    await this.checkpoints.add({ path: folder });
  }

  /** As it was asked for. @throws TRAINING_UNKNOWN */
  async file(runId: string): Promise<RunFile> {
    const known = (await this.workspace.names(RUNS)).includes(runId);
    const file = known ? await this.workspace.read<RunFile>(RUNS, runId, 'run.json') : undefined;
    if (!file) throw new WorkbenchError('TRAINING_UNKNOWN', 'This run is not in the workspace.', { run: runId });
    return file;
  }

  private async describe({ id, name, kind, createdAt, probe = [], imported }: RunFile): Promise<TrainingRun> {
    const header = await this.workspace.read<RunHeader>(RUNS, id, 'config.json');
    const state = await this.workspace.read<RunState>(RUNS, id, 'state.json');
    const active = state?.state === 'running' || state?.state === 'paused';
    const interrupted = active && !this.running.has(id);
    return {
      id,
      name,
      kind,
      createdAt,
      state: interrupted ? 'stopped' : (state?.state ?? (this.running.has(id) ? 'running' : 'stopped')),
      steps: state?.steps ?? 0,
      totalSteps: state?.totalSteps ?? 0,
      path: this.workspace.pathOf(RUNS, id),
      config: header?.config ?? {},
      departures: header?.departures ?? [],
      checkpointId: this.checkpoints.inFolder(this.workspace.pathOf(RUNS, id, 'adapter'))?.id ?? null,
      probe: probe.map(({ role, name: set, films, patientsLeftOut }) => ({ role, name: set, films, patientsLeftOut })),
      trainedBy: imported ? `TRL ${imported.versions['trl'] ?? ''}`.trim() : null,
      draw: (await this.workspace.read<DrawnFile>(RUNS, id, 'draw.json'))?.draw ?? null,
      leftOut: (await this.workspace.read<LeftOut[]>(RUNS, id, 'left-out.json')) ?? [],
      gates: await this.workspace.lines<GateResult>(RUNS, id, 'gates.jsonl'),
      chosen: state?.chosen ?? null,
      error: state?.error ?? null,
    };
  }
}

function probedBy({ probe = [] }: RunFile): string[] {
  return probe.flatMap(({ patients = [] }) => patients);
}

function grpoNeedsAdapter(start: Checkpoint): WorkbenchError {
  return new WorkbenchError(
    'GRPO_NEEDS_ADAPTER',
    'GRPO starts from an adapter: its KL term holds on to the SFT checkpoint.',
    { checkpoint: start.id },
    'Train SFT first, and start from what it made.',
  );
}
