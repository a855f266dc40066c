/**
 * The engine: every request of the contract, answered from one open workspace. Hosts make one and give it a connection
 * (server.ts); the command calls it directly.
 */
import { basename, join } from 'node:path';
import { WorkbenchError } from '../base/errors.ts';
import type { Progress, Work } from '../base/progress.ts';
import { VERSION } from '../base/version.ts';
import { lookAtTable } from '../datasets/custom.ts';
import { predictionsText } from '../evaluation/predictionSources.ts';
import { CHEXPERT_LABELS, NIH_NINE } from '../labels/labels.ts';
import { removeForms } from '../models/convertedWeights.ts';
import { bestExecutor, requireDevice, usefulPrecision } from '../models/openRunner.ts';
import { writeFileAtomic } from '../platform/files.ts';
import { cacheDirectory } from '../platform/node.ts';
import type { Platform } from '../platform/platform.ts';
import { trace } from '../platform/trace.ts';
import type { Device } from '../tensor/executor.ts';
import type { Precision } from '../tensor/precision.ts';
import { bestTrainer } from '../training/openEngine.ts';
import { Workspace } from '../workspace/workspace.ts';
import { addBuiltInCheckpoints, addBuiltInDatasets, addBuiltInStudies, openBuiltIn } from './builtIn.ts';
import {
  type AppState,
  type CheckedParameters,
  type Checkpoint,
  type Engine,
  type EngineEvent,
  type FilmEntry,
  type JobInfo,
  type Method,
  type PrecisionForm,
  type ProgressOf,
  parameters,
  type RecentPath,
  type Results,
  type TrainingProgress,
  type TrainingRun,
} from './contract.ts';
import { deidentifyFiles } from './deidentification.ts';
import { Jobs } from './jobs.ts';
import { Journal, type LastingWork } from './journal.ts';
import type { ModelOptions, Opening } from './models.ts';
import { measurePrecision, precisionForms, rememberDistance } from './precisions.ts';
import { DEFAULT_PROMPT } from './prompts.ts';
import { Recent } from './recent.ts';
import { recognisePath } from './recognise.ts';
import { Servers } from './servers.ts';
import { Session } from './session.ts';
import { Settings } from './settings.ts';

export interface EngineOptions extends ModelOptions {
  /** Folder of the workspace to open; absent: the built-in one in the user's folder, made where it is missing. */
  workspace?: string;
  /** Every checkpoint reads the canary film when it is opened, where that costs seconds. Absent: only when asked. */
  canaries?: boolean;
  /** Evaluations and training runs that an ended process left unfinished go on. The hosts with screens ask for it. */
  goOn?: boolean;
}

interface Call<M extends Method> {
  signal?: AbortSignal;
  onProgress?: (progress: ProgressOf[M]) => void;
}

type Handlers = {
  [M in Method]: (params: CheckedParameters<M>, call: Call<M>) => Promise<Results[M]> | Results[M];
};

/** Films of each built-in data set. */
const BUILT_IN_FILMS = 200;
/** How often it is looked whether another process that works in the workspace has ended. */
const OTHERS_LOOK_MS = 2000;

/** The engine on a workspace. Films and checkpoints of the built-in one are added in the background, as a job. */
export async function createEngine(platform: Platform, options: EngineOptions = {}): Promise<Engine> {
  const engine = new LocalEngine(platform, options);
  await engine.open(options.workspace);
  return engine;
}

class LocalEngine implements Engine {
  private readonly listeners = new Set<(event: EngineEvent) => void>();
  private readonly jobs: Jobs;
  private session!: Session;
  private settings!: Settings;
  private servers!: Servers;
  private recent!: Recent;
  /** null: the command's own work is not taken up by anybody else. */
  private journal: Journal | null = null;
  private readonly handlers: Handlers;
  private readonly options: EngineOptions;

