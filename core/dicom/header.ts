/**
 * The typed header: what a data set says about its pixels, their meaning, and the film as a whole. Part numbers refer to PS3.3.
 * Pixel attributes that cannot be right end in an error before anything is allocated; display attributes that cannot be
 * right are left out with a warning, since a film without its window is still a film.
 */
import { WorkbenchError } from '../base/errors.ts';
import { type Attributes, tagName } from './attributes.ts';
import type { DicomFile } from './dataSet.ts';
import type { FilmTags, ModalityTransform, Voi, VoiFunction } from './film.ts';
import { readCautionsOf } from './suitability.ts';

/** C.7.6.3: the Image Pixel module, checked. */
export interface PixelDescription {
  rows: number;
  columns: number;
  samplesPerPixel: 1 | 3;
  photometricInterpretation: string;
  /** 1: planes one after the other. */
  planarConfiguration: 0 | 1;
  bitsAllocated: number;
  bitsStored: number;
  highBit: number;
  signed: boolean;
  /** Float or Double Float Pixel Data. */
  float: boolean;
  frames: number;
}

/** A frame larger than this is refused (an uncompressed mammogram is 32 MiB). */
export const MAX_FRAME_BYTES = 128 * 2 ** 20;
const BITS_ALLOCATED = [1, 8, 16, 32];

/** @throws WorkbenchError DICOM_NO_PIXELS, DICOM_BAD_ATTRIBUTE, DICOM_UNSUPPORTED_PIXELS, DICOM_TOO_LARGE */
export function readPixelDescription(file: DicomFile): PixelDescription {
  const { attributes, pixelData } = file;
  if (!pixelData) throw new WorkbenchError('DICOM_NO_PIXELS', 'This DICOM object holds no image.');
  const float = pixelData.tag !== 'x7fe00010';
  const bits = float ? floatBits(pixelData.tag) : readBits(attributes, file.warnings);
  const samplesPerPixel = attributes.short('x00280002') ?? 1;
  const description: PixelDescription = {
    rows: required(attributes, 'x00280010', 'Rows'),
    columns: required(attributes, 'x00280011', 'Columns'),
    samplesPerPixel: samplesPerPixel as 1 | 3,
    photometricInterpretation: readPhotometric(attributes, samplesPerPixel, file.warnings),
    planarConfiguration: attributes.short('x00280006') === 1 ? 1 : 0,
    ...bits,
    signed: attributes.short('x00280103') === 1,
    float,
    frames: readFrames(attributes, file.warnings),
  };
  checkPixelDescription(description);
  return description;
}

type Bits = Pick<PixelDescription, 'bitsAllocated' | 'bitsStored' | 'highBit'>;

function floatBits(tag: string): Bits {
  const bits = tag === 'x7fe00009' ? 64 : 32;
  return { bitsAllocated: bits, bitsStored: bits, highBit: bits - 1 };
}

/** A High Bit too low for the bits stored is a slip of many writers: the bits then lie at the bottom, as readers take them. */
function readBits(attributes: Attributes, warnings: string[]): Bits {
  const bitsAllocated = required(attributes, 'x00280100', 'Bits Allocated');
  const stated = attributes.short('x00280102');
  const bitsStored = attributes.short('x00280101') ?? (stated === undefined ? bitsAllocated : stated + 1);
  if (stated === undefined || stated >= bitsStored - 1) {
    return { bitsAllocated, bitsStored, highBit: stated ?? bitsStored - 1 };
  }
  warnings.push(`High Bit (0028,0102) is ${stated}; with ${bitsStored} Bits Stored it was taken as ${bitsStored - 1}.`);
  return { bitsAllocated, bitsStored, highBit: bitsStored - 1 };
}

const GRAY_OF_ONE_SAMPLE = ['MONOCHROME1', 'MONOCHROME2', 'PALETTE COLOR'];

function readPhotometric(attributes: Attributes, samplesPerPixel: number, warnings: string[]): string {
  const stated = attributes.string('x00280004').toUpperCase();
  if (samplesPerPixel === 1 && !GRAY_OF_ONE_SAMPLE.includes(stated)) {
    const what = stated === '' ? 'is missing' : `is ${stated.slice(0, 16)}, which one sample a pixel cannot be`;
    warnings.push(`The photometric interpretation ${what}; low values are shown black.`);
  }
  return stated || (samplesPerPixel === 1 ? 'MONOCHROME2' : 'RGB');
}

function required(attributes: Attributes, tag: string, name: string): number {
  const value = attributes.short(tag);
  if (value === undefined) {
    throw new WorkbenchError('DICOM_BAD_ATTRIBUTE', `${name} ${tagName(tag)} is missing.`, { tag: tagName(tag) });
  }
  return value;
}

