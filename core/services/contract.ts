/**
 * The one contract between the screens (renderer), the command (main/headless) and the engine (core): requests with
 * typed parameters and results, progress streams, cancellation, errors as data, and events. Pure: no Node, no DOM.
 *
 * Transport: `Envelope`s over a MessagePort (Electron; structured clone carries typed arrays) or a WebSocket on loopback
 * (CBOR; typed arrays again). A request has an id; any number of `progress` envelopes follow, then one `result` or
 * `error`. `cancel` asks the engine to stop the request of that id; it then ends with the error CANCELLED.
 */
import { z } from 'zod';
import type { ErrorData } from '../base/errors.ts';
import type { Progress } from '../base/progress.ts';
import { type ColumnMapping, columnMappingSchema, type TableLook } from '../datasets/columnMapping.ts';
import type { Film } from '../dicom/film.ts';
import type { ScanReport, ScanSummary } from '../dicom/scan.ts';
import type { CautionCode } from '../dicom/suitability.ts';
import type { Thumbnail } from '../dicom/thumbnail.ts';
import type { RejectedLine } from '../evaluation/predictionsFile.ts';
import type { EvaluationResult } from '../evaluation/types.ts';
import type { AnswerFormat, Reading } from '../findings/types.ts';
import type { ServerKind } from '../generation/remote/chat.ts';
import type { RemoteModel, ServerFacts } from '../generation/remote/detect.ts';
import { CHEXPERT_LABELS, isLabel, type Label, type LabelValues } from '../labels/labels.ts';
import type { UncertaintyPolicies } from '../labels/uncertainty.ts';
import type { PrecisionChoice } from '../models/openRunner.ts';
import type { ExecutorInfo, ModelInfo } from '../models/runner.ts';
import type { Precision } from '../tensor/precision.ts';
import type { Prompt } from '../text/types.ts';
import type { MemoryPlan } from '../training/plan.ts';
import type {
  Chosen,
  ChosenOn,
  ConfigField,
  Departure,
  GateResult,
  ProbeRole,
  TrainingLogLine,
} from '../training/types.ts';
import { type Annotation, annotation, type FindingBox, imageHash } from './annotations.ts';
import { type ReaderFindings, readerFindings } from './readers.ts';

// ---------------------------------------------------------------------------------------------- what is on the screens

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

/** A row of the study list: one film (instance) with its study. */
export interface FilmEntry {
  id: string;
  /** Where it came from: a data set's id, or `opened` for what the user opened. */
  collectionId: string;
  path: string;
  frame: number;
  patientId: string;
  patientName: string;
  patientSex: string;
  patientAge: string;
  studyDate: string;
  studyInstanceUid: string;
  /** Empty for films of a label table. */
  seriesInstanceUid: string;
  description: string;
  modality: string;
  viewPosition: string;
  rows: number;
  columns: number;
  /** From a label table, where there is one. */
  truth: LabelValues | null;
  /** A phantom, not a patient. */
  phantom: boolean;
  /** Why a model must not read it without being asked to: lateral, for processing, no chest, view not known. */
  cautions: CautionCode[];
  /** The same in words, and what else a person should know. */
  warnings: string[];
}

export interface Collection {
  id: string;
  name: string;
  kind: 'opened' | 'chexpert' | 'nih' | 'mimic' | 'custom';
  /** Its part in the question: where the checkpoints' conventions come from, or another institution. */
  role: 'training-source' | 'source' | 'target' | 'probe-source' | 'probe-target' | 'none';
  path: string;
  patients: number;
  studies: number;
  /** Where series are not known, their studies. */
  series: number;
  films: number;
  policy: UncertaintyPolicies;
  /** What is scored: each film, or each study; which films are read; how those of a study become one answer. */
  unit: 'image' | 'study';
  views: 'frontal' | 'all' | 'AP' | 'PA';
  aggregation: 'any' | 'majority' | 'first';
  /** What was read otherwise than it stands in the table, rows that were left out, patients on both sides. */
  notes: string[];
  /** The labels that its table can say something about. */
  labels: Label[];
}

