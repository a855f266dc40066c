/** The middle of Read: the films in their viewports, what to heed about them, and the way to the next. */

import { useFrom, useWorkbench } from '../frame/context.ts';
import { ChevronLeft, ChevronRight, TriangleAlert } from '../frame/icons.ts';
import { IconButton } from '../frame/parts.tsx';
import { readyValue } from '../state/loading.ts';
import { text } from '../text.ts';
import { PaneView } from './PaneView.tsx';
import { Toolbar } from './Toolbar.tsx';

export function FilmArea() {
  const { panes, reading } = useWorkbench();
  const film = useFrom(reading, (state) => state.film);
  const layout = useFrom(panes, (state) => state.layout);
  const view = readyValue(film);
  return (
    <section className="film-area" aria-label={text.viewer.title}>
      <Toolbar />
      <div className="stage">
        <div className={`panes panes-${layout}`}>
          {panes.all.slice(0, layout).map((pane) => (
            <PaneView key={pane.index} pane={pane} />
          ))}
        </div>
      </div>
      {view && <Warnings warnings={[...view.entry.warnings, ...view.film.warnings]} />}
      <Steps />
    </section>
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
