/**
 * An encoder for JPEG of 12 bits (ITU-T T.81, extended sequential, process 4), gray, for timing decoders: nothing at hand writes
 * it. Plain: one quantization step for all coefficients, and Huffman codes of one length (5 bits for DC, 8 for AC), which any
 * decoder takes, and which make the file somewhat larger than a careful encoder's.
 */

// biome-ignore format: a table
const ZIGZAG = [
  0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
  35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];
const DC_SYMBOLS = Array.from({ length: 16 }, (_, i) => i);
/** End of block, sixteen zeros, and each run of zeros with each size of what follows. */
const AC_SYMBOLS = [
  0x00,
  0xf0,
  ...Array.from({ length: 16 * 14 }, (_, i) => (Math.floor(i / 14) << 4) | ((i % 14) + 1)),
];

/** Rows of the discrete cosine transform (A.3.3). */
const COSINES = Array.from({ length: 8 }, (_, u) =>
  Array.from({ length: 8 }, (_, x) => (u === 0 ? Math.SQRT1_2 : 1) * 0.5 * Math.cos(((2 * x + 1) * u * Math.PI) / 16)),
);

class Bits {
  readonly bytes: number[] = [];
  private held = 0;
  private count = 0;

  write(value: number, length: number): void {
    this.held = (this.held << length) | value;
    this.count += length;
    while (this.count >= 8) {
      this.count -= 8;
      const byte = (this.held >> this.count) & 255;
      this.bytes.push(byte);
      if (byte === 255) this.bytes.push(0);
    }
    this.held &= (1 << this.count) - 1;
  }

  end(): void {
    if (this.count > 0) this.write((1 << (8 - this.count)) - 1, 8 - this.count);
  }
}

/** @param step of quantization, 1 to 255; rows and columns are padded with the last pixel. */
export function encodeJpegExtended(
  values: Uint16Array,
  { rows, columns }: { rows: number; columns: number },
  step = 24,
): Uint8Array {
  const bits = new Bits();
  let before = 0;
  for (let y = 0; y < rows; y += 8) {
    for (let x = 0; x < columns; x += 8) {
      const block = quantized(values, rows, columns, y, x, step);
      writeSized(bits, DC_SYMBOLS, 5, 0, block[0]! - before);
      before = block[0]!;
      writeAc(bits, block);
    }
  }
  bits.end();
  const parts = [headers(rows, columns, step), bits.bytes, [0xff, 0xd9]];
  return Buffer.concat(parts.map((part) => Uint8Array.from(part)));
}

/** Coefficients in zigzag order. */
function quantized(values: Uint16Array, rows: number, columns: number, y: number, x: number, step: number): number[] {
  const at = (row: number, column: number) =>
    values[Math.min(rows - 1, y + row) * columns + Math.min(columns - 1, x + column)]! - 2048;
  const half = COSINES.map((cosines) =>
    Array.from({ length: 8 }, (_, column) => cosines.reduce((sum, cosine, row) => sum + cosine * at(row, column), 0)),
  );
  return ZIGZAG.map((place) => {
    const row = half[place >> 3]!;
    const sum = COSINES[place & 7]!.reduce((all, cosine, column) => all + cosine * row[column]!, 0);
    return Math.round(sum / step);
  });
}

function writeAc(bits: Bits, block: number[]): void {
  let zeros = 0;
  for (let i = 1; i < 64; i++) {
    if (block[i] === 0) {
      zeros++;
      continue;
    }
    for (; zeros > 15; zeros -= 16) bits.write(AC_SYMBOLS.indexOf(0xf0), 8);
    writeSized(bits, AC_SYMBOLS, 8, zeros, block[i]!);
    zeros = 0;
  }
  if (zeros > 0) bits.write(AC_SYMBOLS.indexOf(0), 8);
}

/** A symbol of run and size, and the value in that many bits (F.1.2.1). */
function writeSized(bits: Bits, symbols: readonly number[], length: number, zeros: number, value: number): void {
  const size = 32 - Math.clz32(Math.abs(value));
  bits.write(symbols.indexOf((zeros << 4) | size), length);
  if (size > 0) bits.write(value > 0 ? value : value + (1 << size) - 1, size);
}

function headers(rows: number, columns: number, step: number): number[] {
  const word = (value: number) => [value >> 8, value & 255];
  const segment = (marker: number, content: number[]) => [0xff, marker, ...word(content.length + 2), ...content];
  const table = (id: number, length: number, symbols: readonly number[]) =>
    segment(0xc4, [id, ...Array.from({ length: 16 }, (_, i) => (i + 1 === length ? symbols.length : 0)), ...symbols]);
  return [
    ...[0xff, 0xd8],
    ...segment(0xdb, [0, ...new Array<number>(64).fill(step)]),
    ...segment(0xc1, [12, ...word(rows), ...word(columns), 1, 1, 0x11, 0]),
    ...table(0x00, 5, DC_SYMBOLS),
    ...table(0x10, 8, AC_SYMBOLS),
    ...segment(0xda, [1, 1, 0x00, 0, 63, 0]),
  ];
}
