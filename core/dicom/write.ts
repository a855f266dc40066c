/**
 * Writing DICOM (PS3.5 7.1.2 and A.4, PS3.10 7.1): elements in explicit VR little endian, fragments, Part 10 files.
 */

/** VRs with two reserved bytes and a length of 32 bits. */
const LONG_VRS = new Set('OB OD OF OL OV OW SQ SV UC UN UR UT UV'.split(' '));
const IMPLEMENTATION_CLASS_UID = '2.25.181992518733784903441654851048570315143';
const UNDEFINED_LENGTH = 0xffffffff;

/** One element. Text is Latin-1; UIDs and bytes are padded with 0, other text with a space. */
export function encodeElement(tag: number, vr: string, value: Uint8Array | string): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'latin1') : value;
  const padding = bytes.length % 2 === 0 ? '' : typeof value === 'string' && vr !== 'UI' ? ' ' : '\0';
  const head = encodeHead(tag, vr, bytes.length + padding.length);
  return Buffer.concat([head, bytes, Buffer.from(padding, 'latin1')]);
}

function encodeHead(tag: number, vr: string, length: number): Buffer {
  const head = Buffer.alloc(LONG_VRS.has(vr) ? 12 : 8);
  head.writeUInt16LE(tag >>> 16, 0);
  head.writeUInt16LE(tag & 0xffff, 2);
  head.write(vr, 4, 'latin1');
  if (LONG_VRS.has(vr)) head.writeUInt32LE(length, 8);
  else head.writeUInt16LE(length, 6);
  return head;
}

export function encodeShort(tag: number, value: number): Buffer {
  return encodeElement(tag, 'US', Uint8Array.of(value & 255, value >>> 8));
}

const item = (bytes: Uint8Array) =>
  Buffer.concat([mark(0xe000, bytes.length + (bytes.length % 2)), bytes, Buffer.alloc(bytes.length % 2)]);

function mark(element: number, length: number): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt16LE(0xfffe, 0);
  head.writeUInt16LE(element, 2);
  head.writeUInt32LE(length, 4);
  return head;
}

/** Pixel Data with one fragment a frame and an empty offset table. */
export function encodeFragments(frames: readonly Uint8Array[]): Buffer {
  const head = encodeHead(0x7fe00010, 'OB', UNDEFINED_LENGTH);
  return Buffer.concat([head, mark(0xe000, 0), ...frames.map(item), mark(0xe0dd, 0)]);
}

/** A Part 10 file around a data set that is encoded already. */
export function encodeFile(
  { transferSyntax, sopClassUid, sopInstanceUid }: Record<'transferSyntax' | 'sopClassUid' | 'sopInstanceUid', string>,
  dataSet: readonly Uint8Array[],
): Buffer {
  const meta = Buffer.concat([
    encodeElement(0x00020001, 'OB', Uint8Array.of(0, 1)),
    encodeElement(0x00020002, 'UI', sopClassUid),
    encodeElement(0x00020003, 'UI', sopInstanceUid),
    encodeElement(0x00020010, 'UI', transferSyntax),
    encodeElement(0x00020012, 'UI', IMPLEMENTATION_CLASS_UID),
    encodeElement(0x00020013, 'SH', 'CHEXREASON_1'),
  ]);
  const preamble = Buffer.alloc(132);
  preamble.write('DICM', 128, 'latin1');
  const length = Buffer.alloc(4);
  length.writeUInt32LE(meta.length, 0);
  return Buffer.concat([preamble, encodeElement(0x00020000, 'UL', length), meta, ...dataSet]);
}