function readFrames(attributes: Attributes, warnings: string[]): number {
  const text = attributes.string('x00280008');
  if (text === '' && attributes.vr('x00280008') !== 'US') return 1;
  const [frames = 1] = attributes.decimals('x00280008');
  if (frames === 0) {
    warnings.push('Number of Frames (0028,0008) is 0; it was taken as 1.');
    return 1;
  }
  if (!Number.isInteger(frames) || frames < 1) {
    throw badAttribute('Number of Frames', 'x00280008', text.slice(0, 16), 'a whole number from 1');
  }
  return frames;
}

function badAttribute(name: string, tag: string, value: string | number, expected: string): WorkbenchError {
  return new WorkbenchError('DICOM_BAD_ATTRIBUTE', `${name} ${tagName(tag)} is ${value}; expected ${expected}.`, {
    tag: tagName(tag),
    value,
  });
}

function checkPixelDescription(d: PixelDescription): void {
  if (d.rows < 1) throw badAttribute('Rows', 'x00280010', d.rows, 'at least 1');
  if (d.columns < 1) throw badAttribute('Columns', 'x00280011', d.columns, 'at least 1');
  if (d.samplesPerPixel !== 1 && d.samplesPerPixel !== 3) {
    throw new WorkbenchError(
      'DICOM_UNSUPPORTED_PIXELS',
      `Samples per Pixel is ${d.samplesPerPixel}; only 1 and 3 are read.`,
    );
  }
  if (!d.float && !BITS_ALLOCATED.includes(d.bitsAllocated)) {
    throw new WorkbenchError(
      'DICOM_UNSUPPORTED_PIXELS',
      `Bits Allocated is ${d.bitsAllocated}; only ${BITS_ALLOCATED.join(', ')} are read.`,
    );
  }
  if (d.bitsStored < 1 || d.bitsStored > d.bitsAllocated) {
    throw badAttribute('Bits Stored', 'x00280101', d.bitsStored, `1 to Bits Allocated, which is ${d.bitsAllocated}`);
  }
  if (d.highBit < d.bitsStored - 1 || d.highBit >= d.bitsAllocated) {
    throw badAttribute('High Bit', 'x00280102', d.highBit, `${d.bitsStored - 1} to ${d.bitsAllocated - 1}`);
  }
  const bytes = d.rows * d.columns * d.samplesPerPixel * Math.ceil(d.bitsAllocated / 8);
  if (bytes > MAX_FRAME_BYTES) {
    throw new WorkbenchError('DICOM_TOO_LARGE', `The image would take ${Math.round(bytes / 2 ** 20)} MiB.`, {
      rows: d.rows,
      columns: d.columns,
      limitBytes: MAX_FRAME_BYTES,
    });
  }
}

// ---------------------------------------------------------------------------------------------- from stored value to gray

/** C.11.1. The Modality LUT Sequence goes before rescale values. */
export function readModality(attributes: Attributes, signed: boolean, warnings: string[]): ModalityTransform {
  const lut = attributes.items('x00283000').map((item) => readLut(item, signed))[0];
  if (lut) return { kind: 'lut', ...lut };
  const [slope] = attributes.decimals('x00281053');
  const [intercept] = attributes.decimals('x00281052');
  if (slope === undefined && intercept === undefined) return { kind: 'identity' };
  if (!usableRescale(slope ?? 1, intercept ?? 0)) {
    warnings.push('The rescale slope or intercept is unusable and was ignored.');
    return { kind: 'identity' };
  }
  return { kind: 'rescale', slope: slope ?? 1, intercept: intercept ?? 0 };
}

function usableRescale(slope: number, intercept: number): boolean {
  return slope !== 0 && Number.isFinite(slope * 2 ** 32) && Number.isFinite(intercept * 2 ** 32);
}

interface Lut {
  first: number;
  bits: number;
  data: Uint16Array;
}

/** C.11.1.1: LUT Descriptor and LUT Data. undefined where they do not fit together. */
function readLut(item: Attributes, signed: boolean): Lut | undefined {
  const [count, , bits] = item.shorts('x00283002');
  const data = item.words('x00283006');
  if (count === undefined || bits === undefined || bits < 8 || bits > 16) return undefined;
  const entries = count === 0 ? 65536 : count;
  const first = item.shorts('x00283002', signed || item.vr('x00283002') === 'SS')[1]!;
  if (data.length >= entries) return { first, bits, data: data.slice(0, entries) };
  const bytes = item.bytes('x00283006');
  if (!bytes || bytes.length < entries) return undefined;
  return { first, bits, data: Uint16Array.from(bytes.subarray(0, entries)) };
}

const FUNCTIONS: readonly VoiFunction[] = ['LINEAR', 'LINEAR_EXACT', 'SIGMOID'];

/**
 * C.11.2: the windows, then the VOI LUTs, each in the file's order; unusable ones are left out.
 * @param signed whether modality values can be negative.
 */
export function readVoi(attributes: Attributes, signed: boolean, warnings: string[]): Voi[] {
  const windows = readWindows(attributes, warnings);
  const luts = attributes.items('x00283010').flatMap((item): Voi[] => {
    const lut = readLut(item, signed);
    if (!lut) warnings.push('A VOI LUT of the file is unusable and was ignored.');
    return lut ? [{ kind: 'lut', ...lut, explanation: item.text('x00283003', 64) }] : [];
  });
  return [...windows, ...luts];
}