/** A film's answer by a checkpoint. Its key holds everything that may change it; nothing is computed twice. */
export interface Prediction {
  key: string;
  filmId: string;
  checkpointId: string;
  text: string;
  reading: Reading;
  tokenIds: number[];
  /** Natural logarithm of the probability of every token. */
  logprobs: number[];
  /** The tokens as a server wrote them; absent where the model's own tokenizer is here. */
  tokens?: string[];
  /** The user's own question (its promptId is `own`); absent: a prompt by its id. */
  promptText?: string;
  /** `end`: an end token; `length`: maximum tokens; `cancelled` answers are not kept. */
  stop: 'end' | 'length';
  provenance: Provenance;
  seconds: { vision: number; prefill: number; decode: number };
  createdAt: string;
  /** Where they were asked for; their method is part of the key. */
  probabilities?: LabelProbabilities;
}

/** How sure the checkpoint is of each label (core/generation/labelProbabilities.ts says what each method means). */
export interface LabelProbabilities {
  method: string;
  values: Partial<Record<Label, number>>;
  /** `answer-tree`: share of the answers that were not looked at; no value is further off than this. */
  unexplored?: number;
  /** `frequency`: completions counted, and those among them that could not be read. */
  samples?: number;
  failures?: number;
}

/** Several answers of one checkpoint to one film, drawn with seeds one after the other: what changes between them is noise. */
export interface SampledAnswers {
  /** Stored like any other answer; sample i has seed + i. */
  predictions: Prediction[];
  /** How many of the samples name a label, in the order of the 14; an answer that cannot be read names none. */
  frequency: { label: Label; count: number }[];
  /** Samples that cannot be read. */
  failures: number;
}

/** An answer as the network has it. */
export interface InspectedAnswer {
  /** The rendered prompt with its marks; each image stands as its placeholder. */
  prompt: string;
  /** Tokens of the prompt, the image's included; null: the server's own template made them. */
  promptTokens: number | null;
  /** The written tokens, one for each of `tokenIds`; joined they are the completion with its special tokens. */
  tokens: string[];
}

/** By film id, then by checkpoint id; null: the answer could not be read. */
export type AnswerIndex = Record<string, Record<string, Label[] | null>>;

export interface Provenance {
  imageHash: string;
  preprocessing: string;
  baseHash: string;
  adapterHash: string | null;
  promptId: string;
  /** Of the instruction. */
  promptHash: string;
  /** Of the model's chat template; absent: the server's. */
  templateHash?: string;
  temperature: number;
  topP: number;
  /** 0: off. */
  topK: number;
  seed: number;
  maxNewTokens: number;
  precision: string;
  /** On a server: its kind. */
  executor: string;
  executorVersion: string;
  /** Only on a server: its address, and its name of the model. */
  server?: string;
  serverModel?: string;
  /** Which reader read the answer; absent: the paper's format. */
  answerFormat?: AnswerFormat;
  /** Method of the label probabilities; absent: none. */
  probabilityMethod?: string;
}

export interface FilmView {
  entry: FilmEntry;
  film: Film;
}

/** The exact pixels that the model receives, 8-bit, before normalization. */
export interface ModelView {
  width: number;
  height: number;
  gray: Uint8Array;
  preprocessing: string;
}

export interface ScanProgress extends ScanReport {
  /** Films found since the last report; the first arrive before the scan ends. */
  found: FilmEntry[];
}

export interface JobInfo {
  id: string;
  kind: 'scan' | 'generate' | 'evaluate' | 'train' | 'report' | 'load' | 'canary' | 'export';
  title: string;
  state: 'running' | 'done' | 'failed' | 'cancelled';
  /** The last progress of its request, whole: a window opened later sees the grid of a running evaluation too. */
  progress: Progress | ScanProgress | GenerationProgress | EvaluationProgress | TrainingProgress | null;
  error: ErrorData | null;
  startedAt: string;
}

/** What an export without patients came to. */
export interface DeidentifySummary {
  out: string;
  patients: number;
  studies: number;
  films: number;
  /** `to` is relative to `out`. Where pixels may identify (text burned in), somebody has to look at them. */
  files: { file: string; to: string; pixelsMayIdentify: boolean; warnings: string[] }[];
  rejected: { file: string; code: string; message: string }[];
  seconds: number;
}

