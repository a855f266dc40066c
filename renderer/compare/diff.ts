/** The difference of two reasonings: which sentences stand in one alone, and, of two that are nearly the same, which words. */
import { plainSentence as plain } from '../../core/findings/sentences.ts';
import type { Sentence } from './sentences.ts';

export type Op<T> = { kind: 'same' | 'removed' | 'added'; value: T };

/** Two sentences with at least this share of words in common are one that was changed. */
const ALIKE = 0.5;
/** Longer texts are not aligned word by word (the table has the product of both lengths). */
const MOST_WORDS = 400;

/** A longest common subsequence as what was kept, removed and added; `same` has the value of `to`. */
export function diff<T>(from: readonly T[], to: readonly T[], key: (value: T) => string): Op<T>[] {
  const [a, b] = [from.map(key), to.map(key)];
  const width = b.length + 1;
  const common = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      common[i * width + j] =
        a[i] === b[j]
          ? common[(i + 1) * width + j + 1] + 1
          : Math.max(common[(i + 1) * width + j], common[i * width + j + 1]);
    }
  }
  const ops: Op<T>[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      ops.push({ kind: 'same', value: to[j] });
      i++;
      j++;
    } else if (j >= b.length || (i < a.length && common[(i + 1) * width + j] >= common[i * width + j + 1])) {
      ops.push({ kind: 'removed', value: from[i++] });
    } else {
      ops.push({ kind: 'added', value: to[j++] });
    }
  }
  return ops;
}

export type Part =
  | { kind: 'same' | 'added'; sentence: Sentence /** Its place among ours. */; index: number }
  | { kind: 'removed'; sentence: Sentence }
  /** One that reads a little different; `words` from theirs to ours. */
  | { kind: 'changed'; sentence: Sentence; theirs: Sentence; words: Op<string>[]; index: number };

/** From their reasoning to ours, sentence by sentence, in reading order. */
export function diffReasonings(theirs: readonly Sentence[], ours: readonly Sentence[]): Part[] {
  const ops = diff(theirs, ours, ({ text }) => plain(text));
  const parts: Part[] = [];
  let index = 0;
  for (let at = 0; at < ops.length; ) {
    if (ops[at].kind === 'same') {
      parts.push({ kind: 'same', sentence: ops[at++].value, index: index++ });
      continue;
    }
    const gone: Sentence[] = [];
    const come: Sentence[] = [];
    for (; at < ops.length && ops[at].kind !== 'same'; at++)
      (ops[at].kind === 'removed' ? gone : come).push(ops[at].value);
    for (const part of pair(gone, come)) parts.push(part.kind === 'removed' ? part : { ...part, index: index++ });
  }
  return parts;
}

/** Of what stands between two common sentences, pairs those that are alike; the rest was removed or added. */
function pair(gone: Sentence[], come: Sentence[]): Part[] {
  const left = [...gone];
  const parts: Part[] = [];
  for (const sentence of come) {
    const at = left.findIndex((theirs) => alike(theirs.text, sentence.text) >= ALIKE);
    if (at < 0) {
      parts.push({ kind: 'added', sentence, index: 0 });
      continue;
    }
    for (const before of left.splice(0, at)) parts.push({ kind: 'removed', sentence: before });
    const [theirs] = left.splice(0, 1);
    const words = diff(wordsOf(theirs.text), wordsOf(sentence.text), plain);
    parts.push({ kind: 'changed', sentence, theirs, words, index: 0 });
  }
  return [...parts, ...left.map((sentence): Part => ({ kind: 'removed', sentence }))];
}

/** Share of words that both have, in order. */
function alike(a: string, b: string): number {
  const [ours, theirs] = [wordsOf(a), wordsOf(b)];
  if (ours.length > MOST_WORDS || theirs.length > MOST_WORDS) return 0;
  const same = diff(ours, theirs, plain).filter(({ kind }) => kind === 'same').length;
  return (2 * same) / Math.max(1, ours.length + theirs.length);
}

function wordsOf(text: string): string[] {
  return text.split(/\s+/).filter(Boolean);
}
