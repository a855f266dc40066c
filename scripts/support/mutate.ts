/** Damage as it happens to files, or is done to them: changed, lost and cut-off bytes, lengths that lie. */
import type { Random } from '../../core/base/random.ts';

const LYING_LENGTHS = [0xffffffff, 0xfffffffe, 0x7fffffff, 65536, 0];
/** The header, or the beginning of a codestream, lies here. */
const HEADER_BYTES = 2500;

export type Damage = 'bytes' | 'header' | 'cut' | 'lost' | 'length' | 'codestream';
const DAMAGES: readonly Damage[] = ['bytes', 'header', 'cut', 'lost', 'length', 'codestream'];

/** A damaged copy. */
export function mutate(file: Buffer, random: Random): { damage: Damage; bytes: Buffer } {
  const damage = random.pick(DAMAGES);
  return { damage, bytes: DAMAGE[damage](Buffer.from(file), random) };
}

const DAMAGE: Record<Damage, (copy: Buffer, random: Random) => Buffer> = {
  bytes: (copy, random) => changeBytes(copy, random, 0, copy.length, 20),
  header: (copy, random) => changeBytes(copy, random, 0, Math.min(copy.length, HEADER_BYTES), 6),
  cut: (copy, random) => copy.subarray(0, random.below(copy.length) + 1),
  lost: (copy, random) => {
    const at = random.below(copy.length);
    return Buffer.concat([copy.subarray(0, at), copy.subarray(at + random.below(200))]);
  },
  length: (copy, random) => {
    if (copy.length >= 4) copy.writeUInt32LE(random.pick(LYING_LENGTHS), random.below(copy.length - 3));
    return copy;
  },
  codestream: (copy, random) => {
    const starts = ['ffd8ff', 'ff4fff51'].map((mark) => copy.lastIndexOf(mark, undefined, 'hex'));
    const codestream = Math.max(...starts, 0);
    return changeBytes(copy, random, codestream, Math.min(copy.length, codestream + 200), 8);
  },
};

function changeBytes(bytes: Buffer, random: Random, from: number, to: number, most: number): Buffer {
  for (let n = 1 + random.below(most); n > 0; n--)
    bytes[from + random.below(Math.max(1, to - from))] = random.below(256);
  return bytes;
}
