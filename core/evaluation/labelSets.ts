/** The label sets that have a name. */
import { CHEXPERT_LABELS, type Label, NIH_NINE } from '../labels/labels.ts';
import type { LabelSetName } from './types.ts';

export function labelSetOf(labels: readonly Label[]): LabelSetName {
  const same = (set: readonly Label[]) => set.length === labels.length && set.every((label) => labels.includes(label));
  return same(CHEXPERT_LABELS) ? 'chexpert-14' : same(NIH_NINE) ? 'nih-9' : 'own';
}
