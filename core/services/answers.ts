/**
 * Films read by checkpoints: film -> preprocessing -> image features -> completion -> findings, with everything that the
 * answer depends on. Films of one base model are read together, whatever checkpoint they are asked of: image features are
 * computed once for all, and base, SFT and GRPO answer in one batch.
 */

import { toErrorData, WorkbenchError } from '../base/errors.ts';
import { sha256 } from '../base/hash.ts';
import { throwIfCancelled } from '../base/progress.ts';
import type { Film } from '../dicom/film.ts';
import { openFilm } from '../dicom/openFilm.ts';
import { readCompletion } from '../findings/parse.ts';
import { type Completion, type GenerationRequest, generate } from '../generation/generate.ts';
import { ANSWER_TREE, labelProbabilities } from '../generation/labelProbabilities.ts';
import { remoteLabelProbabilities } from '../generation/remote/labels.ts';
import { CHEXPERT_LABELS } from '../labels/labels.ts';
import { loadProcessor } from '../models/architectures.ts';
import { type ImageFeatures, tokensOf } from '../models/runner.ts';
import { presetFor, toModelImage } from '../preprocessing/presets.ts';
import { type Image8, luminance } from '../preprocessing/resize.ts';
import { imageQuestion, promptInput } from '../text/promptInput.ts';
import type { Prompt } from '../text/types.ts';
import type { Checkpoints } from './checkpoints.ts';
import type { Collections } from './collections.ts';
import type {
  Checkpoint,
  FilmEntry,
  InspectedAnswer,
  LabelProbabilities,
  ModelView,
  Prediction,
  ProbabilitySettings,
  Provenance,
  SampledAnswers,
} from './contract.ts';
import type { LoadedModel, Models } from './models.ts';
import { type PredictionStore, predictionKey } from './predictions.ts';
import { DEFAULT_PROMPT, type Prompts } from './prompts.ts';
import type { RemoteAnswers } from './remoteAnswers.ts';

export interface AnswerSettings {
  temperature: number;
  topP: number;
  /** Absent or 0: off. */
  topK?: number;
  seed: number;
  /** Absent: what the checkpoint's card says. */
  maxNewTokens?: number;
  /** Absent: each checkpoint's own. */
  promptId?: string;
  /** Absent: none are computed. */
  probabilities?: ProbabilitySettings;
  /** Generated although it is stored, and from nothing: does it say the same again? */
  again?: boolean;
}

export const GREEDY: AnswerSettings = { temperature: 0, topP: 1, seed: 0 };

export interface Question {
  film: FilmEntry;
  checkpoint: Checkpoint;
  /** Of one sample of several; absent: that of the settings. */
  seed?: number;
  /** The user's own question; absent: a prompt by its id. */
  promptText?: string;
}

/** Id of a question that the user wrote. */
const OWN_PROMPT = 'own';

export interface AnswerOptions {
  signal?: AbortSignal;
  /** The text so far of the question's answer. */
  onText?(question: Question, text: string, tokens: number): void;
  /** Called once for each question, as answers come; stored before. */
  onAnswer?(question: Question, prediction: Prediction): void | Promise<void>;
  /** Called instead for a question that a server did not answer; the others go on. Absent: its error ends them all. */
  onFailure?(question: Question, error: unknown): void | Promise<void>;
}

/** Rows that are generated at once. */
const BATCH = 24;
/** Answers of others that an answer is begun from. */
const DRAFTS = 4;

export class Answers {
  constructor(
    private readonly collections: Collections,
    private readonly checkpoints: Checkpoints,
    private readonly models: Models,
    private readonly prompts: Prompts,
    private readonly store: PredictionStore,
    private readonly remote: RemoteAnswers,
    private readonly now: () => Date,
  ) {}

  /** Everything that the answer depends on. Opens the film and loads the base model. */
  async provenance(question: Question, settings: AnswerSettings): Promise<Provenance> {
    const film = await this.open(question.film);
    if (question.checkpoint.server) return this.remoteProvenance(question, film, settings);
    return this.provenanceOf(question, film, await this.model(question.checkpoint), settings);
  }

  /** The stored answers to greedy decoding, by checkpoint id; those with label probabilities where there are some. */
  async ofFilm(entry: FilmEntry, promptId?: string): Promise<Record<string, Prediction>> {
    if (promptId !== undefined) await this.prompts.named(promptId);
    const answers: Record<string, Prediction> = {};
    for (const checkpoint of this.checkpoints.list()) {
      if (checkpoint.error) continue;
      const provenance = await this.provenance({ film: entry, checkpoint }, { ...GREEDY, promptId });
      const prediction = this.store.withProbabilities(provenance) ?? this.store.get(predictionKey(provenance));
      if (prediction) answers[checkpoint.id] = { ...prediction, filmId: entry.id, checkpointId: checkpoint.id };
    }
    return answers;
  }

