/** A label table of any form, read by a mapping of its columns (columnMapping.ts), and a look at one that has none yet. */
import { WorkbenchError } from '../base/errors.ts';
import { unattended, type Work } from '../base/progress.ts';
import { CHEXPERT_LABELS, type Label, type LabelValue, type LabelValues } from '../labels/labels.ts';
import { rowsByName } from '../labels/mapping.ts';
import { type ColumnMapping, columnMappingSchema, type TableLook } from './columnMapping.ts';
import { type Columns, delimiterOf, Rejections, RowError, readTable, shown, wrongFieldCount } from './table.ts';
import type { LabelledImage, LabelTable } from './types.ts';
import { Notes, notedAge, sexOf, viewOf } from './values.ts';

/** Errors: DATASET_COLUMNS_MISSING and those of `readTable`. */
export async function readCustom(csv: string, mapping: ColumnMapping, work?: Work): Promise<LabelTable> {
  const rejected = new Rejections();
  const notes = new Notes();
  const images: LabelledImage[] = [];
  const read = await readTable(
    csv,
    (columns) => {
      columns.require(columnsOf(mapping));
      const row = rowReader(columns, mapping, notes);
      return (fields, line) => images.push(row(fields, line));
    },
    rejected,
    work,
    await delimiterOf(csv),
  );
  return {
    kind: 'custom',
    file: csv,
    ...read,
    unit: mapping.key === 'StudyInstanceUID' ? 'study' : 'image',
    labels: labelsOf(mapping),
    images,
    rejected: rejected.rows,
    rejectedCount: rejected.count,
    warnings: notes.sentences(),
  };
}

function columnsOf(mapping: ColumnMapping): string[] {
  const { film, patient, study, view, sex, age, split, labels, findings } = mapping;
  const all = [film, patient, study, view, sex, age, split, ...Object.values(labels), findings?.column];
  return all.filter((name) => name !== undefined);
}

function labelsOf({ labels, findings }: ColumnMapping): Label[] {
  const listed = new Set(Object.values(findings?.names ?? {}));
  return CHEXPERT_LABELS.filter((label) => labels[label] !== undefined || listed.has(label));
}

function rowReader(
  columns: Columns,
  mapping: ColumnMapping,
  notes: Notes,
): (fields: string[], row: number) => LabelledImage {
  const at = (name: string | undefined) => (name === undefined ? -1 : columns.find(name));
  const place = {
    film: at(mapping.film),
    patient: at(mapping.patient),
    study: at(mapping.study),
    view: at(mapping.view),
    sex: at(mapping.sex),
    age: at(mapping.age),
    split: at(mapping.split),
  };
  const labelsIn = labelReader(columns, mapping);
  const seen = new Set<string>();
  const cell = (fields: string[], i: number) => (i < 0 ? '' : fields[i]!.trim());
  return (fields, row) => {
    if (fields.length !== columns.names.length) throw wrongFieldCount(fields.length, columns.names.length);
    const image = cell(fields, place.film).replaceAll('\\', '/').replace(/\/+$/, '');
    if (image === '') throw new RowError('DATASET_PATH', mapping.film, 'The row names no film.');
    const labels = labelsIn(fields);
    if (seen.has(image))
      throw new RowError('DATASET_ROW_TWICE', mapping.film, `${shown(image)} stands in the table twice.`);
    seen.add(image);
    const patient = cell(fields, place.patient);
    if (place.patient >= 0 && patient === '') notes.add('Rows without a patient, each taken as one of its own', row);
    const study = cell(fields, place.study) || image;
    return {
      row,
      patientId: patient,
      studyId: patient === '' ? study : `${patient}/${study}`,
      image,
      imagePath: null,
      sex: sexOf(cell(fields, place.sex)),
      age: place.age < 0 ? null : notedAge(cell(fields, place.age), row, notes),
      view: viewOf(cell(fields, place.view)),
      split: splitOf(cell(fields, place.split), notes, row),
      labels,
    };
  };
}

