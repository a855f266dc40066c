/**
 * Elements written again in the encoding of their file (PS3.5 7.1): explicit or implicit VR, little or big endian. Sequences
 * and items get defined lengths. Values are written as they come.
 */

/** VRs with two reserved bytes and a length of 32 bits. */
const LONG_VRS = new Set('OB OD OF OL OV OW SQ SV UC UN UR UT UV'.split(' '));
const UNDEFINED_LENGTH = 0xffffffff;

export interface Encoding {
  explicitVr: boolean;
  bigEndian: boolean;
}

/** Bytes in pieces, so that pixels are not copied. */
export type Pieces = Uint8Array[];

export function lengthOf(pieces: Pieces): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0);
}

/** An element with its value, padded to an even length with `pad`. */
export function element(tag: number, vr: string, value: Uint8Array, encoding: Encoding): Pieces {
  const odd = value.length % 2 === 1;
  const head = elementHead(tag, vr, value.length + (odd ? 1 : 0), encoding);
  return odd ? [head, value, Uint8Array.of(padOf(vr))] : [head, value];
}

function padOf(vr: string): number {
  return ['UI', 'OB', 'UN'].includes(vr) ? 0 : 0x20;
}

export function text(tag: number, vr: string, value: string, encoding: Encoding): Pieces {
  return element(tag, vr, Buffer.from(value, 'latin1'), encoding);
}

/** An element of undefined length; `value` has its fragments and the delimiter. */
export function undefinedLengthElement(tag: number, vr: string, value: Uint8Array, encoding: Encoding): Pieces {
  return [elementHead(tag, vr, UNDEFINED_LENGTH, encoding), value];
}

export function sequence(tag: number, items: Pieces[], encoding: Encoding): Pieces {
  const inside = items.flatMap((item) => [itemHead(lengthOf(item), encoding), ...item]);
  return [elementHead(tag, 'SQ', lengthOf(inside), encoding), ...inside];
}

export function sequenceDelimiter(encoding: Encoding): Uint8Array {
  return mark(0xe0dd, 0, encoding);
}

function itemHead(length: number, encoding: Encoding): Uint8Array {
  return mark(0xe000, length, encoding);
}

function mark(number: number, length: number, encoding: Encoding): Uint8Array {
  return elementHead(0xfffe0000 + number, '', length, { ...encoding, explicitVr: false });
}

function elementHead(tag: number, vr: string, length: number, { explicitVr, bigEndian }: Encoding): Uint8Array {
  const long = LONG_VRS.has(vr);
  const head = Buffer.alloc(explicitVr && long ? 12 : 8);
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  view.setUint16(0, tag >>> 16, !bigEndian);
  view.setUint16(2, tag & 0xffff, !bigEndian);
  if (!explicitVr) view.setUint32(4, length, !bigEndian);
  else {
    head.write(vr, 4, 'latin1');
    if (long) view.setUint32(8, length, !bigEndian);
    else view.setUint16(6, length, !bigEndian);
  }
  return head;
}
