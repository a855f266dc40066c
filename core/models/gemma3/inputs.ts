/**
 * What Gemma 3 needs besides weights. As transformers makes them (Gemma3RotaryEmbedding, create_masks_for_vision_model):
 * tokens of one image see each other, sliding layers have their own rotary base.
 */
import { WorkbenchError } from '../../base/errors.ts';
import type { PixelValues } from '../../preprocessing/imageProcessor.ts';
import type { Rope } from '../config.ts';
import {
  type Angles,
  type HostInputs,
  hostInputs,
  type PositionedInput,
  rotaryAngles,
  rotaryFrequencies,
} from '../hostInputs.ts';
import type { HostTensor, TokenPositions } from '../network.ts';
import type { TokenGrid } from '../runner.ts';
import { type Gemma3Config, imageSides } from './config.ts';

export function languageInputs(
  config: Gemma3Config,
  input: PositionedInput,
  cachedLength: number,
  featureRows: number,
): HostInputs {
  const { rope, headWidth, slidingWindow } = config.text;
  const rules = {
    axes: 1,
    angles: {
      full_attention: (positions: Int32Array) => angles(rope.full_attention, headWidth, positions),
      sliding_attention: (positions: Int32Array) => angles(rope.sliding_attention, headWidth, positions),
    },
    slidingWindow,
    imageBlocks: true,
  };
  return hostInputs(config, rules, input, cachedLength, featureRows);
}

function angles(rope: Rope, headWidth: number, positions: Int32Array): Angles {
  const frequencies = rotaryFrequencies(rope.theta, headWidth).map((frequency) => frequency / rope.factor);
  return rotaryAngles(positions.length, frequencies, (place) => positions[place]!);
}

/** Tokens count one after the other, those of images too. */
export function positions(ids: readonly number[]): TokenPositions {
  return { axes: [Int32Array.from(ids, (_, position) => position)], next: ids.length };
}

export function tokenGrid(config: Gemma3Config, { data, width, height }: PixelValues): TokenGrid {
  const { imageSize, channels } = config.vision;
  if (width !== imageSize || height !== imageSize || data.length !== channels * imageSize * imageSize)
    throw new WorkbenchError('PIXEL_VALUES', 'The pixel values do not have the shape that the model needs.', {
      expected: [channels, imageSize, imageSize],
      actual: [data.length / (width * height), height, width],
    });
  const { tokens } = imageSides(config);
  return [tokens, tokens];
}

/** `pixels` `[I,3,size,size]`. */
export function imageInputs(config: Gemma3Config, images: readonly PixelValues[]): Record<string, HostTensor> {
  const { imageSize, channels } = config.vision;
  const size = channels * imageSize * imageSize;
  const data = new Float32Array(images.length * size);
  images.forEach((image, i) => {
    data.set(image.data, i * size);
  });
  return { pixels: { kind: 'values', data, shape: [images.length, channels, imageSize, imageSize] } };
}

const MAX_ACTIVATION_BYTES = 2 ** 29;

/** So many that the largest activation of the image encoder stays small: 7 of MedGemma's. */
export function imagesAtOnce({ vision }: Gemma3Config): number {
  const patches = (vision.imageSize / vision.patchSize) ** 2;
  return Math.max(1, Math.floor(MAX_ACTIVATION_BYTES / (patches * vision.innerWidth * 4)));
}
