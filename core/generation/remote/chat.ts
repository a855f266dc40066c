/**
 * One question to an OpenAI-compatible server, streamed: POST /v1/chat/completions with `stream`, `logprobs` and a seed.
 * What each kind of server wants beyond the common form is in one table; a server that sends the whole answer at once
 * instead of a stream is understood too. Calls: vLLM's chat_completion/protocol.py, llama.cpp's tools/server, Ollama's
 * OpenAI compatibility page.
 */
import { WorkbenchError } from '../../base/errors.ts';
import type { Sampling } from '../sampling.ts';
import { type HttpAnswer, type HttpCall, notJson, place, readText, send, statusError } from './http.ts';
import { RetryAfter } from './retry.ts';
import { events } from './sse.ts';

export const SERVER_KINDS = ['vllm', 'llama.cpp', 'ollama', 'openai'] as const;
export type ServerKind = (typeof SERVER_KINDS)[number];

export type RemotePart =
  | { type: 'text'; text: string }
  /** `url` null: the server has the image under this uuid already (vLLM). */
  | { type: 'image_url'; image_url: { url: string } | null; uuid?: string };

export interface RemoteMessage {
  role: 'system' | 'user' | 'assistant';
  content: string | RemotePart[];
}

export interface ChatRequest {
  kind: ServerKind;
  /** The server's name of the model or, with vLLM, of the adapter. */
  model: string;
  /** llama.cpp: the scale of every adapter that the server has. */
  lora?: { id: number; scale: number }[];
  messages: RemoteMessage[];
  sampling: Sampling;
  maxNewTokens: number;
  /** The last message is the beginning of the answer, which is to be gone on with; nothing is streamed. */
  continues?: boolean;
  /** Most probable tokens that are told at each place; absent: only the chosen one. */
  topLogprobs?: number;
  /** vLLM: tell the probabilities of just these tokens. */
  logprobTokenIds?: number[];
  /** vLLM: tell the probabilities of the prompt's own tokens. */
  promptLogprobs?: boolean;
}

export interface ChatToken {
  text: string;
  logprob: number;
  top: { text: string; id: number | null; logprob: number }[];
}

export interface ChatAnswer {
  text: string;
  tokens: ChatToken[];
  /** Empty where the server does not tell them. */
  tokenIds: number[];
  stop: 'end' | 'length';
  /** The model that the server says has answered. */
  model: string;
  promptTokens: number | null;
  /** By place in the prompt and token id, where it was asked for. */
  promptLogprobs: (Record<string, { logprob: number }> | null)[];
  seconds: { firstToken: number; total: number };
}

export type Connection = Omit<HttpCall, 'path' | 'body' | 'signal'>;

/** What a kind of server wants beyond OpenAI's common fields; its own sampling defaults are switched off where they can be. */
const DIALECTS: Record<ServerKind, (request: ChatRequest) => object> = {
  vllm: ({ sampling, maxNewTokens, continues, logprobTokenIds }) => ({
    max_completion_tokens: maxNewTokens,
    top_k: sampling.topK === 0 ? -1 : sampling.topK,
    min_p: 0,
    repetition_penalty: 1,
    return_token_ids: true,
    ...(continues ? { continue_final_message: true, add_generation_prompt: false } : {}),
    ...(logprobTokenIds ? { logprob_token_ids: logprobTokenIds, return_tokens_as_token_ids: true } : {}),
  }),
  'llama.cpp': ({ sampling, maxNewTokens, lora, continues }) => ({
    max_tokens: maxNewTokens,
    top_k: sampling.topK,
    min_p: 0,
    repeat_penalty: 1,
    // Else the server may cut the think block out of the text.
    reasoning_format: 'none',
    // An end token would be told with no probabilities.
    ...(continues ? { ignore_eos: true } : {}),
    ...(lora ? { lora } : {}),
  }),
  // Its OpenAI form takes no top_k, and samples among the 40 most probable tokens.
  ollama: ({ maxNewTokens }) => ({ max_tokens: maxNewTokens }),
  openai: ({ maxNewTokens }) => ({ max_tokens: maxNewTokens }),
};

export function chatBody(request: ChatRequest): object {
  const { model, messages, sampling, topLogprobs = 0, promptLogprobs = false, continues = false } = request;
  return {
    model,
    messages,
    temperature: sampling.temperature,
    top_p: sampling.topP,
    seed: sampling.seed,
    // What follows a given beginning is one token; half a character would not be streamed.
    ...(continues ? {} : { stream: true, stream_options: { include_usage: true } }),
    ...(promptLogprobs ? { prompt_logprobs: 1 } : {}),
    logprobs: true,
    ...(topLogprobs > 0 ? { top_logprobs: topLogprobs } : {}),
    ...DIALECTS[request.kind](request),
  };
}

/**
 * Asks once. `onText` gets the whole text so far. Errors: those of http.ts, and SERVER_ANSWER where what came is no chat
 * completion or says that something failed; what may pass comes as RetryAfter.
 */
export async function chat(
  connection: Connection,
  request: ChatRequest,
  options: { signal?: AbortSignal; onText?(text: string, tokens: number): void } = {},
): Promise<ChatAnswer> {
  const start = performance.now();
  const call = { ...connection, path: '/v1/chat/completions', body: chatBody(request), signal: options.signal };
  const answer = await send(call);
  if (answer.status !== 200) throw new RetryAfter(await statusError(answer, call), answer.retryAfter);
  const growing = new GrowingAnswer(call);
  let first: number | undefined;
  const seconds = () => (performance.now() - start) / 1000;
  for await (const chunk of chunksOf(answer, call)) {
    const before = growing.text.length;
    growing.take(chunk);
    if (growing.text.length === before) continue;
    first ??= seconds();
    options.onText?.(growing.text, growing.tokens.length);
  }
  const total = seconds();
  return growing.finish({ firstToken: first ?? total, total }, request.model);
}

