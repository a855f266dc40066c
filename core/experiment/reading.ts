/** Films read by a checkpoint, greedily; image features of a set are computed once. */
import { nextTurn, throwIfCancelled, type Work } from '../base/progress.ts';
import { parseCompletion } from '../findings/parse.ts';
import { type Completion, generate } from '../generation/generate.ts';
import { GREEDY } from '../generation/sampling.ts';
import type { Label } from '../labels/labels.ts';
import type { ImageFeatures, Runner } from '../models/runner.ts';
import type { Adapter } from '../peft/adapter.ts';
import type { ImageProcessor } from '../preprocessing/imageProcessor.ts';
import { imageQuestion, promptInput } from '../text/promptInput.ts';
import type { PromptModel } from '../training/batch.ts';
import type { FilmSet } from './films.ts';

export interface Reader {
  runner: Runner;
  prompt: PromptModel;
  processor: ImageProcessor;
}

/** A line of a reading's file; films in their order. */
export interface Answer {
  text: string;
  findings: Label[];
  failed: boolean;
}

const BATCH = 64;
/** Longest trace: 54 tokens. */
export const MAX_NEW_TOKENS = 128;

/** Features of every film of a set, in order. */
export async function encodeFilms({ runner, processor }: Reader, films: FilmSet, work: Work): Promise<ImageFeatures[]> {
  const features: ImageFeatures[] = [];
  const count = films.scenes.length;
  for (let start = 0; start < count; start += BATCH) {
    throwIfCancelled(work.signal);
    const indices = Array.from({ length: Math.min(BATCH, count - start) }, (_, i) => start + i);
    const pixels = indices.map((index) => processor.pixelValues(films.image(index)));
    const { data, width, grids } = await runner.encodeImages(pixels);
    const size = data.length / indices.length;
    features.push(...grids.map((grid, i) => ({ data: data.slice(i * size, (i + 1) * size), width, grids: [grid] })));
    await nextTurn();
  }
  return features;
}

export async function readFilms(
  { runner, prompt }: Reader,
  images: readonly ImageFeatures[],
  adapter: Adapter | null,
  promptText: string,
  work: Work,
): Promise<Answer[]> {
  const { info } = runner;
  const promptIds = promptInput(imageQuestion(promptText), [info.imageTokens], prompt).inputIds;
  const answers: Answer[] = [];
  for (let start = 0; start < images.length; start += BATCH) {
    const requests = images.slice(start, start + BATCH).map((features) => ({
      ...{ promptIds, images: features, adapter, sampling: GREEDY },
      ...{ maxNewTokens: MAX_NEW_TOKENS, stopIds: info.endTokenIds },
    }));
    const completions = await generate(runner, requests, { batchSize: BATCH, signal: work.signal });
    answers.push(...completions.map((completion) => answerOf(completion, prompt)));
    work.report({ stage: 'Reading films', done: answers.length, total: images.length });
  }
  return answers;
}

function answerOf({ tokenIds, stop }: Completion, { tokenizer }: PromptModel): Answer {
  const text = tokenizer.decode(stop === 'end' ? tokenIds.slice(0, -1) : tokenIds, { skipSpecial: false });
  const reading = parseCompletion(text);
  const failed = reading.parseFailure !== null;
  return { text, findings: failed ? [] : reading.findings, failed };
}
