/**
 * MIMIC-CXR-JPG 2.0.0 (Johnson et al. 2019): the chexpert or negbio table has one row a study; the split and metadata
 * tables have one row an image, and lie beside it under their own names. Images are
 * `files/p10/p10000032/s50414267/<dicom_id>.jpg`. Any of the tables may be gzipped.
 */
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Work } from '../base/progress.ts';
import { CHEXPERT_LABELS, type LabelValues } from '../labels/labels.ts';
import { Rejections, RowError, readTable, shown, wrongFieldCount } from './table.ts';
import type { LabelledImage, LabelTable } from './types.ts';
import { labelValue, Notes, viewOf } from './values.ts';

export interface MimicOptions {
  /** Found beside the label table where not given; null: do without. */
  metadata?: string | null;
  split?: string | null;
}

interface Study {
  row: number;
  patientId: string;
  studyId: string;
  labels: LabelValues;
}

interface ImageFacts {
  studyId: string;
  view: string;
  split: LabelledImage['split'];
}

/** Errors: DATASET_COLUMNS_MISSING and those of `readTable`. */
export async function readMimic(csv: string, options: MimicOptions = {}, work?: Work): Promise<LabelTable> {
  const rejected = new Rejections();
  const notes = new Notes();
  const studies = new Map<string, Study>();
  const read = await readTable(csv, studyReader(studies), rejected, work);
  const beside = await tablesBeside(csv);
  const facts = new Map<string, ImageFacts>();
  for (const table of [options.split ?? beside.split, options.metadata ?? beside.metadata]) {
    if (table !== null && table !== undefined) await readImages(table, facts, rejected, work);
  }
  const images = facts.size === 0 ? studyRows(studies) : imageRows(studies, facts, notes);
  return {
    kind: 'mimic',
    file: csv,
    ...read,
    unit: facts.size === 0 ? 'study' : 'image',
    labels: [...CHEXPERT_LABELS],
    images,
    rejected: rejected.rows,
    rejectedCount: rejected.count,
    warnings: notes.sentences(),
  };
}

function studyReader(studies: Map<string, Study>): Parameters<typeof readTable>[1] {
  return (columns) => {
    columns.require(['subject_id', 'study_id', ...CHEXPERT_LABELS]);
    const subjectAt = columns.find('subject_id');
    const studyAt = columns.find('study_id');
    const labelAt = CHEXPERT_LABELS.map((label) => columns.find(label));
    return (fields, row) => {
      if (fields.length !== columns.names.length) throw wrongFieldCount(fields.length, columns.names.length);
      const patientId = identifier(fields[subjectAt]!, 'subject_id');
      const studyId = identifier(fields[studyAt]!, 'study_id');
      const labels: LabelValues = {};
      CHEXPERT_LABELS.forEach((label, i) => {
        labels[label] = labelValue(fields[labelAt[i]!]!, label);
      });
      if (studies.has(studyId)) {
        throw new RowError('DATASET_ROW_TWICE', 'study_id', `Study ${shown(studyId)} stands in the table twice.`);
      }
      studies.set(studyId, { row, patientId, studyId, labels });
    };
  };
}

/** Digits only: the identifier becomes part of a path. */
function identifier(text: string, column: string): string {
  const value = text.trim().replace(/\.0$/, '');
  if (!/^\d{1,12}$/.test(value)) throw new RowError('DATASET_PATIENT', column, `${shown(text)} is no identifier.`);
  return value;
}

/** Adds view or split, whichever the table has, to each image. */
async function readImages(
  file: string,
  facts: Map<string, ImageFacts>,
  rejected: Rejections,
  work?: Work,
): Promise<void> {
  await readTable(
    file,
    (columns) => {
      columns.require(['dicom_id', 'study_id', ['split', 'ViewPosition']]);
      const at = {
        dicom: columns.find('dicom_id'),
        study: columns.find('study_id'),
        split: columns.find('split'),
        view: columns.find('ViewPosition'),
      };
      return (fields) => {
        if (fields.length !== columns.names.length) throw wrongFieldCount(fields.length, columns.names.length);
        const dicom = fields[at.dicom]!.trim();
        if (!/^[\w.-]+$/.test(dicom))
          throw new RowError('DATASET_PATH', 'dicom_id', `${shown(dicom)} is no image name.`);
        const studyId = identifier(fields[at.study]!, 'study_id');
        const known = facts.get(dicom) ?? { studyId, view: '', split: '' };
        if (at.split >= 0) known.split = splitValue(fields[at.split]!);
        if (at.view >= 0) known.view = viewOf(fields[at.view]!);
        facts.set(dicom, known);
      };
    },
    rejected,
    work,
  );
}

function splitValue(text: string): LabelledImage['split'] {
  const split = text.trim();
  if (split === 'train' || split === 'validate' || split === 'test') return split;
  throw new RowError('DATASET_VALUE', 'split', `${shown(text)} is no split: train, validate or test are.`);
}

function imageRows(studies: Map<string, Study>, facts: Map<string, ImageFacts>, notes: Notes): LabelledImage[] {
  const images: LabelledImage[] = [];
  const withImages = new Set<string>();
  for (const [dicom, { studyId, view, split }] of facts) {
    const study = studies.get(studyId);
    if (!study) {
      notes.add('Images whose study has no row of labels, left out');
      continue;
    }
    withImages.add(studyId);
    images.push({ ...person(study), image: `${folderOf(study)}/${dicom}.jpg`, view, split });
  }
  for (const study of studies.values()) {
    if (!withImages.has(study.studyId)) notes.add('Studies with labels but no image, left out', study.row);
  }
  return images;
}

function studyRows(studies: Map<string, Study>): LabelledImage[] {
  return [...studies.values()].map((study) => ({ ...person(study), image: folderOf(study), view: '', split: '' }));
}

function person(study: Study): Omit<LabelledImage, 'image' | 'view' | 'split'> {
  return { ...study, imagePath: null, sex: '', age: null };
}

function folderOf({ patientId, studyId }: Study): string {
  return `files/p${patientId.slice(0, 2)}/p${patientId}/s${studyId}`;
}

async function tablesBeside(csv: string): Promise<{ metadata: string | null; split: string | null }> {
  const folder = dirname(csv);
  const names = await readdir(folder);
  const find = (word: string) => {
    const name = names.find((each) => new RegExp(`mimic-cxr.*-${word}\\b.*\\.csv(\\.gz)?$`, 'i').test(each));
    return name === undefined ? null : join(folder, name);
  };
  return { metadata: find('metadata'), split: find('split') };
}
