/** Training runs. Part of the contract (../contract.ts). */
import type { ErrorData } from '../../base/errors.ts';
import type { Progress } from '../../base/progress.ts';
import type { Chosen, Departure, GateResult, ProbeRole, TrainingLogLine } from '../../training/types.ts';

/**
 * Input that a run did not learn from (`trace-differs-learned`: that it learned from although it is not what the table says):
 * how many of a kind, and the first few by name.
 */
export interface LeftOut {
  reason:
    | 'trace-line'
    | 'trace-form'
    | 'trace-labels'
    | 'trace-without-film'
    | 'trace-unreviewed'
    | 'trace-rejected'
    | 'trace-differs'
    | 'trace-differs-learned'
    | 'image'
    | 'film-without-trace'
    | 'film-without-labels';
  count: number;
  first: string[];
}

/** A run as a folder for TRL. */
export interface TrainingExport {
  path: string;
  kind: 'sft' | 'grpo';
  films: number;
  heldOut: number;
  /** Completions of the run's own rollouts, with which both programs can be compared. */
  rollouts: number;
  /** The base is in the folder. */
  model: boolean;
  /** Settings that TRL has otherwise, or not at all. */
  departures: { field: string; why: string }[];
  leftOut: LeftOut[];
}

/** What a run drew of its data set, by patient. */
export interface TrainingDraw {
  /** Most films, as it was asked. */
  asked: number;
  films: number;
  patients: number;
  /** Films of the data set that it could learn from. */
  filmsThere: number;
  /** SFT: patients that are left for GRPO. */
  patientsReserved: number;
  /** GRPO: patients that were left out because the SFT run before it used them. */
  patientsOfSft: number;
  /** It is known on whom the start was trained. */
  sftKnown: boolean;
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
  /** Absent in runs of earlier versions. */
  tokenIds?: number[];
  stop: 'end' | 'length';
  reward: number | null;
  terms: Record<string, number>;
  advantage: number | null;
}

export interface TrainingRun {
  id: string;
  name: string;
  kind: 'sft' | 'grpo';
  /** `paused`: by its user, or because the disk is full; from that it goes on by itself when there is room. */
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
  /** Where it was trained elsewhere and imported, by what; null: here. */
  trainedBy: string | null;
  /** null: not drawn yet. */
  draw: TrainingDraw | null;
  /** Films and traces that it leaves out, and why. */
  leftOut: LeftOut[];
  /** What the integrity gates found so far. */
  gates: GateResult[];
  /** Of a complete run: the step whose adapter it kept, and what that was decided on. */
  chosen: Chosen | null;
  error: ErrorData | null;
}

export interface TrainingProgress extends Progress {
  runId: string;
  line: TrainingLogLine | null;
}
