/** Checkpoints on this machine and on servers. Part of the contract (../contract.ts). */
import type { ErrorData } from '../../base/errors.ts';
import type { AnswerFormat } from '../../findings/types.ts';
import type { ServerKind } from '../../generation/remote/chat.ts';
import type { RemoteModel } from '../../generation/remote/detect.ts';
import type { Label } from '../../labels/labels.ts';
import type { PrecisionChoice } from '../../models/openRunner.ts';
import type { ModelInfo } from '../../models/runner.ts';
import type { Precision } from '../../tensor/precision.ts';
import type { ChosenOn } from '../../training/types.ts';

/** A checkpoint: a base model folder, or an adapter on one. */
export interface Checkpoint {
  id: string;
  name: string;
  /** Decides its colour everywhere. */
  role: 'base' | 'sft' | 'grpo' | 'other';
  /** Folder, relative to the workspace where it lies in it. */
  path: string;
  /** Id of the base checkpoint, for adapters. */
  baseId: string | null;
  /** Where its training data came from ("phantom m", "MIMIC-CXR-JPG"); empty: unknown. */
  trainingSource: string;
  /** Name of the preset that turns a film into model input. */
  preprocessing: string;
  promptId: string;
  maxNewTokens: number;
  /** Knows phantom films only; what it says about a real film means nothing. */
  phantomOnly: boolean;
  /** What decided which step of its training was kept; `probe-target`: films of the other institution. */
  chosenOn?: ChosenOn;
  hash: string;
  info: ModelInfo | null;
  bytes: number;
  /** Median time of an answer on this machine, from the answers so far; null before the first. What asking will cost. */
  secondsPerFilm: number | null;
  warnings: string[];
  /** Set where the folder cannot be used. */
  error: ErrorData | null;
  /** Where a server answers in its place; absent: its folder lies on this machine. */
  server?: RemoteTarget;
  /** How its answers are written; absent: `solution`, as the paper's. */
  answerFormat?: AnswerFormat;
  /** The form that a base model's weights are read in; absent: `auto`. */
  precision?: PrecisionChoice;
  /** What it said to the canary film; absent: not asked yet. */
  canary?: Canary;
}

/** A form that the weights of a base model may have in memory. */
export interface PrecisionForm {
  precision: Precision;
  /** It is what the checkpoint is read with. */
  used: boolean;
  /** It is what this machine's memory suggests. */
  recommended: boolean;
  /** Of the weights: parameters times bytes. */
  memoryBytes: number;
  /** Of the converted weights in the cache; 0: not made yet, or needs none. */
  diskBytes: number;
  /** null: not measured. */
  distance: PrecisionDistance | null;
}

/** How far a precision is from f32 on phantom films. */
export interface PrecisionDistance {
  films: number;
  /** Tokens of the f32 answers at which logits were compared. */
  positions: number;
  /** Root mean square of the difference of centred logits, relative to theirs. */
  relativeLogitError: number;
  /** Mean KL(f32, this) in nats. */
  klDivergence: number;
  /** Part of the positions at which the most probable token is the same. */
  sameToken: number;
  /** Part of the label decisions (films x 14) that are the same. */
  labelAgreement: number;
  /** Films with the same findings. */
  sameFindings: number;
}

/** A checkpoint on a server. */
export interface RemoteTarget {
  address: string;
  /** As it was when the server was last asked. */
  kind: ServerKind;
  version: string;
  /** What a request names. */
  model: string;
  /** The base model of an adapter; null: a base model. */
  parent: string | null;
  precision: string;
}

/** A server that the user configured: nothing is sent to any other. */
export interface ServerInfo {
  id: string;
  name: string;
  address: string;
  /** null: it has not answered yet. */
  kind: ServerKind | null;
  version: string;
  models: RemoteModel[];
  /** Where its key comes from; the key itself never comes back. */
  key: 'none' | 'session' | 'environment';
  /** The environment variable that can hold it. */
  keyVariable: string;
  /** Requests at once. */
  concurrency: number;
  timeoutSeconds: number;
  error: ErrorData | null;
}

/** The same phantom film, read by a checkpoint and by its base when it is opened: shows at once what an adapter changes. */
export interface Canary {
  text: string;
  findings: Label[];
  parseFailure: string | null;
  /** Of its first tokens, natural logarithms. */
  logprobs: number[];
  executor: string;
  at: string;
  /** null: a base model. */
  base: { text: string; findings: Label[]; largestDifference: number | null; same: boolean } | null;
}