  constructor(
    private readonly platform: Platform,
    options: EngineOptions,
  ) {
    this.options = { cacheDir: cacheDirectory(platform.userDir), ...options };
    this.jobs = new Jobs((event) => this.emit(event), platform.now);
    this.handlers = this.makeHandlers();
  }

  async call<M extends Method>(method: M, params: unknown, call: Call<M> = {}): Promise<Results[M]> {
    const checked = parameters[method].parse(params) as CheckedParameters<M>;
    return this.handlers[method](checked, call);
  }

  onEvent(listener: (event: EngineEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  async open(folder: string | undefined): Promise<void> {
    const { platform } = this;
    this.settings ??= await Settings.open(platform.userDir);
    this.servers ??= await Servers.open(platform.userDir);
    this.recent ??= await Recent.open(platform.userDir);
    const workspace =
      folder === undefined
        ? await openBuiltIn(platform, join(platform.userDir, 'workspace'))
        : await Workspace.open(folder, { name: folder, builtIn: false, now: platform.now() });
    const before = this.session;
    const opening: Opening = (dir, open) => this.jobs.runOnceReported('load', `Opening ${basename(dir)}`, open);
    const models = { deviceOf: () => this.settings.device(), opening, ...this.options };
    this.session = await Session.open(platform, workspace, this.servers, models);
    await before?.close();
    if (workspace.file.builtIn) this.fillBuiltIn();
    else this.askCanaries();
    this.changed('workspace');
    if (this.options.goOn) await this.goOn(workspace);
  }

  /**
   * Takes up what ended processes left unfinished in this workspace. One whose application was killed still lives for a moment:
   * its work is taken up when it has ended.
   */
  private async goOn(workspace: Workspace): Promise<void> {
    this.journal = await Journal.open(workspace);
    await this.takeUp(this.journal);
  }

  private async takeUp(journal: Journal): Promise<void> {
    if (journal !== this.journal) return;
    const { unfinished, exhausted, othersWork } = await journal.unfinished();
    for (const { work, title } of exhausted) {
      await journal.end(work);
      const give = () => Promise.reject(endsItsEngine(title));
      this.jobs.run(work.method === 'training.resume' ? 'train' : 'evaluate', title, {}, give).catch(() => {});
    }
    // A job shows its error.
    for (const { work } of unfinished) this.call(work.method, work.params).catch(() => {});
    if (othersWork) setTimeout(() => this.takeUp(journal).catch(() => {}), OTHERS_LOOK_MS).unref();
  }

  /** A job that is written down while it is under way, so that it goes on after its process has ended. */
  private lasting<T, P extends Progress>(
    kind: JobInfo['kind'],
    title: string,
    work: LastingWork,
    call: { signal?: AbortSignal; onProgress?: (progress: P) => void },
    run: (work: Work<P>) => Promise<T>,
  ): Promise<T> {
    const { journal } = this;
    return this.jobs.run(kind, title, call, async ({ signal, report }) => {
      await journal?.begin(work, title);
      let first: number | undefined;
      try {
        return await run({
          signal,
          report: (progress) => {
            first ??= progress.done;
            if (progress.done > first) journal?.advance(work);
            report(progress);
          },
        });
      } finally {
        await journal?.end(work);
      }
    });
  }

  /** The shipped checkpoints, and films: those to look at first. Jobs of their own; the engine answers meanwhile. */
  private fillBuiltIn(): void {
    const { workspace, checkpoints, collections } = this.session;
    const loading = this.jobs.run('load', 'Opening the built-in checkpoints', {}, async () => {
      await addBuiltInCheckpoints(this.platform, checkpoints);
      this.changed('checkpoints');
      this.askCanaries();
    });
    const filling = this.jobs.run('load', 'Making the built-in films', {}, async (work) => {
      if (collections.list().length === 0) {
        await addBuiltInStudies(this.platform, workspace, collections, work);
        this.changed('films');
      }
      await addBuiltInDatasets(workspace, collections, BUILT_IN_FILMS, work);
      this.changed('collections');
      this.changed('films');
    });
    // A job shows its error; the engine goes on with what is there.
    for (const job of [loading, filling]) job.catch(() => {});
  }

  /** Of the checkpoints that have not read the canary film: those that do it within seconds, or the one that was just added. */
  private askCanaries(added?: Checkpoint): void {
    if (!this.options.canaries) return;
    const { canaries, checkpoints } = this.session;
    const wanted = checkpoints
      .list()
      .filter((each) => canaries.isMissing(each) && (each.id === added?.id || canaries.isCheap(each)));
    if (wanted.length === 0) return;
    const asking = this.jobs.run('canary', 'Reading the canary film', {}, async (work) => {
      for (const [done, { id }] of wanted.entries()) {
        work.report({ stage: 'Reading the canary film', done, total: wanted.length });
        await canaries.ask(id, work.signal);
        this.changed('checkpoints');
      }
    });
    // The job shows its error; the card stays without a canary.
    asking.catch(() => {});
  }

  private emit(event: EngineEvent): void {
    for (const listener of [...this.listeners]) listener(event);
  }

  private changed(what: Extract<EngineEvent, { type: 'changed' }>['what']): void {
    this.emit({ type: 'changed', what });
  }

  /** The list of what was opened is a comfort: where it cannot be written, the opening was a success all the same. */
  private async opened(kind: RecentPath['kind'], paths: string[]): Promise<void> {
    await this.recent.add(kind, paths).catch(() => {});
    this.changed('recent');
  }

  private async state(): Promise<AppState> {
    const { workspace } = this.session;
    const { name, builtIn } = workspace.file;
    return {
      version: VERSION,
      engine: {
        generation: await bestExecutor(this.options.threads, this.device()),
        training: await bestTrainer(),
        processId: process.pid,
        memoryBytes: process.memoryUsage().rss,
      },
      workspace: { path: workspace.path, name, builtIn },
      network: this.servers.addresses(),
      paperLabels: { chexpert: CHEXPERT_LABELS, nih: NIH_NINE },
    };
  }

  private device(): Device {
    return this.options.device ?? this.settings.device();
  }

  private async setDevice(device: Device): Promise<AppState> {
    await requireDevice(device);
    await this.settings.setDevice(device);
    this.changed('checkpoints');
    this.changed('predictions');
    return this.state();
  }

  private makeHandlers(): Handlers {
    return {
      ...this.workspaceHandlers(),
      ...this.filmHandlers(),
      ...this.checkpointHandlers(),
      ...this.serverHandlers(),
      ...this.predictionHandlers(),
      ...this.evaluationHandlers(),
      ...this.trainingHandlers(),
      ...this.traceHandlers(),
      ...this.reportHandlers(),
    };
  }

  private workspaceHandlers() {
    return {
      'app.state': () => this.state(),
      'workspace.open': async ({ path }) => {
        await this.open(path);
        await this.opened('workspace', [path]);
        return this.state();
      },
      'paths.recognise': ({ paths }) => Promise.all(paths.map(recognisePath)),
      'jobs.list': () => this.jobs.list(),
      'jobs.cancel': ({ jobId }) => {
        this.jobs.cancel(jobId);
        return null;
      },
      'engine.setDevice': ({ device }) => this.setDevice(device),
      'settings.get': () => this.settings.all(),
      'settings.set': async ({ key, value }) => {
        await this.settings.set(key, value);
        return null;
      },
      'recent.list': () => this.recent.list(),
      'recent.clear': async () => {
        await this.recent.clear();
        this.changed('recent');
        return null;
      },
      'prompts.list': async () => {
        await this.session.prompts.refresh();
        return this.session.prompts.list();
      },
      'prompts.problems': async () => {
        await this.session.prompts.refresh();
        return this.session.prompts.problems();
      },
    } satisfies Partial<Handlers>;
  }

  private filmHandlers() {
    return {
      'collections.list': () => this.session.collections.list(),
      'films.add': ({ paths }, call) =>
        this.jobs.run('scan', 'Reading films', call, async (work) => {
          const summary = await this.session.collections.add(paths, work);
          this.changed('films');
          this.changed('collections');
          if (summary.instances > 0) await this.opened('films', paths);
          return summary;
        }),
      'films.list': async ({ collectionId, from = 0, limit }) => {
        const films = await this.session.collections.films(collectionId);
        return this.withCautions(films.slice(from, limit === undefined ? undefined : from + limit));
      },
      'films.open': async ({ filmId, frame, room }, { onProgress }) => {
        trace('engine-asked');
        const { collections, selection } = this.session;
        const known = await collections.entry(filmId);
        const open = () =>
          collections.open(filmId, frame, room, (preview) =>
            onProgress?.({ stage: 'Reading the film', done: 0, total: 1, preview }),
          );
        // Side by side: the header is read again where the film's table said nothing of it.
        const [film, [entry]] = await Promise.all([
          this.session.thumbnails.after(open),
          selection.withHeaders([known]),
        ]);
        trace('engine-has-film');
        return { entry: this.withCautions([entry!])[0]!, film };
      },
      'films.thumbnail': async ({ filmId }, { signal }) =>
        this.session.thumbnails.get(await this.session.collections.entry(filmId), signal),
      'films.modelView': async ({ filmId, checkpointId }) => {
        const film = await this.session.collections.entry(filmId);
        return this.session.answers.modelView({ film, checkpoint: this.session.checkpoints.usable(checkpointId) });
      },
      'films.deidentify': ({ filmIds, ...settings }, call) =>
        this.jobs.run('export', 'Exporting de-identified films', call, async (work) => {
          const { collections, workspace } = this.session;
          const entries = await Promise.all(filmIds.map((filmId) => collections.entry(filmId)));
          const files = [...new Set(entries.map(({ path }) => path))];
          return deidentifyFiles(files, { ...settings, workspace: workspace.path }, work);
        }),
      'annotations.ofFilm': async ({ filmId, imageHash }) => {
        const { annotations, boxes, collections } = this.session;
        const entry = await collections.entry(filmId);
        const film = await collections.open(filmId);
        return {
          annotations: await annotations.get(imageHash),
          boxes: await boxes.ofFilm(entry, collections.collection(entry.collectionId), film),
        };
      },
      'annotations.set': async ({ imageHash, annotations }) => {
        await this.session.annotations.set(imageHash, annotations);
        return null;
      },
      'datasets.look': ({ csv }) => lookAtTable(csv),
      'datasets.add': (params, call) =>
        this.jobs.run('scan', 'Reading a label table', call, async (work) => {
          const { id } = await this.session.collections.addDataset(params, work);
          await this.session.trainings.noteProbed(id);
          const collection = this.session.collections.collection(id);
          this.changed('collections');
          await this.opened('table', [params.csv]);
          return collection;
        }),
    } satisfies Partial<Handlers>;
  }

  /** A real film where checkpoints know phantoms only: their answers mean nothing there. */
  private withCautions(films: FilmEntry[]): FilmEntry[] {
    const strangers = this.session.checkpoints.list().filter(({ phantomOnly }) => phantomOnly);
    if (strangers.length === 0) return films;
    const names = strangers.map(({ name }) => name).join(', ');
    const caution = `Real anatomy: ${names} know phantom films only, and what they say of this film means nothing.`;
    return films.map((film) => (film.phantom ? film : { ...film, warnings: [...film.warnings, caution] }));
  }

  private checkpointHandlers() {
    return {
      'checkpoints.list': () =>
        this.session.checkpoints.list().map((checkpoint) => ({
          ...checkpoint,
          secondsPerFilm: this.session.predictions.secondsPerFilm(checkpoint.id),
        })),
      'checkpoints.add': async (params) => {
        const checkpoint = await this.session.checkpoints.add(params);
        this.changed('checkpoints');
        this.askCanaries(checkpoint);
        return checkpoint;
      },
      'checkpoints.addRemote': async (params) => {
        const checkpoint = await this.session.checkpoints.addRemote(params);
        this.changed('checkpoints');
        this.askCanaries(checkpoint);
        return checkpoint;
      },
      'checkpoints.canary': ({ checkpointId }, call) =>
        this.jobs.run('canary', 'Reading the canary film', call, async (work) => {
          const checkpoint = await this.session.canaries.ask(checkpointId, work.signal);
          this.changed('checkpoints');
          return checkpoint;
        }),
      'checkpoints.precisions': ({ checkpointId }) => this.precisions(checkpointId),
      'checkpoints.setPrecision': ({ checkpointId, precision }, call) =>
        this.jobs.run('load', 'Opening a checkpoint in another precision', call, async (work) => {
          const { checkpoints, models } = this.session;
          const folder = checkpoints.baseFolder(checkpoints.usable(checkpointId));
          await checkpoints.setPrecision(checkpointId, precision);
          await models.forgetBase(folder);
          await models.base(folder, work);
          this.changed('checkpoints');
          this.changed('predictions');
          return this.precisions(checkpointId);
        }),
      'checkpoints.measurePrecision': ({ checkpointId, precision, films }, call) =>
        this.jobs.run('evaluate', `The distance of ${precision} from f32`, call, async (work) => {
          const { checkpoints, prompts } = this.session;
          const { promptId, preprocessing, answerFormat, maxNewTokens } = checkpoints.usable(checkpointId);
          const model = checkpoints.baseFolder(checkpoints.usable(checkpointId));
          const prompt = (prompts.get(promptId) ?? prompts.get(DEFAULT_PROMPT))!.text;
          const { cacheDir = '', threads } = this.options;
          const machine = { cacheDir, threads, device: this.device() };
          const question = { model, prompt, preprocessing, answerFormat, maxNewTokens, films, ...machine };
          const distance = await measurePrecision(question, precision, work);
          const { hash } = checkpoints.baseModel(checkpointId);
          await rememberDistance(cacheDir, hash, precision, distance, machine.device);
          return this.precisions(checkpointId);
        }),
      'checkpoints.removeForms': async ({ checkpointId }) => {
        const { checkpoints, models } = this.session;
        await models.forgetBase(checkpoints.baseFolder(checkpoints.usable(checkpointId)));
        await removeForms(this.options.cacheDir ?? '', checkpoints.baseModel(checkpointId).hash);
        return this.precisions(checkpointId);
      },
      'checkpoints.restore': async ({ checkpointId }) => {
        const checkpoint = await this.session.checkpoints.restore(checkpointId);
        this.changed('checkpoints');
        return checkpoint;
      },
      'checkpoints.remove': async ({ checkpointId }) => {
        await this.session.checkpoints.remove(checkpointId);
        this.changed('checkpoints');
        return null;
      },
    } satisfies Partial<Handlers>;
  }

  private serverHandlers() {
    const changed = async <T>(result: T): Promise<T> => {
      await this.session.checkpoints.reopenRemote();
      this.changed('servers');
      return result;
    };
    return {
      'servers.list': () => this.servers.list(),
      'servers.probe': (params, { signal }) => this.servers.probe(params, signal),
      'servers.add': async (params) => changed(await this.servers.add(params)),
      'servers.refresh': async ({ serverId }, { signal }) => changed(await this.servers.refresh(serverId, signal)),
      'servers.remove': async ({ serverId }) => {
        await this.servers.remove(serverId);
        return changed(null);
      },
      'servers.setKey': async ({ address, key }) => {
        this.servers.setKey(address, key);
        return changed(null);
      },
      'servers.loadAdapter': async (params) => changed(await this.servers.loadAdapter(params)),
    } satisfies Partial<Handlers>;
  }

  private async precisions(checkpointId: string): Promise<PrecisionForm[]> {
    const { checkpoints } = this.session;
    const { info, precision = 'auto' } = checkpoints.baseModel(checkpointId);
    if (!info) return [];
    const used = precision === 'auto' ? usefulPrecision(info.parameters) : (precision as Precision);
    return precisionForms(info, used, this.options.cacheDir ?? '', this.device());
  }

  private predictionHandlers() {
    return {
      'predictions.ofFilm': async ({ filmId, promptId }) =>
        this.session.answers.ofFilm(await this.session.collections.entry(filmId), promptId),
      'predictions.generate': async ({ filmId, checkpointId, promptText, ...settings }, call) => {
        const { collections, checkpoints, answers } = this.session;
        const film = await collections.entry(filmId);
        const question = { film, checkpoint: checkpoints.usable(checkpointId), promptText };
        return this.jobs.run('generate', `${question.checkpoint.name} reads a film`, call, async (work) => {
          const [prediction] = await answers.answer([question], settings, {
            signal: work.signal,
            onText: (_, text, done) => work.report({ stage: 'Reading', done, total: null, text }),
          });
          this.changed('predictions');
          return prediction!;
        });
      },
      'predictions.inspect': async ({ filmId, checkpointId, key }) => {
        const { collections, checkpoints, answers } = this.session;
        return answers.inspect(await collections.entry(filmId), checkpoints.usable(checkpointId), key);
      },
      'predictions.index': () => {
        const { checkpoints, predictions } = this.session;
        return predictions.index(new Map(checkpoints.list().map(({ id, promptId }) => [id, promptId])));
      },
      'readers.list': () => this.session.readers.list(),
      'readers.save': (findings) => this.session.readers.save(findings),
      'predictions.sample': async ({ filmId, checkpointId, samples, ...settings }, call) => {
        const { collections, checkpoints, answers } = this.session;
        const question = { film: await collections.entry(filmId), checkpoint: checkpoints.usable(checkpointId) };
        const title = `${question.checkpoint.name} reads a film ${samples} times`;
        return this.jobs.run('generate', title, call, async (work) => {
          let done = 0;
          const sampled = await answers.sample(question, samples, settings, {
            signal: work.signal,
            onAnswer: () => work.report({ stage: 'Reading', done: ++done, total: samples }),
          });
          this.changed('predictions');
          return sampled;
        });
      },
    } satisfies Partial<Handlers>;
  }

  /** Where an evaluation is kept: made here, or imported. */
  private async kept(evaluationId: string) {
    const { imported, evaluations } = this.session;
    return (await imported.has(evaluationId)) ? imported : evaluations;
  }

  private evaluationHandlers() {
    return {
      'evaluations.list': async () => {
        const all = [...(await this.session.evaluations.list()), ...(await this.session.imported.list())];
        return all.sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
      },
      'evaluations.cost': (params) => this.session.evaluations.cost(params),
      'evaluations.run': (params, call) =>
        this.lasting('evaluate', 'Evaluation', { method: 'evaluations.run', params }, call, async (work) => {
          try {
            return await this.session.evaluations.run(params, work);
          } finally {
            this.changed('evaluations');
          }
        }),
      'evaluations.result': async ({ evaluationId }, call) => {
        const kept = await this.kept(evaluationId);
        const known = await kept.known(evaluationId);
        return known ?? this.jobs.run('load', 'Computing intervals', call, (work) => kept.result(evaluationId, work));
      },
      'evaluations.films': async ({ evaluationId, datasetId, checkpointId, label, outcome }) => {
        const wanted = { label, outcome };
        if (await this.session.imported.has(evaluationId))
          return this.session.imported.filmsBehind(evaluationId, datasetId, checkpointId, wanted);
        return this.session.evaluations.films(evaluationId, datasetId, checkpointId, wanted);
      },
      'evaluations.import': (params, call) =>
        this.jobs.run('evaluate', 'Reading predictions', call, async (work) => {
          const imported = await this.session.imported.import(params, work);
          this.changed('evaluations');
          return imported;
        }),
      'evaluations.export': async ({ evaluationId, path }) => {
        const predictions = await (await this.kept(evaluationId)).written(evaluationId);
        await writeFileAtomic(path, predictionsText(path, predictions));
        return { path, lines: predictions.length };
      },
    } satisfies Partial<Handlers>;
  }

  private trainingHandlers() {
    const titles = { sft: 'SFT', grpo: 'GRPO' };
    const train = (
      title: string,
      runId: string,
      call: { signal?: AbortSignal; onProgress?: (progress: TrainingProgress) => void },
    ) =>
      this.lasting('train', title, { method: 'training.resume', params: { runId } }, call, (work) =>
        this.trained(this.session.trainings.resume(runId, work)),
      );
    return {
      'training.fields': ({ kind }) => this.session.trainings.fields(kind),
      'training.list': () => this.session.trainings.list(),
      'training.log': ({ runId }) => this.session.trainings.log(runId),
      'training.plan': (params) => this.session.trainings.plan(params),
      'training.completions': ({ runId, step }) => this.session.trainings.completions(runId, step),
      'training.export': (params, call) =>
        this.jobs.run('export', 'Exporting a run for TRL', call, (work) =>
          this.session.trainingExports.write(params, work),
        ),
      'training.import': (params) => {
        const read = this.session.trainingImports.read(params);
        return this.trained(read.then((runId) => this.session.trainings.run(runId)));
      },
      'training.run': async (params, call) =>
        train(`${titles[params.kind]}: ${params.name}`, await this.session.trainings.begin(params), call),
      'training.resume': ({ runId }, call) => train(`Training goes on: ${runId}`, runId, call),
    } satisfies Partial<Handlers>;
  }

  private traceHandlers() {
    const changed = async <T>(result: Promise<T>): Promise<T> => {
      try {
        return await result;
      } finally {
        this.changed('traces');
      }
    };
    return {
      'traces.list': ({ datasetId }) => this.session.traces.list(datasetId),
      'traces.ask': (params, call) =>
        this.jobs.run('teach', 'Asking the teacher for traces', call, (work) =>
          changed(this.session.traces.ask(params, work)),
        ),
      'traces.decide': (params) => changed(this.session.traces.decide(params)),
      'traces.undo': ({ datasetId }) => changed(this.session.traces.undo(datasetId)),
      'traces.import': (params) => changed(this.session.traces.import(params)),
      'traces.export': (params) => this.session.traces.export(params),
    } satisfies Partial<Handlers>;
  }

  private async trained(run: Promise<TrainingRun>): Promise<TrainingRun> {
    try {
      const done = await run;
      this.changed('checkpoints');
      return done;
    } finally {
      this.changed('training');
    }
  }

  private reportHandlers() {
    return {
      'report.sections': () => this.session.reports.sections(),
      'report.films': (params) => this.session.reports.films(params),
      'report.render': (params, call) =>
        this.jobs.run('report', 'Drawing the report', call, (work) => this.session.reports.render(params, work)),
      'report.save': (params, call) =>
        this.jobs.run('report', 'Writing the report', call, (work) => this.session.reports.save(params, work)),
      'report.export': (params, call) =>
        this.jobs.run('report', 'Exporting the figures', call, (work) => this.session.reports.export(params, work)),
    } satisfies Partial<Handlers>;
  }
}

function endsItsEngine(title: string): WorkbenchError {
  return new WorkbenchError(
    'WORK_ENDS_ENGINE',
    'This work ended its engine process several times without getting further, and was not started again.',
    { work: title },
    'Start it again with less at once: a smaller batch, fewer threads or a smaller model.',
  );
}
