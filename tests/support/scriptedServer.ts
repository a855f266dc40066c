/** A model server that does what its script says, once for each question: answers, or one of the faults that servers have. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Act =
  | { do: 'answer'; text: string; reasoning?: string }
  | { do: 'whole'; text: string }
  | { do: 'json'; body: object }
  | { do: 'status'; status: number; retryAfter?: string; body?: string }
  | { do: 'html' }
  | { do: 'half' }
  | { do: 'silent' }
  | { do: 'stalls' }
  | { do: 'huge' }
  | { do: 'wrong-json' }
  | { do: 'not-json' }
  | { do: 'reset' }
  | { do: 'error-event' }
  | { do: 'redirect' };

export interface Asked {
  body: Record<string, unknown> & { messages: { role: string; content: unknown }[]; model: string };
  headers: Record<string, string | string[] | undefined>;
  at: number;
}

export interface ScriptedServer {
  address: string;
  asked: Asked[];
  /** Most requests under way at once. */
  most: number;
  /** What the next questions get; then `otherwise`. */
  script: Act[];
  otherwise: (asked: Asked) => Act;
  /** Answers of other paths: JSON, a status, or what is made of the request's body. */
  paths: Record<string, unknown>;
  posts: { path: string; body: unknown }[];
  close(): Promise<void>;
}

export async function scriptedServer(paths: Record<string, unknown> = VLLM): Promise<ScriptedServer> {
  let under = 0;
  const server: Server = createServer((request, response) => void handle(request, response));
  const scripted: ScriptedServer = {
    address: '',
    asked: [],
    most: 0,
    script: [],
    otherwise: () => ({ do: 'answer', text: '<think>Clear.</think><solution>No Finding</solution>' }),
    paths,
    posts: [],
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  async function handle(request: IncomingMessage, response: ServerResponse) {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const body = text === '' ? null : JSON.parse(text);
    if (request.url !== '/v1/chat/completions') {
      if (body) scripted.posts.push({ path: request.url!, body });
      const told = scripted.paths[request.url!];
      const value = typeof told === 'function' ? told(body) : told;
      response.writeHead(value === undefined ? 404 : typeof value === 'number' ? value : 200, JSON_TYPE);
      response.end(JSON.stringify(value ?? { detail: 'Not Found' }));
      return;
    }
    const asked = { body, headers: request.headers, at: Date.now() };
    scripted.asked.push(asked);
    under++;
    scripted.most = Math.max(scripted.most, under);
    response.on('close', () => under--);
    await new Promise((resolve) => setTimeout(resolve, 5));
    play(scripted.script.shift() ?? scripted.otherwise(asked), asked, request, response);
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  scripted.address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return scripted;
}

const JSON_TYPE = { 'content-type': 'application/json' };
const STREAM_TYPE = { 'content-type': 'text/event-stream; charset=utf-8' };

export const VLLM: Record<string, unknown> = {
  '/v1/models': {
    object: 'list',
    data: [
      {
        id: 'medgemma',
        object: 'model',
        owned_by: 'vllm',
        root: '/models/medgemma',
        parent: null,
        max_model_len: 4096,
      },
      { id: 'sft', object: 'model', owned_by: 'vllm', root: '/adapters/sft', parent: 'medgemma' },
      { id: 'grpo', object: 'model', owned_by: 'vllm', root: '/adapters/grpo', parent: 'medgemma' },
    ],
  },
  '/version': { version: '0.32.0' },
};

export const LLAMA: Record<string, unknown> = {
  '/v1/models': { object: 'list', data: [{ id: 'medgemma.gguf', owned_by: 'llamacpp', meta: { n_params: 1 } }] },
  '/props': {
    build_info: 'b11549-abc',
    model_path: '/models/medgemma.gguf',
    modalities: { vision: true },
    default_generation_settings: { n_ctx: 4096 },
  },
  '/lora-adapters': [
    { id: 0, path: '/adapters/sft.gguf', scale: 1 },
    { id: 1, path: '/adapters/grpo.gguf', scale: 1 },
  ],
};

export const OLLAMA: Record<string, unknown> = {
  '/v1/models': { object: 'list', data: [{ id: 'medgemma:4b', owned_by: 'library' }] },
  '/api/version': { version: '0.12.11' },
  '/api/tags': {
    models: [{ name: 'medgemma:4b', digest: '0123456789abcdef', details: { quantization_level: 'Q4_K_M' } }],
  },
};

function chunk(model: string, delta: object, finish: string | null, token?: string): string {
  const logprobs = token === undefined ? null : { content: [{ token, logprob: -0.5, bytes: null, top_logprobs: [] }] };
  return `data: ${JSON.stringify({ model, choices: [{ index: 0, delta, logprobs, finish_reason: finish }] })}\n\n`;
}

function play(act: Act, { body }: Asked, request: IncomingMessage, response: ServerResponse): void {
  const { model } = body;
  switch (act.do) {
    case 'answer': {
      response.writeHead(200, STREAM_TYPE);
      response.write(chunk(model, { role: 'assistant', content: '' }, null));
      if (act.reasoning !== undefined) response.write(chunk(model, { reasoning: act.reasoning }, null));
      for (const word of act.text.split(/(?<=\s)/)) response.write(chunk(model, { content: word }, null, word));
      response.write(chunk(model, {}, 'stop'));
      response.end(`data: ${JSON.stringify({ model, choices: [], usage: { prompt_tokens: 9 } })}\n\ndata: [DONE]\n\n`);
      return;
    }
    case 'whole':
      response.writeHead(200, JSON_TYPE);
      response.end(
        JSON.stringify({
          model,
          choices: [{ message: { role: 'assistant', content: act.text }, finish_reason: 'stop' }],
        }),
      );
      return;
    case 'json':
      response.writeHead(200, JSON_TYPE);
      response.end(JSON.stringify(act.body));
      return;
    case 'status':
      response.writeHead(act.status, act.retryAfter ? { ...JSON_TYPE, 'retry-after': act.retryAfter } : JSON_TYPE);
      response.end(act.body ?? JSON.stringify({ error: { message: 'said the server' } }));
      return;
    case 'html':
      response.writeHead(200, { 'content-type': 'text/html' });
      response.end('<!DOCTYPE html><html><body>Sign in</body></html>');
      return;
    case 'half':
      response.writeHead(200, STREAM_TYPE);
      response.end(chunk(model, { content: '<think>The heart' }, null, 'The heart'));
      return;
    case 'silent':
      return;
    case 'stalls':
      response.writeHead(200, STREAM_TYPE);
      response.write(chunk(model, { content: '<think>' }, null, '<think>'));
      return;
    case 'huge': {
      response.writeHead(200, STREAM_TYPE);
      const much = chunk(model, { content: 'x'.repeat(2 ** 20) }, null);
      const more = () => {
        while (!response.destroyed && response.write(much));
      };
      response.on('drain', more);
      more();
      return;
    }
    case 'wrong-json':
      response.writeHead(200, JSON_TYPE);
      response.end('{"answer": 42}');
      return;
    case 'not-json':
      response.writeHead(200, STREAM_TYPE);
      response.end('data: {"choices": [{"delta"\n\n');
      return;
    case 'reset':
      request.socket.resetAndDestroy();
      return;
    case 'error-event':
      response.writeHead(200, STREAM_TYPE);
      response.end(`data: ${JSON.stringify({ error: { message: 'out of memory' } })}\n\n`);
      return;
    case 'redirect':
      response.writeHead(302, { location: 'http://elsewhere.invalid/' });
      response.end();
  }
}
