/** What a request comes to, and what its progress looks like. Part of the contract (../contract.ts). */
import type { ErrorData } from '../../base/errors.ts';
import type { Progress } from '../../base/progress.ts';
import type { TableLook } from '../../datasets/columnMapping.ts';
import type { ScanSummary } from '../../dicom/scan.ts';
import type { Thumbnail } from '../../dicom/thumbnail.ts';
import type { RejectedLine } from '../../evaluation/predictionsFile.ts';
import type { EvaluationResult } from '../../evaluation/types.ts';
import type { ServerFacts } from '../../generation/remote/detect.ts';
import type { LabelValues } from '../../labels/labels.ts';
import type { Prompt } from '../../text/types.ts';
import type { RunPlan } from '../../training/plan.ts';
import type { ConfigField, TrainingLogLine } from '../../training/types.ts';
import type { Annotation, FindingBox } from '../annotations.ts';
import type { ReaderFindings } from '../readers.ts';
import type { AnswerIndex, GenerationProgress, InspectedAnswer, Prediction, SampledAnswers } from './answers.ts';
import type { AppState, JobInfo, RecentPath, RecognisedPath, Removed } from './app.ts';
import type { Checkpoint, PrecisionForm, ServerInfo } from './checkpoints.ts';
import type { EvaluationCost, EvaluationProgress, EvaluationSummary, ReportFilm } from './evaluations.ts';
import type {
  Collection,
  DeidentifySummary,
  FilmEntry,
  FilmOpening,
  FilmView,
  ModelView,
  ScanProgress,
} from './films.ts';
import type { Method } from './parameters.ts';
import type { TraceResults } from './traces.ts';
import type { CompletionRow, TrainingExport, TrainingProgress, TrainingRun } from './training.ts';

export interface Results extends TraceResults {
  'app.state': AppState;
  'workspace.open': AppState;
  'paths.recognise': RecognisedPath[];
  'recent.list': RecentPath[];
  'recent.clear': null;
  'collections.list': Collection[];
  'collections.remove': Collection;
  'collections.restore': Collection;
  'removed.list': Removed;
  /** Ids of the films that were. */
  'films.remove': string[];
  'films.restore': string[];
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
  'checkpoints.restore': Checkpoint;
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
  'servers.restore': ServerInfo;
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
  'training.export': TrainingExport;
  'training.import': TrainingRun;
  'training.resume': TrainingRun;
  'training.log': TrainingLogLine[];
  'training.plan': RunPlan;
  'training.completions': { step: number | null; steps: number[]; rows: CompletionRow[] };
  'report.sections': { id: string; title: string }[];
  'report.films': ReportFilm[];
  'report.render': { pdf: Uint8Array; pages: number };
  'report.save': { path: string; pages: number; bytes: number };
  'report.export': { path: string; files: number };
  'jobs.list': JobInfo[];
  'jobs.cancel': null;
  'jobs.pause': null;
  'jobs.resume': null;
  'engine.setDevice': AppState;
  'settings.get': Record<string, string>;
  'settings.set': null;
}

export interface ProgressOf extends Record<Exclude<Method, SpecialProgress>, Progress> {
  'films.add': ScanProgress;
  'films.open': FilmOpening;
  'predictions.generate': GenerationProgress;
  'evaluations.run': EvaluationProgress;
  'training.run': TrainingProgress;
  'training.resume': TrainingProgress;
}

type SpecialProgress =
  | 'films.add'
  | 'films.open'
  | 'predictions.generate'
  | 'evaluations.run'
  | 'training.run'
  | 'training.resume';
