/**
 * The application as a page on loopback, for `chexreason serve`: the built renderer, a WebSocket to the engine, uploads.
 *
 * Who may speak to it: only this machine (it listens on 127.0.0.1; a laptop comes through an ssh tunnel), only under a
 * loopback name (another name in the Host header would be DNS rebinding), only pages of its own origin, and only with the
 * token of the printed address, which the first page load turns into a cookie.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rm, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, dirname, join } from 'node:path';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type WebSocket, WebSocketServer } from 'ws';
import { toErrorData, WorkbenchError } from '../../core/base/errors.ts';
import { decodeEnvelope, encodeEnvelope } from '../../core/services/cbor.ts';
import { type Engine, type EnvelopePort, PAGE_HOST } from '../../core/services/contract.ts';
import { serveEngine } from '../../core/services/server.ts';
import { mediaType, PAGE_HEADERS, pageFile } from '../page.ts';

const LOOPBACK_NAMES = ['127.0.0.1', 'localhost', '[::1]'];
/** The largest request that a page makes is a list of paths; films go by POST. */
const MAX_MESSAGE_BYTES = 64 << 20;
const MAX_UPLOAD_BYTES = 2 ** 30;
const DROP = /^[0-9a-f]{16}$/;
/** Folders in each other, of a dropped folder. */
const DEEPEST = 64;

export interface PageHostOptions {
  engine: Engine;
  /** The built renderer. */
  rendererDir: string;
  /** Where copies of dropped files are kept. */
  uploadsDir: string;
  /** 0: any free one. */
  port: number;
  /** Of one file. */
  maxUploadBytes?: number;
}

export interface PageHost {
  /** With the token: what the user opens. */
  url: string;
  port: number;
  token: string;
  close(): Promise<void>;
}

