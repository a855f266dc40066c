/**
 * From each data set's own label names to the 14 CheXpert labels: resources/labels/mappings.json, one row for every name
 * on either side, each with its reason. The paper does not state its mapping; ours is the natural reading of its nine.
 */
import mappings from '../../resources/labels/mappings.json' with { type: 'json' };
import { CHEXPERT_LABELS, type Label, type LabelValues } from './labels.ts';

export type DatasetKind = 'chexpert' | 'nih' | 'mimic';

/** `scored`: in the figures. `shown`: beside the film only. `left-out`: no counterpart. */
export type LabelUse = 'scored' | 'shown' | 'left-out';

export interface MappingRow {
  /** The set's own name; null for a CheXpert label that the set does not have. */
  from: string | null;
  /** Other spellings that tables of this set use. */
  aliases: string[];
  /** null for a name that no CheXpert label stands for. */
  to: Label | null;
  use: LabelUse;
  reason: string;
}

export interface LabelMapping {
  kind: DatasetKind;
  name: string;
  reference: string;
  /** What it means that a label is not given. */
  notListed: string;
  rows: MappingRow[];
}

export function labelMapping(kind: DatasetKind): LabelMapping {
  const set = mappings.sets[kind];
  const rows = (set.rows as Partial<MappingRow>[]).map((row) => ({ aliases: [], ...row }) as MappingRow);
  return { kind, name: set.name, reference: set.reference, notListed: set.notListed, rows };
}

/** The CheXpert labels on which a set's films are scored, in CheXpert's order. */
export function scoredLabels(kind: DatasetKind): Label[] {
  return labelsUsedAs(kind, ['scored']);
}

/** The labels that both sets are scored on, in CheXpert's order: the only ones on which a change can be compared. */
export function sharedLabels(source: readonly Label[], target: readonly Label[]): Label[] {
  return CHEXPERT_LABELS.filter((label) => source.includes(label) && target.includes(label));
}

/** The set's own names in the mapping's order. */
export function ownNames(kind: DatasetKind): string[] {
  return labelMapping(kind).rows.flatMap((row) => (row.from === null ? [] : [row.from]));
}

/**
 * For sets that list what is present (NIH): spelling -> row of the mapping, aliases included.
 * Built once by a reader and asked for every row.
 */
export function rowsByName(kind: DatasetKind): Map<string, MappingRow> {
  const byName = new Map<string, MappingRow>();
  for (const row of labelMapping(kind).rows) {
    for (const name of row.from === null ? [] : [row.from, ...row.aliases]) byName.set(name, row);
  }
  return byName;
}

/** Label values of a film of a set that lists what is present: 1 where a listed name stands for the label, else 0. */
export function valuesOfListed(kind: DatasetKind): (present: Iterable<MappingRow>) => LabelValues {
  const covered = labelsUsedAs(kind, ['scored', 'shown']);
  return (present) => {
    const values: LabelValues = {};
    for (const label of covered) values[label] = 0;
    for (const row of present) if (row.to !== null) values[row.to] = 1;
    return values;
  };
}

function labelsUsedAs(kind: DatasetKind, uses: LabelUse[]): Label[] {
  const used = new Set(
    labelMapping(kind).rows.flatMap((row) => (row.from !== null && uses.includes(row.use) ? [row.to] : [])),
  );
  return CHEXPERT_LABELS.filter((label) => used.has(label));
}
