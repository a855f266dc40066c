/**
 * Runs the cells that are not done yet, one after the other. A finished cell is known by its `done.json`; one that was
 * interrupted goes on by the trainer's own checkpoints, the film blocks or the readings that are there. Several processes
 * may work on one folder: each cell has a lock, and what another process works on is passed over. A full disk pauses the cell.
 *
 *   experiment.json         sizes and base that all cells share
 *   films/                  core/experiment/films.ts
 *   cells/ID/done.json      seconds and engines
 *   cells/ID/run/           of a training cell: core/training/run.ts
 *   cells/ID/SET.jsonl      of a reading: an answer for each film
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type ErrorData, toErrorData, WorkbenchError } from '../base/errors.ts';
import { type Progress, throwIfCancelled, type Work } from '../base/progress.ts';
import type { Label } from '../labels/labels.ts';
import { loadProcessor, loadPromptModel } from '../models/architectures.ts';
import { type ModelFolder, openModelFolder } from '../models/modelFolder.ts';
import { adapterTarget } from '../models/network.ts';
import { openRunner } from '../models/openRunner.ts';
import type { ImageFeatures } from '../models/runner.ts';
import type { Adapter } from '../peft/adapter.ts';
import { openAdapter } from '../peft/adapterFolder.ts';
import { chexpertLabels } from '../phantom/conventions.ts';
import type { Scene } from '../phantom/scene.ts';
import { taughtLabels, trace } from '../phantom/traces.ts';
import { readJsonIfThere, readJsonLines, writeFileAtomic, writeJson } from '../platform/files.ts';
import type { ExecutorChoice, ExecutorInfo } from '../tensor/executor.ts';
import { loadPrompts } from '../text/prompts.ts';
import { parseTrainingConfig } from '../training/config.ts';
import { trainGrpo } from '../training/grpo.ts';
import { chooseExecutor, openTrainingEngine } from '../training/openEngine.ts';
import { PAUSED, Patience } from '../training/patience.ts';
import { RunLock } from '../training/runLock.ts';
import { trainSft } from '../training/sft.ts';
import type { TrainingExample } from '../training/types.ts';
import {
  baseCell,
  type Cell,
  cellsOf,
  type GrpoCell,
  type PretrainCell,
  type ReadCell,
  type SftCell,
} from './cells.ts';
import { type FilmSet, filmSet } from './films.ts';
import {
  GRPO_REASONS,
  grpoSettings,
  type SetName,
  SFT_REASONS,
  type Sizes,
  setPlan,
  sftSettings,
  type World,
} from './plan.ts';
import { type PretrainPlan, pretrainStage } from './pretraining/stages.ts';
import { experimentProbe } from './probe.ts';
import { type Answer, encodeFilms, type Reader, readFilms } from './reading.ts';

export interface ExperimentOptions {
  /** Folder of everything that is computed. */
  folder: string;
  /** Folder of the base model, or how it is made. */
  base: string | PretrainPlan;
  /** The application's: instruction formats, and what the base is made of. */
  resources: string;
  /** What trains the adapters; absent: the fastest that is there. Pretraining needs tfjs and takes the fastest of that. */
  executor?: ExecutorChoice;
  worlds: readonly World[];
  seeds: number;
  sizes: Sizes;
  /** Stops after so many cells; absent: when all are done. */
  cells?: number;
  /** How long a cell waits between two tries to write on a full disk. */
  diskWaitMs?: number;
}

export interface CellsState {
  done: number;
  total: number;
  /** Another process works on these, or on what they need. */
  waiting: number;
}

/** What a cell gets: progress with its place in the experiment, and a disk that may be full for a while. */
interface CellWork extends Work {
  disk: Patience;
}

interface Done {
  seconds: number;
  processorSeconds: number;
  executor: string | null;
}

/** The plan of the base's pretraining; null: it is given. */
export const pretraining = ({ base }: Pick<ExperimentOptions, 'base'>) => (typeof base === 'string' ? null : base);

