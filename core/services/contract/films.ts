/** Films, the collections that they came in, what a scan and an export came to. Part of the contract (../contract.ts). */
import type { Progress } from '../../base/progress.ts';
import type { Film, FilmPreview } from '../../dicom/film.ts';
import type { ScanReport } from '../../dicom/scan.ts';
import type { CautionCode } from '../../dicom/suitability.ts';
import type { Label, LabelValues } from '../../labels/labels.ts';
import type { UncertaintyPolicies } from '../../labels/uncertainty.ts';

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

export interface FilmView {
  entry: FilmEntry;
  film: Film;
}

/** A film in small, while the film itself is being read. */
export interface FilmOpening extends Progress {
  preview: FilmPreview;
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
