/** One viewport: its film, what is drawn over it, and which film it is. */
import { useFrom, useWorkbench } from '../frame/context.ts';
import { Empty, ErrorBox } from '../frame/parts.tsx';
import { readyValue } from '../state/loading.ts';
import type { Pane } from '../state/panes.ts';
import { answerOf } from '../state/reading.ts';
import { text } from '../text.ts';
import { FilmViewport } from './FilmViewport.tsx';
import { Graphics } from './Graphics.tsx';
import { MarkLayer } from './MarkLayer.tsx';
import { ModelPicture } from './ModelPicture.tsx';
import { Overlay } from './Overlay.tsx';

export function PaneView({ pane }: { pane: Pane }) {
  const { panes, reading } = useWorkbench();
  const showModel = useFrom(reading, (state) => state.showModel);
  const { overlay, drawn, graphics, layout, activeIndex } = useFrom(panes, (state) => state);
  const { film, entry, slot } = useFrom(pane, (state) => state);
  const shown = useFrom(pane.display, (state) => state);
  const view = readyValue(film);
  const label = view ? text.viewer.film(view.entry.patientId, view.film.tags.viewPosition) : text.viewer.empty;
  const active = layout > 1 && activeIndex === pane.index;
  return (
    <div className={`pane${active ? ' active' : ''}${layout === 1 ? ' alone active' : ''}`} data-area="film">
      <div className="pane-parts">
        <div className="pane-film">
          <FilmViewport pane={pane} panes={panes} label={label}>
            {view && graphics && <Graphics pane={pane} display={shown} />}
            {view && drawn && <MarkLayer pane={pane} display={shown} />}
          </FilmViewport>
          {view && overlay && <Overlay entry={view.entry} display={shown} />}
          {layout > 1 && slot && entry && <div className="slot">{text.viewer.slots[slot]}</div>}
          {view && pane.index === 0 && <SaidOnFilm />}
          {film.state === 'none' && <Nothing pane={pane} />}
          {film.state === 'loading' && !shown.preview && <Empty title={text.viewer.loading} hint={entry?.patientId} />}
          {film.state === 'failed' && <ErrorBox title={text.viewer.failed} error={film.error} />}
        </div>
        {showModel && entry && <ModelBox pane={pane} />}
      </div>
    </div>
  );
}

/** Beside the film, or under it where the viewport is higher than wide. */
function ModelBox({ pane }: { pane: Pane }) {
  const model = useFrom(pane, (state) => state.model);
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

function Nothing({ pane }: { pane: Pane }) {
  if (pane.index === 0) return <Empty title={text.viewer.empty} hint={text.viewer.emptyHint} />;
  return <Empty title={text.viewer.nothingBeside} hint={text.viewer.nothingBesideHint} />;
}

/** The findings of the checkpoint that is looked at, on the film, so that blinking shows where the eye already is. */
function SaidOnFilm() {
  const { reading, checkpoints, reader } = useWorkbench();
  const entering = useFrom(reader, (all) => all.entering);
  const state = useFrom(reading, (all) => all);
  useFrom(checkpoints, (all) => all.list);
  const active = checkpoints.byId(state.activeId);
  if (!active || entering) return null;
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