/** What a path is, judged by what lies there (headers and column names only). */
export interface RecognisedPath {
  path: string;
  kind: 'films' | 'table' | 'base' | 'adapter' | 'workspace' | 'unknown';
  /** For tables. */
  table: 'chexpert' | 'nih' | 'mimic' | null;
}

/** Something that was opened before; a menu offers it again. */
export interface RecentPath {
  path: string;
  kind: 'films' | 'table' | 'workspace';
}

export interface EvaluationSummary {
  id: string;
  name: string;
  createdAt: string;
  state: 'running' | 'stopped' | 'complete';
  datasetIds: string[];
  checkpointIds: string[];
  limit: number | null;
  /** By data set: films that were left out because the models were not made for them, by the first reason. */
  leftOut: Record<string, Partial<Record<CautionCode, number>>>;
  done: number;
  total: number;
}

/** The grid while it fills; `cells` are in the order datasets x checkpoints. */
export interface EvaluationProgress extends Progress {
  evaluationId: string;
  cells: {
    datasetId: string;
    checkpointId: string;
    done: number;
    total: number;
    failures: number;
    macroF1: number | null;
  }[];
}

/** A film that a report can show. */
export interface ReportFilm {
  filmId: string;
  datasetId: string;
  /** Its place in the data set: its name in the report. */
  number: number;
  /** Jaccard index of the second checkpoint (GRPO) less that of the first (SFT): above 0, it reads the film better. */
  gain: number;
}

export interface EvaluationCost {
  films: number;
  alreadyDone: number;
  /** null where nothing has been measured yet. */
  estimatedSeconds: number | null;
  /** Films that the models were not made for, by the first reason; `unsuitable` says whether they are read. */
  leftOut: Partial<Record<CautionCode, number>>;
}

/** Input that a run did not learn from: how many of a kind, and the first few by name. */
export interface LeftOut {
  reason:
    | 'trace-line'
    | 'trace-form'
    | 'trace-labels'
    | 'trace-without-film'
    | 'image'
    | 'film-without-trace'
    | 'film-without-labels';
  count: number;
  first: string[];
}

/** One institution's part of a run's probe. */
export interface ProbePart {
  role: ProbeRole;
  name: string;
  films: number;
  /** Patients that were left out, because a test set or the training films have them too. */
  patientsLeftOut: number;
}

/** A row of a run's completions.jsonl. */
export interface CompletionRow {
  step: number;
  /** The film. */
  id: string;
  completion: string;
  tokens: number;
  stop: 'end' | 'length';
  reward: number | null;
  terms: Record<string, number>;
  advantage: number | null;
}

export interface TrainingRun {
  id: string;
  name: string;
  kind: 'sft' | 'grpo';
  /** `paused`: the disk is full; it goes on by itself when there is room. */
  state: 'running' | 'paused' | 'stopped' | 'complete' | 'failed';
  createdAt: string;
  steps: number;
  totalSteps: number;
  path: string;
  config: Record<string, unknown>;
  /** Fields that differ from the paper: asked, run, and why. */
  departures: Departure[];
  /** The checkpoint that it made, while the workspace has it. */
  checkpointId: string | null;
  /** The films that are looked at while it trains; empty: none. */
  probe: ProbePart[];
  /** Films and traces that it leaves out, and why. */
  leftOut: LeftOut[];
  /** What the integrity gates found so far. */
  gates: GateResult[];
  /** Of a complete run: the step whose adapter it kept, and what that was decided on. */
  chosen: Chosen | null;
  error: ErrorData | null;
}

export type { AnnotationKind } from './annotationKinds.ts';
export type { Annotation, FindingBox } from './annotations.ts';
export type { NewReaderFindings, ReaderFindings } from './readers.ts';
export type {
  ColumnMapping,
  ConfigField,
  GateResult,
  Prompt,
  RemoteModel,
  ScanSummary,
  ServerFacts,
  ServerKind,
  TableLook,
  Thumbnail,
  TrainingLogLine,
};

// ---------------------------------------------------------------------------------------------------------- requests

