/** A server asked directly: what `chexreason infer --server` and `score --server` do. No workspace, nothing is stored. */
import { WorkbenchError } from '../base/errors.ts';
import { sha256 } from '../base/hash.ts';
import { openFilm } from '../dicom/openFilm.ts';
import { readCompletion } from '../findings/parse.ts';
import type { AnswerFormat } from '../findings/types.ts';
import { ANSWER_TREE } from '../generation/labelProbabilities.ts';
import type { ChatAnswer } from '../generation/remote/chat.ts';
import type { RemoteModel, ServerFacts } from '../generation/remote/detect.ts';
import { remoteLabelProbabilities, remoteScore } from '../generation/remote/labels.ts';
import { type RemoteQuestion, RemoteServer, type ServerOptions } from '../generation/remote/server.ts';
import { GREEDY } from '../generation/sampling.ts';
import { toModelImage } from '../preprocessing/presets.ts';
import {
  type Asks,
  DEFAULT_MAX_NEW_TOKENS,
  DEFAULT_PREPROCESSING,
  frequencyOf,
  type InferenceResult,
  type InferenceSettings,
  type Question,
  type Sample,
  type ScoreResult,
} from './inference.ts';
import { pngOf, requireVision } from './remoteAnswers.ts';

export interface RemoteInferenceOptions extends ServerOptions {
  /** Absent: the server's only base model. */
  model?: string;
  adapter?: string;
  preprocessing?: string;
  answerFormat?: AnswerFormat;
}

interface AskedServer {
  server: { address: string; kind: string; version: string; model: string; adapter: string | null };
}

export type RemoteInferenceResult = InferenceResult & AskedServer;

export type RemoteScoreResult = ScoreResult & AskedServer;

export class RemoteInference implements Asks {
  private constructor(
    private readonly server: RemoteServer,
    private readonly facts: ServerFacts,
    private readonly model: RemoteModel,
    private readonly adapter: RemoteModel | null,
    private readonly options: RemoteInferenceOptions,
    private readonly loadSeconds: number,
  ) {}

  /** Errors: those of RemoteServer.facts; SERVER_MODEL_UNKNOWN with what there is. */
  static async open(options: RemoteInferenceOptions): Promise<RemoteInference> {
    const start = performance.now();
    const server = new RemoteServer(options);
    const facts = await server.facts();
    const bases = facts.models.filter(({ parent }) => parent === null);
    const model = options.model === undefined && bases.length === 1 ? bases[0] : named(facts, server, options.model);
    const adapter = options.adapter === undefined ? null : named(facts, server, options.adapter);
    return new RemoteInference(server, facts, model!, adapter, options, (performance.now() - start) / 1000);
  }

  async infer(question: Question, settings: InferenceSettings): Promise<RemoteInferenceResult> {
    const asked = await this.read(question, settings);
    const start = performance.now();
    const answers = await Promise.all(
      Array.from({ length: settings.samples }, (_, i) => {
        const seed = settings.sampling.seed + i;
        return this.server.ask({ ...asked, sampling: { ...settings.sampling, seed } }, { signal: settings.signal });
      }),
    );
    const seconds = (performance.now() - start) / 1000;
    const samples = answers.map((answer) => this.sampleOf(answer));
    const prefill = answers[0]!.seconds.firstToken;
    return {
      ...samples[0]!,
      ...this.engine(),
      seconds: { load: this.loadSeconds, vision: 0, prefill, decode: seconds - prefill },
      ...(settings.samples > 1 ? { samples, frequency: frequencyOf(samples) } : {}),
      ...(settings.labelProbabilities ? await this.scores(asked, samples[0]!, settings.signal) : {}),
    };
  }