/** @throws PORT_IN_USE */
export async function startPageHost(options: PageHostOptions): Promise<PageHost> {
  const token = randomBytes(32).toString('base64url');
  const guard = new Guard(token);
  const server = createServer((request, response) => {
    answer(request, response, guard, options).catch((error) => refuse(response, 500, toErrorData(error).message));
  });
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES });
  server.on('upgrade', (request, socket, head) => {
    const refusal = guard.refusal(request, { sameOrigin: true });
    if (refusal || new URL(request.url!, 'http://page').pathname !== PAGE_HOST.socket) return hangUp(socket);
    sockets.handleUpgrade(request, socket, head, (webSocket) => serveEngine(options.engine, portOf(webSocket)));
  });
  const port = await listen(server, options.port);
  return {
    url: `http://127.0.0.1:${port}/?token=${token}`,
    port,
    token,
    close: async () => {
      for (const socket of sockets.clients) socket.terminate();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface Refusal {
  status: number;
  reason: string;
}

class Guard {
  /** Cookies do not know ports: the name tells the hosts on one machine apart. */
  readonly cookie: string;

  constructor(private readonly token: string) {
    this.cookie = `chexreason-${digest(token).toString('hex').slice(0, 8)}`;
  }

  /** Why this request is not answered, or null. */
  refusal(request: IncomingMessage, need: { sameOrigin: boolean }): Refusal | null {
    const { host, origin } = request.headers;
    if (!host || !LOOPBACK_NAMES.includes(host.replace(/:\d+$/, ''))) {
      return { status: 403, reason: 'This address answers under a loopback name only.' };
    }
    if (need.sameOrigin && origin !== `http://${host}`) {
      return { status: 403, reason: 'Only pages of this address may ask this.' };
    }
    if (!this.isToken(cookieOf(request, this.cookie)) && !this.isToken(this.tokenInAddress(request))) {
      return { status: 401, reason: 'Open the address with the token that "chexreason serve" printed.' };
    }
    return null;
  }

  tokenInAddress(request: IncomingMessage): string | null {
    return new URL(request.url!, 'http://page').searchParams.get('token');
  }

  setCookie(): string {
    return `${this.cookie}=${this.token}; HttpOnly; SameSite=Strict; Path=/`;
  }

  private isToken(value: string | null): boolean {
    return value !== null && timingSafeEqual(digest(value), digest(this.token));
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  guard: Guard,
  options: PageHostOptions,
): Promise<void> {
  const isUpload = request.method === 'POST';
  const refusal = guard.refusal(request, { sameOrigin: isUpload });
  if (refusal) return refuse(response, refusal.status, refusal.reason);
  const { pathname, searchParams } = new URL(request.url!, 'http://page');
  if (isUpload && pathname === PAGE_HOST.upload) return keepUpload(request, response, searchParams, options);
  if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(response, 405, 'GET, HEAD or POST /upload.');
  if (guard.tokenInAddress(request) !== null) {
    response.writeHead(303, { ...PAGE_HEADERS, 'Set-Cookie': guard.setCookie(), Location: pathname });
    response.end();
    return;
  }
  await sendFile(response, pageFile(options.rendererDir, pathname), request.method === 'HEAD');
}

async function sendFile(response: ServerResponse, path: string | null, headOnly: boolean): Promise<void> {
  const size = path === null ? null : await sizeOfFile(path);
  if (path === null || size === null) return refuse(response, 404, 'There is no such file.');
  response.writeHead(200, { ...PAGE_HEADERS, 'Content-Type': mediaType(path), 'Content-Length': size });
  if (headOnly) response.end();
  else await pipeline(createReadStream(path), response);
}

async function sizeOfFile(path: string): Promise<number | null> {
  try {
    const entry = await stat(path);
    return entry.isFile() ? entry.size : null;
  } catch {
    return null;
  }
}

/** Keeps the body as a file of the given name in its drop's folder, else in one of its own; half a file is not kept. */
async function keepUpload(
  request: IncomingMessage,
  response: ServerResponse,
  query: URLSearchParams,
  { uploadsDir, maxUploadBytes = MAX_UPLOAD_BYTES }: PageHostOptions,
): Promise<void> {
  if (Number(request.headers['content-length'] ?? 0) > maxUploadBytes) {
    // Told before a byte of it is read.
    return sendJson(response, 413, { error: toErrorData(uploadTooLarge(maxUploadBytes)) });
  }
  const drop = query.get('drop') ?? '';
  const shared = DROP.test(drop);
  const folder = join(uploadsDir, shared ? drop : randomBytes(8).toString('hex'));
  const name = query.get('name') ?? '';
  // Folders stay only where a drop keeps them apart from others.
  const parts = shared ? name.split('/').slice(-DEEPEST).map(fileName) : [fileName(name)];
  const file = join(folder, ...parts);
  const path = join(folder, parts[0]!);
  try {
    await mkdir(dirname(file), { recursive: true });
    await pipeline(request, limited(maxUploadBytes), createWriteStream(file));
  } catch (error) {
    await rm(shared ? file : folder, { recursive: true, force: true });
    const data = toErrorData(error);
    return sendJson(response, data.code === 'UPLOAD_TOO_LARGE' ? 413 : 500, { error: data });
  }
  sendJson(response, 200, { path });
}

function uploadTooLarge(bytes: number): WorkbenchError {
  return new WorkbenchError('UPLOAD_TOO_LARGE', `A file may have ${bytes} bytes at most.`);
}

function limited(bytes: number) {
  return async function* (chunks: AsyncIterable<Uint8Array>) {
    let total = 0;
    for await (const chunk of chunks) {
      total += chunk.length;
      if (total > bytes) throw uploadTooLarge(bytes);
      yield chunk;
    }
  };
}

/** The last part of a name, without what a file system or a terminal takes for something else. */
function fileName(name: string): string {
  const last = basename(name.replace(/\\/g, '/'))
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must go
    .replace(/[\u0000-\u001f\u007f<>:"|?*]/g, '_')
    .slice(-120);
  return last === '' || last === '.' || last === '..' ? 'film' : last;
}

function portOf(socket: WebSocket): EnvelopePort {
  return {
    send: (envelope) => {
      if (socket.readyState === socket.OPEN) socket.send(encodeEnvelope(envelope));
    },
    onEnvelope: (listener) => {
      socket.on('message', (data, isBinary) => {
        try {
          if (isBinary) listener(decodeEnvelope(data as Uint8Array));
        } catch {
          socket.close(1007, 'not an envelope');
        }
      });
    },
    onClose: (listener) => {
      socket.on('close', () => listener('The page was closed.'));
      socket.on('error', () => socket.terminate());
    },
  };
}

function cookieOf(request: IncomingMessage, name: string): string | null {
  const pairs = (request.headers.cookie ?? '').split(';').map((pair) => pair.trim().split('='));
  return pairs.find(([key]) => key === name)?.[1] ?? null;
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function refuse(response: ServerResponse, status: number, reason: string): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(status, { ...PAGE_HEADERS, 'Content-Type': 'text/plain; charset=utf-8' });
  response.end(`${reason}\n`);
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { ...PAGE_HEADERS, 'Content-Type': 'application/json' });
  response.end(JSON.stringify(value));
}

function hangUp(socket: Duplex): void {
  socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n');
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const inUse = new WorkbenchError(
        'PORT_IN_USE',
        `Port ${port} is in use.`,
        { port },
        'Choose another with --port.',
      );
      reject(error.code === 'EADDRINUSE' ? inUse : error);
    });
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}
