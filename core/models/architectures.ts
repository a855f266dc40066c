/** The architectures that are known here, and the one of a model folder. */
import { join } from 'node:path';
import { WorkbenchError } from '../base/errors.ts';
import { readJson } from '../platform/files.ts';
import type { ImageProcessor } from '../preprocessing/imageProcessor.ts';
import { ChatTemplate } from '../text/chatTemplate.ts';
import type { ImageTokens } from '../text/promptInput.ts';
import { Tokenizer } from '../text/tokenizer.ts';
import { GEMMA3 } from './gemma3/gemma3.ts';
import type { Architecture } from './network.ts';
import { QWEN25VL } from './qwen25vl/qwen25vl.ts';

export const ARCHITECTURES: readonly Architecture[] = [GEMMA3, QWEN25VL];

/**
 * By `architectures`, else by `model_type`; where config.json says neither, the first, whose configuration says what is wrong.
 * @throws MODEL_ARCHITECTURE
 */
export function architectureOf(json: unknown, file: string): Architecture {
  const { architectures, model_type: modelType } = (json ?? {}) as Record<string, unknown>;
  const className = Array.isArray(architectures) ? architectures[0] : architectures;
  if (className === undefined && modelType === undefined) return ARCHITECTURES[0]!;
  const found = ARCHITECTURES.find((one) =>
    className === undefined ? one.modelType === modelType : one.className === className,
  );
  if (found) return found;
  throw new WorkbenchError(
    'MODEL_ARCHITECTURE',
    'This model has an architecture that is not known here.',
    { file, architecture: String(className ?? modelType), known: ARCHITECTURES.map((one) => one.className) },
    'Use a Gemma 3 or Qwen2.5-VL checkpoint, such as MedGemma 4B, or reach the model through a server.',
  );
}

/** How a model reads text. */
export interface PromptModel {
  tokenizer: Tokenizer;
  template: ChatTemplate;
  imageTokens: ImageTokens;
}

/** How a model folder reads films. */
export async function loadProcessor(dir: string): Promise<ImageProcessor> {
  return (await architectureIn(dir)).loadProcessor(dir);
}

/** How a model folder reads text. @throws TOKENIZER_UNFIT where the tokenizer is not that of the model */
export async function loadPromptModel(dir: string): Promise<PromptModel> {
  const tokenizer = await Tokenizer.load(dir);
  const template = await ChatTemplate.load(dir, tokenizer);
  const file = join(dir, 'config.json');
  const json = await readJson(file);
  const architecture = architectureOf(json, file);
  const imageTokens = architecture.imageTokens(tokenizer);
  const { config } = architecture.open(json, file);
  checkImageToken(tokenizer, imageTokens.soft, config.imageTokenId, join(dir, 'tokenizer.json'));
  return { tokenizer, template, imageTokens };
}

/** Without its image token a prompt's images would be read as text. */
function checkImageToken(tokenizer: Tokenizer, token: string, expected: number, file: string): void {
  const ids = tokenizer.encode(token);
  if (ids.length === 1 && ids[0] === expected) return;
  throw new WorkbenchError(
    'TOKENIZER_UNFIT',
    `The tokenizer does not have the image token ${token} that the model's configuration names.`,
    { file, token, expected, actual: ids.slice(0, 16) },
    'Copy tokenizer.json and tokenizer_config.json from the page of this very model.',
  );
}

async function architectureIn(dir: string): Promise<Architecture> {
  const file = join(dir, 'config.json');
  return architectureOf(await readJson(file), file);
}