function readWindows(attributes: Attributes, warnings: string[]): Voi[] {
  const centers = attributes.decimals('x00281050');
  const widths = attributes.decimals('x00281051');
  const explanations = attributes.text('x00281055').split('\\');
  const stated = attributes.string('x00281056').toUpperCase() as VoiFunction;
  const voiFunction = FUNCTIONS.includes(stated) ? stated : 'LINEAR';
  const minimumWidth = voiFunction === 'LINEAR' ? 1 : 0;
  const windows: Voi[] = [];
  for (let i = 0; i < Math.min(centers.length, widths.length); i++) {
    const [center, width] = [centers[i]!, widths[i]!];
    const usable = Number.isFinite(center) && width >= minimumWidth && width > 0 && Number.isFinite(width);
    if (!usable) continue;
    windows.push({ kind: 'window', center, width, function: voiFunction, explanation: explanations[i]?.trim() ?? '' });
  }
  if (windows.length < Math.max(centers.length, widths.length)) {
    warnings.push('A window of the file is unusable and was ignored.');
  }
  return windows;
}

/** C.7.5.1.1.2: stored values that are padding. */
export function readPadding(attributes: Attributes, signed: boolean): { low: number; high: number } | null {
  const [value] = attributes.shorts('x00280120', signed);
  if (value === undefined) return null;
  const [limit] = attributes.shorts('x00280121', signed);
  return { low: Math.min(value, limit ?? value), high: Math.max(value, limit ?? value) };
}

/** MONOCHROME1 shows low values white; Presentation LUT Shape INVERSE says the same of a DX image (C.11.6). */
export function readInverse(attributes: Attributes, photometricInterpretation: string): boolean {
  const shape = attributes.string('x20500020').toUpperCase();
  if (shape === 'INVERSE') return true;
  return shape === '' && photometricInterpretation === 'MONOCHROME1';
}

/** Enhanced multi-frame objects keep these in functional groups: the frame's own first, then the shared ones (C.7.6.16). */
export function functionalGroups(attributes: Attributes, frame: number): Attributes[] {
  const own = attributes.items('x52009230')[frame];
  const shared = attributes.items('x52009229')[0];
  const groups = [own, shared].filter((group) => group !== undefined);
  return groups.flatMap((group) =>
    ['x00289145', 'x00289132', 'x00289110', 'x00409096'].flatMap((sequence) => group.items(sequence).slice(0, 1)),
  );
}

// ------------------------------------------------------------------------------------------------------------- the film

/** Of PNG and JPEG films. */
export const NO_TAGS: FilmTags = {
  patientName: '',
  patientId: '',
  patientSex: '',
  patientAge: '',
  patientBirthDate: '',
  studyDate: '',
  studyTime: '',
  studyDescription: '',
  seriesDescription: '',
  seriesNumber: '',
  instanceNumber: '',
  modality: '',
  bodyPart: '',
  viewPosition: '',
  laterality: '',
  patientOrientation: '',
  presentationIntent: '',
  manufacturer: '',
  institution: '',
  studyInstanceUid: '',
  seriesInstanceUid: '',
  sopInstanceUid: '',
  sopClassUid: '',
  accessionNumber: '',
};

/** A value longer than DICOM's longest short text (LO: 64 characters, a name: three times as much) is cut. */
const MAX_TAG_LENGTH = 256;

export function readTags(attributes: Attributes): FilmTags {
  const text = (tag: string) => attributes.text(tag, MAX_TAG_LENGTH);
  return {
    patientName: text('x00100010').replace(/=+$/, ''),
    patientId: text('x00100020'),
    patientSex: text('x00100040'),
    patientAge: text('x00101010'),
    patientBirthDate: text('x00100030'),
    studyDate: text('x00080020'),
    studyTime: text('x00080030'),
    studyDescription: text('x00081030'),
    seriesDescription: text('x0008103e'),
    seriesNumber: text('x00200011'),
    instanceNumber: text('x00200013'),
    modality: text('x00080060'),
    bodyPart: text('x00180015'),
    viewPosition: text('x00185101'),
    laterality: text('x00200062') || text('x00200060'),
    patientOrientation: text('x00200020'),
    presentationIntent: text('x00080068'),
    manufacturer: text('x00080070'),
    institution: text('x00080080'),
    studyInstanceUid: text('x0020000d'),
    seriesInstanceUid: text('x0020000e'),
    sopInstanceUid: text('x00080018'),
    sopClassUid: text('x00080016'),
    accessionNumber: text('x00080050'),
  };
}

/** What a person should know before a model reads the film as a frontal chest film. */
export function readCautions(attributes: Attributes, tags: FilmTags): string[] {
  return readCautionsOf(attributes, tags).map(({ message }) => message);
}
