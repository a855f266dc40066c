/** Requests of training runs and of a teacher's traces. Part of the engine (../engine.ts). */
import type { TrainingProgress, TrainingRun } from '../contract.ts';
import type { Caller, EngineContext, Handlers } from './context.ts';

export function trainingHandlers(engine: EngineContext) {
  const titles = { sft: 'SFT', grpo: 'GRPO' };
  const train = ({ kind, name }: Pick<TrainingRun, 'kind' | 'name'>, runId: string, call: Caller<TrainingProgress>) =>
    engine.lasting.run(`${titles[kind]}: ${name}`, { method: 'training.resume', params: { runId } }, call, (work) =>
      trained(engine, engine.session.trainings.resume(runId, work)),
    );
  return {
    'training.fields': ({ kind }) => engine.session.trainings.fields(kind),
    'training.list': async () => {
      const paused = engine.jobs.paused('runId');
      const runs = await engine.session.trainings.list();
      return runs.map((run) => (paused.has(run.id) ? { ...run, state: 'paused' as const } : run));
    },
    'training.log': ({ runId }) => engine.session.trainings.log(runId),
    'training.plan': (params) => engine.session.trainings.plan(params),
    'training.completions': ({ runId, step }) => engine.session.trainings.completions(runId, step),
    'training.export': (params, call) =>
      engine.jobs.run('export', 'Exporting a run for TRL', call, (work) =>
        engine.session.trainingExports.write(params, work),
      ),
    'training.import': (params) => {
      const read = engine.session.trainingImports.read(params);
      return trained(
        engine,
        read.then((runId) => engine.session.trainings.run(runId)),
      );
    },
    'training.run': async (params, call) => train(params, await engine.session.trainings.begin(params), call),
    'training.resume': async ({ runId }, call) => train(await engine.session.trainings.run(runId), runId, call),
  } satisfies Partial<Handlers>;
}

async function trained(engine: EngineContext, run: Promise<TrainingRun>): Promise<TrainingRun> {
  try {
    const done = await run;
    engine.changed('checkpoints');
    return done;
  } finally {
    engine.changed('training');
  }
}

export function traceHandlers(engine: EngineContext) {
  const changed = async <T>(result: Promise<T>): Promise<T> => {
    try {
      return await result;
    } finally {
      engine.changed('traces');
    }
  };
  return {
    'traces.list': ({ datasetId }) => engine.session.traces.list(datasetId),
    'traces.ask': (params, call) =>
      engine.lasting.run('Asking the teacher for traces', { method: 'traces.ask', params }, call, (work) =>
        changed(engine.session.traces.ask(params, work)),
      ),
    'traces.decide': (params) => changed(engine.session.traces.decide(params)),
    'traces.undo': ({ datasetId }) => changed(engine.session.traces.undo(datasetId)),
    'traces.import': (params) => changed(engine.session.traces.import(params)),
    'traces.export': (params) => engine.session.traces.export(params),
  } satisfies Partial<Handlers>;
}
