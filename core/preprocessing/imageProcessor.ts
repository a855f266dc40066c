/** What every model's image processor does: an 8-bit image becomes the numbers that the vision encoder gets. */
import { join } from 'node:path';
import { WorkbenchError } from '../base/errors.ts';
import { readJsonIfThere } from '../platform/files.ts';
import type { Image8, Interpolation } from './resize.ts';

/** Pixel values of one image, in the order that the model's encoder wants. */
export interface PixelValues {
  data: Float32Array;
  /** Of the image after resizing. */
  width: number;
  height: number;
}

export interface ImageProcessor {
  /** The image as the encoder gets it, before normalization. */
  resized(image: Image8): Image8;
  pixelValues(image: Image8): PixelValues;
  /** Absent: every image gets the same number. */
  imageTokens?: ImageTokenBounds;
}

/** How many tokens stand for an image. */
export interface ImageTokenBounds {
  least: number;
  most: number;
  /** Pixels that one token stands for; 0: every image gets the same number. */
  pixelsPerToken: number;
}

/** PIL.Image.Resampling. */
export const RESAMPLING: Record<number, Interpolation> = { 2: 'bilinear', 3: 'bicubic' };

/**
 * The settings of a model folder: processor_config.json's `image_processor` (as transformers 5 writes it), else
 * preprocessor_config.json. @throws PROCESSOR_CONFIG_MISSING
 */
export async function readProcessorJson<T extends object>(folder: string): Promise<{ json: T; file: string }> {
  const newer = await readJsonIfThere<{ image_processor?: T }>(join(folder, 'processor_config.json'));
  const file = join(folder, newer?.image_processor ? 'processor_config.json' : 'preprocessor_config.json');
  const json = newer?.image_processor ?? (await readJsonIfThere<T>(file));
  if (json !== undefined && json !== null && typeof json === 'object') return { json, file };
  throw new WorkbenchError(
    'PROCESSOR_CONFIG_MISSING',
    'This model folder does not say how an image is prepared.',
    { file },
    'Copy preprocessor_config.json from the model’s page.',
  );
}

export interface Normalization {
  rescaleFactor: number;
  mean: readonly number[];
  std: readonly number[];
}

/** What each of the 256 gray levels becomes, by channel. */
export function normalizedLevels({ rescaleFactor, mean, std }: Normalization): Float32Array[] {
  return [0, 1, 2].map((c) =>
    Float32Array.from({ length: 256 }, (_, level) => (level * rescaleFactor - mean[c]!) / std[c]!),
  );
}

/** null where a value cannot be used. */
export function normalizationOf(
  json: {
    rescale_factor?: number;
    image_mean?: number[];
    image_std?: number[];
  },
  absentMean: readonly number[],
  absentStd: readonly number[],
): Normalization | null {
  const { rescale_factor: rescaleFactor = 1 / 255, image_mean: mean = absentMean, image_std: std = absentStd } = json;
  const isTriple = (list: unknown) => Array.isArray(list) && list.length === 3 && list.every(Number.isFinite);
  const usable = Number.isFinite(rescaleFactor) && isTriple(mean) && isTriple(std) && std.every((s) => s > 0);
  return usable ? { rescaleFactor, mean, std } : null;
}
