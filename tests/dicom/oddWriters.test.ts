/** Headers and pixel data as careless writers make them: each is read as other readers read it, with a warning, or refused by name. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import jpeg from 'jpeg-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXPLICIT_LITTLE_ENDIAN } from '../../core/dicom/conformance.ts';
import { openFilm } from '../../core/dicom/openFilm.ts';
import { encodeElement, encodeFile, encodeFragments, encodeShort } from '../../core/dicom/write.ts';

const [ROWS, COLUMNS] = [5, 7];
const VALUES = Uint16Array.from({ length: ROWS * COLUMNS }, (_, i) => (i * 613) % 4096);
const PIXELS = encodeElement(0x7fe00010, 'OW', new Uint8Array(VALUES.buffer));
const JPEG_BASELINE = '1.2.840.10008.1.2.4.50';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'odd-'));
});
afterAll(() => rm(folder, { recursive: true }));

const text = (tag: number, vr: string, value: string): [number, Buffer] => [tag, encodeElement(tag, vr, value)];
const short = (tag: number, value: number): [number, Buffer] => [tag, encodeShort(tag, value)];
const bytes = (tag: number, vr: string, value: Uint8Array): [number, Buffer] => [tag, encodeElement(tag, vr, value)];
const raw = (tag: number, value: Buffer): [number, Buffer] => [tag, value];

/** A 12-bit film; `changes` replace or add elements, null leaves one out. */
function dicom(
  changes: ([number, Buffer] | [number, null])[] = [],
  pixels: Buffer = PIXELS,
  syntax = EXPLICIT_LITTLE_ENDIAN,
) {
  const elements = new Map<number, Buffer | null>([
    text(0x00080060, 'CS', 'DX'),
    short(0x00280002, 1),
    text(0x00280004, 'CS', 'MONOCHROME2'),
    short(0x00280010, ROWS),
    short(0x00280011, COLUMNS),
    short(0x00280100, 16),
    short(0x00280101, 12),
    short(0x00280102, 11),
    short(0x00280103, 0),
    ...changes,
  ]);
  const sorted = [...elements].sort(([a], [b]) => a - b).flatMap(([, element]) => (element ? [element] : []));
  return encodeFile({ transferSyntax: syntax, sopClassUid: '2.25.1', sopInstanceUid: '2.25.2' }, [...sorted, pixels]);
}

async function film(file: Buffer, name = 'film') {
  const path = join(folder, name);
  await writeFile(path, file);
  return openFilm(path);
}

/** Implicit VR: no letters, four bytes of length. */
function implicit(tag: number, value: string): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt16LE(tag >>> 16, 0);
  head.writeUInt16LE(tag & 0xffff, 2);
  head.writeUInt32LE(value.length, 4);
  return Buffer.concat([head, Buffer.from(value, 'latin1')]);
}

function sequenceOfImplicitItems(): Buffer {
  const element = implicit(0x00081150, '1.2.3\0');
  const item = Buffer.from([0xfe, 0xff, 0x00, 0xe0, element.length, 0, 0, 0, ...element]);
  return encodeElement(0x00211001, 'SQ', item);
}

const float64 = (value: number) => new Uint8Array(Float64Array.of(value).buffer);

