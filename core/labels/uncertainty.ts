/**
 * What a label value counts as in the figures: CheXpert's uncertainty policies (Irvin et al. 2019, section 3: U-Zeros,
 * U-Ones, U-Ignore). A blank cell is "not mentioned" and counts as negative under every policy, as CheXpert has it.
 */
import type { Label, LabelValue, LabelValues, UncertaintyPolicy } from './labels.ts';

/** One policy for all labels, or one for some of them and `otherwise` for the rest. */
export type UncertaintyPolicies =
  | UncertaintyPolicy
  | { otherwise: UncertaintyPolicy; labels: Partial<Record<Label, UncertaintyPolicy>> };

export function policyOf(policies: UncertaintyPolicies, label: Label): UncertaintyPolicy {
  return typeof policies === 'string' ? policies : (policies.labels[label] ?? policies.otherwise);
}

/** 1 or 0 as the figures count it; null: left out (uncertain under `ignore`, or a label that the table does not have). */
export function countedAs(value: LabelValue | undefined, policy: UncertaintyPolicy): 0 | 1 | null {
  if (value === undefined) return null;
  if (value === -1) return policy === 'ignore' ? null : policy === 'ones' ? 1 : 0;
  return value ?? 0;
}

/** The labels that are positive under the policies, in the order of `labels`. */
export function positiveLabels(values: LabelValues, labels: readonly Label[], policies: UncertaintyPolicies): Label[] {
  return labels.filter((label) => countedAs(values[label], policyOf(policies, label)) === 1);
}

/** The policies in one line: "zeros", or "zeros; Edema: ones". */
export function policyText(policies: UncertaintyPolicies): string {
  if (typeof policies === 'string') return policies;
  const exceptions = Object.entries(policies.labels).map(([label, policy]) => `${label}: ${policy}`);
  return [policies.otherwise, ...exceptions].join('; ');
}
