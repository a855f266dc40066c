/** Every table of the sample data against expected_counts.json, and the published test-set scores against their reference. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readMimic } from '../../core/datasets/mimic.ts';
import { readImageList, readNihBoxes } from '../../core/datasets/nih.ts';
import { readScoreTable } from '../../core/datasets/scores.ts';
import { datasetSummary, type LabelCounts, readLabelTable } from '../../core/datasets/summary.ts';
import { readTable, Rejections } from '../../core/datasets/table.ts';
import type { DatasetKind } from '../../core/labels/mapping.ts';
import { averagePrecision, auroc } from '../../core/evaluation/scores.ts';
import { dataDir, describeReference, readJsonFile } from '../support/reference.ts';

interface Expected {
  columns: string[];
  rows: number;
  finding_counts?: Record<string, number>;
  value_counts?: Record<string, Record<string, number>>;
  boxes?: Record<string, number>;
  patients?: number;
  view?: Record<string, number>;
  sex?: Record<string, number>;
  multi_label_rows?: number;
}

/** `1.0` and `1` are the same value. */
function asCounts(values: Record<string, number>): LabelCounts {
  const of = (value: string) => (values[value] ?? 0) + (values[`${value}.0`] ?? 0);
  return { positive: of('1'), negative: of('0'), uncertain: of('-1'), blank: values[''] ?? 0 };
}

function tally(items: string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const item of items) counts[item] = (counts[item] ?? 0) + 1;
  return counts;
}

function kindOf(file: string): DatasetKind {
  return file.includes('/nih/') ? 'nih' : file.includes('/mimic/') ? 'mimic' : 'chexpert';
}

describeReference('label tables', dataDir('labels'), (folder) => {
  const expected: Record<string, Expected> = readJsonFile(folder, 'expected_counts.json');
  // The copy in tests/reference/data leaves out what may not be passed on (chexpert_test).
  const files = Object.entries(expected)
    .map(([file, counts]) => ({ file, counts, path: join(folder, '..', file) }))
    .filter(({ path }) => existsSync(path));

  it.each(files)('$file has its rows and columns', async ({ path, counts }) => {
    const rejected = new Rejections();
    const read = await readTable(path, () => () => {}, rejected);
    expect(read).toEqual({ rows: counts.rows, columns: counts.columns });
    expect(rejected.count).toBe(0);
  });

  it.each(files.filter(({ counts }) => counts.value_counts))('$file has its value counts', async ({ file, path, counts }) => {
    const summary = datasetSummary(await readLabelTable(kindOf(file), path));
    expect(summary.rows).toBe(counts.rows);
    expect(summary.rejected).toEqual([]);
    for (const [label, values] of Object.entries(counts.value_counts!)) {
      expect(summary.labels[label], label).toEqual(asCounts(values));
    }
    expect(Object.keys(summary.labels).sort()).toEqual(Object.keys(counts.value_counts!).sort());
  });

  it.each(files.filter(({ counts }) => counts.finding_counts))('$file has its findings', async ({ path, counts }) => {
    const table = await readLabelTable('nih', path);
    const summary = datasetSummary(table);
    expect(summary.images).toBe(counts.rows);
    expect(summary.patients).toBe(counts.patients);
    for (const [name, positive] of Object.entries(counts.finding_counts!)) {
      expect(summary.labels[name], name).toEqual({ positive, negative: counts.rows - positive, uncertain: 0, blank: 0 });
    }
    expect(tally(table.images.map((image) => image.view))).toEqual(counts.view);
    expect(tally(table.images.map((image) => image.sex))).toEqual(counts.sex);
    expect(table.images.filter((image) => image.ownFindings!.length > 1).length).toBe(counts.multi_label_rows);
    expect(table.images.filter((image) => image.age === null).length).toBe(table.warnings.length);
    expect(table.images.every((image) => image.age === null || image.age <= 95)).toBe(true);
  });

  it.each(files.filter(({ counts }) => counts.boxes))('$file has its boxes', async ({ path, counts }) => {
    const { boxes, rejected } = await readNihBoxes(path);
    expect(rejected).toEqual([]);
    expect(tally(boxes.map((box) => box.finding))).toEqual(counts.boxes);
    expect(boxes.every((box) => box.width > 0 && box.height > 0 && box.x + box.width <= 1024 + 1)).toBe(true);
  });

  it('keeps the images of an official list, and reads lists without a final newline', async () => {
    const list = await readImageList(join(folder, 'nih/test_list.sample.txt'));
    expect(list.size).toBe(300);
    expect([...list].every((name) => /^\d{8}_\d{3}\.png$/.test(name))).toBe(true);
  });

  it('joins the tables of MIMIC-CXR-JPG', async () => {
    const split = expected['labels/mimic/mimic-cxr-2.0.0-split.INVENTED.csv.gz']!;
    const table = await readMimic(join(folder, 'mimic/mimic-cxr-2.0.0-chexpert.INVENTED.csv.gz'));
    expect(table.unit).toBe('image');
    expect(table.images.length).toBe(split.rows);
    expect(table.warnings).toEqual([]);
    const first = table.images.find((image) => image.image.endsWith('/8d0038ec-3bfd1d33-31162427-fee29476-b7970386.jpg'))!;
    expect(first).toMatchObject({
      patientId: '99000000',
      studyId: '99900000',
      view: 'PA',
      split: 'train',
      image: 'files/p99/p99000000/s99900000/8d0038ec-3bfd1d33-31162427-fee29476-b7970386.jpg',
    });
    expect(first.labels).toMatchObject({ Cardiomegaly: 1, Atelectasis: null, 'Lung Opacity': 0, Pneumonia: null, 'Pleural Other': 1 });
    expect(datasetSummary(table)).toMatchObject({ studies: 120, images: 175, rows: 120 });
  });

  it.skipIf(!existsSync(join(folder, 'chexpert_test'))).each(['drnet', 'hieupham', 'desmond'])('ranks the published scores of %s as their reference does', async (model) => {
    const reference = readJsonFile(folder, 'chexpert_test/metrics_reference.json').predictions[model];
    const truth = await readLabelTable('chexpert', join(folder, 'chexpert_test/groundtruth.csv'));
    const scores = await readScoreTable(join(folder, `chexpert_test/predictions_${model}.csv`));
    const byStudy = new Map(scores.rows.map((row) => [row.study, row.scores]));
    for (const [i, label] of scores.labels.entries()) {
      const positive = truth.images.map((image) => image.labels[label] === 1);
      const score = truth.images.map((image) => byStudy.get(image.image)![i]!);
      expect(Math.abs(auroc(positive, score)! - reference[label].auroc), label).toBeLessThan(1e-12);
      expect(Math.abs(averagePrecision(positive, score)! - reference[label].average_precision), label).toBeLessThan(1e-12);
    }
  });
});
