/**
 * JPEG with a discrete cosine transform: libjpeg-turbo for 8 bits, own code for 12.
 * libjpeg converts YCbCr to RGB by itself. DICOM wants the components as they are stored, and says in Photometric
 * Interpretation what they mean; so an Adobe marker that says "not transformed" is put before the frame header.
 */

import { type CodecFrame, type ExpectedSize, requireSize, unsupported } from './frame.ts';
import { decodeJpegDct } from './jpegDct.ts';
import { nextSegment, readJpegFrameHeader } from './jpegStream.ts';
import { decodeJpegTurbo } from './wasm.ts';

/** APP14 with transform 0. */
const UNTRANSFORMED = Uint8Array.from([0xff, 0xee, 0, 14, 0x41, 0x64, 0x6f, 0x62, 0x65, 0, 100, 0, 0, 0, 0, 0]);

/** Components as stored, sub-sampled ones expanded. */
export async function decodeJpegComponents(bytes: Uint8Array, expected: ExpectedSize): Promise<CodecFrame> {
  const header = readJpegFrameHeader(bytes);
  requireSize(expected, { width: header.width, height: header.height, components: header.components.length });
  if (header.sof > 0xc2) throw unsupported('JPEG', `frame type ${header.sof.toString(16)}`);
  if (header.precision !== 8) return decodeJpegDct(bytes, expected);
  return decodeJpegTurbo(withEnd(expected.components === 1 ? bytes : withoutTransform(bytes)), expected);
}

/** Some encoders leave out the end marker, for which libjpeg-turbo would refuse the image. */
function withEnd(bytes: Uint8Array): Uint8Array {
  const tail = bytes.subarray(Math.max(0, bytes.length - 64));
  for (let i = 0; i + 1 < tail.length; i++) if (tail[i] === 0xff && tail[i + 1] === 0xd9) return bytes;
  return Buffer.concat([bytes, Uint8Array.from([0xff, 0xd9])]);
}

/** The stream with its own Adobe and JFIF markers taken out, and "not transformed" put in. */
function withoutTransform(bytes: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [bytes.subarray(0, 2), UNTRANSFORMED];
  let at = 2;
  for (;;) {
    const segment = nextSegment(bytes, at);
    if (!segment || segment.marker === 0xda || segment.marker === 0xd9) break;
    if (segment.marker === 0xee || segment.marker === 0xe0) {
      parts.push(bytes.subarray(at, segment.start - 4));
      at = segment.end;
    } else {
      parts.push(bytes.subarray(at, segment.end));
      at = segment.end;
    }
  }
  parts.push(bytes.subarray(at));
  return Buffer.concat(parts);
}
