/**
 * How the columns of a label table of any form are read: which one names the film, which ones say who and how, which ones
 * hold labels, and what their cells mean. A plain object, kept with the data set and passed as JSON on the command line.
 */
import { z } from 'zod';
import { isLabel, type Label } from '../labels/labels.ts';

/** What the film column holds: a path below the images' folder (or a file name), or an identifier in the DICOM header. */
export const FILM_KEYS = ['path', 'SOPInstanceUID', 'StudyInstanceUID', 'AccessionNumber', 'PatientID'] as const;
export type FilmKey = (typeof FILM_KEYS)[number];

const label = z
  .string()
  .refine(isLabel, 'not one of the 14 labels')
  .transform((name) => name as Label);
const column = z.string().min(1).max(200);
const cells = z.array(z.string().max(80)).max(100);

export const columnMappingSchema = z
  .object({
    film: column,
    key: z.enum(FILM_KEYS).default('path'),
    patient: column.optional(),
    study: column.optional(),
    view: column.optional(),
    sex: column.optional(),
    age: column.optional(),
    split: column.optional(),
    /** One column a label: label -> column. */
    labels: z.record(label, column).default({} as Record<Label, string>),
    /** A column that lists what is present: name -> label, null for a name that is read and not scored. */
    findings: z
      .object({
        column,
        separator: z.string().min(1).max(3).default('|'),
        names: z.record(z.string(), label.nullable()),
      })
      .strict()
      .optional(),
    /** What the cells of label columns mean, whatever their case. Empty cells are blank. */
    values: z
      .object({
        positive: cells.default(['1', '1.0', 'true', 'yes', 'y', 'positive', 'present']),
        negative: cells.default(['0', '0.0', 'false', 'no', 'n', 'negative', 'absent']),
        uncertain: cells.default(['-1', '-1.0', 'uncertain', 'possible', 'equivocal']),
        blank: cells.default(['nan', 'na', 'n/a', 'none', 'null']),
      })
      .strict()
      .prefault({}),
  })
  .strict()
  .refine(
    ({ labels, findings }) => Object.keys(labels).length > 0 || findings !== undefined,
    'neither a column for a label nor one that lists findings',
  );

/** As a user writes it; defaults may be left out. */
export type ColumnMappingInput = z.input<typeof columnMappingSchema>;
export type ColumnMapping = z.output<typeof columnMappingSchema>;

/** What a table looks like before it is mapped. */
export interface TableLook {
  file: string;
  delimiter: string;
  /** Rows that were looked at. */
  rows: number;
  columns: {
    name: string;
    /** The first distinct values, shortened. */
    values: string[];
    /** More than these occur. */
    more: boolean;
  }[];
  /** By names and values of the columns; to be checked by whoever knows the table. null where no film column is seen. */
  guess: ColumnMapping | null;
}