  /** The pixels that the checkpoint's network gets of the film, before normalization. */
  async modelView({ film: entry, checkpoint }: Question): Promise<ModelView> {
    const film = await this.open(entry);
    const preprocessing = presetFor(film, checkpoint.preprocessing);
    if (checkpoint.server) return grayView(toModelImage(film, preprocessing), preprocessing);
    const processor = await loadProcessor(this.checkpoints.baseFolder(checkpoint));
    const image = processor.resized(toModelImage(film, preprocessing));
    return grayView(image, preprocessing);
  }

  /**
   * Answers every question, from the store where the answer is there already. In the order of the questions; with
   * `onFailure` the place of a question that failed stays empty.
   */
  async answer(
    questions: readonly Question[],
    settings: AnswerSettings,
    options: AnswerOptions = {},
  ): Promise<Prediction[]> {
    await (settings.promptId === undefined ? this.prompts.refresh() : this.prompts.named(settings.promptId));
    if (settings.probabilities) return this.answerWithProbabilities(questions, settings, options);
    const answers = new Array<Prediction>(questions.length);
    const remote = questions.flatMap(({ checkpoint }, index) => (checkpoint.server ? [index] : []));
    await together(options.signal, [
      (signal) => this.answerLocal(questions, settings, { ...options, signal }, answers),
      (signal) => this.answerRemote(questions, remote, settings, { ...options, signal }, answers),
    ]);
    return answers;
  }

  private async answerLocal(
    questions: readonly Question[],
    settings: AnswerSettings,
    options: AnswerOptions,
    answers: Prediction[],
  ): Promise<void> {
    for (const group of this.byBase(questions)) {
      for (let start = 0; start < group.length; start += BATCH) {
        const indices = group.slice(start, start + BATCH);
        const part = await this.answerTogether(
          indices.map((index) => questions[index]!),
          settings,
          options,
        );
        indices.forEach((index, i) => {
          answers[index] = part[i]!;
        });
      }
    }
  }

  /** All at once; the server's own limit says how many are under way. */
  private async answerRemote(
    questions: readonly Question[],
    indices: readonly number[],
    settings: AnswerSettings,
    options: AnswerOptions,
    answers: Prediction[],
  ): Promise<void> {
    const ask = async (index: number) => {
      const question = questions[index]!;
      try {
        answers[index] = await this.answerOneRemote(question, settings, options);
      } catch (error) {
        if (!options.onFailure || toErrorData(error).code === 'CANCELLED') throw error;
        await options.onFailure(question, error);
        return;
      }
      await options.onAnswer?.(question, answers[index]!);
    };
    await together(
      options.signal,
      indices.map((index) => () => ask(index)),
    );
  }

  private async answerOneRemote(
    question: Question,
    settings: AnswerSettings,
    options: AnswerOptions,
  ): Promise<Prediction> {
    const film = await this.open(question.film);
    const current = { ...question, checkpoint: await this.checkpoints.current(question.checkpoint) };
    const provenance = this.remoteProvenance(current, film, settings);
    const there = this.store.get(predictionKey(provenance));
    if (there && !settings.again) return there;
    throwIfCancelled(options.signal);
    const prompt = this.promptOf(question, settings);
    const answered = await this.remote.answer(current, film, prompt, provenance, options);
    const { promptText } = question;
    const prediction = promptText === undefined ? answered : { ...answered, promptText };
    await this.store.add(prediction);
    return prediction;
  }

  private remoteProvenance(question: Question, film: Film, settings: AnswerSettings): Provenance {
    return this.remote.provenance(question, film, this.promptOf(question, settings), settings);
  }

  /** The same answers, each stored again with its label probabilities under a key that names their method. */
  private async answerWithProbabilities(
    questions: readonly Question[],
    { probabilities, ...plain }: AnswerSettings,
    options: AnswerOptions,
  ): Promise<Prediction[]> {
    const method = methodName(probabilities!);
    const { onAnswer, ...quiet } = options;
    const answers = await this.answer(questions, plain, quiet);
    const finish = async (index: number): Promise<void> => {
      const answer = answers[index];
      if (!answer) return;
      const question = questions[index]!;
      try {
        answers[index] = await this.withProbabilities(question, answer, method, probabilities!, plain, options.signal);
      } catch (error) {
        if (!options.onFailure || !question.checkpoint.server || toErrorData(error).code === 'CANCELLED') throw error;
        delete answers[index];
        await options.onFailure(question, error);
        return;
      }
      await onAnswer?.(question, answers[index]!);
    };
    const remote = questions.flatMap(({ checkpoint }, index) => (checkpoint.server ? [index] : []));
    await together(options.signal, [
      ...remote.map((index) => () => finish(index)),
      async () => {
        for (const [index, { checkpoint }] of questions.entries()) if (!checkpoint.server) await finish(index);
      },
    ]);
    return answers;
  }

