/**
 * An 8-bit image -> the patches that Qwen2.5-VL's vision encoder gets. Source: transformers' Qwen2VLImageProcessor with
 * its torchvision backend: RGB, resized (bicubic) to sides that are multiples of patch x merge, keeping the aspect about
 * and the area within min_pixels and max_pixels, times 1/255, (x - mean) / std. A still image is repeated over time.
 */
import { WorkbenchError } from '../base/errors.ts';
import {
  type ImageProcessor,
  type ImageTokenBounds,
  type Normalization,
  normalizationOf,
  normalizedLevels,
  type PixelValues,
  RESAMPLING,
  readProcessorJson,
} from './imageProcessor.ts';
import { type Image8, type Interpolation, resize } from './resize.ts';

export interface Qwen2VlProcessorSettings extends Normalization {
  patchSize: number;
  /** Frames in a patch. */
  temporalPatchSize: number;
  /** Patches on a side of one image token. */
  mergeSize: number;
  minPixels: number;
  maxPixels: number;
  interpolation: Interpolation;
}

interface ProcessorJson {
  patch_size?: number;
  temporal_patch_size?: number;
  merge_size?: number;
  min_pixels?: number | null;
  max_pixels?: number | null;
  size?: { shortest_edge?: number; longest_edge?: number } | null;
  resample?: number;
  rescale_factor?: number;
  image_mean?: number[];
  image_std?: number[];
}

/** OPENAI_CLIP_MEAN and OPENAI_CLIP_STD. */
const CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073];
const CLIP_STD = [0.26862954, 0.26130258, 0.27577711];
const MAX_ASPECT = 200;

/** @throws PROCESSOR_CONFIG_MISSING, PROCESSOR_CONFIG_UNUSABLE */
export async function loadQwen2VlProcessor(folder: string): Promise<Qwen2VlProcessor> {
  const { json, file } = await readProcessorJson<ProcessorJson>(folder);
  return new Qwen2VlProcessor(checked(json, file));
}

/** Both spellings of the limits are in use; where both are there, transformers takes min_pixels and max_pixels. */
function checked(json: ProcessorJson, file: string): Qwen2VlProcessorSettings {
  const minPixels = json.min_pixels ?? json.size?.shortest_edge ?? 56 * 56;
  const maxPixels = json.max_pixels ?? json.size?.longest_edge ?? 28 * 28 * 1280;
  const patchSize = json.patch_size ?? 14;
  const temporalPatchSize = json.temporal_patch_size ?? 2;
  const mergeSize = json.merge_size ?? 2;
  const interpolation = RESAMPLING[json.resample ?? 3];
  const normalization = normalizationOf(json, CLIP_MEAN, CLIP_STD);
  const sizes = [minPixels, maxPixels, patchSize, temporalPatchSize, mergeSize];
  const usable = sizes.every((n) => Number.isInteger(n) && n > 0 && n < 2 ** 31) && minPixels <= maxPixels;
  if (!usable || patchSize * mergeSize > 4096 || temporalPatchSize > 64 || !interpolation || !normalization) {
    throw new WorkbenchError('PROCESSOR_CONFIG_UNUSABLE', 'The image processor’s settings are not supported.', {
      file,
      sizes,
      resample: json.resample ?? null,
    });
  }
  return { patchSize, temporalPatchSize, mergeSize, minPixels, maxPixels, interpolation, ...normalization };
}

/**
 * Sides that are multiples of `factor`, of about the same aspect, with an area within the limits: `smart_resize` of
 * transformers. Python rounds halves to even. @throws IMAGE_ASPECT for a strip that is longer than 200 times its width
 */
export function smartResize(
  height: number,
  width: number,
  factor: number,
  minPixels: number,
  maxPixels: number,
): [height: number, width: number] {
  if (Math.max(height, width) / Math.min(height, width) > MAX_ASPECT)
    throw new WorkbenchError('IMAGE_ASPECT', `This image is more than ${MAX_ASPECT} times as long as it is wide.`, {
      width,
      height,
    });
  const rows = roundHalfEven(height / factor) * factor;
  const columns = roundHalfEven(width / factor) * factor;
  if (rows * columns > maxPixels) {
    const beta = Math.sqrt((height * width) / maxPixels);
    const shrunk = (side: number) => Math.max(factor, Math.floor(side / beta / factor) * factor);
    return [shrunk(height), shrunk(width)];
  }
  if (rows * columns < minPixels) {
    const beta = Math.sqrt(minPixels / (height * width));
    const grown = (side: number) => Math.ceil((side * beta) / factor) * factor;
    return [grown(height), grown(width)];
  }
  return [rows, columns];
}

function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest < 0.5 || (rest === 0.5 && floor % 2 === 0) ? floor : floor + 1;
}

export class Qwen2VlProcessor implements ImageProcessor {
  constructor(readonly settings: Qwen2VlProcessorSettings) {}

  get imageTokens(): ImageTokenBounds {
    const { patchSize, mergeSize, minPixels, maxPixels } = this.settings;
    const pixelsPerToken = (patchSize * mergeSize) ** 2;
    return {
      least: Math.ceil(minPixels / pixelsPerToken),
      most: Math.floor(maxPixels / pixelsPerToken),
      pixelsPerToken,
    };
  }

  resized(image: Image8): Image8 {
    const { patchSize, mergeSize, minPixels, maxPixels, interpolation } = this.settings;
    const [height, width] = smartResize(image.height, image.width, patchSize * mergeSize, minPixels, maxPixels);
    return resize(image, width, height, interpolation);
  }

  /**
   * `[patches, 3 * temporal * patch * patch]`: squares of merge x merge patches one after the other, in rows; within a
   * patch by channel, time, row, column.
   */
  pixelValues(image: Image8): PixelValues {
    const { patchSize, temporalPatchSize, mergeSize } = this.settings;
    const { width, height, channels, data } = this.resized(image);
    const levels = normalizedLevels(this.settings);
    const area = patchSize * patchSize;
    const result = new Float32Array(width * height * 3 * temporalPatchSize);
    const square = patchSize * mergeSize;
    let at = 0;
    for (const { x, y } of corners(width, height, square))
      for (const inner of corners(square, square, patchSize))
        for (let c = 0; c < 3; c++) {
          const source = channels === 1 ? 0 : c;
          for (let row = 0; row < patchSize; row++)
            for (let column = 0; column < patchSize; column++) {
              const pixel = (y + inner.y + row) * width + x + inner.x + column;
              result[at + row * patchSize + column] = levels[c]![data[pixel * channels + source]!]!;
            }
          for (let t = 1; t < temporalPatchSize; t++) result.copyWithin(at + t * area, at, at + area);
          at += temporalPatchSize * area;
        }
    return { data: result, width, height };
  }
}

/** The upper left corners of squares, row after row. */
function* corners(width: number, height: number, side: number) {
  for (let y = 0; y < height; y += side) for (let x = 0; x < width; x += side) yield { x, y };
}
