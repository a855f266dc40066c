/** The report as a file: PDF, or its tables and figures in other forms. */
import { useFrom, useWorkbench } from '../frame/context.ts';
import { ProgressBar } from '../frame/parts.tsx';
import { saveFile } from '../frame/saveFile.ts';
import { readyValue } from '../state/loading.ts';
import { FOLDER_FORMATS, type ReportFormat } from '../state/reporting.ts';
import { text } from '../text.ts';

export function Export() {
  const { reporting, bridge } = useWorkbench();
  const { pdf, format, saving, savedPath, drawing } = useFrom(reporting, (all) => all);
  const ready = readyValue(pdf);
  return (
    <div className="export">
      {ready && <p className="muted">{text.report.pages(ready.pages)}</p>}
      <label className="field">
        <span>{text.report.format}</span>
        <select value={format} onChange={(event) => reporting.setFormat(event.target.value as ReportFormat)}>
          {Object.entries(text.report.formats).map(([id, name]) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </select>
      </label>
      {bridge.dialogs ? (
        <button
          type="button"
          className="primary"
          disabled={!ready || saving !== null}
          onClick={() => void reporting.saveByDialog()}
        >
          {text.report.exportAs[format]}
        </button>
      ) : (
        <InBrowser />
      )}
      {saving && (
        <div className="saving">
          <ProgressBar progress={saving} label={saving.stage} />
          <button type="button" onClick={() => reporting.cancelSaving()}>
            {text.report.cancel}
          </button>
        </div>
      )}
      {drawing && !saving && <ProgressBar progress={drawing} label={drawing.stage} />}
      {savedPath && bridge.host === 'electron' && (
        <button type="button" onClick={() => void bridge.reveal(savedPath)}>
          {text.report.reveal}
        </button>
      )}
    </div>
  );
}

/** A page has no file dialog: the PDF is handed to the browser, everything can be written where the engine runs. */
function InBrowser() {
  const { reporting } = useWorkbench();
  const { pdf, path, format, saving } = useFrom(reporting, (all) => all);
  const ready = readyValue(pdf);
  const folder = FOLDER_FORMATS.includes(format);
  return (
    <>
      {format === 'pdf' && (
        <button
          type="button"
          className="primary"
          disabled={!ready}
          onClick={() =>
            ready && saveFile(text.report.fileNames.pdf, ready.pdf as Uint8Array<ArrayBuffer>, 'application/pdf')
          }
        >
          {text.report.download}
        </button>
      )}
      <form
        className="field"
        onSubmit={(event) => {
          event.preventDefault();
          void reporting.save(path);
        }}
      >
        <label>
          <span>{folder ? text.report.saveInFolder : text.report.saveAs}</span>
          <input
            value={path}
            placeholder={text.report.fileNames[format]}
            onChange={(event) => reporting.setPath(event.target.value)}
          />
        </label>
        <button type="submit" disabled={saving !== null || path.trim() === ''}>
          {text.report.save}
        </button>
      </form>
    </>
  );
}
