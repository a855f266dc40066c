/** Events, envelopes, and the engine as its hosts call it. Part of the contract (../contract.ts). */
import type { ErrorData } from '../../base/errors.ts';
import type { JobInfo } from './app.ts';
import type { Method, Parameters } from './parameters.ts';
import type { ProgressOf, Results } from './results.ts';

/** What the engine says unasked; a screen that shows the thing reads it again. */
export type EngineEvent =
  | { type: 'jobs'; jobs: JobInfo[] }
  | {
      type: 'changed';
      what:
        | 'films'
        | 'collections'
        | 'checkpoints'
        | 'servers'
        | 'predictions'
        | 'evaluations'
        | 'training'
        | 'traces'
        | 'workspace'
        | 'recent';
    }
  /** From the host: the engine process ended and a new one is there. Requests under way ended with ENGINE_CRASHED. */
  | { type: 'engine-restarted'; reason: string }
  /** From the host: the user opened these through menu, file association or a second start. */
  | { type: 'open-paths'; paths: string[] }
  /** From the host: a menu item. */
  | { type: 'command'; command: string };

export type Envelope =
  | { kind: 'request'; id: number; method: Method; params: unknown }
  | { kind: 'cancel'; id: number }
  | { kind: 'progress'; id: number; progress: unknown }
  | { kind: 'result'; id: number; result: unknown }
  | { kind: 'error'; id: number; error: ErrorData }
  | { kind: 'event'; event: EngineEvent };

/** One end of a connection that carries envelopes: a MessagePort, a WebSocket, the pipe to a child process. */
export interface EnvelopePort {
  send(envelope: Envelope): void;
  onEnvelope(listener: (envelope: Envelope) => void): void;
  onClose(listener: (reason: string) => void): void;
}

/** The engine as its hosts call it. `Client` (client.ts) is the same thing on the other side of a transport. */
export interface Engine {
  call<M extends Method>(
    method: M,
    params: Parameters<M>,
    options?: { signal?: AbortSignal; onProgress?: (progress: ProgressOf[M]) => void },
  ): Promise<Results[M]>;
  onEvent(listener: (event: EngineEvent) => void): () => void;
}
