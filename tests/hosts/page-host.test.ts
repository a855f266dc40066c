/** The page host lets in its own page, and nobody else. */
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { decodeEnvelope, encodeEnvelope } from '../../core/services/cbor.ts';
import { Client } from '../../core/services/client.ts';
import type { Engine, EnvelopePort } from '../../core/services/contract.ts';
import { type PageHost, startPageHost } from '../../main/headless/pageHost.ts';
import { pageFile } from '../../main/page.ts';

const folder = mkdtempSync(join(tmpdir(), 'page-host-'));
const uploads = mkdtempSync(join(tmpdir(), 'page-host-uploads-'));
let host: PageHost;

const engine = {
  call: async (method: string, params: unknown) => ({ method, params, pixels: new Int16Array([-1024, 3071]) }),
  onEvent: () => () => {},
} as unknown as Engine;

beforeAll(async () => {
  writeFileSync(join(folder, 'index.html'), '<!doctype html><title>page</title>');
  writeFileSync(join(folder, 'main.js'), 'export {};');
  host = await startPageHost({ engine, rendererDir: folder, uploadsDir: uploads, port: 0 });
});
afterAll(() => host.close());

interface Answer {
  status: number;
  headers: IncomingMessage['headers'];
  body: string;
}

function ask(path: string, options: { method?: string; headers?: Record<string, string>; body?: Uint8Array } = {}) {
  return new Promise<Answer>((resolve, reject) => {
    const { method = 'GET', headers = {}, body } = options;
    const request = httpRequest({ host: '127.0.0.1', port: host.port, path, method, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks).toString() }),
      );
    });
    request.on('error', reject);
    request.end(body);
  });
}

async function signIn(): Promise<string> {
  const first = await ask(`/?token=${host.token}`);
  expect(first.status).toBe(303);
  expect(first.headers.location).toBe('/');
  const cookie = first.headers['set-cookie']![0]!;
  expect(cookie).toMatch(/HttpOnly; SameSite=Strict/);
  return cookie.split(';')[0]!;
}