describe('a header that is not as the standard has it', () => {
  const cases: [why: string, changes: ([number, Buffer] | [number, null])[], warning: RegExp | null][] = [
    ['Rows as text', [text(0x00280010, 'IS', '5')], null],
    ['Rows as UL', [bytes(0x00280010, 'UL', new Uint8Array(Uint32Array.of(ROWS).buffer))], null],
    ['no Bits Stored', [[0x00280101, null]], null],
    ['no High Bit', [[0x00280102, null]], null],
    ['a High Bit below the bits stored', [short(0x00280102, 7)], /High Bit \(0028,0102\) is 7/],
    ['Number of Frames 0', [text(0x00280008, 'IS', '0')], /Number of Frames \(0028,0008\) is 0/],
    ['Number of Frames as a binary number', [short(0x00280008, 1)], null],
    ['no photometric interpretation', [[0x00280004, null]], /photometric interpretation is missing/],
    ['a made-up photometric interpretation', [text(0x00280004, 'CS', 'GRAYSCALE')], /interpretation is GRAYSCALE/],
    ['an implicit element among explicit ones', [raw(0x00211001, implicit(0x00211001, 'abcdefgh'))], null],
    ['a sequence whose items are implicit', [raw(0x00211001, sequenceOfImplicitItems())], null],
    ['an unknown VR', [raw(0x00211001, encodeElement(0x00211001, 'ZZ', 'abcd'))], null],
    ['a spacing with decimal commas', [text(0x00280030, 'DS', '0,14\\0,14')], /pixel spacing .* unusable/],
  ];
  it.each(cases)('%s: the film opens', async (_, changes, warning) => {
    const opened = await film(dicom(changes));
    expect([...opened.pixels]).toEqual([...VALUES]);
    expect(opened.inverse).toBe(false);
    const said = opened.warnings.filter((sentence) => /\(0028|interpretation|spacing of/.test(sentence));
    if (warning) expect(said).toEqual([expect.stringMatching(warning)]);
    else expect(said).toEqual([]);
  });

  it('numbers are read by the VR that they have', async () => {
    const opened = await film(
      dicom([
        bytes(0x00281050, 'FD', float64(1000.5)),
        short(0x00281051, 700),
        bytes(0x00281052, 'SS', new Uint8Array(Int16Array.of(-7).buffer)),
        bytes(0x00281053, 'FL', new Uint8Array(Float32Array.of(2.5).buffer)),
      ]),
    );
    expect(opened.voi[0]).toMatchObject({ kind: 'window', center: 1000.5, width: 700 });
    expect(opened.modality).toEqual({ kind: 'rescale', slope: 2.5, intercept: -7 });
  });

  it('a preamble with the mark of JPEG, PNG or TIFF is still DICOM', async () => {
    for (const mark of [
      [0xff, 0xd8, 0xff, 0xe0],
      [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a],
      [0x49, 0x49, 0x2a, 0],
    ]) {
      const file = dicom();
      file.set(mark, 0);
      expect([...(await film(file)).pixels]).toEqual([...VALUES]);
    }
  });
});

describe('compressed pixel data without their fragments', () => {
  const [width, height] = [16, 16];
  const data = Buffer.from(Array.from({ length: width * height * 4 }, (_, i) => (i >> 2) % 256));
  const stream = Buffer.from(jpeg.encode({ width, height, data }, 90).data);
  const changes = [
    short(0x00280002, 3),
    text(0x00280004, 'CS', 'YBR_FULL_422'),
    short(0x00280010, height),
    short(0x00280011, width),
    short(0x00280100, 8),
    short(0x00280101, 8),
    short(0x00280102, 7),
  ];
  const whole = () => film(dicom(changes, encodeFragments([stream]), JPEG_BASELINE));

  it('the stream itself as the value', async () => {
    const opened = await film(dicom(changes, encodeElement(0x7fe00010, 'OB', stream), JPEG_BASELINE));
    expect(opened.sha256).toBe((await whole()).sha256);
    expect(opened.warnings).toContainEqual(expect.stringContaining('without the fragments'));
  });

  it('fragments without an offset table', async () => {
    const fragments = encodeFragments([stream]);
    const withoutTable = Buffer.concat([fragments.subarray(0, 12), fragments.subarray(20)]);
    const opened = await film(dicom(changes, withoutTable, JPEG_BASELINE));
    expect(opened.sha256).toBe((await whole()).sha256);
    expect(opened.warnings).toContainEqual(expect.stringContaining('no basic offset table'));
  });
});

describe('what is no film is called by its name', () => {
  it.each([
    ['BM\x10\0\0\0\0\0\0\0', 'a BMP image'],
    ['GIF89a', 'a GIF image'],
    ['RIFF\x10\0\0\0WEBPVP8 ', 'a WebP image'],
    ['II*\0\x08\0\0\0', 'a TIFF image'],
    ['%PDF-1.7', 'a PDF document'],
    ['<!DOCTYPE html>', 'a web page'],
  ])('%j', async (start, name) => {
    const file = Buffer.from(start.padEnd(64, '\0'), 'latin1');
    const path = join(folder, 'foreign.png');
    await expect(film(file, 'foreign.png')).rejects.toMatchObject({
      code: 'NOT_A_FILM',
      message: expect.stringContaining(name),
      details: { file: path },
    });
  });
});