const id = z.string().min(1).max(200);
const path = z.string().min(1).max(4096);
const none = z.object({}).strict();
/** Label probabilities: from the answers that the model might give after its reasoning, or counted over samples. */
const probabilities = z
  .discriminatedUnion('method', [
    z.object({ method: z.literal('answer-tree') }).strict(),
    z
      .object({
        method: z.literal('frequency'),
        samples: z.number().int().min(1).max(1024),
        temperature: z.number().gt(0).max(10).default(0.8),
        topP: z.number().gt(0).max(1).default(0.95),
      })
      .strict(),
  ])
  .optional();
export type ProbabilitySettings = NonNullable<z.output<typeof probabilities>>;

/** What a report is of; what is absent is all that the evaluation has. */
const reportChoice = {
  evaluationId: id,
  /** In the order in which they are printed. */
  sections: z.array(z.string()).min(1).optional(),
  checkpointIds: z.array(id).min(1).optional(),
  datasetIds: z.array(id).min(1).max(2).optional(),
  /** Figures are worked out on these alone. */
  labels: z.array(z.enum(CHEXPERT_LABELS)).min(1).optional(),
  /** Films that are shown; absent: of each data set those on which the readings differ most. */
  films: z.array(id).max(100).optional(),
  filmsOfEach: z.number().int().min(0).max(40).optional(),
  /** ISO 8601; absent: now. Stands in the file's metadata only. */
  date: z.iso.datetime().optional(),
};
const policy = z.enum(['zeros', 'ones', 'ignore']);
/** One policy for all labels, or others for some of them. */
const policies = z.union([
  policy,
  z
    .object({
      otherwise: policy,
      labels: z.partialRecord(
        z
          .string()
          .refine(isLabel, 'not one of the 14 labels')
          .transform((name) => name as Label),
        policy,
      ),
    })
    .strict(),
]);

/** Films that the models were not made for (lateral, for processing, no chest, view not known): left out, or read too. */
const unsuitable = z.enum(['exclude', 'include']).default('exclude');

