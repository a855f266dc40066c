/** The forms of a base model's weights: chosen, measured against f32, and converted ones removed. */
import { useEffect } from 'react';
import type { Checkpoint, PrecisionForm } from '../../core/services/contract.ts';
import { useFrom, useWorkbench } from '../frame/context.ts';
import { DataTable } from '../frame/DataTable.tsx';
import { ProgressBar } from '../frame/parts.tsx';
import { bytes, percent, text } from '../text.ts';

export function Precisions({ checkpoint }: { checkpoint: Checkpoint }) {
  const { precisions, frame } = useWorkbench();
  const { id, hash, precision } = checkpoint;
  const executor = useFrom(frame, (state) => state.app?.engine.generation.name);
  const forms = useFrom(precisions, (state) => state.forms[id]);
  const working = useFrom(precisions, (state) => state.working);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another model, or another choice elsewhere, has other forms, and so has another device.
  useEffect(() => void precisions.read(id), [precisions, id, hash, precision, executor]);
  if (!forms || forms.length === 0) return null;
  const onDisk = forms.reduce((sum, { diskBytes }) => sum + diskBytes, 0);
  const here = working?.checkpointId === id ? working : null;
  return (
    <section className="precisions" aria-label={text.precisions.title}>
      <header className="row">
        <h3 title={text.precisions.hint}>{text.precisions.title}</h3>
        <span className="spring" />
        {onDisk > 0 && (
          <button
            type="button"
            className="quiet"
            disabled={working !== null}
            title={text.precisions.removeHint}
            onClick={() => void precisions.removeForms(id)}
          >
            {text.precisions.remove(bytes(onDisk))}
          </button>
        )}
      </header>
      <DataTable
        className="precision-table"
        name={text.precisions.fileName(checkpoint.name)}
        cells={() => cellsOf(forms)}
      >
        <thead>
          <tr>
            {text.precisions.columns.map((column) => (
              <th key={column} scope="col">
                {column}
              </th>
            ))}
          </tr>
        </thead>
        {forms.map((form) => (
          <Form key={form.precision} form={form} checkpointId={id} busy={working !== null} />
        ))}
      </DataTable>
      {here && <p className="muted small">{here.progress?.stage ?? text.precisions.working}</p>}
      {here && <ProgressBar progress={here.progress} label={text.precisions.working} />}
    </section>
  );
}

/** A row for each form; the sentence about its distance as its numbers. */
function cellsOf(forms: PrecisionForm[]): string[][] {
  const rows = forms.map(({ precision, used, memoryBytes, diskBytes, distance }) => {
    const measured = distance
      ? [
          distance.films,
          distance.positions,
          distance.sameFindings,
          distance.labelAgreement,
          distance.relativeLogitError,
          distance.klDivergence,
          distance.sameToken,
        ]
      : Array<string>(7).fill('');
    return [precision, used ? text.precisions.used : '', memoryBytes, diskBytes, ...measured].map(String);
  });
  return [text.precisions.fileColumns, ...rows];
}

function Form(props: { form: PrecisionForm; checkpointId: string; busy: boolean }) {
  const { precisions } = useWorkbench();
  const { form, checkpointId, busy } = props;
  const { precision, used, recommended, memoryBytes, diskBytes, distance } = form;
  const measurable = precision !== 'f32';
  return (
    <tbody>
      <tr>
        <th scope="row">
          <label>
            <input
              type="radio"
              name={`precision of ${checkpointId}`}
              checked={used}
              disabled={busy}
              onChange={() => void precisions.choose(checkpointId, form)}
            />
            {precision}
            {recommended && (
              <span className="muted" title={text.precisions.suggestedHint}>
                {text.precisions.suggested}
              </span>
            )}
          </label>
        </th>
        <td>{bytes(memoryBytes)}</td>
        <td>{diskBytes > 0 ? bytes(diskBytes) : text.precisions.none}</td>
        <td>
          {measurable && (
            <button
              type="button"
              className="quiet"
              disabled={busy}
              aria-label={text.precisions.measureOf(distance !== null, precision)}
              title={text.precisions.measureHint}
              onClick={() => void precisions.measure(checkpointId, precision)}
            >
              {distance ? text.precisions.again : text.precisions.measure}
            </button>
          )}
        </td>
      </tr>
      <tr>
        <td colSpan={4} className="precision-distance">
          {measurable ? <Distance form={form} /> : <span className="muted">{text.precisions.reference}</span>}
        </td>
      </tr>
    </tbody>
  );
}

function Distance({ form: { distance } }: { form: PrecisionForm }) {
  if (!distance) return <span className="muted">{text.precisions.notMeasured}</span>;
  const { films, positions, relativeLogitError, klDivergence, sameToken, labelAgreement, sameFindings } = distance;
  return (
    <span title={text.precisions.basis(films, positions)}>
      {text.precisions.findings(sameFindings, films, percent(labelAgreement))}
      <br />
      <span className="muted small">
        {text.precisions.logits(percent(relativeLogitError), klDivergence.toPrecision(2), percent(sameToken))}
      </span>
    </span>
  );
}
