/** What two answers to one film do not share: sentences of the reasoning, small differences of spacing and case aside. */
import type { Span } from './blocks.ts';
import { INK } from './palette.ts';

/** A text in sentences; line breaks end one too. */
function sentences(text: string): string[] {
  return text
    .split(/\n+/)
    .flatMap((line) => line.split(/(?<=[.!?\u3002])\s+/))
    .map((part) => part.trim())
    .filter(Boolean);
}

function plain(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();
}

/** Our sentences; those that no other answer has are underlined. @param room letters at most */
export function markedSentences(ours: string, others: readonly string[], room: number): Span[] {
  const known = new Set(others.flatMap(sentences).map(plain));
  const spans: Span[] = [];
  let used = 0;
  for (const sentence of sentences(ours)) {
    if (used > 0 && used + sentence.length > room) {
      spans.push({ text: '\u2026', color: INK.muted });
      break;
    }
    const text = sentence.length > room ? `${sentence.slice(0, room).replace(/\s\S*$/, '')} \u2026` : sentence;
    spans.push({ text, underline: others.length > 0 && !known.has(plain(sentence)) }, { text: ' ' });
    used += sentence.length;
  }
  return spans;
}