/** What a request may carry; checked at the engine's door. */
export const parameters = {
  'app.state': none,
  'workspace.open': z.object({ path }).strict(),
  /** What was dropped or pasted; the screen then calls films.add, datasets.add, checkpoints.add or workspace.open. */
  'paths.recognise': z.object({ paths: z.array(path).min(1).max(10_000) }).strict(),
  'recent.list': none,
  'recent.clear': none,
  'collections.list': none,
  /** Opens files, folders and DICOMDIRs; headers only. Progress: ScanProgress. */
  'films.add': z.object({ paths: z.array(path).min(1).max(10_000) }).strict(),
  /** With `from` and `limit` a part of the list; a part that is shorter than its limit is the last. */
  'films.list': z
    .object({
      collectionId: id.optional(),
      from: z.number().int().min(0).optional(),
      limit: z.number().int().min(1).optional(),
    })
    .strict(),
  'films.open': z.object({ filmId: id, frame: z.number().int().min(0).optional() }).strict(),
  'films.modelView': z.object({ filmId: id, checkpointId: id }).strict(),
  /** For the study list; cancelled where it has left the screen. */
  'films.thumbnail': z.object({ filmId: id }).strict(),
  /** Copies under PS3.15's Basic Application Level Confidentiality Profile; the sources are only read. */
  'films.deidentify': z
    .object({
      filmIds: z.array(id).min(1).max(1_000_000),
      out: path,
      dates: z.enum(['remove', 'shift']).default('remove'),
      keepPatientCharacteristics: z.boolean().default(false),
    })
    .strict(),
  /** What was drawn on a frame, and the boxes that its data set has for it. */
  'annotations.ofFilm': z.object({ filmId: id, imageHash }).strict(),
  /** Replaces what is drawn on a frame. */
  'annotations.set': z.object({ imageHash, annotations: z.array(annotation).max(1000) }).strict(),
  'datasets.add': z
    .object({
      kind: z.enum(['chexpert', 'nih', 'mimic', 'custom']),
      csv: path,
      images: path.optional(),
      /** Of `custom`: what its columns are. */
      mapping: columnMappingSchema.optional(),
      policy: policies.default('zeros'),
      /** Absent: study where the table has one row a study, else image. */
      unit: z.enum(['image', 'study']).optional(),
      views: z.enum(['frontal', 'all', 'AP', 'PA']).default('frontal'),
      aggregation: z.enum(['any', 'majority', 'first']).default('first'),
      role: z.enum(['training-source', 'source', 'target', 'probe-source', 'probe-target', 'none']).default('none'),
      name: z.string().max(200).optional(),
    })
    .strict(),
  /** A table of any form: its columns, what stands in them, and a first mapping. */
  'datasets.look': z.object({ csv: path }).strict(),
  'checkpoints.list': none,
  /** A folder: a base model or an adapter, recognised by what lies in it. */
  'checkpoints.add': z
    .object({ path, name: z.string().max(200).optional(), role: z.enum(['base', 'sft', 'grpo', 'other']).optional() })
    .strict(),
  'checkpoints.remove': z.object({ checkpointId: id }).strict(),
  /** A model or an adapter of a configured server. */
  'checkpoints.addRemote': z
    .object({
      serverId: id,
      model: z.string().min(1).max(500),
      name: z.string().max(200).optional(),
      role: z.enum(['base', 'sft', 'grpo', 'other']).optional(),
      preprocessing: z.string().max(100).optional(),
      promptId: id.optional(),
      maxNewTokens: z.number().int().min(1).max(32_768).optional(),
      trainingSource: z.string().max(200).optional(),
      answerFormat: z.enum(['solution', 'answer']).optional(),
    })
    .strict(),
  /** The forms of a base model's weights. */
  'checkpoints.precisions': z.object({ checkpointId: id }).strict(),
  /** Reads the base model, and so its adapters, in this precision from now on; converts the weights where needed. */
  'checkpoints.setPrecision': z
    .object({ checkpointId: id, precision: z.enum(['auto', 'f32', 'int8', 'int4']) })
    .strict(),
  /** Its distance from f32 on phantom films. */
  'checkpoints.measurePrecision': z
    .object({
      checkpointId: id,
      precision: z.enum(['int8', 'int4']),
      films: z.number().int().min(1).max(1000).default(8),
    })
    .strict(),
  /** Removes the converted weights from the cache. */
  'checkpoints.removeForms': z.object({ checkpointId: id }).strict(),
  /** Asks it about the canary film again. */
  'checkpoints.canary': z.object({ checkpointId: id }).strict(),
  'servers.list': none,
  /** What is at an address, before it is added. */
  'servers.probe': z.object({ address: z.string().min(1).max(500), key: z.string().max(4096).optional() }).strict(),
  'servers.add': z
    .object({
      address: z.string().min(1).max(500),
      name: z.string().min(1).max(100).optional(),
      key: z.string().max(4096).optional(),
      concurrency: z.number().int().min(1).max(256).optional(),
      timeoutSeconds: z.number().min(1).max(86_400).optional(),
    })
    .strict(),
  'servers.refresh': z.object({ serverId: id }).strict(),
  'servers.remove': z.object({ serverId: id }).strict(),
  /** For this session, in memory; an empty key forgets it. */
  'servers.setKey': z.object({ address: z.string().min(1).max(500), key: z.string().max(4096) }).strict(),
  /** vLLM: an adapter that lies on the server's disk. */
  'servers.loadAdapter': z.object({ serverId: id, name: z.string().min(1).max(200), path }).strict(),
  'prompts.list': none,
  /** Files of the workspace's prompts folder that cannot be used, and why. */
  'prompts.problems': none,
  /** The answers that are there already, by checkpoint id; with a prompt, those to it. */
  'predictions.ofFilm': z.object({ filmId: id, promptId: id.optional() }).strict(),
  /** Progress: GenerationProgress, the text as it grows. */
  'predictions.generate': z
    .object({
      filmId: id,
      checkpointId: id,
      temperature: z.number().min(0).max(10).default(0),
      topP: z.number().gt(0).max(1).default(1),
      topK: z.number().int().min(0).default(0),
      seed: z.number().int().min(0).default(0),
      maxNewTokens: z.number().int().min(1).max(4096).optional(),
      /** Another of the instruction formats, or a question of the user's own; absent: the checkpoint's prompt. */
      promptId: id.optional(),
      promptText: z.string().min(1).max(20_000).optional(),
      probabilities,
    })
    .strict(),
  /** What the network was given and what it wrote, token by token, of an answer that is stored. */
  'predictions.inspect': z.object({ filmId: id, checkpointId: id, key: id }).strict(),
  /** What every checkpoint said of every film that it has read (greedy, with its own prompt): for filters. */
  'predictions.index': none,
  /** What readers found; the last of each film. */
  'readers.list': none,
  'readers.save': readerFindings,
  /** Draws the film's answer several times (GRPO's temperature and top-p by default). Progress: answers of all. */
  'predictions.sample': z
    .object({
      filmId: id,
      checkpointId: id,
      samples: z.number().int().min(1).max(64),
      temperature: z.number().gt(0).max(10).default(0.8),
      topP: z.number().gt(0).max(1).default(0.95),
      topK: z.number().int().min(0).default(0),
      seed: z.number().int().min(0).default(0),
      maxNewTokens: z.number().int().min(1).max(4096).optional(),
      promptId: id.optional(),
    })
    .strict(),
  'evaluations.list': none,
  'evaluations.cost': z
    .object({
      datasetIds: z.array(id).min(1),
      checkpointIds: z.array(id).min(1),
      limit: z.number().int().min(1).nullable(),
      unsuitable,
    })
    .strict(),
  /** Starts, or resumes the one with the same parameters. Progress: EvaluationProgress. */
  'evaluations.run': z
    .object({
      sourceDatasetId: id,
      targetDatasetId: id,
      checkpointIds: z.array(id).min(1),
      limit: z.number().int().min(1).nullable(),
      unsuitable,
      /** One prompt for all; absent: each checkpoint's own. */
      promptId: id.optional(),
      probabilities,
    })
    .strict(),
  'evaluations.result': z.object({ evaluationId: id }).strict(),
  /** Predictions made elsewhere: JSON lines, CSV, vLLM's batch output; truth from the file or from these data sets (absent: all). */
  'evaluations.import': z
    .object({ path, checkpoint: z.string().min(1).max(200).optional(), datasetIds: z.array(id).min(1).optional() })
    .strict(),
  /** Every answer as JSON lines, or as CSV where the path ends so: what `evaluations.import` reads. */
  'evaluations.export': z.object({ evaluationId: id, path }).strict(),
  /** The films behind a number: by cell and label, with truth and answer. */
  'evaluations.films': z
    .object({
      evaluationId: id,
      datasetId: id,
      checkpointId: id,
      label: z.string().optional(),
      outcome: z.enum(['tp', 'fp', 'fn', 'tn', 'failed']).optional(),
    })
    .strict(),
  'training.fields': z.object({ kind: z.enum(['sft', 'grpo']) }).strict(),
  'training.list': none,
  /** Progress: TrainingProgress. */
  'training.run': z
    .object({
      kind: z.enum(['sft', 'grpo']),
      name: z.string().min(1).max(120),
      startFromId: id,
      /** The films that are learned from; absent: the collection whose part is the training source. */
      datasetId: id.optional(),
      /** Films that are looked at while training; absent: the data sets whose part that is. */
      probe: z.object({ sourceId: id.optional(), targetId: id.optional() }).strict().optional(),
      config: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
    })
    .strict(),
  /** What such a run would need of memory, before it starts. */
  'training.plan': z
    .object({
      kind: z.enum(['sft', 'grpo']),
      startFromId: id,
      datasetId: id.optional(),
      config: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
    })
    .strict(),
  'training.resume': z.object({ runId: id }).strict(),
  'training.log': z.object({ runId: id }).strict(),
  /** The completions of a GRPO run's step; absent: of the last one that drew some. */
  'training.completions': z.object({ runId: id, step: z.number().int().min(1).optional() }).strict(),
  'report.sections': none,
  /** Films that a report can show, by how the readings differ. */
  'report.films': z.object({ evaluationId: id }).strict(),
  /** The PDF itself, for the preview; `report.save` writes the same bytes. */
  'report.render': z.object(reportChoice).strict(),
  'report.save': z.object({ ...reportChoice, path }).strict(),
  /** The same tables and figures in another form: a folder of files; JSON is one file. */
  'report.export': z.object({ ...reportChoice, format: z.enum(['csv', 'json', 'latex', 'svg']), path }).strict(),
  'jobs.list': none,
  'jobs.cancel': z.object({ jobId: id }).strict(),
  'settings.get': none,
  'settings.set': z.object({ key: z.string().max(100), value: z.string().max(10_000) }).strict(),
} as const;

