/** What of the evaluation the report is about: checkpoints, data sets, labels, films. */
import { useFrom, useWorkbench } from '../frame/context.ts';
import { RoleDot } from '../frame/parts.tsx';
import { type LeftOut, labelsOf, shownFilms } from '../state/reporting.ts';
import { signed, text } from '../text.ts';

export function Choices() {
  const { reporting, evaluating } = useWorkbench();
  const state = useFrom(reporting, (all) => all);
  const list = useFrom(evaluating, (all) => all.list);
  const { result } = state;
  return (
    <>
      <label className="field">
        <span>{text.report.evaluation}</span>
        <select value={state.evaluationId ?? ''} onChange={(event) => reporting.choose(event.target.value)}>
          {list.map((each) => (
            <option key={each.id} value={each.id}>
              {text.evaluate.evaluationName(each.name, each.done, each.total)}
            </option>
          ))}
        </select>
      </label>
      <Ticks
        kind="checkpointIds"
        legend={text.report.checkpoints}
        entries={(result?.checkpoints ?? []).map(({ id, name, role }) => ({ id, name, role }))}
      />
      <Ticks kind="datasetIds" legend={text.report.datasets} entries={result?.datasets ?? []} />
      <Ticks
        kind="labels"
        legend={text.report.labels}
        hint={text.report.labelsHint}
        entries={labelsOf(result).map((label) => ({ id: label, name: label }))}
      />
      <Films />
    </>
  );
}

function Ticks(props: {
  kind: keyof LeftOut;
  legend: string;
  hint?: string;
  entries: readonly { id: string; name: string; role?: string }[];
}) {
  const { reporting } = useWorkbench();
  const { kind, legend, hint, entries } = props;
  const without = useFrom(reporting, (all) => all.leftOut[kind]);
  return (
    <fieldset>
      <legend>{legend}</legend>
      {hint && <p className="muted">{hint}</p>}
      {entries.map(({ id, name, role }) => (
        <label key={id} className="tick">
          <input type="checkbox" checked={!without.has(id)} onChange={() => reporting.toggle(kind, id)} />
          {role && <RoleDot role={role} />}
          {name}
        </label>
      ))}
    </fieldset>
  );
}

/** How many of each data set, or which. */
function Films() {
  const { reporting } = useWorkbench();
  const { offered, films, filmsOfEach, result } = useFrom(reporting, (all) => all);
  const shown = new Set(shownFilms({ offered, films, filmsOfEach }));
  return (
    <fieldset>
      <legend>{text.report.films}</legend>
      <label className="field inline">
        <span>{text.report.filmsOfEach}</span>
        <input
          type="number"
          min={0}
          max={40}
          value={films ? '' : filmsOfEach}
          placeholder={text.report.ownFilms(shown.size)}
          onChange={(event) => reporting.setFilmsOfEach(Math.max(0, Math.min(40, Number(event.target.value))))}
        />
      </label>
      <details>
        <summary>{text.report.whichFilms(shown.size)}</summary>
        <p className="muted">{text.report.filmsHint}</p>
        {(result?.datasets ?? []).map(({ id, name }) => (
          <div key={id}>
            <p className="films-of">{name}</p>
            {offered
              .filter(({ datasetId }) => datasetId === id)
              .map(({ filmId, number, gain }) => (
                <label key={filmId} className="tick">
                  <input type="checkbox" checked={shown.has(filmId)} onChange={() => reporting.toggleFilm(filmId)} />
                  {text.report.film(number)}
                  <span className="muted gain">{signed(gain)}</span>
                </label>
              ))}
          </div>
        ))}
      </details>
    </fieldset>
  );
}
