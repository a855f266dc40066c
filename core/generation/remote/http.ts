/**
 * HTTP to one server that the user configured: JSON in, JSON or a stream of events out, with a bound on everything that a
 * server can do wrong: it may refuse, never answer, stop half way, redirect elsewhere, send HTML, or send without end.
 *
 * node:http, not fetch: Electron 22's Node has none, and fetch hides which time ran out. No proxy, no redirect, no cookie:
 * nothing is asked of another host than the one named. A key travels in the Authorization header only and is in no error.
 */
import { type IncomingMessage, request as plainRequest } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { type JsonValue, WorkbenchError } from '../../base/errors.ts';
import { throwIfCancelled } from '../../base/progress.ts';

export interface HttpCall {
  /** Origin and path of the server, without a slash at its end. */
  address: string;
  /** Begins with a slash. */
  path: string;
  /** Sent as JSON by POST; absent: GET. */
  body?: unknown;
  key?: string;
  /** Until the answer begins: a long prompt on a busy server takes its time. */
  firstByteSeconds: number;
  /** Between two pieces of the answer. */
  idleSeconds: number;
  maxBytes: number;
  signal?: AbortSignal;
}

export interface HttpAnswer {
  status: number;
  contentType: string;
  /** Seconds that the server asks us to wait before the next try; null: it says nothing. */
  retryAfter: number | null;
  /** The body as it comes; throws the errors of this module. */
  body: AsyncIterable<Buffer>;
}

/** Bytes of an error's body that are read and shown. */
const ERROR_BYTES = 64 * 1024;
const SHOWN = 300;

/**
 * Sends the request and gives the answer when its header has come, whatever its status.
 * Errors: SERVER_ADDRESS, SERVER_UNREACHABLE, SERVER_TIMEOUT, SERVER_REDIRECT, CANCELLED; from the body SERVER_BROKE_OFF,
 * SERVER_TIMEOUT, SERVER_TOO_LARGE, CANCELLED.
 */
export async function send(call: HttpCall): Promise<HttpAnswer> {
  throwIfCancelled(call.signal);
  const answer = await begin(call);
  const status = answer.statusCode ?? 0;
  if (status >= 300 && status < 400) {
    answer.destroy();
    const details = { ...place(call), status };
    throw new WorkbenchError(
      'SERVER_REDIRECT',
      'The server sends us to another address, and films go only where you said.',
      details,
      'Enter the final address of the server.',
    );
  }
  return {
    status,
    contentType: String(answer.headers['content-type'] ?? '').toLowerCase(),
    retryAfter: retryAfterSeconds(answer.headers['retry-after']),
    body: bodyOf(answer, call),
  };
}

/** Where it happened; never the key. */
export function place({ address, path }: Pick<HttpCall, 'address' | 'path'>): Record<string, JsonValue> {
  return { server: address, path };
}

function begin(call: HttpCall): Promise<IncomingMessage> {
  const url = new URL(call.address + call.path);
  const body = call.body === undefined ? undefined : Buffer.from(JSON.stringify(call.body));
  const headers: Record<string, string | number> = { accept: 'application/json, text/event-stream' };
  if (body) Object.assign(headers, { 'content-type': 'application/json', 'content-length': body.length });
  if (call.key) headers['authorization'] = `Bearer ${call.key}`;
  return new Promise((resolve, reject) => {
    // A connection of its own for each request: one that a server has closed in the meantime is never reused.
    const options = { method: body ? 'POST' : 'GET', headers, agent: false as const };
    const request = (url.protocol === 'https:' ? tlsRequest : plainRequest)(url, options);
    const fail = (error: Error) => {
      clearTimeout(timer);
      call.signal?.removeEventListener('abort', cancel);
      request.destroy();
      reject(error);
    };
    const cancel = () => fail(cancelled());
    const timer = setTimeout(() => fail(timedOut(call, call.firstByteSeconds)), call.firstByteSeconds * 1000);
    call.signal?.addEventListener('abort', cancel);
    request.on('error', (error: NodeJS.ErrnoException) => fail(unreachable(call, error)));
    request.on('response', (answer) => {
      clearTimeout(timer);
      call.signal?.removeEventListener('abort', cancel);
      resolve(answer);
    });
    request.end(body);
  });
}

async function* bodyOf(answer: IncomingMessage, call: HttpCall): AsyncGenerator<Buffer> {
  let bytes = 0;
  let failure: Error | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = (error: Error) => {
    failure ??= error;
    answer.destroy();
  };
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(() => stop(timedOut(call, call.idleSeconds)), call.idleSeconds * 1000);
  };
  const cancel = () => stop(cancelled());
  call.signal?.addEventListener('abort', cancel);
  if (call.signal?.aborted) cancel();
  wait();
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      wait();
      bytes += chunk.length;
      if (bytes > call.maxBytes) throw tooLarge(call);
      yield chunk;
    }
    if (failure) throw failure;
    if (!answer.complete) throw brokeOff(call, bytes);
  } catch (error) {
    if (failure) throw failure;
    if (error instanceof WorkbenchError) throw error;
    throw brokeOff(call, bytes, error as Error);
  } finally {
    clearTimeout(timer);
    call.signal?.removeEventListener('abort', cancel);
    answer.destroy();
  }
}

/** The whole body as text. */
export async function readText(answer: HttpAnswer): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer.body) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

