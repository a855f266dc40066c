/**
 * The inside of the engine process: gives every connection to the one engine. Two hosts start it:
 *
 * - Electron's utilityProcess: each message from the host brings a MessagePort, one for each window;
 * - a child process (`chexreason serve`): one connection, the pipe itself.
 */
import { toErrorData } from '../../core/base/errors.ts';
import type { Engine, Envelope, EnvelopePort } from '../../core/services/contract.ts';
import { serveEngine } from '../../core/services/server.ts';

/** What the host passes as the first argument, as JSON. */
export interface EngineArguments {
  resourcesDir: string;
  userDir: string;
  /** The workspace to open; absent: the built-in one. */
  workspace?: string;
}

/** Electron's MessagePortMain, as far as it is needed here; Electron's types stay in main/desktop. */
interface PortMain {
  on(event: 'message', listener: (message: { data: Envelope }) => void): void;
  on(event: 'close', listener: () => void): void;
  postMessage(envelope: Envelope): void;
  start(): void;
}

/** What the desktop host says to the engine itself, first of all: the keys of servers, by address, that it keeps. */
export interface HostMessage {
  keys: Record<string, string>;
}

interface ParentPort {
  on(event: 'message', listener: (message: { data: HostMessage | null; ports: PortMain[] }) => void): void;
}

/**
 * Serves until the host goes away. Requests wait while the engine starts, and fail with its error where it cannot.
 *
 * @param create starts the engine; on the desktop it gets the keys of servers, because work that goes on asks them at once
 */
export function runEngineProcess(create: (args: EngineArguments, keys?: HostMessage['keys']) => Promise<Engine>): void {
  const args = JSON.parse(process.argv[2]!) as EngineArguments;
  const parent = (process as { parentPort?: ParentPort }).parentPort;
  if (parent) {
    const keys = new Promise<HostMessage['keys']>((resolve) =>
      parent.on('message', ({ data }) => data && resolve(data.keys)),
    );
    const engine = whenReady(keys.then((told) => create(args, told)));
    parent.on('message', ({ ports }) => {
      for (const port of ports) serveEngine(engine, portOf(port));
    });
  } else {
    const engine = whenReady(create(args));
    process.on('disconnect', () => process.exit());
    serveEngine(engine, pipeToParent());
  }
}

function whenReady(starting: Promise<Engine>): Engine {
  starting.catch((error) => process.stderr.write(`engine: ${JSON.stringify(toErrorData(error))}\n`));
  return {
    call: async (method, params, options) => (await starting).call(method, params, options),
    onEvent: (listener) => {
      const stop = starting.then(
        (engine) => engine.onEvent(listener),
        () => () => {},
      );
      return () => void stop.then((call) => call());
    },
  };
}

function portOf(port: PortMain): EnvelopePort {
  return {
    send: (envelope) => port.postMessage(envelope),
    onEnvelope: (listener) => {
      port.on('message', ({ data }) => listener(data));
      port.start();
    },
    onClose: (listener) => port.on('close', () => listener('The window was closed.')),
  };
}

function pipeToParent(): EnvelopePort {
  return {
    send: (envelope) => process.send?.(envelope),
    onEnvelope: (listener) => process.on('message', (envelope) => listener(envelope as Envelope)),
    onClose: (listener) => process.on('disconnect', () => listener('The host ended.')),
  };
}