function labelReader(columns: Columns, mapping: ColumnMapping): (fields: string[]) => LabelValues {
  const meanings = meaningsOf(mapping);
  const own = (Object.entries(mapping.labels) as [Label, string][]).map(([label, name]) => {
    return { label, name, at: columns.find(name) };
  });
  const listed = mapping.findings && listReader(columns, mapping.findings);
  return (fields) => {
    const values: LabelValues = listed?.(fields) ?? {};
    for (const { label, name, at } of own) {
      const text = fields[at]!.trim().toLowerCase();
      const value = meanings.get(text);
      if (value === undefined) throw unknownValue(fields[at]!, name);
      values[label] = value;
    }
    return values;
  };
}

function meaningsOf({ values }: ColumnMapping): Map<string, LabelValue> {
  const meanings = new Map<string, LabelValue>([['', null]]);
  const add = (cells: readonly string[], value: LabelValue) => {
    for (const text of cells) meanings.set(text.trim().toLowerCase(), value);
  };
  add(values.blank, null);
  add(values.uncertain, -1);
  add(values.negative, 0);
  add(values.positive, 1);
  return meanings;
}

function unknownValue(text: string, column: string): RowError {
  return new RowError(
    'DATASET_VALUE',
    column,
    `${shown(text)} under ${column} is none of the values that were mapped.`,
  );
}

function listReader(
  columns: Columns,
  { column, separator, names }: NonNullable<ColumnMapping['findings']>,
): (fields: string[]) => LabelValues {
  const at = columns.find(column);
  const byName = new Map(Object.entries(names).map(([name, label]) => [name.trim().toLowerCase(), label]));
  const scored = [...new Set(byName.values())].filter((label) => label !== null);
  return (fields) => {
    const values: LabelValues = Object.fromEntries(scored.map((label) => [label, 0]));
    for (const name of fields[at]!.split(separator).map((each) => each.trim())) {
      if (name === '') continue;
      const label = byName.get(name.toLowerCase());
      if (label === undefined) throw new RowError('DATASET_LABEL_UNKNOWN', column, `${shown(name)} was not mapped.`);
      if (label !== null) values[label] = 1;
    }
    return values;
  };
}

const SPLITS: Record<string, LabelledImage['split']> = {
  train: 'train',
  training: 'train',
  valid: 'validate',
  validate: 'validate',
  validation: 'validate',
  val: 'validate',
  dev: 'validate',
  test: 'test',
  testing: 'test',
};

function splitOf(text: string, notes: Notes, row: number): LabelledImage['split'] {
  const split = SPLITS[text.toLowerCase()] ?? '';
  if (text !== '' && split === '')
    notes.add('Splits that are neither train, validation nor test, taken as unknown', row);
  return split;
}

// --------------------------------------------------------------------------------------------------------------- a look

const LOOKED_AT = 5000;
const SHOWN_VALUES = 12;

/** The columns of a table with what stands in them, and a first mapping. Errors: those of `readTable`. */
export async function lookAtTable(csv: string, work: Work = unattended()): Promise<TableLook> {
  const values: Set<string>[] = [];
  let names: string[] = [];
  let rows = 0;
  const delimiter = await delimiterOf(csv);
  await readTable(
    csv,
    (columns) => {
      names = columns.names;
      for (const _ of names) values.push(new Set());
      return (fields) => {
        if (rows++ >= LOOKED_AT) return;
        fields.forEach((text, i) => {
          if (values[i] !== undefined && values[i].size <= SHOWN_VALUES) values[i].add(text.trim().slice(0, 80));
        });
      };
    },
    new Rejections(),
    work,
    delimiter,
  );
  const columns = names.map((name, i) => {
    const all = [...values[i]!].filter((text) => text !== '');
    return { name, values: all.slice(0, SHOWN_VALUES), more: values[i]!.size > SHOWN_VALUES };
  });
  return { file: csv, delimiter, rows: Math.min(rows, LOOKED_AT), columns, guess: guessOf(columns) };
}

type LookedAt = TableLook['columns'];

