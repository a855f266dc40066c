/**
 * The servers that the user configured: kept with the user's settings, not with a workspace, so that opening somebody
 * else's workspace sends nothing anywhere. Only these addresses are ever spoken to.
 *
 * Keys are in memory only. They come from the environment (CHEXREASON_API_KEY_<ID>; CHEXREASON_API_KEY where one server is
 * named on the command line), from the screens for the session, and in the desktop from the system's key store, which the
 * host reads (main/desktop/keys.ts). Nothing here writes one.
 */
import { join } from 'node:path';
import { type ErrorData, toErrorData, WorkbenchError } from '../base/errors.ts';
import type { ServerFacts } from '../generation/remote/detect.ts';
import { serverAddress } from '../generation/remote/http.ts';
import { DEFAULT_CONCURRENCY, DEFAULT_TIMEOUT_SECONDS, RemoteServer } from '../generation/remote/server.ts';
import { readJsonIfThere, writeJson } from '../platform/files.ts';
import { slug } from '../workspace/workspace.ts';
import type { CheckedParameters, ServerInfo } from './contract.ts';

const FILE = 'servers.json';

interface StoredServer {
  id: string;
  name: string;
  address: string;
  concurrency: number;
  timeoutSeconds: number;
  /** It was taken out of the list: nothing is sent there, and it can be put back. */
  removed?: boolean;
}

interface Known extends StoredServer {
  /** What it said last; null: not asked yet in this session. */
  facts: ServerFacts | null;
  error: ErrorData | null;
  remote?: RemoteServer;
}

export class Servers {
  private readonly known = new Map<string, Known>();
  /** Taken out, with the keys that they had in this session. */
  private readonly removed = new Map<string, { server: StoredServer; key: string | undefined }>();
  /** By address. */
  private readonly keys = new Map<string, string>();

  private constructor(
    private readonly file: string,
    private readonly environment: NodeJS.ProcessEnv,
  ) {}

  static async open(userDir: string, environment: NodeJS.ProcessEnv = process.env): Promise<Servers> {
    const servers = new Servers(join(userDir, FILE), environment);
    for (const { removed, ...stored } of (await readJsonIfThere<StoredServer[]>(servers.file)) ?? []) {
      if (removed) servers.removed.set(stored.id, { server: stored, key: undefined });
      else servers.known.set(stored.id, { ...stored, facts: null, error: null });
    }
    return servers;
  }

  addresses(): string[] {
    return [...this.known.values()].map(({ address }) => address);
  }

  list(): ServerInfo[] {
    return [...this.known.values()].map((server) => this.shown(server));
  }

  /** What is at an address, before it is added: the one request to a place that is not configured yet, and it carries no film. */
  async probe(
    { address, key }: CheckedParameters<'servers.probe'>,
    signal?: AbortSignal,
  ): Promise<ServerFacts & { address: string }> {
    const server = new RemoteServer({ address, key, retry: { attempts: 1 } });
    return { address: server.address, ...(await server.facts(signal)) };
  }

  /** Adds it, whether it answers now or not; adding an address again changes its settings. */
  async add(params: CheckedParameters<'servers.add'>): Promise<ServerInfo> {
    const address = serverAddress(params.address);
    const before =
      [...this.known.values()].find((server) => server.address === address) ??
      [...this.removed.values()].find(({ server }) => server.address === address)?.server;
    const { host } = new URL(address);
    const server: Known = {
      id: before?.id ?? this.freeId(slug(params.name ?? host)),
      name: params.name ?? before?.name ?? host,
      address,
      concurrency: params.concurrency ?? before?.concurrency ?? DEFAULT_CONCURRENCY,
      timeoutSeconds: params.timeoutSeconds ?? before?.timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS,
      facts: null,
      error: null,
    };
    this.known.set(server.id, server);
    this.removed.delete(server.id);
    if (params.key) this.keys.set(address, params.key);
    await this.save();
    await this.refresh(server.id);
    return this.shown(server);
  }

  async remove(id: string): Promise<void> {
    const server = this.server(id);
    this.removed.set(id, { server: storedOf(server), key: this.keys.get(server.address) });
    this.keys.delete(server.address);
    this.known.delete(id);
    await this.save();
  }

