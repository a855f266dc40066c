/** What the handlers of requests share: the open workspace, the jobs, and how the screens hear of a change. */
import type { Device } from '../../tensor/executor.ts';
import type {
  AppState,
  CheckedParameters,
  Checkpoint,
  EngineEvent,
  Method,
  ProgressOf,
  RecentPath,
  Results,
} from '../contract.ts';
import type { Jobs } from '../jobs.ts';
import type { LastingJobs } from '../lastingJobs.ts';
import type { ModelOptions } from '../models.ts';
import type { Recent } from '../recent.ts';
import type { Servers } from '../servers.ts';
import type { Session } from '../session.ts';
import type { Settings } from '../settings.ts';

/** Of a request: its cancellation, and who hears of its progress. */
export interface Caller<P> {
  signal?: AbortSignal;
  onProgress?: (progress: P) => void;
}

export type Call<M extends Method> = Caller<ProgressOf[M]>;

export type Handlers = {
  [M in Method]: (params: CheckedParameters<M>, call: Call<M>) => Promise<Results[M]> | Results[M];
};

export type Changed = Extract<EngineEvent, { type: 'changed' }>['what'];

export interface EngineContext {
  /** Of the workspace that is open now. */
  readonly session: Session;
  readonly settings: Settings;
  readonly servers: Servers;
  readonly recent: Recent;
  readonly jobs: Jobs;
  readonly lasting: LastingJobs;
  readonly options: ModelOptions;
  open(folder: string | undefined): Promise<void>;
  state(): Promise<AppState>;
  device(): Device;
  changed(what: Changed): void;
  /** When the answer to the request is out, and once for several of them. */
  changedSoon(what: Changed): void;
  /** Remembers what was opened. */
  opened(kind: RecentPath['kind'], paths: string[]): Promise<void>;
  askCanaries(added?: Checkpoint): void;
}
