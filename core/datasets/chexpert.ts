/**
 * CheXpert (Irvin et al. 2019): train.csv and valid.csv with one row an image (`Path`), and the test set's tables with one
 * row a study (`Study`). Paths start with `CheXpert-v1.0-small/`, `CheXpert-v1.0/` or anything else; patient and study
 * are read from `patientNNNNN/studyN`.
 */
import { WorkbenchError } from '../base/errors.ts';
import type { Work } from '../base/progress.ts';
import { CHEXPERT_LABELS, type Label, type LabelValues } from '../labels/labels.ts';
import { type Columns, Rejections, RowError, readTable, shown, wrongFieldCount } from './table.ts';
import type { LabelledImage, LabelTable } from './types.ts';
import { labelValue, Notes, notedAge, sexOf, viewOf } from './values.ts';

const PATIENT_STUDY = /(?:^|\/)(patient[^/]+)\/(study[^/]+)(?:\/|$)/;

/** Errors: DATASET_COLUMNS_MISSING and those of `readTable`. */
export async function readChexpert(csv: string, work?: Work): Promise<LabelTable> {
  const rejected = new Rejections();
  const notes = new Notes();
  const images: LabelledImage[] = [];
  let labels: Label[] = [];
  let unit: LabelTable['unit'] = 'image';
  const read = await readTable(
    csv,
    (columns) => {
      unit = columns.has('Path') ? 'image' : 'study';
      labels = requireColumns(columns, unit);
      const row = rowReader(columns, labels, notes);
      return (fields, line) => images.push(row(fields, line));
    },
    rejected,
    work,
  );
  const warnings = notes.sentences();
  return {
    kind: 'chexpert',
    file: csv,
    ...read,
    unit,
    labels,
    images,
    rejected: rejected.rows,
    rejectedCount: rejected.count,
    warnings,
  };
}

/** An image table has all its columns; a study table (test set, published readings) may hold some of the 14 labels. */
function requireColumns(columns: Columns, unit: LabelTable['unit']): Label[] {
  if (unit === 'image') columns.require(['Path', 'Sex', 'Age', 'Frontal/Lateral', 'AP/PA', ...CHEXPERT_LABELS]);
  else columns.require([['Path', 'Study']]);
  const labels = CHEXPERT_LABELS.filter((label) => columns.has(label));
  if (labels.length > 0) return labels;
  throw new WorkbenchError(
    'DATASET_COLUMNS_MISSING',
    'The table has a column for none of the 14 CheXpert labels.',
    { file: columns.file, row: 1, missing: [...CHEXPERT_LABELS] },
    'Choose a table with columns such as "Cardiomegaly" and "Edema".',
  );
}

function rowReader(columns: Columns, labels: Label[], notes: Notes): (fields: string[], row: number) => LabelledImage {
  const at = {
    path: columns.find('Path', 'Study'),
    sex: columns.find('Sex'),
    age: columns.find('Age'),
    side: columns.find('Frontal/Lateral'),
    view: columns.find('AP/PA'),
  };
  const pathColumn = columns.names[at.path]!;
  const labelAt = labels.map((label) => columns.find(label));
  const seen = new Set<string>();
  return (fields, row) => {
    if (fields.length !== columns.names.length) throw wrongFieldCount(fields.length, columns.names.length);
    const image = fields[at.path]!.trim().replaceAll('\\', '/').replace(/\/+$/, '');
    const match = PATIENT_STUDY.exec(image);
    if (!match) {
      throw new RowError(
        'DATASET_PATH',
        pathColumn,
        `${shown(image)} names no patient and study (patientNNNNN/studyN).`,
      );
    }
    const values: LabelValues = {};
    for (let i = 0; i < labels.length; i++) values[labels[i]!] = labelValue(fields[labelAt[i]!]!, labels[i]!);
    if (seen.has(image))
      throw new RowError('DATASET_ROW_TWICE', pathColumn, `${shown(image)} stands in the table twice.`);
    seen.add(image);
    return {
      row,
      patientId: match[1]!,
      studyId: `${match[1]}/${match[2]}`,
      image,
      imagePath: null,
      sex: at.sex < 0 ? '' : sexOf(fields[at.sex]!),
      age: at.age < 0 ? null : notedAge(fields[at.age]!, row, notes),
      view: at.side < 0 ? '' : projection(fields[at.side]!, fields[at.view]!),
      split: splitOf(image),
      labels: values,
    };
  };
}

function projection(side: string, view: string): string {
  if (viewOf(side) === 'LATERAL') return 'LATERAL';
  return viewOf(view) || (side === '' ? '' : 'FRONTAL');
}

function splitOf(path: string): LabelledImage['split'] {
  const folder = /(?:^|\/)(train|valid|validate|test)\//.exec(path)?.[1];
  return folder === 'valid' ? 'validate' : ((folder ?? '') as LabelledImage['split']);
}
