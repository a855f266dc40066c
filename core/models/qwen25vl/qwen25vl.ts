/** Qwen2.5-VL, as the rest of the program sees it. */
import { loadQwen2VlProcessor } from '../../preprocessing/qwen2VlProcessor.ts';
import { qwen2VlImageTokens } from '../../text/promptInput.ts';
import type { Architecture, Network } from '../network.ts';
import { parseQwen25VlConfig, type Qwen25VlConfig } from './config.ts';
import { imageInputs, languageInputs, positions, tokenGrid } from './inputs.ts';
import { canonicalName, languageLinears, peftModuleName, publishedName, tensorShapes } from './names.ts';
import { encodeImages, languageModel } from './network.ts';

export const QWEN25VL: Architecture = {
  className: 'Qwen2_5_VLForConditionalGeneration',
  modelType: 'qwen2_5_vl',
  open: (json, file) => qwen25VlNetwork(parseQwen25VlConfig(json, file)),
  loadProcessor: loadQwen2VlProcessor,
  imageTokens: qwen2VlImageTokens,
};

export function qwen25VlNetwork(config: Qwen25VlConfig): Network {
  const { channels, temporalPatchSize, patchSize, width, heads } = config.vision;
  const half = width / heads / 2;
  return {
    config,
    names: { canonical: canonicalName, published: publishedName, peft: peftModuleName },
    shapes: tensorShapes(config),
    linears: languageLinears(config),
    fixedImage: { size: 0, tokens: 0 },
    tokenGrid: (image) => tokenGrid(config, image),
    positions: (ids, grids) => positions(config, ids, grids),
    languageInputs: (input, cachedLength, featureRows) => languageInputs(config, input, cachedLength, featureRows),
    imagesAtOnce: 1,
    imageInputs: (images) => imageInputs(config, images),
    imageSignature: {
      patches: { kind: 'values', shape: ['P', channels * temporalPatchSize * patchSize ** 2] },
      cos: { kind: 'cos', shape: [1, 'P', half] },
      sin: { kind: 'sin', shape: [1, 'P', half] },
      slots: { kind: 'rows', shape: ['WL'] },
      places: { kind: 'rows', shape: ['P'] },
      windowCos: { kind: 'cos', shape: ['W', 'L', half] },
      windowSin: { kind: 'sin', shape: ['W', 'L', half] },
      windowBias: { kind: 'bias', shape: ['W', 1, 'L', 'L'] },
      order: { kind: 'rows', shape: ['N'] },
    },
    encodeImages: (ops, inputs, watch) => encodeImages(ops, config, inputs, watch),
    languageModel: (ops, inputs, watch) => languageModel(ops, config, inputs, watch),
  };
}