  private async withProbabilities(
    question: Question,
    answer: Prediction,
    method: string,
    how: ProbabilitySettings,
    settings: AnswerSettings,
    signal?: AbortSignal,
  ): Promise<Prediction> {
    const provenance = { ...answer.provenance, probabilityMethod: method };
    const key = predictionKey(provenance);
    const there = this.store.get(key);
    if (there) return there;
    throwIfCancelled(signal);
    const probabilities =
      how.method === 'frequency'
        ? await this.frequencies(question, settings, how, signal)
        : await this.treeProbabilities(question, answer, signal);
    const prediction = { ...answer, key, provenance, probabilities: { method, ...probabilities } };
    await this.store.add(prediction);
    return prediction;
  }

  private async frequencies(
    question: Question,
    settings: AnswerSettings,
    { samples, temperature, topP }: Extract<ProbabilitySettings, { method: 'frequency' }>,
    signal?: AbortSignal,
  ): Promise<Omit<LabelProbabilities, 'method'>> {
    const drawn = { ...settings, temperature, topP, topK: 0 };
    const { frequency, failures } = await this.sample(question, samples, drawn, { signal });
    const values = Object.fromEntries(frequency.map(({ label, count }) => [label, count / samples]));
    return { values, samples, failures };
  }

  private async treeProbabilities(
    question: Question,
    answer: Prediction,
    signal?: AbortSignal,
  ): Promise<Omit<LabelProbabilities, 'method'>> {
    const { checkpoint } = question;
    const block = checkpoint.answerFormat ?? 'solution';
    const film = await this.open(question.film);
    if (checkpoint.server) {
      const prompt = this.prompts.get(answer.provenance.promptId)!;
      const asked = await this.remote.question(question, film, prompt, answer.provenance);
      const server = this.remote.server(checkpoint.server);
      const answered = { text: answer.text, findings: answer.reading.findings, block };
      const { values, unexplored } = await remoteLabelProbabilities(server, asked, answered, signal);
      return { values, unexplored };
    }
    const model = await this.model(checkpoint);
    const [features] = await this.imageFeatures([question], new Map([[question.film.id, film]]), model);
    const request = await this.request(question, features!, model, answer.provenance);
    const ends = model.runner.info.endTokenIds;
    const completionIds = answer.tokenIds.filter((id) => !ends.includes(id));
    const answered = { ...request, completionIds, text: answer.text, block, findings: answer.reading.findings };
    const { values, unexplored } = await labelProbabilities(model.runner, model.tokenizer, answered, signal);
    return { values, unexplored };
  }

  /** What is behind a stored answer. Of a server's the prompt is the instruction alone. @throws ANSWER_UNKNOWN */
  async inspect(film: FilmEntry, checkpoint: Checkpoint, key: string): Promise<InspectedAnswer> {
    const prediction = this.store.get(key);
    if (!prediction) throw new WorkbenchError('ANSWER_UNKNOWN', 'This answer is not in the workspace.', { key });
    const { provenance, promptText, tokenIds } = prediction;
    const question = { film, checkpoint, promptText };
    const { text } = this.promptOf(question, provenance);
    if (checkpoint.server) return { prompt: text, promptTokens: null, tokens: prediction.tokens ?? [] };
    const model = await this.model(checkpoint);
    const [features] = await this.imageFeatures([question], new Map([[film.id, await this.open(film)]]), model);
    const { rendered, inputIds } = promptInput(imageQuestion(text), [tokensOf(...features!.grids)], model);
    return { prompt: rendered, promptTokens: inputIds.length, tokens: model.tokenizer.pieces(tokenIds) };
  }

  /** The film's answer drawn several times, with seeds one after the other; its prompt is read once for all of them. */
  async sample(
    question: Question,
    samples: number,
    settings: AnswerSettings,
    options: AnswerOptions = {},
  ): Promise<SampledAnswers> {
    const drawn = Array.from({ length: samples }, (_, i) => ({ ...question, seed: settings.seed + i }));
    return summarizeSamples(await this.answer(drawn, settings, options));
  }

