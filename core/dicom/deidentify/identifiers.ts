/**
 * The identifiers that a header states (names, numbers, institution), to be looked for in text that the profile leaves:
 * a person may have typed them anywhere.
 */

import type { Attributes } from '../attributes.ts';
import { latin1 } from '../characterSet.ts';
import { actionOf, type ProfileOptions } from './profile.ts';

/** Names, numbers, places; also those in the items of sequences. Group 0010 is looked through by VR as well. */
const IDENTIFYING = new Set(
  (
    '00080050 00080080 00080081 00080090 00080092 00080094 00081010 00081040 00081048 00081050 00081060 00081070 ' +
    '00100010 00100020 00100021 00101000 00101001 00101005 00101040 00101060 00102154 00181000 00200010 00321032 ' +
    '00380010 00400006 00400242 00400241 00401001 00402016 00402017 0040a123'
  )
    .split(' ')
    .map((tag) => Number.parseInt(tag, 16)),
);
/**
 * Codes that an image needs (implicit VR does not say that they are codes), and the maker's name: with these a name has words
 * in common by chance.
 */
const NOT_FREE = new Set([
  0x00080005, 0x00080008, 0x00080060, 0x00080064, 0x00080068, 0x00080070, 0x00180015, 0x00185101, 0x00200020,
  0x00200060, 0x00200062, 0x00280004,
]);
/** A CS value is one of a list, numbers and dates are no text. */
const TEXT_VRS = new Set('AE LO LT SH ST UC UR UT'.split(' '));
/** Shorter parts occur by chance. */
const SHORTEST = 4;
const LONGEST_TEXT = 1 << 16;

export class Identifiers {
  /** In lower case. */
  private readonly parts = new Set<string>();

  constructor(attributes: Attributes, options: ProfileOptions) {
    this.collect(attributes, options);
  }

  private collect(attributes: Attributes, options: ProfileOptions): void {
    for (const { tag, vr, value, items } of attributes.elements()) {
      for (const item of items ?? []) this.collect(item, options);
      if (items || !IDENTIFYING.has(tag) || actionOf(tag, vr, false, options) === 'keep') continue;
      for (const part of latin1(value)
        .toLowerCase()
        .split(/[\\^=\0]+/)) {
        const word = part.trim();
        if (word.length >= SHORTEST) this.parts.add(word);
      }
    }
  }

  /** Whether a value that the profile would keep repeats one of them. */
  areIn(tag: number, value: Uint8Array, vr: string): boolean {
    if (NOT_FREE.has(tag)) return false;
    if (this.parts.size === 0 || value.length < SHORTEST || value.length > LONGEST_TEXT) return false;
    if (vr === '' ? !isPrintable(value) : !TEXT_VRS.has(vr)) return false;
    const text = latin1(value).toLowerCase();
    for (const part of this.parts) if (text.includes(part)) return true;
    return false;
  }
}

function isPrintable(value: Uint8Array): boolean {
  return value.every((byte) => byte >= 0x20 || byte === 0 || byte === 0x0a || byte === 0x0d || byte === 0x1b);
}