/** The body as JSON. Errors: SERVER_NOT_JSON with how it begins. */
export async function readJsonBody(answer: HttpAnswer, call: HttpCall): Promise<unknown> {
  const text = await readText(answer);
  try {
    return JSON.parse(text);
  } catch {
    throw notJson(call, text, answer.contentType);
  }
}

export function notJson(call: HttpCall, text: string, contentType: string): WorkbenchError {
  const isPage = /^\s*<(!doctype|html|\?xml)/i.test(text) || contentType.includes('html');
  const message = isPage
    ? 'The server answered with a web page, not with the JSON of a model server.'
    : 'The server’s answer is no JSON.';
  const details = { ...place(call), contentType, begins: shown(text, 80) };
  return new WorkbenchError('SERVER_NOT_JSON', message, details, 'Check the address: host, port and path.');
}

/** An answer that is no success, as an error that says what the server said. */
export async function statusError(answer: HttpAnswer, call: HttpCall): Promise<WorkbenchError> {
  const { status } = answer;
  const said = await messageOf(answer);
  const details = { ...place(call), status, ...(said ? { said } : {}) };
  if (status === 401 || status === 403) {
    const sentence = call.key ? 'The server does not accept the key.' : 'The server asks for a key.';
    return new WorkbenchError('SERVER_KEY', sentence, details, 'Enter its API key on the Checkpoints screen.');
  }
  if (status === 429) return new WorkbenchError('SERVER_BUSY', 'The server takes no more requests now.', details);
  if (status >= 500) return new WorkbenchError('SERVER_FAILED', `The server failed (HTTP ${status}).`, details);
  if (status === 404) {
    return new WorkbenchError('SERVER_UNKNOWN_PATH', 'The server has no such address or model.', details);
  }
  return new WorkbenchError('SERVER_REFUSED', `The server refused the request (HTTP ${status}).`, details);
}

/** OpenAI's `error.message`, FastAPI's `detail`, or how the text begins. */
async function messageOf(answer: HttpAnswer): Promise<string> {
  let text = '';
  try {
    for await (const chunk of answer.body) {
      text += chunk.toString('utf8');
      if (text.length > ERROR_BYTES) break;
    }
  } catch {
    // What has come is enough.
  }
  try {
    const json = JSON.parse(text) as { error?: { message?: unknown } | string; detail?: unknown; message?: unknown };
    const error = typeof json.error === 'string' ? json.error : json.error?.message;
    const said = error ?? json.detail ?? json.message;
    if (said !== undefined) return shown(typeof said === 'string' ? said : JSON.stringify(said), SHOWN);
  } catch {
    // Not JSON.
  }
  return shown(text, SHOWN);
}

function shown(text: string, length: number): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > length ? `${line.slice(0, length)}…` : line;
}

/** RFC 9110 10.2.3: seconds or a date. */
function retryAfterSeconds(header: string | undefined): number | null {
  if (header === undefined) return null;
  const seconds = /^\d+$/.test(header.trim()) ? Number(header) : (Date.parse(header) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : null;
}

function cancelled(): WorkbenchError {
  return new WorkbenchError('CANCELLED', 'The work was cancelled.');
}

function unreachable(call: HttpCall, error: NodeJS.ErrnoException): WorkbenchError {
  const cause = error.code ?? error.message;
  const details = { ...place(call), cause };
  if (cause === 'ECONNRESET' || cause === 'EPIPE') return brokeOff(call, 0, error);
  const remedy = 'Is it running, and are address, port and certificate right?';
  return new WorkbenchError('SERVER_UNREACHABLE', 'The server cannot be reached.', details, remedy);
}

function timedOut(call: HttpCall, seconds: number): WorkbenchError {
  const details = { ...place(call), seconds };
  return new WorkbenchError('SERVER_TIMEOUT', `The server did not answer for ${seconds} seconds.`, details);
}

function brokeOff(call: HttpCall, bytes: number, error?: NodeJS.ErrnoException): WorkbenchError {
  const details = { ...place(call), bytes, ...(error ? { cause: error.code ?? error.message } : {}) };
  return new WorkbenchError('SERVER_BROKE_OFF', 'The connection broke off before the answer was whole.', details);
}

function tooLarge(call: HttpCall): WorkbenchError {
  const details = { ...place(call), maxBytes: call.maxBytes };
  return new WorkbenchError('SERVER_TOO_LARGE', 'The server’s answer is larger than an answer can be.', details);
}

/**
 * The address of a server as it is kept: http or https, no user, no query, no slash and no `/v1` at its end.
 * @throws SERVER_ADDRESS
 */
export function serverAddress(text: string): string {
  let url: URL;
  try {
    url = new URL(/^[a-z][a-z0-9+.-]*:\/\//i.test(text.trim()) ? text.trim() : `http://${text.trim()}`);
  } catch {
    throw addressError(text, 'It is no address of a server.');
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw addressError(text, 'Only http and https are spoken.');
  if (url.username || url.password) throw addressError('', 'A user or key does not belong in the address.');
  if (url.search || url.hash) throw addressError(text, 'An address has neither a query nor a fragment.');
  return (url.origin + url.pathname).replace(/\/+$/, '').replace(/\/v1$/, '');
}

function addressError(address: string, problem: string): WorkbenchError {
  const message = `This address cannot be used. ${problem}`;
  return new WorkbenchError('SERVER_ADDRESS', message, { address }, 'Write it as http://host:port.');
}
