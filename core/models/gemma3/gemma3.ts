/** Gemma 3 with images (MedGemma's architecture), as the rest of the program sees it. */
import { loadGemma3Processor } from '../../preprocessing/gemma3Processor.ts';
import { gemma3ImageTokens } from '../../text/promptInput.ts';
import type { Architecture, Network } from '../network.ts';
import { type Gemma3Config, parseGemma3Config } from './config.ts';
import { imageInputs, imagesAtOnce, languageInputs, positions, tokenGrid } from './inputs.ts';
import { canonicalName, languageLinears, peftModuleName, publishedName, tensorShapes } from './names.ts';
import { encodeImages, languageModel } from './network.ts';

export const GEMMA3: Architecture = {
  className: 'Gemma3ForConditionalGeneration',
  modelType: 'gemma3',
  open: (json, file) => gemma3Network(parseGemma3Config(json, file)),
  loadProcessor: loadGemma3Processor,
  imageTokens: gemma3ImageTokens,
};

export function gemma3Network(config: Gemma3Config): Network {
  const { imageSize, channels } = config.vision;
  return {
    config,
    names: { canonical: canonicalName, published: publishedName, peft: peftModuleName },
    shapes: tensorShapes(config),
    linears: languageLinears(config),
    fixedImage: { size: imageSize, tokens: config.imageTokens },
    tokenGrid: (image) => tokenGrid(config, image),
    positions,
    languageInputs: (input, cachedLength, featureRows) => languageInputs(config, input, cachedLength, featureRows),
    imagesAtOnce: imagesAtOnce(config),
    imageInputs: (images) => imageInputs(config, images),
    imageSignature: { pixels: { kind: 'values', shape: ['I', channels, imageSize, imageSize] } },
    encodeImages: (ops, inputs, watch) => encodeImages(ops, config, inputs['pixels']!, watch),
    languageModel: (ops, inputs, watch) => languageModel(ops, config, inputs, watch),
  };
}
