/** Export of films without their patients: what goes, where to, what stays in, and what came of it. */
import type { DeidentifySummary } from '../../core/services/contract.ts';
import { useFrom, useWorkbench } from '../frame/context.ts';
import { Check, TriangleAlert } from '../frame/icons.ts';
import { ErrorBox, ProgressBar } from '../frame/parts.tsx';
import { Sheet } from '../frame/Sheet.tsx';
import type { Scope } from '../state/exporting.ts';
import { text } from '../text.ts';

const SCOPES: Scope[] = ['study', 'listed'];
const FILES_SHOWN = 6;

export function ExportSheet() {
  const { exporting } = useWorkbench();
  return useFrom(exporting, (state) => state.open) ? <Export /> : null;
}

function Export() {
  const { exporting } = useWorkbench();
  const state = useFrom(exporting, (all) => all);
  return (
    <Sheet name="export" label={text.export.title} onClose={exporting.hide}>
      <div className="export">
        <h2>{text.export.title}</h2>
        <p className="muted">{text.export.what}</p>
        <Choices />
        <Buttons />
        {state.running && <ProgressBar progress={state.progress} label={text.export.running} />}
        {state.error && <ErrorBox title={text.export.failed} error={state.error} />}
        {state.result && <Result result={state.result} />}
      </div>
    </Sheet>
  );
}

function Choices() {
  const { exporting, bridge } = useWorkbench();
  const state = useFrom(exporting, (all) => all);
  const choose = async () => {
    const out = await bridge.pickFolder();
    if (out) exporting.change({ out });
  };
  return (
    <fieldset className="export-choices" disabled={state.running}>
      <legend className="only-spoken">{text.export.choices}</legend>
      <div className="row">
        {SCOPES.map((scope) => (
          <label key={scope} className="tick">
            <input
              type="radio"
              name="export-scope"
              checked={state.scope === scope}
              onChange={() => exporting.change({ scope })}
            />
            {text.export.scopes[scope](exporting.films(scope).length)}
          </label>
        ))}
      </div>
      <label className="field">
        <span>{text.export.out}</span>
        <span className="row">
          <input
            className="path"
            value={state.out}
            placeholder={text.export.outHint}
            onChange={(event) => exporting.change({ out: event.target.value })}
          />
          {bridge.dialogs && (
            <button type="button" onClick={() => void choose()}>
              {text.evaluate.browse}
            </button>
          )}
        </span>
      </label>
      <label className="tick">
        <input
          type="checkbox"
          checked={state.dates === 'shift'}
          onChange={(event) => exporting.change({ dates: event.target.checked ? 'shift' : 'remove' })}
        />
        {text.export.shiftDates}
      </label>
      <label className="tick">
        <input
          type="checkbox"
          checked={state.keepPatientCharacteristics}
          onChange={(event) => exporting.change({ keepPatientCharacteristics: event.target.checked })}
        />
        {text.export.keepCharacteristics}
      </label>
    </fieldset>
  );
}

function Buttons() {
  const { exporting } = useWorkbench();
  const state = useFrom(exporting, (all) => all);
  const count = exporting.films().length;
  return (
    <div className="row export-buttons">
      {state.running ? (
        <button type="button" onClick={exporting.cancel}>
          {text.frame.cancel}
        </button>
      ) : (
        <button
          type="button"
          className="primary"
          disabled={count === 0 || state.out.trim() === ''}
          onClick={() => void exporting.run()}
        >
          {text.export.run(count)}
        </button>
      )}
      <button type="button" onClick={exporting.hide}>
        {text.frame.close}
      </button>
    </div>
  );
}

function Result({ result }: { result: DeidentifySummary }) {
  const { bridge } = useWorkbench();
  const look = result.files.filter(({ pixelsMayIdentify }) => pixelsMayIdentify);
  return (
    <div className="export-result" role="status">
      <p>
        <Check size={14} aria-hidden="true" /> {text.export.done(result)}{' '}
        {bridge.host === 'electron' && result.films > 0 && (
          <button type="button" className="quiet" onClick={() => void bridge.reveal(result.out)}>
            {text.report.reveal}
          </button>
        )}
      </p>
      {look.length > 0 && (
        <Files
          title={text.export.look(look.length)}
          lines={look.map(({ file, warnings }) => [file, warnings.join(' ')])}
        />
      )}
      {result.rejected.length > 0 && (
        <Files
          title={text.export.rejected(result.rejected.length)}
          lines={result.rejected.map(({ file, code, message }) => [file, `${message} ${code}`])}
        />
      )}
    </div>
  );
}

function Files({ title, lines }: { title: string; lines: [file: string, why: string][] }) {
  return (
    <section className="export-files">
      <p className="export-warning">
        <TriangleAlert size={14} className="warn" aria-hidden="true" /> {title}
      </p>
      <ul>
        {lines.slice(0, FILES_SHOWN).map(([file, why]) => (
          <li key={file}>
            <span className="file">{file}</span> <span className="muted">{why}</span>
          </li>
        ))}
      </ul>
      {lines.length > FILES_SHOWN && <p className="muted">{text.studies.more(lines.length - FILES_SHOWN)}</p>}
    </section>
  );
}
