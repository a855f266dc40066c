/** What servers do wrong, one by one: a clear error each, what passes is tried again, and a film is sent once. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WorkbenchError } from '../../../core/base/errors.ts';
import { serverAddress } from '../../../core/generation/remote/http.ts';
import { mayPass, withRetries } from '../../../core/generation/remote/retry.ts';
import { type RemoteQuestion, RemoteServer } from '../../../core/generation/remote/server.ts';
import { events } from '../../../core/generation/remote/sse.ts';
import { GREEDY } from '../../../core/generation/sampling.ts';
import { type Act, LLAMA, OLLAMA, type ScriptedServer, scriptedServer } from '../../support/scriptedServer.ts';

let scripted: ScriptedServer;
beforeEach(async () => {
  scripted = await scriptedServer();
});
afterEach(() => scripted.close());

const FAST = { firstDelaySeconds: 0.001, longestDelaySeconds: 0.05 };
const open = (more: object = {}) =>
  new RemoteServer({ address: scripted.address, timeoutSeconds: 0.6, retry: FAST, ...more });
const question = (more: Partial<RemoteQuestion> = {}): RemoteQuestion => ({
  kind: 'vllm',
  model: 'sft',
  image: { uuid: 'film-1', png: () => Uint8Array.of(137, 80) },
  text: 'Read the film.',
  sampling: GREEDY,
  maxNewTokens: 32,
  ...more,
});
const ANSWER: Act = { do: 'answer', text: '<think>Large heart.</think><solution>Edema</solution>' };

describe('a fault for ever is an error that says what it is', () => {
  it.each<[string, Act, string, number]>([
    ['429', { do: 'status', status: 429 }, 'SERVER_BUSY', 5],
    ['500', { do: 'status', status: 500 }, 'SERVER_FAILED', 5],
    ['503', { do: 'status', status: 503, body: 'starting' }, 'SERVER_FAILED', 5],
    ['400', { do: 'status', status: 400 }, 'SERVER_REFUSED', 1],
    ['401', { do: 'status', status: 401 }, 'SERVER_KEY', 1],
    ['404', { do: 'status', status: 404 }, 'SERVER_UNKNOWN_PATH', 1],
    ['a web page', { do: 'html' }, 'SERVER_NOT_JSON', 1],
    ['half a stream', { do: 'half' }, 'SERVER_BROKE_OFF', 5],
    ['no answer', { do: 'silent' }, 'SERVER_TIMEOUT', 2],
    ['a stream that stalls', { do: 'stalls' }, 'SERVER_TIMEOUT', 2],
    ['an answer without end', { do: 'huge' }, 'SERVER_TOO_LARGE', 1],
    ['JSON of another kind', { do: 'wrong-json' }, 'SERVER_ANSWER', 1],
    ['broken JSON', { do: 'not-json' }, 'SERVER_NOT_JSON', 1],
    ['a connection reset', { do: 'reset' }, 'SERVER_BROKE_OFF', 5],
    ['an error inside the stream', { do: 'error-event' }, 'SERVER_ANSWER', 1],
    ['a redirect', { do: 'redirect' }, 'SERVER_REDIRECT', 1],
  ])('%s', async (_, act, code, tries) => {
    scripted.otherwise = () => act;
    const asked = open().ask(question({ image: null }));
    await expect(asked).rejects.toMatchObject({ code, details: { server: scripted.address } });
    expect(scripted.asked).toHaveLength(tries);
    expect(mayPass(code)).toBe(tries > 1);
  });

  it('no server at all', async () => {
    const { address } = scripted;
    await scripted.close();
    await expect(new RemoteServer({ address, retry: FAST }).ask(question())).rejects.toMatchObject({
      code: 'SERVER_UNREACHABLE',
      details: { cause: 'ECONNREFUSED' },
    });
    scripted = await scriptedServer();
  });

  it('says what the server said, and never the key', async () => {
    scripted.otherwise = () => ({ do: 'status', status: 401 });
    const error = await open({ key: 'sk-secret' })
      .ask(question())
      .catch((thrown) => thrown);
    expect(error.details).toMatchObject({ status: 401, said: 'said the server' });
    expect(JSON.stringify(error)).not.toContain('secret');
    expect(scripted.asked[0]!.headers['authorization']).toBe('Bearer sk-secret');
  });
});

describe('what passes is tried again', () => {
  it.each<[string, Act]>([
    ['429', { do: 'status', status: 429 }],
    ['502', { do: 'status', status: 502 }],
    ['half a stream', { do: 'half' }],
    ['a reset', { do: 'reset' }],
    ['no answer once', { do: 'silent' }],
  ])('%s', async (_, act) => {
    scripted.script = [act, ANSWER];
    const answer = await open().ask(question());
    expect(answer).toMatchObject({ text: ANSWER.do === 'answer' && ANSWER.text, stop: 'end', model: 'sft' });
    expect(scripted.asked).toHaveLength(2);
  });

  it('after the time that the server asks for, and no longer than the limit', async () => {
    scripted.script = [{ do: 'status', status: 429, retryAfter: '1' }, ANSWER];
    await open({ retry: { firstDelaySeconds: 0.001, longestDelaySeconds: 5 } }).ask(question());
    expect(scripted.asked[1]!.at - scripted.asked[0]!.at).toBeGreaterThan(950);
    scripted.script = [{ do: 'status', status: 503, retryAfter: new Date(Date.now() + 3.6e6).toUTCString() }, ANSWER];
    await open().ask(question());
    expect(scripted.asked).toHaveLength(4);
  });

  it('with pauses that grow', async () => {
    const times: number[] = [];
    const busy = async () => {
      times.push(performance.now());
      throw new WorkbenchError('SERVER_BUSY', 'busy');
    };
    const policy = { attempts: 4, firstDelaySeconds: 0.02, longestDelaySeconds: 1 };
    await expect(withRetries(busy, policy, undefined, () => 0.5)).rejects.toMatchObject({ details: { tries: 4 } });
    const pauses = times.slice(1).map((time, i) => time - times[i]!);
    [20, 40, 80].forEach((least, i) => {
      expect(pauses[i]).toBeGreaterThan(least - 2);
    });
  });
});

describe('a job', () => {
  it('asks no more at once than was said', async () => {
    const server = open({ concurrency: 3 });
    await Promise.all(Array.from({ length: 12 }, (_, i) => server.ask(question({ image: null, text: `film ${i}` }))));
    expect(scripted.most).toBe(3);
    expect(scripted.asked).toHaveLength(12);
  });

  it('gives a silent server up after five rows, and tries again when it is resumed', async () => {
    scripted.otherwise = () => ({ do: 'silent' });
    const server = open({ concurrency: 1, timeoutSeconds: 0.25 });
    const codes: string[] = [];
    for (let row = 0; row < 7; row++) await server.ask(question()).catch(({ code }) => codes.push(code));
    expect(codes).toEqual([...Array(5).fill('SERVER_TIMEOUT'), 'SERVER_GIVEN_UP', 'SERVER_GIVEN_UP']);
    scripted.otherwise = () => ANSWER;
    server.reset();
    await server.ask(question());
  });

  it('is cancelled in the middle of a stream, at once', async () => {
    scripted.otherwise = () => ({ do: 'stalls' });
    const controller = new AbortController();
    const asked = open({ timeoutSeconds: 30 }).ask(question(), {
      signal: controller.signal,
      onText: () => controller.abort(),
    });
    await expect(asked).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(scripted.asked).toHaveLength(1);
  });
});

describe('a film', () => {
  const pictures = () =>
    scripted.asked.map(({ body }) => (body.messages[0]!.content as { image_url?: { url: string } | null }[])[0]!);

  it('is sent to vLLM once for all checkpoints, and again where the server has forgotten it', async () => {
    const server = open();
    await Promise.all(['medgemma', 'sft', 'grpo'].map((model) => server.ask(question({ model }))));
    const urls = pictures().map(({ image_url }) => image_url?.url.slice(0, 22) ?? null);
    expect(urls.sort()).toEqual(['data:image/png;base64,', null, null].sort());
    expect(pictures().every((part) => (part as { uuid?: string }).uuid === 'film-1')).toBe(true);
    scripted.script = [{ do: 'status', status: 400, body: '{"detail": "not in cache"}' }, ANSWER];
    await server.ask(question());
    expect(
      pictures()
        .slice(3)
        .map(({ image_url }) => image_url === null),
    ).toEqual([true, false]);
  });

  it('is sent with every question elsewhere', async () => {
    const server = open();
    for (const model of ['a', 'b'])
      await server.ask(question({ kind: 'llama.cpp', model, lora: [{ id: 0, scale: 1 }] }));
    expect(pictures().every(({ image_url }) => image_url !== null)).toBe(true);
    expect(scripted.asked[0]!.body).toMatchObject({ lora: [{ id: 0, scale: 1 }], top_k: 0, min_p: 0, seed: 0 });
  });
});

describe('answers', () => {
  it('come as a stream, whole, or with the reasoning taken out', async () => {
    const texts: string[] = [];
    scripted.script = [
      ANSWER,
      { do: 'whole', text: '<solution>Edema</solution>' },
      { do: 'answer', text: '<solution>Edema</solution>', reasoning: 'Wet.' },
    ];
    const first = await open().ask(question(), { onText: (text) => texts.push(text) });
    expect(texts[texts.length - 1]).toBe(first.text);
    expect(first.tokens.map(({ text }) => text).join('')).toBe(first.text);
    expect((await open().ask(question())).text).toBe('<solution>Edema</solution>');
    expect((await open().ask(question())).text).toBe('<think>Wet.</think><solution>Edema</solution>');
  });

  it('in events that are cut anywhere', async () => {
    const text = 'data: {"a":1}\r\n\r\n: comment\n\ndata: zwei\ndata: ü\n\ndata: [DONE]\n\n';
    const bytes = Buffer.from(text);
    async function* cut() {
      for (let i = 0; i < bytes.length; i += 3) yield bytes.subarray(i, i + 3);
    }
    const all: string[] = [];
    for await (const data of events(cut())) all.push(data);
    expect(all).toEqual(['{"a":1}', 'zwei\nü', '[DONE]']);
  });
});

describe('what a server is', () => {
  const facts = async (paths?: Record<string, unknown>) => {
    if (paths) scripted.paths = paths;
    return open({ timeoutSeconds: 2 }).facts();
  };

  it('vLLM with its adapters', async () => {
    const { kind, version, models } = await facts();
    expect({ kind, version }).toEqual({ kind: 'vllm', version: '0.32.0' });
    expect(models.map(({ id, parent }) => [id, parent])).toEqual([
      ['medgemma', null],
      ['sft', 'medgemma'],
      ['grpo', 'medgemma'],
    ]);
  });

  it('llama.cpp with its adapters', async () => {
    const { kind, version, models } = await facts(LLAMA);
    expect({ kind, version }).toEqual({ kind: 'llama.cpp', version: 'b11549-abc' });
    expect(models.map(({ id, loraId }) => [id, loraId])).toEqual([
      ['medgemma.gguf', undefined],
      ['sft', 0],
      ['grpo', 1],
    ]);
    expect(models[1]).toMatchObject({ parent: 'medgemma.gguf', vision: true, contextLength: 4096 });
  });

  it('Ollama, and a server that only speaks OpenAI’s form', async () => {
    expect(await facts(OLLAMA)).toMatchObject({
      kind: 'ollama',
      version: '0.12.11',
      models: [{ precision: 'Q4_K_M' }],
    });
    expect(await facts({ '/v1/models': { data: [{ id: 'some' }] } })).toMatchObject({ kind: 'openai', version: '' });
  });

  it('none, said clearly', async () => {
    await expect(facts({ '/v1/models': { models: [] } })).rejects.toMatchObject({ code: 'SERVER_ANSWER' });
    await expect(facts({})).rejects.toMatchObject({ code: 'SERVER_UNKNOWN_PATH' });
  });

  it('loads an adapter into vLLM, or says how', async () => {
    scripted.paths = { ...scripted.paths, '/v1/load_lora_adapter': 'Success: LoRA adapter added.' };
    await open().loadAdapter('new', '/adapters/new');
    expect(scripted.posts).toEqual([
      { path: '/v1/load_lora_adapter', body: { lora_name: 'new', lora_path: '/adapters/new' } },
    ]);
    scripted.paths = {};
    await expect(open().loadAdapter('new', '/x')).rejects.toMatchObject({ code: 'SERVER_NO_LOADING' });
  });

  it('its address', () => {
    expect(serverAddress(' localhost:8000/v1/ ')).toBe('http://localhost:8000');
    expect(serverAddress('https://host/llm/v1')).toBe('https://host/llm');
    for (const wrong of ['ftp://host', 'http://user:key@host', 'http://host?key=1', 'http://'])
      expect(() => serverAddress(wrong)).toThrow(expect.objectContaining({ code: 'SERVER_ADDRESS' }));
  });
});
