/**
 * The engine: every request of the contract, answered from one open workspace. Hosts make one and give it a connection
 * (server.ts); the command calls it directly.
 */
import { join } from 'node:path';
import { WorkbenchError } from '../base/errors.ts';
import { CHEXPERT_LABELS, NIH_NINE } from '../labels/labels.ts';
import type { Platform } from '../platform/platform.ts';
import { loadPrompts } from '../text/prompts.ts';
import type { Prompt } from '../text/types.ts';
import { VERSION } from '../version.ts';
import {
  type AppState,
  type CheckedParameters,
  type Engine,
  type EngineEvent,
  type Method,
  type ProgressOf,
  parameters,
  type Results,
} from './contract.ts';
import { generationExecutor, trainingExecutor } from './executors.ts';
import { Jobs } from './jobs.ts';
import { recognisePath } from './recognise.ts';
import { Session } from './session.ts';
import { Settings } from './settings.ts';

export interface EngineOptions {
  /** Folder of the workspace to open; absent: the built-in one in the user's folder, made where it is missing. */
  workspace?: string;
  /** Name of the executor that generates; absent: the fastest that is there. */
  executor?: string;
}

type Handlers = {
  [M in Method]: (
    params: CheckedParameters<M>,
    call: { signal?: AbortSignal; onProgress?: (progress: ProgressOf[M]) => void },
  ) => Promise<Results[M]> | Results[M];
};

export async function createEngine(platform: Platform, options: EngineOptions = {}): Promise<Engine> {
  const listeners = new Set<(event: EngineEvent) => void>();
  const emit = (event: EngineEvent) => {
    for (const listener of [...listeners]) listener(event);
  };
  const handlers = await createHandlers(platform, options, emit);
  return {
    call: async (method, params, call = {}) => {
      const handler = handlers[method] as Handlers[typeof method];
      const checked = parameters[method].parse(params) as CheckedParameters<typeof method>;
      return handler(checked, call as Parameters<typeof handler>[1]);
    },
    onEvent: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
