/** Train, Traces: the queue in which a clinician accepts, edits or rejects each reasoning trace beside its film. */
import { type FormEvent, useEffect, useMemo, useState } from 'react';
import type { Progress } from '../../core/base/progress.ts';
import { toModelImage } from '../../core/preprocessing/presets.ts';
import type { JobInfo, ModelView, Trace } from '../../core/services/contract.ts';
import { useFrom, useWorkbench } from '../frame/context.ts';
import { PathField } from '../frame/PathField.tsx';
import { Empty, ErrorBox, PauseButton, ProgressBar, pauseText } from '../frame/parts.tsx';
import { currentOf, queueOf, type Shown, teacherJob } from '../state/traces.ts';
import { text } from '../text.ts';
import { ModelPicture } from '../viewer/ModelPicture.tsx';

export function TracesView() {
  const { traces } = useWorkbench();
  const state = useFrom(traces, (all) => all);
  const current = currentOf(state);
  useEffect(() => {
    traces.setOpen(true);
    return () => traces.setOpen(false);
  }, [traces]);
  return (
    <div className="traces">
      <div className="traces-side" data-area="traces">
        <Source />
        <Teacher />
        <Files />
      </div>
      <div className="traces-main" data-area="trace">
        <Queue />
        {current ? (
          <Review trace={current} />
        ) : (
          <Empty
            title={state.list?.traces.length ? text.traces.queueDone : text.traces.none}
            hint={state.list?.traces.length ? text.traces.queueDoneHint : text.traces.noneHint}
          />
        )}
      </div>
    </div>
  );
}

