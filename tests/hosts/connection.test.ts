/** The two ends of the contract over a real MessageChannel, and the same envelopes as CBOR. */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { throwIfCancelled } from '../../core/base/progress.ts';
import { decodeEnvelope, encodeEnvelope } from '../../core/services/cbor.ts';
import { Client } from '../../core/services/client.ts';
import type { Engine, EngineEvent, Envelope, EnvelopePort } from '../../core/services/contract.ts';
import { serveEngine } from '../../core/services/server.ts';

const open: MessagePort[] = [];
afterEach(() => {
  for (const port of open.splice(0)) port.close();
});

function over(port: MessagePort, pass: (envelope: Envelope) => Envelope = (envelope) => envelope): EnvelopePort {
  open.push(port);
  return {
    send: (envelope) => port.postMessage(pass(envelope)),
    onEnvelope: (listener) => port.on('message', listener),
    onClose: (listener) => port.on('close', () => listener('The port was closed.')),
  };
}

type Handler = (params: never, options: Parameters<Engine['call']>[2]) => Promise<unknown>;

/** An engine of a few methods; `events` says something unasked. */
function engineOf(handlers: Record<string, Handler>) {
  const listeners = new Set<(event: EngineEvent) => void>();
  const engine = {
    call: (method: string, params: never, options: never) => handlers[method]!(params, options),
    onEvent: (listener: (event: EngineEvent) => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  } as unknown as Engine;
  const say = (event: EngineEvent) => {
    for (const listener of listeners) listener(event);
  };
  return { engine, say, listeners };
}

function connect(engine: Engine, pass?: (envelope: Envelope) => Envelope) {
  const { port1, port2 } = new MessageChannel();
  serveEngine(engine, over(port1, pass));
  const client = new Client();
  client.attach(over(port2, pass));
  return { client, enginePort: port1, raw: port2 };
}

const untilCancelled: Handler = (_params, options) =>
  new Promise((_resolve, reject) => {
    options?.onProgress?.({ stage: 'Waiting', done: 0, total: null, text: '' } as never);
    options!.signal!.addEventListener('abort', () => {
      try {
        throwIfCancelled(options!.signal);
      } catch (error) {
        reject(error);
      }
    });
  });

const asCbor = (envelope: Envelope) => decodeEnvelope(encodeEnvelope(envelope));

describe.each([
  ['structured clone', undefined],
  ['CBOR', asCbor],
])('a connection over %s', (_name, pass) => {
  it('carries parameters with their defaults, and typed arrays as themselves', async () => {
    const pixels = new Uint16Array([0, 4095, 65535]);
    const { engine } = engineOf({
      'predictions.generate': async (params) => ({ params, pixels, floats: new Float32Array([1.5, -2]) }),
    });
    const { client } = connect(engine, pass);
    const answer = (await client.call('predictions.generate', { filmId: 'f', checkpointId: 'c' })) as unknown as {
      params: object;
      pixels: Uint16Array;
      floats: Float32Array;
    };
    expect(answer.params).toEqual({ filmId: 'f', checkpointId: 'c', temperature: 0, topP: 1, topK: 0, seed: 0 });
    expect(answer.pixels).toEqual(pixels);
    expect(answer.floats).toEqual(new Float32Array([1.5, -2]));
  });

  it('reports progress in order before the result, each to its own request', async () => {
    const { engine } = engineOf({
      'predictions.generate': async (params: { filmId: string }, options: Parameters<Handler>[1]) => {
        for (let i = 0; i < 3; i++) options?.onProgress?.({ stage: params.filmId, done: i, total: 3 } as never);
        return params.filmId;
      },
    } as unknown as Record<string, Handler>);
    const { client } = connect(engine, pass);
    const seen: string[] = [];
    const ask = (filmId: string) =>
      client
        .call('predictions.generate', { filmId, checkpointId: 'c' }, { onProgress: (p) => seen.push(p.stage + p.done) })
        .then((result) => seen.push(`${result} done`));
    await Promise.all([ask('a'), ask('b')]);
    expect(seen.filter((entry) => entry.startsWith('a'))).toEqual(['a0', 'a1', 'a2', 'a done']);
    expect(seen.filter((entry) => entry.startsWith('b'))).toEqual(['b0', 'b1', 'b2', 'b done']);
  });

  it('cancels one request and leaves the others', async () => {
    const { engine } = engineOf({ 'evaluations.list': untilCancelled, 'app.state': async () => 'here' });
    const { client } = connect(engine, pass);
    const controller = new AbortController();
    const started = new Promise<void>((resolve) => {
      const options = { signal: controller.signal, onProgress: () => resolve() };
      void client.call('evaluations.list', {}, options).catch((error) => outcome.push(error.code));
    });
    const outcome: string[] = [];
    await started;
    controller.abort();
    expect(await client.call('app.state', {})).toBe('here');
    expect(outcome).toEqual(['CANCELLED']);
  });

  it('brings an error over with code, details and remedy', async () => {
    const { engine } = engineOf({
      'app.state': async () => {
        const error = new Error('gone') as Error & { code: string; path: string };
        error.code = 'ENOENT';
        error.path = 'a/b';
        throw error;
      },
    });
    const { client } = connect(engine, pass);
    await expect(client.call('app.state', {})).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
      details: { file: 'a/b' },
      remedy: 'Check the path.',
    });
  });

  it('refuses wrong parameters at the door and names their path', async () => {
    const { engine } = engineOf({});
    const { client } = connect(engine, pass);
    const wrong = { filmId: 'f', checkpointId: 'c', temperature: -1 };
    await expect(client.call('predictions.generate', wrong)).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
      details: { method: 'predictions.generate', path: 'temperature' },
    });
    await expect(client.call('toString' as 'app.state', {})).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    const more = { extra: 1 } as unknown as Record<string, never>;
    await expect(client.call('app.state', more)).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
  });

  it('passes events on', async () => {
    const { engine, say } = engineOf({ 'app.state': async () => null });
    const { client } = connect(engine, pass);
    const events: EngineEvent[] = [];
    client.onEvent((event) => events.push(event));
    say({ type: 'changed', what: 'films' });
    await client.call('app.state', {});
    expect(events).toEqual([{ type: 'changed', what: 'films' }]);
  });
});

