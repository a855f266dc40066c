/** An engine that answers from a table of prepared answers, and counts what it was asked. Test code only. */
import { WorkbenchError } from '../../../core/base/errors.ts';
import type { CheckedParameters, Engine, EngineEvent, Method, Results } from '../../../core/services/contract.ts';

export type Handlers = {
  [M in Method]?: (params: CheckedParameters<M>, call: Call) => Promise<Results[M]> | Results[M];
};

export interface Call {
  signal: AbortSignal;
  // biome-ignore lint/suspicious/noExplicitAny: each method has its own kind of progress.
  progress(progress: any): void;
}

export class FixtureEngine implements Engine {
  readonly calls: { method: Method; params: unknown }[] = [];
  private readonly listeners = new Set<(event: EngineEvent) => void>();

  constructor(readonly handlers: Handlers) {}

  async call<M extends Method>(
    method: M,
    params: unknown,
    options: { signal?: AbortSignal; onProgress?: (progress: never) => void } = {},
  ): Promise<Results[M]> {
    this.calls.push({ method, params });
    const handler = this.handlers[method];
    if (!handler) throw new WorkbenchError('NOT_IN_FIXTURE', `The fixture does not answer ${method}.`);
    const signal = options.signal ?? new AbortController().signal;
    const progress = (value: unknown) => options.onProgress?.(value as never);
    return handler(params as never, { signal, progress }) as Results[M] | Promise<Results[M]>;
  }

  onEvent(listener: (event: EngineEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  emit(event: EngineEvent): void {
    for (const listener of this.listeners) listener(event);
  }
}

export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  if (signal.aborted) throw new WorkbenchError('CANCELLED', 'The work was cancelled.');
}
