/** The middle of Read: the film, beside it what the model sees, and the way to the next film. */

import { useFrom, useWorkbench } from '../frame/context.ts';
import { ChevronLeft, ChevronRight, TriangleAlert } from '../frame/icons.ts';
import { Empty, ErrorBox, IconButton } from '../frame/parts.tsx';
import { readyValue } from '../state/loading.ts';
import { answerOf } from '../state/reading.ts';
import { text } from '../text.ts';
import { FilmViewport } from './FilmViewport.tsx';
import { ModelPicture } from './ModelPicture.tsx';
import { Overlay } from './Overlay.tsx';
import { Toolbar } from './Toolbar.tsx';

export function FilmArea() {
  const { display, reading } = useWorkbench();
  const film = useFrom(reading, (state) => state.film);
  const showModel = useFrom(reading, (state) => state.showModel);
  const shown = useFrom(display, (state) => state);
  const view = readyValue(film);
  const label = view ? text.viewer.film(view.entry.patientId, view.film.tags.viewPosition) : text.viewer.empty;
  return (
    <section className="film-area" aria-label={text.viewer.title}>
      <Toolbar view={view} />
      <div className="stage">
        <div className="film-box" data-area="film">
          <FilmViewport display={display} label={label} />
          {view && shown.overlay && <Overlay entry={view.entry} display={shown} />}
          {view && <SaidOnFilm />}
          {film.state === 'none' && <Empty title={text.viewer.empty} hint={text.viewer.emptyHint} />}
          {film.state === 'loading' && <Empty title={text.viewer.loading} />}
          {film.state === 'failed' && <ErrorBox title={text.viewer.failed} error={film.error} />}
        </div>
        {showModel && <ModelBox />}
      </div>
      {view && <Warnings warnings={[...view.entry.warnings, ...view.film.warnings]} />}
      <Steps />
    </section>
  );
}

/** The findings of the checkpoint that is looked at, on the film, so that blinking shows where the eye already is. */
function SaidOnFilm() {
  const { reading, checkpoints } = useWorkbench();
  const state = useFrom(reading, (all) => all);
  useFrom(checkpoints, (all) => all.list);
  const active = checkpoints.byId(state.activeId);
  if (!active) return null;
  const answer = answerOf(state, active.id);
  if (answer.state !== 'answered') return null;
  const { findings, parseFailure } = answer.prediction.reading;
  const said = parseFailure ? text.compare.marks.unreadable : findings.join(', ') || text.compare.nothingSaid;
  return (
    <div className={`said role-${active.role}`} aria-hidden="true">
      {text.compare.findingsOf(active.name, said)}
    </div>
  );
}

function ModelBox() {
  const { reading } = useWorkbench();
  const model = useFrom(reading, (state) => state.model);
  return (
    <div className="model-box">
      {model.state === 'ready' && <ModelPicture view={model.value} />}
      {model.state === 'ready' && (
        <div className="model-caption">
          {text.viewer.modelCaption(model.value.width, model.value.height, model.value.preprocessing)}
        </div>
      )}
      {model.state === 'failed' && <ErrorBox error={model.error} />}
    </div>
  );
}

function Warnings({ warnings }: { warnings: string[] }) {
  const different = [...new Set(warnings)];
  if (different.length === 0) return null;
  return (
    <div className="film-warnings" role="note">
      <TriangleAlert size={14} aria-hidden="true" />
      <span>{different.join(' ')}</span>
    </div>
  );
}

function Steps() {
  const { library } = useWorkbench();
  useFrom(library, (state) => state);
  const films = library.listed();
  const at = films.findIndex((film) => film.id === library.store.getState().currentId);
  return (
    <div className="steps">
      <IconButton title={text.studies.previous} keys="K" disabled={at <= 0} onClick={() => library.step(-1)}>
        <ChevronLeft size={16} />
      </IconButton>
      <span>{at < 0 ? '' : text.studies.position(at + 1, films.length)}</span>
      <IconButton
        title={text.studies.next}
        keys="J"
        disabled={at < 0 || at >= films.length - 1}
        onClick={() => library.step(1)}
      >
        <ChevronRight size={16} />
      </IconButton>
    </div>
  );
}
