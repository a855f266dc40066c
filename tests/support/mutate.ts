/** Damage as it happens to files, or is done to them: changed, lost and cut-off bytes, lengths that lie. */
import type { Random } from '../../core/base/random.ts';

const LYING_LENGTHS = [0xffffffff, 0xfffffffe, 0x7fffffff, 65536, 0];
/** The header, or the beginning of a codestream, lies here. */
const HEADER_BYTES = 2500;

export function mutate(file: Buffer, random: Random): Buffer {
  const copy = Buffer.from(file);
  switch (random.below(6)) {
    case 0:
      return changeBytes(copy, random, 0, copy.length, 20);
    case 1:
      return changeBytes(copy, random, 0, Math.min(copy.length, HEADER_BYTES), 6);
    case 2:
      return copy.subarray(0, random.below(copy.length) + 1);
    case 3: {
      const at = random.below(copy.length);
      return Buffer.concat([copy.subarray(0, at), copy.subarray(at + random.below(200))]);
    }
    case 4:
      if (copy.length >= 4) copy.writeUInt32LE(random.pick(LYING_LENGTHS), random.below(copy.length - 3));
      return copy;
    default: {
      const codestream = Math.max(
        copy.lastIndexOf('ffd8ff', undefined, 'hex'),
        copy.lastIndexOf('ff4fff51', undefined, 'hex'),
        0,
      );
      return changeBytes(copy, random, codestream, Math.min(copy.length, codestream + 200), 8);
    }
  }
}

function changeBytes(bytes: Buffer, random: Random, from: number, to: number, most: number): Buffer {
  for (let n = 1 + random.below(most); n > 0; n--)
    bytes[from + random.below(Math.max(1, to - from))] = random.below(256);
  return bytes;
}
