/**
 * The DICOM conformance table: every transfer syntax that is known here, how its data set and its pixels are encoded, and
 * which library decodes it. The decoder, docs/CONFORMANCE.md and the tests read this table and no other.
 * Sources: PS3.5 annex A and section 10, PS3.6 annex A.
 */

/** How a frame is encoded; `null` in the table: recognised by name, not decoded. */
export type Codec = 'native' | 'deflated-frame' | 'rle' | 'jpeg' | 'jpeg-lossless' | 'jpeg-ls' | 'jpeg-2000' | 'htj2k';

export interface TransferSyntax {
  uid: string;
  name: string;
  codec: Codec | null;
  /** The stored values come back exactly. */
  lossless: boolean;
  explicitVr: boolean;
  bigEndian: boolean;
  /** The data set itself is deflated (PS3.5 A.5). */
  deflated: boolean;
  /** Frames are fragments in items (PS3.5 A.4). */
  encapsulated: boolean;
}

/** Which code decodes a codec's frames, for the conformance page. */
export const CODEC_LIBRARIES: Record<Codec, string> = {
  native: 'core/dicom/nativePixels.ts',
  'deflated-frame': "Node's zlib",
  rle: 'core/dicom/codecs/rle.ts',
  jpeg: 'libjpeg-turbo (8 bits), core/dicom/codecs/jpegDct.ts (12 bits)',
  'jpeg-lossless': 'core/dicom/codecs/jpegLossless.ts',
  'jpeg-ls': 'CharLS',
  'jpeg-2000': 'OpenJPEG',
  htj2k: 'OpenJPH',
};

type Encoding = Omit<TransferSyntax, 'uid' | 'name' | 'codec' | 'lossless'>;
const implicit: Encoding = { explicitVr: false, bigEndian: false, deflated: false, encapsulated: false };
const explicit: Encoding = { ...implicit, explicitVr: true };
const encapsulated: Encoding = { ...explicit, encapsulated: true };

function row(
  uid: string,
  name: string,
  codec: Codec | null,
  lossless: boolean,
  encoding: Encoding = encapsulated,
): TransferSyntax {
  return { uid: `1.2.840.10008.1.2${uid}`, name, codec, lossless, ...encoding };
}

export const TRANSFER_SYNTAXES: readonly TransferSyntax[] = [
  row('', 'Implicit VR Little Endian', 'native', true, implicit),
  row('.1', 'Explicit VR Little Endian', 'native', true, explicit),
  row('.1.98', 'Encapsulated Uncompressed Explicit VR Little Endian', 'native', true),
  row('.1.99', 'Deflated Explicit VR Little Endian', 'native', true, { ...explicit, deflated: true }),
  row('.2', 'Explicit VR Big Endian (retired)', 'native', true, { ...explicit, bigEndian: true }),
  row('.5', 'RLE Lossless', 'rle', true),
  row('.8.1', 'Deflated Image Frame Compression', 'deflated-frame', true),
  row('.4.50', 'JPEG Baseline (Process 1)', 'jpeg', false),
  row('.4.51', 'JPEG Extended (Process 2 and 4)', 'jpeg', false),
  row('.4.53', 'JPEG Spectral Selection, Non-Hierarchical (Process 6 and 8, retired)', 'jpeg', false),
  row('.4.55', 'JPEG Full Progression, Non-Hierarchical (Process 10 and 12, retired)', 'jpeg', false),
  row('.4.57', 'JPEG Lossless, Non-Hierarchical (Process 14)', 'jpeg-lossless', true),
  row(
    '.4.70',
    'JPEG Lossless, Non-Hierarchical, First-Order Prediction (Process 14, Selection Value 1)',
    'jpeg-lossless',
    true,
  ),
  row('.4.80', 'JPEG-LS Lossless', 'jpeg-ls', true),
  row('.4.81', 'JPEG-LS Near-Lossless', 'jpeg-ls', false),
  row('.4.90', 'JPEG 2000 (Lossless Only)', 'jpeg-2000', true),
  row('.4.91', 'JPEG 2000', 'jpeg-2000', false),
  row('.4.201', 'High-Throughput JPEG 2000 (Lossless Only)', 'htj2k', true),
  row('.4.202', 'High-Throughput JPEG 2000 with RPCL Options (Lossless Only)', 'htj2k', true),
  row('.4.203', 'High-Throughput JPEG 2000', 'htj2k', false),
  row('.4.52', 'JPEG Extended (Process 3 and 5, retired)', null, false),
  row('.4.54', 'JPEG Spectral Selection, Non-Hierarchical (Process 7 and 9, retired)', null, false),
  row('.4.56', 'JPEG Full Progression, Non-Hierarchical (Process 11 and 13, retired)', null, false),
  row('.4.58', 'JPEG Lossless, Non-Hierarchical (Process 15, retired)', null, true),
  row('.4.92', 'JPEG 2000 Part 2 Multi-component (Lossless Only)', null, true),
  row('.4.93', 'JPEG 2000 Part 2 Multi-component', null, false),
  row('.4.94', 'JPIP Referenced', null, false),
  row('.4.95', 'JPIP Referenced Deflate', null, false),
  row('.4.100', 'MPEG2 Main Profile / Main Level', null, false),
  row('.4.101', 'MPEG2 Main Profile / High Level', null, false),
  row('.4.102', 'MPEG-4 AVC/H.264 High Profile / Level 4.1', null, false),
  row('.4.103', 'MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1', null, false),
  row('.4.104', 'MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video', null, false),
  row('.4.105', 'MPEG-4 AVC/H.264 High Profile / Level 4.2 For 3D Video', null, false),
  row('.4.106', 'MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2', null, false),
  row('.4.107', 'HEVC/H.265 Main Profile / Level 5.1', null, false),
  row('.4.108', 'HEVC/H.265 Main 10 Profile / Level 5.1', null, false),
  row('.4.110', 'JPEG XL Lossless', null, true),
  row('.4.111', 'JPEG XL JPEG Recompression', null, false),
  row('.4.112', 'JPEG XL', null, false),
];

const BY_UID = new Map(TRANSFER_SYNTAXES.map((syntax) => [syntax.uid, syntax]));

export function transferSyntaxOf(uid: string): TransferSyntax | undefined {
  return BY_UID.get(uid);
}

export const IMPLICIT_LITTLE_ENDIAN = '1.2.840.10008.1.2';
export const EXPLICIT_LITTLE_ENDIAN = '1.2.840.10008.1.2.1';
export const EXPLICIT_BIG_ENDIAN = '1.2.840.10008.1.2.2';
