/**
 * NIH ChestX-ray14 (Wang et al. 2017): Data_Entry_2017.csv of either release and its derivatives, the official lists, and
 * BBox_List_2017.csv. The header's commas inside brackets split `OriginalImage[Width,Height]` into two columns, the first
 * release ends every line with a comma, and some copies say `Patient Sex`, `No_Finding` or pad the identifiers.
 */
import { readFile } from 'node:fs/promises';
import type { Work } from '../base/progress.ts';
import type { LabelValues } from '../labels/labels.ts';
import { type MappingRow, rowsByName, scoredLabels, valuesOfListed } from '../labels/mapping.ts';
import { type Columns, type RejectedRow, Rejections, RowError, readTable, shown, wrongFieldCount } from './table.ts';
import type { LabelledImage, LabelTable } from './types.ts';
import { Notes, notedAge, sexOf, viewOf } from './values.ts';

const FINDINGS = 'Finding Labels';
const SEX = ['Patient Gender', 'Patient Sex'] as const;

export interface NihOptions {
  /** Keep only the images of an official list (`readImageList`). */
  only?: ReadonlySet<string>;
}

/** Errors: DATASET_COLUMNS_MISSING and those of `readTable`. */
export async function readNih(csv: string, options: NihOptions = {}, work?: Work): Promise<LabelTable> {
  const rejected = new Rejections();
  const notes = new Notes();
  const images: LabelledImage[] = [];
  const read = await readTable(
    csv,
    (columns) => {
      columns.require(['Image Index', FINDINGS, 'Patient ID', 'Patient Age', SEX, 'View Position']);
      const row = rowReader(columns, notes);
      return (fields, line) => {
        const image = row(fields, line);
        if (!options.only || options.only.has(image.image)) images.push(image);
      };
    },
    rejected,
    work,
  );
  return {
    kind: 'nih',
    file: csv,
    ...read,
    unit: 'image',
    labels: scoredLabels('nih'),
    images,
    rejected: rejected.rows,
    rejectedCount: rejected.count,
    warnings: notes.sentences(),
  };
}

function rowReader(columns: Columns, notes: Notes): (fields: string[], row: number) => LabelledImage {
  const at = {
    image: columns.find('Image Index'),
    findings: columns.find(FINDINGS),
    followUp: columns.find('Follow-up #'),
    patient: columns.find('Patient ID'),
    age: columns.find('Patient Age'),
    sex: columns.find(...SEX),
    view: columns.find('View Position'),
  };
  const findingsOf = findingsReader();
  const seen = new Set<string>();
  const needed = Math.max(...Object.values(at)) + 1;
  return (fields, row) => {
    // The header's brackets and trailing commas make its width vary; what must be there is what is read.
    if (fields.length < needed) throw wrongFieldCount(fields.length, columns.names.length);
    const image = fields[at.image]!.trim();
    if (image === '') throw new RowError('DATASET_PATH', 'Image Index', 'The row names no image.');
    const patientId = String(Number(fields[at.patient]!.trim() || Number.NaN));
    if (patientId === 'NaN') {
      throw new RowError('DATASET_PATIENT', 'Patient ID', `${shown(fields[at.patient]!)} is no patient number.`);
    }
    const { own, labels } = findingsOf(fields[at.findings]!);
    if (seen.has(image))
      throw new RowError('DATASET_ROW_TWICE', 'Image Index', `${shown(image)} stands in the table twice.`);
    seen.add(image);
    const followUp = at.followUp < 0 ? image : String(Number(fields[at.followUp]!));
    return {
      row,
      patientId,
      studyId: `${patientId}/${followUp}`,
      image,
      imagePath: null,
      sex: sexOf(fields[at.sex]!),
      age: notedAge(fields[at.age]!, row, notes),
      view: viewOf(fields[at.view]!),
      split: '',
      labels,
      ownFindings: own,
    };
  };
}

/** `Mass|Nodule` -> own names and CheXpert label values. Each combination is worked out once and shared by its rows. */
function findingsReader(): (cell: string) => { own: readonly string[]; labels: LabelValues } {
  const byName = rowsByName('nih');
  const valuesOf = valuesOfListed('nih');
  const known = new Map<string, { own: readonly string[]; labels: LabelValues }>();
  return (cell) => {
    const before = known.get(cell);
    if (before) return before;
    const own = cell.split('|').map((name) => name.trim());
    const rows = own.map((name) => mappingOf(name, byName));
    if (rows.length > 1 && rows.some((row) => row.to === 'No Finding')) {
      throw new RowError('DATASET_CONTRADICTION', FINDINGS, `${shown(cell)} says No Finding and a finding.`);
    }
    const result = { own: [...new Set(own)], labels: valuesOf(rows) };
    known.set(cell, result);
    return result;
  };
}

function mappingOf(name: string, byName: Map<string, MappingRow>): MappingRow {
  const row = byName.get(name);
  if (row) return row;
  throw new RowError(
    'DATASET_LABEL_UNKNOWN',
    FINDINGS,
    name === ''
      ? 'The row lists no finding, not even No Finding.'
      : `${shown(name)} is no finding of NIH ChestX-ray14.`,
  );
}

/** test_list.txt, train_val_list.txt: one image name a line. */
export async function readImageList(file: string): Promise<Set<string>> {
  const text = await readFile(file, 'utf8');
  return new Set(
    text
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== ''),
  );
}

export interface Box {
  image: string;
  /** As the file spells it: `Infiltrate`, where the label table says Infiltration. */
  finding: string;
  /** Pixels of the 1,024-pixel image, from its upper left corner. */
  x: number;
  y: number;
  width: number;
  height: number;
}

/** BBox_List_2017.csv: 9 header fields over 6 fields a row. */
export async function readNihBoxes(csv: string): Promise<{ boxes: Box[]; columns: string[]; rejected: RejectedRow[] }> {
  const rejected = new Rejections();
  const boxes: Box[] = [];
  const byName = rowsByName('nih');
  const { columns } = await readTable(
    csv,
    (header) => {
      header.require(['Image Index', 'Finding Label', 'Bbox [x']);
      return (fields) => {
        const [image = '', finding = '', ...numbers] = fields;
        const [x, y, width, height] = numbers
          .slice(0, 4)
          .map((text) => (text.trim() === '' ? Number.NaN : Number(text)));
        if (![x, y, width, height].every((value) => Number.isFinite(value))) {
          throw new RowError('DATASET_VALUE', 'Bbox [x,y,w,h]', 'A box needs four numbers.');
        }
        mappingOf(finding, byName);
        boxes.push({ image, finding, x: x!, y: y!, width: width!, height: height! });
      };
    },
    rejected,
  );
  return { boxes, columns, rejected: rejected.rows };
}
