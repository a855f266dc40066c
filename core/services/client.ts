/**
 * The engine seen from the other side of a connection. Pure (no Node, no DOM): the screens, the hosts and the tests use it.
 * A client outlives its engine: when the engine ends, what was under way ends with ENGINE_CRASHED, and calls made before
 * the next `attach` wait for it.
 */
import { fromErrorData, WorkbenchError } from '../base/errors.ts';
import type {
  Engine,
  EngineEvent,
  Envelope,
  EnvelopePort,
  Method,
  Parameters,
  ProgressOf,
  Results,
} from './contract.ts';

interface Pending {
  resolve(result: unknown): void;
  reject(error: WorkbenchError): void;
  onProgress?: (progress: never) => void;
}

export class Client implements Engine {
  private port: EnvelopePort | null = null;
  private nextId = 1;
  /** Under way in the attached engine. */
  private readonly pending = new Map<number, Pending>();
  /** Called while no engine was attached, in order. */
  private readonly waiting = new Map<number, Envelope>();
  private readonly listeners = new Set<(event: EngineEvent) => void>();

  /** Speaks to this engine from now on. An engine attached before counts as ended. */
  attach(port: EnvelopePort): void {
    this.detach('A new engine was started.');
    this.port = port;
    port.onEnvelope((envelope) => {
      if (this.port === port) this.receive(envelope);
    });
    port.onClose((reason) => {
      if (this.port === port) this.detach(reason);
    });
    for (const envelope of this.waiting.values()) port.send(envelope);
    this.waiting.clear();
  }

  /** The engine has ended: its requests fail with ENGINE_CRASHED. */
  detach(reason: string): void {
    if (!this.port) return;
    this.port = null;
    for (const id of [...this.pending.keys()]) this.settle(id)?.reject(engineCrashed(reason));
  }

  call<M extends Method>(
    method: M,
    params: Parameters<M>,
    options: { signal?: AbortSignal; onProgress?: (progress: ProgressOf[M]) => void } = {},
  ): Promise<Results[M]> {
    const { signal, onProgress } = options;
    if (signal?.aborted) return Promise.reject(cancelled());
    const id = this.nextId++;
    return new Promise<Results[M]>((resolve, reject) => {
      const cancel = () => this.cancel(id);
      const done = () => signal?.removeEventListener('abort', cancel);
      this.pending.set(id, {
        resolve: (result) => {
          done();
          resolve(result as Results[M]);
        },
        reject: (error) => {
          done();
          reject(error);
        },
        onProgress,
      });
      signal?.addEventListener('abort', cancel);
      this.send(id, { kind: 'request', id, method, params });
    });
  }

  onEvent(listener: (event: EngineEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Also for events that come from the host beside the connection. */
  emit(event: EngineEvent): void {
    for (const listener of [...this.listeners]) listener(event);
  }

  private send(id: number, envelope: Envelope): void {
    if (!this.port) {
      this.waiting.set(id, envelope);
      return;
    }
    try {
      this.port.send(envelope);
    } catch (error) {
      this.settle(id)?.reject(
        new WorkbenchError('INVALID_REQUEST', `The request cannot be sent: ${(error as Error).message}`),
      );
    }
  }

  /** The engine answers a cancelled request with CANCELLED; one that it has not seen yet ends here. */
  private cancel(id: number): void {
    if (this.waiting.delete(id)) this.settle(id)?.reject(cancelled());
    else this.port?.send({ kind: 'cancel', id });
  }

  private receive(envelope: Envelope): void {
    if (envelope.kind === 'event') this.emit(envelope.event);
    if (envelope.kind === 'progress') this.pending.get(envelope.id)?.onProgress?.(envelope.progress as never);
    if (envelope.kind === 'result') this.settle(envelope.id)?.resolve(envelope.result);
    if (envelope.kind === 'error') this.settle(envelope.id)?.reject(fromErrorData(envelope.error));
  }

  private settle(id: number): Pending | undefined {
    const request = this.pending.get(id);
    this.pending.delete(id);
    this.waiting.delete(id);
    return request;
  }
}

function cancelled(): WorkbenchError {
  return new WorkbenchError('CANCELLED', 'The work was cancelled.');
}

function engineCrashed(reason: string): WorkbenchError {
  return new WorkbenchError(
    'ENGINE_CRASHED',
    'The engine process ended while it worked on this.',
    { reason },
    'It is started again by itself. Evaluations and training runs go on from where they were when they are started again.',
  );
}
