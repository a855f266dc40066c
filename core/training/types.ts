/** What training takes and says; pure, so that contract and screens use these types too. */
import type { Label } from '../labels/labels.ts';
import type { Image8 } from '../preprocessing/resize.ts';

/** One film with its question and answer, as a caller (data set, phantom) provides it. */
export interface TrainingExample {
  id: string;
  /** Patients, not films, are held out. */
  patientId: string;
  /** The film as the processor gets it: 8-bit gray or colour. Called when its features are first needed. */
  image(): Image8 | Promise<Image8>;
  promptText: string;
  /** What the assistant should say (SFT). GRPO does not read it. */
  targetText: string;
  /** Labels that the film has; null: its row cannot be read (no reward then). */
  labels: readonly Label[] | null;
}

/**
 * A line of a run's log.jsonl, with TRL's metric names. Training writes a line for each optimizer step; a validation
 * (`eval_…`) and a probe (`ProbeField`) write lines of their own, with the step that they came after.
 */
export type TrainingLogLine = { step: number } & Record<string, number | string | null>;

/** The institutions that a probe looks at: the one that the training labels resemble, and the other one. */
export type ProbeRole = 'source' | 'target';

/** Figures of one institution's probe, of greedy answers on films that are the same in every probe of a run. */
export interface ProbeFigures {
  films: number;
  /** On the labels that both institutions have. */
  macro_f1: number;
  micro_f1: number;
  /** Share of answers that cannot be read. */
  fail_rate: number;
  /** Labels of an answer, on average, of all 14. */
  mean_labels: number;
  /** Tokens of an answer, on average, its end included. */
  mean_length: number;
}

/** The columns of a probe's line in log.jsonl: `probe/source/macro_f1` … `probe/target/mean_length`, `probe/seconds`. */
export type ProbeField = `probe/${ProbeRole}/${keyof ProbeFigures}` | 'probe/seconds';

export function probeField(role: ProbeRole, figure: keyof ProbeFigures): ProbeField {
  return `probe/${role}/${figure}`;
}

/** What decided which step's adapter a run kept; `probe-target`: data of the other institution took part in the choice. */
export type ChosenOn = 'last' | 'validation' | 'probe-source' | 'probe-target';

export interface Chosen {
  on: ChosenOn;
  step: number;
  /** The validation loss, or the probe's macro-F1; null for the last step. */
  value: number | null;
}

/** The integrity gates (gates.ts), and a line of a run's gates.jsonl. */
export type GateName = 'adapter-changed' | 'base-unchanged' | 'base-differs-from-adapter' | 'reload-reproduces';

export interface GateResult {
  step: number;
  /** The first step that could change anything (rate and gradient above 0), or the end of the run. */
  after: 'first' | 'last';
  gate: GateName;
  passed: boolean;
  /** What was measured, in words. */
  found: string;
}

/** A field of a run that differs from the paper. */
export interface Departure {
  field: string;
  paper: string;
  run: string;
  reason: string;
}

/** A setting as a form shows it. */
export interface ConfigField {
  name: string;
  type: 'number' | 'integer' | 'boolean' | 'text' | 'choice';
  choices?: string[];
  default: string | number | boolean;
  /** What the paper says; empty: not stated. */
  paper: string;
  help: string;
}
