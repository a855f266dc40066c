/**
 * The engine: every request of the contract, answered from one open workspace by the handlers of `handlers/`. Hosts make one
 * and give it a connection (server.ts); the command calls it directly.
 */
import { basename, join } from 'node:path';
import { VERSION } from '../base/version.ts';
import { CHEXPERT_LABELS, NIH_NINE } from '../labels/labels.ts';
import { bestExecutor } from '../models/openRunner.ts';
import { cacheDirectory } from '../platform/node.ts';
import type { Platform } from '../platform/platform.ts';
import type { Device } from '../tensor/executor.ts';
import { bestTrainer } from '../training/openEngine.ts';
import { Workspace } from '../workspace/workspace.ts';
import { addBuiltInCheckpoints, addBuiltInDatasets, addBuiltInStudies, openBuiltIn } from './builtIn.ts';
import {
  type AppState,
  type CheckedParameters,
  type Checkpoint,
  type Engine,
  type EngineEvent,
  type Method,
  parameters,
  type RecentPath,
  type Results,
} from './contract.ts';
import { answerHandlers } from './handlers/answers.ts';
import { checkpointHandlers, serverHandlers } from './handlers/checkpoints.ts';
import type { Call, Changed, EngineContext, Handlers } from './handlers/context.ts';
import { evaluationHandlers, reportHandlers } from './handlers/evaluations.ts';
import { filmHandlers } from './handlers/films.ts';
import { traceHandlers, trainingHandlers } from './handlers/training.ts';
import { workspaceHandlers } from './handlers/workspace.ts';
import { Jobs } from './jobs.ts';
import { LastingJobs } from './lastingJobs.ts';
import type { ModelOptions, Opening } from './models.ts';
import { Recent } from './recent.ts';
import { Servers } from './servers.ts';
import { Session } from './session.ts';
import { Settings } from './settings.ts';

export interface EngineOptions extends ModelOptions {
  /** Folder of the workspace to open; absent: the built-in one in the user's folder, made where it is missing. */
  workspace?: string;
  /** Every checkpoint reads the canary film when it is opened, where that costs seconds. Absent: only when asked. */
  canaries?: boolean;
  /** Evaluations, training runs and questions to a teacher that an ended process left unfinished go on. The hosts with screens ask for it. */
  goOn?: boolean;
  /** Of servers, by address: what goes on needs them at once. */
  keys?: Record<string, string>;
}

/** Films of each built-in data set. */
const BUILT_IN_FILMS = 200;

/** The engine on a workspace. Films and checkpoints of the built-in one are added in the background, as a job. */
export async function createEngine(platform: Platform, options: EngineOptions = {}): Promise<Engine> {
  const engine = new LocalEngine(platform, options);
  await engine.open(options.workspace);
  return engine;
}

/** What follows from an answer can wait until the answer is drawn. */
const CHANGED_SOON_MS = 100;

class LocalEngine implements Engine, EngineContext {
  private readonly listeners = new Set<(event: EngineEvent) => void>();
  readonly jobs: Jobs;
  readonly lasting: LastingJobs;
  session!: Session;
  settings!: Settings;
  servers!: Servers;
  recent!: Recent;
  private readonly handlers: Handlers;
  private readonly soonChanged = new Set<Changed>();
  readonly options: EngineOptions;

  constructor(
    private readonly platform: Platform,
    options: EngineOptions,
  ) {
    this.options = { cacheDir: cacheDirectory(platform.userDir), ...options };
    this.jobs = new Jobs((event) => this.emit(event), platform.now);
    this.lasting = new LastingJobs(this.jobs, ({ method, params }) => this.call(method, params));
    this.handlers = {
      ...workspaceHandlers(this),
      ...filmHandlers(this),
      ...checkpointHandlers(this),
      ...serverHandlers(this),
      ...answerHandlers(this),
      ...evaluationHandlers(this),
      ...reportHandlers(this),
      ...trainingHandlers(this),
      ...traceHandlers(this),
    };
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
    this.servers ??= await this.openServers();
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
    if (this.options.goOn) await this.lasting.goOn(workspace);
  }

  private async openServers(): Promise<Servers> {
    const servers = await Servers.open(this.platform.userDir);
    for (const [address, key] of Object.entries(this.options.keys ?? {})) servers.setKey(address, key);
    return servers;
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
      if (collections.isEmpty) {
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
  askCanaries(added?: Checkpoint): void {
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

  changed(what: Changed): void {
    this.emit({ type: 'changed', what });
  }

  changedSoon(what: Changed): void {
    if (this.soonChanged.has(what)) return;
    this.soonChanged.add(what);
    setTimeout(() => {
      this.soonChanged.delete(what);
      this.changed(what);
    }, CHANGED_SOON_MS).unref();
  }

  /** The list of what was opened is a comfort: where it cannot be written, the opening was a success all the same. */
  async opened(kind: RecentPath['kind'], paths: string[]): Promise<void> {
    await this.recent.add(kind, paths).catch(() => {});
    this.changed('recent');
  }

  async state(): Promise<AppState> {
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

  device(): Device {
    return this.options.device ?? this.settings.device();
  }
}
