/**
 * Training runs of the workspace: films of a data set, with the reasoning traces of a teacher for SFT, through
 * core/training; the result is added as a checkpoint.
 */
import { readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { WorkbenchError } from '../base/errors.ts';
import type { Progress, Work } from '../base/progress.ts';
import { CHEXPERT_LABELS, type Label } from '../labels/labels.ts';
import { positiveLabels } from '../labels/uncertainty.ts';
import { loadProcessor, loadPromptModel } from '../models/architectures.ts';
import { openModelFolder } from '../models/modelFolder.ts';
import { openRunner } from '../models/openRunner.ts';
import type { Runner } from '../models/runner.ts';
import { TfjsModel } from '../models/tfjsModel.ts';
import type { Adapter } from '../peft/adapter.ts';
import type { Platform } from '../platform/platform.ts';
import { toModelImage } from '../preprocessing/presets.ts';
import { openReward } from '../rewards/rewards.ts';
import type { UserRewardFile } from '../rewards/userReward.ts';
import { openTfjs } from '../tensor/tfjs/backend.ts';
import type { Prompt } from '../text/types.ts';
import { configFields, type GrpoConfig, parseTrainingConfig, rewardSettings } from '../training/config.ts';
import { trainGrpo } from '../training/grpo.ts';
import { demandFit, type MemoryPlan } from '../training/plan.ts';
import type { Probe } from '../training/probe.ts';
import type { RunHeader, RunProgress, RunState } from '../training/run.ts';
import { trainSft } from '../training/sft.ts';
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
  TrainingLogLine,
  TrainingProgress,
  TrainingRun,
} from './contract.ts';
import { readAdapter } from './models.ts';
import { planRun } from './plans.ts';
import { type ChosenProbe, chooseProbe, openProbe } from './probes.ts';
import type { Prompts } from './prompts.ts';
import { decodable, LeftOuts, readTraces } from './trainingData.ts';

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
  /** Absent in runs of earlier versions. */
  probe?: ChosenProbe[];
}

type TrainingConfigValues = CheckedParameters<'training.run'>['config'];

export class Trainings {
  private readonly running = new Set<string>();

