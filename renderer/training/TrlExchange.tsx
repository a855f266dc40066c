/** The forms by which a run leaves for TRL and comes back. */
import type { FormEvent, ReactNode } from 'react';
import { useFrom, useWorkbench } from '../frame/context.ts';
import { PathField } from '../frame/PathField.tsx';
import { CopyButton, ProgressBar } from '../frame/parts.tsx';
import { text } from '../text.ts';

/** Above the shown run: its export, and the import of a trained one. */
export function ExchangeButtons() {
  const { trlExchange, training } = useWorkbench();
  const open = useFrom(trlExchange, (state) => state.open);
  const shown = useFrom(training, (state) => state.shownId !== null);
  return (
    <div className="row exchange-buttons">
      {shown && (
        <button type="button" aria-expanded={open === 'export-run'} onClick={() => trlExchange.show('export-run')}>
          {text.trl.exportRun}
        </button>
      )}
      <button type="button" aria-expanded={open === 'import'} onClick={() => trlExchange.show('import')}>
        {text.trl.import}
      </button>
    </div>
  );
}

export function ExchangeForms() {
  const { trlExchange } = useWorkbench();
  const open = useFrom(trlExchange, (state) => state.open);
  if (open === null) return null;
  return open === 'import' ? <ImportForm /> : <ExportForm of={open} />;
}

/** A folder, what else has to be known (`children`), and what is done; `after`: what came of it. */
function ExchangeForm(props: {
  title: string;
  hint: string;
  pathLabel: string;
  action: string;
  run(): Promise<void>;
  after?: ReactNode;
  children: ReactNode;
}) {
  const { title, hint, pathLabel, action, run, after, children } = props;
  const { trlExchange } = useWorkbench();
  const { path, busy } = useFrom(trlExchange, (state) => state);
  function submit(event: FormEvent) {
    event.preventDefault();
    void run();
  }
  return (
    <form className="add-table fields trl-form" aria-label={title} onSubmit={submit}>
      <h2>{title}</h2>
      <p className="muted">{hint}</p>
      <PathField label={pathLabel} kind="folder" value={path} onChange={(value) => trlExchange.set({ path: value })} />
      {children}
      <Actions busy={busy} ready={path.trim() !== ''} label={action} />
      {after}
    </form>
  );
}

function ExportForm({ of }: { of: 'export-run' | 'export-form' }) {
  const { trlExchange } = useWorkbench();
  const { model, exported } = useFrom(trlExchange, (state) => state);
  return (
    <ExchangeForm
      title={text.trl.exportTitle[of]}
      hint={text.trl.exportHint}
      pathLabel={text.trl.exportTo}
      action={text.trl.export}
      run={trlExchange.export}
      after={exported && <Exported />}
    >
      <label className="field">
        <span>{text.trl.base}</span>
        <select value={model} onChange={(event) => trlExchange.set({ model: event.target.value as typeof model })}>
          {(['auto', 'copy', 'leave'] as const).map((each) => (
            <option key={each} value={each}>
              {text.trl.bases[each]}
            </option>
          ))}
        </select>
      </label>
    </ExchangeForm>
  );
}

/** What lies there now, and what TRL does otherwise. */
function Exported() {
  const { trlExchange } = useWorkbench();
  const exported = useFrom(trlExchange, (state) => state.exported)!;
  const script = `${exported.path}/train_${exported.kind}.py`;
  const command = `python ${/\s/.test(script) ? `"${script}"` : script}`;
  return (
    <div className="exported" role="status">
      <p>{text.trl.exported(exported.films, exported.heldOut, exported.model)}</p>
      <p className="row">
        <code>{command}</code>
        <CopyButton value={() => command} />
      </p>
      <details>
        <summary>{text.trl.departures(exported.departures.length)}</summary>
        <dl>
          {exported.departures.map(({ field, why }) => (
            <div key={field}>
              <dt>{field}</dt>
              <dd>{why}</dd>
            </div>
          ))}
        </dl>
      </details>
    </div>
  );
}

function ImportForm() {
  const { trlExchange } = useWorkbench();
  const name = useFrom(trlExchange, (state) => state.name);
  return (
    <ExchangeForm
      title={text.trl.importTitle}
      hint={text.trl.importHint}
      pathLabel={text.trl.importFrom}
      action={text.trl.doImport}
      run={trlExchange.import}
    >
      <label className="field">
        <span>{text.train.name}</span>
        <input
          value={name}
          placeholder={text.trl.nameHint}
          onChange={(event) => trlExchange.set({ name: event.target.value })}
        />
      </label>
    </ExchangeForm>
  );
}

function Actions({ busy, ready, label }: { busy: boolean; ready: boolean; label: string }) {
  const { trlExchange } = useWorkbench();
  const progress = useFrom(trlExchange, (state) => state.progress);
  return (
    <div className="row">
      <button type="submit" className="primary" disabled={busy || !ready}>
        {label}
      </button>
      <button type="button" onClick={busy ? trlExchange.cancel : trlExchange.close}>
        {busy ? text.report.cancel : text.trl.close}
      </button>
      {progress && <ProgressBar progress={progress} label={progress.stage} />}
    </div>
  );
}
