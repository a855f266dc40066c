/** What a report is made from: an evaluation and where everything in it came from. Patient identifiers never enter it. */
import type { EvaluationResult } from '../evaluation/types.ts';
import type { ParseFailure } from '../findings/types.ts';
import type { Label, LabelValues } from '../labels/labels.ts';
import type { DatasetKind } from '../labels/mapping.ts';
import type { GrayImage } from './document.ts';

export interface ReportInput {
  evaluation: EvaluationResult;
  /** ISO 8601; the PDF's date. Two reports of equal input, this included, are equal byte for byte. */
  createdAt: string;
  application: { name: string; version: string };
  /** Provenance by data set id, in the order of the evaluation. */
  datasets: ReportDataset[];
  /** Provenance by checkpoint id. */
  checkpoints: ReportCheckpoint[];
  sampling: { temperature: number; topP: number; seed: number; maxNewTokens: number; samplesPerFilm: number };
  engine: { executor: string; version: string; precision: string; threads: number };
  samples: ReportSample[];
  /** Failures by kind, where they are known: data set, checkpoint, kind, count. */
  failures: { datasetId: string; checkpointId: string; kind: ParseFailure; count: number }[];
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
  /** Its part seen from the checkpoints' training. */
  relation: 'training source' | 'in-distribution' | 'other institution' | 'unknown';
}

export interface ReportCheckpoint {
  id: string;
  /** sha256. */
  baseHash: string;
  /** null for a base model. */
  adapterHash: string | null;
  promptId: string;
  promptHash: string;
  preprocessing: string;
  /** What was trained and how, in a sentence; empty where unknown. */
  training: string;
}

/** A film with both readings, chosen by the caller. */
export interface ReportSample {
  /** Without identifiers: "Film 12 of phantom b". */
  title: string;
  datasetId: string;
  image: GrayImage;
  truth: LabelValues;
  readings: { checkpointId: string; findings: Label[]; reasoning: string; failure: ParseFailure | null }[];
}
