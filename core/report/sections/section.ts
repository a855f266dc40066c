/** A section of the report: what it is called and what it consists of, made from the input alone. */
import type { Block } from '../blocks.ts';
import type { ReportInput } from '../types.ts';

export interface Section {
  id: string;
  title: string;
  /** Its blocks, or why this input has nothing for it. */
  build(input: ReportInput): Block[] | Missing;
}

export interface Missing {
  /** The rest of the sentence "Left out, since ...". */
  missing: string;
}

export function isMissing(built: Block[] | Missing): built is Missing {
  return 'missing' in built;
}
