/** Train: the form of a new run on the left, the run that is looked at on the right. */

import { useState } from 'react';
import type { ConfigField } from '../../core/services/contract.ts';
import { useFrom, useWorkbench } from '../frame/context.ts';
import { Undo2 } from '../frame/icons.ts';
import { Empty, IconButton, PauseButton } from '../frame/parts.tsx';
import { type FieldValue, trainingJob } from '../state/training.ts';
import { trainingGroups } from '../text/trainingFields.ts';
import { text } from '../text.ts';
import { RunView } from './RunView.tsx';
import { TracesView } from './TracesView.tsx';
import { ExchangeButtons, ExchangeForms } from './TrlExchange.tsx';

export function TrainScreen() {
  const [view, setView] = useState<'runs' | 'traces'>('runs');
  return (
    <div className="train-frame">
      <fieldset className="switch train-views" aria-label={text.traces.view}>
        <button type="button" aria-pressed={view === 'runs'} onClick={() => setView('runs')}>
          {text.traces.runs}
        </button>
        <button type="button" aria-pressed={view === 'traces'} onClick={() => setView('traces')}>
          {text.traces.title}
        </button>
      </fieldset>
      {view === 'runs' ? <Runs /> : <TracesView />}
    </div>
  );
}

function Runs() {
  const { training } = useWorkbench();
  const runs = useFrom(training, (state) => state.runs);
  const running = useFrom(training, (state) => state.running);
  return (
    <div className="train">
      <RunForm />
      <div className="run-side page" data-area="run">
        <ExchangeButtons />
        <ExchangeForms />
        {runs.length === 0 && !running ? <Empty title={text.train.noRuns} hint={text.train.noRunsHint} /> : <RunView />}
      </div>
    </div>
  );
}

function RunForm() {
  const { training, checkpoints, frame, trlExchange } = useWorkbench();
  const state = useFrom(training, (all) => all);
  const usable = useFrom(checkpoints, (all) => all.list).filter((each) => !each.error);
  const job = useFrom(frame, (all) => trainingJob(all.jobs));
  const busy = job !== undefined || state.running;
  const fields = state.fields[state.kind];
  const changed = state.changed[state.kind];
  const departures = fields.filter((field) => departs(field, changed[field.name]));
  return (
    <form
      className="run-form"
      data-area="form"
      onSubmit={(event) => {
        event.preventDefault();
        void training.run();
      }}
    >
      <h2>{text.train.newRun}</h2>
      <fieldset className="switch" aria-label={text.train.kind}>
        {(['sft', 'grpo'] as const).map((kind) => (
          <button key={kind} type="button" aria-pressed={state.kind === kind} onClick={() => training.setKind(kind)}>
            {text.train.kinds[kind]}
          </button>
        ))}
      </fieldset>
      <label className="field">
        <span>{text.train.name}</span>
        <input
          value={state.name}
          placeholder={text.train.newName(state.kind)}
          onChange={(event) => training.setName(event.target.value)}
        />
      </label>
      <label className="field">
        <span>{text.train.startFrom}</span>
        <select value={state.startFromId ?? ''} onChange={(event) => training.setStart(event.target.value)}>
          {usable.map((checkpoint) => (
            <option key={checkpoint.id} value={checkpoint.id}>
              {checkpoint.name}
            </option>
          ))}
        </select>
      </label>
      <DatasetField />
      <h3>{text.train.settings}</h3>
      <p className="muted small">{text.train.departures(departures.length)}</p>
      {groupsOf(fields).map(({ title, members }) => (
        <section key={title} className="config" aria-label={title}>
          <h4>{title}</h4>
          {members.map((field) => (
            <Field key={field.name} field={field} changed={changed[field.name]} />
          ))}
        </section>
      ))}
      <div className="run-start">
        <Plan />
        <div className="row">
          {busy ? (
            <>
              <PauseButton job={job} />
              <button type="button" onClick={training.stop}>
                {text.frame.cancel}
              </button>
            </>
          ) : (
            <button type="submit" className="primary" disabled={!state.startFromId}>
              {text.train.start}
            </button>
          )}
          <button type="button" disabled={!state.startFromId} onClick={() => trlExchange.show('export-form')}>
            {text.trl.exportForm}
          </button>
        </div>
      </div>
    </form>
  );
}

