/** docs/CONFORMANCE.md, made from the conformance table and the limits that the code has. */
import { CODEC_LIBRARIES, TRANSFER_SYNTAXES, type TransferSyntax } from './conformance.ts';
import { MAX_INFLATED_BYTES } from './dataSet.ts';
import { MAX_ELEMENTS } from './elementStream.ts';
import { MAX_FRAME_BYTES } from './header.ts';

export function conformancePage(): string {
  const read = TRANSFER_SYNTAXES.filter((syntax) => syntax.codec !== null);
  const refused = TRANSFER_SYNTAXES.filter((syntax) => syntax.codec === null);
  return `# DICOM conformance

Made from core/dicom/conformance.ts by \`npx tsx scripts/conformance.ts\`. The same table drives the decoder and its tests.

## Transfer syntaxes that are read

| UID | Name | Pixels | Decoded by |
| --- | --- | --- | --- |
${read.map(readRow).join('\n')}

Where a codestream contradicts the transfer syntax, or a data set its stated encoding, the data are believed and a warning is
given. A codestream of another size than the header says is refused before it is decoded.

## Recognised and refused by name

| UID | Name |
| --- | --- |
${refused.map((syntax) => `| ${syntax.uid} | ${syntax.name} |`).join('\n')}

## Pixels

| | |
| --- | --- |
| Photometric Interpretation | MONOCHROME1, MONOCHROME2, PALETTE COLOR (segmented too), RGB, YBR_FULL, YBR_FULL_422, YBR_PARTIAL_422, YBR_RCT, YBR_ICT |
| Bits Allocated | 1 (in RLE too), 8, 16, 32; Float and Double Float Pixel Data |
| Bits Stored, High Bit, Pixel Representation | any that fit; spare bits are masked, signs extended |
| Planar Configuration | 0, 1 |
| Frames | basic and extended offset tables, fragmented frames, functional groups (rescaling, windows, spacing) |
| Modality LUT | Rescale Slope and Intercept, Modality LUT Sequence |
| VOI LUT | windows (LINEAR, LINEAR_EXACT, SIGMOID), VOI LUT Sequence, all that the file offers; else minimum to maximum |
| Inversion | MONOCHROME1, Presentation LUT Shape |
| Padding | Pixel Padding Value and Range Limit: black in the viewer, no part of minimum to maximum |
| Overlays | separate, and in spare bits of uncompressed cells of 16 bits |
| Spacing | Pixel Spacing and its Calibration Type, Imager Pixel Spacing, Nominal Scanned Pixel Spacing, Estimated Radiographic Magnification Factor, Pixel Aspect Ratio; each length says whether it is measured at the detector, calibrated, estimated, or that the file does not tell |

## Files

Part 10 files with and without preamble and meta header; raw data sets, little and big endian; DICOMDIR; PNG (1 to 16 bits) and
JPEG. Character sets: the default repertoire, ISO 8859 parts 1 to 9, 11 and 15, JIS X 0201, 0208 and 0212, KS X 1001, GB 2312, GBK,
GB18030 and UTF-8, with and without ISO 2022 code extensions. Of an element that stands twice in a data set, the last counts.

## Limits

A frame may take ${MAX_FRAME_BYTES / 2 ** 20} MiB, a deflated data set may grow to ${MAX_INFLATED_BYTES / 2 ** 20} MiB, a data set may hold
${MAX_ELEMENTS} elements, a file may have 2 GiB. Reading never writes.
Not read: Bits Allocated of 12 or 64, arithmetic-coded and hierarchical JPEG, four-component JPEG, video, JPEG XL.
`;
}

function readRow({ uid, name, codec, lossless }: TransferSyntax): string {
  return `| ${uid} | ${name} | ${lossless ? 'lossless' : 'lossy'} | ${CODEC_LIBRARIES[codec!]} |`;
}
