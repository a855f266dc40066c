/** The SIZ marker of a JPEG 2000 codestream (ITU-T T.800 A.5.1), raw or in a JP2 file, for checks before decoding. */
import { u32 } from '../bytes.ts';
import { damaged, type ExpectedSize } from './frame.ts';

export interface Jpeg2000Header extends ExpectedSize {
  tiles: number;
  /** T.814: the codestream is high-throughput. */
  highThroughput: boolean;
}

/** @throws WorkbenchError CODEC_DAMAGED where there is no SIZ marker */
export function readJpeg2000Header(bytes: Uint8Array): Jpeg2000Header {
  const start = findCodestream(bytes);
  if (start < 0 || bytes.length < start + 42) throw damaged('JPEG 2000', 'it has no SIZ marker');
  const at = (offset: number) => u32(bytes, start + offset, true);
  const capabilities = (bytes[start + 6]! << 8) | bytes[start + 7]!;
  const [right, bottom, left, top] = [at(8), at(12), at(16), at(20)];
  const [tileWidth, tileHeight, tileLeft, tileTop] = [at(24), at(28), at(32), at(36)];
  if (tileWidth === 0 || tileHeight === 0) throw damaged('JPEG 2000', 'its tiles are empty');
  const tiles = Math.ceil((right - tileLeft) / tileWidth) * Math.ceil((bottom - tileTop) / tileHeight);
  return {
    width: right - left,
    height: bottom - top,
    components: (bytes[start + 40]! << 8) | bytes[start + 41]!,
    tiles,
    highThroughput: (capabilities & 0x4000) !== 0,
  };
}

/** How often the image can be halved: the decomposition levels of COD (A.6.1); 0 where components differ (COC). */
export function jpeg2000Levels(bytes: Uint8Array): number {
  let levels = Number.POSITIVE_INFINITY;
  for (let at = findCodestream(bytes) + 2; at > 1 && at + 10 <= bytes.length; ) {
    const marker = (bytes[at]! << 8) | bytes[at + 1]!;
    if (marker === SOT) break;
    // After the length: COD has its style, progression, layers and component transform; COC its component and style.
    const wide = ((bytes[at + 2]! << 8) | bytes[at + 3]!) - 2;
    if (marker === COD) levels = Math.min(levels, bytes[at + 9]!);
    if (marker === COC) levels = 0;
    at += 4 + wide;
  }
  return Number.isFinite(levels) ? levels : 0;
}

/** The offset of SOC followed by SIZ: at the beginning, or in the first kilobytes of a JP2 file. */
export function findCodestream(bytes: Uint8Array): number {
  const end = Math.min(bytes.length - 4, 65536);
  for (let i = 0; i <= end; i++) {
    if (bytes[i] === 0xff && bytes[i + 1] === 0x4f && bytes[i + 2] === 0xff && bytes[i + 3] === 0x51) return i;
  }
  return -1;
}

/**
 * Walks the tile-parts (A.4.2) to see that all of them are there: OpenJPH decodes what it finds of a codestream that was
 * cut off, and says nothing.
 * @throws WorkbenchError CODEC_DAMAGED
 */
export function requireWholeTiles(bytes: Uint8Array): void {
  let at = findCodestream(bytes) + 2;
  const marker = () => (bytes[at]! << 8) | bytes[at + 1]!;
  while (at + 4 <= bytes.length && marker() !== SOT) at += 2 + ((bytes[at + 2]! << 8) | bytes[at + 3]!);
  while (at + 12 <= bytes.length && marker() === SOT) {
    const length = u32(bytes, at + 6, true);
    if (length === 0) return;
    if (length < 14 || at + length > bytes.length) throw damaged('JPEG 2000', 'its data end too early');
    at += length;
  }
  if (at + 2 <= bytes.length && marker() !== EOC) throw damaged('JPEG 2000', 'a tile-part is missing');
}

const COD = 0xff52;
const COC = 0xff53;
const SOT = 0xff90;
const EOC = 0xffd9;
