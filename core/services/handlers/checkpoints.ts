/** Requests of checkpoints, their precisions, and servers. Part of the engine (../engine.ts). */
import { removeForms } from '../../models/convertedWeights.ts';
import { usefulPrecision } from '../../models/openRunner.ts';
import type { Precision } from '../../tensor/precision.ts';
import type { PrecisionForm } from '../contract.ts';
import { measurePrecision, precisionForms, rememberDistance } from '../precisions.ts';
import { DEFAULT_PROMPT } from '../prompts.ts';
import type { EngineContext, Handlers } from './context.ts';

export function checkpointHandlers(engine: EngineContext) {
  return {
    'checkpoints.list': () =>
      engine.session.checkpoints.list().map((checkpoint) => ({
        ...checkpoint,
        secondsPerFilm: engine.session.predictions.secondsPerFilm(checkpoint.id),
      })),
    'checkpoints.add': async (params) => {
      const checkpoint = await engine.session.checkpoints.add(params);
      engine.changed('checkpoints');
      engine.askCanaries(checkpoint);
      return checkpoint;
    },
    'checkpoints.addRemote': async (params) => {
      const checkpoint = await engine.session.checkpoints.addRemote(params);
      engine.changed('checkpoints');
      engine.askCanaries(checkpoint);
      return checkpoint;
    },
    'checkpoints.canary': ({ checkpointId }, call) =>
      engine.jobs.run('canary', 'Reading the canary film', call, async (work) => {
        const checkpoint = await engine.session.canaries.ask(checkpointId, work.signal);
        engine.changed('checkpoints');
        return checkpoint;
      }),
    'checkpoints.precisions': ({ checkpointId }) => precisions(engine, checkpointId),
    'checkpoints.setPrecision': ({ checkpointId, precision }, call) =>
      engine.jobs.run('load', 'Opening a checkpoint in another precision', call, async (work) => {
        const { checkpoints, models } = engine.session;
        const folder = checkpoints.baseFolder(checkpoints.usable(checkpointId));
        await checkpoints.setPrecision(checkpointId, precision);
        await models.forgetBase(folder);
        await models.base(folder, work);
        engine.changed('checkpoints');
        engine.changed('predictions');
        return precisions(engine, checkpointId);
      }),
    'checkpoints.measurePrecision': ({ checkpointId, precision, films }, call) =>
      engine.jobs.run('evaluate', `The distance of ${precision} from f32`, call, async (work) => {
        const { checkpoints, prompts } = engine.session;
        const { promptId, preprocessing, answerFormat, maxNewTokens } = checkpoints.usable(checkpointId);
        const model = checkpoints.baseFolder(checkpoints.usable(checkpointId));
        const prompt = (prompts.get(promptId) ?? prompts.get(DEFAULT_PROMPT))!.text;
        const { cacheDir = '', threads } = engine.options;
        const machine = { cacheDir, threads, device: engine.device() };
        const question = { model, prompt, preprocessing, answerFormat, maxNewTokens, films, ...machine };
        const distance = await measurePrecision(question, precision, work);
        const { hash } = checkpoints.baseModel(checkpointId);
        await rememberDistance(cacheDir, hash, precision, distance, machine.device);
        return precisions(engine, checkpointId);
      }),
    'checkpoints.removeForms': async ({ checkpointId }) => {
      const { checkpoints, models } = engine.session;
      await models.forgetBase(checkpoints.baseFolder(checkpoints.usable(checkpointId)));
      await removeForms(engine.options.cacheDir ?? '', checkpoints.baseModel(checkpointId).hash);
      return precisions(engine, checkpointId);
    },
    'checkpoints.restore': async ({ checkpointId }) => {
      const checkpoint = await engine.session.checkpoints.restore(checkpointId);
      engine.changed('checkpoints');
      return checkpoint;
    },
    'checkpoints.remove': async ({ checkpointId }) => {
      await engine.session.checkpoints.remove(checkpointId);
      engine.changed('checkpoints');
      return null;
    },
  } satisfies Partial<Handlers>;
}

async function precisions(engine: EngineContext, checkpointId: string): Promise<PrecisionForm[]> {
  const { checkpoints } = engine.session;
  const { info, precision = 'auto' } = checkpoints.baseModel(checkpointId);
  if (!info) return [];
  const used = precision === 'auto' ? usefulPrecision(info.parameters) : (precision as Precision);
  return precisionForms(info, used, engine.options.cacheDir ?? '', engine.device());
}

export function serverHandlers(engine: EngineContext) {
  const changed = async <T>(result: T): Promise<T> => {
    await engine.session.checkpoints.reopenRemote();
    engine.changed('servers');
    return result;
  };
  return {
    'servers.list': () => engine.servers.list(),
    'servers.probe': (params, { signal }) => engine.servers.probe(params, signal),
    'servers.add': async (params) => changed(await engine.servers.add(params)),
    'servers.refresh': async ({ serverId }, { signal }) => changed(await engine.servers.refresh(serverId, signal)),
    'servers.remove': async ({ serverId }) => {
      await engine.servers.remove(serverId);
      return changed(null);
    },
    'servers.restore': async ({ serverId }) => changed(await engine.servers.restore(serverId)),
    'servers.setKey': async ({ address, key }) => {
      engine.servers.setKey(address, key);
      return changed(null);
    },
    'servers.loadAdapter': async (params) => changed(await engine.servers.loadAdapter(params)),
  } satisfies Partial<Handlers>;
}
