/**
 * An 8-bit image -> the pixel values that Gemma3's vision encoder gets. Source: transformers' Gemma3ImageProcessor with
 * its torchvision backend: RGB, resized to the model's size without keeping the aspect, times 1/255, (x - mean) / std.
 * Left out: pan and scan (off in every published Gemma3 and MedGemma processor).
 */
import { join } from 'node:path';
import { WorkbenchError } from '../base/errors.ts';
import { readJsonIfThere } from '../platform/files.ts';
import { type Image8, type Interpolation, resize } from './resize.ts';

export interface ProcessorConfig {
  width: number;
  height: number;
  interpolation: Interpolation;
  rescaleFactor: number;
  mean: readonly number[];
  std: readonly number[];
}

interface ProcessorJson {
  size?: { width?: number; height?: number };
  resample?: number;
  rescale_factor?: number;
  image_mean?: number[];
  image_std?: number[];
  do_pan_and_scan?: boolean | null;
}

/** PIL.Image.Resampling. */
const RESAMPLING: Record<number, Interpolation> = { 2: 'bilinear', 3: 'bicubic' };

/**
 * Reads processor_config.json's `image_processor` (as transformers 5 writes it), else preprocessor_config.json.
 * @throws PROCESSOR_CONFIG_MISSING, PROCESSOR_CONFIG_UNUSABLE
 */
export async function loadGemma3Processor(folder: string): Promise<ProcessorConfig> {
  const newer = await readJsonIfThere<{ image_processor?: ProcessorJson }>(join(folder, 'processor_config.json'));
  const file = join(folder, newer?.image_processor ? 'processor_config.json' : 'preprocessor_config.json');
  const json = newer?.image_processor ?? (await readJsonIfThere<ProcessorJson>(file));
  if (json === undefined) {
    throw new WorkbenchError(
      'PROCESSOR_CONFIG_MISSING',
      'This model folder does not say how an image is prepared.',
      { file },
      'Copy preprocessor_config.json from the model’s page.',
    );
  }
  return checked(json, file);
}

function checked(json: ProcessorJson, file: string): ProcessorConfig {
  const { width, height } = json.size ?? {};
  const interpolation = RESAMPLING[json.resample ?? 2];
  const mean = json.image_mean ?? [0.5, 0.5, 0.5];
  const std = json.image_std ?? [0.5, 0.5, 0.5];
  const usable = isSize(width) && isSize(height) && mean.length === 3 && std.length === 3 && std.every((s) => s > 0);
  if (!usable || interpolation === undefined || json.do_pan_and_scan) {
    throw new WorkbenchError('PROCESSOR_CONFIG_UNUSABLE', 'The image processor’s settings are not supported.', {
      file,
      size: [width ?? null, height ?? null],
      resample: json.resample ?? null,
      panAndScan: json.do_pan_and_scan ?? false,
    });
  }
  return { width, height, interpolation, rescaleFactor: json.rescale_factor ?? 1 / 255, mean, std };
}

function isSize(n: number | undefined): n is number {
  return n !== undefined && Number.isInteger(n) && n > 0 && n <= 4096;
}

/** `[3, height, width]`, normalized. Gray is repeated. */
export function pixelValues(image: Image8, config: ProcessorConfig): Float32Array {
  const { width, height, channels, data } = resize(image, config.width, config.height, config.interpolation);
  const plane = width * height;
  const result = new Float32Array(3 * plane);
  for (let c = 0; c < 3; c++) {
    const level = normalizedLevels(config, c);
    const source = channels === 1 ? 0 : c;
    for (let i = 0; i < plane; i++) result[c * plane + i] = level[data[i * channels + source]!]!;
  }
  return result;
}

/** What each of the 256 gray levels becomes in channel c. */
function normalizedLevels({ rescaleFactor, mean, std }: ProcessorConfig, c: number): Float32Array {
  return Float32Array.from({ length: 256 }, (_, level) => (level * rescaleFactor - mean[c]!) / std[c]!);
}