const PARTS: [part: 'patient' | 'study' | 'view' | 'sex' | 'age' | 'split', name: RegExp][] = [
  ['patient', /patient.?(id|nr|number|no)?$|subject|^pid$|^mrn$|pseudonym/i],
  ['study', /study|exam|accession/i],
  ['view', /view|projection|^ap.?pa$/i],
  ['sex', /^(patient.?)?(sex|gender)$/i],
  ['age', /^(patient.?)?age/i],
  ['split', /^(split|subset|fold|partition)$/i],
];

function guessOf(columns: LookedAt): ColumnMapping | null {
  const labels = guessedLabels(columns);
  const findings = guessedFindings(columns);
  const film =
    columns.find(({ name }) => /path|file.?name|^file$|^image(.?(index|id|name))?$|dicom.?id|^dicom$/i.test(name)) ??
    columns.find(({ name }) => /sop.?instance/i.test(name)) ??
    columns.find(({ values }) => values.some((text) => /\.(dcm|png|jpe?g)$/i.test(text)));
  if (!film || (Object.keys(labels).length === 0 && !findings)) return null;
  const parts = PARTS.flatMap(([part, pattern]) => {
    const found = columns.find(({ name }) => name !== film.name && pattern.test(name));
    return found ? [[part, found.name]] : [];
  });
  const key = /sop.?instance/i.test(film.name) ? 'SOPInstanceUID' : 'path';
  const guess = { film: film.name, key, ...Object.fromEntries(parts), labels, ...(findings ? { findings } : {}) };
  return columnMappingSchema.parse(guess);
}

/** Labels and other names for them, as letters only. */
function namesOfLabels(): Map<string, Label> {
  const names = new Map<string, Label>();
  for (const [name, row] of rowsByName('nih')) if (row.to !== null) names.set(lettersOf(name), row.to);
  const others: [string, Label][] = [
    ['effusion', 'Pleural Effusion'],
    ['oedema', 'Edema'],
    ['opacity', 'Lung Opacity'],
    ['normal', 'No Finding'],
    ['device', 'Support Devices'],
    ['devices', 'Support Devices'],
    ['ptx', 'Pneumothorax'],
    ['rib fracture', 'Fracture'],
  ];
  for (const [name, label] of others) names.set(lettersOf(name), label);
  for (const label of CHEXPERT_LABELS) names.set(lettersOf(label), label);
  return names;
}

function lettersOf(name: string): string {
  return name.toLowerCase().replace(/[^a-z]/g, '');
}

function guessedLabels(columns: LookedAt): Partial<Record<Label, string>> {
  const names = namesOfLabels();
  const found: Partial<Record<Label, string>> = {};
  for (const { name, more } of columns) {
    const label = names.get(lettersOf(name));
    if (label !== undefined && !more) found[label] ??= name;
  }
  return found;
}

/** A column whose values are mostly known names, joined by | or ; or comma. */
function guessedFindings(columns: LookedAt): ColumnMapping['findings'] | undefined {
  const names = namesOfLabels();
  for (const { name: column, values } of columns) {
    const separator = ['|', ';', ','].find((each) => values.some((text) => text.includes(each))) ?? '|';
    const parts = [...new Set(values.flatMap((text) => text.split(separator).map((part) => part.trim())))];
    const known = parts.filter((part) => names.has(lettersOf(part)));
    if (known.length < 2 || known.length < parts.length / 2) continue;
    const entries = parts.filter((part) => part !== '').map((part) => [part, names.get(lettersOf(part)) ?? null]);
    return { column, separator, names: Object.fromEntries(entries) };
  }
  return undefined;
}

/** As the command and the screen hand it over. Errors: DATASET_MAPPING. */
export function checkedMapping(value: unknown): ColumnMapping {
  const parsed = columnMappingSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map(({ code, path, message }) => {
    return `${path.join('.') || 'mapping'}: ${code === 'invalid_key' ? 'not one of the 14 labels' : message}`;
  });
  throw new WorkbenchError(
    'DATASET_MAPPING',
    `The mapping of the columns cannot be used: ${issues[0]}.`,
    { issues: issues.slice(0, 10) },
    'Name the column of the films and at least one column of a label.',
  );
}