function Source() {
  const { traces, library } = useWorkbench();
  const { datasetId, list } = useFrom(traces, (state) => state);
  // Read anew whenever data sets are.
  useFrom(library, (state) => state.collections);
  return (
    <section>
      <label className="field">
        <span>{text.traces.dataset}</span>
        <select value={datasetId ?? ''} onChange={(event) => traces.setDataset(event.target.value)}>
          {traces.datasets().map(({ id, name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </select>
      </label>
      {list && <p className="muted">{text.traces.summary(list.traces.length, list.films, list.counts)}</p>}
    </section>
  );
}

/** A model of a configured server is asked about the films that have no trace. */
function Teacher() {
  const { traces, servers, bridge, frame } = useWorkbench();
  const list = useFrom(servers, (state) => state.list);
  const { progress: own, datasetId } = useFrom(traces, (state) => state);
  const job = useFrom(frame, ({ jobs }) => teacherJob(jobs));
  const progress = own ?? job?.progress;
  const asking = progress && <Asking progress={progress} job={job} />;
  const choices = list.flatMap((server) => server.models.map(({ id }) => ({ server, model: id })));
  const [chosen, setChosen] = useState(0);
  const [promptId, setPromptId] = useState('reasoning-a');
  const [films, setFilms] = useState(100);
  const [prompts, setPrompts] = useState<{ id: string; name: string }[]>([]);
  useEffect(() => {
    void bridge.engine.call('prompts.list', {}).then(setPrompts, () => {});
  }, [bridge]);
  const silent = list.filter(({ models }) => models.length === 0);
  if (choices.length === 0)
    return (
      <section>
        <p className="muted">{silent.length === 0 ? text.traces.noServer : text.traces.silentServer}</p>
        {silent.map(({ id, name }) => (
          <button key={id} type="button" onClick={() => void servers.ask(id)}>
            {text.traces.askModels(name)}
          </button>
        ))}
        {asking}
      </section>
    );
  const { server, model } = choices[Math.min(chosen, choices.length - 1)]!;
  return (
    <section>
      <h2>{text.traces.teacher}</h2>
      <label className="field">
        <span>{text.traces.model}</span>
        <select value={chosen} onChange={(event) => setChosen(Number(event.target.value))}>
          {choices.map((each, i) => (
            <option key={`${each.server.id} ${each.model}`} value={i}>
              {text.traces.modelOn(each.model, each.server.name)}
            </option>
          ))}
        </select>
      </label>
      <label className="field">
        <span>{text.traces.format}</span>
        <select value={promptId} onChange={(event) => setPromptId(event.target.value)}>
          {prompts.map(({ id, name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label className="field">
        <span>{text.traces.films}</span>
        <input type="number" min={1} value={films} onChange={(event) => setFilms(Number(event.target.value))} />
      </label>
      <p className="muted small">{text.traces.sent(server.address)}</p>
      {asking ?? (
        <button
          type="button"
          disabled={datasetId === null || !(films >= 1)}
          onClick={() => void traces.ask({ serverId: server.id, model, promptId, films })}
        >
          {text.traces.ask}
        </button>
      )}
    </section>
  );
}

function Asking({ progress, job }: { progress: Progress; job: JobInfo | undefined }) {
  const { traces } = useWorkbench();
  return (
    <div className="row" role="status">
      <ProgressBar progress={progress} label={progress.stage} />
      <span>{[text.frame.progress(progress.done, progress.total), pauseText(job)].filter(Boolean).join(' · ')}</span>
      <PauseButton job={job} />
      <button type="button" onClick={traces.stop}>
        {text.frame.cancel}
      </button>
    </div>
  );
}

function Files() {
  const { traces, bridge } = useWorkbench();
  const [form, setForm] = useState<'import' | 'export' | null>(null);
  const [path, setPath] = useState('');
  const [accepted, setAccepted] = useState(false);
  async function submit(event: FormEvent) {
    event.preventDefault();
    const done = form === 'import' ? traces.import(path.trim(), accepted) : traces.export(path.trim());
    if (await done) setForm(null);
  }
  async function exportTo() {
    if (!bridge.dialogs) return setForm(form === 'export' ? null : 'export');
    const chosen = await bridge.pickSavePath('traces.jsonl');
    if (chosen) await traces.export(chosen);
  }
  return (
    <section>
      <div className="row">
        <button
          type="button"
          aria-expanded={form === 'import'}
          onClick={() => setForm(form === 'import' ? null : 'import')}
        >
          {text.traces.import}
        </button>
        <button type="button" onClick={() => void exportTo()}>
          {text.traces.export}
        </button>
      </div>
      {form && (
        <form className="add-table fields" onSubmit={(event) => void submit(event)}>
          <PathField
            label={form === 'import' ? text.traces.importFile : text.report.saveAs}
            kind="file"
            value={path}
            onChange={setPath}
          />
          {form === 'import' && (
            <label className="row">
              <input type="checkbox" checked={accepted} onChange={(event) => setAccepted(event.target.checked)} />
              <span>{text.traces.importAccepted}</span>
            </label>
          )}
          <button type="submit" className="primary" disabled={path.trim() === ''}>
            {form === 'import' ? text.trl.doImport : text.report.save}
          </button>
        </form>
      )}
    </section>
  );
}

const SHOWN: readonly Shown[] = ['unreviewed', 'accepted', 'edited', 'rejected', 'failed', 'all'];

function Queue() {
  const { traces } = useWorkbench();
  const state = useFrom(traces, (all) => all);
  const queue = queueOf(state);
  const at = queue.findIndex(({ filmId }) => filmId === state.currentId);
  return (
    <div className="row queue">
      <fieldset className="switch" aria-label={text.traces.which}>
        {SHOWN.map((shown) => (
          <button key={shown} type="button" aria-pressed={state.shown === shown} onClick={() => traces.setShown(shown)}>
            {text.traces.status[shown]}
            {shown !== 'all' && state.list ? ` ${state.list.counts[shown]}` : ''}
          </button>
        ))}
      </fieldset>
      {queue.length > 0 && <span className="muted">{text.traces.place(at + 1, queue.length)}</span>}
      <span className="spring" />
      <button type="button" onClick={() => void traces.undo()}>
        {text.traces.undo}
      </button>
    </div>
  );
}

function Review({ trace }: { trace: Trace }) {
  const { traces, evaluating } = useWorkbench();
  const { film, draft, busy } = useFrom(traces, (state) => state);
  const differs = trace.faults.some(({ fault }) => fault === 'labels-differ');
  const view = useMemo((): ModelView | null => {
    if (!film) return null;
    const { width, height, channels, data } = toModelImage(film, 'file-window');
    const gray = channels === 1 ? data : Uint8Array.from({ length: width * height }, (_, i) => data[i * channels]!);
    return { width, height, gray, preprocessing: 'file-window' };
  }, [film]);
  return (
    <div className="review">
      <div className="review-film">{view && <ModelPicture view={view} />}</div>
      <div className="review-text">
        <div className="row">
          <span className={`trace-status ${trace.status}`}>{text.traces.status[trace.status]}</span>
          <span className="muted">{text.traces.source(trace.source)}</span>
          <span className="spring" />
          <button
            type="button"
            className="quiet"
            onClick={() => void evaluating.follow(text.traces.title, [trace.filmId], trace.filmId)}
          >
            {text.traces.openInRead}
          </button>
        </div>
        <dl className="trace-labels">
          <dt>{text.traces.given}</dt>
          <dd>{trace.given.join(', ') || text.traces.noLabel}</dd>
          <dt>{text.traces.said}</dt>
          <dd>{trace.said.join(', ') || text.traces.noLabel}</dd>
        </dl>
        {trace.error && trace.status === 'failed' && <ErrorBox error={trace.error} />}
        {trace.faults.length > 0 && (
          <ul className="trace-faults">
            {trace.faults.map(({ fault, what }) => (
              <li key={fault}>{text.traces.fault[fault](what)}</li>
            ))}
          </ul>
        )}
        {draft === null ? <TraceText value={trace.text} /> : <Draft value={draft} />}
        <div className="row review-actions">
          <button type="button" className="primary" disabled={busy} onClick={() => void traces.accept()}>
            {draft === null ? text.traces.accept : text.traces.acceptEdited}
          </button>
          {differs && (
            <button type="button" disabled={busy} onClick={() => void traces.accept(true)}>
              {text.traces.acceptOther}
            </button>
          )}
          {draft === null ? (
            <button type="button" disabled={busy} onClick={traces.edit}>
              {text.traces.edit}
            </button>
          ) : (
            <button type="button" disabled={busy} onClick={() => traces.setDraft(null)}>
              {text.traces.discard}
            </button>
          )}
          <button type="button" disabled={busy} onClick={() => void traces.reject()}>
            {text.traces.reject}
          </button>
        </div>
      </div>
    </div>
  );
}

/** The blocks apart: what is reasoning, what is the answer. */
function TraceText({ value }: { value: string }) {
  return (
    <div className="trace-text">
      {value.split(/(<\/?\s*(?:think|solution)\s*>)/gi).map((part, i) =>
        i % 2 === 1 ? (
          // biome-ignore lint/suspicious/noArrayIndexKey: the parts of a text never change their order.
          <code key={i}>{part}</code>
        ) : (
          // biome-ignore lint/suspicious/noArrayIndexKey: as above.
          <span key={i}>{part}</span>
        ),
      )}
    </div>
  );
}

function Draft({ value }: { value: string }) {
  const { traces } = useWorkbench();
  return (
    <textarea
      className="trace-draft"
      aria-label={text.traces.draft}
      value={value}
      // biome-ignore lint/a11y/noAutofocus: the user has just asked to edit it.
      autoFocus
      onChange={(event) => traces.setDraft(event.target.value)}
    />
  );
}
