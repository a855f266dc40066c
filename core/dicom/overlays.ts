/**
 * Overlay planes (PS3.3 C.9.2): graphics of one bit a pixel over the film, in data of their own, or, retired, in spare bits
 * of the pixel cells. A plane that cannot be right is left out.
 */
import type { Attributes } from './attributes.ts';
import { u16 } from './bytes.ts';
import type { FrameSource } from './decode.ts';
import type { FilmOverlay } from './film.ts';
import { nativeFrameBytes } from './nativePixels.ts';

const MAX_OVERLAY_PIXELS = 64 * 2 ** 20;

/** The planes of one frame, in the order of their groups (6000 to 601E). */
export function readOverlays(source: FrameSource, frame: number): FilmOverlay[] {
  const { attributes, warnings } = source.file;
  const overlays: FilmOverlay[] = [];
  for (let group = 0x6000; group <= 0x601e; group += 2) {
    const tag = (element: string) => `x${group.toString(16)}${element}`;
    const rows = attributes.short(tag('0010'));
    const columns = attributes.short(tag('0011'));
    if (rows === undefined || columns === undefined) continue;
    const separate = attributes.has(tag('3000'));
    const bits = separate
      ? separateBits(attributes, tag, rows * columns, frame)
      : embeddedBits(source, attributes.short(tag('0102')) ?? 0, frame);
    if (bits?.length !== rows * columns) {
      warnings.push(`The overlay ${group.toString(16).toUpperCase()} is unusable and was left out.`);
      continue;
    }
    const [row, column] = attributes.shorts(tag('0050'), true);
    overlays.push({
      rows,
      columns,
      row: (row ?? 1) - 1,
      column: (column ?? 1) - 1,
      label: attributes.text(tag('1500'), 64) || attributes.text(tag('0022'), 64),
      bits,
    });
  }
  return overlays;
}

/** Bits one after the other, frames too (C.9.2.1.6). */
function separateBits(
  attributes: Attributes,
  tag: (element: string) => string,
  pixels: number,
  frame: number,
): Uint8Array | undefined {
  const data = attributes.bytes(tag('3000'))!;
  const frames = Number(attributes.string(tag('0015')) || 1);
  const firstFrame = (attributes.short(tag('0051')) ?? 1) - 1;
  const index = frames > 1 ? frame - firstFrame : 0;
  const firstBit = index * pixels;
  const isWhole = pixels > 0 && pixels <= MAX_OVERLAY_PIXELS && data.length * 8 >= firstBit + pixels;
  if (!isWhole || index < 0 || index >= frames) return undefined;
  return Uint8Array.from({ length: pixels }, (_, i) => (data[(firstBit + i) >> 3]! >> ((firstBit + i) & 7)) & 1);
}

/** One bit of each uncompressed pixel cell of 16 bits. */
function embeddedBits(source: FrameSource, bit: number, frame: number): Uint8Array | undefined {
  const { description: d, file, pixelData } = source;
  if (source.encapsulated || d.bitsAllocated !== 16 || d.samplesPerPixel !== 1 || bit > 15) return undefined;
  const start = pixelData.offset + frame * nativeFrameBytes(d);
  return Uint8Array.from(
    { length: d.rows * d.columns },
    (_, i) => (u16(file.bytes, start + 2 * i, file.bigEndian) >> bit) & 1,
  );
}