export type Method = keyof typeof parameters;
/** As the caller writes it: defaults may be left out. */
export type Parameters<M extends Method> = z.input<(typeof parameters)[M]>;
/** As the engine receives it, checked and with defaults. */
export type CheckedParameters<M extends Method> = z.output<(typeof parameters)[M]>;

export interface GenerationProgress extends Progress {
  /** The whole text so far. */
  text: string;
}

export interface TrainingProgress extends Progress {
  runId: string;
  line: TrainingLogLine | null;
}

export interface Results {
  'app.state': AppState;
  'workspace.open': AppState;
  'paths.recognise': RecognisedPath[];
  'recent.list': RecentPath[];
  'recent.clear': null;
  'collections.list': Collection[];
  'films.add': ScanSummary;
  'films.list': FilmEntry[];
  'films.open': FilmView;
  'films.modelView': ModelView;
  'films.thumbnail': Thumbnail;
  'films.deidentify': DeidentifySummary;
  'annotations.ofFilm': { annotations: Annotation[]; boxes: FindingBox[] };
  'annotations.set': null;
  'datasets.add': Collection;
  'datasets.look': TableLook;
  'checkpoints.list': Checkpoint[];
  'checkpoints.add': Checkpoint;
  'checkpoints.remove': null;
  'checkpoints.precisions': PrecisionForm[];
  'checkpoints.setPrecision': PrecisionForm[];
  'checkpoints.measurePrecision': PrecisionForm[];
  'checkpoints.removeForms': PrecisionForm[];
  'checkpoints.addRemote': Checkpoint;
  'checkpoints.canary': Checkpoint;
  'servers.list': ServerInfo[];
  'servers.probe': ServerFacts & { address: string };
  'servers.add': ServerInfo;
  'servers.refresh': ServerInfo;
  'servers.remove': null;
  'servers.setKey': null;
  'servers.loadAdapter': ServerInfo;
  'prompts.list': Prompt[];
  'prompts.problems': ErrorData[];
  'predictions.ofFilm': Record<string, Prediction>;
  'predictions.generate': Prediction;
  'predictions.sample': SampledAnswers;
  'predictions.inspect': InspectedAnswer;
  'predictions.index': AnswerIndex;
  'readers.list': ReaderFindings[];
  'readers.save': ReaderFindings;
  'evaluations.list': EvaluationSummary[];
  'evaluations.cost': EvaluationCost;
  'evaluations.run': EvaluationResult;
  'evaluations.result': EvaluationResult;
  'evaluations.import': EvaluationSummary & { rejected: RejectedLine[]; rejectedCount: number };
  'evaluations.export': { path: string; lines: number };
  'evaluations.films': { entry: FilmEntry; truth: LabelValues; prediction: Prediction | null }[];
  'training.fields': ConfigField[];
  'training.list': TrainingRun[];
  'training.run': TrainingRun;
  'training.resume': TrainingRun;
  'training.log': TrainingLogLine[];
  'training.plan': MemoryPlan;
  'training.completions': { step: number | null; steps: number[]; rows: CompletionRow[] };
  'report.sections': { id: string; title: string }[];
  'report.films': ReportFilm[];
  'report.render': { pdf: Uint8Array; pages: number };
  'report.save': { path: string; pages: number; bytes: number };
  'report.export': { path: string; files: number };
  'jobs.list': JobInfo[];
  'jobs.cancel': null;
  'settings.get': Record<string, string>;
  'settings.set': null;
}

