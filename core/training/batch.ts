/**
 * Questions with answers as token sequences, and sequences as one padded batch. The supervised tokens are those of the
 * answer and the end-of-turn token that closes it; what the template writes after that is read, but not supervised.
 */
import { WorkbenchError } from '../base/errors.ts';
import type { PromptModel } from '../models/architectures.ts';
import { type ModelInfo, type TokenGrid, tokensOf } from '../models/runner.ts';
import type { TrainableModel, TrainingInput } from '../models/trainable.ts';
import { imageQuestion, promptInput } from '../text/promptInput.ts';
import type { Message } from '../text/types.ts';

export type { PromptModel } from '../models/architectures.ts';

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
  image: TokenGrid,
  model: PromptModel,
  info: Pick<ModelInfo, 'endTokenIds'>,
): TrainingSequence {
  return conversationSequence(imageQuestion(promptText), [image], answer, model, info);
}

export function conversationSequence(
  messages: readonly Message[],
  images: readonly TokenGrid[],
  answer: string,
  model: PromptModel,
  info: Pick<ModelInfo, 'endTokenIds'>,
): TrainingSequence {
  const softTokens = images.map((grid) => tokensOf(grid));
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
  /** Without image features: they are given besides, one image's rows after the other's. */
  input: TrainingInput;
  /** `[N]`: supervised tokens, sequence after sequence; `input.logitsAt` names the positions before them. */
  targets: Int32Array;
  /** Supervised tokens of each sequence. */
  lengths: number[];
}

/** What of a model a batch depends on. */
export interface BatchModel {
  info: Pick<ModelInfo, 'imageTokenId' | 'padTokenId'>;
  network: Pick<TrainableModel['network'], 'positions'>;
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
 * is computed once and the answers do not see each other. `imageOf[i]` is the image of sequence i among `images` (-1:
 * none). @throws TRAINING_IMAGE_TOKENS where a prompt has not its image's tokens
 */
export function trainingBatch(
  sequences: readonly TrainingSequence[],
  imageOf: readonly number[],
  images: readonly TokenGrid[],
  { info, network }: BatchModel,
): TrainingBatch {
  const rows = rowsOf(sequences, imageOf);
  const length = Math.max(...rows.map((row) => row.length));
  const size = rows.length * length;
  const inputIds = new Int32Array(size).fill(info.padTokenId);
  const attentionMask = new Uint8Array(size);
  const prompts = rows.map(({ prompt, image }) => {
    checkImageTokens(prompt, image < 0 ? 0 : tokensOf(images[image]!), info.imageTokenId);
    return network.positions(prompt, image < 0 ? [] : [images[image]!]);
  });
  const axes = prompts[0]!.axes.length;
  const positionIds = new Int32Array(axes * size);
  const segments = new Int32Array(size);
  const imageIndex = new Int32Array(size).fill(-1);
  const logitsAt: number[] = [];
  const targets: number[] = [];
  rows.forEach((row, r) => {
    let at = r * length;
    const put = (id: number, positionOn: (axis: number) => number, segment: number) => {
      inputIds[at] = id;
      attentionMask[at] = 1;
      for (let axis = 0; axis < axes; axis++) positionIds[axis * size + at] = positionOn(axis);
      segments[at++] = segment;
    };
    const own = prompts[r]!;
    let imageRow = tokensOf(...images.slice(0, Math.max(0, row.image)));
    row.prompt.forEach((id, place) => {
      if (id === info.imageTokenId) imageIndex[at] = imageRow++;
      put(id, (axis) => own.axes[axis]![place]!, 0);
    });
    const lastOfPrompt = at - 1;
    row.answers.forEach(({ ids, supervised }, answer) => {
      for (let i = 0; i < supervised; i++) {
        logitsAt.push(i === 0 ? lastOfPrompt : at + i - 1);
        targets.push(ids[i]!);
      }
      ids.forEach((id, i) => {
        put(id, () => own.next + i, answer + 1);
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
function checkImageTokens(prompt: readonly number[], expected: number, imageTokenId: number): void {
  const actual = prompt.filter((id) => id === imageTokenId).length;
  if (actual === expected) return;
  throw new WorkbenchError('TRAINING_IMAGE_TOKENS', 'A sequence has not the tokens of its image.', {
    expected,
    actual,
  });
}
