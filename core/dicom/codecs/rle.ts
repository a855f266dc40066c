/**
 * RLE Lossless (PS3.5 annex G): one PackBits segment for each byte of each sample, most significant byte first.
 */
import { u32 } from '../bytes.ts';
import { damaged } from './frame.ts';

/**
 * @returns the little-endian bytes of `pixels * samples` words, samples interleaved.
 * @throws WorkbenchError CODEC_DAMAGED where segments lie outside, or hold too little.
 */
export function decodeRle(stream: Uint8Array, pixels: number, samples: number, bytesPerSample: number): Uint8Array {
  const count = samples * bytesPerSample;
  if (stream.length < 64) throw damaged('RLE', 'its header is cut off');
  if (u32(stream, 0) !== count) throw damaged('RLE', `it has ${u32(stream, 0)} segments instead of ${count}`);
  const output = new Uint8Array(pixels * count);
  for (let segment = 0; segment < count; segment++) {
    const sample = Math.floor(segment / bytesPerSample);
    const byte = bytesPerSample - 1 - (segment % bytesPerSample);
    const start = u32(stream, 4 + 4 * segment);
    const end = segment + 1 < count ? u32(stream, 8 + 4 * segment) : stream.length;
    if (start < 64 || start > stream.length || end > stream.length || end < start) {
      throw damaged('RLE', `segment ${segment} lies outside of it`);
    }
    const written = unpack(stream, start, end, output, sample * bytesPerSample + byte, count);
    if (written < pixels) throw damaged('RLE', `segment ${segment} holds ${written} of ${pixels} bytes`);
  }
  return output;
}

/** PackBits into every `step`-th byte; what goes beyond the output is left out. Returns the bytes written. */
function unpack(
  stream: Uint8Array,
  start: number,
  end: number,
  output: Uint8Array,
  offset: number,
  step: number,
): number {
  const size = output.length;
  let from = start;
  let to = offset;
  while (from < end && to < size) {
    const control = stream[from++]!;
    if (control < 128) {
      const last = Math.min(from + control + 1, end);
      for (; from < last && to < size; to += step) output[to] = stream[from++]!;
    } else if (control > 128 && from < end) {
      const value = stream[from++]!;
      const stop = Math.min(to + (257 - control) * step, size + step - 1);
      for (; to < stop && to < size; to += step) output[to] = value;
    }
  }
  return Math.floor((to - offset) / step);
}
