/** Tables of any form: a mapping of columns, a look at a table without one, and what is wrong with bad ones. */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { checkedMapping, lookAtTable } from '../../core/datasets/custom.ts';
import { datasetSummary, readLabelTable } from '../../core/datasets/summary.ts';

const folder = mkdtempSync(join(tmpdir(), 'custom-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const GERMAN = [
  'Bild;PID;Projektion;Geschlecht;Alter;Erguss;Stauung;Herz',
  'p1/a.dcm;1;AP;w;61;ja;nein;?',
  'p1/b.dcm;1;PA;w;61;nein;;ja',
  'p2/c.dcm;2;PA;M;34Y;vielleicht;nein;nein',
  'p2/c.dcm;2;PA;M;34;ja;nein;nein',
  'p3/d.dcm;3;PA;M;34;ja',
  '',
].join('\r\n');

const MAPPING = checkedMapping({
  film: 'Bild',
  patient: 'PID',
  view: 'Projektion',
  sex: 'Geschlecht',
  age: 'Alter',
  labels: { 'Pleural Effusion': 'Erguss', Edema: 'Stauung', Cardiomegaly: 'Herz' },
  values: { positive: ['ja'], negative: ['nein'], uncertain: ['?'] },
});

describe('a table of any form', () => {
  it('is read by its mapping; bad rows are named with row and column (semicolons, Windows lines, a byte order mark)', async () => {
    const path = file('klinik.csv', `\uFEFF${GERMAN}`);
    const table = await readLabelTable('custom', path, { mapping: MAPPING });
    expect(table.labels).toEqual(['Cardiomegaly', 'Edema', 'Pleural Effusion']);
    expect(table.images.map(({ row, image, patientId, view, age }) => [row, image, patientId, view, age])).toEqual([
      [2, 'p1/a.dcm', '1', 'AP', 61],
      [3, 'p1/b.dcm', '1', 'PA', 61],
      [5, 'p2/c.dcm', '2', 'PA', 34],
    ]);
    expect(table.images[0]!.labels).toEqual({ 'Pleural Effusion': 1, Edema: 0, Cardiomegaly: -1 });
    expect(table.images[1]!.labels).toEqual({ 'Pleural Effusion': 0, Edema: null, Cardiomegaly: 1 });
    expect(table.rejected.map(({ row, column, code }) => [row, column, code])).toEqual([
      [4, 'Erguss', 'DATASET_VALUE'],
      [6, null, 'DATASET_ROW_FIELDS'],
    ]);
    expect(datasetSummary(table).labels['Pleural Effusion']).toEqual({
      positive: 2,
      negative: 1,
      uncertain: 0,
      blank: 0,
    });
  });

  it('names every column of the mapping that is not there', async () => {
    const path = file('klinik2.csv', GERMAN.replace('Stauung', 'Oedem').replace('PID', 'Patient'));
    await expect(readLabelTable('custom', path, { mapping: MAPPING })).rejects.toMatchObject({
      code: 'DATASET_COLUMNS_MISSING',
      details: { missing: ['PID', 'Stauung'], columns: expect.arrayContaining(['Patient', 'Oedem']) },
    });
  });

  it('may list findings in one column', async () => {
    const path = file('list.csv', 'file,findings\na.png,Effusion|Mass\nb.png,\nc.png,Unicorn\n');
    const names = { Effusion: 'Pleural Effusion', Mass: 'Lung Lesion', Hernia: null };
    const table = await readLabelTable('custom', path, {
      mapping: checkedMapping({ film: 'file', findings: { column: 'findings', names } }),
    });
    expect(table.images.map(({ labels }) => labels)).toEqual([
      { 'Pleural Effusion': 1, 'Lung Lesion': 1 },
      { 'Pleural Effusion': 0, 'Lung Lesion': 0 },
    ]);
    expect(table.rejected[0]).toMatchObject({ row: 4, column: 'findings', code: 'DATASET_LABEL_UNKNOWN' });
  });

  it('says which patients stand on both sides of a split', async () => {
    const path = file('split.csv', 'file,pid,split,Edema\na.png,1,train,1\nb.png,2,test,0\nc.png,1,test,1\n');
    const mapping = checkedMapping({ film: 'file', patient: 'pid', split: 'split', labels: { Edema: 'Edema' } });
    const { warnings } = await readLabelTable('custom', path, { mapping });
    expect(warnings).toEqual(['Patients on both sides of a split: 1 (first in row 4: 1). Their films were kept.']);
  });

  it('finds films by an identifier of their DICOM header', async () => {
    const films = join(folder, 'films', 'any', 'where');
    mkdirSync(films, { recursive: true });
    copyFileSync(resolve('tests/data/dicom/derived/charset_latin1.dcm'), join(films, 'IM0001'));
    const path = file('uids.csv', 'PatientID,Edema\nNOBODY,0\n');
    const { scanPaths } = await import('../../core/dicom/scan.ts');
    const tags: { sopInstanceUid: string; patientId: string }[] = [];
    const work = { signal: new AbortController().signal, report: () => {} };
    await scanPaths([films], work, (headers) => tags.push(...headers.map((header) => header.tags)));
    writeFileSync(path, `uid,Edema\n${tags[0]!.sopInstanceUid},1\n1.2.3,0\n`);
    const mapping = checkedMapping({ film: 'uid', key: 'SOPInstanceUID', labels: { Edema: 'Edema' } });
    const table = await readLabelTable('custom', path, { mapping, images: join(folder, 'films') });
    expect(table.images.map(({ imagePath }) => imagePath)).toEqual([join(films, 'IM0001'), null]);
    expect(table.images[0]!.patientId).toBe(tags[0]!.patientId);
  });

  it('is refused without a column of a label', () => {
    expect(() => checkedMapping({ film: 'file' })).toThrow('neither a column for a label nor one that lists findings');
    expect(() => checkedMapping({ film: 'file', labels: { Oedema: 'x' } })).toThrow('not one of the 14 labels');
  });
});

describe('a look at a table', () => {
  it('shows its columns and guesses what they are', async () => {
    const path = file(
      'look.csv',
      'image_path\tpatient_id\tsex\tage\tview\toedema\tPleural effusion\tnote\na.dcm\t1\tF\t5\tAP\t1\t0\tx\n',
    );
    const look = await lookAtTable(path);
    expect(look.delimiter).toBe('\t');
    expect(look.columns.map(({ name }) => name).slice(0, 3)).toEqual(['image_path', 'patient_id', 'sex']);
    expect(look.guess).toMatchObject({
      film: 'image_path',
      patient: 'patient_id',
      sex: 'sex',
      age: 'age',
      view: 'view',
      labels: { Edema: 'oedema', 'Pleural Effusion': 'Pleural effusion' },
    });
  });

  it('sees a column that lists findings', async () => {
    const path = file(
      'nih.csv',
      'Image Index,Finding Labels,Patient ID\na.png,Mass|Effusion,1\nb.png,Hernia,2\nc.png,Edema,3\n',
    );
    expect((await lookAtTable(path)).guess).toMatchObject({
      film: 'Image Index',
      patient: 'Patient ID',
      findings: {
        column: 'Finding Labels',
        separator: '|',
        names: { Mass: 'Lung Lesion', Hernia: null, Edema: 'Edema' },
      },
    });
  });
});
