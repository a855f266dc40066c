/** Names what a file is that is no film, so that its owner knows what to do with it. */
import { WorkbenchError } from '../base/errors.ts';
import { latin1 } from './characterSet.ts';

/** By their first bytes, as latin-1. */
const KINDS: [RegExp, string, 'image' | 'other'][] = [
  [/^BM[\s\S]{4}\0\0\0\0/, 'a BMP image', 'image'],
  [/^GIF8[79]a/, 'a GIF image', 'image'],
  [/^RIFF[\s\S]{4}WEBP/, 'a WebP image', 'image'],
  [/^(II\*\0|MM\0\*)/, 'a TIFF image', 'image'],
  [/^(\xff\x4f\xff\x51|[\s\S]{4}jP {2})/, 'a JPEG 2000 image outside DICOM', 'image'],
  [/^(\xff\n|[\s\S]{4}JXL )/, 'a JPEG XL image', 'image'],
  [/^[\s\S]{4}ftyp(avif|heic|heix|mif1)/, 'a HEIF or AVIF image', 'image'],
  [/^P[1-6]\s/, 'a PNM image', 'image'],
  [/^[\s\S]{344}(n\+1|ni1)\0/, 'a NIfTI volume', 'image'],
  [/^%PDF-/, 'a PDF document', 'other'],
  [/^PK[\s\S]{2}/, 'a ZIP archive', 'other'],
  [/^\S\x8b/, 'a gzip archive', 'other'],
  [/^\s*<(!doctype|html|\?xml)/i, 'a web page or XML file', 'other'],
];

/** The error for a file that is neither DICOM nor PNG nor JPEG. */
export function notAFilm(bytes: Uint8Array): WorkbenchError {
  const start = latin1(bytes.subarray(0, 352));
  const [, name, kind] = KINDS.find(([pattern]) => pattern.test(start)) ?? [];
  const message = name
    ? `This is ${name}; films are DICOM, PNG or JPEG.`
    : 'This file is neither DICOM nor PNG nor JPEG.';
  const remedy = kind === 'image' ? 'Convert it to DICOM or PNG.' : 'Open a DICOM, PNG or JPEG file.';
  return new WorkbenchError('NOT_A_FILM', message, {}, remedy);
}
