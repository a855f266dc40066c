/** The application: its engine, workspace and jobs, and what was dropped or opened. Part of the contract (../contract.ts). */
import type { ErrorData } from '../../base/errors.ts';
import type { Progress } from '../../base/progress.ts';
import type { Label } from '../../labels/labels.ts';
import type { ExecutorInfo } from '../../models/runner.ts';
import type { GenerationProgress } from './answers.ts';
import type { EvaluationProgress } from './evaluations.ts';
import type { ScanProgress } from './films.ts';
import type { TrainingProgress } from './training.ts';

export interface EngineInfo {
  /** What generates: ONNX Runtime where it is there. */
  generation: ExecutorInfo;
  /** What trains: libtensorflow where it was built, else wasm. */
  training: ExecutorInfo;
  processId: number;
  memoryBytes: number;
}

export interface AppState {
  version: string;
  engine: EngineInfo;
  workspace: { path: string; name: string; builtIn: boolean };
  /** Every address that anything may be sent to. Empty: nothing leaves this machine. */
  network: string[];
  paperLabels: { chexpert: readonly Label[]; nih: readonly Label[] };
}

export interface JobInfo {
  id: string;
  kind: 'scan' | 'generate' | 'evaluate' | 'train' | 'report' | 'load' | 'canary' | 'export' | 'teach';
  title: string;
  /** `paused`: it keeps what it has opened, and waits to go on or to be cancelled; after a restart too. */
  state: 'running' | 'paused' | 'done' | 'failed' | 'cancelled';
  /** `asked`: it pauses after what it is at, or has. Absent: it cannot be paused. */
  pause?: 'possible' | 'asked';
  /** The last progress of its request, whole: a window opened later sees the grid of a running evaluation too. */
  progress: Progress | ScanProgress | GenerationProgress | EvaluationProgress | TrainingProgress | null;
  error: ErrorData | null;
  startedAt: string;
}

/** What a path is, judged by what lies there (headers and column names only). */
export interface RecognisedPath {
  path: string;
  kind: 'films' | 'table' | 'base' | 'adapter' | 'workspace' | 'unknown';
  /** For tables; null: its columns are none of these, and have to be told. */
  table: 'chexpert' | 'nih' | 'mimic' | null;
}

/** Something that was opened before; a menu offers it again. */
export interface RecentPath {
  path: string;
  kind: 'films' | 'table' | 'workspace';
}

/** What was taken out of the lists of this workspace and of this user; each can be put back. */
export interface Removed {
  collections: { id: string; name: string }[];
  /** Opened films. */
  films: { id: string; path: string }[];
  checkpoints: { id: string; name: string }[];
  servers: { id: string; name: string; address: string }[];
}
