/** Cells of the public tables: label values, ages, sexes, views. */
import type { LabelValue } from '../labels/labels.ts';
import { RowError, shown } from './table.ts';

const LABEL_VALUES = new Map<string, LabelValue>([
  ['', null],
  ['1.0', 1],
  ['1', 1],
  ['0.0', 0],
  ['0', 0],
  ['-1.0', -1],
  ['-1', -1],
]);

/** CheXpert's and MIMIC's: 1 positive, 0 negative, -1 uncertain, blank not mentioned. */
export function labelValue(text: string, column: string): LabelValue {
  const value = LABEL_VALUES.get(text) ?? LABEL_VALUES.get(text.trim());
  if (value === undefined && !isBlank(text)) {
    throw new RowError(
      'DATASET_VALUE',
      column,
      `${shown(text)} under ${column} is no label value: 1, 0, -1 or blank are.`,
    );
  }
  return value ?? null;
}

function isBlank(text: string): boolean {
  return text.trim() === '';
}

const AGE = /^(\d{1,3})(?:\.0+)?([YMWD]?)$/i;
const PER_YEAR: Record<string, number> = { '': 1, Y: 1, M: 12, W: 365.25 / 7, D: 365.25 };

/** Years from `57`, `057Y`, `013M`, `001D`; null where blank, unreadable or above 120 (`411Y` stands in NIH's first release). */
export function ageInYears(text: string): number | null {
  const match = AGE.exec(text.trim());
  if (!match) return null;
  const years = Number(match[1]) / PER_YEAR[match[2]!.toUpperCase()]!;
  return years <= 120 ? years : null;
}

export function sexOf(text: string): 'F' | 'M' | '' {
  const first = text.trim().slice(0, 1).toUpperCase();
  return first === 'F' || first === 'M' ? first : '';
}

/** One spelling of the projection: lateral ones (LL, RL, LATERAL, XTABLE LATERAL) are LATERAL. */
export function viewOf(text: string): string {
  const view = text.trim().toUpperCase();
  return view === 'LL' || view === 'RL' || view.includes('LATERAL') ? 'LATERAL' : view;
}

/** Counts things that were read otherwise than written, and says them as sentences. */
export class Notes {
  private readonly counts = new Map<string, { count: number; where: string }>();

  add(what: string, row?: number): void {
    const note = this.counts.get(what);
    if (note) note.count++;
    else this.counts.set(what, { count: 1, where: row === undefined ? '' : ` (first in row ${row})` });
  }

  sentences(): string[] {
    return [...this.counts].map(([what, { count, where }]) => `${what}: ${count}${where}.`);
  }
}

/** The age of a row, with a note where the cell holds something that is no age. */
export function notedAge(text: string, row: number, notes: Notes): number | null {
  const age = ageInYears(text);
  if (age === null && !isBlank(text)) notes.add('Ages that cannot be read, taken as unknown', row);
  return age;
}
