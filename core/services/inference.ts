/**
 * One model, with or without an adapter, asked directly: what `chexreason infer` and `chexreason score` do. No workspace,
 * nothing is stored.
 */

import { access, readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { locate, WorkbenchError } from '../base/errors.ts';
import type { Work } from '../base/progress.ts';
import type { Film } from '../dicom/film.ts';
import { openFilm } from '../dicom/openFilm.ts';
import { readCompletion } from '../findings/parse.ts';
import type { AnswerFormat, ParseFailure } from '../findings/types.ts';
import { type Completion, type GenerationRequest, generate } from '../generation/generate.ts';
import { ANSWER_TREE, labelProbabilities } from '../generation/labelProbabilities.ts';
import type { Prompt } from '../generation/prompt.ts';
import type { Sampling } from '../generation/sampling.ts';
import { score } from '../generation/score.ts';
import type { Label } from '../labels/labels.ts';
import type { ExecutorChoice, PrecisionChoice } from '../models/openRunner.ts';
import { type ImageFeatures, joinFeatures, tokensOf } from '../models/runner.ts';
import type { Adapter } from '../peft/adapter.ts';
import { type Preset, presetOfSource } from '../preprocessing/presets.ts';
import type { Device, ExecutorInfo } from '../tensor/executor.ts';
import type { Precision } from '../tensor/precision.ts';
import { promptInput } from '../text/promptInput.ts';
import type { ContentPart, Message } from '../text/types.ts';
import { conversationSequence } from '../training/batch.ts';
import { readCard } from '../workspace/card.ts';
import { type LoadedModel, Models } from './models.ts';

/** For a folder without a card: DICOM as MIMIC-CXR-JPG made its JPEGs, PNG and JPEG as somebody else has prepared them. */
export const DEFAULT_PREPROCESSING: Record<Film['kind'], Preset> = {
  dicom: 'mimic-cxr-jpg',
  png: 'as-stored',
  jpeg: 'as-stored',
};
export const DEFAULT_MAX_NEW_TOKENS = 512;

export interface InferenceOptions {
  /** Folder of a model. */
  model: string;
  /** Folder of an adapter on it. */
  adapter?: string;
  executor?: ExecutorChoice;
  threads?: number;
  /** Absent: the processor. */
  device?: Device;
  /** Absent: `auto`. */
  precision?: PrecisionChoice;
  /** As in `ModelOptions`. */
  cacheDir?: string;
  /** Hears of the opening: the weights of a large checkpoint are converted once. */
  work?: Work;
  /** Name of the preset that turns a film into model input; absent: the checkpoint's own, else by the kind of file. */
  preprocessing?: string;
  /** How the answers are written; absent: what the checkpoint's card says, else the paper's format. */
  answerFormat?: AnswerFormat;
}

export interface Question {
  messages: Message[];
  /** Files of the images, in the order of their places in the messages. */
  images: string[];
}

export interface InferenceSettings {
  sampling: Sampling;
  /** Absent: what the checkpoint's card says, else 512. */
  maxNewTokens?: number;
  /** Completions; sample i is drawn with seed + i. */
  samples: number;
  /** The probability of each label after the first completion's own reasoning. */
  labelProbabilities?: boolean;
  signal?: AbortSignal;
}

export interface Sample {
  text: string;
  tokenIds: number[];
  /** Natural logarithms, under softmax of the logits. */
  logprobs: number[];
  stop: 'end' | 'length';
  reasoning: string;
  findings: Label[];
  parseFailure: ParseFailure | null;
}

export interface InferenceResult extends Sample {
  promptTokenIds: number[];
  /** Its name; `engine` says which version, with how many threads, and why this one. */
  executor: string;
  engine: ExecutorInfo;
  /** Of the weights: one of PRECISIONS, or what a server says of its own. */
  precision: string;
  /** `load` is the model's, once for all questions. */
  seconds: { load: number; vision: number; prefill: number; decode: number };
  /** All of them, where more than one was asked for; the first is repeated above. */
  samples?: Sample[];
  /** In how many of the samples a label is named, for the labels that are. */
  frequency?: Partial<Record<Label, number>>;
  /** Label probabilities, where they were asked for, and their method. */
  scores?: Record<Label, number>;
  scoreMethod?: string;
  /** No score is further off than this. */
  scoresUnexplored?: number;
}

/** What asks: a model here, or a server (remoteInference.ts). */
export interface Asks {
  infer(question: Question, settings: InferenceSettings): Promise<InferenceResult>;
  score(question: Question, completion: string, labels: boolean, signal?: AbortSignal): Promise<ScoreResult>;
  dispose(): Promise<void>;
}

export interface ScoreResult {
  tokenIds: number[];
  logprobs: number[];
  promptTokenIds: number[];
  executor: string;
  engine: ExecutorInfo;
  precision: string;
  /** The probability of each label after the completion's reasoning, where it was asked for; as in InferenceResult. */
  scores?: Record<Label, number>;
  scoreMethod?: string;
  scoresUnexplored?: number;
}

export class Inference implements Asks {
  private constructor(
    private readonly models: Models,
    private readonly model: LoadedModel,
    private readonly adapter: Adapter | null,
    private readonly preprocessing: string | undefined,
    private readonly maxNewTokens: number,
    private readonly answerFormat: AnswerFormat,
    private readonly loadSeconds: number,
  ) {}

  static async open(options: InferenceOptions): Promise<Inference> {
    const start = performance.now();
    const { executor, threads, device, precision, cacheDir, work } = options;
    const models = new Models({ executor, threads, device, precision, cacheDir });
    const model = await models.base(options.model, work);
    const adapter = options.adapter === undefined ? null : await models.adapter(options.adapter, options.model);
    const card = (await readCard(options.adapter ?? options.model)) ?? (await readCard(options.model));
    const preprocessing = options.preprocessing ?? card?.preprocessing ?? (card && presetOfSource(card.trainingSource));
    const maxNewTokens = card?.maxNewTokens ?? DEFAULT_MAX_NEW_TOKENS;
    const format = options.answerFormat ?? card?.answerFormat ?? 'solution';
    const seconds = (performance.now() - start) / 1000;
    return new Inference(models, model, adapter, preprocessing, maxNewTokens, format, seconds);
  }

  async infer(question: Question, settings: InferenceSettings): Promise<InferenceResult> {
    const start = performance.now();
    const prompt = await this.read(question);
    const vision = (performance.now() - start) / 1000;
    const requests = Array.from(
      { length: settings.samples },
      (_, i): GenerationRequest => ({
        ...prompt,
        sampling: { ...settings.sampling, seed: settings.sampling.seed + i },
        maxNewTokens: settings.maxNewTokens ?? this.maxNewTokens,
        stopIds: this.model.runner.info.endTokenIds,
      }),
    );
    const completions = await generate(this.model.runner, requests, { signal: settings.signal });
    const samples = completions.map((completion) => this.sampleOf(completion));
    const decode = Math.max(...completions.map(({ seconds }) => seconds.decode));
    return {
      ...samples[0]!,
      promptTokenIds: [...prompt.promptIds],
      ...this.engine(),
      seconds: { load: this.loadSeconds, vision, prefill: completions[0]!.seconds.prefill, decode },
      ...(settings.samples > 1 ? { samples, frequency: frequencyOf(samples) } : {}),
      ...(settings.labelProbabilities ? await this.scores(prompt, samples[0]!, settings.signal) : {}),
    };
  }

  private async scores(
    prompt: Prompt,
    { tokenIds, text, findings }: Pick<Sample, 'tokenIds' | 'text' | 'findings'>,
    signal?: AbortSignal,
  ) {
    const { runner, tokenizer } = this.model;
    const completionIds = tokenIds.filter((id) => !runner.info.endTokenIds.includes(id));
    const answered = { ...prompt, completionIds, text, findings, block: this.answerFormat };
    const { values, unexplored } = await labelProbabilities(runner, tokenizer, answered, signal);
    return { scores: values, scoreMethod: ANSWER_TREE, scoresUnexplored: unexplored };
  }

  /** Log-probabilities of a given completion's tokens, given what is before them; the token that ends a turn closes it. */
  async score(question: Question, completion: string, labels = false, signal?: AbortSignal): Promise<ScoreResult> {
    const prompt = await this.read(question);
    const tokenIds = this.endTurn(question, prompt.images, this.model.tokenizer.encode(completion));
    const [logprobs] = await score(this.model.runner, [{ ...prompt, completionIds: tokenIds }], { signal });
    const { findings } = readCompletion(completion, this.answerFormat);
    const scores = labels ? await this.scores(prompt, { tokenIds, text: completion, findings }, signal) : {};
    return { tokenIds, logprobs: logprobs!, promptTokenIds: [...prompt.promptIds], ...this.engine(), ...scores };
  }

  async dispose(): Promise<void> {
    await this.models.dispose();
  }

  private engine(): { executor: string; engine: ExecutorInfo; precision: Precision } {
    const { executor: engine, precision } = this.model.runner;
    return { executor: engine.name, engine, precision };
  }

  /** The question as the network gets it. */
  private async read({ messages, images }: Question) {
    const each: ImageFeatures[] = [];
    for (const file of images) {
      const film = await openFilm(file);
      each.push(await this.model.featuresOf(film, this.preprocessing ?? DEFAULT_PREPROCESSING[film.kind]));
    }
    const features = joinFeatures(each);
    const softTokens = (features?.grids ?? []).map((grid) => tokensOf(grid));
    const { inputIds } = promptInput(messages, softTokens, this.model);
    return { promptIds: inputIds, images: features, adapter: this.adapter };
  }

  /** Appends the end token that the chat template writes after an answer, where the completion does not have it. */
  private endTurn({ messages }: Question, images: ImageFeatures | null, completionIds: number[]): number[] {
    const { runner } = this.model;
    if (runner.info.endTokenIds.includes(completionIds[completionIds.length - 1]!)) return completionIds;
    const answer = conversationSequence(messages, images?.grids ?? [], 'answer', this.model, runner.info);
    return [...completionIds, answer.ids[answer.promptLength + answer.targetLength - 1]!];
  }

  private sampleOf({ tokenIds, logprobs, stop }: Completion): Sample {
    const text = this.model.tokenizer.decode(tokenIds);
    const { reasoning, findings, parseFailure } = readCompletion(text, this.answerFormat);
    return { text, tokenIds, logprobs, stop, reasoning, findings, parseFailure };
  }
}

export function frequencyOf(samples: readonly Sample[]): Partial<Record<Label, number>> {
  const count: Partial<Record<Label, number>> = {};
  for (const { findings } of samples) for (const label of findings) count[label] = (count[label] ?? 0) + 1;
  return count;
}

const part = z.union([
  z.object({ type: z.literal('text'), text: z.string() }),
  z.object({ type: z.literal('image'), image: z.string().optional() }),
]);
const conversation = z.array(
  z.object({ role: z.enum(['system', 'user', 'assistant']), content: z.union([z.string(), z.array(part)]) }),
);
const messagesFile = z.union([conversation, z.object({ messages: conversation }).transform((file) => file.messages)]);

/**
 * A conversation from a JSON file: the list of messages that transformers' chat templates take. An image part names its
 * file, beside the JSON file or in a folder `images` there; `images` that are given are used instead, in order.
 * @throws JSON_UNREADABLE, MESSAGES_UNREADABLE, IMAGE_NOT_NAMED, IMAGE_NOT_FOUND
 */
export async function readMessages(file: string, images: readonly string[] = []): Promise<Question> {
  const messages = parseMessages(await readFile(file, 'utf8'), file);
  if (images.length > 0) return { messages, images: [...images] };
  const named = messages.flatMap(({ content }) => (typeof content === 'string' ? [] : content.filter(isImage)));
  return { messages, images: await Promise.all(named.map((image) => findImage(image.image, file))) };
}

function parseMessages(text: string, file: string): Message[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new WorkbenchError('JSON_UNREADABLE', `This file is not valid JSON: ${(error as Error).message}`, { file });
  }
  const parsed = messagesFile.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new WorkbenchError(
    'MESSAGES_UNREADABLE',
    'This file holds no list of messages.',
    { file, issues: parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) },
    'Write [{"role": "user", "content": [{"type": "image", "image": "film.png"}, {"type": "text", "text": "..."}]}].',
  );
}

function isImage(content: ContentPart): content is Extract<ContentPart, { type: 'image' }> {
  return content.type === 'image';
}

async function findImage(name: string | undefined, messagesPath: string): Promise<string> {
  if (name === undefined) {
    throw new WorkbenchError(
      'IMAGE_NOT_NAMED',
      'An image in the messages names no file, and none was given.',
      { file: messagesPath },
      'Give the images with --image, in the order of their places.',
    );
  }
  const folder = dirname(messagesPath);
  for (const path of [resolve(folder, name), join(folder, 'images', name)]) {
    const found = await access(path).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  throw locate(
    new WorkbenchError('IMAGE_NOT_FOUND', 'The image that the messages name is not there.', { image: name }),
    {
      file: messagesPath,
    },
  );
}
