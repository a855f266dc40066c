/** Reading a label table of any of the three sets or of a form of the user's, and what is in it. */
import type { Work } from '../base/progress.ts';
import { CHEXPERT_LABELS, type Label } from '../labels/labels.ts';
import { type DatasetKind, labelMapping, ownNames } from '../labels/mapping.ts';
import { policyOf, type UncertaintyPolicies } from '../labels/uncertainty.ts';
import { readChexpert } from './chexpert.ts';
import type { ColumnMapping } from './columnMapping.ts';
import { checkedMapping, readCustom } from './custom.ts';
import { resolveByHeader, resolveImages } from './images.ts';
import { readMimic } from './mimic.ts';
import { readNih } from './nih.ts';
import type { RejectedRow } from './table.ts';
import type { LabelledImage, LabelTable } from './types.ts';

/** Errors: FILE_NOT_FOUND, CSV_UNREADABLE, CSV_EMPTY, DATASET_COLUMNS_MISSING, CANCELLED; with `images` also those of a folder; of `custom` also DATASET_MAPPING. */
export async function readLabelTable(
  kind: DatasetKind | 'custom',
  csv: string,
  options: { images?: string | undefined; mapping?: ColumnMapping | undefined; allOfStudy?: boolean } = {},
  work?: Work,
): Promise<LabelTable> {
  const mapping = kind === 'custom' ? checkedMapping(options.mapping) : undefined;
  const table = await {
    chexpert: () => readChexpert(csv, work),
    nih: () => readNih(csv, {}, work),
    mimic: () => readMimic(csv, {}, work),
    custom: () => readCustom(csv, mapping!, work),
  }[kind]();
  if (options.images !== undefined) {
    if (mapping && mapping.key !== 'path') await resolveByHeader(table, options.images, mapping.key, work);
    else await resolveImages(table, options.images, work, options.allOfStudy);
  }
  splitWarnings(table);
  return table;
}

/** Whoever is trained on must not be tested on: a patient in two splits of one table is said, with the row. */
function splitWarnings(table: LabelTable): void {
  const splits = new Map<string, LabelledImage['split']>();
  const both = new Map<string, number>();
  for (const { patientId, split, row } of table.images) {
    if (split === '' || patientId === '') continue;
    const first = splits.get(patientId) ?? split;
    splits.set(patientId, first);
    if (first !== split && !both.has(patientId)) both.set(patientId, row);
  }
  if (both.size === 0) return;
  const [patient, row] = [...both][0]!;
  table.warnings.push(
    `Patients on both sides of a split: ${both.size} (first in row ${row}: ${patient}). Their films were kept.`,
  );
}

export interface LabelCounts {
  positive: number;
  negative: number;
  uncertain: number;
  /** Not mentioned. */
  blank: number;
}

export interface DatasetSummary {
  dataset: DatasetKind | 'custom';
  file: string;
  rows: number;
  patients: number;
  studies: number;
  /** Images that the tables name; where the table has one row a study, those found in the images' folder. */
  images: number;
  /** Images found on disk; null where no folder was given. */
  imagesFound: number | null;
  /** What a row is scored as. */
  unit: 'image' | 'study';
  /**
   * Over the rows of the label table. For NIH both its own names as the table spells them (Mass, Nodule) and the CheXpert
   * names that they are mapped to (Lung Lesion); where the two are spelled alike they are the same counts.
   */
  labels: Record<string, LabelCounts>;
  /** The labels on which films of this table are scored. */
  scored: Label[];
  /** NIH: own name -> CheXpert label, null where it is left out. */
  mapping?: Record<string, Label | null>;
  policy: UncertaintyPolicies | null;
  rejected: RejectedRow[];
  rejectedCount: number;
  warnings: string[];
}

/** `policy` null: values as the table has them; else uncertain ones count as it says (`ignore` leaves them uncertain). */
export function datasetSummary(
  table: LabelTable,
  policy: UncertaintyPolicies | null = null,
  imagesGiven = false,
): DatasetSummary {
  const rows = oneOfEachRow(table);
  const found = table.images.filter((image) => image.imagePath !== null).length;
  return {
    dataset: table.kind,
    file: table.file,
    rows: table.rows,
    patients: new Set(rows.map((row) => row.patientId)).size,
    studies: new Set(rows.map((row) => row.studyId)).size,
    images: table.unit === 'image' ? table.images.length : found,
    imagesFound: imagesGiven ? found : null,
    unit: table.unit,
    labels: { ...(table.kind === 'nih' ? countOwn(rows) : {}), ...countLabels(rows, policy) },
    scored: table.labels,
    ...(table.kind === 'nih' ? { mapping: ownMapping() } : {}),
    policy,
    rejected: table.rejected,
    rejectedCount: table.rejectedCount,
    warnings: table.warnings,
  };
}

/** Patients in both tables (of one set): whoever is trained on must not be tested on. */
export function patientsInBoth(a: readonly LabelledImage[], b: readonly LabelledImage[]): string[] {
  const first = new Set(a.map((image) => image.patientId));
  return [...new Set(b.map((image) => image.patientId))].filter((patient) => first.has(patient)).sort();
}

/** MIMIC's labels belong to studies: an image of the same row repeats them. */
function oneOfEachRow({ kind, images }: LabelTable): LabelledImage[] {
  if (kind !== 'mimic') return images;
  const seen = new Set<number>();
  return images.filter(({ row }) => !seen.has(row) && seen.add(row) !== undefined);
}

function countLabels(rows: LabelledImage[], policies: UncertaintyPolicies | null): Record<string, LabelCounts> {
  const counts: Record<string, LabelCounts> = {};
  for (const label of CHEXPERT_LABELS) {
    const raw = { '1': 0, '0': 0, '-1': 0, null: 0, undefined: 0 };
    for (const { labels } of rows) raw[`${labels[label] as 0 | 1 | -1 | null | undefined}`]++;
    if (raw.undefined === rows.length) continue;
    const count = { positive: raw['1'], negative: raw['0'], uncertain: 0, blank: raw.null };
    count[policies === null ? 'uncertain' : UNCERTAIN_AS[policyOf(policies, label)]] += raw['-1'];
    counts[label] = count;
  }
  return counts;
}

const UNCERTAIN_AS = { zeros: 'negative', ones: 'positive', ignore: 'uncertain' } as const;

/** The set's own names, those that never occur included; another spelling of the table's stands beside. */
function countOwn(rows: LabelledImage[]): Record<string, LabelCounts> {
  const positive = new Map<string, number>(ownNames('nih').map((name) => [name, 0]));
  for (const row of rows) for (const name of row.ownFindings ?? []) positive.set(name, (positive.get(name) ?? 0) + 1);
  const counts: Record<string, LabelCounts> = {};
  for (const [name, n] of positive) counts[name] = { positive: n, negative: rows.length - n, uncertain: 0, blank: 0 };
  return counts;
}

function ownMapping(): Record<string, Label | null> {
  return Object.fromEntries(labelMapping('nih').rows.flatMap((row) => (row.from === null ? [] : [[row.from, row.to]])));
}