describe('a connection that ends', () => {
  it('ends what is under way with ENGINE_CRASHED, and serves waiting calls after the restart', async () => {
    const { engine, listeners } = engineOf({ 'evaluations.list': untilCancelled });
    const { client, enginePort } = connect(engine);
    const pending = new Promise<{ code: string }>((resolve) => {
      const onProgress = () => enginePort.close();
      client.call('evaluations.list', {}, { onProgress }).catch(resolve);
    });
    expect((await pending).code).toBe('ENGINE_CRASHED');
    expect(listeners.size).toBe(0);

    const waiting = client.call('app.state', {});
    const controller = new AbortController();
    const givenUp = client.call('app.state', {}, { signal: controller.signal });
    controller.abort();
    await expect(givenUp).rejects.toMatchObject({ code: 'CANCELLED' });

    const again = engineOf({ 'app.state': async () => 'restarted' });
    const { port1, port2 } = new MessageChannel();
    serveEngine(again.engine, over(port1));
    client.attach(over(port2));
    expect(await waiting).toBe('restarted');
  });

  it('does not cancel a job whose window went away', async () => {
    let finish = (_: string) => {};
    const finished = new Promise<string>((resolve) => {
      finish = resolve;
    });
    let aborted = false;
    const { engine } = engineOf({
      'app.state': async (_params, options) => {
        options?.onProgress?.({ stage: 'Working', done: 0, total: 1 });
        await new Promise((resolve) => setTimeout(resolve, 50));
        aborted = options!.signal!.aborted;
        finish('saved');
        return null;
      },
    });
    const { client, raw } = connect(engine);
    client.call('app.state', {}, { onProgress: () => raw.close() }).catch(() => {});
    expect(await finished).toBe('saved');
    expect(aborted).toBe(false);
  });
});

describe('what an engine is sent that is no envelope', () => {
  it.each([
    [null],
    ['text'],
    [{}],
    [{ kind: 'request' }],
    [{ kind: 'request', id: 1.5 }],
    [{ kind: 'cancel', id: 99 }],
  ])('does no harm: %j', async (nonsense) => {
    const { engine } = engineOf({ 'app.state': async () => 'still here' });
    const { client, raw } = connect(engine);
    raw.postMessage(nonsense);
    expect(await client.call('app.state', {})).toBe('still here');
  });

  it('is answered with INVALID_REQUEST where it has a number', async () => {
    const { engine } = engineOf({});
    const { raw } = connect(engine);
    const answer = new Promise((resolve) => raw.on('message', resolve));
    raw.postMessage({ kind: 'request', id: 1000, method: { a: 1 }, params: 1 });
    expect(await answer).toMatchObject({ kind: 'error', id: 1000, error: { code: 'INVALID_REQUEST' } });
  });
});
