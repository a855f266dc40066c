/**
 * Films read by checkpoints of a server. What is sent: the film's pixels as the checkpoint's preset makes them (8-bit PNG,
 * no header, no name), the instruction, and the sampling settings. Resizing and the chat template are the server's.
 */
import { PNG } from 'pngjs';
import { WorkbenchError } from '../base/errors.ts';
import { sha256 } from '../base/hash.ts';
import type { Film } from '../dicom/film.ts';
import { readCompletion } from '../findings/parse.ts';
import type { ChatAnswer } from '../generation/remote/chat.ts';
import type { RemoteModel } from '../generation/remote/detect.ts';
import type { RemoteImage, RemoteQuestion } from '../generation/remote/server.ts';
import { presetFor, toModelImage } from '../preprocessing/presets.ts';
import type { Image8 } from '../preprocessing/resize.ts';
import type { Prompt } from '../text/types.ts';
import type { AnswerOptions, AnswerSettings, Question } from './answers.ts';
import type { Prediction, Provenance, RemoteTarget } from './contract.ts';
import { predictionKey } from './predictions.ts';
import type { Servers } from './servers.ts';

/** Films kept as PNG: several checkpoints are asked about the same one. */
const IMAGES_KEPT = 8;

export class RemoteAnswers {
  private readonly images = new Map<string, RemoteImage>();

  constructor(
    readonly servers: Servers,
    private readonly now: () => Date,
  ) {}

  provenance({ checkpoint, seed }: Question, film: Film, prompt: Prompt, settings: AnswerSettings): Provenance {
    const target = checkpoint.server!;
    const of = (model: string) => sha256(`${target.address}\n${model}`);
    return {
      imageHash: film.sha256,
      preprocessing: presetFor(film, checkpoint.preprocessing),
      baseHash: of(target.parent ?? target.model),
      adapterHash: target.parent === null ? null : of(target.model),
      promptId: prompt.id,
      promptHash: sha256(prompt.text),
      temperature: settings.temperature,
      topP: settings.topP,
      topK: settings.topK ?? 0,
      seed: seed ?? settings.seed,
      maxNewTokens: settings.maxNewTokens ?? checkpoint.maxNewTokens,
      precision: target.precision || 'of the server',
      executor: target.kind,
      executorVersion: target.version,
      server: target.address,
      serverModel: target.model,
      ...(checkpoint.answerFormat === 'answer' ? { answerFormat: checkpoint.answerFormat } : {}),
    };
  }

  /** Asks; nothing is stored here. Errors: those of RemoteServer.ask; SERVER_NOT_CONFIGURED, SERVER_MODEL_GONE. */
  async answer(
    question: Question,
    film: Film,
    prompt: Prompt,
    provenance: Provenance,
    options: AnswerOptions,
  ): Promise<Prediction> {
    const asked = await this.question(question, film, prompt, provenance);
    const answer = await this.server(question.checkpoint.server!).ask(asked, {
      signal: options.signal,
      onText: (text, tokens) => options.onText?.(question, text, tokens),
    });
    return this.predictionOf(question, answer, provenance);
  }

  /** What is sent. */
  async question(
    { checkpoint }: Question,
    film: Film,
    prompt: Prompt,
    { temperature, topP, topK, seed, maxNewTokens, imageHash, preprocessing }: Provenance,
  ): Promise<RemoteQuestion> {
    const target = checkpoint.server!;
    await this.vision(target);
    return {
      kind: target.kind,
      model: target.kind === 'llama.cpp' ? (target.parent ?? target.model) : target.model,
      ...(await this.lora(target)),
      image: this.image(`${imageHash}/${preprocessing}`, () => toModelImage(film, preprocessing)),
      text: prompt.text,
      sampling: { temperature, topP, topK, seed },
      maxNewTokens,
    };
  }

  server(target: RemoteTarget) {
    return this.servers.remote(this.serverId(target));
  }

  serverId({ address }: RemoteTarget): string {
    const known = this.servers.byAddress(address);
    if (known) return known.id;
    throw new WorkbenchError(
      'SERVER_NOT_CONFIGURED',
      'This checkpoint is on a server that you have not added, and nothing is sent there.',
      { server: address },
      'Add the server on the Checkpoints screen, if you trust it with films.',
    );
  }

  /** @throws SERVER_WITHOUT_VISION where the server says so, before a film is sent for nothing */
  private async vision(target: RemoteTarget): Promise<void> {
    const { models } = await this.servers.facts(this.serverId(target));
    const model = models.find(({ id }) => id === target.model);
    if (model) requireVision(target.address, model);
  }

  /** llama.cpp: its adapters are all on unless a request says otherwise. */
  private async lora(target: RemoteTarget): Promise<Pick<RemoteQuestion, 'lora'>> {
    if (target.kind !== 'llama.cpp') return {};
    const { models } = await this.servers.facts(this.serverId(target));
    const adapters = models.filter(({ loraId }) => loraId !== undefined);
    if (target.parent !== null && !adapters.some(({ id }) => id === target.model)) throw modelGone(target);
    return { lora: adapters.map(({ id, loraId }) => ({ id: loraId!, scale: id === target.model ? 1 : 0 })) };
  }

  private image(id: string, make: () => Image8): RemoteImage {
    const known = this.images.get(id) ?? { uuid: sha256(id).slice(0, 32), png: once(() => pngOf(make())) };
    this.images.delete(id);
    this.images.set(id, known);
    for (const oldest of this.images.keys()) if (this.images.size > IMAGES_KEPT) this.images.delete(oldest);
    return known;
  }

  private predictionOf({ film, checkpoint }: Question, answer: ChatAnswer, provenance: Provenance): Prediction {
    const { text, tokens, tokenIds, stop, seconds } = answer;
    return {
      key: predictionKey(provenance),
      filmId: film.id,
      checkpointId: checkpoint.id,
      text,
      reading: readCompletion(text, provenance.answerFormat),
      tokenIds,
      tokens: tokens.map(({ text: token }) => token),
      logprobs: tokens.map(({ logprob }) => logprob),
      stop,
      provenance,
      seconds: { vision: 0, prefill: seconds.firstToken, decode: seconds.total - seconds.firstToken },
      createdAt: this.now().toISOString(),
    };
  }
}

export function modelGone({ address, model }: RemoteTarget): WorkbenchError {
  return new WorkbenchError(
    'SERVER_MODEL_GONE',
    'The server no longer has this model.',
    { server: address, model },
    'Load it on the server again.',
  );
}

/** @throws SERVER_WITHOUT_VISION */
export function requireVision(server: string, { id, vision }: RemoteModel): void {
  if (vision !== false) return;
  throw new WorkbenchError(
    'SERVER_WITHOUT_VISION',
    'The server says that this model takes no images.',
    { server, model: id },
    'llama.cpp needs the model’s image encoder beside it (--mmproj).',
  );
}

function once<T>(make: () => T): () => T {
  let value: T | undefined;
  return () => {
    value ??= make();
    return value;
  };
}

/** 8-bit gray or RGB, no header, nothing but the pixels. */
export function pngOf({ width, height, channels, data }: Image8): Uint8Array {
  const colorType = channels === 1 ? 0 : 2;
  const png = new PNG({ width, height, colorType, inputColorType: colorType, inputHasAlpha: false, bitDepth: 8 });
  png.data = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return PNG.sync.write(png, {
    colorType,
    inputColorType: colorType,
    inputHasAlpha: false,
    bitDepth: 8,
    deflateLevel: 3,
  });
}
