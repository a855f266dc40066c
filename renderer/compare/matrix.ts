/** The matrix of labels by checkpoint: what each says, and how that stands to the ground truth. */

import type { Reading } from '../../core/findings/types.ts';
import type { Label, LabelValue, LabelValues } from '../../core/labels/labels.ts';

/** Each has a shape of its own, so that colour is never needed to read the matrix. */
export type Mark =
  /** Said, and the table says so too. */
  | 'hit'
  /** Said, and the table says no. */
  | 'false-alarm'
  /** Not said, but the table says yes. */
  | 'miss'
  /** Not said, and the table says no. */
  | 'rest'
  /** Said, and the table says nothing about it. */
  | 'said'
  /** Neither said nor known. */
  | 'blank'
  /** The completion could not be read. */
  | 'unreadable';

export function markOf(label: Label, reading: Reading, truth: LabelValues | null): Mark {
  if (reading.parseFailure) return 'unreadable';
  const said = reading.findings.includes(label);
  const known: LabelValue = truth?.[label] ?? null;
  if (known === 1) return said ? 'hit' : 'miss';
  if (known === 0) return said ? 'false-alarm' : 'rest';
  return said ? 'said' : 'blank';
}

/** How a label stands in `to` and not in `from`: gained, lost or the same. */
export function changeOf(label: Label, from: Reading | null, to: Reading | null): 'gained' | 'lost' | 'same' {
  const before = from?.findings.includes(label) ?? false;
  const after = to?.findings.includes(label) ?? false;
  if (!from || !to || before === after) return 'same';
  return after ? 'gained' : 'lost';
}
