/**
 * What 16-bit samples hold: every film is looked through for its bits and its range, and in JavaScript that takes longer than
 * reading the file. codecs/samples/samples.c does it eight samples at a time, a block at a time in its own memory.
 */
import { SAMPLES_WASM } from './codecs/samples/binary.ts';
import { WebAssembly } from './codecs/webAssembly.ts';

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
}

const BLOCK = 8192;
const LANES = 8;
let scanner: Scanner | undefined;

export function scanSamples(samples: Uint16Array | Int16Array): SampleScan {
  scanner ??= new WebAssembly.Instance(new WebAssembly.Module(Buffer.from(SAMPLES_WASM, 'base64')), {})
    .exports as unknown as Scanner;
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
