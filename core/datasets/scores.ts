/** Tables of scores by study and label, as the CheXpert test set's published predictions: any order, any labels, any scale. */
import { CHEXPERT_LABELS, type Label } from '../labels/labels.ts';
import { type RejectedRow, Rejections, RowError, readTable, shown } from './table.ts';

export interface ScoreTable {
  /** In the table's order of labels. */
  labels: Label[];
  /** `[studies][labels]`; scores are ranked, never clipped. */
  rows: { study: string; scores: number[] }[];
  rejected: RejectedRow[];
}

/** Errors: DATASET_COLUMNS_MISSING and those of `readTable`. */
export async function readScoreTable(csv: string): Promise<ScoreTable> {
  const rejected = new Rejections();
  const rows: ScoreTable['rows'] = [];
  let labels: Label[] = [];
  await readTable(
    csv,
    (columns) => {
      columns.require([['Study', 'Path']]);
      labels = CHEXPERT_LABELS.filter((label) => columns.has(label)).sort((a, b) => columns.find(a) - columns.find(b));
      const studyAt = columns.find('Study', 'Path');
      return (fields) => {
        rows.push({
          study: fields[studyAt]!,
          scores: labels.map((label) => score(fields[columns.find(label)], label)),
        });
      };
    },
    rejected,
  );
  return { labels, rows, rejected: rejected.rows };
}

function score(text: string | undefined, label: Label): number {
  const value = text === undefined || text.trim() === '' ? Number.NaN : Number(text);
  if (Number.isFinite(value)) return value;
  throw new RowError('DATASET_VALUE', label, `${shown(text ?? '')} under ${label} is no number.`);
}
