/**
 * Millimetres on the film, and where they come from (PS3.3 10.7.1.1 and 10.7.1.3).
 * Left out: regions of ultrasound images (C.8.5.5), and Distance Source to Detector and to Patient, from which a magnification
 * could be computed that the file itself does not claim.
 */
import type { Attributes } from './attributes.ts';
import type { FilmSpacing, SpacingOrigin } from './film.ts';

/** Pixel Spacing of these is measured in the body. */
const TOMOGRAPHS = new Set(['CT', 'MR', 'PT', 'NM']);

/**
 * 10.7.1.3. Imager Pixel Spacing (and Nominal Scanned Pixel Spacing) is at the detector; divided by the Estimated Radiographic
 * Magnification Factor it is an estimate in the body. Pixel Spacing that differs from it has been corrected: Pixel Spacing
 * Calibration Type says how. Alone, in a projection image, it may be either (note 3).
 * @param places the data set, then the frame's functional groups.
 */
export function readSpacing(places: readonly Attributes[], warnings: string[] = []): FilmSpacing | null {
  const found = settleSpacing(places);
  const stated = places.some((place) => SPACING_TAGS.some((tag) => place.has(tag)));
  if (stated && (!found || found.origin === 'aspect')) {
    warnings.push('The pixel spacing of the file is unusable and was ignored: lengths are in pixels.');
  }
  return found;
}

/** Pixel Spacing, Imager Pixel Spacing, Nominal Scanned Pixel Spacing. */
const SPACING_TAGS = ['x00280030', 'x00181164', 'x00182010'];

function settleSpacing(places: readonly Attributes[]): FilmSpacing | null {
  const spacing = (tag: string) => firstOf(places, (place) => spacingOf(place, tag));
  const string = (tag: string) => firstOf(places, (place) => place.string(tag) || undefined)?.toUpperCase() ?? '';
  const pixel = spacing('x00280030');
  const imager = spacing('x00181164') ?? spacing('x00182010');
  const magnification = firstOf(places, magnificationOf);
  const estimate = imager && magnification ? divided(imager, magnification) : undefined;
  const calibrationType = string('x00280a02');
  if (pixel && (calibrationType !== '' || !imager || !isClose(pixel, imager, 1e-6))) {
    return { ...pixel, origin: originOfPixelSpacing(calibrationType, string('x00080060'), imager, pixel, estimate) };
  }
  if (estimate) return { ...estimate, origin: 'estimated' };
  if (imager) return { ...imager, origin: 'detector' };
  const [vertical, horizontal] = firstOf(places, aspectOf) ?? [];
  return vertical && horizontal ? { row: vertical / horizontal, column: 1, origin: 'aspect' } : null;
}

function originOfPixelSpacing(
  calibrationType: string,
  modality: string,
  imager: Spacing | undefined,
  pixel: Spacing,
  estimate: Spacing | undefined,
): SpacingOrigin {
  if (calibrationType === 'GEOMETRY') return 'estimated';
  if (calibrationType !== '' || TOMOGRAPHS.has(modality)) return 'calibrated';
  if (!imager) return 'unknown';
  return estimate && isClose(pixel, estimate, 0.01) ? 'estimated' : 'calibrated';
}

type Spacing = Pick<FilmSpacing, 'row' | 'column'>;

function firstOf<T>(places: readonly Attributes[], read: (place: Attributes) => T | undefined): T | undefined {
  for (const place of places) {
    const found = read(place);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Estimated Radiographic Magnification Factor; what cannot be one is left out. */
function magnificationOf(attributes: Attributes): number | undefined {
  const [factor] = attributes.decimals('x00181114');
  return factor !== undefined && factor >= 1 && factor < 10 ? factor : undefined;
}

/** Pixel Aspect Ratio: vertical, horizontal (C.7.6.3.1.7). */
function aspectOf(attributes: Attributes): number[] | undefined {
  const ratio = attributes.decimals('x00280034');
  return ratio.length === 2 && ratio.every((n) => n > 0 && Number.isFinite(n)) ? ratio : undefined;
}

function divided({ row, column }: Spacing, by: number): Spacing {
  return { row: row / by, column: column / by };
}

function isClose(a: Spacing, b: Spacing, tolerance: number): boolean {
  return Math.abs(a.row / b.row - 1) <= tolerance && Math.abs(a.column / b.column - 1) <= tolerance;
}

function spacingOf(attributes: Attributes, tag: string): Spacing | undefined {
  const [row, column] = attributes.decimals(tag);
  const usable = (n: number | undefined): n is number => n !== undefined && n > 0 && Number.isFinite(n);
  return usable(row) && usable(column) ? { row, column } : undefined;
}