  private byBase(questions: readonly Question[]): number[][] {
    const groups = new Map<string, number[]>();
    questions.forEach(({ checkpoint }, index) => {
      if (checkpoint.server) return;
      const base = checkpoint.baseId ?? checkpoint.id;
      groups.set(base, [...(groups.get(base) ?? []), index]);
    });
    return [...groups.values()];
  }

  private async answerTogether(
    questions: readonly Question[],
    settings: AnswerSettings,
    options: AnswerOptions,
  ): Promise<Prediction[]> {
    const model = await this.model(questions[0]!.checkpoint);
    const films = new Map<string, Film>();
    for (const { film } of questions) films.set(film.id, films.get(film.id) ?? (await this.open(film)));
    const provenances = questions.map((question) =>
      this.provenanceOf(question, films.get(question.film.id)!, model, settings),
    );
    const stored = (provenance: Provenance) => this.store.get(predictionKey(provenance));
    const answers = provenances.map((provenance) => (settings.again ? undefined : stored(provenance)));
    const missing = answers.flatMap((answer, i) => (answer ? [] : [i]));
    for (const [i, answer] of answers.entries()) if (answer) await options.onAnswer?.(questions[i]!, answer);
    if (missing.length === 0) return answers as Prediction[];

    throwIfCancelled(options.signal);
    const start = performance.now();
    const asked = missing.map((i) => questions[i]!);
    const features = await this.imageFeatures(asked, films, model);
    const vision = (performance.now() - start) / 1000 / asked.length;
    const requests = await Promise.all(
      asked.map((question, i) => this.request(question, features[i]!, model, provenances[missing[i]!]!)),
    );
    // In a batch the answers grow one token a pass.
    if (requests.length === 1 && !settings.again)
      requests[0]!.drafts = this.drafts(asked[0]!, provenances[missing[0]!]!);
    const streams = asked.map(() => ({ text: '', tokens: 0, stream: model.tokenizer.stream() }));
    const storing: Promise<void>[] = [];
    await generate(model.runner, requests, {
      batchSize: BATCH,
      signal: options.signal,
      onToken: (row, tokenId) => {
        if (!options.onText) return;
        const growing = streams[row]!;
        growing.text += growing.stream.push(tokenId);
        growing.tokens++;
        options.onText(asked[row]!, growing.text, growing.tokens);
      },
      onCompletion: (row, completion) => {
        const at = missing[row]!;
        const prediction = this.predictionOf(asked[row]!, completion, model, provenances[at]!, vision, asked.length);
        answers[at] = prediction;
        storing.push(this.store.add(prediction).then(() => options.onAnswer?.(asked[row]!, prediction)));
      },
    });
    await Promise.all(storing);
    return answers as Prediction[];
  }

  /** The canary film belongs to no collection. */
  private open(film: FilmEntry): Promise<Film> {
    return film.collectionId === '' ? openFilm(film.path) : this.collections.open(film.id);
  }

  private model(checkpoint: Checkpoint): Promise<LoadedModel> {
    return this.models.base(this.checkpoints.baseFolder(checkpoint));
  }

  private promptOf(
    { checkpoint, promptText }: Pick<Question, 'checkpoint' | 'promptText'>,
    { promptId }: Pick<AnswerSettings, 'promptId'>,
  ): Prompt {
    if (promptText !== undefined) return { id: OWN_PROMPT, name: OWN_PROMPT, text: promptText, format: '' };
    return this.prompts.get(promptId ?? checkpoint.promptId) ?? this.prompts.get(DEFAULT_PROMPT)!;
  }

  private provenanceOf(question: Question, film: Film, model: LoadedModel, settings: AnswerSettings): Provenance {
    const { checkpoint, seed } = question;
    const prompt = this.promptOf(question, settings);
    const { executor, info } = model.runner;
    return {
      imageHash: film.sha256,
      preprocessing: presetFor(film, checkpoint.preprocessing),
      baseHash: info.weightsHash,
      adapterHash: checkpoint.baseId === null ? null : checkpoint.hash,
      promptId: prompt.id,
      promptHash: sha256(prompt.text),
      templateHash: sha256(model.template.source),
      temperature: settings.temperature,
      topP: settings.topP,
      topK: settings.topK ?? 0,
      seed: seed ?? settings.seed,
      maxNewTokens: settings.maxNewTokens ?? checkpoint.maxNewTokens,
      precision: model.runner.precision,
      executor: executor.name,
      executorVersion: executor.version,
      ...(checkpoint.answerFormat === 'answer' ? { answerFormat: checkpoint.answerFormat } : {}),
    };
  }

