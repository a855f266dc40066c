/**
 * A film: one decoded frame with everything that turns its stored values into gray, from DICOM, PNG or JPEG alike.
 * Viewer and model read the same film. This file is pure (no Node, no DOM), so that the renderer uses it too.
 */

export type PixelArray =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array;

export type VoiFunction = 'LINEAR' | 'LINEAR_EXACT' | 'SIGMOID';

/** PS3.3 C.11.2.1: one window or one VOI LUT that the file offers. */
export type Voi =
  | { kind: 'window'; center: number; width: number; function: VoiFunction; explanation: string }
  | { kind: 'lut'; first: number; bits: number; data: Uint16Array; explanation: string }
  /** No usable window in the file: minimum to maximum. */
  | { kind: 'minmax'; minimum: number; maximum: number };

/** PS3.3 C.11.1. */
export type ModalityTransform =
  | { kind: 'identity' }
  | { kind: 'rescale'; slope: number; intercept: number }
  | { kind: 'lut'; first: number; bits: number; data: Uint16Array };

/** Where a length on the film comes from (PS3.3 10.7.1.3): measured at the detector, calibrated, or estimated from ERMF. */
export type SpacingOrigin = 'detector' | 'calibrated' | 'estimated' | 'pixel';

export interface FilmSpacing {
  /** Millimetres between rows and between columns. */
  row: number;
  column: number;
  origin: SpacingOrigin;
}

/** What the corner overlay and the study list show; empty strings where the file has nothing. */
export interface FilmTags {
  patientName: string;
  patientId: string;
  patientSex: string;
  patientAge: string;
  patientBirthDate: string;
  studyDate: string;
  studyTime: string;
  studyDescription: string;
  seriesDescription: string;
  seriesNumber: string;
  instanceNumber: string;
  modality: string;
  bodyPart: string;
  viewPosition: string;
  laterality: string;
  /** (0020,0020): the anatomical direction of the rows, then of the columns, as in the file: `L\\F`. */
  patientOrientation: string;
  presentationIntent: string;
  manufacturer: string;
  institution: string;
  studyInstanceUid: string;
  seriesInstanceUid: string;
  sopInstanceUid: string;
  sopClassUid: string;
  accessionNumber: string;
}

/** PS3.3 C.9.2: graphics over the film, one byte a pixel, 0 or 1. */
export interface FilmOverlay {
  rows: number;
  columns: number;
  /** Where its first pixel lies on the film, zero-based; may lie outside. */
  row: number;
  column: number;
  label: string;
  bits: Uint8Array;
}

export interface Film {
  path: string;
  kind: 'dicom' | 'png' | 'jpeg';
  /** Zero-based. */
  frame: number;
  frames: number;
  rows: number;
  columns: number;
  samplesPerPixel: 1 | 3;
  /** Stored values of this frame; colour is RGB, interleaved, 8 bits. */
  pixels: PixelArray;
  bitsStored: number;
  photometricInterpretation: string;
  transferSyntax: string;
  modality: ModalityTransform;
  /** What the file offers, in its order; never empty. The first is the one to show. */
  voi: Voi[];
  /** Smallest and largest modality value of this frame. */
  minimum: number;
  maximum: number;
  /** Shown inverted: MONOCHROME1, or Presentation LUT Shape INVERSE. */
  inverse: boolean;
  /** Stored value(s) that are padding, not image. */
  padding: { low: number; high: number } | null;
  spacing: FilmSpacing | null;
  /** Absent: none. Drawn by the viewer; never part of the pixels. */
  overlays?: FilmOverlay[];
  tags: FilmTags;
  /** sha256 of the stored values of this frame, little endian. */
  sha256: string;
  /** Sentences for the person who reads it: "for processing", "no view position", ... */
  warnings: string[];
}
