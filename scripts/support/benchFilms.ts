/** Films of 2,048 x 2,500 pixels and 12 bits in every codec that an encoder is at hand for, for timing decoders. */
import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { sha256 } from '../../core/base/hash.ts';
import { Random } from '../../core/base/random.ts';
import { encodeElement, encodeFile, encodeFragments, encodeShort } from '../../core/dicom/write.ts';
import { encodeJpegExtended } from './jpegExtended.ts';

export const ROWS = 2500;
export const COLUMNS = 2048;

/** Shapes as large as a chest's, and noise of 4 to 5 bits, as detectors have: the size of the files is that of real ones. */
export function storedValues({ rows, columns }: Size): Uint16Array {
  const random = new Random('bench');
  const noise = Float32Array.from({ length: 65536 }, () => random.normal() * 12);
  return Uint16Array.from({ length: rows * columns }, (_, i) => {
    const x = ((i % columns) / columns) * 2 - 1;
    const y = (Math.floor(i / columns) / rows) * 2 - 1;
    const lung = Math.exp(-(((Math.abs(x) - 0.45) / 0.28) ** 2) - ((y + 0.1) / 0.6) ** 2);
    const ribs = 90 * Math.sin(y * 40 + Math.abs(x) * 9) * lung;
    const value = 2600 - 1500 * lung + ribs + noise[(i * 2654435761) >>> 16]!;
    return Math.max(0, Math.min(4095, Math.round(value)));
  });
}

interface Encoder {
  getDecodedBuffer(frame: object): Uint8Array;
  getEncodedBuffer(): Uint8Array;
  encode(): void;
  [setting: string]: unknown;
}

const require = createRequire(import.meta.url);
async function encoder(packagePath: string, name: string): Promise<Encoder> {
  const factory = require(packagePath) as (options: object) => Promise<Record<string, new () => Encoder>>;
  const module = await factory({ print: () => {}, printErr: () => {} });
  return new module[name]!();
}

export interface Size {
  rows: number;
  columns: number;
}
const SIZE: Size = { rows: ROWS, columns: COLUMNS };

/**
 * Gray values in one of the packages' encoders.
 * @param step 0: lossless; else what JPEG 2000 and HTJ2K take for lossy: the ratio of compression, the quantization step.
 */
export async function compress(
  packagePath: string,
  name: string,
  values: Uint8Array,
  bits: number,
  { rows, columns } = SIZE,
  step = 0,
): Promise<Uint8Array> {
  const instance = await encoder(packagePath, name);
  const frame = {
    width: columns,
    height: rows,
    bitsPerSample: bits,
    componentCount: 1,
    isSigned: false,
    isUsingColorTransform: false,
  };
  instance.getDecodedBuffer(frame).set(values);
  if (name === 'J2KEncoder' && step > 0)
    (instance['setCompressionRatio'] as (layer: number, ratio: number) => void)(0, step);
  if (name.endsWith('2KEncoder')) {
    (instance['setQuality'] as (reversible: boolean, step: number) => void)(step === 0, step);
  }
  instance.encode();
  return Uint8Array.from(instance.getEncodedBuffer());
}

/** PS3.5 G.3 without the best packing: literal runs, and repetitions of three and more. */
function encodeRle(values: Uint16Array): Uint8Array {
  const segments = [8, 0].map((shift) => packBits(Uint8Array.from(values, (value) => (value >> shift) & 255)));
  const header = Buffer.alloc(64);
  header.writeUInt32LE(2, 0);
  header.writeUInt32LE(64, 4);
  header.writeUInt32LE(64 + segments[0]!.length, 8);
  return Buffer.concat([header, ...segments]);
}

function packBits(bytes: Uint8Array): Uint8Array {
  const output: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    let run = 1;
    while (run < 128 && at + run < bytes.length && bytes[at + run] === bytes[at]) run++;
    if (run >= 3) {
      output.push(257 - run, bytes[at]!);
      at += run;
      continue;
    }
    const start = at;
    while (at < bytes.length && at - start < 128) {
      if (bytes[at] === bytes[at + 1] && bytes[at] === bytes[at + 2]) break;
      at++;
    }
    output.push(at - start - 1, ...bytes.subarray(start, at));
  }
  if (output.length % 2) output.push(0);
  return Uint8Array.from(output);
}

