/** What a report is made from: an evaluation and where everything in it came from. Patient identifiers never enter it. */
import type { EvaluationResult } from '../evaluation/types.ts';
import type { ParseFailure } from '../findings/types.ts';
import type { Label, LabelValues } from '../labels/labels.ts';
import type { DatasetKind } from '../labels/mapping.ts';
import type { Departure, TrainingLogLine } from '../training/types.ts';
import type { GrayImage } from './blocks.ts';

export interface ReportInput {
  evaluation: EvaluationResult;
  /** ISO 8601: when the report was made. Stands in the file's metadata only, so that two reports differ in nothing else. */
  createdAt: string;
  /** ISO 8601: of the first and the last answer. */
  answered: { from: string; to: string };
  application: { name: string; version: string };
  /** Provenance by data set id, in the order of the evaluation. */
  datasets: ReportDataset[];
  /** Provenance by checkpoint id. */
  checkpoints: ReportCheckpoint[];
  /** How the films were read; null where the answers were made elsewhere. */
  reading: {
    sampling: { temperature: number; topP: number; seed: number; maxNewTokens: number; samplesPerFilm: number };
    /** threads: null on a server. */
    engine: { executor: string; version: string; precision: string; threads: number | null };
  } | null;
  samples: ReportSample[];
  /** Failures by kind, where they are known: data set, checkpoint, kind, count. */
  failures: { datasetId: string; checkpointId: string; kind: ParseFailure; count: number }[];
  /** The training runs behind the checkpoints, where their folders are there. */
  runs: ReportRun[];
  cost: ReportCost;
  /** Commands that make the same again. */
  reproduce: string[];
  /** What is particular to this run: phantom data, a limit on the films, departures from the paper. */
  limits: string[];
}

export interface ReportDataset {
  id: string;
  /** How its label names are mapped; null for tables of other kinds. */
  mapping: DatasetKind | null;
  /** What it is and where it came from, in a sentence: "Procedural phantom of institution b (seed 1)". */
  description: string;
  /** File name without folders. */
  table: string;
  /** sha256 of the label table; empty where unknown. */
  tableHash: string;
  /** sha256 over the hashes of the films that were read, sorted; empty where unknown. */
  filmsHash: string;
  /** Films that could not be opened, or were not asked for; not in any figure. */
  filmsLeftOut: number;
  /** Of its table: films that the models were not made for, by reason ("lateral"), and whether they were read all the same. */
  unsuitable: { read: boolean; reasons: { words: string; films: number }[] };
  /** Its part seen from the checkpoints' training. */
  relation: 'training source' | 'in-distribution' | 'other institution' | 'unknown';
}

export interface ReportCheckpoint {
  id: string;
  /** sha256; empty where unknown. */
  baseHash: string;
  /** null for a base model. */
  adapterHash: string | null;
  /** The name that a server has for the model, whose weights are not seen here; absent: it was read on this machine. */
  servedAs?: string;
  promptId: string;
  promptHash: string;
  preprocessing: string;
  /** What was trained and how, in a sentence; empty where unknown. */
  training: string;
  /** What a reader must know before believing its figures: trained on a test set, chosen on target data. */
  concerns: string[];
}

/** A film with both readings, chosen by the caller. */
export interface ReportSample {
  /** Without identifiers: "Film 12 of phantom b". */
  title: string;
  datasetId: string;
  /** null: withheld, since writing may be burned into it. */
  image: GrayImage | null;
  truth: LabelValues;
  readings: { checkpointId: string; findings: Label[]; reasoning: string; failure: ParseFailure | null }[];
}

/** How a checkpoint was trained: from `config.json` (or `run.json`) and `log.jsonl` of its run. */
export interface ReportRun {
  checkpointId: string;
  kind: 'sft' | 'grpo';
  /** ISO 8601. */
  createdAt: string;
  config: Record<string, unknown>;
  departures: Departure[];
  executor: string;
  /** Hash of the adapter that it started from; null: a new one. */
  startHash: string | null;
  examples: number;
  dataHash: string;
  log: TrainingLogLine[];
}

export interface ReportCost {
  /** By data set and checkpoint, of the answers that stand in the figures. */
  readings: {
    datasetId: string;
    checkpointId: string;
    completions: number;
    /** Generated, end tokens included. */
    tokens: number;
    /** Of the device, summed over the completions. */
    seconds: { vision: number; prefill: number; decode: number };
  }[];
  /** Of the process that read the films, in bytes; null where it was not recorded. */
  peakMemoryBytes: number | null;
}