/** The pieces of a stream, or the whole answer as one piece. */
async function* chunksOf(answer: HttpAnswer, call: HttpCall): AsyncGenerator<unknown> {
  if (answer.contentType.includes('event-stream')) {
    for await (const data of events(answer.body)) {
      if (data === '[DONE]') return;
      yield parsed(data, call, answer.contentType);
    }
    return;
  }
  yield parsed(await readText(answer), call, answer.contentType);
}

function parsed(text: string, call: HttpCall, contentType: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw notJson(call, text, contentType);
  }
}

interface Delta {
  content?: unknown;
  reasoning?: unknown;
  reasoning_content?: unknown;
}

interface Choice {
  delta?: Delta;
  message?: Delta;
  logprobs?: { content?: { token?: unknown; logprob?: unknown; top_logprobs?: unknown }[] | null } | null;
  finish_reason?: unknown;
  token_ids?: unknown;
}

/** An answer while it comes. */
class GrowingAnswer {
  readonly tokens: ChatToken[] = [];
  private readonly tokenIds: number[] = [];
  private reasoning = '';
  private content = '';
  private finish_: string | null = null;
  private model = '';
  private promptTokens: number | null = null;
  private promptLogprobs: ChatAnswer['promptLogprobs'] = [];

  constructor(private readonly call: HttpCall) {}

  /** A reasoning parser of the server takes the think block out of the text; it is put back. */
  get text(): string {
    if (this.reasoning === '') return this.content;
    const closed = this.content === '' && this.finish_ === null ? '' : '</think>';
    return `<think>${this.reasoning}${closed}${this.content}`;
  }

  take(chunk: unknown): void {
    const json = chunk as { choices?: unknown; error?: unknown; usage?: { prompt_tokens?: unknown } | null };
    if (typeof json !== 'object' || json === null) throw this.wrong('It is no object.');
    if (json.error !== undefined && json.error !== null) throw this.wrong(`It says: ${messageIn(json.error)}`);
    if (typeof json.usage?.prompt_tokens === 'number') this.promptTokens = json.usage.prompt_tokens;
    if (typeof (json as { model?: unknown }).model === 'string') this.model = (json as { model: string }).model;
    const { prompt_logprobs: told } = json as { prompt_logprobs?: unknown };
    if (Array.isArray(told)) this.promptLogprobs = told as ChatAnswer['promptLogprobs'];
    if (!Array.isArray(json.choices)) throw this.wrong('It has no choices.');
    for (const choice of json.choices as Choice[]) this.takeChoice(choice);
  }

  private takeChoice(choice: Choice): void {
    const part = choice.delta ?? choice.message;
    if (typeof part !== 'object' || part === null) throw this.wrong('A choice has no text.');
    const reasoning = part.reasoning ?? part.reasoning_content;
    if (typeof reasoning === 'string') this.reasoning += reasoning;
    if (typeof part.content === 'string') this.content += part.content;
    for (const { token, logprob, top_logprobs: top } of choice.logprobs?.content ?? []) {
      if (typeof token !== 'string' || typeof logprob !== 'number') throw this.wrong('A token has no probability.');
      this.tokens.push({ text: token, logprob, top: topOf(top) });
    }
    if (Array.isArray(choice.token_ids)) this.tokenIds.push(...(choice.token_ids as number[]));
    if (typeof choice.finish_reason === 'string') this.finish_ = choice.finish_reason;
  }

  finish(seconds: ChatAnswer['seconds'], asked: string): ChatAnswer {
    if (this.finish_ === null) {
      const details = { ...place(this.call), characters: this.text.length };
      throw new WorkbenchError('SERVER_BROKE_OFF', 'The answer ended before it was whole.', details);
    }
    if (this.finish_ !== 'stop' && this.finish_ !== 'length') throw this.wrong(`It ended with "${this.finish_}".`);
    const { text, tokens, promptTokens, promptLogprobs } = this;
    const tokenIds = this.tokenIds.every(Number.isSafeInteger) ? this.tokenIds : [];
    const stop = this.finish_ === 'length' ? 'length' : 'end';
    return { text, tokens, tokenIds, stop, model: this.model || asked, promptTokens, promptLogprobs, seconds };
  }

  private wrong(problem: string): WorkbenchError {
    const message = `The server’s answer is no chat completion. ${problem}`;
    return new WorkbenchError('SERVER_ANSWER', message, place(this.call));
  }
}

/** llama.cpp tells a token's `id`; vLLM writes it as the token's text where that was asked for. */
function topOf(top: unknown): ChatToken['top'] {
  if (!Array.isArray(top)) return [];
  return top.flatMap(({ token, logprob, id }) => {
    if (typeof token !== 'string' || typeof logprob !== 'number') return [];
    const written = /^token_id:(\d+)$/.exec(token)?.[1];
    return [{ text: token, logprob, id: typeof id === 'number' ? id : written === undefined ? null : Number(written) }];
  });
}

function messageIn(error: unknown): string {
  const message = typeof error === 'string' ? error : (error as { message?: unknown }).message;
  return String(message ?? JSON.stringify(error)).slice(0, 300);
}