  /** Puts it back, in this session with its key. It is asked again what it has. @throws SERVER_UNKNOWN */
  async restore(id: string): Promise<ServerInfo> {
    const out = this.removed.get(id);
    if (!out) throw serverUnknown(id);
    this.known.set(id, { ...out.server, facts: null, error: null });
    this.removed.delete(id);
    if (out.key !== undefined) this.keys.set(out.server.address, out.key);
    await this.save();
    return this.refresh(id);
  }

  /** Those that were taken out of the list. */
  removedList(): { id: string; name: string; address: string }[] {
    return [...this.removed.values()].map(({ server: { id, name, address } }) => ({ id, name, address }));
  }

  /** For this session; an empty key forgets it. */
  setKey(address: string, key: string): void {
    if (key === '') this.keys.delete(address);
    else this.keys.set(address, key);
    for (const server of this.known.values()) if (server.address === address) server.remote = undefined;
  }

  /** Asks the server what it is and has. What goes wrong is shown beside it. */
  async refresh(id: string, signal?: AbortSignal): Promise<ServerInfo> {
    const server = this.server(id);
    try {
      server.facts = await this.remote(id).facts(signal);
      server.error = null;
    } catch (error) {
      server.error = toErrorData(error);
    }
    return this.shown(server);
  }

  /** What the server is and has; asks it where that is not known. @throws what asking throws */
  async facts(id: string, signal?: AbortSignal): Promise<ServerFacts> {
    const server = this.server(id);
    server.facts ??= await this.remote(id).facts(signal);
    return server.facts;
  }

  async loadAdapter({ serverId, name, path }: CheckedParameters<'servers.loadAdapter'>): Promise<ServerInfo> {
    await this.remote(serverId).loadAdapter(name, path);
    return this.refresh(serverId);
  }

  /** One for each server, so that its limits hold for everything that is asked of it. */
  remote(id: string): RemoteServer {
    const server = this.server(id);
    server.remote ??= new RemoteServer({ ...server, key: this.keyOf(server) });
    return server.remote;
  }

  byAddress(address: string): ServerInfo | undefined {
    return this.list().find((server) => server.address === address);
  }

  private keyOf({ id, address }: StoredServer): string | undefined {
    return this.keys.get(address) ?? this.environment[variableOf(id)];
  }

  private shown({ id, name, address, concurrency, timeoutSeconds, facts, error }: Known): ServerInfo {
    const key = this.keys.has(address) ? 'session' : this.environment[variableOf(id)] ? 'environment' : 'none';
    const { kind = null, version = '', models = [] } = facts ?? {};
    return {
      id,
      name,
      address,
      kind,
      version,
      models,
      key,
      keyVariable: variableOf(id),
      concurrency,
      timeoutSeconds,
      error,
    };
  }

  /** @throws SERVER_UNKNOWN */
  private server(id: string): Known {
    const server = this.known.get(id);
    if (server) return server;
    throw serverUnknown(id);
  }

  private freeId(wanted: string): string {
    let id = wanted;
    for (let n = 2; this.known.has(id) || this.removed.has(id); n++) id = `${wanted}-${n}`;
    return id;
  }

  private async save(): Promise<void> {
    const removed = [...this.removed.values()].map(({ server }) => ({ ...server, removed: true }));
    await writeJson(this.file, [...[...this.known.values()].map(storedOf), ...removed]);
  }
}

function storedOf({ id, name, address, concurrency, timeoutSeconds }: Known): StoredServer {
  return { id, name, address, concurrency, timeoutSeconds };
}

function serverUnknown(id: string): WorkbenchError {
  return new WorkbenchError(
    'SERVER_UNKNOWN',
    'No such server is configured.',
    { id },
    'Add it on the Checkpoints screen.',
  );
}

/** The environment variable that holds a server's key. */
export function variableOf(id: string): string {
  return `CHEXREASON_API_KEY_${id.toUpperCase().replace(/[^A-Z0-9]+/g, '_')}`;
}
