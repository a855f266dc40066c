/** A reasoning in sentences, and how two of them are compared: on the screen and in the report alike. */

/** Before a new sentence stands a stop, and it begins with a capital, a digit, or a letter of a script without case. */
const BETWEEN = /(?<=[.!?])\s+(?=[\p{Lu}\p{Lo}\p{N}])|(?<=\u3002)\s*/u;

/** A text in sentences; line breaks end one too. "approx. 3 cm" is cut, "e.g. nodules" is not. */
export function sentencesOf(text: string): string[] {
  return text
    .split(/\n+/)
    .flatMap((line) => line.split(BETWEEN))
    .map((part) => part.trim())
    .filter(Boolean);
}

/** What is left of a sentence without case, spacing and punctuation: two that agree in it say the same. */
export function plainSentence(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();
}