export interface ProgressOf extends Record<Exclude<Method, SpecialProgress>, Progress> {
  'films.add': ScanProgress;
  'predictions.generate': GenerationProgress;
  'evaluations.run': EvaluationProgress;
  'training.run': TrainingProgress;
  'training.resume': TrainingProgress;
}
type SpecialProgress = 'films.add' | 'predictions.generate' | 'evaluations.run' | 'training.run' | 'training.resume';

// ------------------------------------------------------------------------------------------------------------- events

/** What the engine says unasked; a screen that shows the thing reads it again. */
export type EngineEvent =
  | { type: 'jobs'; jobs: JobInfo[] }
  | {
      type: 'changed';
      what:
        | 'films'
        | 'collections'
        | 'checkpoints'
        | 'servers'
        | 'predictions'
        | 'evaluations'
        | 'training'
        | 'workspace'
        | 'recent';
    }
  /** From the host: the engine process ended and a new one is there. Requests under way ended with ENGINE_CRASHED. */
  | { type: 'engine-restarted'; reason: string }
  /** From the host: the user opened these through menu, file association or a second start. */
  | { type: 'open-paths'; paths: string[] }
  /** From the host: a menu item. */
  | { type: 'command'; command: string };

export type Envelope =
  | { kind: 'request'; id: number; method: Method; params: unknown }
  | { kind: 'cancel'; id: number }
  | { kind: 'progress'; id: number; progress: unknown }
  | { kind: 'result'; id: number; result: unknown }
  | { kind: 'error'; id: number; error: ErrorData }
  | { kind: 'event'; event: EngineEvent };