  /** Features of each question's film; films that several checkpoints are asked about are encoded once. */
  private async imageFeatures(
    questions: readonly Question[],
    films: ReadonlyMap<string, Film>,
    model: LoadedModel,
  ): Promise<ImageFeatures[]> {
    const found = new Map<string, ImageFeatures>();
    const all: ImageFeatures[] = [];
    for (const { film: entry, checkpoint } of questions) {
      const film = films.get(entry.id)!;
      const preprocessing = presetFor(film, checkpoint.preprocessing);
      const id = `${film.sha256}/${preprocessing}`;
      const features = found.get(id) ?? (await model.featuresOf(film, preprocessing));
      found.set(id, features);
      all.push(features);
    }
    return all;
  }

  private async request(
    question: Question,
    images: ImageFeatures,
    model: LoadedModel,
    provenance: Provenance,
  ): Promise<GenerationRequest> {
    const { checkpoint } = question;
    const messages = imageQuestion(this.promptOf(question, provenance).text);
    const { inputIds } = promptInput(messages, [tokensOf(...images.grids)], model);
    const baseFolder = this.checkpoints.baseFolder(checkpoint);
    const adapter =
      checkpoint.baseId === null ? null : await this.models.adapter(this.checkpoints.folder(checkpoint), baseFolder);
    const { temperature, topK, topP, seed } = provenance;
    return {
      promptIds: inputIds,
      images,
      adapter,
      sampling: { temperature, topK, topP, seed },
      maxNewTokens: provenance.maxNewTokens,
      stopIds: model.runner.info.endTokenIds,
    };
  }

  /** What other checkpoints of the same base said of the film: much of it may be said again. */
  private drafts({ film, checkpoint }: Question, { baseHash }: Provenance): number[][] {
    const others = this.store
      .ofFilm(film.id)
      .filter((other) => other.checkpointId !== checkpoint.id && other.provenance.baseHash === baseHash);
    return others.flatMap(({ tokenIds }) => (Array.isArray(tokenIds) ? [tokenIds] : [])).slice(0, DRAFTS);
  }

  private predictionOf(
    { film, checkpoint, promptText }: Question,
    completion: Completion,
    model: LoadedModel,
    provenance: Provenance,
    vision: number,
    together: number,
  ): Prediction {
    const text = model.tokenizer.decode(completion.tokenIds);
    const { prefill, decode } = completion.seconds;
    return {
      key: predictionKey(provenance),
      filmId: film.id,
      checkpointId: checkpoint.id,
      text,
      reading: readCompletion(text, provenance.answerFormat),
      tokenIds: completion.tokenIds,
      logprobs: completion.logprobs,
      ...(promptText === undefined ? {} : { promptText }),
      stop: completion.stop,
      provenance,
      // Each answer's share of the batch that it was made in.
      seconds: { vision, prefill: prefill / together, decode: decode / together },
      createdAt: this.now().toISOString(),
    };
  }
}

/** The name of a method with all that its values depend on: part of a prediction's key. */
export function methodName(how: ProbabilitySettings): string {
  if (how.method === 'answer-tree') return ANSWER_TREE;
  const { samples, temperature, topP } = how;
  return `frequency k=${samples} T=${temperature} p=${topP}`;
}

/** Runs all; the first that fails stops the others, and is thrown when they have ended. */
async function together(
  signal: AbortSignal | undefined,
  works: readonly ((signal: AbortSignal) => Promise<void>)[],
): Promise<void> {
  const controller = new AbortController();
  const abort = () => controller.abort();
  if (signal?.aborted) abort();
  signal?.addEventListener('abort', abort);
  let failure: { error: unknown } | undefined;
  try {
    const guarded = works.map((work) =>
      work(controller.signal).catch((error) => {
        failure ??= { error };
        abort();
      }),
    );
    await Promise.all(guarded);
  } finally {
    signal?.removeEventListener('abort', abort);
  }
  if (failure) throw failure.error;
}

function grayView({ width, height, channels, data }: Image8, preprocessing: string): ModelView {
  return { width, height, gray: channels === 1 ? data : luminance(data), preprocessing };
}

/** How often each label stands in the samples. */
export function summarizeSamples(predictions: readonly Prediction[]): SampledAnswers {
  const frequency = CHEXPERT_LABELS.map((label) => ({
    label,
    count: predictions.filter(({ reading }) => reading.findings.includes(label)).length,
  }));
  const failures = predictions.filter(({ reading }) => reading.parseFailure !== null).length;
  return { predictions: [...predictions], frequency, failures };
}
