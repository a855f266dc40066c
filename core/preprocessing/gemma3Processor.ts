/**
 * An 8-bit image -> the pixel values that Gemma3's vision encoder gets. Source: transformers' Gemma3ImageProcessor with
 * its torchvision backend: RGB, resized to the model's size without keeping the aspect, times 1/255, (x - mean) / std.
 * Left out: pan and scan (off in every published Gemma3 and MedGemma processor).
 */
import { WorkbenchError } from '../base/errors.ts';
import {
  type ImageProcessor,
  type Normalization,
  normalizationOf,
  normalizedLevels,
  type PixelValues,
  RESAMPLING,
  readProcessorJson,
} from './imageProcessor.ts';
import { type Image8, type Interpolation, resize } from './resize.ts';

export interface Gemma3ProcessorSettings extends Normalization {
  width: number;
  height: number;
  interpolation: Interpolation;
}

interface ProcessorJson {
  size?: { width?: number; height?: number };
  resample?: number;
  rescale_factor?: number;
  image_mean?: number[];
  image_std?: number[];
  do_pan_and_scan?: boolean | null;
}

/** @throws PROCESSOR_CONFIG_MISSING, PROCESSOR_CONFIG_UNUSABLE */
export async function loadGemma3Processor(folder: string): Promise<Gemma3Processor> {
  const { json, file } = await readProcessorJson<ProcessorJson>(folder);
  return new Gemma3Processor(checked(json, file));
}

function checked(json: ProcessorJson, file: string): Gemma3ProcessorSettings {
  const { width, height } = json.size ?? {};
  const interpolation = RESAMPLING[json.resample ?? 2];
  const half = [0.5, 0.5, 0.5];
  const normalization = normalizationOf(json, half, half);
  const usable = isSize(width) && isSize(height) && normalization !== null;
  if (!usable || interpolation === undefined || json.do_pan_and_scan) {
    throw new WorkbenchError('PROCESSOR_CONFIG_UNUSABLE', 'The image processor’s settings are not supported.', {
      file,
      size: [width ?? null, height ?? null],
      resample: json.resample ?? null,
      panAndScan: json.do_pan_and_scan ?? false,
    });
  }
  return { width, height, interpolation, ...normalization };
}

function isSize(n: number | undefined): n is number {
  return n !== undefined && Number.isInteger(n) && n > 0 && n <= 4096;
}

export class Gemma3Processor implements ImageProcessor {
  constructor(readonly settings: Gemma3ProcessorSettings) {}

  resized(image: Image8): Image8 {
    const { width, height, interpolation } = this.settings;
    return resize(image, width, height, interpolation);
  }

  /** `[3, height, width]`, normalized. Gray is repeated. */
  pixelValues(image: Image8): PixelValues {
    const { width, height, channels, data } = this.resized(image);
    const plane = width * height;
    const result = new Float32Array(3 * plane);
    for (const [c, level] of normalizedLevels(this.settings).entries()) {
      const source = channels === 1 ? 0 : c;
      for (let i = 0; i < plane; i++) result[c * plane + i] = level[data[i * channels + source]!]!;
    }
    return { data: result, width, height };
  }
}
