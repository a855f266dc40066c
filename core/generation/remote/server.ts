/**
 * A server as a place that answers: a bounded number of requests at once, tried again where that may help, and each film
 * sent once where the server can keep it (vLLM's media cache, by uuid).
 */
import { toErrorData, WorkbenchError } from '../../base/errors.ts';
import {
  type ChatAnswer,
  type ChatRequest,
  type Connection,
  chat,
  type RemoteMessage,
  type ServerKind,
} from './chat.ts';
import { detectServer, loadVllmAdapter, type ServerFacts } from './detect.ts';
import { type HttpCall, readJsonBody, send, serverAddress, statusError } from './http.ts';
import { Gate, RETRY, RetryAfter, type RetryPolicy, withRetries } from './retry.ts';

export interface ServerOptions {
  address: string;
  key?: string;
  /** Requests at once. */
  concurrency?: number;
  /** Until an answer begins, and between its pieces. */
  timeoutSeconds?: number;
  retry?: Partial<RetryPolicy>;
}

export const DEFAULT_CONCURRENCY = 8;
export const DEFAULT_TIMEOUT_SECONDS = 300;
/** A list of models or a health check is there at once, or not at all. */
const PROBE_SECONDS = 10;
const MAX_ANSWER_BYTES = 32 * 2 ** 20;
/** Rows in a row that a server did not answer before the rest is not even tried. */
const GIVES_UP_AFTER = 5;

/** A film as it is sent. */
export interface RemoteImage {
  /** The same for the same pixels. */
  uuid: string;
  png(): Uint8Array;
}

export interface RemoteQuestion extends Omit<ChatRequest, 'messages'> {
  image: RemoteImage | null;
  text: string;
  /** The beginning of the answer, to be gone on with. */
  answer?: string;
}

export interface AskOptions {
  signal?: AbortSignal;
  onText?(text: string, tokens: number): void;
}

export class RemoteServer {
  readonly address: string;
  private readonly connection: Connection;
  private readonly gate: Gate;
  private readonly retry: RetryPolicy;
  /** By uuid: settled when the server has read the film, which its base model and all adapters share then. */
  private readonly sent = new Map<string, Promise<void>>();
  private silent = 0;

  /** @throws SERVER_ADDRESS */
  constructor({ address, key, concurrency, timeoutSeconds, retry }: ServerOptions) {
    this.address = serverAddress(address);
    const seconds = timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS;
    this.connection = {
      address: this.address,
      ...(key ? { key } : {}),
      firstByteSeconds: seconds,
      idleSeconds: seconds,
      maxBytes: MAX_ANSWER_BYTES,
    };
    this.gate = new Gate(concurrency ?? DEFAULT_CONCURRENCY);
    this.retry = { ...RETRY, ...retry };
  }

  facts(signal?: AbortSignal): Promise<ServerFacts> {
    const { firstByteSeconds, idleSeconds } = this.connection;
    const quick = (seconds: number) => Math.min(PROBE_SECONDS, seconds);
    const connection = {
      ...this.connection,
      firstByteSeconds: quick(firstByteSeconds),
      idleSeconds: quick(idleSeconds),
    };
    return detectServer(connection, signal);
  }

  loadAdapter(name: string, path: string, signal?: AbortSignal): Promise<void> {
    return loadVllmAdapter(this.connection, { name, path }, signal);
  }

  /** The server's own tokens of a text, without special ones. vLLM and llama.cpp. */
  async tokenize(kind: ServerKind, model: string, text: string, signal?: AbortSignal): Promise<number[]> {
    const body = kind === 'vllm' ? { model, prompt: text, add_special_tokens: false } : { content: text };
    const json = await this.post('/tokenize', body, signal);
    const tokens = (json as { tokens?: unknown }).tokens;
    if (Array.isArray(tokens) && tokens.every(Number.isSafeInteger)) return tokens as number[];
    throw this.wrong('/tokenize');
  }

  async detokenize(kind: ServerKind, model: string, tokens: number[], signal?: AbortSignal): Promise<string> {
    const json = await this.post('/detokenize', kind === 'vllm' ? { model, tokens } : { tokens }, signal);
    const { prompt, content } = json as { prompt?: unknown; content?: unknown };
    const text = prompt ?? content;
    if (typeof text === 'string') return text;
    throw this.wrong('/detokenize');
  }

  private post(path: string, body: object, signal?: AbortSignal): Promise<unknown> {
    const call = { ...this.connection, path, body, signal };
    return this.gate.through(() => withRetries(() => postJson(call), this.retry, signal));
  }

  private wrong(path: string): WorkbenchError {
    return new WorkbenchError('SERVER_ANSWER', 'The server’s answer has another form than it should.', {
      server: this.address,
      path,
    });
  }