/** Of the base model. */
export function baseFolder({ base, folder }: Pick<ExperimentOptions, 'base' | 'folder'>): string {
  return typeof base === 'string' ? base : modelFolder(folder, baseCell(base));
}

const cellFolder = (folder: string, id: string) => join(folder, 'cells', id);
export const runFolder = (folder: string, id: string) => join(cellFolder(folder, id), 'run');
const modelFolder = (folder: string, id: string) => join(cellFolder(folder, id), 'model');
/** Of a stage of pretraining. */
export const pretrainLog = (folder: string, id: string) => join(cellFolder(folder, id), 'log.jsonl');
const pretrainState = (folder: string, id: string) => join(cellFolder(folder, id), 'state.safetensors');
export const readDone = (folder: string, id: string) =>
  readJsonIfThere<Done>(join(cellFolder(folder, id), 'done.json'));
export const readAnswers = (folder: string, id: string, set: SetName) =>
  readJsonLines<Answer>(join(cellFolder(folder, id), `${set}.jsonl`));

/** @throws EXPERIMENT_DIFFERS where the folder was begun with other sizes or another base; what training throws */
export async function runCells(options: ExperimentOptions, work: Work): Promise<CellsState> {
  const cells = cellsOf(options.worlds, options.seeds, pretraining(options));
  const laboratory = new Laboratory(options, cells.length);
  try {
    return await laboratory.run(cells, work);
  } finally {
    await laboratory.close();
  }
}

class Laboratory {
  private readonly done = new Set<string>();
  private readonly sets = new Map<SetName, FilmSet>();
  private readonly features = new Map<SetName, ImageFeatures[]>();
  private base: Promise<Base> | null = null;

  constructor(
    private readonly options: ExperimentOptions,
    private readonly total: number,
  ) {}

  async run(cells: readonly Cell[], work: Work): Promise<CellsState> {
    await this.checkSame();
    for (const { id } of cells) if (await readDone(this.options.folder, id)) this.done.add(id);
    let left = this.options.cells ?? cells.length;
    while (left > 0 && (await this.runNext(cells, work))) left--;
    const waiting = left === 0 ? 0 : cells.length - this.done.size;
    return { done: this.done.size, total: cells.length, waiting };
  }

  /** Runs the first cell that is ready and that no other process works on. @returns whether there was one */
  private async runNext(cells: readonly Cell[], work: Work): Promise<boolean> {
    for (let again = true; again; ) {
      again = false;
      for (const cell of cells) {
        if (this.done.has(cell.id) || !cell.needs.every((id) => this.done.has(id))) continue;
        const ran = await this.tryCell(cell, work);
        if (ran === 'here') return true;
        // What another process has finished may be what a cell before it needs.
        again ||= ran === 'there';
      }
    }
    return false;
  }

  async close(): Promise<void> {
    await (await this.base)?.reader.runner.dispose();
  }

  private async checkSame(): Promise<void> {
    const { folder, base, sizes } = this.options;
    const file = join(folder, 'experiment.json');
    const now = { sizes, base: typeof base === 'string' ? (await openModelFolder(base)).info.weightsHash : base };
    const there = await readJsonIfThere<typeof now>(file);
    if (there === undefined) await writeJson(file, now);
    else if (JSON.stringify(there) !== JSON.stringify(now))
      throw new WorkbenchError(
        'EXPERIMENT_DIFFERS',
        'This folder holds an experiment with other numbers of films or another base.',
        { folder, there: { ...there.sizes }, asked: { ...sizes } },
        'Go on with what it began with, or choose another folder.',
      );
  }

  /** `there`: another process has finished it meanwhile; `locked`: one works on it. */
  private async tryCell(cell: Cell, work: Work): Promise<'here' | 'there' | 'locked'> {
    const folder = cellFolder(this.options.folder, cell.id);
    const own = this.workOf(cell, work);
    const take = async () => {
      await mkdir(folder, { recursive: true });
      return RunLock.take(join(folder, 'lock.json'));
    };
    const lock = await own.disk.write(take).catch((error: unknown) => {
      if (toErrorData(error).code === 'TRAINING_LOCKED') return null;
      throw error;
    });
    if (lock === null) return 'locked';
    try {
      const there = await readDone(this.options.folder, cell.id);
      if (!there) await this.runCell(cell, folder, own);
      this.done.add(cell.id);
      return there ? 'there' : 'here';
    } finally {
      await lock.release();
    }
  }