describe('the page host', () => {
  it('gives out the page to the holder of the token, under its headers', async () => {
    const cookie = await signIn();
    const page = await ask('/', { headers: { cookie } });
    expect(page.status).toBe(200);
    expect(page.body).toContain('<title>page</title>');
    expect(page.headers['content-type']).toMatch('text/html');
    expect(page.headers['content-security-policy']).toMatch("default-src 'none'");
    expect(page.headers['x-content-type-options']).toBe('nosniff');
    expect((await ask('/main.js', { headers: { cookie } })).headers['content-type']).toMatch('text/javascript');
  });

  it('keeps everything from everybody else', async () => {
    expect((await ask('/')).status).toBe(401);
    expect((await ask('/main.js')).status).toBe(401);
    expect((await ask('/?token=wrong')).status).toBe(401);
    const cookie = (await signIn()).replace(/.$/, (last) => (last === 'x' ? 'y' : 'x'));
    expect((await ask('/', { headers: { cookie } })).status).toBe(401);
  });

  it('answers under loopback names only, at whatever port a tunnel has', async () => {
    const cookie = await signIn();
    const status = async (name: string) => (await ask('/', { headers: { cookie, host: name } })).status;
    expect(await status('localhost:9000')).toBe(200);
    expect(await status('127.0.0.1:1')).toBe(200);
    expect(await status('evil.example:80')).toBe(403);
    expect(await status('127.0.0.1.evil.example')).toBe(403);
    expect(await status('localhost.evil.example:8080')).toBe(403);
  });

  it('gives nothing from outside its folder', async () => {
    const headers = { cookie: await signIn() };
    for (const path of [
      '/../package.json',
      '/%2e%2e/package.json',
      '/..%2fpackage.json',
      '/%00',
      '/%zz',
      '/absent.js',
    ]) {
      expect((await ask(path, { headers })).status, path).toBe(404);
    }
    expect(pageFile('/a/page', '/../page-secrets/x')).toBeNull();
    expect(pageFile('/a/page', '/fonts/x.woff2')).toBe('/a/page/fonts/x.woff2');
    expect((await ask('/', { headers, method: 'DELETE' })).status).toBe(405);
  });

  it('keeps an uploaded film under a harmless name', async () => {
    const cookie = await signIn();
    const origin = `http://127.0.0.1:${host.port}`;
    const name = encodeURIComponent('../../film<1>.dcm');
    const body = new Uint8Array([1, 2, 3]);
    const kept = await ask(`/upload?name=${name}`, { method: 'POST', headers: { cookie, origin }, body });
    expect(kept.status).toBe(200);
    const { path } = JSON.parse(kept.body) as { path: string };
    expect(path.startsWith(uploads)).toBe(true);
    expect(basename(path)).toBe('film_1_.dcm');
    expect(new Uint8Array(readFileSync(path))).toEqual(body);
  });

  it('keeps what was dropped together as it lay, and inside of its own folder', async () => {
    const cookie = await signIn();
    const origin = `http://127.0.0.1:${host.port}`;
    const keep = async (name: string) => {
      const drop = '0123456789abcdef';
      const asked = `/upload?name=${encodeURIComponent(name)}&drop=${drop}`;
      const kept = await ask(asked, { method: 'POST', headers: { cookie, origin }, body: new Uint8Array([1]) });
      return (JSON.parse(kept.body) as { path: string }).path;
    };
    const own = join(uploads, '0123456789abcdef');
    expect(await keep('disc/IMAGES/IM1')).toBe(join(own, 'disc'));
    expect(readdirSync(join(own, 'disc/IMAGES'))).toEqual(['IM1']);
    expect(await keep('../../../up/./here')).toBe(join(own, 'film'));
    expect(readdirSync(own).sort()).toEqual(['disc', 'film']);
  });

  it('refuses an upload that is too large before it is read, and keeps nothing of it', async () => {
    const cookie = await signIn();
    const before = readdirSync(uploads).length;
    const headers = { cookie, origin: `http://127.0.0.1:${host.port}`, 'content-length': String(2 ** 30 + 1) };
    const answer = await new Promise<number>((resolve, reject) => {
      const options = { host: '127.0.0.1', port: host.port, path: '/upload?name=big.dcm', method: 'POST', headers };
      const request = httpRequest(options, (response) => {
        resolve(response.statusCode!);
        request.destroy();
      });
      request.on('error', reject);
      request.write('the beginning');
    });
    expect(answer).toBe(413);
    expect(readdirSync(uploads)).toHaveLength(before);
  });

  it('stops an upload that does not say its size where it becomes too large, and keeps nothing of it', async () => {
    const small = await startPageHost({
      engine,
      rendererDir: folder,
      uploadsDir: uploads,
      port: 0,
      maxUploadBytes: 1000,
    });
    const before = readdirSync(uploads).length;
    const origin = `http://127.0.0.1:${small.port}`;
    const headers = { origin, 'transfer-encoding': 'chunked' };
    const path = `/upload?name=big.dcm&token=${small.token}`;
    const status = await new Promise<number>((resolve, reject) => {
      const options = { host: '127.0.0.1', port: small.port, path, method: 'POST', headers };
      const request = httpRequest(options, (response) => resolve(response.statusCode!));
      request.on('error', reject);
      request.write(new Uint8Array(900));
      request.write(new Uint8Array(900));
      request.end();
    });
    expect(status).toBe(413);
    expect(readdirSync(uploads)).toHaveLength(before);
    await small.close();
  });

  it('has a token of its own at every start, of 256 random bits', async () => {
    const others = [];
    for (let i = 0; i < 8; i++) {
      const other = await startPageHost({ engine, rendererDir: folder, uploadsDir: uploads, port: 0 });
      others.push(other.token);
      // The token of one is nothing to another.
      expect((await ask(`/?token=${other.token}`)).status).toBe(401);
      await other.close();
    }
    expect(new Set([host.token, ...others]).size).toBe(9);
    for (const token of others) expect(Buffer.from(token, 'base64url')).toHaveLength(32);
  });

  it('takes no upload from another page', async () => {
    const before = readdirSync(uploads).length;
    const cookie = await signIn();
    for (const origin of ['http://evil.example', 'null', `https://127.0.0.1:${host.port}`]) {
      const answer = await ask('/upload?name=a', {
        method: 'POST',
        headers: { cookie, origin },
        body: new Uint8Array(1),
      });
      expect(answer.status, origin).toBe(403);
    }
    expect(readdirSync(uploads).length).toBe(before);
  });

  it('says which port is taken', async () => {
    const again = startPageHost({ engine, rendererDir: folder, uploadsDir: uploads, port: host.port });
    await expect(again).rejects.toMatchObject({ code: 'PORT_IN_USE', details: { port: host.port } });
  });
});

describe('its WebSocket', () => {
  const connect = (headers: Record<string, string>, path = '/ws') =>
    new Promise<WebSocket>((resolve, reject) => {
      const socket = new WebSocket(`ws://127.0.0.1:${host.port}${path}`, { headers });
      socket.on('open', () => resolve(socket));
      socket.on('error', reject);
    });

  it('carries the contract', async () => {
    const origin = `http://127.0.0.1:${host.port}`;
    const socket = await connect({ cookie: await signIn(), origin });
    const client = new Client();
    const port: EnvelopePort = {
      send: (envelope) => socket.send(encodeEnvelope(envelope)),
      onEnvelope: (listener) => socket.on('message', (data) => listener(decodeEnvelope(data as Buffer))),
      onClose: (listener) => socket.on('close', () => listener('closed')),
    };
    client.attach(port);
    const answer = await client.call('films.open', { filmId: 'f', frame: 2 });
    expect(answer).toEqual({
      method: 'films.open',
      params: { filmId: 'f', frame: 2 },
      pixels: new Int16Array([-1024, 3071]),
    });
    socket.send(new Uint8Array([0xff, 0xff]));
    await expect(new Promise((resolve) => socket.on('close', resolve))).resolves.toBe(1007);
  });

  it('is closed to other origins, to strangers and at other paths', async () => {
    const cookie = await signIn();
    const origin = `http://127.0.0.1:${host.port}`;
    await expect(connect({ cookie, origin: 'http://evil.example' })).rejects.toThrow('403');
    await expect(connect({ cookie })).rejects.toThrow('403');
    await expect(connect({ origin })).rejects.toThrow('403');
    await expect(connect({ cookie, origin }, '/other')).rejects.toThrow('403');
  });
});
