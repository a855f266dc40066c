/**
 * Films read by checkpoints: film -> preprocessing -> image features -> completion -> findings, with everything that the
 * answer depends on. Films of one base model are read together, whatever checkpoint they are asked of: image features are
 * computed once for all, and base, SFT and GRPO answer in one batch.
 */

import { sha256 } from '../base/hash.ts';
import { throwIfCancelled } from '../base/progress.ts';
import type { Film } from '../dicom/film.ts';
import { parseCompletion } from '../findings/parse.ts';
import { type Completion, type GenerationRequest, generate } from '../generation/generate.ts';
import { CHEXPERT_LABELS } from '../labels/labels.ts';
import { loadProcessor } from '../models/architectures.ts';
import { type ImageFeatures, tokensOf } from '../models/runner.ts';
import { toModelImage } from '../preprocessing/presets.ts';
import { luminance } from '../preprocessing/resize.ts';
import { imageQuestion, promptInput } from '../text/promptInput.ts';
import type { Prompt } from '../text/types.ts';
import type { Checkpoints } from './checkpoints.ts';
import type { Collections } from './collections.ts';
import type { Checkpoint, FilmEntry, ModelView, Prediction, Provenance, SampledAnswers } from './contract.ts';
import type { LoadedModel, Models } from './models.ts';
import { type PredictionStore, predictionKey } from './predictions.ts';

export interface AnswerSettings {
  temperature: number;
  topP: number;
  /** Absent or 0: off. */
  topK?: number;
  seed: number;
  /** Absent: what the checkpoint's card says. */
  maxNewTokens?: number;
}

export const GREEDY: AnswerSettings = { temperature: 0, topP: 1, seed: 0 };

export interface Question {
  film: FilmEntry;
  checkpoint: Checkpoint;
  /** Of one sample of several; absent: that of the settings. */
  seed?: number;
}

export interface AnswerOptions {
  signal?: AbortSignal;
  /** The text so far of the question's answer. */
  onText?(question: Question, text: string, tokens: number): void;
  /** Called once for each question, as answers come; stored before. */
  onAnswer?(question: Question, prediction: Prediction): void | Promise<void>;
}

/** Rows that are generated at once. */
const BATCH = 24;

export class Answers {
  constructor(
    private readonly collections: Collections,
    private readonly checkpoints: Checkpoints,
    private readonly models: Models,
    private readonly prompts: ReadonlyMap<string, Prompt>,
    private readonly store: PredictionStore,
    private readonly now: () => Date,
  ) {}

  /** Everything that the answer depends on. Opens the film and loads the base model. */
  async provenance(question: Question, settings: AnswerSettings): Promise<Provenance> {
    const film = await this.collections.open(question.film.id);
    return this.provenanceOf(question, film, await this.model(question.checkpoint), settings);
  }

  /** The stored answers to greedy decoding, by checkpoint id. */
  async ofFilm(entry: FilmEntry): Promise<Record<string, Prediction>> {
    const answers: Record<string, Prediction> = {};
    for (const checkpoint of this.checkpoints.list()) {
      if (checkpoint.error) continue;
      const key = predictionKey(await this.provenance({ film: entry, checkpoint }, GREEDY));
      const prediction = this.store.get(key);
      if (prediction) answers[checkpoint.id] = { ...prediction, filmId: entry.id, checkpointId: checkpoint.id };
    }
    return answers;
  }

  /** The pixels that the checkpoint's network gets of the film, before normalization. */
  async modelView({ film: entry, checkpoint }: Question): Promise<ModelView> {
    const film = await this.collections.open(entry.id);
    const processor = await loadProcessor(this.checkpoints.baseFolder(checkpoint));
    const { width, height, channels, data } = processor.resized(toModelImage(film, checkpoint.preprocessing));
    const gray = channels === 1 ? data : luminance(data);
    return { width, height, gray, preprocessing: checkpoint.preprocessing };
  }

  /** Answers every question, from the store where the answer is there already. In the order of the questions. */
  async answer(
    questions: readonly Question[],
    settings: AnswerSettings,
    options: AnswerOptions = {},
  ): Promise<Prediction[]> {
    const answers = new Array<Prediction>(questions.length);
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
    return answers;
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
    for (const { film } of questions) films.set(film.id, films.get(film.id) ?? (await this.collections.open(film.id)));
    const provenances = questions.map((question) =>
      this.provenanceOf(question, films.get(question.film.id)!, model, settings),
    );
    const answers = provenances.map((provenance) => this.store.get(predictionKey(provenance)));
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
    const streams = asked.map(() => ({ text: '', tokens: 0, stream: model.tokenizer.stream() }));
    const stored: Promise<void>[] = [];
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
        stored.push(this.store.add(prediction).then(() => options.onAnswer?.(asked[row]!, prediction)));
      },
    });
    await Promise.all(stored);
    return answers as Prediction[];
  }

  private model(checkpoint: Checkpoint): Promise<LoadedModel> {
    return this.models.base(this.checkpoints.baseFolder(checkpoint));
  }

  private promptOf(checkpoint: Checkpoint): Prompt {
    return this.prompts.get(checkpoint.promptId) ?? this.prompts.get('free-reasoning')!;
  }

  private provenanceOf(
    { checkpoint, seed }: Question,
    film: Film,
    model: LoadedModel,
    settings: AnswerSettings,
  ): Provenance {
    const prompt = this.promptOf(checkpoint);
    const { executor, info } = model.runner;
    return {
      imageHash: film.sha256,
      preprocessing: checkpoint.preprocessing,
      baseHash: info.weightsHash,
      adapterHash: checkpoint.baseId === null ? null : checkpoint.hash,
      promptId: prompt.id,
      promptHash: sha256(`${prompt.text}\n${model.template.source}`),
      temperature: settings.temperature,
      topP: settings.topP,
      topK: settings.topK ?? 0,
      seed: seed ?? settings.seed,
      maxNewTokens: settings.maxNewTokens ?? checkpoint.maxNewTokens,
      precision: 'f32',
      executor: executor.name,
      executorVersion: executor.version,
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
      const { preprocessing } = checkpoint;
      const key = { imageHash: film.sha256, preprocessing, baseHash: model.runner.info.weightsHash };
      const id = `${film.sha256}/${preprocessing}`;
      const features =
        found.get(id) ??
        (await model.features.get(key, () =>
          model.runner.encodeImages([model.processor.pixelValues(toModelImage(film, preprocessing))]),
        ));
      found.set(id, features);
      all.push(features);
    }
    return all;
  }

  private async request(
    { checkpoint }: Question,
    images: ImageFeatures,
    model: LoadedModel,
    provenance: Provenance,
  ): Promise<GenerationRequest> {
    const messages = imageQuestion(this.promptOf(checkpoint).text);
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

  private predictionOf(
    { film, checkpoint }: Question,
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
      reading: parseCompletion(text),
      tokenIds: completion.tokenIds,
      logprobs: completion.logprobs,
      stop: completion.stop,
      provenance,
      // Each answer's share of the batch that it was made in.
      seconds: { vision, prefill: prefill / together, decode: decode / together },
      createdAt: this.now().toISOString(),
    };
  }
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
