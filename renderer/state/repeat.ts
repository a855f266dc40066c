/** An answer that was given once more: greedy decoding, and a seed, must give the same one. */
import type { Label } from '../../core/labels/labels.ts';
import type { Prediction } from '../../core/services/contract.ts';

export interface Repeat {
  /** Of generating it. */
  seconds: number;
  /** Place of the first token that differs, from 1, or of the first character where a server gave no tokens; null: none. */
  differsAt: number | null;
  findings: readonly Label[];
}

export function repeatOf(before: Prediction, again: Prediction): Repeat {
  const { vision, prefill, decode } = again.seconds;
  const hasTokens = before.tokenIds.length > 0 && again.tokenIds.length > 0;
  const differsAt = hasTokens
    ? firstDifference(before.tokenIds, again.tokenIds)
    : firstDifference(before.text, again.text);
  return { seconds: vision + prefill + decode, differsAt, findings: again.reading.findings };
}

function firstDifference(a: ArrayLike<unknown>, b: ArrayLike<unknown>): number | null {
  const length = Math.max(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return i + 1;
  return null;
}
