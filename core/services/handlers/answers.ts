/** Requests of answers to a film, and of readers' findings. Part of the engine (../engine.ts). */
import type { EngineContext, Handlers } from './context.ts';

export function answerHandlers(engine: EngineContext) {
  return {
    'predictions.ofFilm': async ({ filmId, promptId }) =>
      engine.session.answers.ofFilm(await engine.session.collections.entry(filmId), promptId),
    'predictions.generate': async ({ filmId, checkpointId, promptText, ...settings }, call) => {
      const { collections, checkpoints, answers } = engine.session;
      const film = await collections.entry(filmId);
      const question = { film, checkpoint: checkpoints.usable(checkpointId), promptText };
      return engine.jobs.run('generate', `${question.checkpoint.name} reads a film`, call, async (work) => {
        const [prediction] = await answers.answer([question], settings, {
          signal: work.signal,
          onText: (_, text, done) => work.report({ stage: 'Reading', done, total: null, text }),
        });
        engine.changedSoon('predictions');
        return prediction!;
      });
    },
    'predictions.inspect': async ({ filmId, checkpointId, key }) => {
      const { collections, checkpoints, answers } = engine.session;
      return answers.inspect(await collections.entry(filmId), checkpoints.usable(checkpointId), key);
    },
    'predictions.index': () => {
      const { checkpoints, predictions } = engine.session;
      return predictions.index(new Map(checkpoints.list().map(({ id, promptId }) => [id, promptId])));
    },
    'readers.list': () => engine.session.readers.list(),
    'readers.save': (findings) => engine.session.readers.save(findings),
    'predictions.sample': async ({ filmId, checkpointId, samples, ...settings }, call) => {
      const { collections, checkpoints, answers } = engine.session;
      const question = { film: await collections.entry(filmId), checkpoint: checkpoints.usable(checkpointId) };
      const title = `${question.checkpoint.name} reads a film ${samples} times`;
      return engine.jobs.run('generate', title, call, async (work) => {
        let done = 0;
        const sampled = await answers.sample(question, samples, settings, {
          signal: work.signal,
          onAnswer: () => work.report({ stage: 'Reading', done: ++done, total: samples }),
        });
        engine.changed('predictions');
        return sampled;
      });
    },
  } satisfies Partial<Handlers>;
}
