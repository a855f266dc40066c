/** Columns that several tables of an evaluation have. */
import type { Column } from '../frame/DataTable.tsx';
import { text } from '../text.ts';

/** The label that a row is about. */
export function labelColumn<Row extends { label: string }>(): Column<Row> {
  return {
    id: 'label',
    head: text.compare.label,
    isRowHead: true,
    sort: ({ label }) => label,
    cell: ({ label }) => label,
  };
}
