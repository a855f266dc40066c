/**
 * What an answer may go on with, copied from texts that it may resemble: another checkpoint's answer to the same film. The
 * network reads several copied tokens in one pass and keeps those that it would have chosen itself, so that the answer is
 * the same and only comes sooner ("inference with reference", Yang et al. 2023, arXiv 2304.04487; prompt lookup decoding).
 *
 * Departures: where the answer left the text, two equal tokens are enough to go on from there; the length of a copy follows
 * how many tokens of the last one were kept, since on a processor each costs time of its own.
 */

/** Equal tokens after which a text is copied from. */
const CONTEXT = 2;
const LONGEST = 16;
const SHORTEST = 4;

export class Drafts {
  private length = LONGEST;
  /** Where the next copy would begin if the answer went on as its text does. */
  private place = { text: 0, at: 0 };

  /** @param texts token ids, from a file perhaps  @param isText whether a number is a token that a prompt may go on with */
  constructor(
    private readonly texts: readonly (readonly number[])[],
    private readonly isText: (id: number) => boolean,
  ) {}

  /** At most `room` tokens that may follow those so far; none where no text has anything like their end. */
  next(soFar: readonly number[], room: number): number[] {
    const place = this.follow(soFar) ?? this.find(soFar);
    if (!place) return [];
    this.place = place;
    const { text, at } = place;
    const copied = this.texts[text]!.slice(at, at + Math.max(0, Math.min(this.length, room)));
    const end = copied.findIndex((id) => !this.isText(id));
    return end < 0 ? copied : copied.slice(0, end);
  }

  /** Hears how many tokens of the last copy were kept. */
  kept(kept: number, of: number): void {
    if (of === 0) return;
    this.place.at += kept;
    this.length = kept === of ? Math.min(LONGEST, 2 * this.length) : Math.max(SHORTEST, kept + 1);
  }

  /** Where the last copy ended, if the token that came then is the text's too. */
  private follow(soFar: readonly number[]) {
    const { text, at } = this.place;
    if (soFar.length === 0) return this.texts.length > 0 ? { text, at } : null;
    return this.texts[text]?.[at] === soFar[soFar.length - 1] ? { text, at: at + 1 } : null;
  }

  /** Behind the last place that ends as the answer does, over `CONTEXT` tokens or else over one. */
  private find(soFar: readonly number[]) {
    for (let context = Math.min(CONTEXT, soFar.length); context >= 1; context--)
      for (const [text, tokens] of this.texts.entries())
        for (let at = tokens.length - 1; at >= context; at--)
          if (endsAlike(tokens, at, soFar, context)) return { text, at };
    return null;
  }
}

/** Whether the `context` tokens before `end` are the last ones of `soFar`. */
function endsAlike(text: readonly number[], end: number, soFar: readonly number[], context: number): boolean {
  for (let back = 1; back <= context; back++) if (text[end - back] !== soFar[soFar.length - back]) return false;
  return true;
}
