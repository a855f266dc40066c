/**
 * The one contract between the screens (renderer), the command (main/headless) and the engine (core): requests with
 * typed parameters and results, progress streams, cancellation, errors as data, and events. Pure: no Node, no DOM.
 * One file a topic in contract/; this is the only door to them.
 *
 * Transport: `Envelope`s over a MessagePort (Electron; structured clone carries typed arrays) or a WebSocket on loopback
 * (CBOR; typed arrays again). A request has an id; any number of `progress` envelopes follow, then one `result` or
 * `error`. `cancel` asks the engine to stop the request of that id; it then ends with the error CANCELLED.
 */

export type { ColumnMapping, TableLook } from '../datasets/columnMapping.ts';
export type { ScanSummary } from '../dicom/scan.ts';
export type { Thumbnail } from '../dicom/thumbnail.ts';
export type { ServerKind } from '../generation/remote/chat.ts';
export type { RemoteModel, ServerFacts } from '../generation/remote/detect.ts';
export type { Prompt } from '../text/types.ts';
export type { ConfigField, GateResult, TrainingLogLine } from '../training/types.ts';
export { ENGINE_PORT_MESSAGE, PAGE_HOST } from './addresses.ts';
export type { AnnotationKind } from './annotationKinds.ts';
export type { Annotation, FindingBox } from './annotations.ts';
export type {
  AnswerIndex,
  GenerationProgress,
  InspectedAnswer,
  LabelProbabilities,
  Prediction,
  Provenance,
  SampledAnswers,
} from './contract/answers.ts';
export type { AppState, EngineInfo, JobInfo, RecentPath, RecognisedPath, Removed } from './contract/app.ts';
export type {
  Canary,
  Checkpoint,
  PrecisionDistance,
  PrecisionForm,
  RemoteTarget,
  ServerInfo,
} from './contract/checkpoints.ts';
export type { EvaluationCost, EvaluationProgress, EvaluationSummary, ReportFilm } from './contract/evaluations.ts';
export type {
  Collection,
  DeidentifySummary,
  FilmEntry,
  FilmOpening,
  FilmView,
  ModelView,
  ScanProgress,
} from './contract/films.ts';
export type { DesktopEvent, DesktopHost, FileFilter, HostBridge } from './contract/host.ts';
export {
  type CheckedParameters,
  type Method,
  type Parameters,
  type ProbabilitySettings,
  parameters,
} from './contract/parameters.ts';
export type { ProgressOf, Results } from './contract/results.ts';
export type { Trace, TraceFault, TraceList, TraceStatus } from './contract/traces.ts';
export type {
  CompletionRow,
  LeftOut,
  ProbePart,
  TrainingDraw,
  TrainingExport,
  TrainingProgress,
  TrainingRun,
} from './contract/training.ts';
export type { Engine, EngineEvent, Envelope, EnvelopePort } from './contract/transport.ts';
export type { NewReaderFindings, ReaderFindings } from './readers.ts';
