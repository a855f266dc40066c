/** Requests of evaluations, made here or imported, and of their reports. Part of the engine (../engine.ts). */
import { predictionsText } from '../../evaluation/predictionSources.ts';
import { writeFileAtomic } from '../../platform/files.ts';
import type { EngineContext, Handlers } from './context.ts';

export function evaluationHandlers(engine: EngineContext) {
  return {
    'evaluations.list': async () => {
      const all = [...(await engine.session.evaluations.list()), ...(await engine.session.imported.list())];
      const paused = engine.jobs.paused('evaluationId');
      const shown = all.map((each) => (paused.has(each.id) ? { ...each, state: 'paused' as const } : each));
      return shown.sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
    },
    'evaluations.cost': (params) => engine.session.evaluations.cost(params),
    'evaluations.run': (params, call) =>
      engine.lasting.run('Evaluation', { method: 'evaluations.run', params }, call, async (work) => {
        try {
          return await engine.session.evaluations.run(params, work);
        } finally {
          engine.changed('evaluations');
        }
      }),
    'evaluations.result': async ({ evaluationId }, call) => {
      const kept = await keeperOf(engine, evaluationId);
      const known = await kept.known(evaluationId);
      return known ?? engine.jobs.run('load', 'Computing intervals', call, (work) => kept.result(evaluationId, work));
    },
    'evaluations.films': async ({ evaluationId, datasetId, checkpointId, label, outcome }) => {
      const wanted = { label, outcome };
      if (await engine.session.imported.has(evaluationId))
        return engine.session.imported.filmsBehind(evaluationId, datasetId, checkpointId, wanted);
      return engine.session.evaluations.films(evaluationId, datasetId, checkpointId, wanted);
    },
    'evaluations.import': (params, call) =>
      engine.jobs.run('evaluate', 'Reading predictions', call, async (work) => {
        const imported = await engine.session.imported.import(params, work);
        engine.changed('evaluations');
        return imported;
      }),
    'evaluations.export': async ({ evaluationId, path }) => {
      const predictions = await (await keeperOf(engine, evaluationId)).written(evaluationId);
      await writeFileAtomic(path, predictionsText(path, predictions));
      return { path, lines: predictions.length };
    },
  } satisfies Partial<Handlers>;
}

/** Where an evaluation is kept: made here, or imported. */
async function keeperOf(engine: EngineContext, evaluationId: string) {
  const { imported, evaluations } = engine.session;
  return (await imported.has(evaluationId)) ? imported : evaluations;
}

export function reportHandlers(engine: EngineContext) {
  return {
    'report.sections': () => engine.session.reports.sections(),
    'report.films': (params) => engine.session.reports.films(params),
    'report.render': (params, call) =>
      engine.jobs.run('report', 'Drawing the report', call, (work) => engine.session.reports.render(params, work)),
    'report.save': (params, call) =>
      engine.jobs.run('report', 'Writing the report', call, (work) => engine.session.reports.save(params, work)),
    'report.export': (params, call) =>
      engine.jobs.run('report', 'Exporting the figures', call, (work) => engine.session.reports.export(params, work)),
  } satisfies Partial<Handlers>;
}