  private workOf({ id }: Cell, { signal, report }: Work): CellWork {
    const { diskWaitMs: waitMs } = this.options;
    const place = `${this.done.size + 1} of ${this.total}, ${id}`;
    const placed = ({ stage, done, total }: Progress) => report({ stage: `${place}: ${stage}`, done, total });
    const onPause = async (error: ErrorData | null) => {
      if (error) placed({ stage: PAUSED, done: 0, total: null });
    };
    const disk = new Patience({ signal, onPause, ...(waitMs === undefined ? {} : { waitMs }) });
    return { signal, report: placed, disk };
  }

  private async runCell(cell: Cell, folder: string, work: CellWork): Promise<void> {
    throwIfCancelled(work.signal);
    const [started, cpu] = [performance.now(), process.cpuUsage()];
    const executor = await this.compute(cell, folder, work);
    const { user, system } = process.cpuUsage(cpu);
    const seconds = round((performance.now() - started) / 1000);
    const done: Done = { seconds, processorSeconds: round((user + system) / 1e6), executor };
    await work.disk.write(() => writeJson(join(folder, 'done.json'), done));
    await this.tidy(cell);
  }

  /** What only a cell under way needs. */
  private async tidy({ kind, id }: Cell): Promise<void> {
    const { folder } = this.options;
    if (kind === 'pretrain') await rm(pretrainState(folder, id), { force: true });
    if (kind === 'sft' || kind === 'grpo')
      await rm(join(runFolder(folder, id), 'checkpoints'), { recursive: true, force: true });
  }

  /** @returns the engine, where one was asked */
  private async compute(cell: Cell, folder: string, work: CellWork): Promise<string | null> {
    if (cell.kind === 'films') {
      await this.films(cell.set, work);
      return null;
    }
    if (cell.kind === 'read') return this.read(cell, folder, work);
    return named(cell.kind === 'pretrain' ? await this.pretrain(cell, work) : await this.train(cell, work));
  }

  private async films(name: SetName, work: CellWork): Promise<FilmSet> {
    const plan = setPlan(name, this.options.sizes);
    const known = this.sets.get(name) ?? (await filmSet(join(this.options.folder, 'films'), plan, work, work.disk));
    this.sets.set(name, known);
    return known;
  }

  private async read({ promptId, checkpoint, sets }: ReadCell, folder: string, work: CellWork): Promise<string> {
    const base = await this.openBase();
    const adapter = checkpoint === null ? null : await this.adapterOf(checkpoint);
    for (const set of sets) {
      const file = join(folder, `${set}.jsonl`);
      const known = this.features.get(set) ?? (await encodeFilms(base.reader, await this.films(set, work), work));
      this.features.set(set, known);
      const answers = await readFilms(base.reader, known, adapter, base.promptText(promptId), work);
      const lines = answers.map((answer) => `${JSON.stringify(answer)}\n`).join('');
      await work.disk.write(() => writeFileAtomic(file, lines));
    }
    return named(base.reader.runner.executor);
  }

  private async pretrain({ id, stage, before }: PretrainCell, work: CellWork): Promise<ExecutorInfo> {
    const { folder, resources } = this.options;
    const folders = {
      resources,
      films: join(folder, 'films'),
      before: before === null ? null : modelFolder(folder, before),
      out: modelFolder(folder, id),
      log: pretrainLog(folder, id),
      state: pretrainState(folder, id),
    };
    return pretrainStage(stage, pretraining(this.options)!, folders, work, work.disk);
  }

  private async adapterOf(id: string): Promise<Adapter> {
    const { folder } = await this.openBase();
    return (await openAdapter(join(runFolder(this.options.folder, id), 'adapter'), adapterTarget(folder))).adapter;
  }

