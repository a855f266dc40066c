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

/** A line of a run's log.jsonl, with TRL's metric names. */
export type TrainingLogLine = { step: number } & Record<string, number | string | null>;

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