/** One end of a connection that carries envelopes: a MessagePort, a WebSocket, the pipe to a child process. */
export interface EnvelopePort {
  send(envelope: Envelope): void;
  onEnvelope(listener: (envelope: Envelope) => void): void;
  onClose(listener: (reason: string) => void): void;
}

/** The engine as its hosts call it. `Client` (client.ts) is the same thing on the other side of a transport. */
export interface Engine {
  call<M extends Method>(
    method: M,
    params: Parameters<M>,
    options?: { signal?: AbortSignal; onProgress?: (progress: ProgressOf[M]) => void },
  ): Promise<Results[M]>;
  onEvent(listener: (event: EngineEvent) => void): () => void;
}

// --------------------------------------------------------------------------------------- what the host does for a screen

export interface FileFilter {
  name: string;
  extensions: string[];
}

/** What the screens know of their host: made by renderer/bridge, in Electron from `DesktopHost`, else from the page's address. */
export interface HostBridge {
  host: 'electron' | 'browser';
  dialogs: boolean;
  engine: Engine;
  pickFiles(filters?: FileFilter[]): Promise<string[]>;
  pickFolder(): Promise<string | null>;
  pickSavePath(suggestion: string, filters?: FileFilter[]): Promise<string | null>;
  /** Paths of files dropped on the window. A browser knows none: the page host receives copies and answers with their paths. */
  pathsOfDrop(files: readonly unknown[]): Promise<string[]>;
  /** Shows a file in the system's file manager, where there is one. */
  reveal(path: string): Promise<void>;
  /** Size of the whole interface; 1 is the system's. */
  setZoom(factor: number): Promise<void>;
  /**
   * Keeps a server's key in the system's key store for the next sessions; an empty key forgets it. false: there is no safe
   * store, and the key lives in the engine's memory only.
   */
  keepKey(address: string, key: string): Promise<boolean>;
}

/** What the desktop host says to its window: events, and that the engine has ended (its port will bring nothing more). */
export type DesktopEvent = EngineEvent | { type: 'engine-ended'; reason: string };

/**
 * `window.chexreasonHost`: all that preload exposes in Electron. A MessagePort cannot pass the context bridge, so after
 * `connect()` and after every restart of the engine the window gets a `message` event from itself with the data
 * ENGINE_PORT_MESSAGE and the port to the engine.
 */
export interface DesktopHost {
  connect(): void;
  onEvent(listener: (event: DesktopEvent) => void): void;
  pickFiles(filters?: FileFilter[]): Promise<string[]>;
  pickFolder(): Promise<string | null>;
  pickSavePath(suggestion: string, filters?: FileFilter[]): Promise<string | null>;
  /** Paths of the files of the last drop on the window. */
  pathsOfLastDrop(): string[];
  reveal(path: string): Promise<void>;
  setZoom(factor: number): Promise<void>;
  /** See `HostBridge.keepKey`. */
  keepKey(address: string, key: string): Promise<boolean>;
}

export { ENGINE_PORT_MESSAGE, PAGE_HOST } from './addresses.ts';
