/** Requests of films, what was drawn on them, and label tables. Part of the engine (../engine.ts). */
import { lookAtTable } from '../../datasets/custom.ts';
import { trace } from '../../platform/trace.ts';
import type { FilmEntry } from '../contract.ts';
import { deidentifyFiles } from '../deidentification.ts';
import type { EngineContext, Handlers } from './context.ts';

export function filmHandlers(engine: EngineContext) {
  return {
    'collections.list': () => engine.session.collections.list(),
    'collections.remove': ({ collectionId }) => listed(engine, engine.session.collections.remove(collectionId)),
    'collections.restore': ({ collectionId }) => listed(engine, engine.session.collections.restore(collectionId)),
    'films.remove': (wanted) => listed(engine, engine.session.collections.removeFilms(wanted)),
    'films.restore': (wanted) => listed(engine, engine.session.collections.restoreFilms(wanted)),
    'removed.list': () => {
      const { collections, films } = engine.session.collections.removed();
      return {
        collections: collections.map(({ id, name }) => ({ id, name })),
        films: films.map(({ id, path }) => ({ id, path })),
        checkpoints: engine.session.checkpoints.removedList(),
        servers: engine.servers.removedList(),
      };
    },
    'films.add': ({ paths }, call) =>
      engine.jobs.run('scan', 'Reading films', call, async (work) => {
        const summary = await engine.session.collections.add(paths, work);
        engine.changed('films');
        engine.changed('collections');
        if (summary.instances > 0) await engine.opened('films', paths);
        return summary;
      }),
    'films.list': async ({ collectionId, from = 0, limit }) => {
      const films = await engine.session.collections.films(collectionId);
      return withCautions(engine, films.slice(from, limit === undefined ? undefined : from + limit));
    },
    'films.open': async ({ filmId, frame, room }, { onProgress }) => {
      trace('engine-asked');
      const { collections, selection } = engine.session;
      const known = await collections.entry(filmId);
      const open = () =>
        collections.open(filmId, frame, room, (preview) =>
          onProgress?.({ stage: 'Reading the film', done: 0, total: 1, preview }),
        );
      // Side by side: the header is read again where the film's table said nothing of it.
      const [film, [entry]] = await Promise.all([
        engine.session.thumbnails.after(open),
        selection.withHeaders([known]),
      ]);
      trace('engine-has-film');
      return { entry: withCautions(engine, [entry!])[0]!, film };
    },
    'films.thumbnail': async ({ filmId }, { signal }) =>
      engine.session.thumbnails.get(await engine.session.collections.entry(filmId), signal),
    'films.modelView': async ({ filmId, checkpointId }) => {
      const film = await engine.session.collections.entry(filmId);
      return engine.session.answers.modelView({ film, checkpoint: engine.session.checkpoints.usable(checkpointId) });
    },
    'films.deidentify': ({ filmIds, ...settings }, call) =>
      engine.jobs.run('export', 'Exporting de-identified films', call, async (work) => {
        const { collections, workspace } = engine.session;
        const entries = await Promise.all(filmIds.map((filmId) => collections.entry(filmId)));
        const files = [...new Set(entries.map(({ path }) => path))];
        return deidentifyFiles(files, { ...settings, workspace: workspace.path }, work);
      }),
    'annotations.ofFilm': async ({ filmId, imageHash }) => {
      const { annotations, boxes, collections } = engine.session;
      const entry = await collections.entry(filmId);
      const film = await collections.open(filmId);
      return {
        annotations: await annotations.get(imageHash),
        boxes: await boxes.ofFilm(entry, collections.collection(entry.collectionId), film),
      };
    },
    'annotations.set': async ({ imageHash, annotations }) => {
      await engine.session.annotations.set(imageHash, annotations);
      return null;
    },
    'datasets.look': ({ csv }) => lookAtTable(csv),
    'datasets.add': (params, call) =>
      engine.jobs.run('scan', 'Reading a label table', call, async (work) => {
        const { id } = await engine.session.collections.addDataset(params, work);
        await engine.session.trainings.noteProbed(id);
        const collection = engine.session.collections.collection(id);
        engine.changed('collections');
        await engine.opened('table', [params.csv]);
        return collection;
      }),
  } satisfies Partial<Handlers>;
}

/** A change of what the list of films shows. */
async function listed<T>(engine: EngineContext, change: Promise<T>): Promise<T> {
  const result = await change;
  engine.changed('films');
  engine.changed('collections');
  return result;
}

/** A real film where checkpoints know phantoms only: their answers mean nothing there. */
function withCautions(engine: EngineContext, films: FilmEntry[]): FilmEntry[] {
  const strangers = engine.session.checkpoints.list().filter(({ phantomOnly }) => phantomOnly);
  if (strangers.length === 0) return films;
  const names = strangers.map(({ name }) => name).join(', ');
  const caution = `Real anatomy: ${names} know phantom films only, and what they say of this film means nothing.`;
  return films.map((film) => (film.phantom ? film : { ...film, warnings: [...film.warnings, caution] }));
}
