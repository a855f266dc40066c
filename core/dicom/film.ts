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

/**
 * Where a length on the film comes from (PS3.3 10.7.1.3), so that nobody takes one for the other:
 * - `detector`: measured at the detector or on the scanned film; in the body it is shorter.
 * - `calibrated`: in the body, by an object of known size, or as a tomograph measures it.
 * - `estimated`: in the body, by a magnification that was assumed or known from the geometry.
 * - `unknown`: the file gives Pixel Spacing alone, and does not say which of these it is.
 */
export type LengthOrigin = 'detector' | 'calibrated' | 'estimated' | 'unknown';
/** `aspect`: the file gives the pixels' proportions only, and no length. */
export type SpacingOrigin = LengthOrigin | 'aspect';

export interface FilmSpacing {
  /** Between rows and between columns: millimetres, or for `aspect` only proportions (see millimetresOf). */
  row: number;
  column: number;
  origin: SpacingOrigin;
}

/** The spacing where it is one in millimetres; null: lengths on this film can be given in pixels only. */
export function millimetresOf(spacing: FilmSpacing | null): (FilmSpacing & { origin: LengthOrigin }) | null {
  return spacing && spacing.origin !== 'aspect' ? (spacing as FilmSpacing & { origin: LengthOrigin }) : null;
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

/** A gray film in small, to be looked at until the film itself is there (preview.ts). */
export interface FilmPreview
  extends Pick<Film, 'rows' | 'columns' | 'spacing' | 'modality' | 'voi' | 'inverse' | 'padding'> {
  /** Film pixels along a side of one of its pixels. */
  factor: number;
  small: { pixels: PixelArray; rows: number; columns: number };
}
