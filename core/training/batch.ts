/**
 * Questions with answers as token sequences, and sequences as one padded batch. The supervised tokens are those of the
 * answer and the end-of-turn token that closes it; what the template writes after that is read, but not supervised.
 */
import { WorkbenchError } from '../base/errors.ts';
import type { ModelInfo } from '../models/runner.ts';
import type { TrainingInput } from '../models/trainable.ts';
import type { ChatTemplate } from '../text/chatTemplate.ts';
import { type ImageTokens, imageQuestion, promptInput } from '../text/promptInput.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import type { Message } from '../text/types.ts';

/** How a model reads text. */
export interface PromptModel {
  tokenizer: Tokenizer;
  template: ChatTemplate;
  imageTokens: ImageTokens;
}

export interface TrainingSequence {
  /** Prompt, answer, and what the template writes after it. */
  ids: readonly number[];
  promptLength: number;
  /** Supervised tokens, from `promptLength` on. */
  targetLength: number;
}

/** A question about one image with its answer. @throws TRAINING_TEMPLATE where the answer changes the prompt's tokens */
export function answerSequence(
  promptText: string,
  answer: string,
  model: PromptModel,
  info: ModelInfo,
): TrainingSequence {
  return conversationSequence(imageQuestion(promptText), 1, answer, model, info);
}

export function conversationSequence(
  messages: readonly Message[],
  images: number,
  answer: string,
  model: PromptModel,
  info: ModelInfo,
): TrainingSequence {
  const softTokens = new Array<number>(images).fill(info.imageTokens);
  const prompt = promptInput(messages, softTokens, model).inputIds;
  const whole: Message[] = [...messages, { role: 'assistant', content: [{ type: 'text', text: answer }] }];
  const ids = promptInput(whole, softTokens, model, { addGenerationPrompt: false }).inputIds;
  const end = ids.findIndex((id, position) => position >= prompt.length && info.endTokenIds.includes(id));
  if (end < 0 || prompt.some((id, position) => ids[position] !== id)) {
    throw new WorkbenchError(
      'TRAINING_TEMPLATE',
      'With this chat template, an answer does not follow its prompt token by token, or has no end token.',
      { promptTokens: prompt.length, endFound: end >= 0, endTokens: [...info.endTokenIds] },
    );
  }
  return { ids, promptLength: prompt.length, targetLength: end + 1 - prompt.length };
}

/** Prompt and completion tokens as they were generated. */
export function completionSequence(promptIds: readonly number[], completionIds: readonly number[]): TrainingSequence {
  return {
    ids: [...promptIds, ...completionIds],
    promptLength: promptIds.length,
    targetLength: completionIds.length,
  };
}

export interface TrainingBatch {
  /** Without image features: they are given besides, rows of image k from k * imageTokens on. */
  input: TrainingInput;
  /** `[N]`: supervised tokens, sequence after sequence; `input.logitsAt` names the positions before them. */
  targets: Int32Array;
  /** Supervised tokens of each sequence. */
  lengths: number[];
}

/**
 * Padded on the right to the longest sequence. `imageOf[i]` is the image of sequence i among the features' images (-1:
 * none); sequences may share one. @throws TRAINING_IMAGE_TOKENS where a sequence has not one image's tokens
 */
export function trainingBatch(
  sequences: readonly TrainingSequence[],
  imageOf: readonly number[],
  info: Pick<ModelInfo, 'imageTokenId' | 'imageTokens' | 'padTokenId'>,
): TrainingBatch {
  const length = Math.max(...sequences.map(({ ids }) => ids.length));
  const size = sequences.length * length;
  const inputIds = new Int32Array(size).fill(info.padTokenId);
  const attentionMask = new Uint8Array(size);
  const positionIds = new Int32Array(size);
  const imageIndex = new Int32Array(size).fill(-1);
  const logitsAt: number[] = [];
  const targets: number[] = [];
  sequences.forEach(({ ids, promptLength, targetLength }, row) => {
    const start = row * length;
    let feature = imageOf[row]! * info.imageTokens;
    ids.forEach((id, position) => {
      inputIds[start + position] = id;
      attentionMask[start + position] = 1;
      positionIds[start + position] = position;
      // One that was sampled into a completion stands for no image.
      if (id === info.imageTokenId && position < promptLength) imageIndex[start + position] = feature++;
    });
    checkImageTokens(feature - imageOf[row]! * info.imageTokens, imageOf[row]! < 0 ? 0 : info.imageTokens);
    for (let position = promptLength; position < promptLength + targetLength; position++) {
      logitsAt.push(start + position - 1);
      targets.push(ids[position]!);
    }
  });
  const input: TrainingInput = {
    batch: sequences.length,
    length,
    inputIds,
    attentionMask,
    positionIds,
    imageIndex,
    logitsAt: Int32Array.from(logitsAt),
  };
  return { input, targets: Int32Array.from(targets), lengths: sequences.map(({ targetLength }) => targetLength) };
}

function checkImageTokens(actual: number, expected: number): void {
  if (actual === expected) return;
  throw new WorkbenchError('TRAINING_IMAGE_TOKENS', 'A sequence has not the tokens of its image.', {
    expected,
    actual,
  });
}