  /** A job begins: whatever was wrong with the server before, it is tried again. */
  reset(): void {
    this.silent = 0;
  }

  /** Errors: those of chat.ts and http.ts; SERVER_GIVEN_UP after several questions in a row without an answer. */
  async ask(question: RemoteQuestion, options: AskOptions = {}): Promise<ChatAnswer> {
    return this.gate.through(async () => {
      if (this.silent >= GIVES_UP_AFTER) throw this.givenUp();
      try {
        const answer = await withRetries(() => this.askOnce(question, options), this.retry, options.signal);
        this.silent = 0;
        return answer;
      } catch (thrown) {
        const error = thrown instanceof RetryAfter ? thrown.error : thrown;
        const { code } = toErrorData(error);
        if (code === 'SERVER_UNREACHABLE' || code === 'SERVER_TIMEOUT') this.silent++;
        else if (code !== 'CANCELLED') this.silent = 0;
        throw error;
      }
    });
  }

  private async askOnce(question: RemoteQuestion, options: AskOptions): Promise<ChatAnswer> {
    const { image } = question;
    if (!image || question.kind !== 'vllm') return this.chat(question, image !== null, options);
    const there = this.sent.get(image.uuid);
    if (there) {
      const arrived = await there.then(
        () => true,
        () => false,
      );
      if (arrived) {
        try {
          return await this.chat(question, false, options);
        } catch (thrown) {
          // Its cache has let go of the film, or the server was started anew.
          if (!refused(thrown)) throw thrown;
        }
      }
    }
    return this.sendImage(image.uuid, question, options);
  }

  /** Others that ask about the film meanwhile wait until the server has it: until its answer begins. */
  private async sendImage(uuid: string, question: RemoteQuestion, options: AskOptions): Promise<ChatAnswer> {
    let arrived = () => {};
    let failed = () => {};
    const sending = new Promise<void>((resolve, reject) => {
      arrived = resolve;
      failed = reject;
    });
    sending.catch(() => {});
    this.remember(uuid, sending);
    try {
      const answer = await this.chat(question, true, {
        ...options,
        onText: (text, tokens) => {
          arrived();
          options.onText?.(text, tokens);
        },
      });
      arrived();
      return answer;
    } catch (error) {
      if (this.sent.get(uuid) === sending) this.sent.delete(uuid);
      failed();
      throw error;
    }
  }

  private remember(uuid: string, sending: Promise<void>): void {
    const MOST = 4096;
    this.sent.delete(uuid);
    this.sent.set(uuid, sending);
    for (const oldest of this.sent.keys()) if (this.sent.size > MOST) this.sent.delete(oldest);
  }

  private chat(question: RemoteQuestion, withImage: boolean, options: AskOptions): Promise<ChatAnswer> {
    const { image, text, answer, ...request } = question;
    return chat(
      this.connection,
      {
        ...request,
        messages: messagesOf(request.kind, image, withImage, text, answer),
        continues: answer !== undefined,
      },
      options,
    );
  }

  private givenUp(): WorkbenchError {
    return new WorkbenchError(
      'SERVER_GIVEN_UP',
      `The server left ${GIVES_UP_AFTER} questions in a row without an answer, so this one was not sent.`,
      { server: this.address },
      'When it answers again, resume: only what is missing is asked.',
    );
  }
}

async function postJson(call: HttpCall): Promise<unknown> {
  const answer = await send(call);
  if (answer.status !== 200) throw new RetryAfter(await statusError(answer, call), answer.retryAfter);
  return readJsonBody(answer, call);
}

/** The image, then the instruction, as the paper's prompts are put. */
function messagesOf(
  kind: ServerKind,
  image: RemoteImage | null,
  withImage: boolean,
  text: string,
  answer: string | undefined,
): RemoteMessage[] {
  const url = image && withImage ? `data:image/png;base64,${Buffer.from(image.png()).toString('base64')}` : null;
  const uuid = image && kind === 'vllm' ? { uuid: image.uuid } : {};
  const picture = { type: 'image_url' as const, image_url: url === null ? null : { url }, ...uuid };
  return [
    { role: 'user', content: [...(image ? [picture] : []), { type: 'text', text }] },
    ...(answer === undefined ? [] : [{ role: 'assistant' as const, content: answer }]),
  ];
}

/** The server understood and said no: without the image it cannot answer. */
function refused(thrown: unknown): boolean {
  const error = thrown instanceof RetryAfter ? thrown.error : thrown;
  const { code } = toErrorData(error);
  return (
    code === 'SERVER_REFUSED' || code === 'SERVER_UNKNOWN_PATH' || code === 'SERVER_FAILED' || code === 'SERVER_ANSWER'
  );
}