  private async train(cell: SftCell | GrpoCell, work: CellWork): Promise<ExecutorInfo> {
    const base = await this.openBase();
    const { processor, prompt } = base.reader;
    const { folder, executor = 'auto' } = this.options;
    const engine = await openTrainingEngine(base.folder, await chooseExecutor(executor));
    const shared = {
      ...{ model: engine, prompt, processor, folder: runFolder(folder, cell.id), baseName: '../base', now: new Date() },
      work: { signal: work.signal, report: work.report },
    };
    try {
      await (cell.kind === 'sft' ? this.trainSft(cell, base, shared, work) : this.trainGrpo(cell, base, shared, work));
    } finally {
      await engine.dispose();
    }
    return engine.executor;
  }

  private async trainSft(
    { world, seed, promptId }: SftCell,
    base: Base,
    shared: Shared,
    work: CellWork,
  ): Promise<void> {
    const { sizes, executor = 'auto' } = this.options;
    const examples = trainingExamples(await this.films('sft', work), world, base.promptText(promptId), promptId);
    const config = parseTrainingConfig('sft', { ...sftSettings(seed, sizes, promptId), executor });
    await trainSft({ ...shared, examples, start: null, config, reasons: SFT_REASONS });
  }

  private async trainGrpo({ world, seed, reward, from }: GrpoCell, base: Base, shared: Shared, work: CellWork) {
    const { sizes, executor = 'auto' } = this.options;
    const config = parseTrainingConfig('grpo', { ...grpoSettings(seed, sizes, world, reward), executor });
    const promptText = base.promptText(config.promptId);
    const examples = trainingExamples(await this.films('grpo', work), world, promptText);
    const [a, b] = [await this.films('probeA', work), await this.films('probeB', work)];
    const probe = experimentProbe(a, b, world.conventions, promptText);
    const start = await this.adapterOf(from);
    const { runner } = base.reader;
    await trainGrpo({ ...shared, runner, examples, start, config, reasons: GRPO_REASONS, probe });
  }

  private openBase(): Promise<Base> {
    this.base ??= openBase(this.options);
    return this.base;
  }
}

type Shared = Omit<
  Parameters<typeof trainGrpo>[0] & Parameters<typeof trainSft>[0],
  'runner' | 'examples' | 'start' | 'config' | 'probe'
>;

interface Base {
  folder: ModelFolder;
  reader: Reader;
  promptText(id: string): string;
}

async function openBase(options: ExperimentOptions): Promise<Base> {
  const model = baseFolder(options);
  const folder = await openModelFolder(model);
  const texts = new Map((await loadPrompts(join(options.resources, 'prompts'))).map(({ id, text }) => [id, text]));
  const runner = await openRunner({ model: folder });
  const promptText = (id: string) => {
    const text = texts.get(id);
    if (text === undefined) throw new WorkbenchError('PROMPT_UNKNOWN', 'There is no such prompt.', { prompt: id });
    return text;
  };
  const reader = { runner, prompt: await loadPromptModel(model), processor: await loadProcessor(model) };
  return { folder, reader, promptText };
}

/** The world's labels of every film, and what its teacher says of them; `only-label` is taught the labels alone. */
function trainingExamples(films: FilmSet, world: World, promptText: string, promptId?: string): TrainingExample[] {
  const target = (scene: Scene, labels: readonly Label[]) => {
    const taught = taughtLabels(scene, labels, world.teacher);
    return promptId === 'only-label' ? `<solution>${taught.join(', ')}</solution>` : trace(scene, taught);
  };
  return films.scenes.map((scene, index) => {
    const labels = chexpertLabels(scene, world.conventions);
    return {
      id: `${films.source}-${index}`,
      patientId: `${films.source}-${scene.patient.number}`,
      image: () => films.image(index),
      promptText,
      targetText: target(scene, labels),
      labels,
    };
  });
}

const named = ({ name, version }: ExecutorInfo) => `${name} ${version}`;

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
