/**
 * The engine's side of a connection: checks what comes in, answers every request exactly once, passes on progress and
 * events. Nothing that a screen sends can end the engine.
 *
 * A closed connection cancels nothing: a window that is loaded again, or a laptop that is closed while the workstation
 * trains, finds its jobs by `jobs.list` and stops them by `jobs.cancel`.
 */
import { toErrorData, WorkbenchError } from '../base/errors.ts';
import { type Engine, type Envelope, type EnvelopePort, type Method, type Parameters, parameters } from './contract.ts';

export function serveEngine(engine: Engine, port: EnvelopePort): void {
  const running = new Map<number, AbortController>();
  let open = true;
  const send = (envelope: Envelope) => {
    if (open) port.send(envelope);
  };
  const stopEvents = engine.onEvent((event) => send({ kind: 'event', event }));
  port.onClose(() => {
    open = false;
    stopEvents();
  });
  port.onEnvelope((envelope) => {
    if (!isNumbered(envelope)) return;
    if (envelope.kind === 'cancel') running.get(envelope.id)?.abort();
    if (envelope.kind === 'request') void answer(engine, envelope, running, send);
  });
}

async function answer(
  engine: Engine,
  request: Extract<Envelope, { kind: 'request' }>,
  running: Map<number, AbortController>,
  send: (envelope: Envelope) => void,
): Promise<void> {
  const { id } = request;
  if (running.has(id)) return;
  const controller = new AbortController();
  running.set(id, controller);
  try {
    const params = check(request.method, request.params);
    const result = await engine.call(request.method, params, {
      signal: controller.signal,
      onProgress: (progress) => send({ kind: 'progress', id, progress }),
    });
    running.delete(id);
    send({ kind: 'result', id, result });
  } catch (error) {
    running.delete(id);
    send({ kind: 'error', id, error: toErrorData(error) });
  }
}

/** Anything may come over a connection: only what has a kind and a number is looked at further. */
function isNumbered(value: unknown): value is Extract<Envelope, { id: number }> {
  const envelope = value as { kind?: unknown; id?: unknown } | null;
  return typeof envelope === 'object' && envelope !== null && Number.isSafeInteger(envelope.id);
}

/** @throws INVALID_REQUEST with the method and, for each wrong parameter, its path and what is wrong with it. */
function check<M extends Method>(method: M, params: unknown): Parameters<M> {
  if (typeof method !== 'string' || !Object.hasOwn(parameters, method)) {
    throw new WorkbenchError('INVALID_REQUEST', 'The engine knows no such request.', { method: String(method) });
  }
  const checked = parameters[method].safeParse(params);
  if (checked.success) return checked.data as Parameters<M>;
  const wrong = checked.error.issues.map(({ path, message }) => `${path.join('.') || '(parameters)'}: ${message}`);
  throw new WorkbenchError('INVALID_REQUEST', `The request ${method} has wrong parameters: ${wrong.join('; ')}`, {
    method,
    path: checked.error.issues[0]!.path.map(String).join('.'),
    issues: wrong,
  });
}
