/**
 * What 16-bit samples hold, and their means: every film is looked through for its bits and its range and averaged for its
 * preview, and in JavaScript that takes longer than reading the file. codecs/samples/samples.c does it eight samples at a time, a
 * block or a row at a time in its own memory.
 */
import { SAMPLES_WASM } from './codecs/samples/binary.ts';
import { WebAssembly } from './codecs/webAssembly.ts';
import type { PixelArray } from './film.ts';
import { averaged, type Reduced } from './preview.ts';

export interface SampleScan {
  /** All samples or-ed together, as 16 bits. */
  bits: number;
  /** Greater than `maximum` where there are no samples. */
  minimum: number;
  maximum: number;
}

interface Scanner {
  memory: { buffer: ArrayBuffer };
  block(): number;
  found(): number;
  unsigned16(vectors: number): void;
  signed16(vectors: number): void;
  addUnsigned(columns: number, factor: number): void;
  addSigned(columns: number, factor: number): void;
  meansUnsigned(columns: number, area: number): void;
  meansSigned(columns: number, area: number): void;
}

const BLOCK = 8192;
const LANES = 8;
let loaded: Scanner | undefined;

function getScanner(): Scanner {
  loaded ??= new WebAssembly.Instance(new WebAssembly.Module(Buffer.from(SAMPLES_WASM, 'base64')), {})
    .exports as unknown as Scanner;
  return loaded;
}

export function scanSamples(samples: Uint16Array | Int16Array): SampleScan {
  const scanner = getScanner();
  const isSigned = samples instanceof Int16Array;
  const ArrayType = isSigned ? Int16Array : Uint16Array;
  const { buffer } = scanner.memory;
  const block = new ArrayType(buffer, scanner.block(), BLOCK);
  const found = new ArrayType(buffer, scanner.found(), 3 * LANES);
  found.fill(0, 0, LANES);
  found.fill(isSigned ? 0x7fff : 0xffff, LANES, 2 * LANES);
  found.fill(isSigned ? -0x8000 : 0, 2 * LANES);
  const scan = isSigned ? scanner.signed16 : scanner.unsigned16;
  const whole = samples.length - (samples.length % LANES);
  for (let at = 0; at < whole; at += BLOCK) {
    const end = Math.min(at + BLOCK, whole);
    block.set(samples.subarray(at, end));
    scan((end - at) / LANES);
  }
  const rest = samples.subarray(whole);
  const lanes = (index: number) => found.subarray(index * LANES, (index + 1) * LANES);
  return {
    bits: [...lanes(0), ...rest].reduce((all, value) => all | value, 0) & 0xffff,
    minimum: Math.min(...lanes(1), ...rest),
    maximum: Math.max(...lanes(2), ...rest),
  };
}

/** As `averaged`; 16-bit samples in rows that the block holds are averaged there. */
export function averageSamples(samples: PixelArray, film: { rows: number; columns: number }, factor: number): Reduced {
  const isSigned = samples instanceof Int16Array;
  const isWide = isSigned || samples instanceof Uint16Array;
  const [columns, rows] = [Math.floor(film.columns / factor), Math.floor(film.rows / factor)];
  const [width, area] = [columns * factor, factor * factor];
  // Beyond, a sum might not fit its 32 bits.
  if (!isWide || width > BLOCK || area > 2 ** 15) return averaged(samples, film, factor);
  const ArrayType = isSigned ? Int16Array : Uint16Array;
  const { memory, block, addUnsigned, addSigned, meansUnsigned, meansSigned } = getScanner();
  const [add, divide] = isSigned ? [addSigned, meansSigned] : [addUnsigned, meansUnsigned];
  const row = new ArrayType(memory.buffer, block(), BLOCK);
  const small = new ArrayType(columns * rows);
  for (let at = 0, from = 0; at < small.length; at += columns) {
    for (let y = 0; y < factor; y++, from += film.columns) {
      row.set(samples.subarray(from, from + width));
      add(columns, factor);
    }
    divide(columns, area);
    small.set(row.subarray(0, columns), at);
  }
  return { pixels: small, rows, columns, factor };
}
