/** Requests of the application: workspace, jobs, settings, recent paths, prompts. Part of the engine (../engine.ts). */

import { requireDevice } from '../../models/openRunner.ts';
import type { Device } from '../../tensor/executor.ts';
import type { AppState } from '../contract.ts';
import { recognisePath } from '../recognise.ts';
import type { EngineContext, Handlers } from './context.ts';

export function workspaceHandlers(engine: EngineContext) {
  return {
    'app.state': () => engine.state(),
    'workspace.open': async ({ path }) => {
      await engine.open(path);
      await engine.opened('workspace', [path]);
      return engine.state();
    },
    'paths.recognise': ({ paths }) => Promise.all(paths.map(recognisePath)),
    'jobs.list': () => engine.jobs.list(),
    'jobs.cancel': ({ jobId }) => {
      engine.jobs.cancel(jobId);
      return null;
    },
    'jobs.pause': ({ jobId }) => {
      engine.jobs.pause(jobId);
      return null;
    },
    'jobs.resume': ({ jobId }) => {
      engine.jobs.resume(jobId);
      return null;
    },
    'engine.setDevice': ({ device }) => setDevice(engine, device),
    'settings.get': () => engine.settings.all(),
    'settings.set': async ({ key, value }) => {
      await engine.settings.set(key, value);
      return null;
    },
    'recent.list': () => engine.recent.list(),
    'recent.clear': async () => {
      await engine.recent.clear();
      engine.changed('recent');
      return null;
    },
    'prompts.list': async () => {
      await engine.session.prompts.refresh();
      return engine.session.prompts.list();
    },
    'prompts.problems': async () => {
      await engine.session.prompts.refresh();
      return engine.session.prompts.problems();
    },
  } satisfies Partial<Handlers>;
}

async function setDevice(engine: EngineContext, device: Device): Promise<AppState> {
  await requireDevice(device);
  await engine.settings.setDevice(device);
  engine.changed('checkpoints');
  engine.changed('predictions');
  return engine.state();
}
