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

/** A prompt with everything that follows it: one answer, or the completions of a group side by side. */
interface Row {
  prompt: readonly number[];
  image: number;
  answers: { ids: readonly number[]; supervised: number }[];
  length: number;
}

/**
 * One padded batch. Sequences that stand side by side and have the same prompt and image share a row, in which the prompt
 * is computed once and the answers do not see each other. `imageOf[i]` is the image of sequence i among the features'
 * images (-1: none). @throws TRAINING_IMAGE_TOKENS where a prompt has not one image's tokens
 */
export function trainingBatch(
  sequences: readonly TrainingSequence[],
  imageOf: readonly number[],
  info: Pick<ModelInfo, 'imageTokenId' | 'imageTokens' | 'padTokenId'>,
): TrainingBatch {
  const rows = rowsOf(sequences, imageOf);
  const length = Math.max(...rows.map((row) => row.length));
  const size = rows.length * length;
  const inputIds = new Int32Array(size).fill(info.padTokenId);
  const attentionMask = new Uint8Array(size);
  const positionIds = new Int32Array(size);
  const segments = new Int32Array(size);
  const imageIndex = new Int32Array(size).fill(-1);
  const logitsAt: number[] = [];
  const targets: number[] = [];
  rows.forEach((row, r) => {
    let at = r * length;
    const put = (id: number, position: number, segment: number) => {
      inputIds[at] = id;
      attentionMask[at] = 1;
      positionIds[at] = position;
      segments[at++] = segment;
    };
    placeImage(row, info, imageIndex.subarray(at, at + row.prompt.length));
    row.prompt.forEach((id, position) => {
      put(id, position, 0);
    });
    const lastOfPrompt = at - 1;
    row.answers.forEach(({ ids, supervised }, answer) => {
      for (let i = 0; i < supervised; i++) {
        logitsAt.push(i === 0 ? lastOfPrompt : at + i - 1);
        targets.push(ids[i]!);
      }
      ids.forEach((id, i) => {
        put(id, row.prompt.length + i, answer + 1);
      });
    });
  });
  const shared = rows.length < sequences.length;
  const input: TrainingInput = {
    batch: rows.length,
    length,
    inputIds,
    attentionMask,
    positionIds,
    imageIndex,
    logitsAt: Int32Array.from(logitsAt),
    ...(shared ? { segments } : {}),
  };
  return { input, targets: Int32Array.from(targets), lengths: sequences.map(({ targetLength }) => targetLength) };
}

function rowsOf(sequences: readonly TrainingSequence[], imageOf: readonly number[]): Row[] {
  const rows: Row[] = [];
  sequences.forEach(({ ids, promptLength, targetLength }, i) => {
    const prompt = ids.slice(0, promptLength);
    const answer = { ids: ids.slice(promptLength), supervised: targetLength };
    const last = rows[rows.length - 1];
    const image = imageOf[i]!;
    if (last && last.image === image && sameIds(last.prompt, prompt)) {
      last.answers.push(answer);
      last.length += answer.ids.length;
    } else rows.push({ prompt, image, answers: [answer], length: ids.length });
  });
  return rows;
}

function sameIds(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((id, i) => id === b[i]);
}

/** Image tokens stand in the prompt; one that was sampled into a completion stands for no image. */
function placeImage(
  { prompt, image }: Row,
  { imageTokenId, imageTokens }: Pick<ModelInfo, 'imageTokenId' | 'imageTokens'>,
  index: Int32Array,
): void {
  let placed = 0;
  prompt.forEach((id, position) => {
    if (id === imageTokenId) index[position] = image * imageTokens + placed++;
  });
  checkImageTokens(placed, image < 0 ? 0 : imageTokens);
}

function checkImageTokens(actual: number, expected: number): void {
  if (actual === expected) return;
  throw new WorkbenchError('TRAINING_IMAGE_TOKENS', 'A sequence has not the tokens of its image.', {
    expected,
    actual,
  });
}
