/** Label tables of the public data sets in one form. */
import type { Label, LabelValues } from '../labels/labels.ts';
import type { DatasetKind } from '../labels/mapping.ts';
import type { RejectedRow } from './table.ts';

export interface LabelledImage {
  /** Line of the label table; the header is line 1. */
  row: number;
  patientId: string;
  /** Unique in the table, also where the set numbers studies within a patient. */
  studyId: string;
  /** The image as the table names it, with `/`; a study's folder where the table has one row a study. */
  image: string;
  /** The file on disk, of whatever format lies there; null where it was not looked for or not found. */
  imagePath: string | null;
  sex: 'F' | 'M' | '';
  /** Years; null where absent or impossible. */
  age: number | null;
  /** `AP`, `PA`, `LATERAL`, `FRONTAL` (AP or PA not told), another projection as the table spells it, or empty. */
  view: string;
  /** Of MIMIC-CXR-JPG's and CheXpert's own split; empty where the set has none. */
  split: '' | 'train' | 'validate' | 'test';
  labels: LabelValues;
  /** NIH: the findings in the set's own names, as the table spells them. */
  ownFindings?: readonly string[];
}

export interface LabelTable {
  kind: DatasetKind | 'custom';
  file: string;
  columns: string[];
  /** Data rows of the label table. */
  rows: number;
  /** What an element of `images` is. */
  unit: 'image' | 'study';
  /** The labels on which films of this table are scored, in CheXpert's order. */
  labels: Label[];
  images: LabelledImage[];
  /** The first thousand; `rejectedCount` has them all. */
  rejected: RejectedRow[];
  rejectedCount: number;
  /** What was read otherwise than it stands there, as sentences with counts. */
  warnings: string[];
}
