/**
 * A film -> the 8-bit image that a model's processor gets, by a named preset. A film shown to a model in another way than
 * it was trained on makes the very shift that is to be measured, so the preset belongs to the checkpoint and to the key of
 * every prediction.
 *
 * - `mimic-cxr-jpg`: modality values from the smallest to the largest to 0 to 255 (rounded half up), inverted where
 *   MONOCHROME1 or Presentation LUT Shape INVERSE, then histogram-equalized: as the JPEGs of MIMIC-CXR-JPG were made (Johnson
 *   et al. 2019, "Image processing"; OpenCV's equalizeHist). A PNG or JPEG of 8 bits has been made already, by that or another
 *   way, and is taken as stored; deeper ones are treated as DICOM.
 * - `file-window`: as the viewer shows it first: the file's first window or VOI LUT, else smallest to largest value; inverted
 *   as above. As the PNGs of NIH ChestX-ray14 were made (Wang et al. 2017: "the default window settings").
 * - `percentile`: the modality values' 0.5th to 99.5th percentile (nearest rank) to 0 to 255, inverted as above.
 * - `as-stored`: 8-bit values as they are, deeper ones scaled by their bits; no modality transform, window or inversion. For
 *   PNG and JPEG that were prepared already.
 *
 * The default follows the source that a checkpoint was trained on (presetOfSource). The preset that was used in fact
 * (presetFor) is recorded with every prediction.
 */
import { WorkbenchError } from '../base/errors.ts';
import type { Film, Voi } from '../dicom/film.ts';
import { modalityFunction, renderGray } from '../dicom/voi.ts';
import type { Image8 } from './resize.ts';

export const PRESETS = ['mimic-cxr-jpg', 'file-window', 'percentile', 'as-stored'] as const;
export type Preset = (typeof PRESETS)[number];

/** Training sources and how their images were made. What is not known is treated as MIMIC-CXR-JPG, the paper's source. */
const SOURCES: [source: RegExp, preset: Preset][] = [
  [/mimic/i, 'mimic-cxr-jpg'],
  [/\bnih\b|chest-?x-?ray ?14|chestx-ray/i, 'file-window'],
  [/phantom/i, 'file-window'],
];

/** @param source as a checkpoint's card names it; empty: unknown */
export function presetOfSource(source: string): Preset {
  return SOURCES.find(([known]) => known.test(source))?.[1] ?? 'mimic-cxr-jpg';
}

/** The preset that is used in fact for this film where `preset` is asked for. */
export function presetFor({ kind, bitsStored }: Pick<Film, 'kind' | 'bitsStored'>, preset: string): string {
  return preset === 'mimic-cxr-jpg' && kind !== 'dicom' && bitsStored <= 8 ? 'as-stored' : preset;
}

/** @throws PRESET_UNKNOWN */
export function toModelImage(film: Film, preset: string): Image8 {
  const make = IMAGES[presetFor(film, preset) as Preset] as ((film: Film) => Uint8Array) | undefined;
  if (!make) {
    throw new WorkbenchError(
      'PRESET_UNKNOWN',
      `No preset is named "${preset}".`,
      { preset },
      `Use ${PRESETS.join(', ')}.`,
    );
  }
  const { columns: width, rows: height } = film;
  // Colour has no window: every preset takes it as it is.
  if (film.samplesPerPixel === 3) return { width, height, channels: 3, data: film.pixels as Uint8Array };
  return { width, height, channels: 1, data: make(film) };
}

const IMAGES: Record<Preset, (film: Film) => Uint8Array> = {
  'mimic-cxr-jpg': (film) => equalizeHistogram(renderGray(film, rangeOf(film))),
  'file-window': (film) => renderGray(film, film.voi[0]!),
  percentile: (film) => renderGray(film, percentileWindow(film)),
  'as-stored': (film) => renderGray({ ...film, modality: { kind: 'identity' }, inverse: false }, bitRange(film)),
};

function rangeOf({ minimum, maximum }: Film): Voi {
  return { kind: 'minmax', minimum, maximum };
}

function bitRange({ bitsStored }: Film): Voi {
  return { kind: 'minmax', minimum: 0, maximum: 2 ** bitsStored - 1 };
}

/** @param low, high shares of the pixels that lie below the window's ends */
export function percentileWindow(film: Film, low = 0.005, high = 0.995): Voi {
  const modality = modalityFunction(film.modality);
  const values = Float64Array.from(film.pixels, modality).sort();
  const at = (share: number) => values[Math.round(share * (values.length - 1))] ?? 0;
  return { kind: 'minmax', minimum: at(low), maximum: at(high) };
}

/** OpenCV's equalizeHist: the darkest gray that occurs becomes 0, the lightest 255. In place; returns the same array. */
export function equalizeHistogram(gray: Uint8Array): Uint8Array {
  const histogram = new Uint32Array(256);
  for (const level of gray) histogram[level]!++;
  const darkest = histogram.findIndex((count) => count > 0);
  const others = gray.length - (histogram[darkest] ?? 0);
  if (others === 0) return gray;
  const table = new Uint8Array(256);
  const scale = Math.fround(255 / others);
  let sum = 0;
  for (let level = darkest + 1; level < 256; level++) {
    sum += histogram[level]!;
    table[level] = roundHalfEven(Math.fround(sum * scale));
  }
  for (let i = 0; i < gray.length; i++) gray[i] = table[gray[i]!]!;
  return gray;
}

/** As OpenCV rounds. */
function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest < 0.5 || (rest === 0.5 && floor % 2 === 0) ? floor : floor + 1;
}
