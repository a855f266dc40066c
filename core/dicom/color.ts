/**
 * Colour: PALETTE COLOR, YBR_FULL, YBR_PARTIAL and deep RGB to RGB of 8 bits (PS3.3 C.7.6.3.1.2, C.7.9).
 */
import { WorkbenchError } from '../base/errors.ts';
import type { Attributes } from './attributes.ts';
import type { PixelArray } from './film.ts';

/** RGB tables of a palette: `red[stored - first]`, 8 bits. */
export interface Palette {
  first: number;
  channels: [Uint8Array, Uint8Array, Uint8Array];
}

const CHANNELS = ['Red', 'Green', 'Blue'];

/** @throws WorkbenchError DICOM_BAD_PALETTE */
export function readPalette(attributes: Attributes, signed: boolean): Palette {
  const channels = CHANNELS.map((_, i) => readChannel(attributes, i));
  const first = attributes.shorts('x00281101', signed)[1] ?? 0;
  return { first, channels: channels as Palette['channels'] };
}

/** 65,536 entries of 16 bits take an eighth of it; segments take less. */
const MAX_TABLE_BYTES = 2 ** 20;

function readChannel(attributes: Attributes, index: number): Uint8Array {
  const [count, , bits] = attributes.shorts(`x0028110${index + 1}`);
  const entries = count === 0 ? 65536 : count;
  if (entries === undefined || (bits !== 8 && bits !== 16)) throw badPalette(index, 'has no usable descriptor');
  const segmented = attributes.has(`x0028122${index + 1}`);
  const tag = segmented ? `x0028122${index + 1}` : `x0028120${index + 1}`;
  const bytes = attributes.bytes(tag)?.subarray(0, MAX_TABLE_BYTES);
  if (!bytes) throw badPalette(index, 'is missing');
  const wide = bits === 16 || (!segmented && bytes.length >= 2 * entries && entries > 1);
  const values = wide ? attributes.words(tag) : Uint16Array.from(bytes);
  const table = segmented ? expandSegments(values, entries, index) : values.subarray(0, entries);
  if (table.length < entries) throw badPalette(index, `holds ${table.length} of ${entries} entries`);
  return Uint8Array.from(table, (value) => (bits === 16 ? value >> 8 : value));
}

function badPalette(index: number, what: string): WorkbenchError {
  return new WorkbenchError('DICOM_BAD_PALETTE', `The palette's ${CHANNELS[index]!.toLowerCase()} table ${what}.`);
}

/** C.7.9.2: discrete (0), linear (1) and indirect (2) segments. */
function expandSegments(values: Uint16Array, entries: number, index: number): Uint16Array {
  const table = new Uint16Array(entries);
  let filled = 0;
  const run = (from: number, segments: number, depth: number) => {
    let at = from;
    for (let n = 0; n < segments && at + 1 < values.length && filled < entries; n++) {
      const [kind, length] = [values[at]!, values[at + 1]!];
      at += 2;
      if (kind === 0) {
        for (let i = 0; i < length && filled < entries; i++) table[filled++] = values[at + i] ?? 0;
        at += length;
      } else if (kind === 1) {
        const start = table[filled - 1] ?? 0;
        const end = values[at++] ?? 0;
        for (let i = 1; i <= length && filled < entries; i++) {
          table[filled++] = roundHalfEven(start + ((end - start) * i) / length);
        }
      } else if (kind === 2 && depth === 0) {
        run((values[at]! | (values[at + 1]! << 16)) >>> 0, length, 1);
        at += 2;
      } else throw badPalette(index, 'has an impossible segment');
    }
  };
  run(0, Number.POSITIVE_INFINITY, 0);
  if (filled < entries) throw badPalette(index, `holds ${filled} of ${entries} entries`);
  return table;
}

/** As pydicom rounds; the standard leaves it open. */
function roundHalfEven(value: number): number {
  const below = Math.floor(value);
  return value - below === 0.5 ? below + (below & 1) : Math.round(value);
}

/** Palette indices to RGB, samples interleaved. Values beyond the table take its ends (C.7.6.3.1.5). */
export function applyPalette(pixels: PixelArray, palette: Palette): Uint8Array {
  const [red, green, blue] = palette.channels;
  const last = red.length - 1;
  const output = new Uint8Array(pixels.length * 3);
  for (let i = 0, at = 0; i < pixels.length; i++, at += 3) {
    const index = Math.min(Math.max(pixels[i]! - palette.first, 0), last);
    output[at] = red[index]!;
    output[at + 1] = green[index] ?? green.at(-1)!;
    output[at + 2] = blue[index] ?? blue.at(-1)!;
  }
  return output;
}

/**
 * Three samples a pixel to RGB of 8 bits.
 * @param bits bits stored; deeper samples keep their upper 8.
 * @throws WorkbenchError DICOM_UNSUPPORTED_PIXELS
 */
export function toRgb(pixels: PixelArray, photometricInterpretation: string, bits: number): Uint8Array {
  const samples = to8Bits(pixels, bits);
  switch (photometricInterpretation) {
    case 'RGB':
    case 'YBR_RCT':
    case 'YBR_ICT':
      return samples;
    case 'YBR_FULL':
    case 'YBR_FULL_422':
      return fromYbr(samples, 0, 1, 1);
    case 'YBR_PARTIAL_422':
    case 'YBR_PARTIAL_420':
      return fromYbr(samples, 16, 255 / 219, 255 / 224);
    default:
      throw new WorkbenchError(
        'DICOM_UNSUPPORTED_PIXELS',
        `The photometric interpretation ${photometricInterpretation} is not supported.`,
      );
  }
}

function to8Bits(pixels: PixelArray, bits: number): Uint8Array {
  if (pixels instanceof Uint8Array && bits === 8) return pixels.slice();
  const scale = 2 ** (bits - 8);
  return Uint8Array.from(pixels, (value) => Math.floor(value / scale));
}

/** In place (PS3.3 C.7.6.3.1.2; ITU-R BT.601). */
function fromYbr(samples: Uint8Array, black: number, luma: number, chroma: number): Uint8Array {
  const clamp = (value: number) => (value <= 0 ? 0 : value >= 255 ? 255 : Math.floor(value + 0.5));
  for (let i = 0; i < samples.length; i += 3) {
    const y = (samples[i]! - black) * luma;
    const cb = (samples[i + 1]! - 128) * chroma;
    const cr = (samples[i + 2]! - 128) * chroma;
    samples[i] = clamp(y + 1.402 * cr);
    samples[i + 1] = clamp(y - ((0.114 * 1.772) / 0.587) * cb - ((0.299 * 1.402) / 0.587) * cr);
    samples[i + 2] = clamp(y + 1.772 * cb);
  }
  return samples;
}
