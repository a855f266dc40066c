/** Whole numbers in bytes. */

export function u16(bytes: Uint8Array, at: number, bigEndian = false): number {
  return bigEndian ? (bytes[at]! << 8) | bytes[at + 1]! : bytes[at]! | (bytes[at + 1]! << 8);
}

export function u32(bytes: Uint8Array, at: number, bigEndian = false): number {
  const low = u16(bytes, bigEndian ? at + 2 : at, bigEndian);
  const high = u16(bytes, bigEndian ? at : at + 2, bigEndian);
  return high * 65536 + low;
}