/** A film around pixel data that are encoded already. */
export function benchFilm(
  name: string,
  transferSyntax: string,
  bits: 8 | 12,
  pixelData: Buffer,
  { rows, columns } = SIZE,
  photometricInterpretation: 'MONOCHROME1' | 'MONOCHROME2' = 'MONOCHROME2',
): Buffer {
  const sopClassUid = '1.2.840.10008.5.1.4.1.1.1.1';
  const sopInstanceUid = `2.25.${BigInt(`0x${sha256(name).slice(0, 28)}`)}`;
  return encodeFile({ transferSyntax, sopClassUid, sopInstanceUid }, [
    encodeElement(0x00080016, 'UI', sopClassUid),
    encodeElement(0x00080018, 'UI', sopInstanceUid),
    encodeElement(0x00080060, 'CS', 'DX'),
    encodeElement(0x00100010, 'PN', `Bench^${name}`),
    encodeElement(0x00100020, 'LO', name),
    encodeElement(0x0020000d, 'UI', `${sopInstanceUid}1`),
    encodeElement(0x0020000e, 'UI', `${sopInstanceUid}2`),
    encodeShort(0x00280002, 1),
    encodeElement(0x00280004, 'CS', photometricInterpretation),
    encodeShort(0x00280010, rows),
    encodeShort(0x00280011, columns),
    encodeShort(0x00280100, bits === 8 ? 8 : 16),
    encodeShort(0x00280101, bits),
    encodeShort(0x00280102, bits - 1),
    encodeShort(0x00280103, 0),
    encodeElement(0x00281050, 'DS', String(2 ** (bits - 1))),
    encodeElement(0x00281051, 'DS', String(2 ** bits)),
    pixelData,
  ]);
}

export interface Encoded {
  name: string;
  transferSyntax: string;
  bits: 8 | 12;
  /** The element Pixel Data. */
  pixelData: Buffer;
}

const AT = '@cornerstonejs/codec-';
type Source = { stored: Uint16Array; words: Uint8Array; bytes: Uint8Array };
const ENCODERS: [name: string, syntax: string, bits: 8 | 12, encode: (source: Source) => Promise<Uint8Array>][] = [
  ['rle', '.5', 12, async ({ stored }) => encodeRle(stored)],
  ['jpeg-ls', '.4.80', 12, ({ words }) => compress(`${AT}charls/wasmjs`, 'JpegLSEncoder', words, 12)],
  ['jpeg-2000', '.4.90', 12, ({ words }) => compress(`${AT}openjpeg/wasmjs`, 'J2KEncoder', words, 12)],
  ['jpeg-2000-lossy', '.4.91', 12, ({ words }) => compress(`${AT}openjpeg/wasmjs`, 'J2KEncoder', words, 12, SIZE, 10)],
  ['htj2k', '.4.201', 12, ({ words }) => compress(`${AT}openjph/wasmjs`, 'HTJ2KEncoder', words, 12)],
  ['jpeg-extended', '.4.51', 12, async ({ stored }) => encodeJpegExtended(stored, SIZE)],
  ['jpeg', '.4.50', 8, ({ bytes }) => compress(`${AT}libjpeg-turbo-8bit/wasmjs`, 'JPEGEncoder', bytes, 8)],
];

/** The film in the syntaxes of these names (default: all, `native` first). */
export async function encodeBenchFilms(names?: readonly string[]): Promise<Encoded[]> {
  const stored = storedValues(SIZE);
  const source = {
    stored,
    words: new Uint8Array(stored.buffer),
    bytes: Uint8Array.from(stored, (value) => value >> 4),
  };
  const root = '1.2.840.10008.1.2';
  const native = encodeElement(0x7fe00010, 'OW', source.words);
  const films: Encoded[] = [{ name: 'native', transferSyntax: `${root}.1`, bits: 12, pixelData: native }];
  for (const [name, syntax, bits, encode] of ENCODERS) {
    if (names && !names.includes(name)) continue;
    films.push({ name, transferSyntax: root + syntax, bits, pixelData: encodeFragments([await encode(source)]) });
  }
  return names ? films.filter(({ name }) => names.includes(name)) : films;
}

/** Writes the films; returns their paths by name. */
export async function writeBenchFilms(folder: string): Promise<Record<string, string>> {
  await mkdir(folder, { recursive: true });
  const paths: Record<string, string> = {};
  for (const { name, transferSyntax, bits, pixelData } of await encodeBenchFilms()) {
    paths[name] = join(folder, `${name}.dcm`);
    await writeFile(paths[name], benchFilm(name, transferSyntax, bits, pixelData));
  }
  return paths;
}
