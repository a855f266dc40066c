/** Each length says where it comes from (PS3.3 10.7.1.3). */
import { expect, it } from 'vitest';
import { readDicom } from '../../core/dicom/dataSet.ts';
import { type FilmSpacing, millimetresOf } from '../../core/dicom/film.ts';
import { readSpacing } from '../../core/dicom/spacing.ts';
import { encodeElement, encodeFile } from '../../core/dicom/write.ts';

const PIXEL = 0x00280030;
const IMAGER = 0x00181164;
const SCANNED = 0x00182010;
const MAGNIFICATION = 0x00181114;
const CALIBRATION = 0x00280a02;
const ASPECT = 0x00280034;

function spacingOf(modality: string, values: Record<number, string>): FilmSpacing | null {
  const elements: [number, string, string][] = [
    [0x00080060, 'CS', modality],
    ...Object.entries(values).map(([tag, value]): [number, string, string] => [Number(tag), vrOf(Number(tag)), value]),
  ];
  elements.sort(([a], [b]) => a - b);
  const uids = { transferSyntax: '1.2.840.10008.1.2.1', sopClassUid: '2.25.1', sopInstanceUid: '2.25.2' };
  const file = encodeFile(
    uids,
    elements.map((element) => encodeElement(...element)),
  );
  return readSpacing([readDicom(file).attributes]);
}

const vrOf = (tag: number) => (tag === CALIBRATION ? 'CS' : tag === ASPECT ? 'IS' : 'DS');

const CASES: [why: string, modality: string, values: Record<number, string>, expected: FilmSpacing | null][] = [
  ['nothing', 'DX', {}, null],
  ['Imager Pixel Spacing', 'DX', { [IMAGER]: '0.2\\0.1' }, { row: 0.2, column: 0.1, origin: 'detector' }],
  ['a scanned film', 'CR', { [SCANNED]: '0.2\\0.2' }, { row: 0.2, column: 0.2, origin: 'detector' }],
  [
    "Pixel Spacing that only repeats the detector's",
    'DX',
    { [IMAGER]: '0.2\\0.2', [PIXEL]: '0.200\\0.20' },
    { row: 0.2, column: 0.2, origin: 'detector' },
  ],
  [
    'Imager Pixel Spacing and a magnification',
    'DX',
    { [IMAGER]: '0.2\\0.2', [MAGNIFICATION]: '1.25' },
    { row: 0.16, column: 0.16, origin: 'estimated' },
  ],
  [
    'an impossible magnification',
    'DX',
    { [IMAGER]: '0.2\\0.2', [MAGNIFICATION]: '0' },
    { row: 0.2, column: 0.2, origin: 'detector' },
  ],
  [
    'Pixel Spacing that differs',
    'DX',
    { [IMAGER]: '0.4\\0.2', [PIXEL]: '0.37\\0.185' },
    { row: 0.37, column: 0.185, origin: 'calibrated' },
  ],
  [
    'Pixel Spacing that differs by the magnification',
    'DX',
    { [IMAGER]: '0.2\\0.2', [MAGNIFICATION]: '1.25', [PIXEL]: '0.16\\0.16' },
    { row: 0.16, column: 0.16, origin: 'estimated' },
  ],
  [
    'calibration by an object of known size',
    'DX',
    { [PIXEL]: '0.17\\0.17', [CALIBRATION]: 'FIDUCIAL' },
    { row: 0.17, column: 0.17, origin: 'calibrated' },
  ],
  [
    'calibration by geometry',
    'DX',
    { [IMAGER]: '0.2\\0.2', [PIXEL]: '0.17\\0.17', [CALIBRATION]: 'GEOMETRY' },
    { row: 0.17, column: 0.17, origin: 'estimated' },
  ],
  [
    'Pixel Spacing alone in a projection image',
    'CR',
    { [PIXEL]: '0.2\\0.2' },
    { row: 0.2, column: 0.2, origin: 'unknown' },
  ],
  ['Pixel Spacing of a tomograph', 'CT', { [PIXEL]: '0.7\\0.7' }, { row: 0.7, column: 0.7, origin: 'calibrated' }],
  ['proportions only', 'SC', { [ASPECT]: '2\\1' }, { row: 2, column: 1, origin: 'aspect' }],
  ['zero', 'DX', { [PIXEL]: '0\\0' }, null],
  ['negative', 'DX', { [PIXEL]: '-0.2\\0.2' }, null],
  ['words', 'DX', { [PIXEL]: 'wide\\wide' }, null],
  ['one number', 'DX', { [PIXEL]: '0.2' }, null],
];

for (const [why, modality, values, expected] of CASES) {
  it(`${why}: ${expected?.origin ?? 'no length'}`, () => {
    const spacing = spacingOf(modality, values);
    expect(spacing?.origin).toBe(expected?.origin);
    if (!spacing || !expected) return expect(spacing).toBeNull();
    expect(spacing.row).toBeCloseTo(expected.row, 9);
    expect(spacing.column).toBeCloseTo(expected.column, 9);
  });
}

it('proportions are no millimetres', () => {
  expect(millimetresOf({ row: 2, column: 1, origin: 'aspect' })).toBeNull();
  expect(millimetresOf(null)).toBeNull();
  expect(millimetresOf({ row: 0.2, column: 0.2, origin: 'detector' })?.origin).toBe('detector');
});
