/** Small deflated files that grow to megabytes of one thing: each is decoded or refused by name, in bounded memory and time. */
import { deflateRawSync } from 'node:zlib';
import jpeg from 'jpeg-js';
import { afterEach, expect, it } from 'vitest';
import { toErrorData } from '../../core/base/errors.ts';
import { decodeBytes } from '../../core/dicom/decodeFile.ts';
import { MAX_ELEMENTS } from '../../core/dicom/elementStream.ts';
import { encodeElement, encodeFile, encodeFragments, encodeShort } from '../../core/dicom/write.ts';
import { MEMORY_LIMIT_BYTES, processorMs, TIME_LIMIT_MS } from '../../scripts/support/limits.ts';

const DEFLATED = '1.2.840.10008.1.2.1.99';
const JPEG_BASELINE = '1.2.840.10008.1.2.4.50';
const MANY = 16 * 2 ** 20;
const META = { transferSyntax: DEFLATED, sopClassUid: '2.25.1', sopInstanceUid: '2.25.2' };
const EMPTY_ITEM = Buffer.from('feff00e000000000', 'hex');
const many = (pattern: string | Buffer, bytes = MANY) => Buffer.alloc(bytes, pattern);

/** A sequence of undefined length whose items never end. */
const endless = (tag: number, vr: string, content: Buffer) => {
  const head = encodeElement(tag, vr, Buffer.alloc(0));
  head.writeUInt32LE(0xffffffff, 8);
  return Buffer.concat([head, content]);
};

function film(...changes: [number, Buffer][]): Buffer {
  const elements = new Map<number, Buffer>([
    [0x00080060, encodeElement(0x00080060, 'CS', 'DX')],
    [0x00280002, encodeShort(0x00280002, 1)],
    [0x00280004, encodeElement(0x00280004, 'CS', 'MONOCHROME2')],
    [0x00280010, encodeShort(0x00280010, 8)],
    [0x00280011, encodeShort(0x00280011, 8)],
    [0x00280100, encodeShort(0x00280100, 16)],
    [0x00280101, encodeShort(0x00280101, 16)],
    [0x00280102, encodeShort(0x00280102, 15)],
    [0x00280103, encodeShort(0x00280103, 0)],
    [0x7fe00010, encodeElement(0x7fe00010, 'OW', Buffer.alloc(128))],
    ...changes,
  ]);
  return Buffer.concat([...elements].sort(([a], [b]) => a - b).map(([, element]) => element));
}

const value = (tag: number, vr: string, bytes: Buffer): [number, Buffer] => [tag, encodeElement(tag, vr, bytes)];
const palette = [0x00281101, 0x00281102, 0x00281103].map((tag) =>
  value(tag, 'US', Buffer.from(Uint16Array.of(0, 0, 16).buffer)),
);

const cases: [string, () => Buffer, string][] = [
  ['zeros', () => many('\0'), 'DICOM_TOO_MANY_ELEMENTS'],
  ['empty items of a sequence', () => endless(0x00081115, 'SQ', many(EMPTY_ITEM)), 'DICOM_TOO_MANY_ELEMENTS'],
  ['empty items of an unknown VR', () => endless(0x00081115, 'UN', many(EMPTY_ITEM)), 'DICOM_TOO_MANY_ELEMENTS'],
  ['empty directory records', () => value(0x00041220, 'SQ', many(EMPTY_ITEM))[1], 'DICOM_TOO_MANY_ELEMENTS'],
  ['a window of many values', () => film(value(0x00281050, 'UN', many('\\'))), 'decoded'],
  ['a slope of many digits', () => film(value(0x00281053, 'UN', many('1'))), 'decoded'],
  ['character sets', () => film(value(0x00080005, 'UN', many('\\'))), 'decoded'],
  ['many rows', () => film(value(0x00280010, 'UN', many('\x01'))), 'DICOM_TRUNCATED_PIXELS'],
  ['frames of many digits', () => film(value(0x00280008, 'UN', many('1'))), 'DICOM_BAD_ATTRIBUTE'],
  [
    'a palette',
    () => film(value(0x00280004, 'CS', Buffer.from('PALETTE COLOR ')), ...palette, value(0x00281221, 'UN', many('\0'))),
    'DICOM_BAD_PALETTE',
  ],
];

/** Decoding waits for nothing: between two files the runner gets its turn. */
afterEach(() => new Promise<void>((resolve) => setImmediate(resolve)));

it.each(cases)('%s', async (_, dataSet, outcome) => {
  const file = Buffer.concat([encodeFile(META, []), deflateRawSync(dataSet())]);
  expect(file.length).toBeLessThan(200_000);
  const [memory, processor] = [process.memoryUsage().rss, processorMs()];
  const { code, message } = await decodeBytes('bomb', file).then(() => ({ code: 'decoded', message: '' }), toErrorData);
  expect(processorMs() - processor).toBeLessThan(TIME_LIMIT_MS);
  expect(process.memoryUsage().rss - memory).toBeLessThan(MEMORY_LIMIT_BYTES);
  expect(code).toBe(outcome);
  expect(message.length).toBeLessThan(200);
});

it('fragments without end', async () => {
  const fragments = many(EMPTY_ITEM, 8 * (MAX_ELEMENTS + 10));
  const pixels = encodeFragments([]);
  const meta = { ...META, transferSyntax: JPEG_BASELINE };
  const encapsulated = Buffer.concat([pixels.subarray(0, pixels.length - 8), fragments]);
  const file = Buffer.concat([encodeFile(meta, []), film([0x7fe00010, encapsulated])]);
  await expect(decodeBytes('bomb', file)).rejects.toMatchObject({ code: 'DICOM_BAD_FRAGMENTS' });
});

it('scans without end', async () => {
  const { data } = jpeg.encode({ width: 8, height: 8, data: Buffer.alloc(256, 90) });
  const scan = data.subarray(data.indexOf('ffda', 0, 'hex'), data.length - 2);
  const image = Buffer.concat([data.subarray(0, -2), ...Array(200).fill(scan), data.subarray(-2)]);
  await expect(decodeBytes('bomb.jpg', image)).rejects.toMatchObject({
    code: 'CODEC_DAMAGED',
    details: { scans: 201, limit: 100 },
  });
});
