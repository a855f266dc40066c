/** Evaluations and what a report takes from them. Part of the contract (../contract.ts). */
import type { Progress } from '../../base/progress.ts';
import type { CautionCode } from '../../dicom/suitability.ts';
import type { CheckedParameters } from './parameters.ts';

export interface EvaluationSummary {
  id: string;
  name: string;
  createdAt: string;
  state: 'running' | 'paused' | 'stopped' | 'complete';
  datasetIds: string[];
  checkpointIds: string[];
  limit: number | null;
  /** By data set: films that were left out because the models were not made for them, by the first reason. */
  leftOut: Record<string, Partial<Record<CautionCode, number>>>;
  done: number;
  total: number;
  /** What `evaluations.run` goes on with; absent: it was imported and cannot go on. */
  asked?: CheckedParameters<'evaluations.run'>;
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
