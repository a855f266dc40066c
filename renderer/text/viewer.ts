/** Read: films and what is drawn on them. */
import type { LengthOrigin } from '../../core/dicom/film.ts';
import type { Layout, Tool } from '../state/panes.ts';
import type { Slot } from '../viewer/hanging.ts';
import { count, number } from './format.ts';

export const viewer = {
  title: 'Film',
  help: 'Drag: the chosen tool. Right drag or wheel: zoom. Middle drag: pan. Double click: fit. With a drawing tool the arrow keys move a cross and Enter places a point.',
  film: (patient: string, view: string) => `Film of ${patient} ${view}`.trim(),
  empty: 'No film is open.',
  emptyHint: 'Choose one on the left, or drop a file anywhere.',
  loading: 'Decoding the film',
  failed: 'This film cannot be shown',
  toolbar: 'Film tools',
  tools: {
    window: 'Window and level',
    pan: 'Pan',
    zoom: 'Zoom',
    magnify: 'Magnifier',
    length: 'Length',
    angle: 'Angle',
    ctr: 'Cardiothoracic ratio',
    rectangle: 'Rectangle',
    ellipse: 'Ellipse',
    probe: 'Probe',
    arrow: 'Arrow with text',
  } satisfies Record<Tool, string>,
  measured: {
    length: (value: number, unit: string, origin: string | null) =>
      `${unit === 'px' ? Math.round(value) : value.toFixed(1)} ${unit}${origin ? ` ${origin}` : ''}`,
    degrees: (value: number) => `${value.toFixed(1)}°`,
    ratio: (value: number | null) => (value === null ? 'ratio –' : `ratio ${value.toFixed(2)}`),
    widths: (heart: string, chest: string) => `heart ${heart}, chest ${chest}`,
    caveats: {
      ap: 'AP film: the heart is magnified; 0.50 is the limit of PA films',
      unknown: 'view not stated: 0.50 is the limit of PA films',
      other: 'not a frontal film: no cardiothoracic ratio',
    },
    mean: (mean: number, sd: number) => `mean ${number(mean)}  SD ${number(sd)}`,
    extremes: (low: number, high: number) => `min ${number(low)}  max ${number(high)}`,
    area: (value: number, unit: string, origin: string | null, pixels: number | null) =>
      [
        unit === 'mm²' ? `${(value / 100).toFixed(2)} cm²` : `${Math.round(value)} px²`,
        origin ?? '',
        pixels === null ? '' : `(${count(pixels)} pixels)`,
      ]
        .filter(Boolean)
        .join(' '),
    probe: (column: number, row: number) => `column ${column + 1}, row ${row + 1}`,
    pixel: (stored: number[], value: number | null) =>
      value === null || value === stored[0]
        ? `value ${stored.map(number).join(' ')}`
        : `value ${number(value)} (stored ${stored.map(number).join(' ')})`,
    outside: 'outside the film',
  },
  annotations: 'Drawn on the film',
  annotationText: 'Text',
  copyAnnotations: 'Copy',
  clearAnnotations: 'Remove all',
  removeAnnotation: (name: string) => `Remove: ${name}`,
  annotationsFailed: 'What is drawn on the film could not be read or saved',
  drawn: 'Annotations',
  graphics: "The file's overlays and the boxes of its data set",
  layouts: { 1: 'One film', 2: 'Two films', 4: 'Four films' } as Record<Layout, string>,
  layout: 'Viewports',
  linked: 'Link window, zoom and place',
  slots: {
    current: 'this film',
    lateral: 'other view of this study',
    prior: 'prior',
    priorLateral: 'other view of the prior',
    next: 'same study',
    earlier: 'earlier prior',
  } satisfies Record<Slot, string>,
  nothingBeside: 'No other film of this patient.',
  nothingBesideHint: 'A lateral or a prior of the same patient hangs here.',
  windows: 'Window',
  byHand: 'By hand',
  preset: {
    full: 'Whole range',
    standard: 'Standard (0.5–99.5 %)',
    lung: 'Lung (1–65 %)',
    bone: 'Bone (40–99.9 %)',
    soft: 'Soft tissue (20–95 %)',
  } as Record<string, string>,
  fileWindow: (position: number, explanation: string) =>
    explanation ? `File: ${explanation}` : `File: window ${position}`,
  invert: 'Invert',
  rotate: 'Rotate 90° clockwise',
  rotateBack: 'Rotate 90° counterclockwise',
  flipH: 'Flip left and right',
  flipV: 'Flip top and bottom',
  fit: 'Fit',
  oneToOne: '1:1',
  reset: 'Reset the view',
  overlay: 'Text on the film',
  model: "The model's view",
  modelPicture: (width: number, height: number) => `What the model receives, ${width} by ${height} pixels`,
  modelCaption: (width: number, height: number, preprocessing: string) =>
    `As the model sees it · ${width} × ${height} · ${preprocessing}`,
  window: (center: number, width: number, kind: string) =>
    `C ${number(center)}  W ${number(width)}${kind === 'LINEAR' ? '' : `  ${kind.toLowerCase().replace('_', ' ')}`}`,
  lut: (explanation: string) => `VOI LUT${explanation ? `: ${explanation}` : ''}`,
  range: (low: number, high: number) => `${number(low)} to ${number(high)}`,
  zoom: (scale: number) => `${Math.round(scale * 100)} %`,
  inverted: 'inverted',
  flipped: 'flipped',
  frame: (at: number, all: number) => `frame ${at} of ${all}`,
  frameChoice: 'Frame',
  scaleBar: (millimetres: number, origin: string) =>
    `${millimetres >= 10 ? `${millimetres / 10} cm` : `${millimetres} mm`} ${origin}`,
  origins: {
    detector: 'at the detector',
    calibrated: 'calibrated',
    estimated: 'in the body, estimated',
    unknown: 'by pixel spacing, origin unknown',
  } satisfies Record<LengthOrigin, string>,
};
