/** What two answers to one film do not share: sentences of the reasoning, small differences of spacing and case aside. */
import { plainSentence, sentencesOf } from '../findings/sentences.ts';
import type { Span } from './blocks.ts';
import { INK } from './palette.ts';

/** Our sentences; those that no other answer has are underlined. @param room letters at most */
export function markedSentences(ours: string, others: readonly string[], room: number): Span[] {
  const known = new Set(others.flatMap(sentencesOf).map(plainSentence));
  const spans: Span[] = [];
  let used = 0;
  for (const sentence of sentencesOf(ours)) {
    if (used > 0 && used + sentence.length > room) {
      spans.push({ text: '\u2026', color: INK.muted });
      break;
    }
    const text = sentence.length > room ? `${sentence.slice(0, room).replace(/\s\S*$/, '')} \u2026` : sentence;
    spans.push({ text, underline: others.length > 0 && !known.has(plainSentence(sentence)) }, { text: ' ' });
    used += sentence.length;
  }
  return spans;
}
