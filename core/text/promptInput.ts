/**
 * Messages with images -> the tokens that the network gets: the chat template is rendered, each image's placeholder is
 * expanded to its run of soft tokens, and the whole is tokenized. Source: transformers' Gemma3Processor (and
 * Qwen2_5_VLProcessor, which differs only in the run); token_type_ids are 1 on soft tokens.
 */
import { WorkbenchError } from '../base/errors.ts';
import type { ChatTemplate, RenderOptions } from './chatTemplate.ts';
import type { Tokenizer } from './tokenizer.ts';
import type { Message } from './types.ts';

/** How one image stands in a prompt. */
export interface ImageTokens {
  /** What the chat template writes for an image. */
  placeholder: string;
  before: string;
  soft: string;
  after: string;
}

export interface PromptInput {
  /** The rendered template, placeholders not yet expanded. */
  rendered: string;
  inputIds: number[];
  /** 1 on image soft tokens, else 0. */
  tokenTypeIds: number[];
  images: number;
}

/** `\n\n<start_of_image><image_soft_token>...<end_of_image>\n\n`. */
export function gemma3ImageTokens(tokenizer: Tokenizer): ImageTokens {
  const begin = tokenizer.specialTokens['boi_token'] ?? '<start_of_image>';
  const soft = tokenizer.specialTokens['image_token'] ?? '<image_soft_token>';
  const end = tokenizer.specialTokens['eoi_token'] ?? '<end_of_image>';
  return { placeholder: begin, before: `\n\n${begin}`, soft, after: `${end}\n\n` };
}

/** `<|image_pad|>...`; the chat template writes vision_start and vision_end itself. */
export function qwen2VlImageTokens(tokenizer: Tokenizer): ImageTokens {
  const soft = tokenizer.specialTokens['image_token'] ?? '<|image_pad|>';
  return { placeholder: soft, before: '', soft, after: '' };
}

/**
 * @param softTokens how many soft tokens each image gets, in the order of the images; its length is the number of images
 * @throws PROMPT_IMAGES_DIFFER where the rendered prompt has more or fewer placeholders than there are images
 */
export function promptInput(
  messages: readonly Message[],
  softTokens: readonly number[],
  model: { tokenizer: Tokenizer; template: ChatTemplate; imageTokens: ImageTokens },
  options?: RenderOptions,
): PromptInput {
  const { tokenizer, template, imageTokens } = model;
  const rendered = template.render(messages, options);
  const inputIds = tokenizer.encode(expandImages(rendered, softTokens, imageTokens));
  const softId = tokenizer.idOf(imageTokens.soft);
  const tokenTypeIds = inputIds.map((id) => (id === softId ? 1 : 0));
  return { rendered, inputIds, tokenTypeIds, images: softTokens.length };
}

function expandImages(rendered: string, softTokens: readonly number[], tokens: ImageTokens): string {
  const parts = rendered.split(tokens.placeholder);
  if (parts.length - 1 !== softTokens.length) {
    throw new WorkbenchError(
      'PROMPT_IMAGES_DIFFER',
      'The prompt has another number of image places than there are images.',
      { places: parts.length - 1, images: softTokens.length },
      `Text may not contain ${tokens.placeholder}; each image needs one content part of type "image".`,
    );
  }
  return parts.reduce((text, part, i) => {
    const run = tokens.soft.repeat(softTokens[i - 1]!);
    return `${text}${tokens.before}${run}${tokens.after}${part}`;
  });
}

/** One user's turn: an image, then the instruction, as the paper's prompts are put. */
export function imageQuestion(text: string): Message[] {
  return [{ role: 'user', content: [{ type: 'image' }, { type: 'text', text }] }];
}