  /**
   * A given answer: its tokens' log-probabilities, and with `labels` the probability of each label after its reasoning. Where
   * only labels can be told (llama.cpp), only they are. Errors: those of remoteScore and remoteLabelProbabilities.
   */
  async score(
    question: Question,
    completion: string,
    labels: boolean,
    signal?: AbortSignal,
  ): Promise<RemoteScoreResult> {
    const asked = await this.read(question, { sampling: GREEDY, maxNewTokens: 1 });
    const { findings } = readCompletion(completion, this.options.answerFormat);
    const isTold = this.facts.kind === 'vllm' || !labels;
    const told = isTold ? await remoteScore(this.server, asked, completion, signal) : { tokenIds: [], logprobs: [] };
    const scores = labels ? await this.scores(asked, { text: completion, findings }, signal) : {};
    return { ...told, ...this.engine(), ...scores };
  }

  async dispose(): Promise<void> {}

  private engine() {
    const { kind, version } = this.facts;
    const { address } = this.server;
    return {
      promptTokenIds: [],
      executor: kind,
      precision: this.model.precision || 'of the server',
      engine: { name: kind, version, threads: 0, reason: `the server ${address}` },
      server: { address, kind, version, model: this.model.id, adapter: this.adapter?.id ?? null },
    };
  }

  private async scores(
    asked: RemoteQuestion,
    { text, findings }: Pick<Sample, 'text' | 'findings'>,
    signal?: AbortSignal,
  ) {
    const answered = { text, findings, block: this.options.answerFormat ?? ('solution' as const) };
    const { values, unexplored } = await remoteLabelProbabilities(this.server, asked, answered, signal);
    return { scores: values, scoreMethod: ANSWER_TREE, scoresUnexplored: unexplored };
  }

  private async read(
    { messages, images }: Question,
    settings: Pick<InferenceSettings, 'sampling' | 'maxNewTokens'>,
  ): Promise<RemoteQuestion> {
    const { kind, models } = this.facts;
    if (images.length > 0) requireVision(this.server.address, this.adapter ?? this.model);
    const adapters = models.filter(({ loraId }) => loraId !== undefined);
    return {
      kind,
      model: kind === 'llama.cpp' ? this.model.id : (this.adapter ?? this.model).id,
      ...(kind === 'llama.cpp'
        ? { lora: adapters.map(({ id, loraId }) => ({ id: loraId!, scale: id === this.adapter?.id ? 1 : 0 })) }
        : {}),
      image: images[0] === undefined ? null : await this.image(images[0]),
      text: textOf(messages, images.length),
      sampling: settings.sampling,
      maxNewTokens: settings.maxNewTokens ?? DEFAULT_MAX_NEW_TOKENS,
    };
  }

  private async image(file: string) {
    const film = await openFilm(file);
    const preprocessing = this.options.preprocessing ?? DEFAULT_PREPROCESSING[film.kind];
    const png = pngOf(toModelImage(film, preprocessing));
    return { uuid: sha256(`${film.sha256}/${preprocessing}`).slice(0, 32), png: () => png };
  }

  private sampleOf({ text, tokenIds, tokens, stop }: ChatAnswer): Sample {
    const { reasoning, findings, parseFailure } = readCompletion(text, this.options.answerFormat);
    return { text, tokenIds, logprobs: tokens.map(({ logprob }) => logprob), stop, reasoning, findings, parseFailure };
  }
}

function named({ models }: ServerFacts, { address }: RemoteServer, name: string | undefined): RemoteModel {
  const found = models.find(({ id }) => id === name);
  if (found) return found;
  throw new WorkbenchError(
    'SERVER_MODEL_UNKNOWN',
    name === undefined ? 'The server has more than one model.' : 'The server has no model of this name.',
    { server: address, ...(name === undefined ? {} : { model: name }), known: models.map(({ id }) => id) },
    'Name one of them with --model-name, an adapter with --adapter-name.',
  );
}

/** One user's turn with at most one image before its text is what is sent. */
function textOf(messages: Question['messages'], images: number): string {
  const [message, ...more] = messages;
  const parts = typeof message?.content === 'string' ? [message.content] : (message?.content ?? []);
  const texts = parts.flatMap((part) => (typeof part === 'string' ? [part] : part.type === 'text' ? [part.text] : []));
  if (message?.role === 'user' && more.length === 0 && texts.length === 1 && images <= 1) return texts[0]!;
  throw new WorkbenchError(
    'MESSAGES_REMOTE',
    'A server is asked with one user message of one text and at most one film.',
  );
}
