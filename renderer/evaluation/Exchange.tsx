/** Predictions in and out: answers that were made elsewhere are evaluated like ours, and ours are written in the same form. */
import { type FormEvent, useState } from 'react';
import { useFrom, useWorkbench } from '../frame/context.ts';
import { PathField } from '../frame/PathField.tsx';
import { text } from '../text.ts';

export function Exchange() {
  const { evaluating, bridge } = useWorkbench();
  const shownId = useFrom(evaluating, (state) => state.shownId);
  const [form, setForm] = useState<'import' | 'export' | null>(null);
  async function exportTo() {
    if (!bridge.dialogs) return setForm('export');
    const path = await bridge.pickSavePath('predictions.jsonl');
    if (path) await evaluating.exportPredictions(path);
  }
  return (
    <div className="exchange">
      <div className="row">
        <button
          type="button"
          aria-expanded={form === 'import'}
          onClick={() => setForm(form === 'import' ? null : 'import')}
        >
          {text.analysis.importTitle}
        </button>
        <button type="button" disabled={shownId === null} onClick={() => void exportTo()}>
          {text.analysis.exportTitle}
        </button>
      </div>
      {form === 'import' && <ImportForm done={() => setForm(null)} />}
      {form === 'export' && <ExportForm done={() => setForm(null)} />}
    </div>
  );
}

function ImportForm({ done }: { done(): void }) {
  const { evaluating } = useWorkbench();
  const [path, setPath] = useState('');
  const [checkpoint, setCheckpoint] = useState('');
  async function submit(event: FormEvent) {
    event.preventDefault();
    if (await evaluating.importPredictions(path.trim(), checkpoint.trim())) done();
  }
  return (
    <form className="add-table fields" onSubmit={(event) => void submit(event)}>
      <PathField label={text.analysis.importFile} kind="file" value={path} onChange={setPath} />
      <label className="field">
        <span>{text.analysis.importCheckpoint}</span>
        <input value={checkpoint} onChange={(event) => setCheckpoint(event.target.value)} />
      </label>
      <button type="submit" className="primary" disabled={path.trim() === ''}>
        {text.analysis.import}
      </button>
      <p className="muted">{text.analysis.importHint}</p>
    </form>
  );
}

/** Where the host has no dialog: the path on the machine of the engine. */
function ExportForm({ done }: { done(): void }) {
  const { evaluating } = useWorkbench();
  const [path, setPath] = useState('');
  async function submit(event: FormEvent) {
    event.preventDefault();
    await evaluating.exportPredictions(path.trim());
    done();
  }
  return (
    <form className="add-table fields" onSubmit={(event) => void submit(event)}>
      <PathField label={text.report.saveAs} kind="file" value={path} onChange={setPath} />
      <button type="submit" className="primary" disabled={path.trim() === ''}>
        {text.report.save}
      </button>
    </form>
  );
}
