/** Report: sections on the left, pages as they will print, export. */
import { useEffect } from 'react';
import { useFrom, useWorkbench } from '../frame/context.ts';
import { Empty, ErrorBox } from '../frame/parts.tsx';
import { readyValue } from '../state/loading.ts';
import { text } from '../text.ts';
import { Pages } from './Pages.tsx';

export function ReportScreen() {
  const { reporting, evaluating, frame } = useWorkbench();
  const state = useFrom(reporting, (all) => all);
  const list = useFrom(evaluating, (all) => all.list);
  useEffect(() => {
    void reporting.open();
  }, [reporting]);
  if (list.length === 0)
    return (
      <Empty title={text.report.empty} hint={text.report.emptyHint}>
        <button type="button" onClick={() => frame.show('evaluate')}>
          {text.report.goEvaluate}
        </button>
      </Empty>
    );
  return (
    <div className="report">
      <Choices />
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: pages are scrolled by the keyboard. */}
      <section className="pages" aria-label={text.report.preview} tabIndex={0} data-area="pages">
        {state.pdf.state === 'loading' && <Empty title={text.report.drawing} />}
        {state.pdf.state === 'failed' && <ErrorBox title={text.report.drawFailed} error={state.pdf.error} />}
        {state.pdf.state === 'ready' && <Pages pdf={state.pdf.value.pdf} />}
      </section>
    </div>
  );
}

function Choices() {
  const { reporting, evaluating } = useWorkbench();
  const state = useFrom(reporting, (all) => all);
  const list = useFrom(evaluating, (all) => all.list);
  return (
    <div className="report-choices" data-area="choices">
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
      <fieldset>
        <legend>{text.report.sections}</legend>
        {state.sections.map((section) => (
          <label key={section.id} className="tick">
            <input
              type="checkbox"
              checked={!state.leftOut.has(section.id)}
              onChange={() => reporting.toggle(section.id)}
            />
            {section.title}
          </label>
        ))}
      </fieldset>
      <Export />
    </div>
  );
}

function Export() {
  const { reporting, bridge } = useWorkbench();
  const { pdf, path, saving, savedPath } = useFrom(reporting, (all) => all);
  const ready = readyValue(pdf);
  return (
    <div className="export">
      {ready && <p className="muted">{text.report.pages(ready.pages)}</p>}
      {bridge.dialogs ? (
        <button
          type="button"
          className="primary"
          disabled={!ready || saving}
          onClick={() => void reporting.saveByDialog()}
        >
          {text.report.export}
        </button>
      ) : (
        <>
          <button type="button" className="primary" disabled={!ready} onClick={() => ready && download(ready.pdf)}>
            {text.report.download}
          </button>
          <form
            className="field"
            onSubmit={(event) => {
              event.preventDefault();
              void reporting.save(path);
            }}
          >
            <label>
              <span>{text.report.saveAs}</span>
              <input
                value={path}
                placeholder={text.report.fileName}
                onChange={(event) => reporting.setPath(event.target.value)}
              />
            </label>
            <button type="submit" disabled={saving || path.trim() === ''}>
              {text.report.save}
            </button>
          </form>
        </>
      )}
      {savedPath && bridge.host === 'electron' && (
        <button type="button" onClick={() => void bridge.reveal(savedPath)}>
          {text.report.reveal}
        </button>
      )}
    </div>
  );
}

/** Hands the bytes to the browser as a file. */
function download(pdf: Uint8Array): void {
  const address = URL.createObjectURL(new Blob([pdf as Uint8Array<ArrayBuffer>], { type: 'application/pdf' }));
  const link = document.createElement('a');
  link.href = address;
  link.download = text.report.fileName;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
