/** Films for the page tests: a soft chest shape, and ramps on which every gray value can be checked. */
import type { Film, FilmTags, Voi } from '../../../core/dicom/film.ts';

const NO_TAGS: FilmTags = {
  patientName: '',
  patientId: '',
  patientSex: '',
  patientAge: '',
  patientBirthDate: '',
  studyDate: '',
  studyTime: '',
  studyDescription: '',
  seriesDescription: '',
  seriesNumber: '1',
  instanceNumber: '1',
  modality: 'DX',
  bodyPart: 'CHEST',
  viewPosition: 'PA',
  laterality: '',
  patientOrientation: '',
  presentationIntent: 'FOR PRESENTATION',
  manufacturer: '',
  institution: '',
  studyInstanceUid: '',
  seriesInstanceUid: '',
  sopInstanceUid: '',
  sopClassUid: '',
  accessionNumber: '',
};

export function filmOf(size: number, pixels: Uint16Array | Int16Array, voi: Voi[], rest: Partial<Film> = {}): Film {
  let minimum = Number.POSITIVE_INFINITY;
  let maximum = Number.NEGATIVE_INFINITY;
  for (const value of pixels) {
    minimum = Math.min(minimum, value);
    maximum = Math.max(maximum, value);
  }
  return {
    path: '/films/film.dcm',
    kind: 'dicom',
    frame: 0,
    frames: 1,
    rows: size,
    columns: size,
    samplesPerPixel: 1,
    pixels,
    bitsStored: 12,
    photometricInterpretation: 'MONOCHROME2',
    transferSyntax: '1.2.840.10008.1.2.1',
    modality: { kind: 'identity' },
    voi,
    minimum,
    maximum,
    inverse: false,
    padding: null,
    spacing: null,
    sha256: `${size}-${minimum}-${maximum}-${JSON.stringify(voi).length}-${rest.inverse ?? ''}`,
    warnings: [],
    ...rest,
    tags: { ...NO_TAGS, ...rest.tags },
  };
}

/** Stored values rise evenly from `first` in steps of `step`, row by row. */
export function ramp(size: number, first: number, step: number): Int16Array {
  return Int16Array.from({ length: size * size }, (_, i) => first + Math.floor(i * step));
}

/** A chest, roughly: two dark lungs, a heart, ribs, noise; 12 bits. */
export function chest(size: number, seed: number): Film {
  const pixels = new Uint16Array(size * size);
  let noise = seed * 7919 + 1;
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      noise = (Math.imul(noise, 1664525) + 1013904223) >>> 0;
      const gray = chestGray(column / size, row / size, seed) + (noise / 2 ** 32 - 0.5) * 0.03;
      pixels[row * size + column] = Math.round(Math.min(1, Math.max(0, gray)) * 4095);
    }
  }
  const window: Voi = { kind: 'window', center: 2048, width: 3600, function: 'LINEAR', explanation: 'NORMAL' };
  return filmOf(size, pixels, [window, { ...window, center: 1500, width: 2000, explanation: 'LUNG' }], {
    spacing: { row: 0.4, column: 0.4, origin: 'detector' },
    sha256: `chest-${seed}`,
    tags: {
      ...NO_TAGS,
      patientName: 'Phantom^Paula',
      patientId: `P-${1000 + seed}`,
      patientSex: seed % 2 ? 'F' : 'M',
      patientAge: '061Y',
      studyDate: '20260114',
      studyTime: '093000',
      studyDescription: 'Chest PA',
      institution: 'Institution B',
      patientOrientation: 'L\\F',
    },
  });
}

function chestGray(x: number, y: number, seed: number): number {
  const blob = (cx: number, cy: number, rx: number, ry: number) =>
    Math.exp(-((((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2) ** 2));
  const body = blob(0.5, 0.6, 0.46, 0.62) * 0.75;
  const lungs = (blob(0.3, 0.47, 0.15, 0.29) + blob(0.7, 0.47, 0.15, 0.29)) * 0.5;
  const heart = blob(0.56, 0.63, 0.13 + 0.01 * (seed % 4), 0.15) * 0.28;
  const spine = Math.exp(-(((x - 0.5) / 0.05) ** 2)) * 0.12;
  const ribs = 0.05 * Math.max(0, Math.sin((y * 1.1 - 0.35 * Math.abs(x - 0.5)) * 70)) * lungs * 2;
  return 0.06 + body - lungs + heart + spine + ribs;
}