  constructor(
    private readonly platform: Platform,
    private readonly workspace: Workspace,
    private readonly collections: Collections,
    private readonly checkpoints: Checkpoints,
    private readonly prompts: Prompts,
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

  /** What such a run would need of memory; nothing is started. */
  async plan(params: CheckedParameters<'training.plan'>): Promise<MemoryPlan> {
    const datasetId = params.datasetId ?? this.trainingSource();
    const { kind, startFromId, config } = params;
    const start = this.checkpoints.usable(startFromId);
    const file = { id: '', name: '', createdAt: '', kind, startFromId, datasetId, config };
    const probes = this.collections.list().some(({ role }) => role.startsWith('probe-')) && config['probeEvery'] !== 0;
    return this.planOf(file, start, await this.examples(file, start), probes);
  }

  private async planOf(file: RunFile, start: Checkpoint, examples: readonly TrainingExample[], probes: boolean) {
    const baseFolder = this.checkpoints.baseFolder(start);
    return planRun({
      ...{ kind: file.kind, baseFolder, examples, sampler: file.kind === 'grpo' || probes },
      config: parseTrainingConfig(file.kind as 'sft', file.config),
      start: start.baseId === null ? null : await this.adapterOf(start, baseFolder),
    });
  }

  /** Of one step; absent: of the last that drew completions. */
  async completions(runId: string, step?: number): Promise<Results['training.completions']> {
    const { id } = await this.file(runId);
    const all = await this.workspace.lines<CompletionRow>(FOLDER, id, 'completions.jsonl');
    const steps = [...new Set(all.map((row) => row.step))];
    const wanted = step ?? steps[steps.length - 1] ?? null;
    return { step: wanted, steps, rows: all.filter((row) => row.step === wanted) };
  }

  /** Writes down a new run; `resume` trains it. */
  async begin(params: CheckedParameters<'training.run'>): Promise<string> {
    const { kind, name, startFromId, config } = params;
    const createdAt = this.platform.now().toISOString();
    const datasetId = params.datasetId ?? this.trainingSource();
    this.checkpoints.usable(startFromId);
    const { probeEvery, probeFilms: films, seed } = parseTrainingConfig(kind as 'sft', config);
    const probe = probeEvery === 0 ? [] : await chooseProbe(this.collections, params.probe ?? {}, { films, seed });
    if (kind === 'grpo') await this.rewardFile(parseTrainingConfig('grpo', config));
    const id = `${slug(name)}-${createdAt.replace(/\D/g, '').slice(0, 14)}`;
    const file: RunFile = { id, name, kind, createdAt, startFromId, datasetId, config, probe };
    await this.workspace.write(file, FOLDER, id, 'run.json');
    return id;
  }

  /** Trains until the run is complete or cancelled, from its last checkpoint where it was interrupted. */
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
    const folder = await openModelFolder(baseFolder);
    const probe = await this.probe(file, start);
    const check = { signal: work.signal, report: (p: Progress) => work.report({ ...p, runId: file.id, line: null }) };
    const examples = await this.checkedExamples(file, start, check);
    demandFit(await this.planOf(file, start, examples, probe !== null));
    const model = await TfjsModel.load(folder, await openTfjs());
    let runner: Runner | null = null;
    try {
      if (file.kind === 'grpo' || probe) runner = await openRunner({ model: folder });
      const run = {
        model,
        prompt: await loadPromptModel(baseFolder),
        processor: await loadProcessor(baseFolder),
        examples,
        folder: this.workspace.pathOf(FOLDER, file.id),
        baseName: baseFolder,
        now: new Date(file.createdAt),
        work: {
          signal: work.signal,
          report: (progress: RunProgress) => work.report({ ...progress, runId: file.id }),
        },
      };
      const adapter = start.baseId === null ? null : await this.adapterOf(start, baseFolder);
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
    const prompt = await this.prompt(file);
    const example = (film: FilmEntry, labels: Label[]) => ({
      ...this.example(film, start, prompt),
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

  private prompt(file: RunFile): Promise<Prompt> {
    return this.prompts.named(parseTrainingConfig(file.kind as 'sft', file.config).promptId);
  }

  private example({ id, patientId }: FilmEntry, start: Checkpoint, prompt: Prompt) {
    const image = async () => toModelImage(await this.collections.open(id), start.preprocessing);
    return { id, patientId, image, promptText: prompt.text };
  }

  private async adapterOf(checkpoint: Checkpoint, baseFolder: string): Promise<Adapter> {
    return (await readAdapter(this.checkpoints.folder(checkpoint), baseFolder)).adapter;
  }

  /** Frontal films of the data set with what SFT is to answer (the teacher's trace, else the labels alone) and the labels. */
  private async examples(file: RunFile, start: Checkpoint, leftOut = new LeftOuts()): Promise<TrainingExample[]> {
    const prompt = await this.prompt(file);
    const collection = this.collections.collection(file.datasetId);
    const folder = dirname(collection.path);
    // GRPO learns from labels, and reads no trace.
    const read = file.kind === 'sft' ? await readTraces(join(folder, TRACES_FILE), leftOut) : new Map<string, string>();
    const traces = new Map([...read].map(([path, text]) => [resolve(folder, path), text]));
    const films = (await this.collections.films(file.datasetId)).filter((film) => !film.cautions.includes('lateral'));
    const there = new Set(films.map(({ path }) => path));
    for (const path of traces.keys()) if (!there.has(path)) leftOut.add('trace-without-film', path);
    return films.flatMap((film) => {
      const labels = film.truth ? positiveLabels(film.truth, CHEXPERT_LABELS, collection.policy) : null;
      const targetText = traces.size > 0 ? traces.get(film.path) : labels && solutionOf(labels);
      if (targetText) return [{ ...this.example(film, start, prompt), targetText, labels }];
      leftOut.add(traces.size > 0 ? 'film-without-trace' : 'film-without-labels', film.id);
      return [];
    });
  }

  /** As `examples`, with images that decode; what is left out is written into the run. @throws TRAINING_INPUT */
  private async checkedExamples(file: RunFile, start: Checkpoint, work: Work): Promise<TrainingExample[]> {
    const leftOut = new LeftOuts();
    const config = parseTrainingConfig(file.kind as 'sft', file.config);
    const examples = await decodable(await this.examples(file, start, leftOut), config, leftOut, work);
    await this.workspace.write(leftOut.all, FOLDER, file.id, 'left-out.json');
    if (config.badInput === 'stop') leftOut.demandNone();
    return examples;
  }

  private trainingSource(): string {
    const source = this.collections.list().find((collection) => collection.role === 'training-source');
    if (source) return source.id;
    throw new WorkbenchError(
      'TRAINING_WITHOUT_FILMS',
      'No data set of this workspace is the training source.',
      {},
      'Add a data set with that role, or name one for this run.',
    );
  }

  private async addCheckpoint(file: RunFile): Promise<void> {
    const start = this.checkpoints.usable(file.startFromId);
    const folder = this.workspace.pathOf(FOLDER, file.id, 'adapter');
    const state = await this.workspace.read<RunState>(FOLDER, file.id, 'state.json');
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
    await this.checkpoints.add({ path: folder });
  }

  private async file(runId: string): Promise<RunFile> {
    const known = (await this.workspace.names(FOLDER)).includes(runId);
    const file = known ? await this.workspace.read<RunFile>(FOLDER, runId, 'run.json') : undefined;
    if (!file) throw new WorkbenchError('TRAINING_UNKNOWN', 'This run is not in the workspace.', { run: runId });
    return file;
  }

  private async describe({ id, name, kind, createdAt, probe = [] }: RunFile): Promise<TrainingRun> {
    const header = await this.workspace.read<RunHeader>(FOLDER, id, 'config.json');
    const state = await this.workspace.read<RunState>(FOLDER, id, 'state.json');
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
      path: this.workspace.pathOf(FOLDER, id),
      config: header?.config ?? {},
      departures: header?.departures ?? [],
      checkpointId: this.checkpoints.inFolder(this.workspace.pathOf(FOLDER, id, 'adapter'))?.id ?? null,
      probe: probe.map(({ role, name: set, films, patientsLeftOut }) => ({ role, name: set, films, patientsLeftOut })),
      leftOut: (await this.workspace.read<LeftOut[]>(FOLDER, id, 'left-out.json')) ?? [],
      gates: await this.workspace.lines<GateResult>(FOLDER, id, 'gates.jsonl'),
      chosen: state?.chosen ?? null,
      error: state?.error ?? null,
    };
  }
}

/** The answer of the Only Label format. */
function solutionOf(labels: readonly Label[]): string {
  return `<solution>${labels.join(', ')}</solution>`;
}

function grpoNeedsAdapter(start: Checkpoint): WorkbenchError {
  return new WorkbenchError(
    'GRPO_NEEDS_ADAPTER',
    'GRPO starts from an adapter: its KL term holds on to the SFT checkpoint.',
    { checkpoint: start.id },
    'Train SFT first, and start from what it made.',
  );
}
