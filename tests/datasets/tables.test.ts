import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ImageFolder } from '../../core/datasets/images.ts';
import { datasetSummary, patientsInBoth, readLabelTable } from '../../core/datasets/summary.ts';
import { ageInYears, sexOf, viewOf } from '../../core/datasets/values.ts';
import { CHEXPERT_LABELS } from '../../core/labels/labels.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'datasets-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

const HEADER = `Path,Sex,Age,Frontal/Lateral,AP/PA,${CHEXPERT_LABELS.join(',')}`;
const BLANK = ','.repeat(CHEXPERT_LABELS.length - 1);
const NIH_HEADER =
  'Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Sex,View Position,OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],';

describe('CheXpert tables', () => {
  it.each(['CheXpert-v1.0-small/', 'CheXpert-v1.0/', ''])('reads paths under "%s"', async (prefix) => {
    const table = await readLabelTable(
      'chexpert',
      file('a.csv', `${HEADER}\n${prefix}valid/patient64541/study1/view1_frontal.jpg,Male,73,Frontal,AP,${BLANK}\n`),
    );
    expect(table.images[0]).toMatchObject({
      patientId: 'patient64541',
      studyId: 'patient64541/study1',
      view: 'AP',
      sex: 'M',
      age: 73,
      split: 'validate',
    });
  });

  it('reads Windows line ends, a byte order mark, columns in another order and gzip alike', async () => {
    const labels = [...CHEXPERT_LABELS].reverse();
    const text = `\uFEFF${labels.join(',')},AP/PA,Frontal/Lateral,Age,Sex,Path\r\n1.0${','.repeat(labels.length - 1)},,Lateral,90,Unknown,CheXpert-v1.0/train/patient00001/study1/view2_lateral.jpg\r\n`;
    const table = await readLabelTable('chexpert', file('b.csv.gz', gzipSync(text)));
    expect(table.rejected).toEqual([]);
    expect(table.images[0]).toMatchObject({ row: 2, view: 'LATERAL', sex: '', age: 90 });
    expect(table.images[0]!.labels['Support Devices']).toBe(1);
    expect(table.images[0]!.labels['No Finding']).toBeNull();
  });

  it('names every missing column', async () => {
    const path = file('c.csv', `${HEADER.replace('Edema,', '').replace('Age,', '')}\n`);
    await expect(readLabelTable('chexpert', path)).rejects.toMatchObject({
      code: 'DATASET_COLUMNS_MISSING',
      details: { file: path, row: 1, missing: ['Age', 'Edema'] },
    });
  });

  it('rejects bad rows with row and column, and goes on', async () => {
    const row = (patient: string, labels: string) =>
      `train/patient${patient}/study1/view1_frontal.jpg,Male,50,Frontal,AP,${labels}`;
    const good = `1.0${BLANK}`;
    const lines = [
      HEADER,
      row('1', good),
      row('1', good),
      row('2', `,0.5${BLANK.slice(1)}`),
      'train/patient3/study1/view1_frontal.jpg,Male',
      `train/nobody/view1_frontal.jpg,Male,50,Frontal,AP,${good}`,
      '',
      row('4', `,,maybe${BLANK.slice(2)}`),
      row('5', good),
    ];
    const table = await readLabelTable('chexpert', file('d.csv', lines.join('\n')));
    expect(table.rejected.map(({ row, column, code }) => [row, column, code])).toEqual([
      [3, 'Path', 'DATASET_ROW_TWICE'],
      [4, 'Enlarged Cardiomediastinum', 'DATASET_VALUE'],
      [5, null, 'DATASET_ROW_FIELDS'],
      [6, 'Path', 'DATASET_PATH'],
      [8, 'Cardiomegaly', 'DATASET_VALUE'],
    ]);
    expect(table.images.map((image) => image.patientId)).toEqual(['patient1', 'patient5']);
    expect(datasetSummary(table)).toMatchObject({ rows: 7, rejectedCount: 5, images: 2 });
  });

  it('counts uncertain values as the policy says', async () => {
    const path = file('e.csv', `Study,Edema,Pneumonia\nx/patient1/study1,-1,1\nx/patient2/study1,-1,0\n`);
    const table = await readLabelTable('chexpert', path);
    const edema = (policy: Parameters<typeof datasetSummary>[1]) => datasetSummary(table, policy).labels['Edema'];
    expect(edema(null)).toEqual({ positive: 0, negative: 0, uncertain: 2, blank: 0 });
    expect(edema('zeros')).toEqual({ positive: 0, negative: 2, uncertain: 0, blank: 0 });
    expect(edema('ones')).toEqual({ positive: 2, negative: 0, uncertain: 0, blank: 0 });
    expect(edema('ignore')).toEqual({ positive: 0, negative: 0, uncertain: 2, blank: 0 });
    expect(table.labels).toEqual(['Edema', 'Pneumonia']);
    expect(table.unit).toBe('study');
  });

  it.each([
    ['an empty file', '', 'CSV_EMPTY'],
    ['a quote that never closes', `${HEADER}\n"train/patient1`, 'CSV_UNREADABLE'],
    ['a damaged gzip', Buffer.concat([gzipSync(HEADER).subarray(0, 30), Buffer.alloc(20, 7)]), 'CSV_UNREADABLE'],
    ['no table at all', Buffer.concat([Buffer.alloc(128), Buffer.from('DICM')]), 'DATASET_COLUMNS_MISSING'],
  ])('gives an error for %s', async (_what, content, code) => {
    const path = file('f.csv', content);
    await expect(readLabelTable('chexpert', path)).rejects.toMatchObject({ code, details: { file: path } });
  });

  it('reads quoted fields, wherever the first quotation mark stands', async () => {
    const row = (i: number, sex: string) =>
      `train/patient${i}/study1/view1_frontal.jpg,${sex},50,Frontal,AP,1.0${BLANK}`;
    const plain = Array.from({ length: 6000 }, (_, i) => row(i, 'Male'));
    const last = `"train/patient7000/study1/view1,frontal.jpg","Fe\nmale",50,Frontal,AP,1.0${BLANK}`;
    const table = await readLabelTable(
      'chexpert',
      file('q.csv', [HEADER, ...plain, last, row(8000, 'Female'), ''].join('\n')),
    );
    expect(table.rejected).toEqual([]);
    expect(table.images).toHaveLength(6002);
    expect(table.images[6000]).toMatchObject({
      row: 6002,
      image: 'train/patient7000/study1/view1,frontal.jpg',
      sex: 'F',
    });
    const quoted = HEADER.split(',').map((name) => `"${name}"`);
    const all = await readLabelTable('chexpert', file('q.csv', `${quoted.join(',')}\r\n${row(1, '"Male"')}\r\n`));
    expect(all.images[0]).toMatchObject({ row: 2, sex: 'M' });
    await expect(readLabelTable('chexpert', file('q.csv', `${quoted.slice(1).join(',')}\n`))).rejects.toMatchObject({
      code: 'DATASET_COLUMNS_MISSING',
    });
  });

  it('names the row at which quoting goes wrong', async () => {
    const rows = Array.from(
      { length: 10 },
      (_, i) => `train/patient${i}/study1/view1_frontal.jpg,Male,50,Frontal,AP,${BLANK}`,
    );
    rows[6] = `"train"/patient6,Male,50,Frontal,AP,${BLANK}`;
    const path = file('w.csv', [HEADER, ...rows].join('\n'));
    const error = await readLabelTable('chexpert', path).catch((each: unknown) => each);
    expect(error).toMatchObject({ code: 'CSV_UNREADABLE', details: { row: 8 } });
  });

  it('does not hold a file without line ends', async () => {
    const path = file('l.csv', Buffer.alloc(3 << 20, 'x'));
    await expect(readLabelTable('chexpert', path)).rejects.toMatchObject({ code: 'CSV_UNREADABLE' });
  });

  it('says that a file is not there', async () => {
    await expect(readLabelTable('nih', join(folder, 'none.csv'))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  });

  it('stops when it is cancelled', async () => {
    const rows = Array.from(
      { length: 5000 },
      (_, i) => `train/patient${i}/study1/view1_frontal.jpg,Male,50,Frontal,AP,${BLANK}`,
    );
    const path = file('g.csv', [HEADER, ...rows].join('\n'));
    const stop = new AbortController();
    stop.abort();
    const work = { signal: stop.signal, report: () => {} };
    await expect(readLabelTable('chexpert', path, {}, work)).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});

describe('NIH tables', () => {
  it('rejects unknown findings and contradictions, and keeps impossible ages as unknown', async () => {
    const lines = [
      NIH_HEADER,
      '00000001_000.png,Mass|Nodule,0,00000001,411Y,M,PA,2,2,0.1,0.1,',
      '00000001_001.png,Massive,1,1,058Y,M,PA,2,2,0.1,0.1,',
      '00000001_002.png,No Finding|Mass,2,1,058Y,M,PA,2,2,0.1,0.1,',
      '00000002_000.png,No Finding,0,2,013M,F,AP,2,2,0.1,0.1,',
    ];
    const table = await readLabelTable('nih', file('nih.csv', lines.join('\r\n')));
    expect(table.rejected.map(({ row, column, code }) => [row, column, code])).toEqual([
      [3, 'Finding Labels', 'DATASET_LABEL_UNKNOWN'],
      [4, 'Finding Labels', 'DATASET_CONTRADICTION'],
    ]);
    expect(table.warnings).toEqual(['Ages that cannot be read, taken as unknown: 1 (first in row 2).']);
    expect(table.images[0]).toMatchObject({ patientId: '1', age: null, ownFindings: ['Mass', 'Nodule'] });
    expect(table.images[0]!.labels).toMatchObject({ 'Lung Lesion': 1, 'No Finding': 0 });
    expect(table.images[0]!.labels).not.toHaveProperty('Fracture');
    expect(table.images[1]!.age).toBeCloseTo(13 / 12);
    const { labels } = datasetSummary(table);
    expect(labels['Mass']!.positive).toBe(1);
    expect(labels['Lung Lesion']!.positive).toBe(1);
  });

  it('finds patients on both sides of a split', async () => {
    const row = (image: string, patient: number) => `${image},No Finding,0,${patient},50,F,AP,2,2,0.1,0.1,`;
    const a = await readLabelTable('nih', file('a.csv', [NIH_HEADER, row('a', 1), row('b', 2)].join('\n')));
    const b = await readLabelTable(
      'nih',
      file('b.csv', [NIH_HEADER, row('c', 2), row('d', 3), row('e', 2)].join('\n')),
    );
    expect(patientsInBoth(a.images, b.images)).toEqual(['2']);
  });
});

describe('cells', () => {
  it.each([
    ['57', 57],
    ['058Y', 58],
    ['018M', 1.5],
    ['000D', 0],
    ['411Y', null],
    ['', null],
    ['old', null],
  ] as const)('age %s is %s', (text, years) => expect(ageInYears(text)).toBe(years));

  it('spells views and sexes in one way', () => {
    expect(['LL', 'RL', 'LATERAL', 'XTABLE LATERAL', 'pa', ''].map(viewOf)).toEqual([
      'LATERAL',
      'LATERAL',
      'LATERAL',
      'LATERAL',
      'PA',
      '',
    ]);
    expect(['Female', 'M', 'Unknown', ''].map(sexOf)).toEqual(['F', 'M', '', '']);
  });
});

describe('images of a table', () => {
  it('finds DICOM, PNG or JPEG by stem, from the root, within it and from above it', async () => {
    const images = join(folder, 'images');
    file('images/CheXpert-v1.0-small/train/patient1/study1/view1_frontal.dcm', '');
    file('images/CheXpert-v1.0-small/train/patient1/study1/view1_frontal.jpg', '');
    file('images/CheXpert-v1.0-small/train/patient1/study1/view2_lateral.png', '');
    const name = 'CheXpert-v1.0-small/train/patient1/study1/view1_frontal.jpg';
    for (const root of ['', 'CheXpert-v1.0-small', 'CheXpert-v1.0-small/train']) {
      const found = await (await ImageFolder.open(join(images, root))).find(name);
      expect(found, root).toBe(join(images, name.replace('.jpg', '.dcm')));
    }
    const opened = await ImageFolder.open(images);
    expect(await opened.find('CheXpert-v1.0-small/train/patient1/study1/view3_frontal.jpg')).toBeNull();
    expect(await opened.findInStudy('CheXpert-v1.0/train/patient1/study1')).toBeNull();
    expect(await opened.findInStudy('CheXpert-v1.0-small/train/patient1/study1')).toMatch(/view1_frontal\.dcm$/);
  });

  it('finds NIH images in the folders of the download, and never leaves the folder', async () => {
    const images = join(folder, 'nih');
    file('nih/images_001/images/00000001_000.png', '');
    file('nih/images_012/images/00000002_000.png', '');
    file('outside.png', '');
    const opened = await ImageFolder.open(images);
    expect(await opened.find('00000002_000.png')).toBe(join(images, 'images_012/images/00000002_000.png'));
    expect(await opened.find('../outside.png')).toBeNull();
  });

  it('finds a path whose first folder has another name', async () => {
    file('other/CheXpert-v1.0/valid/patient1/study1/view1_frontal.jpg', '');
    const opened = await ImageFolder.open(join(folder, 'other/CheXpert-v1.0'));
    expect(await opened.find('CheXpert-v1.0-small/valid/patient1/study1/view1_frontal.jpg')).not.toBeNull();
  });

  it('gives an error for a folder that is not there', async () => {
    await expect(ImageFolder.open(join(folder, 'nowhere'))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  });
});