/** What would train, and what it would need of memory, by part. */
function Plan() {
  const { training } = useWorkbench();
  const plan = useFrom(training, (state) => state.plan);
  if (!plan) return null;
  const { parts, bytes, available, device, fits, remedy, trainer } = plan;
  const shown = parts.filter((each) => each.bytes > 0);
  const cuda = device ? 'used' : trainer.hasCuda ? 'unused' : 'none';
  return (
    <>
      <p className="muted small trainer">
        {text.train.trainedBy(text.train.trainers[trainer.executor], cuda)} {trainer.instead}
      </p>
      <details className={`plan${fits ? '' : ' too-large'}`}>
        <summary>{text.train.plan(gibibytes(bytes), gibibytes(available), fits)}</summary>
        <dl>
          {shown.map((each) => (
            <div key={each.part}>
              <dt>{text.train.planParts[each.part]}</dt>
              <dd>{gibibytes(each.bytes)}</dd>
            </div>
          ))}
        </dl>
        {device && (
          <p className="small">
            {text.train.planDevice(
              gibibytes(device.bytes),
              device.available === null ? null : gibibytes(device.available),
            )}
          </p>
        )}
        <p className="muted small">{text.train.planTokens(plan.tokens.prompt, plan.tokens.answer)}</p>
        {!fits && <p>{remedy ? text.train.planRemedy(remedy.field, remedy.value) : text.train.planNoRemedy}</p>}
      </details>
    </>
  );
}

function gibibytes(bytes: number): string {
  return bytes < 2 ** 30 ? `${Math.ceil(bytes / 2 ** 20)} MiB` : `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}

function DatasetField() {
  const { training, library } = useWorkbench();
  const datasetId = useFrom(training, (state) => state.datasetId);
  const collections = useFrom(library, (state) => state.collections).filter((each) => each.labels.length > 0);
  return (
    <label className="field">
      <span>{text.train.dataset}</span>
      <select value={datasetId ?? ''} onChange={(event) => training.setDataset(event.target.value || null)}>
        <option value="">{text.train.sourceCollection}</option>
        {collections.map((collection) => (
          <option key={collection.id} value={collection.id}>
            {collection.name}
          </option>
        ))}
      </select>
    </label>
  );
}

/** In the order of the form's headings. */
function groupsOf(fields: readonly ConfigField[]): { title: string; members: ConfigField[] }[] {
  const named = trainingGroups.map(({ title, keys }) => ({
    title,
    members: keys.flatMap((key) => fields.find(({ name }) => name === key) ?? []),
  }));
  const rest = fields.filter((field) => !named.some(({ members }) => members.includes(field)));
  return [...named, { title: text.train.otherSettings, members: rest }].filter(({ members }) => members.length > 0);
}

function departs(field: ConfigField, value: FieldValue | undefined): boolean {
  return value !== undefined && field.paper !== '' && value !== field.default;
}

function Field(props: { field: ConfigField; changed: FieldValue | undefined }) {
  const { field, changed } = props;
  const { training } = useWorkbench();
  const departed = departs(field, changed);
  const name = text.train.setting(field.name);
  const set = (value: FieldValue | null) => training.setField(field.name, value === field.default ? null : value);
  return (
    <div className={`config-field${departed ? ' departs' : ''}`}>
      <label htmlFor={`field-${field.name}`} title={text.train.settingKey(field.name)}>
        {name}
      </label>
      <div className="row">
        <Control field={field} value={changed ?? field.default} onChange={set} />
        {changed !== undefined && (
          <IconButton title={text.train.restore(name)} onClick={() => set(null)}>
            <Undo2 size={13} />
          </IconButton>
        )}
      </div>
      <div className="paper-value">
        {departed && <strong>≠ </strong>}
        {field.paper === '' ? text.train.unstated(shown(field.default)) : text.train.paper(field.paper)}
        {departed && <span className="only-spoken">{text.train.departs}</span>}
        <code>{field.name}</code>
      </div>
      {field.help && (
        <div className="field-help" id={`help-${field.name}`}>
          {field.help}
        </div>
      )}
    </div>
  );
}

function shown(value: FieldValue): string {
  if (typeof value === 'boolean') return value ? text.train.on : text.train.off;
  return value === '' ? text.train.nothing : String(value);
}

function Control(props: { field: ConfigField; value: FieldValue; onChange(value: FieldValue | null): void }) {
  const { field, value, onChange } = props;
  const names = { id: `field-${field.name}`, 'aria-describedby': field.help ? `help-${field.name}` : undefined };
  if (field.type === 'boolean')
    return (
      <input {...names} type="checkbox" checked={value === true} onChange={(event) => onChange(event.target.checked)} />
    );
  if (field.choices?.length === 1) return <output {...names}>{value}</output>;
  if (field.type === 'choice')
    return (
      <select {...names} value={String(value)} onChange={(event) => onChange(event.target.value)}>
        {field.choices?.map((choice) => (
          <option key={choice}>{choice}</option>
        ))}
      </select>
    );
  if (field.type === 'text')
    return <input {...names} value={String(value)} onChange={(event) => onChange(event.target.value)} />;
  return (
    <input
      {...names}
      type="number"
      step={field.type === 'integer' ? 1 : 'any'}
      value={String(value)}
      onChange={(event) => onChange(event.target.value === '' ? null : Number(event.target.value))}
    />
  );
}
